// Whether people can be reached: test pages, and what is known of each contact.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// POST /v1/test-pages {who, by}: a test page to every contact of this person. GET /v1/reachability: each contact of
// everybody, with how many of its pages arrived and were heard, and the last failure. Nothing for other paths.
[[nodiscard]] std::optional<Call> handle_reach(const net::Request& request, const Services& services);

}  // namespace api
