// Labels, summaries and names are data that strangers wrote. Before they stand in a text for people they pass through
// here: one line, no control characters, nothing that turns the direction of writing. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace words {

// Line breaks and tabs become blanks; other control characters and marks of direction become visible as \x1b and
// \u202e; bytes that are not UTF-8 become U+FFFD. What is harmless stays as it is.
[[nodiscard]] std::string visible(std::string_view text);

// At most `bytes` bytes, cut between two characters, with "..." at the end when something was cut.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t bytes);

// How many columns a terminal needs for it, roughly: one for each character.
[[nodiscard]] std::size_t columns(std::string_view text);

}  // namespace words
