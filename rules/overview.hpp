// All open incidents at a glance: how many there are, and how far each has come. A copy, taken by one walk between two
// events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/state.hpp"

namespace rules {

// Where incidents stand, in the order of their life: "held", "step 1", "step 2", "last_resort", "begins_again" (nobody
// could be reached; in a minute), "waits" (nobody is being called: escalated past its end), "told" (of low urgency),
// "recorded" (of none), "acknowledged", "snoozed".
struct StageCount {
  std::string stage;
  std::uint64_t incidents{};
  bool operator==(const StageCount&) const = default;
};

struct Overview {
  std::uint64_t triggered{};
  std::uint64_t acknowledged{};
  std::uint64_t unheard{};
  std::uint64_t held{};
  std::vector<StageCount> stages;  // those that have incidents
  std::uint64_t open_alerts{};
  std::uint64_t open_pages{};     // that wait or are under way
  std::uint64_t open_messages{};  // that no provider has answered yet
};

[[nodiscard]] Overview view_overview(const State& state);

}  // namespace rules
