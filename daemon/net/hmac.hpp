// Signatures of bodies by a secret that both sides know. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace net {

// HMAC-SHA256 as 64 lower-case hex digits.
[[nodiscard]] std::string hmac_sha256(std::string_view secret, std::string_view text);

// Whether two texts are the same, in a time that says nothing about where they differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace net
