#include "rules/people.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/climb.hpp"
#include "rules/desk.hpp"
#include "rules/duration.hpp"
#include "rules/grouping.hpp"
#include "rules/hold/dependency.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hold/storm.hpp"
#include "rules/mutant.hpp"
#include "rules/told_time.hpp"

namespace rules {

void answer_verb(Moment& moment, VerdictCode code, IncidentId incident, std::string text) {
  if (code != VerdictCode::done) ++moment.state.counters.verbs_refused;
  moment.ask(Verdict{.code = code, .incident = incident, .text = std::move(text)});
}

Incident* open_incident(Moment& moment, IncidentId id) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr) {
    answer_verb(moment, VerdictCode::unknown_incident, id, fmt::format("there is no incident {}", print_incident(id)));
    return nullptr;
  }
  if (!is_open(*incident)) {
    answer_verb(moment, VerdictCode::already_resolved, id, "already resolved");
    return nullptr;
  }
  return incident;
}

namespace {

void refuse(Moment& moment, Incident& incident, const std::string& by, std::string why) {
  because(moment, incident, ReasonKind::refused, by, why);
  answer_verb(moment, VerdictCode::refused, incident.id, std::move(why));
}

// Acknowledged from here on; `until` says when that runs out, zero = never.
void acknowledge(Moment& moment, Incident& incident, const std::string& by, Duration lasts, bool is_snooze) {
  State& state = moment.state;
  const bool was_acknowledged = incident.state == IncidentState::acknowledged;
  const std::string holder = incident.by;
  stop_climb(moment, incident, fmt::format("acknowledged by {}", by));
  if (!incident.ever_acknowledged) {
    moment.ask(Measured{Measure::time_to_acknowledge, moment.at() - incident.opened_at});
  }
  on_turn(moment, incident, true);
  incident.state = IncidentState::acknowledged;
  incident.by = by;
  incident.acknowledged_at = moment.at();
  incident.ever_acknowledged = true;
  incident.anybody_called = true;
  incident.late_acknowledgement = false;
  incident.climb_due = false;
  on_storm_acknowledged(moment, incident);
  incident.unheard = false;
  incident.snoozed = is_snooze;
  incident.severity_at_acknowledgement = incident.severity;
  incident.firing_at_acknowledgement = incident.firing;
  disarm_acknowledgement(moment, incident);
  if (lasts > Duration::zero()) {
    incident.acknowledgement_until = moment.at() + lasts;
    incident.acknowledgement =
        state.deadlines.arm(incident.acknowledgement_until,
                            is_snooze ? DeadlineKind::snooze_end : DeadlineKind::acknowledge_timeout,
                            incident.id.value,
                            0);
  }
  if (was_acknowledged && holder != by) {
    because(moment, incident, ReasonKind::taken_over, by, fmt::format("from {}", holder));
  } else if (!is_snooze) {
    because(moment, incident, ReasonKind::acknowledged, by, "");
  }
  if (!was_acknowledged || holder != by) tell_paged(moment, incident, NoticeKind::acknowledged, by);
}

// 0 = it never runs out.
Duration acknowledgement_lasts(const Moment& moment, const Incident& incident) {
  const CallTree* tree = moment.policy.call_tree(incident.call_tree);
  const bool runs_out = incident.urgency == Urgency::high && tree != nullptr;
  return runs_out ? tree->ack_timeout : Duration::zero();
}

}  // namespace

void acknowledge_for_sender(Moment& moment, IncidentId id, const std::string& by) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr || !is_open(*incident)) return;
  acknowledge(moment, *incident, by, acknowledgement_lasts(moment, *incident), false);
}

void on_acknowledge(Moment& moment, const Acknowledge& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  acknowledge(moment, *incident, verb.by, acknowledgement_lasts(moment, *incident), false);
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_snooze(Moment& moment, const Snooze& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  if (verb.length <= Duration::zero() || verb.length > longest_snooze) {
    refuse(moment, *incident, verb.by, "a snooze is longer than 0s and at most 24h");
    return;
  }
  acknowledge(moment, *incident, verb.by, verb.length, true);
  because(moment, *incident, ReasonKind::snoozed, verb.by, fmt::format("for {}", print_duration(verb.length)));
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_escalate(Moment& moment, const Escalate& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  if (incident->urgency != Urgency::high) {
    refuse(moment, *incident, verb.by, "only an incident of high urgency climbs; `call` somebody instead");
    return;
  }
  disarm_acknowledgement(moment, *incident);
  if (incident->state == IncidentState::acknowledged) incident->triggered_at = moment.at();
  on_turn(moment, *incident, false);
  incident->state = IncidentState::triggered;
  incident->by.clear();
  incident->snoozed = false;
  moment.state.deadlines.disarm(incident->group_wait);
  incident->group_wait = DeadlineId{};
  incident->wait_until.reset();
  because(moment, *incident, ReasonKind::escalated, verb.by, "");
  if (!ROUSE_MUTANT("escalation-leaves-the-hold")) waive(moment, *incident, verb.by);
  stop_calling(moment, *incident, verb.by, fmt::format("{} escalated", verb.by));
  go_on_climbing(moment, *incident);
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_call_in(Moment& moment, const CallIn& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  const std::optional<Target> target = moment.policy.target(verb.who);
  if (!target) {
    refuse(
        moment, *incident, verb.by, fmt::format("nobody is called {}: no person, specialists or rotation", verb.who));
    return;
  }
  const std::vector<OnCall> people = moment.state.roster.on_call(moment.policy, *target, moment.now.wall);
  if (people.empty()) {
    refuse(moment, *incident, verb.by, fmt::format("nobody is on call for {}", verb.who));
    return;
  }
  because(moment, *incident, ReasonKind::called_in, verb.by, verb.who);
  for (const OnCall& one : people) {
    call_beside(moment, *incident, one.person, fmt::format("called in by {} ({})", verb.by, verb.who));
  }
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_resolve(Moment& moment, const Resolve& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  close_incident(moment, *incident, true, verb.by);
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_note(Moment& moment, const Note& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  because(moment, *incident, ReasonKind::noted, verb.by, verb.text);
  answer_verb(moment, VerdictCode::done, verb.incident);
}

void on_acknowledgement_over(Moment& moment, IncidentId id, bool was_snooze) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr || incident->state != IncidentState::acknowledged) return;
  incident->acknowledgement = DeadlineId{};
  if (is_held(*incident)) {
    incident->late_acknowledgement =
        !ROUSE_MUTANT("late-acknowledgement-forgotten");  // it takes effect when the hold ends
    return;
  }
  const std::string holder = incident->by;
  because(moment,
          *incident,
          was_snooze ? ReasonKind::snooze_ended : ReasonKind::acknowledgement_ran_out,
          holder,
          fmt::format("acknowledged at {}", tell_time(utc(), incident->acknowledged_at, moment.at())));
  trigger_again(moment, *incident, was_snooze ? PageReason::snooze_end : PageReason::ack_timeout, holder, false);
}

}  // namespace rules
