#include "tests/simulation/contract.hpp"

#include <algorithm>
#include <utility>

#include "rules/route.hpp"

namespace simulation {

using namespace std::chrono_literals;
using rules::IncidentState;
using rules::PageReason;
using rules::SendOutcome;
using rules::Urgency;

// ---- the events

Contract::Answer Contract::take(const rules::Event& event, rules::Stamp stamp, const std::string& named) {
  now_ = stamp;
  named_ = named;
  answer_ = {};
  if (policy_ == nullptr && !std::holds_alternative<rules::PolicyLoaded>(event)) return {};
  std::visit([this](const auto& what) { on(what); }, event);
  settle_holds();
  for (const rules::IncidentId id : std::exchange(stale_, {})) settle_severity(incidents_.at(id));
  settle_desk();
  tell_of_what_was_said();
  return std::move(answer_);
}

std::optional<rules::Instant> Contract::next_due() const {
  std::optional<Instant> due = holds_due_;
  if (!deadlines_.empty() && (!due || deadlines_.begin()->first.first < *due)) due = deadlines_.begin()->first.first;
  if (calendar_due_ && (!due || *calendar_due_ < *due)) due = calendar_due_;
  return due;
}

Contract::Handle Contract::arm(Instant due, Deadline what) {
  const std::pair key{due, ++armed_};
  deadlines_.emplace(key, std::move(what));
  return key;
}

void Contract::disarm(Handle& handle) {
  if (handle) deadlines_.erase(*handle);
  handle.reset();
}

void Contract::on(const rules::ClockReached& reached) {
  for (std::size_t count = 0; count < rules::max_deadlines_an_event; ++count) {
    const std::optional<Instant> due = next_due();
    if (!due || *due > reached.until) {
      reached_ = std::max(reached_, reached.until);
      return;
    }
    reached_ = std::max(reached_, *due);
    // What is due at one instant comes in the order in which it was set, the calendar among it.
    const auto first = deadlines_.begin();
    const bool is_deadline = first != deadlines_.end() && first->first.first == *due;
    const bool is_calendar = calendar_due_ == due && (!is_deadline || calendar_armed_ < first->first.second);
    if (is_deadline && !is_calendar) {
      const Deadline deadline = std::move(first->second);
      deadlines_.erase(first);
      fire_deadline(deadline);
    } else if (is_calendar) {
      look_at_calendar();
      look_at_turns();
    } else {
      spans_end(*due);
    }
    // What happens at one instant is judged together.
    if (next_due() == due) continue;
    settle_holds();
    spans_end_ = false;
  }
}

void Contract::fire_deadline(const Deadline& deadline) {
  const auto found = incidents_.find(deadline.incident);
  Incident* const incident = found == incidents_.end() ? nullptr : &found->second;
  switch (deadline.kind) {
    case Due::wait:
      if (incident->state == IncidentState::triggered && incident->running) go_on(*incident);
      return;
    case Due::rule:
      if (incident->state == IncidentState::resolved) return;
      if (Call* const one = find_call(*incident, deadline.call)) {
        one->deadline.reset();
        run_rules(*incident, *one, false);
        settle_call(*incident, deadline.call);
      }
      return;
    case Due::ack_over:
    case Due::snooze_over:
      if (incident->state == IncidentState::acknowledged) {
        acknowledgement_over(*incident, deadline.kind == Due::snooze_over);
      }
      return;
    case Due::group_wait:
      group_wait_over(*incident);
      return;
    case Due::flush: {
      Queue& queue = queues_[deadline.contact];
      queue.flush.reset();
      queue.flush_at = at();
      touched_.insert(deadline.contact);
      return;
    }
    case Due::expiry:
      expiry_due(deadline.episode, deadline.variant);
      return;
    case Due::set_aside:
      set_aside_due(deadline.variant);
      return;
    case Due::calm:
      calm(deadline.variant);
      return;
    case Due::folding:
      judge_folding(deadline.variant);
      return;
    case Due::heartbeat:
      judge_heartbeat(deadline.variant, true);
      return;
    case Due::refusals:
      lower(refusals_.at(deadline.variant).first);
      refusals_.erase(deadline.variant);
      return;
    case Due::turns:
      turns_.reset();
      look_at_turns();
      return;
  }
}

void Contract::on(const rules::Started& /*started*/) {
  started_at_ = at();
  has_restarted_ = std::exchange(has_started_, true);
  for (auto& [id, message] : messages_) {
    message.marked = true;
    ask(id);
    if (message.withdrawn) answer_.withdrawn.push_back(id);
  }
  for (const auto& [name, beating] : heartbeats_) judge_heartbeat(name);
  look_at_calendar();
  look_at_turns();
}

// Open incidents stay at their step, by its target; another tree or a higher urgency starts the climb anew.
void Contract::on(const rules::PolicyLoaded& loaded) {
  const bool is_first = policy_ == nullptr;
  policy_ = loaded.policy;
  roster_.reset();
  if (is_first) {
    configure_heartbeats();
    look_at_calendar();
    return;
  }
  struct Move {
    Incident* incident;
    std::string tree;
    Urgency urgency;
    std::uint32_t step;
    bool anew;
  };
  std::vector<Move> moves;
  for (auto& [id, incident] : incidents_) {
    if (incident.state == IncidentState::resolved) continue;
    const Episode& opened_by = episodes_[incident.episodes.front()];
    const rules::Route its = route_of(opened_by, opened_by.variants.front().labels);
    Move move{.incident = &incident,
              .tree = its.call_tree,
              .urgency = std::max(urgency_of(its), incident.urgency),
              .step = incident.step,
              .anew = false};
    move.anew = move.tree != incident.tree || move.urgency != incident.urgency;
    if (move.anew) {
      move.step = 0;
    } else if (!incident.targets.empty()) {
      const std::vector<rules::Step>& steps = policy_->call_tree(move.tree)->steps;
      const bool is_there = incident.step < steps.size() && steps[incident.step].targets == incident.targets;
      for (std::size_t index = steps.size(); index-- > 0 && !is_there;) {
        if (steps[index].targets == incident.targets) move.step = static_cast<std::uint32_t>(index);
      }
    }
    moves.push_back(std::move(move));
  }
  for (Move& move : moves) {
    Incident& incident = *move.incident;
    incident.tree = move.tree;
    incident.urgency = move.urgency;
    if (!move.anew) {
      incident.step = move.step;
    } else if (incident.state == IncidentState::acknowledged) {
      incident.phase = Phase::idle;
      let_acknowledgement_run_out(incident);
    } else if (incident.held) {
      incident.climb_due = true;  // also of what was told once as long as it was low
    } else {
      start_climb(incident, PageReason::step);
    }
  }
  stale_holds_ = true;
  for (Episode& alert : episodes_) alert.looked_at = at() - 1ms;
  configure_heartbeats();
  look_at_calendar();
  look_at_turns();
  for (const auto& [to, queue] : queues_) {
    if (!queue.pages.empty() || !queue.notices.empty()) touched_.insert(to);
  }
}

// ---- alerts

const rules::Route& Contract::route(const rules::Labels& labels) const {
  return *rules::matching_routes(policy_->route, labels).front();
}

// The daemon's own alerts have a route of their own.
rules::Route Contract::route_of(const Episode& episode, const rules::Labels& labels) const {
  if (!episode.own) return route(labels);
  rules::Route its;
  its.path = "rouse/" + label(episode, "alertname");
  its.call_tree = own_trees_.at(episode.key);
  its.group_by = {"alertname", "heartbeat", "source", "call_tree"};
  return its;
}

std::string Contract::variant_key(const rules::Labels& labels) {
  std::string key;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    key.append(labels[index].name).append("=").append(labels[index].value).append(";");
  }
  return key;
}

