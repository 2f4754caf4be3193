// Spans of the week in a zone: whether an instant is within one, and when that changes next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/policy.hpp"

namespace rules {

// A span whose end is not after its beginning passes midnight and belongs to the day it began.
[[nodiscard]] bool is_within(const Hours& hours, LocalTime local);

// The first instant after this one at which is_within() may say something else; nullopt = never (no day, or always).
[[nodiscard]] std::optional<Instant> next_edge_after(const Hours& hours, const Zone& zone, Instant wall);

// A time interval of the policy at an instant of the wall clock; an interval that is not there never holds.
[[nodiscard]] bool is_within(const Policy& policy, const std::string& interval, Instant wall);
[[nodiscard]] std::optional<Instant> next_edge_after(const Policy& policy, const std::string& interval, Instant wall);

// The urgency that a route gives at an instant of the wall clock, by its time intervals.
[[nodiscard]] Urgency urgency_at(const Policy& policy, const Route& route, Instant wall);

}  // namespace rules
