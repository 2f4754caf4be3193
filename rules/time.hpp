// Time as values. Nothing in rules/ asks a clock: every instant is handed in.
#pragma once

#include <chrono>

namespace rules {

using Duration = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;  // UTC
using LocalTime = std::chrono::local_time<std::chrono::seconds>;   // a wall clock somewhere; its zone stands beside it

// When an event was put in order. `at` never runs back: it is the last stamp plus elapsed boot time, re-anchored to
// the wall clock at start; waits and timeouts count in it. `wall` is what the wall clock said; turns, overrides and
// other spans of the calendar use it.
struct Stamp {
  Instant at;
  Instant wall;
  auto operator<=>(const Stamp&) const = default;
};

}  // namespace rules
