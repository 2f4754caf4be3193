// What is shown of a seed that fails: the invariant, the shortest plan that still breaks it, and the trace of that plan
// as a table.
#pragma once

#include <chrono>
#include <string>

#include "tests/simulation/coverage.hpp"

namespace simulation {

// Judged in a process of its own: a plan on which the daemon dies or never ends is a violation, too ("died").
[[nodiscard]] SeedReport judge_apart(const Plan& plan, const RunOptions& options = {});

struct FailureOptions {
  std::chrono::seconds shrink_for{20};
  std::string folder;        // where seed-S.txt and seed-S.plan are written
  std::string more_options;  // of the command that replays it: " --mutant NAME"
};

struct Failure {
  Plan plan;
  std::string text;
};
// Shrinks it. `report` is what judge_apart() gave.
[[nodiscard]] Failure explain(const Plan& plan, const SeedReport& report, const FailureOptions& options);

// A run as a table, `>` before the row at which the violation shows; a line of its own for the violation.
[[nodiscard]] std::string print_table(const RunResult& result);
[[nodiscard]] std::string print_actions(const Plan& plan);  // numbered, as --keep counts them
[[nodiscard]] std::string commit();                         // of the sources, as git describes it

}  // namespace simulation
