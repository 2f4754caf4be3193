// The judges, each with the invariants of its kind. See observers.hpp for what they promise.
#pragma once

#include <memory>

#include "tests/simulation/observers.hpp"

namespace simulation {

// Within this much of time in which it could, the daemon does what is due: wake-ups, hand-overs between its threads.
inline constexpr Time promptly = std::chrono::milliseconds{100};

[[nodiscard]] std::unique_ptr<Judge> judge_of_paging(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_answers(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_closing(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_rings(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_budgets(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_journal(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_outcomes(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_ends(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_secrets(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_ids(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_waits(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_circuits(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_heard(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_replies(const Situation& situation, Judge::Fail fail);
[[nodiscard]] std::unique_ptr<Judge> judge_of_holds(const Situation& situation, Judge::Fail fail);

}  // namespace simulation