std::string Contract::alert_key(const rules::Labels& labels) const {
  const std::vector<std::string>& ignored = policy_->identity.ignore_labels;
  std::string key;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    if (std::find(ignored.begin(), ignored.end(), labels[index].name) != ignored.end()) continue;
    key.append(labels[index].name).append("=").append(labels[index].value).append(";");
  }
  return key;
}

std::uint8_t Contract::severity(const rules::Labels& labels) const {
  return policy_->severity.rank(labels.find(policy_->severity.label));
}

Contract::Episode* Contract::open_episode(const std::string& key) {
  const auto found = std::find_if(
      episodes_.rbegin(), episodes_.rend(), [&](const Episode& one) { return one.open && one.key == key; });
  return found == episodes_.rend() ? nullptr : &*found;
}

void Contract::on(const rules::ReportsArrived& arrived) {
  heard_[arrived.source].push_back(at());
  for (const rules::Report& report : arrived.reports) {
    if (is_beat(report)) {
      if (report.status != rules::ReportStatus::firing) continue;
      for (const rules::Heartbeat& one : policy_->heartbeats) {
        if (!one.matchers.empty() && rules::all_match(one.matchers, report.labels)) beat(one.id);
      }
      continue;
    }
    const bool is_over = arrived.form == rules::ReportForm::api_v2 ? report.ends_at && *report.ends_at <= now_.wall
                                                                   : report.status == rules::ReportStatus::resolved;
    if (is_over) {
      end(report);
      continue;
    }
    // Older than an end that is known: set aside until that end is two minutes old.
    const auto known = known_ends_.find(variant_key(report.labels));
    if (known != known_ends_.end()) {
      known->second.set_aside.reset();
      if (report.starts_at && *report.starts_at < known->second.ends_at) {
        known->second.set_aside = report;
        known->second.source = arrived.source;
        known->second.form = arrived.form;
        continue;
      }
    }
    fire(report, arrived.source, arrived.form);
  }
}

void Contract::fire(const rules::Report& report, const std::string& source, rules::ReportForm form) {
  const std::string key = alert_key(report.labels);
  Episode* episode = open_episode(key);
  const bool is_new = episode == nullptr;
  if (is_new) {
    Episode begun{};
    begun.number = episodes_.size();
    begun.key = key;
    begun.open = true;
    episodes_.push_back(std::move(begun));
    episode = &episodes_.back();
  }
  std::uint8_t before = 0;
  for (const Variant& one : episode->variants) {
    if (one.firing) before = std::max(before, one.severity);
  }
  auto variant = std::find_if(episode->variants.begin(), episode->variants.end(), [&](const Variant& one) {
    return one.labels == report.labels;
  });
  if (variant == episode->variants.end()) {
    episode->variants.push_back(Variant{});
    variant = std::prev(episode->variants.end());
    variant->labels = report.labels;
    variant->severity = severity(report.labels);
  }
  const bool fired_already = variant->firing;
  variant->firing = true;
  refresh(*episode, *variant, report, source, form);
  if (!fired_already) stale_holds_ = true;
  if (is_new) {
    changed(*episode);
    place(*episode);
    return;
  }
  if (!fired_already && variant->severity > before) rise(*episode, *variant);
  if (episode->watched) refreshed_by_hand(*episode);
}

void Contract::refresh(Episode& episode,
                       Variant& variant,
                       const rules::Report& report,
                       const std::string& source,
                       rules::ReportForm form) {
  const bool is_v2 = form == rules::ReportForm::api_v2;
  variant.refreshed_at = at();
  variant.starts_at = report.starts_at;
  if (!variant.starts_at && is_v2) variant.starts_at = now_.wall;
  variant.source = source;
  if (!is_v2) {
    variant.expires_at.reset();
    return;
  }
  variant.expires_at = at() + (report.ends_at ? *report.ends_at - now_.wall : Duration{5min});
  if (variant.expiry_due && *variant.expiry_due <= *variant.expires_at) return;
  arm(*variant.expires_at,
      Deadline{.kind = Due::expiry,
               .incident = {},
               .call = 0,
               .contact = {},
               .episode = episode.number,
               .variant = variant_key(variant.labels)});
  variant.expiry_due = variant.expires_at;
}

void Contract::expiry_due(std::size_t episode_number, const std::string& key) {
  Episode& episode = episodes_[episode_number];
  const auto variant = std::find_if(episode.variants.begin(), episode.variants.end(), [&](const Variant& one) {
    return variant_key(one.labels) == key;
  });
  variant->expiry_due.reset();
  if (!variant->firing || !variant->expires_at) return;
  const Instant judged = std::max(*variant->expires_at, started_at_ + 5min);
  if (judged > at()) {
    const Instant due = *variant->expires_at > at() ? *variant->expires_at : judged;
    arm(due,
        Deadline{
            .kind = Due::expiry, .incident = {}, .call = 0, .contact = {}, .episode = episode_number, .variant = key});
    variant->expiry_due = due;
    return;
  }
  // It ended, if whoever reported it was heard and no longer did; silence of the source proves nothing.
  const Instant half = variant->refreshed_at + (*variant->expires_at - variant->refreshed_at) / 2;
  const std::vector<Instant>& heard = heard_[variant->source];
  const bool was_heard =
      std::any_of(heard.begin(), heard.end(), [&](Instant one) { return one >= half && one <= *variant->expires_at; });
  if (was_heard) end_variant(episode, *variant);
}

