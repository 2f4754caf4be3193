// Signatures of bodies by a secret that both sides know, and how bytes are written as text in them. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace net {

// HMAC-SHA256 as 64 lower-case hex digits.
[[nodiscard]] std::string hmac_sha256(std::string_view secret, std::string_view text);

// HMAC-SHA1, in base64: what Twilio signs with.
[[nodiscard]] std::string hmac_sha1_base64(std::string_view secret, std::string_view text);

// SHA-256 as 64 lower-case hex digits.
[[nodiscard]] std::string sha256(std::string_view text);

// RFC 4648, with padding, in one line.
[[nodiscard]] std::string base64(std::string_view bytes);
// The bytes of such a text; nothing when it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

// Whether two texts are the same, in a time that says nothing about where they differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace net
