// Whether people can be reached: test pages, and what is known of each contact.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// POST /v1/test-pages {who, by}: a test page to every contact of this person. GET /v1/reachability?who=: each
// contact of everybody, with how many of its pages arrived and were heard, and whether it is in doubt. Nothing for
// other paths. `now` is the wall clock's.
[[nodiscard]] std::optional<Call> handle_reach(const net::Request& request,
                                               rules::Instant now,
                                               const Services& services);

}  // namespace api
