// Heartbeats: signals that must keep coming. What is missed is an incident; the next beat ends it.
#pragma once

#include <string>

#include "rules/moment.hpp"

namespace rules {

inline constexpr std::string_view heartbeat_alertname = "HeartbeatMissed";

// The policy, or the run, is new: heartbeats that it names are waited for, those that it no longer names are not.
void await_heartbeats(Moment& moment);

// True when the report is the beat of a heartbeat: it opens nothing.
[[nodiscard]] bool is_beat(Moment& moment, const Report& report);

void on_beat(Moment& moment, const Beat& beat);

// Deadline: one of the heartbeats with this hash of its name is overdue.
void on_heartbeat_due(Moment& moment, std::uint64_t name_hash);

}  // namespace rules
