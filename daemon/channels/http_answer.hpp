// What every provider that speaks HTTP makes of how a call ended. Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/channels/provider.hpp"
#include "daemon/net/client.hpp"

namespace channels {

// Retry-After in seconds. A date is not read: the outbox then waits as long as it thinks right.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const net::Headers& headers);

// 408, 429 and 5xx: the other side says that it took nothing, and may take it later.
[[nodiscard]] bool is_transient(unsigned status);

// "answered 503 Service Unavailable", "answers with a redirect, which is not followed (302)".
[[nodiscard]] std::string answered_in_words(unsigned status);

// A call that ended without an answer, or was not made: what that means to the outbox. Not for one that was answered.
[[nodiscard]] TryResult judged_without_answer(net::ClientResult result);

}  // namespace channels
