#include "rules/view.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "rules/duration.hpp"
#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

bool is_silence(HoldKind kind) {
  return kind == HoldKind::silence || kind == HoldKind::maintenance;
}

// "when R-3 has ended, and 2m after"; for as long as nobody is called for it, also until when at most.
std::string end_of_holder(const State& state, const HoldName& name) {
  const Duration grace = state.policy->correlation.recovery_grace;
  std::string text = fmt::format("when {} has ended", print_incident(name.by));
  if (grace > Duration::zero()) text += fmt::format(", and {} after", print_duration(grace));
  const Incident* holder = find_incident(state, name.by);
  if (holder != nullptr && !is_somebody_called(state, *holder)) {
    text += fmt::format("; or at {}, unless somebody has been called for {} by then",
                        tell_time(utc(), holder->began_at + uncalled_holds_at_most, state.last.at),
                        print_incident(name.by));
  }
  return text;
}

std::string end_of_hold(const State& state, const HoldName& name) {
  switch (name.kind) {
    case HoldKind::group_wait:
      return "when group_wait is over";
    case HoldKind::hold:
      return "when the wait is over, unless a service that it depends on has failed by then";
    case HoldKind::startup_grace:
      return "when startup_grace is over, unless a service that it depends on is heard to fail by then";
    case HoldKind::recovery_grace:
      return "when recovery_grace is over";
    case HoldKind::silence:
      return "when the silence ends or somebody expires it";
    case HoldKind::maintenance: {
      const auto found = state.silences.find(name.rule);
      const bool is_recurring = found != state.silences.end() && found->second.recurring;
      return is_recurring ? "when the maintenance ends" : "when the maintenance ends or somebody expires it";
    }
    case HoldKind::parent:
    case HoldKind::inhibition:
      return end_of_holder(state, name);
    case HoldKind::storm:
      return fmt::format("when its severity rises, or when a person resolves {}", print_incident(name.by));
  }
  return "";
}

// When this reason is over, whatever happens; nullopt = it depends on what happens.
std::optional<Instant> end_of(const State& state, const AlertHold& hold) {
  if (!is_silence(hold.name.kind)) return hold.until;
  const auto found = state.silences.find(hold.name.rule);
  if (found == state.silences.end()) return std::nullopt;
  return found->second.to;
}

HoldView view_hold(const State& state, const HoldName& name, std::optional<Instant> until) {
  HoldView view{.kind = name.kind,
                .rule = name.rule,
                .by = name.by,
                .until = until,
                .text = std::string{to_text(name.kind)},
                .ends = end_of_hold(state, name)};
  if (const std::string what = describe_hold(state, name); !what.empty()) view.text += ' ' + what;
  return view;
}

// Of the alerts of an incident that fire: the last end of each reason, and when the first alert is free of them all.
struct HoldEnds {
  std::map<HoldName, std::optional<Instant>> last;
  std::optional<Instant> first_free;
};

HoldEnds ends_of(const State& state, const Incident& incident) {
  HoldEnds ends;
  for (const EpisodeId id : incident.episodes) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end() || !episode->second.open) continue;
    std::optional<Instant> free{state.last.at};
    for (const AlertHold& hold : episode->second.holds) {
      if (hold.covers < incident.urgency) continue;
      const std::optional<Instant> until = end_of(state, hold);
      free = free && until ? std::optional{std::max(*free, *until)} : std::nullopt;
      const auto [place, is_new] = ends.last.try_emplace(hold.name, until);
      if (!is_new) {
        place->second = place->second && until ? std::optional{std::max(*place->second, *until)} : std::nullopt;
      }
    }
    if (free && (!ends.first_free || *free < *ends.first_free)) ends.first_free = free;
  }
  return ends;
}

// When a held incident pages if nothing happens but that time passes; nullopt = it does not.
std::optional<Instant> when_free(const Incident& incident, const HoldEnds& ends) {
  if (!incident.storm.empty()) return std::nullopt;
  std::optional<Instant> at = ends.first_free;
  if (incident.firing == 0) at.reset();
  if (at && incident.wait_until) at = std::max(*at, *incident.wait_until);
  return at;
}

