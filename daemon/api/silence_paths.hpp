// /v1/silences and /v1/maintenance: what people keep from paging for a while.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// The call of a request for one of these paths; nothing for any other path.
[[nodiscard]] std::optional<Call> handle_silences(const net::Request& request,
                                                  rules::Instant now,
                                                  const Services& services);

}  // namespace api
