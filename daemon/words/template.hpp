// A mustache template of the configuration filled with the facts of a message. Internal to words/: message.hpp is what
// others call. docs/templates.md tells of the words. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/words/message.hpp"
#include "rules/effect.hpp"

namespace words {

enum class Style : std::uint8_t { plain, spoken, html, slack, markdown };

// A value of strangers, cut to so many bytes, cleaned, then escaped for its place.
[[nodiscard]] std::string placed(Style style, std::string_view text, std::size_t bytes);

// Something that may be followed, and that no channel takes for anything else.
[[nodiscard]] bool is_link(std::string_view text);
// A link made fit for its place, so that it can still be followed: an escape within it would break it.
[[nodiscard]] std::string placed_link(Style style, std::string_view link);

// A notice as one sentence.
[[nodiscard]] std::string notice_line(const rules::NoticeFacts& notice, Style style);

// Every id from this one on, runs of them as "R-5 to R-9"; of what does not go into `bytes` how many they are, and
// where they can be seen.
[[nodiscard]] std::string ids_from(const rules::Send& send, std::size_t first, std::size_t bytes);

// "" for a template that does not parse; the configuration has refused it before.
[[nodiscard]] std::string rendered(
    const std::string& text, Style style, std::string_view public_url, const rules::Send& send, const Links& links);

// What the channel's template makes of it; "" when there is none, or it says nothing, or more than `most` bytes.
[[nodiscard]] std::string by_template(const Wording& wording,
                                      std::string_view channel,
                                      Style style,
                                      const rules::Send& send,
                                      const Links& links,
                                      std::size_t most);

}  // namespace words