std::vector<HoldView> view_told(const State& state, const Incident& incident, const HoldEnds& ends) {
  std::vector<HoldView> views;
  for (const HoldName& name : incident.told_holds) {
    const auto known = ends.last.find(name);
    std::optional<Instant> until = known == ends.last.end() ? std::nullopt : known->second;
    if (name.kind == HoldKind::group_wait) until = incident.wait_until;
    views.push_back(view_hold(state, name, until));
  }
  return views;
}

AlertView view_alert(const State& state, const Episode& episode, const Variant& variant, const std::string& label) {
  AlertView view;
  view.fingerprint = variant.fingerprint;
  view.labels = state.dictionary.labels(variant.labels);
  view.annotations = variant.annotations;
  view.firing = variant.firing;
  view.unconfirmed = variant.unconfirmed;
  view.severity = view.labels.find(label);
  view.starts_at = variant.starts_at;
  view.first_seen = variant.first_seen;
  if (!variant.firing) view.ended_at = variant.ended_at;
  view.source = state.dictionary.text(variant.source);
  view.reports = episode.reports;
  if (variant.firing) view.held = view_holds(state, episode);
  return view;
}

void add_alerts(const State& state, const Incident& incident, IncidentView& view) {
  const std::string& label = state.policy->severity.label;
  for (const EpisodeId id : incident.episodes) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end()) continue;
    for (const Variant& variant : episode->second.variants) {
      view.alerts.push_back(view_alert(state, episode->second, variant, label));
    }
  }
}

IncidentView view_head(const State& state, const Incident& incident) {
  IncidentView view;
  view.facts = facts_of(state, incident);
  view.by = incident.by;
  view.route = incident.route;
  view.call_tree = incident.call_tree;
  view.unheard = incident.unheard;
  view.snoozed = incident.snoozed;
  view.truncated = incident.truncated;
  view.by_hand = incident.by_hand;
  view.held = print_holds(state, incident);
  view.opened_at = incident.opened_at;
  if (incident.state == IncidentState::acknowledged) view.acknowledged_at = incident.acknowledged_at;
  if (!is_open(incident)) view.resolved_at = incident.resolved_at;
  return view;
}

void add_next(const State& state, const Incident& incident, const CallTree* tree, IncidentView& view) {
  const Climb& climb = incident.climb;
  if (incident.state == IncidentState::acknowledged && state.deadlines.find(incident.acknowledgement)) {
    view.next.push_back(NextView{.at = incident.acknowledgement_until,
                                 .kind = incident.snoozed ? NextKind::snooze_ends : NextKind::acknowledgement_ends,
                                 .who = incident.by,
                                 .contact = {}});
  }
  if (incident.state == IncidentState::triggered && view.pages_at && is_held(incident) && !incident.wait_until) {
    view.next.push_back(NextView{.at = *view.pages_at, .kind = NextKind::holds_end, .who = {}, .contact = {}});
  }
  if (incident.state == IncidentState::triggered && incident.wait_until) {
    view.next.push_back(NextView{.at = *incident.wait_until, .kind = NextKind::climb_starts, .who = {}, .contact = {}});
  }
  if (climb.running && tree != nullptr && state.deadlines.find(climb.wait)) {
    NextView next{.at = climb.wait_until, .kind = NextKind::next_step, .who = {}, .contact = {}};
    switch (climb.phase) {
      case ClimbPhase::idle:
        break;
      case ClimbPhase::climbing:
        if (climb.step + 1 < tree->steps.size()) {
          next.who = names_of(tree->steps[climb.step + 1].targets);
        } else if (climb.round < tree->repeat) {
          next.kind = NextKind::next_round;
          next.who = names_of(tree->steps.front().targets);
        } else {
          next.kind = NextKind::last_resort;
          next.who = names_of(tree->last_resort.targets);
        }
        break;
      case ClimbPhase::last_resort:
        next.kind = NextKind::last_resort;
        next.who = names_of(tree->last_resort.targets);
        break;
      case ClimbPhase::begins_again:
        next.kind = NextKind::climb_begins_again;
        next.who = names_of(tree->steps.front().targets);
        break;
    }
    view.next.push_back(std::move(next));
  }
  for (const Call& call : climb.calls) {
    if (call.next_rule >= call.rules.size()) continue;
    const std::optional<Deadline> due = state.deadlines.find(call.rule_deadline);
    if (!due) continue;
    view.next.push_back(NextView{.at = due->due,
                                 .kind = NextKind::personal_rule,
                                 .who = call.person,
                                 .contact = call.rules[call.next_rule].contact});
  }
  std::stable_sort(view.next.begin(), view.next.end(), [](const NextView& left, const NextView& right) {
    return left.at < right.at;
  });
}

