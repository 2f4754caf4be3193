// Which incident a thread of a chat is about: what somebody writes there without naming one means that one.
#pragma once

#include <functional>
#include <string>

#include "daemon/api/api.hpp"

namespace api {

// Looks for the thread whose first message a provider called `reference`, then tells of the reply: with the message
// that it answers, and the incident's id behind a bare word. Of a thread that nobody knows it tells as it is.
[[nodiscard]] Ask tell_in_thread(std::string reference, Tell tell);

}  // namespace api
