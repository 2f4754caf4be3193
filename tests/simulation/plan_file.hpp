// A plan as a text that a person reads, changes and compares: one group or action a line, behind `#` what it means.
//
//   # what it once showed
//   seed 42
//   tight-budget            and so on: the words that hold
//   group pay members=2 form=webhook interval=30s repeats=4m
//   0:12:03.5   crash-at subject=1 object=2 length=5s       # between append and result, ...
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tests/simulation/plan.hpp"

namespace simulation {

// `comment` may have several lines.
[[nodiscard]] std::string print_plan(const Plan& plan, std::string_view comment);
// The error names the line.
[[nodiscard]] tl::expected<Plan, std::string> parse_plan(std::string_view text);
[[nodiscard]] tl::expected<Plan, std::string> read_plan(const std::string& path);

// "0:12:03.5" or "90.25" or "-0:00:02": h:mm:ss or seconds, to the nanosecond.
[[nodiscard]] std::string print_exactly(Time time);
[[nodiscard]] tl::expected<Time, std::string> parse_exactly(std::string_view text);

}  // namespace simulation
