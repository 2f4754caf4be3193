// Telephone numbers as the world writes them: E.164, "+" and at most 15 digits, of which the first is not 0. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace rules {

[[nodiscard]] inline bool is_telephone_number(std::string_view text) {
  constexpr std::size_t most_digits = 15;
  if (text.size() < 3 || text.size() > most_digits + 1 || text[0] != '+' || text[1] == '0') return false;
  return std::all_of(text.begin() + 1, text.end(), [](char one) { return one >= '0' && one <= '9'; });
}

}  // namespace rules