void Contract::end(const rules::Report& report) {
  Episode* const episode = open_episode(alert_key(report.labels));
  Variant* variant = nullptr;
  if (episode != nullptr) {
    for (Variant& one : episode->variants) {
      if (one.labels == report.labels && one.firing) variant = &one;
    }
  }
  if (variant != nullptr && report.ends_at && variant->starts_at && *report.ends_at < *variant->starts_at) return;
  const std::string key = variant_key(report.labels);
  KnownEnd& known = known_ends_[key];
  disarm(known.deadline);
  known.ends_at = std::max(known.ends_at, report.ends_at.value_or(now_.wall));
  known.set_aside.reset();
  known.deadline =
      arm(at() + 2min,
          Deadline{.kind = Due::set_aside, .incident = {}, .call = 0, .contact = {}, .episode = 0, .variant = key});
  if (variant == nullptr) return;
  variant->refreshed_at = at();
  end_variant(*episode, *variant);
}

void Contract::set_aside_due(const std::string& key) {
  const auto known = known_ends_.find(key);
  if (known == known_ends_.end()) return;
  const KnownEnd end = std::move(known->second);
  known_ends_.erase(known);
  if (end.set_aside) fire(*end.set_aside, end.source, end.form);
}

void Contract::end_variant(Episode& episode, Variant& variant) {
  stale_holds_ = true;
  Incident& incident = incidents_.at(episode.incident);
  const bool is_last = std::count_if(episode.variants.begin(), episode.variants.end(), [](const Variant& one) {
                         return one.firing;
                       }) == 1;
  if (is_last) give_grace(episode);
  variant.firing = false;
  variant.expires_at.reset();
  if (std::any_of(episode.variants.begin(), episode.variants.end(), [](const Variant& one) { return one.firing; })) {
    stale_.insert(incident.id);
    return;
  }
  episode.open = false;
  --incident.firing;
  changed(episode);
  if (incident.state == IncidentState::resolved) return;
  if (incident.firing == 0) {
    if (!flaps(incident)) close(incident, false, "");
  } else {
    stale_.insert(incident.id);
  }
}

void Contract::settle_severity(Incident& incident) {
  std::optional<std::uint8_t> highest;
  for (const std::size_t number : incident.episodes) {
    for (const Variant& variant : episodes_[number].variants) {
      if (variant.firing) highest = std::max(highest.value_or(0), variant.severity);
    }
  }
  if (highest) incident.severity = *highest;
}

void Contract::place(Episode& episode) {
  const Variant& variant = episode.variants.front();
  const rules::Route its = route_of(episode, variant.labels);
  const Urgency urgency = urgency_of(its);
  std::string key = its.path;
  for (const std::string& name : its.group_by) key.append("|").append(variant.labels.find(name));
  const auto keyed = by_key_.find(key);
  Incident* incident = keyed == by_key_.end() ? nullptr : &incidents_.at(keyed->second);
  const bool is_open = incident != nullptr && incident->state != IncidentState::resolved;
  const bool joins =
      is_open || (incident != nullptr && at() < incident->resolved_at + policy_->correlation.reopen_within);
  if (!joins) {
    const rules::IncidentId id{++last_incident_};
    incident = &incidents_[id];
    incident->id = id;
    incident->tree = its.call_tree;
    incident->urgency = urgency;
    incident->service = variant.labels.find(policy_->service_label);
    by_key_[key] = id;
  }
  incident->episodes.push_back(episode.number);
  ++incident->firing;
  episode.incident = incident->id;
  if (!joins) {
    incident->severity = variant.severity;
    begin(*incident, its, PageReason::first, false);
  } else if (!is_open) {
    settle_severity(*incident);
    reopen(*incident, its, urgency, false);
  } else {
    if (variant.severity > incident->severity || incident->firing == 1) incident->severity = variant.severity;
    const auto flapping = flaps_.find(episode.key);
    const bool is_flapping = flapping != flaps_.end() && flapping->second.flaps;
    const bool rose = incident->severity > incident->severity_acknowledged;
    if (incident->state == IncidentState::acknowledged && (rose || !is_flapping)) {
      judge_acknowledgement(*incident, false, true);
    }
  }
}

void Contract::rise(Episode& episode, const Variant& variant) {
  Incident& incident = incidents_.at(episode.incident);
  const rules::Route its = route_of(episode, variant.labels);
  const Urgency urgency = std::max(urgency_of(its), incident.urgency);
  const bool is_worse = variant.severity > incident.severity;
  incident.severity = std::max(incident.severity, variant.severity);
  const bool moves = urgency > incident.urgency || its.call_tree != incident.tree;
  if (incident.state == IncidentState::resolved) {
    reopen(incident, its, urgency, true);
    return;
  }
  incident.urgency = urgency;
  incident.tree = its.call_tree;
  if (is_worse && !incident.storm.empty()) {
    ++met_["out of a storm by its severity"];
    leave_storm(incident);
  }
  if (incident.state == IncidentState::acknowledged) {
    judge_acknowledgement(incident, moves, true);
    if (moves) let_acknowledgement_run_out(incident);
  } else if (incident.held) {
    if (moves) incident.climb_due = true;  // though it was told once
    if (is_held_now(incident, look())) return;
    // Risen, it is held no longer, which is no beginning that counts for a storm.
    incident.held = incident.kept_by_alerts = false;
    incident.held_by.clear();
    if (!incident.climb_due) return;
    start_climb(incident, PageReason::severity_rise);
  } else if (moves && incident.urgency != Urgency::none) {
    start_climb(incident, PageReason::severity_rise);
  }
}

// Resolved by hand, it rests for an hour; the first report after that brings it back.
void Contract::refreshed_by_hand(Episode& episode) {
  Incident& incident = incidents_.at(episode.incident);
  const bool rests = incident.state == IncidentState::resolved && incident.by_hand;
  if (rests && at() < incident.resolved_at + 1h) return;
  episode.watched = false;
  if (!rests) return;
  const rules::Route its = route_of(episode, episode.variants.front().labels);
  settle_severity(incident);
  reopen(incident, its, std::max(urgency_of(its), incident.urgency), true);
}

// ---- incidents

void Contract::begin(Incident& incident, const rules::Route& its, PageReason reason, bool at_once) {
  incident.reason = incident.began_as = reason;
  incident.began = at();
  incident.had_by_somebody.clear();
  for (const auto& [id, other] : incidents_) {
    if (other.state == IncidentState::acknowledged) incident.had_by_somebody.insert(id);
  }
  incident.held = incident.kept_by_alerts = incident.kept_for_more = false;
  incident.heard = incident.limit = incident.waived = incident.climbed = false;
  incident.late.reset();
  incident.climb_due = true;
  stale_holds_ = true;
  if (incident.urgency == Urgency::none) return;
  if (!at_once && its.group_wait > Duration::zero()) {
    incident.waits_until = at() + its.group_wait;
    incident.group_wait = arm(*incident.waits_until, of_incident(Due::group_wait, incident.id));
  }
  judge(incident, look());
}

