// What Mattermost calls back when a button is pressed: POST /v1/callbacks/mattermost. It proves itself by the token in
// the button's context, which our provider signed and which Mattermost keeps to itself. In a message to one person that
// person acts; in a channel who pressed is Mattermost's word, which nothing signs. A button is good for a week. It
// needs an `access` section. The answer changes the message in place, or says something to the presser alone.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// Nothing when the path is not this one.
[[nodiscard]] std::optional<Call> handle_mattermost(const net::Request& request,
                                                    rules::Instant now,
                                                    const Services& services);

}  // namespace api
