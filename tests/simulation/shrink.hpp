// Makes a failing plan short: takes away whatever the failure does not need, then makes what is left simpler. The same
// invariant stays broken all the way.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/simulation/plan.hpp"

namespace simulation {

struct Shrinking {
  // Whether this plan still breaks the invariant that is being shrunk for.
  std::function<bool(const Plan&)> still_fails;
  // Whether there is time for one more look.
  std::function<bool()> has_time;
  // When the violation was seen in the plan as it was; what comes after that is taken away first.
  Time violated_at{Time::max()};
};

struct Shrunk {
  Plan plan;
  std::vector<std::size_t> kept;  // actions of the first plan, counted from 1, that are left before any is made simpler
  std::uint64_t looks{};
  bool is_minimal{};  // nothing more can be taken away; false: time ran out
};

[[nodiscard]] Shrunk shrink(const Plan& plan, const Shrinking& shrinking);

// The plan with these of its actions alone, counted from 1.
[[nodiscard]] Plan keep(const Plan& plan, const std::vector<std::size_t>& kept);

}  // namespace simulation