void add_steps(const State& state, const Incident& incident, const CallTree& tree, IncidentView& view) {
  Roster roster;
  const Climb& climb = incident.climb;
  for (std::uint32_t index = 0; index < tree.steps.size(); ++index) {
    StepView step;
    step.number = index + 1;
    for (const Target& target : tree.steps[index].targets) step.targets.push_back(target.id);
    step.on_call = roster.on_call(*state.policy, tree.steps[index].targets, state.last.wall);
    step.wait = tree.steps[index].wait;
    if (climb.phase == ClimbPhase::climbing) {
      step.state = index < climb.step ? StepState::done : index == climb.step ? StepState::current : StepState::ahead;
    } else if (climb.phase != ClimbPhase::idle) {
      step.state = StepState::done;
    }
    view.steps.push_back(std::move(step));
  }
}

bool passes(const Incident& incident, const IncidentFilter& filter) {
  switch (filter.state) {
    case StateFilter::open:
      if (!is_open(incident)) return false;
      break;
    case StateFilter::triggered:
      if (incident.state != IncidentState::triggered) return false;
      break;
    case StateFilter::acknowledged:
      if (incident.state != IncidentState::acknowledged) return false;
      break;
    case StateFilter::resolved:
      if (is_open(incident)) return false;
      break;
    case StateFilter::all:
      break;
  }
  if (filter.held && !is_held(incident)) return false;
  if (!filter.service.empty() && incident.service != filter.service) return false;
  return !filter.since || incident.opened_at >= *filter.since;
}

}  // namespace

std::vector<HoldView> view_holds(const State& state, const Incident& incident) {
  return view_told(state, incident, ends_of(state, incident));
}

std::vector<HoldView> view_holds(const State& state, const Episode& episode) {
  std::vector<HoldView> views;
  for (const AlertHold& hold : episode.holds) views.push_back(view_hold(state, hold.name, end_of(state, hold)));
  return views;
}

std::optional<Instant> held_until(const State& state, const Incident& incident) {
  if (!is_held(incident)) return std::nullopt;
  return when_free(incident, ends_of(state, incident));
}

std::optional<IncidentView> view_incident(const State& state, IncidentId id) {
  const Incident* incident = find_incident(state, id);
  if (incident == nullptr || state.policy == nullptr) return std::nullopt;
  IncidentView view = view_head(state, *incident);
  const CallTree* tree = state.policy->call_tree(incident->call_tree);
  view.phase = incident->climb.phase;
  view.climbing = incident->climb.running;
  if (tree != nullptr) {
    view.rounds = tree->repeat + 1;
    if (incident->climb.phase == ClimbPhase::climbing) view.round = incident->climb.round + 1;
    add_steps(state, *incident, *tree, view);
  }
  view.pages = incident->pages;
  view.timeline = incident->timeline.reasons();
  view.sources = incident->sources;
  view.left_out = incident->left_out;
  if (is_held(*incident)) {
    const HoldEnds ends = ends_of(state, *incident);
    view.holds = view_told(state, *incident, ends);
    view.pages_at = when_free(*incident, ends);
  }
  add_next(state, *incident, tree, view);
  add_alerts(state, *incident, view);
  return view;
}

