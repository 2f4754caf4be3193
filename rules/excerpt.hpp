// A small copy of the state: what an alert with these labels would touch, so that somebody else can rehearse what would
// come of it while the engine goes on.
//
// In it: the policy, the silences that match, the heartbeats, the alert's own open episode, its flaps and its known
// end, the incidents that it would join or reopen with their climbs and pages, the storms of their call trees, open
// parents and inhibitors of it and whatever keeps those back.
// Not in it: what others' incidents have under way, and the ends of what others report. So in the copy what is open
// stays open, and what beats goes on beating, until somebody says otherwise. A storm that climbs of others would make
// later is not foreseen.
//
// Bounded whatever the state's size: it follows indexes, and takes only the first so many of everything. It never
// changes the state; call it between two events of its one writer.
#pragma once

#include <vector>

#include "rules/state.hpp"

namespace rules {

[[nodiscard]] State excerpt(const State& state, const std::vector<Labels>& alerts);

}  // namespace rules
