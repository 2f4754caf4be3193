// Mail addresses as they may stand in a configuration and in a mail: one plain address, printable ASCII, one @, no
// blank, angle, quote, comma, colon or semicolon. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace rules {

[[nodiscard]] inline bool is_mail_address(std::string_view text) {
  constexpr std::string_view forbidden = " <>\"(),:;\\[]";
  constexpr std::size_t longest = 254;
  const std::size_t at = text.find('@');
  return text.size() <= longest && at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string_view::npos && std::all_of(text.begin(), text.end(), [&](char one) {
           return one > ' ' && one < 0x7F && forbidden.find(one) == std::string_view::npos;
         });
}

}  // namespace rules
