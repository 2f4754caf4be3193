// Signed links of pages: /v1/links/TOKEN. A GET shows what the link would do, with one button; it changes nothing,
// because scanners of mail follow every link. The POST of that button acts, in the name of whom the link was made for.
// The signature alone admits; whatever is not ours, or over, is answered 403 and does nothing. Pure functions; the I/O
// thread's.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// Nothing when the path is not below /v1/links. `now` is the wall clock's.
[[nodiscard]] std::optional<Call> handle_links(const net::Request& request,
                                               rules::Instant now,
                                               const Services& services);

}  // namespace api
