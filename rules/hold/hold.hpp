// What keeps alerts and incidents from paging, and what happens when that begins and ends.
//
// Holds act on alerts: an incident is held while every alert of it that fires is held; group_wait and storms hold an
// incident as a whole. Each kind of hold is a file here with one function that says what keeps an alert back now
// (FindHolds), listed once in hold.cpp; what may change its answer calls look() for the alerts that are concerned.
// Nothing is scanned per alert: who has to be looked at is kept in Links.
//
// A new hold: a HoldKind, a file with its FindHolds, one line in the list of hold.cpp, one in describe_hold().
#pragma once

#include <ranges>
#include <string>
#include <vector>

#include "rules/moment.hpp"

namespace rules {

// How long a parent or inhibitor keeps others back when nobody was called for it.
inline constexpr Duration uncalled_holds_at_most{std::chrono::hours{1}};
// So many reasons are named of an incident; the rest is counted.
inline constexpr std::size_t most_holds_told = 20;
// Parents of an alert, and sources of each rule that inhibits it: the nearest and the most urgent. With one alone, a
// ring through that one would free an alert that others keep back.
inline constexpr std::size_t most_holders_named = 4;

// An open alert as holds look at it.
struct HeldAlert {
  const Episode& episode;
  const std::vector<Labels>& variants;  // the labels of those that fire; never empty
};

// Adds what keeps this alert back now.
using FindHolds = void (*)(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found);

// Finds anew what keeps this alert back; its incidents are judged at the end of the event. With `graceful`, what a
// parent or an inhibitor kept back and no longer does waits for recovery_grace.
void look(Moment& moment, Episode& episode, bool graceful = false);

// The alert has ended, or is none any more: nothing keeps it back, and it keeps nothing back. After count_out().
void forget_alert(Moment& moment, Episode& episode);

// What keeps the incident back is about to change: it is judged at the end of the event.
void judge_later(Moment& moment, const Incident& incident);

// An alert that fires belongs to the incident from now on, or no longer.
void count_in(Incident& incident, const Episode& episode);
void count_out(Incident& incident, const Episode& episode);
// After the incident's urgency has changed.
void count_anew(Moment& moment, Incident& incident);

// The incident has opened or reopened: it climbs when nothing holds it.
void begin_climb(Moment& moment, Incident& incident, PageReason reason, std::string because_text);

// Whether something holds it, and since when somebody could be called: begins a hold, ends it, or starts the climb.
void judge(Moment& moment, Incident& incident);
// Every incident whose reasons have changed in this event.
void judge_all(Moment& moment);

// The incident has opened, ended, reopened, or its urgency has changed: what it may keep back is looked at again.
void on_standing(Moment& moment, Incident& incident);

// What held the incident as a whole is gone: its alerts wait for recovery_grace.
void delay_alerts(Moment& moment, Incident& incident, const std::string& after);

// Looks again at everything that this incident keeps back.
void let_go(Moment& moment, IncidentId holder, bool graceful);

// A person wants somebody called although it is held.
void waive(Moment& moment, Incident& incident, const std::string& by);

[[nodiscard]] inline bool is_held(const Incident& incident) {
  return !incident.told_holds.empty();
}

// The part of what keeps its alerts back that are other incidents: silences alone may be thousands.
[[nodiscard]] inline auto holders_of(const Incident& incident) {
  static_assert(HoldKind::parent > HoldKind::maintenance && HoldKind::inhibition > HoldKind::maintenance);
  return std::ranges::subrange{incident.held_by.lower_bound(HoldName{.kind = HoldKind::parent, .rule = "", .by = {}}),
                               incident.held_by.end()};
}

// Somebody was called for it or for what keeps it back, or somebody acknowledged it.
[[nodiscard]] bool is_somebody_called(const State& state, const Incident& incident);

// "silence 1f2e... by olga until 2026-03-04T09:00:00.000Z: disks are replaced"
[[nodiscard]] std::string describe_hold(const State& state, const HoldName& name);
// Everything that holds it, in one line; "" when nothing does.
[[nodiscard]] std::string print_holds(const State& state, const Incident& incident);
[[nodiscard]] std::string_view to_text(HoldKind kind);  // group_wait, hold, ..., as the contract has them

// Deadlines.
void on_alert_hold_over(Moment& moment, EpisodeId id);
void on_holder_limit(Moment& moment, IncidentId id);

// The labels of the alert's variants that fire.
[[nodiscard]] std::vector<Labels> firing_labels(const State& state, const Episode& episode);

// Makes State::links from the rest of the state, when it is not ready.
void make_links(Moment& moment);

}  // namespace rules
