// What a reader sees of the state: copies, taken by the one writer between two events, that may then be rendered
// anywhere. words/ turns them into JSON and text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/state.hpp"

namespace rules {

// One reason that keeps an alert or an incident from paging.
struct HoldView {
  HoldKind kind{};
  std::string rule;              // id of the silence, name of the rule, service of the parent, call tree of the storm
  IncidentId by;                 // the incident that keeps it back; 0 = none does
  std::optional<Instant> until;  // when it ends by itself
  std::string text;              // what it is: "parent R-3 on postgres"
  std::string ends;              // what has to happen for it to end: "when R-3 has ended, and 2m after"
};

// One variant of an episode.
struct AlertView {
  Fingerprint fingerprint;
  Labels labels;
  Labels annotations;
  bool firing{};
  bool unconfirmed{};
  std::string severity;              // as its label says
  std::optional<Instant> starts_at;  // the sender's
  Instant first_seen;
  std::optional<Instant> ended_at;  // arrival of its end
  std::string source;
  std::uint64_t reports{};     // of its episode
  std::vector<HoldView> held;  // what keeps it back
};

// What happens next and when, in the order of time.
enum class NextKind : std::uint8_t {
  next_step,
  next_round,
  last_resort,
  climb_begins_again,
  personal_rule,
  climb_starts,
  acknowledgement_ends,
  snooze_ends,
  holds_end,  // what keeps it back is over then, as things stand
};
struct NextView {
  Instant at;
  NextKind kind{};
  std::string who;      // targets of the step, or the person
  std::string contact;  // personal_rule: by what
};

// A step of the call tree as the picture shows it.
enum class StepState : std::uint8_t { ahead, current, done };
struct StepView {
  std::uint32_t number{};  // 1-based
  std::vector<std::string> targets;
  std::vector<OnCall> on_call;  // now
  Duration wait{};
  StepState state{};
};

struct IncidentView {
  IncidentFacts facts;
  std::string by;
  std::string route;
  std::string call_tree;
  bool unheard{};
  bool snoozed{};
  bool truncated{};
  bool by_hand{};
  std::string held;  // why it is kept back; "" = it is not
  Instant opened_at;
  std::optional<Instant> acknowledged_at;
  std::optional<Instant> resolved_at;
  // The rest only in a whole view.
  std::uint32_t round{};  // 1-based; 0 = not climbing
  std::uint32_t rounds{};
  ClimbPhase phase{};
  bool climbing{};
  std::vector<StepView> steps;
  std::vector<PageRecord> pages;
  std::vector<Reason> timeline;
  std::vector<NextView> next;
  std::vector<AlertView> alerts;
  std::vector<HoldView> holds;       // all that keeps it back
  std::optional<Instant> pages_at;   // held: when that is over by itself; nullopt = it ends by what happens
  std::vector<std::string> sources;  // that reported its alerts
  std::uint64_t left_out{};          // alerts that a sender left out of its webhook
};

enum class StateFilter : std::uint8_t { open, triggered, acknowledged, resolved, all };
struct IncidentFilter {
  StateFilter state{StateFilter::open};
  std::string service;           // "" = any
  std::optional<Instant> since;  // opened at or after
  std::size_t limit{100};
  std::optional<IncidentId> after;  // older than this one
  bool alerts{false};
  bool held{false};  // only those that something keeps back
};

struct IncidentList {
  std::vector<IncidentView> incidents;  // newest first
  std::optional<IncidentId> next;       // there are older ones: pass it as `after`
};

// What keeps it back now, each with what has to happen for it to end.
[[nodiscard]] std::vector<HoldView> view_holds(const State& state, const Incident& incident);
[[nodiscard]] std::vector<HoldView> view_holds(const State& state, const Episode& episode);
// When what keeps it back is over if nothing happens but that time passes; nullopt = it is not, or nothing does.
[[nodiscard]] std::optional<Instant> held_until(const State& state, const Incident& incident);

// The whole of one incident; nullopt when there is none. `roster` may remember turns.
[[nodiscard]] std::optional<IncidentView> view_incident(const State& state, IncidentId id);
[[nodiscard]] IncidentList list_incidents(const State& state, const IncidentFilter& filter);
[[nodiscard]] std::optional<IncidentId> parse_incident_id(std::string_view text);  // "R-12", "r12", "12"

// On call for everything that has a name, at a wall-clock instant.
struct OnCallView {
  std::string target;  // rotation, specialists
  TargetKind kind{};
  std::string role;
  std::vector<OnCall> people;
  std::optional<Instant> until;  // the next instant at which this may change
  // Who of others comes next, and when; nobody when that is not within the next hundred changes.
  std::optional<Instant> next_from;
  std::vector<OnCall> next;
};
[[nodiscard]] std::vector<OnCallView> view_on_call(const Policy& policy, Instant wall);

// Figures of the state for /metrics, counted by one walk.
struct StateFigures {
  Counters counters;
  std::map<std::pair<std::string, std::string>, std::uint64_t> incidents;  // state, urgency
  std::uint64_t unheard{};
  std::uint64_t open_episodes{};
  std::uint64_t open_pages{};
  std::uint64_t open_messages{};
  std::uint64_t deadlines{};
  std::optional<Instant> oldest_due;
  Instant at;
};
[[nodiscard]] StateFigures view_figures(const State& state);

[[nodiscard]] std::string_view to_text(IncidentState state);  // triggered, acknowledged, resolved
[[nodiscard]] std::string_view to_text(Urgency urgency);      // none, low, high
[[nodiscard]] std::string_view to_text(PageReason reason);    // first, step, ... as the contract has them
[[nodiscard]] std::string_view to_text(PageState state);
[[nodiscard]] std::string_view to_text(NoticeKind kind);
[[nodiscard]] std::string_view to_text(ReasonKind kind);  // snake case, as the enumerator

}  // namespace rules