void Contract::reopen(Incident& incident, const rules::Route& its, Urgency urgency, bool at_once) {
  incident.state = IncidentState::triggered;
  incident.by.clear();
  incident.by_hand = false;
  incident.snoozed = false;
  free_numbers(incident, std::nullopt);
  incident.paged.clear();
  incident.urgency = urgency;
  incident.tree = its.call_tree;
  incident.phase = Phase::idle;
  incident.running = false;
  incident.step = incident.round = 0;
  incident.anybody = false;
  incident.targets.clear();
  begin(incident, its, PageReason::reopened, at_once);
}

void Contract::close(Incident& incident, bool by_hand, const std::string& by) {
  give_grace(incident);
  stale_holds_ = true;
  incident.held = incident.climb_due = false;
  answer_.closed.emplace_back(incident.id, last_page_);
  incident.state = IncidentState::resolved;
  incident.resolved_at = at();
  incident.by_hand = by_hand;
  incident.snoozed = false;
  if (by_hand) incident.by = by;
  disarm(incident.acknowledgement);
  disarm(incident.group_wait);
  incident.waits_until.reset();
  stop_climb(incident);
  queue_notices(incident, rules::NoticeKind::ended, by);
  if (std::exchange(incident.published, false)) publish(incident, rules::NoticeKind::ended, by, "");
  free_numbers(incident, at() + 24h);
  leave_storm(incident);
  for (auto& [name, storm] : storms_) {
    if (!by_hand || !storm.alert || episodes_[*storm.alert].incident != incident.id) continue;
    // Its members are on their own, after a while.
    const std::set<rules::IncidentId> members = std::exchange(storm.members, {});
    for (const rules::IncidentId id : members) {
      incidents_.at(id).storm.clear();
      for (const std::size_t number : incidents_.at(id).episodes) {
        if (episodes_[number].open) wait_longer(episodes_[number], Urgency::high);
      }
    }
    ++met_["a storm resolved by hand"];
    storm.folds = false;
    storm.names.clear();
    disarm(storm.check);
    lower(*std::exchange(storm.alert, std::nullopt));
  }
  if (!by_hand) return;
  for (const std::size_t number : incident.episodes) {
    if (episodes_[number].open) episodes_[number].watched = true;
  }
}

void Contract::judge_acknowledgement(Incident& incident, bool from_step_1, bool has_news) {
  if (incident.held) return;
  const bool rose = incident.severity > incident.severity_acknowledged;
  const bool is_old = has_news && !incident.snoozed && at() - incident.acknowledged_at > 1h;
  if (!rose && incident.firing <= 2 * incident.firing_acknowledged && !is_old) return;
  trigger_again(incident, rose ? PageReason::severity_rise : PageReason::ack_timeout, incident.by, from_step_1);
}

void Contract::let_acknowledgement_run_out(Incident& incident) {
  if (incident.state != IncidentState::acknowledged || incident.urgency != Urgency::high || incident.late) return;
  if (incident.acknowledgement && deadlines_.contains(*incident.acknowledgement)) return;
  const Duration lasts = tree(incident).ack_timeout;
  if (lasts <= Duration::zero()) return;
  incident.acknowledgement = arm(at() + lasts, of_incident(Due::ack_over, incident.id));
}

void Contract::acknowledgement_over(Incident& incident, bool was_snooze) {
  incident.acknowledgement.reset();
  if (incident.held) {
    incident.late = was_snooze ? Due::snooze_over : Due::ack_over;
    return;
  }
  trigger_again(incident, was_snooze ? PageReason::snooze_end : PageReason::ack_timeout, incident.by, false);
}

void Contract::group_wait_over(Incident& incident) {
  incident.group_wait.reset();
  incident.waits_until.reset();
  stale_holds_ = true;
  judge(incident, look());
}

// ---- what people do

Contract::Incident* Contract::open_for_verb(rules::IncidentId id) {
  const auto found = incidents_.find(id);
  if (found == incidents_.end()) {
    answer_.verdict = rules::VerdictCode::unknown_incident;
    return nullptr;
  }
  const bool is_resolved = found->second.state == IncidentState::resolved;
  answer_.verdict = is_resolved ? rules::VerdictCode::already_resolved : rules::VerdictCode::done;
  return is_resolved ? nullptr : &found->second;
}

void Contract::acknowledge(Incident& incident, const std::string& by, Duration lasts, bool is_snooze) {
  const bool is_told = incident.state != IncidentState::acknowledged || incident.by != by;
  stop_climb(incident);
  answer_.closed.emplace_back(incident.id, last_page_);
  incident.state = IncidentState::acknowledged;
  incident.by = by;
  incident.acknowledged_at = at();
  incident.snoozed = is_snooze;
  incident.severity_acknowledged = incident.severity;
  incident.firing_acknowledged = incident.firing;
  incident.heard = incident.climbed = true;
  incident.late.reset();
  for (const auto& [name, storm] : storms_) {
    if (storm.alert && episodes_[*storm.alert].incident == incident.id) {
      incident.members_acknowledged = storm.members.size();
    }
  }
  disarm(incident.acknowledgement);
  if (lasts > Duration::zero()) {
    incident.acknowledgement =
        arm(at() + lasts, of_incident(is_snooze ? Due::snooze_over : Due::ack_over, incident.id));
  }
  if (is_told) queue_notices(incident, rules::NoticeKind::acknowledged, by);
}

void Contract::on(const rules::Acknowledge& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  acknowledge(
      *incident, verb.by, incident->urgency == Urgency::high ? tree(*incident).ack_timeout : Duration::zero(), false);
}

void Contract::on(const rules::Snooze& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  if (verb.length <= Duration::zero() || verb.length > 24h) {
    answer_.verdict = rules::VerdictCode::refused;
    return;
  }
  acknowledge(*incident, verb.by, verb.length, true);
}

void Contract::on(const rules::Escalate& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  if (incident->urgency != Urgency::high) {
    answer_.verdict = rules::VerdictCode::refused;
    return;
  }
  disarm(incident->acknowledgement);
  incident->state = IncidentState::triggered;
  incident->by.clear();
  incident->snoozed = false;
  if (incident->held) {
    incident->reason = release_reason(*incident);
    leave_storm(*incident);
    incident->waived = true;
    ++met_["waived"];
    incident->held = incident->kept_by_alerts = incident->climb_due = false;
    stale_holds_ = true;
  }
  incident->late.reset();
  disarm(incident->group_wait);
  incident->waits_until.reset();
  // Whoever escalated is not called further.
  if (Call* const one = find_call(*incident, verb.by)) disarm(one->deadline);
  std::erase_if(incident->calls, [&](const Call& one) { return one.person == verb.by; });
  std::erase(incident->people, verb.by);
  cancel_pages(*incident, &verb.by);
  go_on(*incident);
}

