// What Mattermost calls back when a button is pressed: POST /v1/callbacks/mattermost. It proves itself by the token in
// the button's context, which our provider signed and which Mattermost keeps to itself; so who pressed is Mattermost's
// word. It needs an `access` section. The answer changes the message in place, or says something to the presser alone.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// Nothing when the path is not this one.
[[nodiscard]] std::optional<Call> handle_mattermost(const net::Request& request, const Services& services);

}  // namespace api
