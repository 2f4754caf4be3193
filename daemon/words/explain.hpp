// An explanation for people and for programs: the same facts. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/words/terminal.hpp"
#include "rules/explanation.hpp"

namespace words {

// {"version": 1, "at", "alert": {...}, "routes": [...], "incidents": [{..., "holds": [...], "calls": [...]}], "until",
// "cut"}
[[nodiscard]] std::string explanation_json(const rules::Explanation& told);

// What explanation_json() wrote, read again; unknown fields are ignored.
[[nodiscard]] tl::expected<rules::Explanation, std::string> parse_explanation_json(std::string_view text);

// A tree. Lines are as long as what they say: they are for reading, and nothing of them may be missing.
[[nodiscard]] std::string draw_explanation(const rules::Explanation& told, const Drawing& drawing);

}  // namespace words