void Contract::on(const rules::CallIn& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  const std::optional<rules::Target> target = policy_->target(verb.who);
  const std::vector<std::string> people = target ? on_call({*target}) : std::vector<std::string>{};
  if (people.empty()) {
    answer_.verdict = rules::VerdictCode::refused;
    return;
  }
  for (const std::string& person : people) {
    call(*incident, person, Entry{.reason = PageReason::called, .step = 0, .round = 0, .beside = true, .low = false});
  }
}

void Contract::on(const rules::Resolve& verb) {
  if (Incident* const incident = open_for_verb(verb.incident)) close(*incident, true, verb.by);
}

void Contract::on(const rules::Note& verb) {
  (void)open_for_verb(verb.incident);
}

// ---- the climb

const rules::CallTree& Contract::tree(const Incident& incident) const {
  return *policy_->call_tree(incident.tree);
}

std::vector<std::string> Contract::on_call(const std::vector<rules::Target>& targets) {
  std::vector<std::string> people;
  for (const rules::OnCall& one : roster_.on_call(*policy_, targets, now_.wall)) people.push_back(one.person);
  return people;
}

Contract::Call* Contract::find_call(Incident& incident, const std::string& person) {
  const auto found =
      std::find_if(incident.calls.begin(), incident.calls.end(), [&](const Call& one) { return one.person == person; });
  return found == incident.calls.end() ? nullptr : &*found;
}

Contract::Call* Contract::find_call(Incident& incident, std::uint32_t number) {
  const auto found =
      std::find_if(incident.calls.begin(), incident.calls.end(), [&](const Call& one) { return one.number == number; });
  return found == incident.calls.end() ? nullptr : &*found;
}

void Contract::stop_climb(Incident& incident) {
  disarm(incident.wait);
  for (Call& one : incident.calls) disarm(one.deadline);
  incident.calls.clear();
  incident.people.clear();
  incident.running = false;
  cancel_pages(incident, nullptr);
}

// Whoever was called in beside the climb goes on being called.
void Contract::stop_entry(Incident& incident) {
  disarm(incident.wait);
  for (Call& one : incident.calls) {
    if (one.beside) continue;
    disarm(one.deadline);
    cancel_pages(incident, &one.person);
  }
  std::erase_if(incident.calls, [](const Call& one) { return !one.beside; });
  incident.people.clear();
  incident.running = false;
}

void Contract::start_climb(Incident& incident, PageReason reason) {
  if (incident.urgency == Urgency::none) return;
  incident.climb_due = false;
  stop_entry(incident);
  incident.phase = Phase::idle;
  incident.step = incident.round = 0;
  incident.anybody = false;
  incident.targets.clear();
  incident.reason = reason;
  if (incident.urgency == Urgency::low) {
    tell_once(incident, 0);
    return;
  }
  enter(incident, 0, 0, true);
  if (incident.published || !incident.climbed || policy_->publish.empty()) return;
  incident.published = true;
  publish(incident, rules::NoticeKind::outage, "", "");
}

void Contract::trigger_again(Incident& incident, PageReason reason, const std::string& holder, bool from_step_1) {
  const std::string had_it = holder;
  disarm(incident.acknowledgement);
  incident.state = IncidentState::triggered;
  incident.snoozed = false;
  incident.climb_due = false;
  incident.by.clear();
  if (incident.urgency == Urgency::none) return;
  stop_entry(incident);
  incident.reason = reason;
  std::vector<std::string> also;
  if (policy_->person(had_it) != nullptr) also.push_back(had_it);
  if (incident.urgency == Urgency::low) {
    tell_once(incident, 0, also);
  } else if (from_step_1 || incident.phase != Phase::climbing) {
    incident.anybody = false;
    enter(incident, 0, 0, true, also);
  } else {
    enter(incident, incident.step, incident.round, true, also);
  }
}

void Contract::go_on(Incident& incident) {
  switch (incident.phase) {
    case Phase::idle:
      start_climb(incident, incident.reason);
      return;
    case Phase::climbing:
      enter(incident, incident.step + 1, incident.round, false);
      return;
    case Phase::last_resort:
      call_last_resort(incident, {});
      return;
    case Phase::begins_again:
      incident.anybody = false;
      incident.reason = PageReason::repeat;
      enter(incident, 0, 0, true);
      return;
  }
}

void Contract::begin_entry(Incident& incident, const std::vector<rules::Target>& targets) {
  ++incident.entry;
  incident.running = true;
  incident.targets = targets;
  incident.people.clear();
  std::erase_if(incident.calls, [](const Call& one) { return one.ended; });
}

void Contract::enter(
    Incident& incident, std::uint32_t step, std::uint32_t round, bool is_first, std::vector<std::string> also) {
  const rules::CallTree& its = tree(incident);
  disarm(incident.wait);
  incident.phase = Phase::climbing;
  for (;; ++step) {
    if (step >= its.steps.size()) {
      if (!incident.anybody || round >= its.repeat) {
        call_last_resort(incident, also);
        return;
      }
      ++round;
      step = 0;
      incident.anybody = false;
    }
    incident.step = step;
    incident.round = round;
    std::vector<std::string> people = also;
    for (const std::string& person : on_call(its.steps[step].targets)) {
      incident.anybody = true;
      if (std::find(people.begin(), people.end(), person) == people.end()) people.push_back(person);
    }
    if (people.empty()) continue;
    begin_entry(incident, its.steps[step].targets);
    PageReason reason = round > 0 ? PageReason::repeat : PageReason::step;
    if (is_first) reason = incident.reason;
    call_all(
        incident, people, Entry{.reason = reason, .step = step + 1, .round = round + 1, .beside = false, .low = false});
    is_first = false;
    also.clear();
    if (nobody_reachable(incident)) continue;
    disarm(incident.wait);
    incident.wait = arm(at() + its.steps[step].wait, of_incident(Due::wait, incident.id));
    return;
  }
}

