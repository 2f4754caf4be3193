// What people do: acknowledge, escalate, snooze, call somebody in, resolve, note. Every verb gets exactly one Verdict.
#pragma once

#include <string>

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

// The one Verdict of a verb; what is not done is counted.
void answer_verb(Moment& moment, VerdictCode code, IncidentId incident, std::string text = {});

// The incident a verb may act on; null when it has been answered: unknown, or already resolved.
[[nodiscard]] Incident* open_incident(Moment& moment, IncidentId id);

inline constexpr Duration longest_snooze{std::chrono::hours{24}};

void on_acknowledge(Moment& moment, const Acknowledge& verb);
void on_escalate(Moment& moment, const Escalate& verb);
void on_snooze(Moment& moment, const Snooze& verb);
void on_call_in(Moment& moment, const CallIn& verb);
void on_resolve(Moment& moment, const Resolve& verb);
void on_note(Moment& moment, const Note& verb);

// A sender says that somebody there has it. No verdict: nobody waits for one.
void acknowledge_for_sender(Moment& moment, IncidentId id, const std::string& by);

// Deadlines: ack_timeout or the snooze has run out.
void on_acknowledgement_over(Moment& moment, IncidentId id, bool was_snooze);

}  // namespace rules
