#include "daemon/words/clean.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace words {
namespace {

struct Character {
  char32_t value{};
  std::size_t size{};  // bytes; 1 for a byte that is not UTF-8
  bool valid{};
};

Character invalid() {
  return Character{.value = U'\xFFFD', .size = 1, .valid = false};
}

// The character at the start of `text`, which is not empty.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return Character{.value = lead, .size = 1, .valid = true};
  const std::size_t size = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (size == 0 || lead > 0xF4 || text.size() < size) return invalid();
  char32_t value = lead & (0x7FU >> size);
  for (std::size_t index = 1; index < size; ++index) {
    if ((byte(index) & 0xC0U) != 0x80U) return invalid();
    value = (value << 6U) | (byte(index) & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return invalid();
  return Character{.value = value, .size = size, .valid = true};
}

bool misleads(char32_t value) {
  return (value >= 0x80 && value <= 0x9F) || value == 0x061C || (value >= 0x200B && value <= 0x200F) ||
         (value >= 0x2028 && value <= 0x202E) || (value >= 0x2060 && value <= 0x206F) || value == 0xFEFF;
}

}  // namespace

std::string visible(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::uint32_t value = character.value;
    if (!character.valid) {
      clean += "\xEF\xBF\xBD";
    } else if (value == '\n' || value == '\r' || value == '\t') {
      clean += ' ';
    } else if (value < 0x20 || value == 0x7F) {
      clean += fmt::format("\\x{:02x}", value);
    } else if (misleads(character.value)) {
      clean += fmt::format("\\u{:04x}", value);
    } else {
      clean += text.substr(0, character.size);
    }
    text.remove_prefix(character.size);
  }
  return clean;
}

std::string shorten(std::string_view text, std::size_t bytes) {
  constexpr std::string_view mark = "...";
  if (text.size() <= bytes) return std::string{text};
  std::size_t end = bytes > mark.size() ? bytes - mark.size() : 0;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0U) == 0x80U) --end;
  std::string cut{text.substr(0, end)};
  cut += mark.substr(0, std::min(bytes, mark.size()));
  return cut;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<std::uint8_t>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace words
