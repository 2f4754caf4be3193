// A policy takes effect between two events: what moves, and moving it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rules/moment.hpp"

namespace rules {

// What a reload does to one open incident.
struct Move {
  IncidentId incident;
  std::string from;  // "call tree outage, step 2"
  std::string to;
  bool starts_anew{};    // its route now gives another tree: that one begins at step 1
  std::uint32_t step{};  // 0-based, where it stands in the new tree
  std::string call_tree;
  Urgency urgency{};
  std::string route;
  Key128 key;
};

// For `reload --dry-run`, and what load_policy() carries out: open incidents whose place changes, oldest first.
[[nodiscard]] std::vector<Move> moves(const State& state, const Policy& policy);

// The first policy of a store, a reload, or another one at start.
[[nodiscard]] Effects load_policy(State& state, const std::shared_ptr<const Policy>& policy, Stamp now);

}  // namespace rules
