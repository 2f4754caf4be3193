// GET /v1/status: how the daemon does, for those who run it.
#pragma once

#include "daemon/api/api.hpp"

namespace api {

// `now` is the wall clock's.
[[nodiscard]] Call handle_status(const net::Request& request, rules::Instant now, const Services& services);

}  // namespace api