void Contract::call_last_resort(Incident& incident, const std::vector<std::string>& also) {
  const rules::CallTree& its = tree(incident);
  incident.phase = Phase::last_resort;
  std::vector<std::string> people = on_call(its.last_resort.targets);
  const auto add = [&people](const std::string& person) {
    if (std::find(people.begin(), people.end(), person) == people.end()) people.push_back(person);
  };
  if (people.empty()) {
    for (const rules::Step& step : its.steps) {
      for (const std::string& person : on_call(step.targets)) add(person);
    }
  }
  if (people.empty()) {
    for (const rules::Step& step : its.steps) {
      for (const rules::Target& target : step.targets) {
        if (target.kind == rules::TargetKind::person) add(target.id);
        if (const rules::Rotation* one = policy_->rotation(target.id);
            target.kind == rules::TargetKind::rotation && one) {
          for (const std::string& member : one->members) add(member);
        }
      }
    }
  }
  for (const std::string& person : also) {
    if (std::find(people.begin(), people.end(), person) == people.end()) people.insert(people.begin(), person);
  }
  begin_entry(incident, its.last_resort.targets);
  call_all(
      incident, people, Entry{.reason = PageReason::last_resort, .step = 0, .round = 0, .beside = false, .low = false});
  if (people.empty() || nobody_reachable(incident)) {
    begin_again_later(incident);
    return;
  }
  disarm(incident.wait);
  incident.wait = arm(at() + its.last_resort.every, of_incident(Due::wait, incident.id));
}

void Contract::begin_again_later(Incident& incident) {
  incident.phase = Phase::begins_again;
  disarm(incident.wait);
  incident.wait = arm(at() + 1min, of_incident(Due::wait, incident.id));
}

void Contract::tell_once(Incident& incident, std::uint32_t step, const std::vector<std::string>& also) {
  const rules::CallTree& its = tree(incident);
  for (; step < its.steps.size(); ++step) {
    std::vector<std::string> people = also;
    for (const std::string& person : on_call(its.steps[step].targets)) {
      if (std::find(people.begin(), people.end(), person) == people.end()) people.push_back(person);
    }
    if (people.empty()) continue;
    incident.phase = Phase::climbing;
    incident.step = step;
    incident.round = 0;
    begin_entry(incident, its.steps[step].targets);
    call_all(
        incident, people, Entry{.reason = incident.reason, .step = step + 1, .round = 1, .beside = false, .low = true});
    if (!nobody_reachable(incident)) return;
  }
}

void Contract::call_all(Incident& incident, const std::vector<std::string>& people, const Entry& entry) {
  for (const std::string& person : people) {
    incident.people.push_back(person);
    call(incident, person, entry);
  }
}

void Contract::call(Incident& incident, const std::string& person, const Entry& entry) {
  bool was_reached = false;
  if (Call* const running = find_call(incident, person)) {
    if (!running->ended && running->low && !entry.low) {
      disarm(running->deadline);
      cancel_pages(incident, &person);
    } else if (!running->ended) {
      // Still being called: not a second time. What is reached from now on counts for the new step.
      if (!entry.beside && running->entry != incident.entry) {
        running->entry = incident.entry;
        running->reached = false;
      }
      return;
    }
    was_reached = entry.beside && running->reached && running->entry == incident.entry;
    std::erase_if(incident.calls, [&](const Call& one) { return one.person == person; });
  }
  Call begun;
  begun.number = ++incident.last_call;
  begun.person = person;
  begun.reason = entry.reason;
  begun.beside = entry.beside;
  begun.low = entry.low;
  begun.step = entry.step;
  begun.round = entry.round;
  begun.entry = entry.beside ? 0 : incident.entry;
  begun.started = at();
  begun.reached = was_reached;
  incident.heard = true;
  incident.climbed = incident.climbed || !entry.beside;
  if (const rules::Person* const one = policy_->person(person)) begun.rules = entry.low ? one->low : one->high;
  incident.calls.push_back(std::move(begun));
  run_rules(incident, incident.calls.back(), false);
}

bool Contract::run_next_rule(Incident& incident, Call& call) {
  const rules::NotifyRule& rule = call.rules[call.next_rule++];
  const rules::Person* const person = policy_->person(call.person);
  if (person == nullptr || person->contact(rule.contact) == nullptr) return false;
  const Address to{call.person, rule.contact};
  // One that still waits there says the same.
  for (const auto& [id, page] : pages_) {
    if (page.incident == incident.id && page.message.value == 0 && page.person == to.first &&
        page.contact == to.second) {
      return false;
    }
  }
  const rules::PageId id{++last_page_};
  pages_[id] = Page{.id = id,
                    .incident = incident.id,
                    .person = to.first,
                    .contact = to.second,
                    .reason = call.reason,
                    .step = call.step,
                    .round = call.round,
                    .call = call.number,
                    .queued_at = at(),
                    .first = incident.paged.empty(),
                    .marked = call.doubtful,
                    .message = {}};
  incident.records[id] =
      Record{.person = call.person, .queued_at = at(), .marked = call.doubtful, .has_arrived = false};
  queues_[to].pages.push_back(id);
  touched_.insert(to);
  ++call.open_pages;
  return true;
}

void Contract::run_rules(Incident& incident, Call& call, bool next_at_once) {
  disarm(call.deadline);
  while (call.next_rule < call.rules.size()) {
    if (call.started + call.rules[call.next_rule].after > at() && !next_at_once) break;
    if (run_next_rule(incident, call)) {
      next_at_once = false;
    } else if (call.open_pages == 0) {
      next_at_once = true;
    }
  }
  if (call.next_rule < call.rules.size()) {
    call.deadline =
        arm(call.started + call.rules[call.next_rule].after, of_incident(Due::rule, incident.id, call.number));
  } else if (call.open_pages == 0) {
    call.ended = true;
  }
}

bool Contract::nobody_reachable(const Incident& incident) {
  return !incident.people.empty() &&
         std::all_of(incident.people.begin(), incident.people.end(), [&](const std::string& person) {
           return std::any_of(incident.calls.begin(), incident.calls.end(), [&](const Call& one) {
             return one.person == person && one.ended && !one.reached;
           });
         });
}

void Contract::page_ended(const Page& page, SendOutcome outcome) {
  const auto found = incidents_.find(page.incident);
  if (found == incidents_.end()) return;
  Incident& incident = found->second;
  Call* const one = find_call(incident, page.call);
  if (one == nullptr) return;
  --one->open_pages;
  one->reached = one->reached || outcome != SendOutcome::refused;
  one->doubtful = one->doubtful || outcome == SendOutcome::unanswered;
  run_rules(incident, *one, outcome != SendOutcome::accepted);
  settle_call(incident, page.call);
}

