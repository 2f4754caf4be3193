// The whole engine: same state, same event, same stamp, same effects, bit for bit.
#pragma once

#include <optional>

#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/state.hpp"
#include "rules/time.hpp"

namespace rules {

// Grows when the same journal would give other effects; each journal row carries it.
inline constexpr std::uint32_t behaviour_version = 7;

// Never throws on any event: one about something unknown is a no-op (a verb about it answers unknown_incident).
// The first event of a store must be PolicyLoaded; what comes before it is ignored.
[[nodiscard]] Effects apply(State& state, const Event& event, Stamp stamp);

// When ClockReached has work to do; nullopt = nothing is armed. The engine's only timer.
[[nodiscard]] inline std::optional<Instant> next_deadline(const State& state) {
  return state.deadlines.next();
}

}  // namespace rules