IncidentList list_incidents(const State& state, const IncidentFilter& filter) {
  IncidentList list;
  auto newest =
      filter.after ? std::make_reverse_iterator(state.incidents.lower_bound(*filter.after)) : state.incidents.rbegin();
  for (; newest != state.incidents.rend(); ++newest) {
    const Incident& incident = newest->second;
    if (!passes(incident, filter)) continue;
    if (list.incidents.size() >= filter.limit) {
      if (!list.incidents.empty()) list.next = list.incidents.back().facts.id;
      break;
    }
    list.incidents.push_back(view_head(state, incident));
    if (filter.alerts) add_alerts(state, incident, list.incidents.back());
  }
  return list;
}

std::optional<IncidentId> parse_incident_id(std::string_view text) {
  if (text.starts_with('R') || text.starts_with('r')) text.remove_prefix(1);
  if (text.starts_with('-')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return IncidentId{value};
}

StateFigures view_figures(const State& state) {
  StateFigures figures;
  figures.counters = state.counters;
  for (const auto& [id, incident] : state.incidents) {
    ++figures.incidents[{std::string{to_text(incident.state)}, std::string{to_text(incident.urgency)}}];
    if (incident.unheard) ++figures.unheard;
  }
  figures.open_episodes = state.open_episodes.size();
  figures.open_pages = state.pages.size();
  figures.open_messages = state.messages.size();
  figures.deadlines = state.deadlines.size();
  figures.oldest_due = state.deadlines.next();
  figures.at = state.last.at;
  return figures;
}

std::string_view to_text(IncidentState state) {
  switch (state) {
    case IncidentState::triggered:
      return "triggered";
    case IncidentState::acknowledged:
      return "acknowledged";
    case IncidentState::resolved:
      return "resolved";
  }
  return "";
}

std::string_view to_text(Urgency urgency) {
  switch (urgency) {
    case Urgency::none:
      return "none";
    case Urgency::low:
      return "low";
    case Urgency::high:
      return "high";
  }
  return "";
}

std::string_view to_text(PageReason reason) {
  switch (reason) {
    case PageReason::first:
      return "first";
    case PageReason::step:
      return "step";
    case PageReason::repeat:
      return "repeat";
    case PageReason::last_resort:
      return "last_resort";
    case PageReason::ack_timeout:
      return "ack_timeout";
    case PageReason::snooze_end:
      return "snooze_end";
    case PageReason::severity_rise:
      return "severity_rise";
    case PageReason::reopened:
      return "reopened";
    case PageReason::hold_end:
      return "hold_end";
    case PageReason::called:
      return "called";
    case PageReason::test:
      return "test";
  }
  return "";
}

std::string_view to_text(PageState state) {
  switch (state) {
    case PageState::queued:
      return "queued";
    case PageState::under_way:
      return "under_way";
    case PageState::accepted:
      return "accepted";
    case PageState::failed:
      return "failed";
    case PageState::unanswered:
      return "unanswered";
    case PageState::delivered:
      return "delivered";
    case PageState::heard:
      return "heard";
    case PageState::cancelled:
      return "cancelled";
  }
  return "";
}

std::string_view to_text(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::acknowledged:
      return "acknowledged";
    case NoticeKind::ended:
      return "ended";
    case NoticeKind::update:
      return "update";
    case NoticeKind::outage:
      return "outage";
    case NoticeKind::turn_at_risk:
      return "turn_at_risk";
  }
  return "";
}