void Contract::settle_call(Incident& incident, std::uint32_t number) {
  const Call* const one = find_call(incident, number);
  if (one == nullptr || !one->ended || one->reached) return;
  if (one->entry != incident.entry || !nobody_reachable(incident)) return;
  if (!incident.running || incident.state != IncidentState::triggered) return;
  if (incident.urgency == Urgency::low) {
    tell_once(incident, incident.step + 1);
  } else if (incident.phase == Phase::last_resort) {
    begin_again_later(incident);
  } else if (incident.phase == Phase::climbing) {
    enter(incident, incident.step + 1, incident.round, false);
  }
}

// ---- the desk

void Contract::queue_notices(const Incident& incident, rules::NoticeKind kind, const std::string& by) {
  std::set<std::string> told;
  for (const Address& to : incident.paged) {
    const bool is_voice = to.second == "voice" || to.second.starts_with("voice.");
    if (to.first == by || is_voice || !told.insert(to.first).second) continue;
    queues_[to].notices.push_back(Notice{.incident = incident.id, .kind = kind, .by = by, .text = "", .turn = ""});
    touched_.insert(to);
  }
  if (kind != rules::NoticeKind::ended) return;
  for (const std::string& who : incident.followers) {
    if (who != by && told.insert(who).second) {
      tell_follower(incident, who, Notice{.incident = incident.id, .kind = kind, .by = by, .text = "", .turn = ""});
    }
  }
}

void Contract::cancel_pages(Incident& incident, const std::string* person) {
  for (auto one = pages_.begin(); one != pages_.end();) {
    const Page& page = one->second;
    if (page.incident != incident.id || (person != nullptr && page.person != *person)) {
      ++one;
      continue;
    }
    if (page.message.value == 0) {
      const Address to{page.person, page.contact};
      std::erase(queues_[to].pages, page.id);
      touched_.insert(to);
    } else if (const auto message = messages_.find(page.message); message != messages_.end()) {
      std::erase(message->second.alive, page.id);
      if (!message->second.withdrawn) answer_.withdrawn.push_back(page.message);
      message->second.withdrawn = true;
    }
    one = pages_.erase(one);
  }
}

rules::Instant Contract::may_leave_at(Queue& queue) const {
  if (!queue.ever_sent) return at();
  const rules::Budget& budget = policy_->budget;
  std::erase_if(queue.sent, [&](Instant sent) { return sent + budget.within <= at(); });
  const Instant gathered = std::max(at(), queue.last_sent + 1s);
  if (budget.pages == 0 || queue.sent.size() < budget.pages) return gathered;
  const Instant refilled = queue.sent[queue.sent.size() - budget.pages] + budget.within;
  return std::max(gathered, std::min(queue.last_sent + 60s, refilled));
}

bool Contract::has_provider(const Message& message, std::uint32_t index) const {
  const rules::Channel* const channel = policy_->channel(message.channel);
  return channel != nullptr && index < channel->providers.size();
}

void Contract::ask(rules::MessageId id) {
  const Message& message = messages_.at(id);
  answer_.asks.push_back(Ask{.message = id,
                             .provider = message.provider,
                             .to = message.to,
                             .marked = message.marked,
                             .pages = message.pages,
                             .notices = message.notices,
                             .composed_at = message.composed_at});
}

void Contract::settle_desk() {
  std::vector<rules::MessageId> leaving;
  while (!touched_.empty()) {
    const std::set<Address> touched = std::exchange(touched_, {});
    for (const Address& to : touched) leave(to, leaving);
  }
  for (const rules::MessageId id : leaving) ask(id);
}

void Contract::leave(const Address& to, std::vector<rules::MessageId>& leaving) {
  Queue& queue = queues_[to];
  if (queue.pages.empty() && queue.notices.empty()) {
    disarm(queue.flush);
    return;
  }
  const Deadline flush{.kind = Due::flush, .incident = {}, .call = 0, .contact = to, .episode = 0, .variant = {}};
  if (queue.flush && queue.flush_at <= at()) return;  // at the end of its second, after the events of that instant
  const Instant due = may_leave_at(queue);
  const bool has_gathered = queue.flush.has_value() || queue.flush_at == at();
  if (due > at()) {
    if (!queue.flush || queue.flush_at != due) {
      disarm(queue.flush);
      queue.flush = arm(due, flush);
      queue.flush_at = due;
    }
    return;
  }
  disarm(queue.flush);

  const rules::MessageId id{++last_message_};
  Message message;
  message.to = to;
  message.composed_at = at();
  const rules::Person* const person = policy_->person(to.first);
  const rules::Contact* const contact = person == nullptr ? nullptr : person->contact(to.second);
  message.channel = contact != nullptr ? contact->channel : to.second.substr(0, to.second.find('.'));
  const rules::Publication* const published = publication(to);
  if (published != nullptr) message.channel = published->channel;
  if (!queue.pages.empty()) {
    std::sort(queue.pages.begin(), queue.pages.end(), [this](rules::PageId left, rules::PageId right) {
      const Page& one = pages_.at(left);
      const Page& other = pages_.at(right);
      return std::tuple{!one.first, one.queued_at, one.id} < std::tuple{!other.first, other.queued_at, other.id};
    });
    const std::size_t count = has_gathered ? queue.pages.size() : 1;
    for (std::size_t index = 0; index < count; ++index) {
      Page& page = pages_.at(queue.pages[index]);
      page.message = id;
      message.alive.push_back(page.id);
      message.pages.push_back(page);
      message.marked = message.marked || page.marked;
      give_number(to.first, page.incident);
      std::vector<Address>& paged = incidents_.at(page.incident).paged;
      if (std::find(paged.begin(), paged.end(), to) == paged.end()) paged.push_back(to);
    }
    queue.pages.erase(queue.pages.begin(), queue.pages.begin() + static_cast<std::ptrdiff_t>(count));
  } else {
    // Of several words about one incident the newest; and only what is still so.
    std::set<rules::IncidentId> told;
    for (auto notice = queue.notices.rbegin(); notice != queue.notices.rend(); ++notice) {
      const bool is_written = notice->kind == rules::NoticeKind::update || notice->kind == rules::NoticeKind::outage;
      if (notice->kind == rules::NoticeKind::turn_at_risk) {
        const std::vector<rules::Contact>& contacts = policy_->person(notice->by)->contacts;
        const bool stands = std::any_of(contacts.begin(), contacts.end(), [&](const rules::Contact& one) {
          return !works({notice->by, one.name});
        });
        if (stands) message.notices.insert(message.notices.begin(), *notice);
        continue;
      }
      if (!is_written && !told.insert(notice->incident).second) continue;
      Incident& incident = incidents_.at(notice->incident);
      if (is_written || published != nullptr) {
        message.notices.insert(message.notices.begin(), *notice);
        continue;
      }
      if (notice->kind == rules::NoticeKind::acknowledged) {
        if (incident.state != IncidentState::acknowledged || incident.by != notice->by) continue;
      } else if (incident.state != IncidentState::resolved) {
        // It came back: they are told when it ends for good.
        if (std::find(incident.paged.begin(), incident.paged.end(), to) == incident.paged.end()) {
          incident.paged.push_back(to);
        }
        continue;
      }
      message.notices.insert(message.notices.begin(), *notice);
    }
    queue.notices.clear();
    if (message.notices.empty()) return;
  }
  queue.last_sent = at();
  queue.ever_sent = true;
  queue.sent.push_back(at());
  if (!queue.pages.empty() || !queue.notices.empty()) {
    queue.flush_at = may_leave_at(queue);
    queue.flush = arm(queue.flush_at, flush);
  }
  const bool can_leave = (contact != nullptr || published != nullptr) && has_provider(message, 0);
  const bool is_call = message.channel == "voice";
  const bool has_pages = !message.pages.empty();
  messages_[id] = std::move(message);
  if (can_leave) {
    leaving.push_back(id);
    if (!has_pages) return;
    talks_[to.first].latest = id;
    if (is_call) talks_[to.first].latest_call = id;
  } else {
    end_message(id, SendOutcome::refused);
  }
}

