#include "rules/hold/hold.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rules/climb.hpp"
#include "rules/grouping.hpp"
#include "rules/hold/dependency.hpp"
#include "rules/hold/inhibition.hpp"
#include "rules/hold/rings.hpp"
#include "rules/hold/silence.hpp"
#include "rules/hold/storm.hpp"
#include "rules/hold/waits.hpp"
#include "rules/mutant.hpp"
#include "rules/people.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

// Every hold of alerts.
constexpr std::array<FindHolds, 4> all_holds{&find_silences, &find_waits, &find_parents, &find_inhibitors};

// A wait delays the first page; what else holds, once it ends, is a reason of its own to page.
bool is_wait(HoldKind kind) {
  return kind == HoldKind::group_wait || kind == HoldKind::hold || kind == HoldKind::startup_grace;
}

bool is_among(const HoldName& name, const std::vector<HoldName>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A ring has freed it: not all that keeps its alerts back was told of it.
bool is_free_of_ring(const Incident& incident) {
  if (!is_open(incident) || incident.unheld > 0 || incident.told_holds.size() >= most_holds_told) return false;
  return std::ranges::any_of(holders_of(incident),
                             [&](const auto& one) { return !is_among(one.first, incident.told_holds); });
}

// Whether this hold of an alert really kept an incident back: of a ring the incident that began first is not held, and
// nothing holds what somebody wants called for, or what pages nobody.
bool was_kept_by(const Moment& moment, const Episode& episode, const HoldName& name) {
  return std::any_of(episode.incidents.begin(), episode.incidents.end(), [&](IncidentId id) {
    const Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr || !is_open(*incident)) return false;
    if (incident->waived || incident->urgency == Urgency::none) return false;
    if (moment.to_judge.contains(id)) {  // what is told of it is not of now
      const auto freed = moment.freed.find(id);
      return freed == moment.freed.end() || !is_among(name, freed->second);
    }
    const std::vector<HoldName>& told = incident->told_holds;
    return incident->unheld > 0 || told.size() >= most_holds_told || is_among(name, told);
  });
}

// Those that were held by a parent or an inhibitor which is gone wait for recovery_grace.
void add_grace(Moment& moment, const Episode& episode, std::vector<AlertHold>& found) {
  const Duration grace = moment.policy.correlation.recovery_grace;
  if (grace <= Duration::zero() || ROUSE_MUTANT("no-grace-after-a-parent")) return;
  for (const AlertHold& before : episode.holds) {
    if (before.name.kind != HoldKind::parent && before.name.kind != HoldKind::inhibition) continue;
    const bool remains = std::any_of(found.begin(), found.end(), [&](const AlertHold& hold) {
      return hold.name.kind == before.name.kind && hold.name.rule == before.name.rule;
    });
    if (remains || !was_kept_by(moment, episode, before.name)) continue;
    found.push_back(AlertHold{
        .name = HoldName{.kind = HoldKind::recovery_grace, .rule = describe_hold(moment.state, before.name), .by = {}},
        .covers = before.covers,
        .until = moment.at() + grace});
  }
}

void link(Moment& moment, const Episode& episode, const AlertHold& hold) {
  Links& links = moment.state.links;
  if (hold.name.by != IncidentId{}) links.behind[hold.name.by].insert(episode.id);
  if (hold.name.kind == HoldKind::silence || hold.name.kind == HoldKind::maintenance) {
    links.silenced[hold.name.rule].insert(episode.id);
  }
}

void unlink(Moment& moment, const Episode& episode, const AlertHold& hold) {
  Links& links = moment.state.links;
  if (const auto behind = links.behind.find(hold.name.by); behind != links.behind.end()) {
    behind->second.erase(episode.id);
    if (behind->second.empty()) links.behind.erase(behind);
  }
  if (const auto silenced = links.silenced.find(hold.name.rule); silenced != links.silenced.end()) {
    silenced->second.erase(episode.id);
    if (silenced->second.empty()) links.silenced.erase(silenced);
  }
}

bool keeps_nothing_back(const State& state) {
  const Links& links = state.links;
  return state.silences.empty() && links.parents.empty() && state.policy->inhibit_rules.empty();
}

// When its hour is over; at once when it is.
void arm_limit(State& state, IncidentId id) {
  Incident* holder = find_incident(state, id);
  if (holder == nullptr || holder->limit_reached || state.deadlines.find(holder->holder_limit)) return;
  holder->holder_limit =
      state.deadlines.arm(holder->began_at + uncalled_holds_at_most, DeadlineKind::holder_limit, id.value, 0);
}

