// Silences, and maintenance of a service: spans of the wall clock in which alerts that match page nobody. An alert is
// held when all its variants that fire match. What still fires at the end is paged; what ended is not.
// Maintenance that comes again and again follows the time intervals that the service names.
#pragma once

#include "rules/hold/hold.hpp"

namespace rules {

inline constexpr Duration longest_silence{std::chrono::hours{24 * 30}};

void find_silences(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found);

// Verbs: each gets one Verdict.
void on_silence_set(Moment& moment, const SilenceSet& verb);
void on_silence_expired(Moment& moment, const SilenceExpired& verb);

// The calendar has come to an instant of the wall clock: silences begin and end, old ones are forgotten.
void turn_silences(Moment& moment);
// The next instant of the wall clock at which turn_silences() has something to do.
[[nodiscard]] std::optional<Instant> next_silence_edge(const State& state, Instant wall);

}  // namespace rules
