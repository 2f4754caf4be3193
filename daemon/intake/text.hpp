// Text as senders spoil it: bytes that are not UTF-8, values without end, things that must not reach a terminal.
// Pure; any thread. Used within intake only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace intake {

// Copies JSON text and puts U+FFFD for each byte that is not UTF-8 and for each escape of an unpaired surrogate
// (\ud800), as Go's decoder does, so that a fingerprint still equals Alertmanager's. Returns how many were replaced.
[[nodiscard]] std::uint64_t repair(std::string_view json, std::string& repaired);

// The longest beginning of valid UTF-8 text that has at most `limit` bytes and ends at a code point.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t limit);

// JSON text without the white space between its tokens.
[[nodiscard]] std::string compact(std::string_view json);

// The beginning of valid UTF-8 text, at most `limit` bytes; control characters and direction marks become spaces.
[[nodiscard]] std::string excerpt_of(std::string_view text, std::size_t limit);

}  // namespace intake