void replace_holds(Moment& moment, Episode& episode, std::vector<AlertHold> found) {
  State& state = moment.state;
  for (const IncidentId id : episode.incidents) {
    Incident* incident = find_incident(state, id);
    if (incident == nullptr) continue;
    judge_later(moment, *incident);
    count_out(*incident, episode);
  }
  for (const AlertHold& hold : episode.holds) unlink(moment, episode, hold);
  for (const AlertHold& hold : found) {
    link(moment, episode, hold);
    const bool is_new = std::find(episode.holds.begin(), episode.holds.end(), hold) == episode.holds.end();
    if (is_new && hold.until) state.deadlines.arm(*hold.until, DeadlineKind::alert_hold, episode.id.value, 0);
    if (is_new && hold.name.by != IncidentId{}) {
      arm_limit(state, hold.name.by);
    }
  }
  episode.holds = std::move(found);
  for (const IncidentId id : episode.incidents) {
    if (Incident* incident = find_incident(state, id)) count_in(*incident, episode);
  }
}

// All that holds this incident now.
std::vector<HoldName> find_reasons(const State& state, const Incident& incident, const Ring& ring) {
  std::vector<HoldName> reasons;
  if (incident.waived || incident.urgency == Urgency::none) return reasons;
  if (incident.wait_until) reasons.push_back(HoldName{.kind = HoldKind::group_wait, .rule = "", .by = {}});
  if (!incident.storm.empty()) reasons.push_back(storm_name(state, incident));
  if (incident.firing == 0) {
    // It stays open because it flaps: what held its last alert still does.
    for (const HoldName& name : incident.told_holds) {
      if (name.kind != HoldKind::group_wait && name.kind != HoldKind::storm) reasons.push_back(name);
    }
    return reasons;
  }
  if (incident.unheld > 0) return reasons;
  const auto is_by_itself = [&] {
    return std::ranges::any_of(holders_of(incident), [&](const auto& one) { return one.first.by == incident.id; });
  };
  const bool keeps_others_back = state.links.behind.contains(incident.id);  // or itself
  const bool may_be_free = !ring.freed_of.empty() || (keeps_others_back && is_by_itself());
  if (may_be_free && is_free_without(state, incident, ring.freed_of)) return reasons;
  for (const auto& [name, count] : incident.held_by) {
    if (reasons.size() >= most_holds_told) break;
    if (!ring.freed_of.contains(name.by)) reasons.push_back(name);
  }
  return reasons;
}

Ring ring_now(const State& state, const Incident& incident) {
  return ROUSE_MUTANT("rings-stay-closed") ? Ring{} : ring_of(state, incident);
}

// The commonest answer, without making it: its alerts hold it, and by what was said.
bool is_told_right(const State& state, const Incident& incident) {
  if (incident.told_holds.empty() || incident.unheld > 0 || incident.firing == 0) return false;
  if (incident.waived || incident.wait_until || !incident.storm.empty() || incident.urgency == Urgency::none)
    return false;
  if (state.links.behind.contains(incident.id)) return false;  // it may be of a ring
  if (incident.told_holds.size() != std::min(incident.held_by.size(), most_holds_told)) return false;
  return std::equal(incident.told_holds.begin(),
                    incident.told_holds.end(),
                    incident.held_by.begin(),
                    [](const HoldName& told, const auto& held) { return told == held.first; });
}

// What was said of what holds it is no longer so.
bool is_told_wrong(const State& state, const Incident& incident) {
  if (!is_open(incident)) return false;
  return find_reasons(state, incident, ring_now(state, incident)) != incident.told_holds;
}

// What is in `names` and not in `others`.
std::vector<HoldName> without(const std::vector<HoldName>& names, const std::vector<HoldName>& others) {
  std::vector<HoldName> rest;
  for (const HoldName& name : names) {
    if (!is_among(name, others)) rest.push_back(name);
  }
  return rest;
}

void hold_back(Moment& moment, Incident& incident, const HoldName& name) {
  if (name.kind == HoldKind::group_wait) return;  // said when it began, with its length
  const std::string what = describe_hold(moment.state, name);
  because(moment, incident, ReasonKind::held, to_text(name.kind), what);
  moment.ask(Held{.incident = incident.id, .because = fmt::format("{} {}", to_text(name.kind), what)});
}

