// Rings: incidents that would keep each other back, so that nobody is called for any of them.
//
// Of a ring the incident that began first is not held by the others, and this is done again with those that still hold
// each other. What comes out depends on what keeps the alerts back and on nothing else: not on who was judged first.
#pragma once

#include <set>
#include <vector>

#include "rules/state.hpp"

namespace rules {

// More than these are not taken apart one by one: each is held only by those of the ring that began before it.
inline constexpr std::size_t most_taken_apart = 64;

struct Ring {
  std::vector<IncidentId> members;  // with the incident itself; empty when it is of no ring
  std::set<IncidentId> freed_of;    // those that do not keep the incident back
};

// The ring that the incident is of.
[[nodiscard]] Ring ring_of(const State& state, const Incident& incident);

// Some alert of the incident is kept back by nothing but these; or its alerts keep each other back, and nothing else
// does.
[[nodiscard]] bool is_free_without(const State& state, const Incident& incident, const std::set<IncidentId>& holders);

}  // namespace rules
