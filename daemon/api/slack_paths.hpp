// What Slack calls back: POST /v1/callbacks/slack, for buttons, events and the slash command alike.
//
//   payload=JSON, block_actions     a button of ours was pressed
//   event_callback                  somebody wrote to the app, mentioned it, or answered in a thread of ours
//   command=/rouse                  the slash command; its answer is what is written back
//   url_verification                Slack asks whether we are there
//
// Nothing acts without a valid signature (slack_signature.hpp), and all need an `access` section. What bots write and
// what is only edited is nobody's word; what comes twice has the same name, which the rules know. The answer is 200 as
// soon as it is on the disk. What is written back goes by the app's own token through Services::call: to a button only
// its presser sees it, in a direct conversation the message is changed in place; a text is answered where it stands.
// Pure functions but for that; the I/O thread's.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// Nothing when the path is not this one. `now` is the wall clock's.
[[nodiscard]] std::optional<Call> handle_slack(const net::Request& request,
                                               rules::Instant now,
                                               const Services& services);

}  // namespace api
