// Claims about text that is shown to people or sent on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/claim.hpp"

namespace fuzz {

// Whole UTF-8: no stray byte, nothing overlong, no surrogate. Written apart from the product's own reader of it.
[[nodiscard]] inline bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<std::uint8_t>(text[index]) : 0U;
  };
  const auto follows = [&](std::size_t index, unsigned least, unsigned most) {
    return byte(index) >= least && byte(index) <= most;
  };
  while (at < text.size()) {
    const unsigned lead = byte(at);
    if (lead < 0x80) {
      at += 1;
    } else if (lead >= 0xC2 && lead <= 0xDF && follows(at + 1, 0x80, 0xBF)) {
      at += 2;
    } else if (lead >= 0xE0 && lead <= 0xEF &&
               follows(at + 1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(at + 2, 0x80, 0xBF)) {
      at += 3;
    } else if (lead >= 0xF0 && lead <= 0xF4 &&
               follows(at + 1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(at + 2, 0x80, 0xBF) &&
               follows(at + 3, 0x80, 0xBF)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

// The same with a question mark for every byte that is not of it.
[[nodiscard]] inline std::string utf8_of(std::string_view text) {
  std::string whole;
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < 4 && size < text.size() && !is_utf8(text.substr(0, size))) ++size;
    const bool is_one = is_utf8(text.substr(0, size));
    if (is_one) {
      whole += text.substr(0, size);
    } else {
      whole += '?';
      size = 1;
    }
    text.remove_prefix(size);
  }
  return whole;
}

// A control character, of ASCII or of Unicode's second set, or a mark that turns the direction of writing.
[[nodiscard]] inline bool misleads(std::string_view text, bool lines) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte == '\n' && lines) continue;
    if (byte < 0x20 || byte == 0x7F) return true;
    const std::string_view two = text.substr(at, 2);
    if (two.size() == 2 && two[0] == '\xC2' && static_cast<std::uint8_t>(two[1]) < 0xA0) return true;
    const std::string_view three = text.substr(at, 3);
    if (three >= "\xE2\x80\xAA" && three <= "\xE2\x80\xAE") return true;
    if (three >= "\xE2\x81\xA6" && three <= "\xE2\x81\xA9") return true;
    if (three == "\xE2\x80\x8E" || three == "\xE2\x80\x8F") return true;
  }
  return false;
}

// Fit for a terminal, a log or a telephone.
inline void claim_clean(std::string_view text, std::string_view what, bool lines = false) {
  claim(is_utf8(text), "{} is not UTF-8", what);
  claim(!misleads(text, lines), "{} holds what misleads a terminal", what);
}

}  // namespace fuzz