// What never reached the contact counts neither for the gather nor for the budget.
void Contract::uncount(Queue& queue, Instant composed_at) const {
  const auto counted = std::find(queue.sent.begin(), queue.sent.end(), composed_at);
  if (counted != queue.sent.end()) queue.sent.erase(counted);
  if (queue.last_sent != composed_at) return;
  queue.ever_sent = !queue.sent.empty();
  if (queue.ever_sent) queue.last_sent = queue.sent.back();
}

void Contract::on(const rules::SendEnded& ended) {
  const auto found = messages_.find(ended.message);
  if (found == messages_.end()) return;
  Message& message = found->second;
  if (message.provider != ended.provider) return;
  if (ended.outcome == SendOutcome::accepted) {
    end_message(ended.message, SendOutcome::accepted);
    return;
  }
  if (ended.outcome == SendOutcome::withdrawn) {
    if (message.unanswered && message.alive.empty()) {
      end_message(ended.message, SendOutcome::unanswered);
    } else if (message.marked) {
      send_remainder(ended.message);
    } else {
      put_back(ended.message);
    }
    return;
  }
  if (ended.outcome == SendOutcome::unanswered) message.unanswered = message.marked = true;
  const bool has_next = has_provider(message, message.provider + 1);
  if (has_next && !message.withdrawn) {
    ++message.provider;
    ask(ended.message);
  } else if (has_next && !message.marked) {
    put_back(ended.message);
  } else if (has_next && !message.alive.empty()) {
    ++message.provider;
    send_remainder(ended.message);
  } else {
    end_message(ended.message, message.unanswered ? SendOutcome::unanswered : SendOutcome::refused);
  }
}

void Contract::end_message(rules::MessageId id, SendOutcome outcome) {
  const auto node = messages_.extract(id);
  const Message& message = node.mapped();
  if (outcome == SendOutcome::refused) {
    was_said(message.to, false, false);
    uncount(queues_[message.to], message.composed_at);
    touched_.insert(message.to);
  } else if (!message.pages.empty() && !message.to.first.empty()) {
    if (outcome == SendOutcome::accepted) was_said(message.to, true, false);
    taken_[id] = Taken{.to = message.to,
                       .channel = message.channel,
                       .provider = message.provider,
                       .pages = message.pages,
                       .is_delivered = false,
                       .has_failed = false,
                       .is_heard = false};
  }
  set_arrived(message.pages, outcome != SendOutcome::refused);
  for (const Page& facts : message.pages) {
    const auto incident = incidents_.find(facts.incident);
    if (incident == incidents_.end()) continue;
    const auto record = incident->second.records.find(facts.id);
    if (record != incident->second.records.end()) record->second.marked = message.marked;
  }
  for (const rules::PageId page_id : message.alive) {
    const auto page = pages_.extract(page_id);
    if (!page.empty()) page_ended(page.mapped(), outcome);
  }
}

// Nothing of it arrived: what nobody has taken back leaves in a message of its own, at once.
void Contract::put_back(rules::MessageId id) {
  const auto node = messages_.extract(id);
  const Message& message = node.mapped();
  Queue& queue = queues_[message.to];
  uncount(queue, message.composed_at);
  for (const Page& facts : message.pages) {
    const auto page = pages_.find(facts.id);
    if (page == pages_.end()) continue;
    page->second.message = {};
    page->second.marked = page->second.marked || message.marked;
    queue.pages.push_back(facts.id);
  }
  disarm(queue.flush);
  queue.flush_at = at();
  touched_.insert(message.to);
}

// It may have arrived: what nobody has taken back goes again under its key.
void Contract::send_remainder(rules::MessageId id) {
  Message& message = messages_.at(id);
  std::erase_if(message.pages, [&](const Page& page) {
    if (pages_.contains(page.id)) return false;
    const auto incident = incidents_.find(page.incident);
    if (incident == incidents_.end()) return true;
    if (const auto record = incident->second.records.find(page.id); record != incident->second.records.end()) {
      record->second.has_arrived = message.unanswered;
      record->second.marked = true;
    }
    return true;
  });
  if (message.pages.empty()) {
    messages_.erase(id);
    return;
  }
  message.withdrawn = false;
  ask(id);
}

// ---- what is so now

std::vector<Contract::IncidentNow> Contract::incidents() const {
  std::vector<IncidentNow> all;
  for (const auto& [id, unused] : incidents_) all.push_back(*incident(id));
  return all;
}

std::vector<rules::IncidentId> Contract::calling() const {
  std::vector<rules::IncidentId> all;
  for (const auto& [id, one] : incidents_) {
    if (one.state == IncidentState::triggered && one.urgency == Urgency::high && !one.held) all.push_back(id);
  }
  return all;
}

std::optional<Contract::IncidentNow> Contract::incident(rules::IncidentId id) const {
  const auto found = incidents_.find(id);
  if (found == incidents_.end()) return std::nullopt;
  const Incident& one = found->second;
  IncidentNow now{
      .id = id, .state = one.state, .urgency = one.urgency, .alerts = {}, .is_held = one.held, .held_by = one.held_by};
  for (const std::size_t number : one.episodes) {
    const Episode& episode = episodes_[number];
    now.alerts.push_back(AlertNow{.group = std::string{episode.variants.front().labels.find("alertname")},
                                  .instance = std::string{episode.variants.front().labels.find("instance")},
                                  .firing = episode.open});
  }
  return now;
}

}  // namespace simulation
