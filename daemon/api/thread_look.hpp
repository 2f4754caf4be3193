// Which incident a thread of a chat is about: what somebody writes there without naming one means that one.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/api/api.hpp"

namespace api {

// A reply in a thread, once that was looked for.
struct ThreadReply {
  bool is_understood{};
  bool says_of_what{};  // by itself, or by the thread
};
// The answer when the engine is to hear nothing of it.
using PassOver = std::function<std::optional<net::Response>(ThreadReply)>;

// Looks for the thread whose first message a provider called `reference`, then tells of the reply: with the message
// that it answers, and the incident's id behind a bare word. Of a thread that nobody knows it tells as it is, unless it
// is passed over.
[[nodiscard]] Ask tell_in_thread(std::string reference, Tell tell, PassOver pass_over);

}  // namespace api
