// Helps for messages: the nearest valid word, and text of a file as it may be shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace config {

/// The candidate that somebody who wrote `word` most likely meant; "" when none is near. Of equally near ones the
/// first.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean `group_by`?" or "".
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// Whether everything in it can be seen: no control character, no mark that has no shape or turns the direction.
[[nodiscard]] bool is_seen(std::string_view text);

/// The text with a space for each control character, and marks that nobody sees written out as \u200f.
[[nodiscard]] std::string all_seen(std::string_view text);

/// The same between backticks, cut when long.
[[nodiscard]] std::string shown(std::string_view text);

/// "a, b and c"
[[nodiscard]] std::string listed(const std::vector<std::string>& words);

}  // namespace config
