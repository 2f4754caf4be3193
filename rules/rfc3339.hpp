// Instants as text: RFC 3339 in, RFC 3339 UTC with milliseconds out. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/time.hpp"

namespace rules {

// Years 0000 to 9999, any offset, any number of fractional digits (cut to milliseconds, towards the past), lower-case
// `t` and `z` too. A leap second is the instant after it. Absent when the text is anything else, a calendar day that
// does not exist, or an offset leads out of those years. Go's zero time, year 0001, is read as what it says.
[[nodiscard]] std::optional<Instant> parse_rfc3339(std::string_view text);

// "2026-11-22T05:00:00.123Z". What lies outside the years 0000 to 9999 is printed as the nearest instant within.
[[nodiscard]] std::string print_rfc3339(Instant instant);

}  // namespace rules