bool is_waiting_to_climb(const Incident& incident) {
  return incident.climb_due && incident.state == IncidentState::triggered && incident.urgency != Urgency::none;
}

// Nothing holds it: the climb begins, unless a storm takes it.
void start(Moment& moment, Incident& incident) {
  const bool is_rise = incident.climb_reason == PageReason::severity_rise;
  if (incident.urgency == Urgency::high && !is_rise && is_folded(moment, incident)) {
    judge(moment, incident);
    return;
  }
  incident.climb_due = false;
  const std::string passed = name_passed_parents(moment, incident);
  std::string text = incident.climb_because;
  if (!passed.empty()) text = text.empty() ? passed : fmt::format("{}; {}", text, passed);
  start_climb(moment, incident, incident.climb_reason, std::move(text));
}

void release(Moment& moment, Incident& incident) {
  ++moment.state.counters.released;
  if (incident.state == IncidentState::acknowledged) {
    on_hold_end_acknowledged(moment, incident);
    if (incident.state == IncidentState::acknowledged && incident.late_acknowledgement) {
      incident.late_acknowledgement = false;
      on_acknowledgement_over(moment, incident.id, incident.snoozed);
    }
    return;
  }
  if (is_waiting_to_climb(incident)) start(moment, incident);
}

// What holds the incident has changed. Of those that it keeps back, and that these do, one may have been free because
// of a ring that is closed no more; and one may have lost the reason why nobody needed to be called for it within the
// hour.
void look_behind(Moment& moment, const Incident& changed) {
  State& state = moment.state;
  std::set<IncidentId> seen{changed.id};
  std::vector<IncidentId> next{changed.id};
  while (!next.empty()) {
    const IncidentId id = next.back();
    next.pop_back();
    Incident* incident = find_incident(state, id);
    if (incident == nullptr) continue;
    if (id != changed.id && is_free_of_ring(*incident) && is_told_wrong(state, *incident)) moment.to_judge.insert(id);
    const auto behind = state.links.behind.find(id);
    if (behind == state.links.behind.end()) continue;
    const bool is_past = incident->began_at + uncalled_holds_at_most <= moment.at();
    if (is_past && is_open(*incident) && !incident->limit_reached && !state.deadlines.find(incident->holder_limit)) {
      incident->holder_limit = state.deadlines.arm(moment.at(), DeadlineKind::holder_limit, id.value, 0);
    }
    for (const EpisodeId alert : behind->second.in_order()) {
      const auto episode = state.episodes.find(alert);
      if (episode == state.episodes.end()) continue;
      for (const IncidentId its : episode->second.incidents) {
        if (seen.insert(its).second) next.push_back(its);
      }
    }
  }
}

// Nothing holds it, though some of its alerts are kept back: it was free of a ring, or is, and others may be so through
// it. Not asked of those that very many are behind, whom each alert that joins would have looked at.
bool may_have_closed_a_ring(const State& state, const Incident& incident) {
  constexpr std::size_t most_behind = 1000;
  if (!incident.told_holds.empty() || incident.held_by.empty()) return false;
  const auto behind = state.links.behind.find(incident.id);
  return behind != state.links.behind.end() && behind->second.size() <= most_behind;
}

// Some alert of an open incident is behind this one.
bool keeps_somebody_quiet(const State& state, IncidentId id) {
  const auto behind = state.links.behind.find(id);
  return behind != state.links.behind.end() && behind->second.has([&](EpisodeId alert) {
    const auto episode = state.episodes.find(alert);
    return episode != state.episodes.end() && is_of_open_incident(state, episode->second);
  });
}

}  // namespace

std::vector<Labels> firing_labels(const State& state, const Episode& episode) {
  std::vector<Labels> variants;
  for (const Variant& variant : episode.variants) {
    if (variant.firing) variants.push_back(state.dictionary.labels(variant.labels));
  }
  return variants;
}

