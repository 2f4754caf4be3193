#include "rules/duration.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

namespace rules {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 6> units{{{"w", 604'800'000},
                                     {"d", 86'400'000},
                                     {"h", 3'600'000},
                                     {"m", 60'000},
                                     {"s", 1'000},
                                     {"ms", 1}}};  // largest first
constexpr std::string_view how_to_write_it = "write it like 90s, 5m, 1h30m or 1w";

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

std::string too_long() {
  return fmt::format("too long: at most {}", print_duration(longest_duration));
}

}  // namespace

tl::expected<Duration, std::string> parse_duration(std::string_view text) {
  if (text.empty()) return tl::unexpected(fmt::format("an empty duration: {}", how_to_write_it));
  if (text.front() == '-') return tl::unexpected(std::string{"a duration cannot be negative"});
  std::int64_t total = 0;
  std::size_t next_unit = 0;  // the largest unit that may still come
  while (!text.empty()) {
    std::size_t digits = 0;
    std::int64_t number = 0;
    for (; digits < text.size() && is_digit(text[digits]); ++digits) {
      number = number * 10 + (text[digits] - '0');
      if (number > longest_duration.count()) return tl::unexpected(too_long());
    }
    if (digits == 0) return tl::unexpected(fmt::format("a number is missing: {}", how_to_write_it));
    text.remove_prefix(digits);

    std::size_t letters = 0;
    while (letters < text.size() && !is_digit(text[letters])) ++letters;
    const std::string_view name = text.substr(0, letters);
    if (name.empty()) return tl::unexpected(fmt::format("a number without a unit: {}", how_to_write_it));
    if (name.front() == '.' || name.front() == ',') {
      return tl::unexpected(fmt::format("whole numbers only: {}", how_to_write_it));
    }
    std::size_t unit = 0;
    while (unit < units.size() && units[unit].name != name) ++unit;
    if (unit == units.size()) {
      return tl::unexpected(fmt::format("an unknown unit (there are w, d, h, m, s and ms): {}", how_to_write_it));
    }
    if (unit < next_unit) {
      return tl::unexpected(fmt::format("units go from large to small, each once: {}", how_to_write_it));
    }
    next_unit = unit + 1;
    if (number > (longest_duration.count() - total) / units[unit].milliseconds) return tl::unexpected(too_long());
    total += number * units[unit].milliseconds;
    text.remove_prefix(letters);
  }
  return Duration{total};
}

std::string print_duration(Duration duration) {
  if (duration.count() == 0) return "0s";
  // In unsigned numbers, since the most negative length has no positive twin.
  const bool negative = duration.count() < 0;
  auto rest = static_cast<std::uint64_t>(duration.count());
  if (negative) rest = 0 - rest;
  std::string text = negative ? "-" : "";
  for (const Unit& unit : units) {
    const auto size = static_cast<std::uint64_t>(unit.milliseconds);
    if (unit.name == "w" && rest % size != 0) continue;  // "8d" says more than "1w1d"
    if (rest < size) continue;
    text += fmt::format("{}{}", rest / size, unit.name);
    rest %= size;
  }
  return text;
}

}  // namespace rules
