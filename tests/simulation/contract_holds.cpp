// The part of the contract that keeps alerts back: silences and maintenance, inhibition, parents and their graces, the
// limit of an hour, rings; storms, flapping, time intervals, heartbeats and what the daemon reports of itself.
//
// Naive on purpose: whenever something has changed, all that keeps every open alert back is found anew, from nothing.
#include <algorithm>
#include <array>
#include <utility>

#include "tests/simulation/contract.hpp"

namespace simulation {

using namespace std::chrono_literals;
using rules::IncidentState;
using rules::PageReason;

namespace {

bool is_open(IncidentState state) {
  return state != IncidentState::resolved;
}

bool is_wait(HoldKind kind) {
  return kind == HoldKind::group_wait || kind == HoldKind::hold || kind == HoldKind::startup_grace;
}

constexpr std::size_t named_at_most = 4;  // parents of an alert, and sources of one rule

bool is_within(const rules::Hours& hours, rules::LocalTime local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const auto within = [&](std::chrono::local_days from_day) {
    // 0 = Monday.
    const unsigned weekday = std::chrono::weekday{from_day}.iso_encoding() - 1;
    if ((hours.days >> weekday & 1U) == 0) return false;
    const auto from = from_day + hours.from;
    const auto to = hours.to > hours.from ? from_day + hours.to : from_day + std::chrono::days{1} + hours.to;
    return local >= from && local < to;
  };
  return within(day) || within(day - std::chrono::days{1});
}

}  // namespace

std::string_view name_of(HoldKind kind) {
  constexpr std::array<std::string_view, hold_kinds> names{"group_wait",
                                                           "hold",
                                                           "startup_grace",
                                                           "recovery_grace",
                                                           "silence",
                                                           "maintenance",
                                                           "inhibition",
                                                           "parent",
                                                           "storm"};
  return names.at(static_cast<std::size_t>(kind));
}

// ---- spans of the wall clock

bool Contract::is_within(const std::vector<std::string>& intervals, Instant wall) const {
  return std::any_of(intervals.begin(), intervals.end(), [&](const std::string& name) {
    for (const rules::TimeInterval& one : policy_->time_intervals) {
      if (one.id != name) continue;
      return simulation::is_within(one.hours, policy_->zone(one.timezone).to_local(wall));
    }
    return false;
  });
}

// How far the next instant is at which a span of the wall clock begins or ends; looked for in steps of a minute, since
// time intervals do so on whole minutes.
std::optional<rules::Instant> Contract::next_boundary() const {
  std::optional<Instant> next;
  const auto sooner = [&](Instant candidate) {
    if (candidate > now_.wall && (!next || candidate < *next)) next = candidate;
  };
  for (const auto& [id, silence] : silences_) {
    sooner(silence.from);
    sooner(silence.to);
  }
  for (const rules::TimeInterval& one : policy_->time_intervals) {
    const std::vector<std::string> name{one.id};
    const bool now = is_within(name, now_.wall);
    Instant edge = std::chrono::ceil<std::chrono::minutes>(now_.wall + 1ms);
    for (int minutes = 0; minutes < 8 * 24 * 60 && (!next || edge < *next); ++minutes, edge += 1min) {
      if (is_within(name, edge) == now) continue;
      sooner(edge);
      break;
    }
  }
  return next;
}

rules::Urgency Contract::urgency_of(const rules::Route& route) const {
  return route.active.empty() || is_within(route.active, now_.wall) ? route.urgency : route.otherwise;
}

void Contract::find_boundary() {
  calendar_due_.reset();
  calendar_armed_ = ++armed_;
  if (const std::optional<Instant> next = next_boundary()) calendar_due_ = at() + (*next - now_.wall);
}

void Contract::look_at_calendar() {
  calendar_wall_ = now_.wall;
  for (auto& [id, silence] : silences_) silence.holds = silence.from <= now_.wall && now_.wall < silence.to;
  find_boundary();
  stale_holds_ = true;
  for (auto& [id, incident] : incidents_) {
    if (!is_open(incident.state)) continue;
    const Episode& first = episodes_[incident.episodes.front()];
    const rules::Route its = route_of(first, first.variants.front().labels);
    if (!its.active.empty() && urgency_of(its) > incident.urgency) rise_to(incident, urgency_of(its));
  }
}

void Contract::rise_to(Incident& incident, Urgency urgency) {
  ++met_["an interval that began"];
  incident.urgency = urgency;
  if (incident.state == IncidentState::acknowledged) {
    let_acknowledgement_run_out(incident);
    return;
  }
  incident.began_as = PageReason::hold_end;
  incident.climb_due = true;
  judge(incident, look());
}

// ---- what keeps one alert back

bool Contract::all_match(const std::vector<rules::Matcher>& matchers, const Episode& episode) {
  return std::all_of(episode.variants.begin(), episode.variants.end(), [&](const Variant& variant) {
    return !variant.firing || rules::all_match(matchers, variant.labels);
  });
}

bool Contract::any_match(const std::vector<rules::Matcher>& matchers, const Episode& episode) {
  return std::any_of(episode.variants.begin(), episode.variants.end(), [&](const Variant& variant) {
    return variant.firing && rules::all_match(matchers, variant.labels);
  });
}

std::string Contract::label(const Episode& episode, const std::string& name) {
  return std::string{episode.variants.front().labels.find(name)};
}

std::vector<std::string> Contract::ancestors(const std::string& service) const {
  std::vector<std::string> all{service};
  for (std::size_t index = 0; index < all.size(); ++index) {
    for (const rules::Service& one : policy_->services) {
      if (one.id != all[index]) continue;
      for (const std::string& parent : one.depends_on) {
        if (std::find(all.begin(), all.end(), parent) == all.end()) all.push_back(parent);
      }
    }
  }
  all.erase(all.begin());
  return all;
}

bool Contract::keeps_back(const Incident& parent, const Incident& child) const {
  if (parent.id == child.id || !is_open(parent.state) || parent.urgency != Urgency::high || parent.limit) return false;
  if (leaving_ == parent.id) return false;
  if (child.began < parent.began - 5min || child.began > parent.began + 1h) return false;
  return child.began >= parent.began || !parent.had_by_somebody.contains(child.id);
}

bool Contract::keeps_back(const rules::InhibitRule& rule, const Episode& source, const Episode& target) const {
  if (&source == &target || !source.open || !target.open || leaving_source_ == source.number) return false;
  if (!any_match(rule.source, source) || !all_match(rule.target, target)) return false;
  if (any_match(rule.source, target) && all_match(rule.target, source)) return false;
  const auto fires = [](const Variant& one) { return one.firing; };
  const auto first = std::find_if(target.variants.begin(), target.variants.end(), fires);
  const bool is_equal = std::any_of(source.variants.begin(), source.variants.end(), [&](const Variant& one) {
    if (!one.firing || !rules::all_match(rule.source, one.labels)) return false;
    return std::all_of(rule.equal.begin(), rule.equal.end(), [&](const std::string& name) {
      return !one.labels.find(name).empty() && one.labels.find(name) == first->labels.find(name);
    });
  });
  if (!is_equal) return false;
  const Incident& its = incidents_.at(source.incident);
  return is_open(its.state) && !its.limit && leaving_ != its.id;
}

// So many are named for each rule, the most urgent first; after one of high urgency a few more are looked at.
std::vector<const Contract::Incident*> Contract::inhibitors(const rules::InhibitRule& rule,
                                                            const Episode& target) const {
  std::vector<const Incident*> all;
  if (!all_match(rule.target, target)) return all;
  std::size_t looks = 0;
  for (const Episode& source : episodes_) {
    if (!source.open || !keeps_back(rule, source, target)) continue;
    const Incident* const its = &incidents_.at(source.incident);
    const bool has_high =
        std::any_of(all.begin(), all.end(), [](const Incident* one) { return one->urgency == Urgency::high; });
    if (has_high && ++looks > 16) break;
    if (std::find(all.begin(), all.end(), its) == all.end()) all.push_back(its);
  }
  std::stable_sort(all.begin(), all.end(), [](const Incident* left, const Incident* right) {
    return left->urgency > right->urgency;
  });
  if (all.size() > named_at_most) all.resize(named_at_most);
  return all;
}

std::vector<Contract::Hold> Contract::holds_of(const Episode& alert, const Incident& its) const {
  std::vector<Hold> holds;
  const auto is_past = [&](Instant until) { return until <= std::max(reached_, alert.looked_at); };
  for (const auto& [id, silence] : silences_) {
    if (!silence.holds || !all_match(silence.matchers, alert)) continue;
    const bool is_silence = silence.kind == rules::SilenceKind::silence;
    holds.push_back(Hold{.kind = is_silence ? HoldKind::silence : HoldKind::maintenance, .by = {}, .until = {}});
  }
  const std::string service = label(alert, policy_->service_label);
  const std::vector<std::string> above = service.empty() ? std::vector<std::string>{} : ancestors(service);
  for (const rules::Service& one : policy_->services) {
    if (service.empty() || one.id != service) continue;
    if (is_within(one.maintenance, calendar_wall_)) {
      holds.push_back(Hold{.kind = HoldKind::maintenance, .by = {}, .until = {}});
    }
    if (one.depends_on.empty()) continue;
    const Instant parent_too = its.began + policy_->correlation.hold;
    if (!is_past(parent_too)) holds.push_back(Hold{.kind = HoldKind::hold, .by = {}, .until = parent_too});
    if (alert.startup && !is_past(*alert.startup)) {
      holds.push_back(Hold{.kind = HoldKind::startup_grace, .by = {}, .until = alert.startup});
    }
    std::map<std::string, Instant> last;  // of several of one service that have ended the last one counts
    for (const Ended& ended : ended_) {
      const Instant until = ended.at + policy_->correlation.recovery_grace;
      const bool began_within = its.began >= ended.at && its.began < until;
      const bool is_above = std::find(above.begin(), above.end(), ended.service) != above.end();
      if (began_within && !is_past(until) && is_above) last[ended.service] = until;
    }
    for (const auto& [name, until] : last) {
      holds.push_back(Hold{.kind = HoldKind::recovery_grace, .by = {}, .until = until});
    }
  }
  for (const auto& [until, covers] : alert.graces) {
    if (is_past(until)) continue;
    holds.push_back(Hold{.kind = HoldKind::recovery_grace, .by = {}, .covers = covers, .until = until});
  }
  std::size_t parents = 0;
  for (const std::string& name : above) {
    for (const auto& [id, incident] : incidents_) {
      if (parents == named_at_most) break;
      if (incident.service != name || !keeps_back(incident, its)) continue;
      holds.push_back(Hold{.kind = HoldKind::parent, .by = id, .until = {}, .rule = name});
      ++parents;
    }
  }
  for (const rules::InhibitRule& rule : policy_->inhibit_rules) {
    for (const Incident* const by : inhibitors(rule, alert)) {
      holds.push_back(
          Hold{.kind = HoldKind::inhibition, .by = by->id, .covers = by->urgency, .until = {}, .rule = rule.id});
    }
  }
  return holds;
}

// ---- what keeps incidents back

// All of it, rings opened: of incidents that would hold each other the one that began first is not held by the others.
Contract::Picture Contract::look(Rings* opened) const {
  Picture picture;
  for (const auto& [id, incident] : incidents_) {
    if (!is_open(incident.state) || incident.urgency == Urgency::none || incident.waived) continue;
    Kept& kept = picture[id];
    for (const std::size_t number : incident.episodes) {
      const Episode& alert = episodes_[number];
      if (!alert.open) continue;
      kept.alerts.push_back(KeptAlert{.episode = number, .holds = holds_of(alert, incident)});
      std::erase_if(kept.alerts.back().holds, [&](const Hold& hold) { return hold.covers < incident.urgency; });
    }
  }
  // Its alerts do not hold it by each other alone.
  const auto judge_held = [](rules::IncidentId id, Kept& kept) {
    bool is_behind_others = false;
    kept.is_held = std::all_of(kept.alerts.begin(), kept.alerts.end(), [&](const KeptAlert& alert) {
      for (const Hold& hold : alert.holds) is_behind_others = is_behind_others || hold.by != id;
      return !alert.holds.empty();
    });
    kept.is_held = kept.is_held && is_behind_others;
  };
  for (auto& [id, kept] : picture) judge_held(id, kept);
  const auto began_before = [this](rules::IncidentId left, rules::IncidentId right) {
    return std::pair{incidents_.at(left).began, left} < std::pair{incidents_.at(right).began, right};
  };
  for (bool has_ring = true; has_ring;) {
    has_ring = false;
    // Who holds it, and who holds those, as far as they are held.
    std::map<rules::IncidentId, std::set<rules::IncidentId>> above;
    for (const auto& [id, kept] : picture) {
      if (!kept.is_held) continue;
      std::vector<rules::IncidentId> next{id};
      while (!next.empty()) {
        const auto here = picture.find(next.back());
        next.pop_back();
        if (here == picture.end() || !here->second.is_held) continue;
        for (const KeptAlert& alert : here->second.alerts) {
          for (const Hold& hold : alert.holds) {
            if (hold.by.value == 0 || hold.by == here->first) continue;
            if (above[id].insert(hold.by).second) next.push_back(hold.by);
          }
        }
      }
    }
    for (auto& [id, kept] : picture) {
      if (!above[id].contains(id)) continue;
      std::set<rules::IncidentId> ring;
      for (const rules::IncidentId other : above[id]) {
        if (above[other].contains(id)) ring.insert(other);
      }
      if (*std::min_element(ring.begin(), ring.end(), began_before) != id) continue;
      for (KeptAlert& alert : kept.alerts) {
        std::erase_if(alert.holds, [&](const Hold& hold) {
          const bool is_of_ring = hold.by != id && ring.contains(hold.by);
          if (is_of_ring && opened != nullptr) opened->emplace(id, hold.by);
          return is_of_ring;
        });
      }
      judge_held(id, kept);
      has_ring = true;
      break;
    }
  }
  return picture;
}

bool Contract::is_held_now(const Incident& incident, const Picture& picture) const {
  if (incident.urgency == Urgency::none || incident.waived) return false;
  if (incident.waits_until || !incident.storm.empty()) return true;
  if (incident.firing == 0) return incident.kept_by_alerts;  // it stays open because it flaps: as it was
  return picture.at(incident.id).is_held;
}

bool Contract::was_heard(const Incident& incident, const Picture& picture) const {
  std::set<rules::IncidentId> seen{incident.id};
  std::vector<rules::IncidentId> next{incident.id};
  while (!next.empty()) {
    const rules::IncidentId here = next.back();
    next.pop_back();
    const Incident& one = incidents_.at(here);
    if (one.heard) return true;
    if (!one.storm.empty()) {
      const auto storm = storms_.find(one.storm);
      if (storm != storms_.end() && storm->second.alert) {
        const rules::IncidentId by = episodes_[*storm->second.alert].incident;
        if (seen.insert(by).second) next.push_back(by);
      }
    }
    if (one.firing == 0 && one.kept_by_alerts) {  // it flaps: as it was
      for (const rules::IncidentId by : one.kept_by) {
        if (seen.insert(by).second) next.push_back(by);
      }
    }
    const auto kept = picture.find(here);
    if (kept == picture.end() || !kept->second.is_held) continue;
    for (const KeptAlert& alert : kept->second.alerts) {
      for (const Hold& hold : alert.holds) {
        if (hold.by.value != 0 && seen.insert(hold.by).second) next.push_back(hold.by);
      }
    }
  }
  return false;
}

bool Contract::is_in_maintenance(const Incident& incident, const Picture& picture) const {
  if (incident.firing == 0) return incident.kept_by_alerts && incident.held_by.contains(HoldKind::maintenance);
  const auto kept = picture.find(incident.id);
  if (kept == picture.end() || !kept->second.is_held) return false;
  return std::any_of(kept->second.alerts.begin(), kept->second.alerts.end(), [](const KeptAlert& alert) {
    return std::any_of(
        alert.holds.begin(), alert.holds.end(), [](const Hold& hold) { return hold.kind == HoldKind::maintenance; });
  });
}

// Nobody was called for an hour: it keeps nobody back any more.
bool Contract::find_limits() {
  bool any = false;
  const Picture picture = look();
  std::set<rules::IncidentId> holders;
  for (const auto& [id, kept] : picture) {
    for (const KeptAlert& alert : kept.alerts) {
      for (const Hold& hold : alert.holds) holders.insert(hold.by);
    }
  }
  for (auto& [id, incident] : incidents_) {
    if (!holders.contains(id) || incident.limit || incident.began + 1h > reached_) continue;
    if (was_heard(incident, picture) || is_in_maintenance(incident, picture)) continue;
    incident.limit = true;
    ++met_["an hour uncalled"];
    any = true;
  }
  return any;
}

// A hold begins or ends for it, or its climb starts. True: something has happened that may concern others.
bool Contract::judge(Incident& incident, const Picture& picture) {
  if (!is_open(incident.state)) return false;
  const bool is_held = is_held_now(incident, picture);
  std::set<HoldKind> by;
  if (is_held) {
    if (incident.waits_until) by.insert(HoldKind::group_wait);
    if (!incident.storm.empty()) by.insert(HoldKind::storm);
    const auto kept = picture.find(incident.id);
    if (incident.firing == 0) {
      by.insert(incident.held_by.begin(), incident.held_by.end());
    } else if (kept != picture.end() && kept->second.is_held) {
      incident.kept_by.clear();
      for (const KeptAlert& alert : kept->second.alerts) {
        for (const Hold& hold : alert.holds) {
          by.insert(hold.kind);
          if (hold.by.value != 0) incident.kept_by.insert(hold.by);
        }
      }
    }
    if (incident.firing > 0) incident.kept_by_alerts = kept != picture.end() && kept->second.is_held;
  } else {
    incident.kept_by_alerts = false;
  }
  for (const HoldKind kind : by) {
    if (!is_wait(kind)) {
      incident.kept_for_more = true;
      if (!incident.held_by.contains(kind)) incident.reason = PageReason::hold_end;
    }
    if (!incident.held_by.contains(kind)) ++met_[std::string{name_of(kind)}];
  }
  incident.held_by = std::move(by);
  if (is_held && !incident.held) {
    incident.held = true;
    if (incident.state != IncidentState::triggered) return true;
    // Low urgency is told once.
    if (incident.urgency != Urgency::low || incident.paged.empty()) incident.climb_due = true;
    stop_climb(incident);
    incident.phase = Phase::idle;
    return true;
  }
  if (!is_held && incident.held) {
    incident.held = false;
    release(incident);
    return true;
  }
  if (is_held || !incident.climb_due || incident.state != IncidentState::triggered) return false;
  if (incident.urgency == Urgency::none) return false;
  release(incident);
  return true;
}

rules::PageReason Contract::release_reason(const Incident& incident) const {
  return incident.kept_for_more ? PageReason::hold_end : incident.began_as;
}

void Contract::release(Incident& incident) {
  if (incident.state == IncidentState::acknowledged) {
    judge_acknowledgement(incident, true, false);
    if (const std::optional<Due> late = std::exchange(incident.late, std::nullopt);
        late && incident.state == IncidentState::acknowledged) {
      acknowledgement_over(incident, *late == Due::snooze_over);
    }
    return;
  }
  if (!incident.climb_due || incident.urgency == Urgency::none) return;
  if (incident.urgency == Urgency::high && is_folded(incident)) return;
  incident.climb_due = false;
  start_climb(incident, release_reason(incident));
}

// Who and what else keeps an alert back has changed: it is looked at as the clock stands now, though a span that ended
// meanwhile is still to be told.
void Contract::find_changes() {
  for (const auto& [id, incident] : incidents_) {
    if (!is_open(incident.state)) continue;
    for (const std::size_t number : incident.episodes) {
      Episode& alert = episodes_[number];
      if (!alert.open) continue;
      std::set<std::tuple<HoldKind, rules::IncidentId, std::string>> lasting;
      for (const Hold& hold : holds_of(alert, incident)) {
        if (!hold.until) lasting.emplace(hold.kind, hold.by, hold.rule);
      }
      if (lasting == alert.lasting) continue;
      alert.lasting = std::move(lasting);
      alert.looked_at = at() - 1ms;
    }
  }
}

void Contract::settle_holds() {
  if (!stale_holds_) return;
  for (auto& [id, incident] : incidents_) {
    if (!is_open(incident.state) || !has_restarted_ || incident.began <= started_at_) continue;
    const Instant until = started_at_ + policy_->correlation.startup_grace;
    if (incident.began >= until) continue;
    for (const std::size_t number : incident.episodes) {
      Episode& alert = episodes_[number];
      if (alert.open && (!alert.startup || *alert.startup <= started_at_)) alert.startup = until;
    }
  }
  find_changes();
  while (spans_end_ && find_limits()) {
  }
  for (bool any = true; any;) {
    any = false;
    stale_holds_ = false;
    opened_.clear();
    const Picture picture = look(&opened_);
    if (!opened_.empty()) ++met_["a ring"];
    for (auto& [id, incident] : incidents_) {
      if (judge(incident, picture)) {
        any = true;
        break;
      }
    }
    if (any) find_changes();
    any = any || stale_holds_;
    if (!any) find_spans(picture);
  }
}

// When something ends by itself: what keeps an alert back, and the hour of those that keep others back uncalled.
void Contract::find_spans(const Picture& picture) {
  spans_.clear();
  holds_due_.reset();
  for (const auto& [id, incident] : incidents_) {
    if (!is_open(incident.state)) continue;
    for (const std::size_t number : incident.episodes) {
      if (!episodes_[number].open) continue;
      for (const Hold& hold : holds_of(episodes_[number], incident)) {
        if (hold.until) spans_[*hold.until].insert(number);
      }
    }
  }
  for (const auto& [id, kept] : picture) {
    for (const KeptAlert& alert : kept.alerts) {
      for (const Hold& hold : alert.holds) {
        if (hold.by.value == 0) continue;
        const Incident& holder = incidents_.at(hold.by);
        if (holder.limit || was_heard(holder, picture) || is_in_maintenance(holder, picture)) continue;
        if (!holds_due_ || holder.began + 1h < *holds_due_) holds_due_ = holder.began + 1h;
      }
    }
  }
  if (!spans_.empty() && (!holds_due_ || spans_.begin()->first < *holds_due_)) holds_due_ = spans_.begin()->first;
}

// An alert is looked at when a span of its own ends, and as the clock stands then.
void Contract::spans_end(Instant due) {
  spans_end_ = stale_holds_ = true;
  for (const std::size_t episode : spans_[due]) episodes_[episode].looked_at = at() - 1ms;
  holds_due_.reset();
}

// What it has kept back waits a while longer, unless another keeps it back by the same rule.
void Contract::give_grace(const Incident& ended) {
  if (ended.urgency == Urgency::high && !ended.service.empty()) ended_.push_back({ended.service, at()});
  leaving_ = ended.id;
  give_grace();
  leaving_.reset();
}

void Contract::give_grace(const Episode& ended) {
  leaving_source_ = ended.number;
  give_grace();
  leaving_source_.reset();
}

void Contract::wait_longer(Episode& alert, Urgency covers) {
  alert.graces.emplace(at() + policy_->correlation.recovery_grace, covers);
}

void Contract::give_grace() {
  const auto leaving = std::exchange(leaving_, std::nullopt);
  const auto leaving_source = std::exchange(leaving_source_, std::nullopt);
  const Picture before = look();
  leaving_ = leaving;
  leaving_source_ = leaving_source;
  for (const auto& [id, kept] : before) {
    if (leaving == id) continue;
    for (const KeptAlert& alert : kept.alerts) {
      const std::vector<Hold> after = holds_of(episodes_[alert.episode], incidents_.at(id));
      for (const Hold& hold : alert.holds) {
        if (hold.by.value == 0 || opened_.contains({id, hold.by})) continue;
        const bool remains = std::any_of(after.begin(), after.end(), [&](const Hold& other) {
          return other.kind == hold.kind && other.rule == hold.rule;
        });
        if (!remains) wait_longer(episodes_[alert.episode], hold.covers);
      }
    }
  }
}

// ---- silences

void Contract::on(const rules::SilenceSet& verb) {
  if (verb.to <= verb.from || verb.to <= now_.wall || verb.by.empty() || verb.matchers.empty()) {
    answer_.verdict = rules::VerdictCode::refused;
    return;
  }
  answer_.verdict = rules::VerdictCode::done;
  const bool holds = verb.from <= now_.wall;
  silences_[verb.id.empty() ? named_ : verb.id] = Silence{.kind = verb.kind,
                                                          .matchers = verb.matchers,
                                                          .from = std::max(verb.from, now_.wall),
                                                          .to = verb.to,
                                                          .holds = holds};
  stale_holds_ = true;
  find_boundary();
}

void Contract::on(const rules::SilenceExpired& verb) {
  const auto found = silences_.find(verb.id);
  if (found == silences_.end() || found->second.to <= now_.wall) {
    answer_.verdict = rules::VerdictCode::refused;
    return;
  }
  answer_.verdict = rules::VerdictCode::done;
  found->second.to = now_.wall;
  found->second.from = std::min(found->second.from, found->second.to);
  found->second.holds = false;
  stale_holds_ = true;
  find_boundary();
}

void Contract::on(const rules::ClockStepped& /*stepped*/) {
  look_at_calendar();
  look_at_turns();
}

// ---- flapping

void Contract::changed(const Episode& episode) {
  const rules::Flapping& limits = policy_->correlation.flapping;
  Flaps& flaps = flaps_[episode.key];
  flaps.episode = episode.number;
  flaps.changes.push_back(at());
  if (flaps.changes.size() > limits.changes) flaps.changes.erase(flaps.changes.begin());
  if (!flaps.flaps) {
    if (flaps.changes.size() < limits.changes || at() - flaps.changes.front() >= limits.within) return;
    flaps.flaps = true;
    ++met_["flapping"];
  }
  disarm(flaps.calm);
  flaps.calm = arm(at() + limits.calm, named(Due::calm, episode.key));
}

bool Contract::flaps(const Incident& incident) const {
  return std::any_of(flaps_.begin(), flaps_.end(), [&](const auto& one) {
    return one.second.flaps && episodes_[one.second.episode].incident == incident.id;
  });
}

void Contract::calm(const std::string& key) {
  Flaps& flapping = flaps_.at(key);
  flapping.calm.reset();
  flapping.flaps = false;
  flapping.changes.clear();
  Incident& incident = incidents_.at(episodes_[flapping.episode].incident);
  if (!is_open(incident.state) || incident.firing > 0 || flaps(incident)) return;
  ++met_["resolved when calm"];
  close(incident, false, "");
}

// ---- storms

// Its climb would start: counted, and true when a storm takes it instead.
bool Contract::is_folded(Incident& incident) {
  const Episode& first = episodes_[incident.episodes.front()];
  const std::string name = label(first, "alertname");
  if (first.own && name == "Storm") return false;
  const rules::StormLimits& limits = policy_->correlation.storm;
  Storm& storm = storms_[incident.tree];
  // So many as decide anything, and this one.
  while (storm.starts.size() > std::max(limits.incidents, limits.until_incidents)) storm.starts.pop_front();
  storm.starts.emplace_back(at(), incident.id);
  if (storm.folds) {
    rearm_folding(incident.tree);
    const bool is_severe = incident.severity + 1U >= policy_->severity.order.size();
    if (is_severe && storm.names.insert(name).second) {
      ++met_["severe and new in a storm"];
      return false;
    }
    fold(storm, incident);
    return true;
  }
  const auto began_lately = [&](const auto& start) { return start.first + limits.within > at(); };
  if (std::count_if(storm.starts.begin(), storm.starts.end(), began_lately) <= limits.incidents) return false;
  storm.folds = true;
  if (!storm.alert) {
    ++met_["a storm"];
    storm.alert = raise({{"alertname", "Storm"}, {"call_tree", incident.tree}}, incident.tree);
  }
  for (const auto& start : storm.starts) {
    if (!began_lately(start)) continue;
    Incident& one = incidents_.at(start.second);
    const bool is_on_its_own = one.storm.empty() && !one.waived && one.tree == incident.tree;
    const bool is_free = one.state == IncidentState::triggered && (!one.held || one.id == incident.id);
    if (is_free && is_on_its_own) fold(storm, one);
  }
  rearm_folding(incident.tree);
  return true;
}

void Contract::fold(Storm& storm, Incident& incident) {
  incident.storm = incident.tree;
  storm.members.insert(incident.id);
  storm.names.insert(label(episodes_[incident.episodes.front()], "alertname"));
  stale_holds_ = true;
  // Told already, and grown since.
  if (!storm.alert) return;
  Incident& its = incidents_.at(episodes_[*storm.alert].incident);
  if (its.state == IncidentState::acknowledged && its.members_acknowledged > 0 &&
      storm.members.size() >= 2 * its.members_acknowledged) {
    ++met_["a storm that doubled"];
    trigger_again(its, PageReason::ack_timeout, its.by, false);
  }
}

void Contract::leave_storm(Incident& incident) {
  if (incident.storm.empty()) return;
  Storm& storm = storms_[std::exchange(incident.storm, std::string{})];
  stale_holds_ = true;
  storm.members.erase(incident.id);
  if (!storm.members.empty() || !storm.alert) return;
  ++met_["a storm without members"];
  storm.folds = false;
  storm.names.clear();
  disarm(storm.check);
  lower(*std::exchange(storm.alert, std::nullopt));
}

// Folding stops when fewer have begun lately.
void Contract::judge_folding(const std::string& tree) {
  Storm& storm = storms_.at(tree);
  if (!storm.folds) return;
  const rules::StormLimits& limits = policy_->correlation.storm;
  const auto began_lately = [&](const auto& start) { return start.first + limits.until_within > at(); };
  if (std::count_if(storm.starts.begin(), storm.starts.end(), began_lately) >= limits.until_incidents) {
    rearm_folding(tree);
    return;
  }
  storm.folds = false;
  ++met_["a storm that folds no more"];
}

void Contract::rearm_folding(const std::string& tree) {
  Storm& storm = storms_.at(tree);
  const rules::StormLimits& limits = policy_->correlation.storm;
  disarm(storm.check);
  const std::size_t last = std::min<std::size_t>(limits.until_incidents, storm.starts.size());
  storm.check = arm(storm.starts[storm.starts.size() - last].first + limits.until_within, named(Due::folding, tree));
}

// ---- its own alerts

std::size_t Contract::raise(std::vector<std::pair<std::string, std::string>> labels, const std::string& tree) {
  labels.emplace_back(policy_->severity.label, policy_->severity.order.back());
  Episode episode{};
  episode.number = episodes_.size();
  episode.open = true;
  episode.own = true;
  Variant variant;
  variant.labels = rules::Labels{std::move(labels)};
  variant.firing = true;
  variant.severity = severity(variant.labels);
  variant.refreshed_at = at();
  episode.key = "own;" + alert_key(variant.labels);
  own_trees_[episode.key] = tree;
  episode.variants.push_back(std::move(variant));
  const std::size_t number = episode.number;
  episodes_.push_back(std::move(episode));
  changed(episodes_[number]);
  place(episodes_[number]);  // which may raise another
  return number;
}

void Contract::lower(std::size_t number) {
  Episode& episode = episodes_[number];
  if (episode.open) end_variant(episode, episode.variants.front());
}

void Contract::configure_heartbeats() {
  for (auto one = heartbeats_.begin(); one != heartbeats_.end();) {
    const bool is_there = std::any_of(policy_->heartbeats.begin(),
                                      policy_->heartbeats.end(),
                                      [&](const rules::Heartbeat& its) { return its.id == one->first; });
    if (is_there) {
      ++one;
      continue;
    }
    disarm(one->second.deadline);
    if (one->second.missed) lower(*one->second.missed);
    one = heartbeats_.erase(one);
  }
  for (const rules::Heartbeat& one : policy_->heartbeats) {
    heartbeats_.try_emplace(one.id, Beating{.since = at(), .last = {}, .deadline = {}, .missed = {}});
    judge_heartbeat(one.id);
  }
}

bool Contract::is_beat(const rules::Report& report) {
  for (const rules::Heartbeat& one : policy_->heartbeats) {
    if (one.matchers.empty() || !rules::all_match(one.matchers, report.labels)) continue;
    return true;
  }
  return false;
}

void Contract::on(const rules::Beat& said) {
  beat(said.heartbeat);
}

void Contract::beat(const std::string& name) {
  const auto found = heartbeats_.find(name);
  if (found == heartbeats_.end()) return;
  found->second.last = at();
  if (const auto missed = std::exchange(found->second.missed, std::nullopt)) lower(*missed);
  judge_heartbeat(name);
}

void Contract::judge_heartbeat(const std::string& name, bool has_come) {
  Beating& beating = heartbeats_.at(name);
  disarm(beating.deadline);
  if (beating.missed) return;
  const auto its = std::find_if(
      policy_->heartbeats.begin(), policy_->heartbeats.end(), [&](const auto& one) { return one.id == name; });
  const Instant due =
      std::max(beating.last.value_or(beating.since) + its->every + its->grace, started_at_ + its->grace);
  if (due > at() || !has_come) {
    beating.deadline = arm(due, named(Due::heartbeat, name));
    return;
  }
  ++met_["a heartbeat missed"];
  beating.missed = raise({{"alertname", "HeartbeatMissed"}, {"heartbeat", name}}, its->call_tree);
}

void Contract::on(const rules::BatchRefused& refused) {
  constexpr rules::Duration quiet = 10min;
  const auto found = refusals_.find(refused.source);
  if (found != refusals_.end()) {
    disarm(found->second.second);
    found->second.second = arm(at() + quiet, named(Due::refusals, refused.source));
    if (Episode& alert = episodes_[found->second.first]; alert.watched) refreshed_by_hand(alert);
    return;
  }
  ++met_["reports refused"];
  const std::size_t alert =
      raise({{"alertname", "ReportsRefused"}, {"source", refused.source}}, policy_->route.call_tree);
  refusals_[refused.source] = {alert, arm(at() + quiet, named(Due::refusals, refused.source))};
}

}  // namespace simulation