void look(Moment& moment, Episode& episode, bool graceful) {
  if (!episode.open || episode.incidents.empty()) return;
  if (episode.holds.empty() && keeps_nothing_back(moment.state)) return;
  const std::vector<Labels> variants = firing_labels(moment.state, episode);
  if (variants.empty()) return;
  const HeldAlert alert{.episode = episode, .variants = variants};
  register_dependent(moment, alert);
  register_sides(moment, alert);
  std::vector<AlertHold> found;
  for (const FindHolds find : all_holds) find(moment, alert, found);
  for (const AlertHold& hold : episode.holds) {
    if (hold.name.kind != HoldKind::recovery_grace) continue;
    if (!hold.until || !is_over(moment, *hold.until)) found.push_back(hold);
  }
  if (graceful) add_grace(moment, episode, found);
  std::sort(found.begin(), found.end(), [](const AlertHold& left, const AlertHold& right) {
    return left.name != right.name ? left.name < right.name : left.until > right.until;
  });
  found.erase(std::unique(found.begin(),
                          found.end(),
                          [](const AlertHold& left, const AlertHold& right) { return left.name == right.name; }),
              found.end());
  if (found != episode.holds) replace_holds(moment, episode, std::move(found));
}

void judge_later(Moment& moment, const Incident& incident) {
  if (!moment.to_judge.insert(incident.id).second || !is_free_of_ring(incident)) return;
  std::vector<HoldName>& freed = moment.freed[incident.id];
  for (const auto& [name, count] : holders_of(incident)) {
    if (name.by == incident.id) continue;  // of its own alerts one may keep another back
    if (!is_among(name, incident.told_holds)) freed.push_back(name);
  }
}

void count_in(Incident& incident, const Episode& episode) {
  bool is_covered = false;
  for (const AlertHold& hold : episode.holds) {
    if (hold.covers < incident.urgency) continue;
    is_covered = true;
    ++incident.held_by[hold.name];
  }
  if (!is_covered) ++incident.unheld;
}

void count_out(Incident& incident, const Episode& episode) {
  bool is_covered = false;
  for (const AlertHold& hold : episode.holds) {
    if (hold.covers < incident.urgency) continue;
    is_covered = true;
    const auto count = incident.held_by.find(hold.name);
    if (count == incident.held_by.end()) continue;
    if (--count->second == 0) incident.held_by.erase(count);
  }
  if (!is_covered && incident.unheld > 0) --incident.unheld;
}

void count_anew(Moment& moment, Incident& incident) {
  judge_later(moment, incident);
  incident.unheld = 0;
  incident.held_by.clear();
  for (const EpisodeId id : incident.episodes) {
    const auto episode = moment.state.episodes.find(id);
    if (episode != moment.state.episodes.end() && episode->second.open) count_in(incident, episode->second);
  }
}

void begin_climb(Moment& moment, Incident& incident, PageReason reason, std::string because_text) {
  incident.climb_reason = reason;
  incident.climb_because = std::move(because_text);
  incident.climb_due = true;
  judge(moment, incident);
}

void judge(Moment& moment, Incident& incident) {
  if (!is_open(incident)) {
    incident.told_holds.clear();
    return;
  }
  if (is_told_right(moment.state, incident)) return;
  const Ring ring = ring_now(moment.state, incident);
  const std::vector<HoldName> now = find_reasons(moment.state, incident, ring);
  const bool was_held = is_held(incident);
  for (const IncidentId id : ring.members) {
    const Incident* other = find_incident(moment.state, id);
    if (id != incident.id && other != nullptr && is_told_wrong(moment.state, *other)) moment.to_judge.insert(id);
  }
  if (now == incident.told_holds) {
    if (!was_held && is_waiting_to_climb(incident)) start(moment, incident);
    if (may_have_closed_a_ring(moment.state, incident)) look_behind(moment, incident);
    return;
  }
  const std::vector<HoldName> begun = without(now, incident.told_holds);
  const std::vector<HoldName> over = without(incident.told_holds, now);
  incident.told_holds = now;
  look_behind(moment, incident);
  for (const HoldName& name : over) {
    because(moment,
            incident,
            ReasonKind::released,
            to_text(name.kind),
            name.kind == HoldKind::group_wait ? "" : describe_hold(moment.state, name));
  }
  for (const HoldName& name : begun) hold_back(moment, incident, name);
  const bool is_more_than_a_wait =
      std::any_of(begun.begin(), begun.end(), [](const HoldName& name) { return !is_wait(name.kind); });
  if (is_more_than_a_wait && incident.climb_reason != PageReason::hold_end) {
    incident.climb_reason = PageReason::hold_end;
    incident.climb_because.clear();
  }
  if (now.empty()) {
    release(moment, incident);
    return;
  }
  if (was_held) return;
  // It came back behind what kept only ended incidents quiet meanwhile, and so had no limit.
  for (const auto& [name, count] : holders_of(incident)) arm_limit(moment.state, name.by);
  ++moment.state.counters.held;
  if (incident.state != IncidentState::triggered || ROUSE_MUTANT("hold-lets-the-climb-run")) return;
  const bool was_told = incident.urgency == Urgency::low && !incident.paged.empty();
  stop_climb(moment, incident, fmt::format("held by {}", to_text(now.front().kind)));
  incident.climb.phase = ClimbPhase::idle;
  if (!was_told) incident.climb_due = true;  // low urgency is told once
}

