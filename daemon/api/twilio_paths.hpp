// What Twilio calls back: texts that people send, what became of texts and calls, and the words and keys of a call.
//
//   POST /v1/callbacks/twilio/sms              a text came; the answer is TwiML with what is written back, or nothing
//   POST /v1/callbacks/twilio/status?m=&k=     what became of message m, whose key is k
//   POST /v1/callbacks/twilio/voice?m=&k=      a call was picked up: the answer is TwiML with what is said
//   POST /v1/callbacks/twilio/keys?m=&k=&n=    a key was pressed, as the answer to what was said n-th
//
// Nothing acts without a valid signature (twilio_signature.hpp), and all need an `access` section. A call's words are
// made when somebody listens, from what the rules remember of the message and from how its incidents are then.
//
// Keys: 4 acknowledges, 5 escalates, 6 closes when it is pressed again, * says it once more. Pure functions but for the
// sinks in Services; the I/O thread's.
#pragma once

#include <optional>

#include "daemon/api/api.hpp"

namespace api {

// Nothing when the path is none of these.
[[nodiscard]] std::optional<Call> handle_twilio(const net::Request& request, const Services& services);

}  // namespace api