std::string_view to_text(ReasonKind kind) {
  switch (kind) {
    case ReasonKind::opened:
      return "opened";
    case ReasonKind::routed:
      return "routed";
    case ReasonKind::alert_joined:
      return "alert_joined";
    case ReasonKind::alert_rose:
      return "alert_rose";
    case ReasonKind::alert_ended:
      return "alert_ended";
    case ReasonKind::alert_expired:
      return "alert_expired";
    case ReasonKind::alert_unconfirmed:
      return "alert_unconfirmed";
    case ReasonKind::set_aside:
      return "set_aside";
    case ReasonKind::truncated:
      return "truncated";
    case ReasonKind::reopened:
      return "reopened";
    case ReasonKind::ended:
      return "ended";
    case ReasonKind::resolved_by_hand:
      return "resolved_by_hand";
    case ReasonKind::held:
      return "held";
    case ReasonKind::released:
      return "released";
    case ReasonKind::climb_started:
      return "climb_started";
    case ReasonKind::step_entered:
      return "step_entered";
    case ReasonKind::step_empty:
      return "step_empty";
    case ReasonKind::person_called:
      return "person_called";
    case ReasonKind::still_being_called:
      return "still_being_called";
    case ReasonKind::wait_ran_out:
      return "wait_ran_out";
    case ReasonKind::round_began:
      return "round_began";
    case ReasonKind::last_resort:
      return "last_resort";
    case ReasonKind::unreachable:
      return "unreachable";
    case ReasonKind::climb_begins_again:
      return "climb_begins_again";
    case ReasonKind::told_once:
      return "told_once";
    case ReasonKind::nobody_to_tell:
      return "nobody_to_tell";
    case ReasonKind::page_left:
      return "page_left";
    case ReasonKind::page_accepted:
      return "page_accepted";
    case ReasonKind::page_failed:
      return "page_failed";
    case ReasonKind::page_unanswered:
      return "page_unanswered";
    case ReasonKind::page_cancelled:
      return "page_cancelled";
    case ReasonKind::next_provider:
      return "next_provider";
    case ReasonKind::told:
      return "told";
    case ReasonKind::acknowledged:
      return "acknowledged";
    case ReasonKind::taken_over:
      return "taken_over";
    case ReasonKind::acknowledgement_ran_out:
      return "acknowledgement_ran_out";
    case ReasonKind::acknowledgement_outgrown:
      return "acknowledgement_outgrown";
    case ReasonKind::snoozed:
      return "snoozed";
    case ReasonKind::snooze_ended:
      return "snooze_ended";
    case ReasonKind::escalated:
      return "escalated";
    case ReasonKind::called_in:
      return "called_in";
    case ReasonKind::noted:
      return "noted";
    case ReasonKind::refused:
      return "refused";
    case ReasonKind::restarted:
      return "restarted";
    case ReasonKind::reloaded:
      return "reloaded";
    case ReasonKind::clock_stepped:
      return "clock_stepped";
    case ReasonKind::also_reported:
      return "also_reported";
    case ReasonKind::flapping:
      return "flapping";
    case ReasonKind::flapping_ended:
      return "flapping_ended";
    case ReasonKind::folded:
      return "folded";
    case ReasonKind::storm_ended:
      return "storm_ended";
    case ReasonKind::blind_spot_closed:
      return "blind_spot_closed";
    case ReasonKind::alert_confirmed:
      return "alert_confirmed";
    case ReasonKind::alert_unlisted:
      return "alert_unlisted";
    case ReasonKind::interval_began:
      return "interval_began";
    case ReasonKind::parent_passed:
      return "parent_passed";
    case ReasonKind::limit_reached:
      return "limit_reached";
    case ReasonKind::page_delivered:
      return "page_delivered";
    case ReasonKind::page_unheard:
      return "page_unheard";
    case ReasonKind::page_heard:
      return "page_heard";
    case ReasonKind::replied:
      return "replied";
    case ReasonKind::updated:
      return "updated";
    case ReasonKind::published:
      return "published";
    case ReasonKind::followed:
      return "followed";
    case ReasonKind::not_told:
      return "not_told";
  }
  return "";
}

}  // namespace rules