void judge_all(Moment& moment) {
  // Judging one may give reasons to judge another; each round has a later one to judge or none, but a bound is cheap.
  constexpr std::size_t most = 1'000'000;
  for (std::size_t count = 0; count < most && !moment.to_judge.empty(); ++count) {
    const IncidentId id = *moment.to_judge.begin();
    moment.to_judge.erase(moment.to_judge.begin());
    moment.freed.erase(id);
    if (Incident* incident = find_incident(moment.state, id)) judge(moment, *incident);
  }
}

void let_go(Moment& moment, IncidentId holder, bool graceful) {
  const auto behind = moment.state.links.behind.find(holder);
  if (behind == moment.state.links.behind.end()) return;
  for (const EpisodeId id : behind->second.in_order()) {
    const auto episode = moment.state.episodes.find(id);
    if (episode != moment.state.episodes.end()) look(moment, episode->second, graceful);
  }
}

void delay_alerts(Moment& moment, Incident& incident, const std::string& after) {
  const Duration grace = moment.policy.correlation.recovery_grace;
  judge_later(moment, incident);
  if (grace <= Duration::zero()) return;
  for (const EpisodeId id : incident.episodes) {
    const auto episode = moment.state.episodes.find(id);
    if (episode == moment.state.episodes.end() || !episode->second.open) continue;
    std::vector<AlertHold> holds = episode->second.holds;
    holds.push_back(AlertHold{.name = HoldName{.kind = HoldKind::recovery_grace, .rule = after, .by = {}},
                              .covers = Urgency::high,
                              .until = moment.at() + grace});
    std::sort(holds.begin(), holds.end(), [](const AlertHold& left, const AlertHold& right) {
      return left.name < right.name;
    });
    replace_holds(moment, episode->second, std::move(holds));
  }
}

void forget_alert(Moment& moment, Episode& episode) {
  for (const AlertHold& hold : episode.holds) unlink(moment, episode, hold);
  episode.holds.clear();
  forget_dependent(moment, episode);
  forget_sides(moment, episode);
}

void on_standing(Moment& moment, Incident& incident) {
  on_parent_standing(moment, incident);
  on_source_standing(moment, incident);
}

void waive(Moment& moment, Incident& incident, const std::string& by) {
  if (!is_held(incident)) return;
  for (const HoldName& name : incident.told_holds) {
    because(moment, incident, ReasonKind::released, to_text(name.kind), fmt::format("{} wants somebody called", by));
  }
  leave_storm(moment, incident);
  incident.waived = true;
  incident.told_holds.clear();
  look_behind(moment, incident);
  incident.climb_due = false;
  incident.late_acknowledgement = false;
}

bool is_somebody_called(const State& state, const Incident& incident) {
  std::set<IncidentId> seen;
  std::vector<const Incident*> next{&incident};
  while (!next.empty()) {
    const Incident* here = next.back();
    next.pop_back();
    if (here->anybody_called) return true;
    if (!seen.insert(here->id).second) continue;
    for (const HoldName& name : here->told_holds) {
      const Incident* holder = find_incident(state, name.by);
      if (holder != nullptr) next.push_back(holder);
    }
  }
  return false;
}

void on_alert_hold_over(Moment& moment, EpisodeId id) {
  const auto episode = moment.state.episodes.find(id);
  if (episode != moment.state.episodes.end()) look(moment, episode->second);
}

