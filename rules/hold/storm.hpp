// Storms: when more climbs begin on one call tree than people can take in, one incident pages for all of them and the
// rest fold into it. What is new and severe still pages on its own.
// Source of the idea: field notes on alert routers; per call tree, because that is whom it floods.
#pragma once

#include <string>

#include "rules/hold/hold.hpp"

namespace rules {

inline constexpr std::string_view storm_alertname = "Storm";

// The climb of this incident is about to begin: counted, and true when a storm takes it instead.
[[nodiscard]] bool is_folded(Moment& moment, Incident& incident);

// The incident is a member of no storm any more: it ended, became more severe, or a person wants somebody called.
void leave_storm(Moment& moment, Incident& incident);

// The storm's own incident was resolved by a person: its members wait for recovery_grace and then climb on their own.
void on_storm_resolved(Moment& moment, Incident& storm);
// It was acknowledged, with as many members as it has now.
void on_storm_acknowledged(Moment& moment, Incident& storm);

[[nodiscard]] HoldName storm_name(const State& state, const Incident& member);
// "25 incidents: DiskFull on checkout (20), ApiDown (5)"; "" when it is no storm.
[[nodiscard]] std::string list_members(const State& state, const Incident& storm);

// Deadline: whether folding may stop.
void on_storm_check(Moment& moment, std::uint64_t tree_hash);

}  // namespace rules
