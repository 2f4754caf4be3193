// The paths on which monitoring systems report: alerts in their formats, and heartbeats.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// The call of a request for one of these paths; nothing for any other path.
[[nodiscard]] std::optional<Call> handle_intake(const net::Request& request,
                                                rules::Instant now,
                                                const Services& services,
                                                intake::Parser& parser);

}  // namespace api