void on_holder_limit(Moment& moment, IncidentId id) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr) return;
  incident->holder_limit = DeadlineId{};
  if (!is_open(*incident) || incident->limit_reached) return;
  if (const Instant due = incident->began_at + uncalled_holds_at_most; due > moment.at()) {  // it was reopened since
    incident->holder_limit = moment.state.deadlines.arm(due, DeadlineKind::holder_limit, id.value, 0);
    return;
  }
  if (is_somebody_called(moment.state, *incident) || ROUSE_MUTANT("limit-never-reached")) return;
  const bool is_in_maintenance = std::any_of(incident->told_holds.begin(),
                                             incident->told_holds.end(),
                                             [](const HoldName& name) { return name.kind == HoldKind::maintenance; });
  if (is_in_maintenance) return;  // as long as that lasts
  if (!keeps_somebody_quiet(moment.state, id)) return;
  incident->limit_reached = true;
  because(moment, *incident, ReasonKind::limit_reached, "", "for 1h nobody was called for it");
  let_go(moment, id, false);
}

std::string_view to_text(HoldKind kind) {
  switch (kind) {
    case HoldKind::group_wait:
      return "group_wait";
    case HoldKind::hold:
      return "hold";
    case HoldKind::startup_grace:
      return "startup_grace";
    case HoldKind::recovery_grace:
      return "recovery_grace";
    case HoldKind::silence:
      return "silence";
    case HoldKind::maintenance:
      return "maintenance";
    case HoldKind::parent:
      return "parent";
    case HoldKind::inhibition:
      return "inhibition";
    case HoldKind::storm:
      return "storm";
  }
  return "";
}

std::string print_holds(const State& state, const Incident& incident) {
  std::string text;
  for (const HoldName& name : incident.told_holds) {
    if (!text.empty()) text += "; ";
    text += to_text(name.kind);
    if (const std::string what = describe_hold(state, name); !what.empty()) text += ' ' + what;
  }
  return text;
}

std::string describe_hold(const State& state, const HoldName& name) {
  switch (name.kind) {
    case HoldKind::group_wait:
      return "";
    case HoldKind::hold:
      return fmt::format("{} depends on others: whether one of them fails, too", name.rule);
    case HoldKind::startup_grace:
      return fmt::format("{} depends on others, and the daemon has just come up", name.rule);
    case HoldKind::recovery_grace:
      return fmt::format("after {}", name.rule);
    case HoldKind::silence:
    case HoldKind::maintenance: {
      const auto found = state.silences.find(name.rule);
      if (found == state.silences.end()) return name.rule;
      const Silence& silence = found->second;
      std::string text =
          fmt::format("{} by {} until {}", silence.id, silence.by, tell_time(utc(), silence.to, state.last.wall));
      if (!silence.comment.empty()) text += fmt::format(": {}", beginning_of(silence.comment, 200));
      return text;
    }
    case HoldKind::parent:
      return fmt::format("{} on {}", print_incident(name.by), name.rule);
    case HoldKind::inhibition:
      return fmt::format("rule {} by {}", name.rule, print_incident(name.by));
    case HoldKind::storm:
      return fmt::format("{} on call tree {}", print_incident(name.by), name.rule);
  }
  return "";
}

void make_links(Moment& moment) {
  State& state = moment.state;
  Links& links = state.links;
  if (links.ready) return;
  links = Links{};
  links.ready = true;
  link_services(moment);
  link_rules(moment);
  for (const auto& [id, silence] : state.silences) {
    if (silence.active) links.silences.add(silence.matchers, &id);
  }
  for (std::uint32_t index = 0; index < moment.policy.heartbeats.size(); ++index) {
    const Heartbeat& heartbeat = moment.policy.heartbeats[index];
    if (!heartbeat.matchers.empty()) links.heartbeats.add(heartbeat.matchers, index);
  }
  for (const auto& [key, flaps] : state.flaps) {
    if (flaps.flapping) links.flapping.insert(key);
  }
  for (auto& [id, episode] : state.episodes) {
    if (!episode.open) continue;
    for (const AlertHold& hold : episode.holds) link(moment, episode, hold);
    if (links.parents.empty() && moment.policy.inhibit_rules.empty()) continue;
    const std::vector<Labels> variants = firing_labels(state, episode);
    if (variants.empty()) continue;
    const HeldAlert alert{.episode = episode, .variants = variants};
    register_dependent(moment, alert);
    link_sides(moment, alert);
  }
  for (auto& [id, incident] : state.incidents) {
    // As a release without holds left it: nothing was counted.
    if (incident.began_at == Instant{}) incident.began_at = incident.opened_at;
    if (incident.firing > 0 && incident.unheld == 0 && incident.held_by.empty()) count_anew(moment, incident);
    link_parent(moment, incident);
  }
}

}  // namespace rules
