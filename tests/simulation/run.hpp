// One seed, one run: two hours of a team's life with faults, then half an hour without, and the verdict.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/observers.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

struct RunOptions {
  std::optional<Time> until;  // stops there, without a verdict on what was still to come
  bool keep_rows{};
};

// What a run has met. An action counts when it really did something: no crash of a daemon that is away.
struct Coverage {
  std::uint64_t incidents{};  // opened, as the journal has them
  std::uint64_t requests{};
  std::uint64_t broken_requests{};  // that the daemon had and never answered
  std::uint64_t starts{};
  std::uint64_t messages_rung{};
  std::array<std::uint64_t, action_kinds> happened{};
  std::array<std::uint64_t, places> crashes{};    // and stalls
  std::array<std::uint64_t, moods> tries{};       // by the mood that they met
  std::map<std::string, std::uint64_t> reasons;   // of pages that rang
  std::map<std::string, std::uint64_t> outcomes;  // of tries
  std::map<std::string, std::uint64_t> verbs;     // that came
  std::map<std::string, std::uint64_t> ends;      // how lives of the daemon ended
  std::map<int, std::uint64_t> statuses;          // of answers
  std::map<std::string, std::uint64_t> holds;     // what kept incidents back, and what else ties them together

  void add(const Coverage& other);
  [[nodiscard]] std::uint64_t faults() const;  // of the daemon, its disk, clock and providers; no alerts, no people
};

struct RunResult {
  std::optional<Violation> violation;
  std::vector<Row> rows;  // all of them, when kept or when there is a violation
  ObservedFigures figures;
  Coverage coverage;
  std::uint64_t entries{};  // of the agenda
  Time simulated{};
};

[[nodiscard]] RunResult run(const Plan& plan, const RunOptions& options);
[[nodiscard]] RunResult run(std::uint64_t seed, const RunOptions& options);  // of the plan that it draws

}  // namespace simulation
