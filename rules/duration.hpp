// Lengths of time as people write them in the configuration and read them in answers. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "rules/time.hpp"

namespace rules {

// A hundred years: longer than anybody waits, and short enough that adding a few to an instant cannot overflow.
inline constexpr Duration longest_duration = std::chrono::hours{24} * 36525;

// "90s", "5m", "1h30m", "1w", "0s": whole numbers with the units w, d, h, m, s and ms, largest first, each once, at
// most longest_duration. The error says in plain words what is wrong and how to write it.
[[nodiscard]] tl::expected<Duration, std::string> parse_duration(std::string_view text);

// The shortest way to write it that parse_duration reads: "1m30s" for 90 seconds, "0s", "1w" for seven days but "8d"
// for eight. A negative length has a minus before it, which parse_duration does not take.
[[nodiscard]] std::string print_duration(Duration duration);

}  // namespace rules
