// Answers that paths of every kind give. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/lane.hpp"
#include "daemon/net/http.hpp"

namespace api {

[[nodiscard]] net::Response ok(std::string body);
[[nodiscard]] net::Response plain(unsigned status, std::string text);
// 405; `allowed` as the header Allow has it: "GET, HEAD".
[[nodiscard]] net::Response not_allowed(std::string_view allowed);
[[nodiscard]] net::Response not_here(const net::Request& request);
// What the engine says of an event that is not on disk; nothing when it is.
[[nodiscard]] std::optional<net::Response> not_durable(const roused::Reply& reply);
// Whether a silence was refused because nobody knows its id.
[[nodiscard]] bool is_unknown_silence(const rules::Verdict& verdict);

}  // namespace api
