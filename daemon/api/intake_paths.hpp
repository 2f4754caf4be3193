// The paths on which monitoring systems report: alerts in their formats, and heartbeats.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/api.hpp"
#include "daemon/net/server.hpp"

namespace api {

// The call of a request for one of these paths; nothing for any other path.
[[nodiscard]] std::optional<Call> handle_intake(const net::Request& request,
                                                rules::Instant now,
                                                const Services& services,
                                                intake::Parser& parser);

// What the engine must hear of a refusal; nothing when the source is a stranger, when something of it was told lately,
// or when the sender will try again.
[[nodiscard]] std::optional<rules::Event> refusal_event(
    const std::string& source, unsigned status, std::string_view why, rules::Instant now, const Services& services);

// The same of what the server refused before a handler saw it.
[[nodiscard]] std::optional<rules::Event> refusal_event(const net::Refusal& refusal,
                                                        rules::Instant now,
                                                        const Services& services);

}  // namespace api
