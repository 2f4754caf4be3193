// Text messages as the network counts them: GSM 03.38 with its extension table, or UCS-2 when a single character is in
// neither. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace words {

struct Segments {
  std::size_t count{};  // messages that are sent and paid for
  std::size_t units{};  // septets of the GSM alphabet, else UTF-16 units
  bool is_gsm{};
};

// 160 septets or 70 units in one, 153 or 67 in each of several. What needs two units is never parted. Bytes that are
// not UTF-8 count as U+FFFD.
[[nodiscard]] Segments count_segments(std::string_view text);

// Characters outside the GSM alphabet that have a plain equivalent become that: quotes, dashes, ellipses, blanks of any
// width, letters with accents, fractions, arrows; pictures become a star. What remains outside (other scripts) stays.
[[nodiscard]] std::string fold_to_gsm(std::string_view text);

}  // namespace words
