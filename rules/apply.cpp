#include "rules/apply.hpp"

#include <algorithm>
#include <utility>

#include "rules/calendar.hpp"
#include "rules/climb.hpp"
#include "rules/delivery.hpp"
#include "rules/desk.hpp"
#include "rules/episode.hpp"
#include "rules/finish.hpp"
#include "rules/flapping.hpp"
#include "rules/grouping.hpp"
#include "rules/heartbeat.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hold/silence.hpp"
#include "rules/hold/storm.hpp"
#include "rules/own_alert.hpp"
#include "rules/people.hpp"
#include "rules/publish.hpp"
#include "rules/reconcile.hpp"
#include "rules/reload.hpp"
#include "rules/reply.hpp"
#include "rules/test_page.hpp"
#include "rules/turn_notice.hpp"

namespace rules {
namespace {

void fire_deadline(Moment& moment, const Deadline& deadline) {
  const IncidentId incident{deadline.target};
  switch (deadline.kind) {
    case DeadlineKind::step_wait:
    case DeadlineKind::last_resort:
    case DeadlineKind::restart_climb:
      moment.ask(Measured{Measure::deadline_lateness, moment.at() - deadline.due});
      on_wait_over(moment, incident);
      return;
    case DeadlineKind::personal_rule:
      moment.ask(Measured{Measure::deadline_lateness, moment.at() - deadline.due});
      on_personal_rule_due(moment, incident, deadline.detail);
      return;
    case DeadlineKind::acknowledge_timeout:
      on_acknowledgement_over(moment, incident, false);
      return;
    case DeadlineKind::snooze_end:
      on_acknowledgement_over(moment, incident, true);
      return;
    case DeadlineKind::group_wait:
      on_group_wait_over(moment, incident);
      return;
    case DeadlineKind::desk_flush:
      on_flush_due(moment);
      return;
    case DeadlineKind::report_expiry:
      on_expiry_due(moment, EpisodeId{deadline.target}, deadline.detail);
      return;
    case DeadlineKind::set_aside:
      on_set_aside_due(moment, deadline);
      return;
    case DeadlineKind::reopen_window:
    case DeadlineKind::number_release:
    case DeadlineKind::incident_retention:
      return;  // nothing arms these
    case DeadlineKind::shift_boundary:
      look_at_doubts(moment);
      return;
    case DeadlineKind::calendar:
      turn_calendar(moment);
      return;
    case DeadlineKind::alert_hold:
      on_alert_hold_over(moment, EpisodeId{deadline.target});
      return;
    case DeadlineKind::holder_limit:
      on_holder_limit(moment, incident);
      return;
    case DeadlineKind::flap_calm:
      on_flaps_over(moment, deadline);
      return;
    case DeadlineKind::storm_check:
      on_storm_check(moment, deadline.target);
      return;
    case DeadlineKind::heartbeat:
      on_heartbeat_due(moment, deadline.target);
      return;
    case DeadlineKind::own_calm:
      on_own_calm(moment, EpisodeId{deadline.target});
      return;
  }
}

void on(Moment& /*moment*/, const PolicyLoaded& /*loaded*/) {}  // load_policy() has done it

void on(Moment& moment, const Started& started) {
  moment.state.run = started.run;
  moment.state.started_at = moment.at();
  send_again(moment);
  await_heartbeats(moment);
  turn_calendar(moment);
}

void on(Moment& moment, const ReportsArrived& arrived) {
  on_reports(moment, arrived);
}
void on(Moment& moment, const Acknowledge& verb) {
  on_acknowledge(moment, verb);
}
void on(Moment& moment, const Escalate& verb) {
  on_escalate(moment, verb);
}
void on(Moment& moment, const Snooze& verb) {
  on_snooze(moment, verb);
}
void on(Moment& moment, const CallIn& verb) {
  on_call_in(moment, verb);
}
void on(Moment& moment, const Resolve& verb) {
  on_resolve(moment, verb);
}
void on(Moment& moment, const Note& verb) {
  on_note(moment, verb);
}
void on(Moment& moment, const SendEnded& ended) {
  on_send_ended(moment, ended);
}

void on(Moment& moment, const ClockReached& reached) {
  for (std::size_t count = 0; count < max_deadlines_an_event; ++count) {
    const std::optional<Deadline> deadline = moment.state.deadlines.take_due(reached.until);
    Instant& fired_at = moment.state.fired_at;
    fired_at = std::max(fired_at, deadline ? deadline->due : reached.until);
    if (!deadline) return;
    fire_deadline(moment, *deadline);
    // Holds that begin or end at one instant are judged together.
    if (const std::optional<Instant> next = moment.state.deadlines.next(); next != deadline->due) judge_all(moment);
  }
}

void on(Moment& moment, const ClockStepped& /*stepped*/) {
  ++moment.state.counters.clock_steps;
  turn_calendar(moment);
}

void on(Moment& moment, const Reconciled& listed) {
  on_reconciled(moment, listed);
}
void on(Moment& moment, const SenderAcknowledged& said) {
  on_sender_acknowledged(moment, said);
}
void on(Moment& moment, const BatchRefused& refused) {
  on_batch_refused(moment, refused);
}
void on(Moment& moment, const Beat& beat) {
  on_beat(moment, beat);
}
void on(Moment& moment, const SilenceSet& verb) {
  on_silence_set(moment, verb);
}
void on(Moment& moment, const SilenceExpired& verb) {
  on_silence_expired(moment, verb);
}
void on(Moment& moment, const DeliveryReported& reported) {
  on_delivery_reported(moment, reported);
}
void on(Moment& moment, const Replied& reply) {
  on_replied(moment, reply);
}
void on(Moment& moment, const Update& verb) {
  on_update(moment, verb);
}
void on(Moment& moment, const Follow& verb) {
  on_follow(moment, verb);
}
void on(Moment& moment, const TestPage& verb) {
  on_test_page(moment, verb);
}

}  // namespace

Effects apply(State& state, const Event& event, Stamp stamp) {
  state.last = stamp;
  ++state.counters.events;
  if (const auto* loaded = std::get_if<PolicyLoaded>(&event)) return load_policy(state, loaded->policy, stamp);
  if (state.policy == nullptr) return {};
  // Held here, so that what a Moment refers to lives as long as it does.
  const std::shared_ptr<const Policy> policy = state.policy;
  Moment moment{.state = state, .policy = *policy, .now = stamp};
  make_links(moment);
  std::visit([&moment](const auto& kind) { on(moment, kind); }, event);
  return finish(moment);
}

}  // namespace rules
