// One seed, one run: two hours of a team's life with faults, then half an hour without, and the verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/simulation/observers.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

struct RunOptions {
  std::optional<Time> until;  // stops there, without a verdict on what was still to come
  bool keep_rows{};
};

struct RunResult {
  std::optional<Violation> violation;
  std::vector<Row> rows;  // all of them, when kept or when there is a violation
  ObservedFigures figures;
  std::uint64_t entries{};  // of the agenda
  Time simulated{};
};

[[nodiscard]] RunResult run(std::uint64_t seed, const RunOptions& options);

}  // namespace simulation
