// Alertmanager's API v2 for reading, and for silences: what amtool, karma and Grafana call. Refusals have
// Alertmanager's shape there, a JSON string that amtool prints.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// The call of a request below /api/v2; nothing for any other path.
[[nodiscard]] std::optional<Call> handle_alertmanager(const net::Request& request,
                                                      rules::Instant now,
                                                      const Services& services);

}  // namespace api
