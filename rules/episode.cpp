#include "rules/episode.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "rules/flapping.hpp"
#include "rules/grouping.hpp"
#include "rules/heartbeat.hpp"
#include "rules/hold/hold.hpp"
#include "rules/mutant.hpp"
#include "rules/own_alert.hpp"
#include "rules/people.hpp"
#include "rules/read_ahead.hpp"

namespace rules {
namespace {

constexpr std::size_t max_heard_kept = 4096;
constexpr std::size_t max_annotation_bytes = 8192;  // of one alert, all its annotations together

struct Arrival {
  const std::string& source;
  ReportForm form;
  std::uint32_t source_id;  // in the dictionary, held by the caller
};

void hear(Moment& moment, const ReportsArrived& arrived) {
  Source& source = moment.state.sources[arrived.source];
  ++source.batches;
  source.last_heard = moment.at();
  // Within a second the newest is enough, so that a busy source does not forget the half span it is asked about.
  if (!source.heard.empty() && moment.at() - source.heard.back() < std::chrono::seconds{1} && source.heard.size() > 1 &&
      moment.at() - source.heard[source.heard.size() - 2] < std::chrono::seconds{1}) {
    source.heard.back() = moment.at();
    return;
  }
  if (source.heard.size() >= max_heard_kept) {
    source.heard.erase(source.heard.begin(), source.heard.begin() + max_heard_kept / 4);
  }
  source.heard.push_back(moment.at());
}

bool was_heard_within(const State& state, std::string_view name, Instant from, Instant to) {
  const auto found = state.sources.find(std::string{name});
  if (found == state.sources.end()) return false;
  const std::vector<Instant>& heard = found->second.heard;
  const auto first = std::lower_bound(heard.begin(), heard.end(), from);
  return first != heard.end() && *first <= to;
}

// Whether the labels are those of the only variant of an alert that was found by its key: then only those that the key
// leaves out can differ, and they are few. The others, most of them texts that no other alert has, are not looked at.
bool is_the_only(const Moment& moment, const Variant& only, const Labels& labels) {
  const Dictionary& dictionary = moment.state.dictionary;
  const std::vector<std::string>& ignored = moment.policy.identity.ignore_labels;
  return only.labels.size() == labels.size() &&
         std::all_of(ignored.begin(), ignored.end(), [&](const std::string& name) {
           return dictionary.find(only.labels, name) == labels.find(name);
         });
}

Variant* find_variant(const Moment& moment, Episode& episode, const Labels& labels) {
  if (episode.variants.size() == 1) {
    return is_the_only(moment, episode.variants.front(), labels) ? &episode.variants.front() : nullptr;
  }
  for (Variant& variant : episode.variants) {
    if (moment.state.dictionary.same(variant.labels, labels)) return &variant;
  }
  return nullptr;
}

// What the sender has named itself is one problem whatever else is said of it; only its severity makes a difference.
Variant* find_variant(Moment& moment, Episode& episode, const Report& report) {
  if (report.native_key.empty()) return find_variant(moment, episode, report.labels);
  const std::uint8_t severity = moment.policy.severity.rank(report.labels.find(moment.policy.severity.label));
  for (Variant& variant : episode.variants) {
    if (variant.severity == severity) return &variant;
  }
  return nullptr;
}

// The variant that an end is about. An alert that its sender has named ends by that name, whole.
Variant* find_ending(const Moment& moment, Episode& episode, const Report& report) {
  if (report.native_key.empty()) return find_variant(moment, episode, report.labels);
  for (Variant& variant : episode.variants) {
    if (variant.firing) return &variant;
  }
  return nullptr;
}

// Which incident's alerts still get their annotations kept.
bool keeps_annotations(const State& state, const Episode& episode) {
  for (const IncidentId id : episode.incidents) {
    const Incident* incident = find_incident(state, id);
    if (incident != nullptr && incident->episodes.size() <= max_annotated_alerts) return true;
  }
  return episode.incidents.empty();
}

void keep_annotations(Variant& variant, const Labels& annotations) {
  if (annotations.bytes() <= max_annotation_bytes) variant.annotations = annotations;
}

// Sets when an API v2 alert runs out, and sees that one deadline is out for it.
void arm_expiry(Moment& moment, const Episode& episode, Variant& variant, const Report& report, ReportForm form) {
  if (form != ReportForm::api_v2) {
    variant.expires_at.reset();
    return;
  }
  const Duration lasts = report.ends_at ? *report.ends_at - moment.now.wall : api_v2_lasts;
  variant.expires_at = moment.at() + lasts;
  if (variant.expiry_due && *variant.expiry_due <= *variant.expires_at) return;
  const auto index = static_cast<std::uint32_t>(&variant - episode.variants.data());
  moment.state.deadlines.arm(*variant.expires_at, DeadlineKind::report_expiry, episode.id.value, index);
  variant.expiry_due = variant.expires_at;
}

Variant make_variant(Moment& moment, const Report& report, const Arrival& arrival) {
  Variant variant;
  variant.fingerprint = fingerprint_of(report.labels);
  variant.labels = moment.state.dictionary.hold(report.labels);
  variant.firing = true;
  const std::string_view severity = report.labels.find(moment.policy.severity.label);
  variant.severity = moment.policy.severity.rank(severity);
  if (!moment.policy.severity.knows(severity)) ++moment.state.counters.unknown_severity;
  variant.first_seen = moment.at();
  variant.source = moment.state.dictionary.hold(arrival.source);
  return variant;
}

void refresh(Moment& moment, Variant& variant, const Report& report, const Arrival& arrival) {
  variant.refreshed_at = moment.at();
  variant.unconfirmed = false;
  variant.starts_at = report.starts_at;
  if (!variant.starts_at && arrival.form == ReportForm::api_v2) variant.starts_at = moment.now.wall;
  variant.ends_at = report.ends_at;
  if (variant.source != arrival.source_id) {
    moment.state.dictionary.release(variant.source);
    variant.source = moment.state.dictionary.hold(arrival.source);
  }
}

void fire(Moment& moment, const Report& report, const Arrival& arrival);

AlertKey key_for(const Moment& moment, const Report& report) {
  if (!report.native_key.empty()) return native_key_of(report.native_key, moment.state.seed);
  if (report.keyed_for == moment.state.identity && report.keyed_for != 0) return report.key;
  return key_of(report.labels, moment.policy.identity.ignore_labels, moment.state.seed);
}

// Names what has ended, for two minutes: the label set, or the sender's own name.
Key128 variant_key(const State& state, const Report& report) {
  if (!report.native_key.empty()) return native_key_of(report.native_key, state.seed);
  return key_of(report.labels, {}, state.seed);
}

// True when the report is older than an end that is already known: it waits until that end is two minutes old.
bool is_set_aside(Moment& moment, const Report& report, const Arrival& arrival) {
  State& state = moment.state;
  if (state.known_ends.empty()) return false;
  const auto known = state.known_ends.find(variant_key(state, report));
  if (known == state.known_ends.end()) return false;
  bool is_older = report.starts_at && *report.starts_at < known->second.ends_at;
  if (ROUSE_MUTANT("end-overtakes-firing")) is_older = false;
  if (!is_older) {
    known->second.set_aside.reset();  // it fires anew: what was set aside is history
    return false;
  }
  known->second.set_aside =
      std::make_shared<const SetAside>(SetAside{.report = report, .source = arrival.source, .form = arrival.form});
  ++state.counters.set_aside;
  return true;
}

// True when there is no room for one more alert of this source; it says so as an incident.
bool is_overflowing(Moment& moment, const Arrival& arrival) {
  const State& state = moment.state;
  if (state.open_episodes.size() >= max_open_alerts) {
    on_overflow(moment, arrival.source, "open alerts", max_open_alerts);
    return true;
  }
  const auto source = state.sources.find(arrival.source);
  if (source == state.sources.end() || source->second.open_incidents < max_open_incidents_a_source) return false;
  on_overflow(moment, arrival.source, "open incidents of it", max_open_incidents_a_source);
  return true;
}

void fire(Moment& moment, const Report& report, const Arrival& arrival) {
  State& state = moment.state;
  const AlertKey key = key_for(moment, report);
  const auto open = state.open_episodes.find(key);
  if (open == state.open_episodes.end()) {
    if (is_overflowing(moment, arrival)) return;
    const EpisodeId before = flapping_episode(state, key);
    Episode& episode = open_episode(moment, report, key, arrival.source, arrival.form);
    place_episode(moment, episode, report.labels);
    leave_incidents(moment, before);
    if (!keeps_annotations(state, episode)) {
      Labels nothing;  // swapped in: an assignment would keep the memory
      std::swap(episode.variants.front().annotations, nothing);
    }
    return;
  }

  Episode& episode = *open->second;
  ++episode.reports;
  const std::uint8_t severity_before = severity_of(episode);
  Variant* variant = find_variant(moment, episode, report);
  if (variant == nullptr || variant->source != arrival.source_id) {
    for (const IncidentId id : episode.incidents) {
      if (Incident* incident = find_incident(state, id)) note_source(moment, *incident, arrival.source);
    }
  }
  const bool fired_already = variant != nullptr && variant->firing;
  if (variant == nullptr) {
    episode.variants.push_back(make_variant(moment, report, arrival));
    variant = &episode.variants.back();
  }
  if (!fired_already) {
    variant->firing = true;
    variant->first_seen = moment.at();
    for (const IncidentId id : episode.incidents) moment.changed.insert(id);
  }
  refresh(moment, *variant, report, arrival);
  if (variant->annotations != report.annotations && keeps_annotations(state, episode)) {
    keep_annotations(*variant, report.annotations);
  }
  arm_expiry(moment, episode, *variant, report, arrival.form);
  ++state.counters.duplicates;
  if (!fired_already) look(moment, episode);
  if (!fired_already && variant->severity > severity_before) {
    on_severity_rise(moment, episode, *variant, report.labels);
  }
  if (episode.watched) on_watched_refresh(moment, episode);
}

void end_variant(Moment& moment, Episode& episode, Variant& variant, const std::string& who_said_so) {
  variant.firing = false;
  variant.unconfirmed = false;
  variant.ended_at = moment.at();
  variant.expires_at.reset();
  const bool still_fires =
      std::any_of(episode.variants.begin(), episode.variants.end(), [](const Variant& one) { return one.firing; });
  if (still_fires) {
    for (const IncidentId id : episode.incidents) {
      moment.changed.insert(id);
      moment.stale_facts.insert(id);
    }
    look(moment, episode);
    return;
  }
  episode.open = false;
  const auto open = moment.state.open_episodes.find(episode.key);
  if (open != moment.state.open_episodes.end() && open->second == &episode) moment.state.open_episodes.erase(open);
  note_change(moment, episode);
  on_episode_end(moment, episode, who_said_so);
  forget_alert(moment, episode);
}

void end(Moment& moment, const Report& report, const Arrival& arrival) {
  State& state = moment.state;
  const auto open = state.open_episodes.find(key_for(moment, report));
  Variant* variant = nullptr;
  if (open != state.open_episodes.end()) variant = find_ending(moment, *open->second, report);
  const bool ends_something = variant != nullptr && variant->firing;
  if (ends_something && report.ends_at && variant->starts_at && *report.ends_at < *variant->starts_at) {
    ++state.counters.stale_ends;  // the end of an episode before this one
    return;
  }
  const Key128 name = variant_key(state, report);
  KnownEnd& known = state.known_ends[name];
  state.deadlines.disarm(known.deadline);
  // An older end that comes late does not replace a newer one.
  known.ends_at = std::max(known.ends_at, report.ends_at.value_or(moment.now.wall));
  known.arrived_at = moment.at();
  known.set_aside.reset();
  known.deadline = state.deadlines.arm(moment.at() + end_is_remembered, DeadlineKind::set_aside, name.high, 0);
  if (!ends_something) {
    ++state.counters.resolved_unseen;
    return;
  }
  variant->ends_at = report.ends_at;
  variant->refreshed_at = moment.at();
  if (!report.native_key.empty()) {
    end_episode(moment, *open->second, fmt::format("{} said so", arrival.source));
    return;
  }
  end_variant(moment, *open->second, *variant, fmt::format("{} said so", arrival.source));
}

// Whom webhooks are meant for, in the sender's words: what it lists for others is not ours.
void learn_receiver(Moment& moment, const ReportsArrived& arrived) {
  constexpr std::size_t most = 100;
  if (arrived.receiver.empty()) return;
  std::vector<std::string>& receivers = moment.state.sources[arrived.source].receivers;
  if (receivers.size() >= most) return;
  if (std::find(receivers.begin(), receivers.end(), arrived.receiver) == receivers.end()) {
    receivers.push_back(arrived.receiver);
  }
}

// The incidents of the alerts that a batch names, as far as they are open.
std::set<IncidentId> incidents_of(const Moment& moment, const ReportsArrived& arrived) {
  std::set<IncidentId> incidents;
  for (const Report& report : arrived.reports) {
    const auto open = moment.state.open_episodes.find(key_for(moment, report));
    if (open == moment.state.open_episodes.end()) continue;
    incidents.insert(open->second->incidents.begin(), open->second->incidents.end());
  }
  return incidents;
}

// The sender left alerts out: whoever looks at these incidents must know that there may be more, also when what the
// batch named has ended with it.
void mark_blind_spots(Moment& moment, const ReportsArrived& arrived, std::set<IncidentId> incidents) {
  incidents.merge(incidents_of(moment, arrived));
  for (const IncidentId id : incidents) {
    Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr) continue;
    incident->left_out = arrived.truncated;
    if (incident->truncated) continue;
    incident->truncated = true;
    because(moment,
            *incident,
            ReasonKind::truncated,
            arrived.source,
            fmt::format("{} alerts were left out by the sender", arrived.truncated));
  }
  moment.state.sources[arrived.source].blind = true;
  const SourceSettings* settings = moment.policy.source(arrived.source);
  if (settings == nullptr || settings->alertmanager.empty()) return;
  moment.ask(Reconcile{.source = arrived.source});  // its answer says what they are
}

}  // namespace

void on_reports(Moment& moment, const ReportsArrived& arrived) {
  State& state = moment.state;
  hear(moment, arrived);
  learn_receiver(moment, arrived);
  const std::uint32_t source_id = state.dictionary.hold(arrived.source);
  const Arrival arrival{.source = arrived.source, .form = arrived.form, .source_id = source_id};
  std::set<IncidentId> named;
  if (arrived.truncated > 0) named = incidents_of(moment, arrived);
  auto& counted = state.counters.alerts_by_source[arrived.source];
  const std::span<const Report> reports{arrived.reports};
  for (std::size_t index = 0; index < reports.size(); ++index) {
    if (reports.size() >= reads_ahead_itself && index % read_ahead_at_once == 0)
      read_ahead(state, reports.subspan(index));
    const Report& report = reports[index];
    if (report.labels.empty()) continue;
    if (is_beat(moment, report)) continue;
    const bool is_over = arrived.form == ReportForm::api_v2 ? report.ends_at && *report.ends_at <= moment.now.wall
                                                            : report.status == ReportStatus::resolved;
    if (is_over) {
      ++state.counters.reports_resolved;
      ++counted.second;
      end(moment, report, arrival);
    } else {
      ++state.counters.reports_firing;
      ++counted.first;
      if (!is_set_aside(moment, report, arrival)) fire(moment, report, arrival);
    }
  }
  if (arrived.truncated > 0) mark_blind_spots(moment, arrived, std::move(named));
  state.dictionary.release(source_id);
}

void on_sender_acknowledged(Moment& moment, const SenderAcknowledged& said) {
  State& state = moment.state;
  for (const std::string& name : said.native_keys) {
    const auto open = state.open_episodes.find(native_key_of(name, state.seed));
    if (open == state.open_episodes.end()) continue;
    const IncidentIds incidents = open->second->incidents;
    for (const IncidentId id : incidents) acknowledge_for_sender(moment, id, said.by);
  }
}

Episode& open_episode(Moment& moment, const Report& report, AlertKey key, const std::string& source, ReportForm form) {
  State& state = moment.state;
  const std::uint32_t source_id = state.dictionary.hold(source);
  const Arrival arrival{.source = source, .form = form, .source_id = source_id};
  const EpisodeId id{++state.last_episode};
  Episode& episode = state.episodes[id];
  episode.id = id;
  episode.key = key;
  episode.native_key = report.native_key;
  episode.opened_at = moment.at();
  episode.open = true;
  episode.reports = 1;
  episode.variants.push_back(make_variant(moment, report, arrival));
  Variant& variant = episode.variants.back();
  refresh(moment, variant, report, arrival);
  keep_annotations(variant, report.annotations);
  arm_expiry(moment, episode, variant, report, form);
  state.open_episodes.emplace(key, &episode);
  state.dictionary.release(source_id);
  note_change(moment, episode);
  return episode;
}

void end_episode(Moment& moment, Episode& episode, const std::string& who_said_so) {
  for (Variant& variant : episode.variants) {
    if (variant.firing) end_variant(moment, episode, variant, who_said_so);
  }
}

void end_listed(Moment& moment, Episode& episode, std::size_t variant, const std::string& who_said_so) {
  if (variant >= episode.variants.size() || !episode.variants[variant].firing) return;
  end_variant(moment, episode, episode.variants[variant], who_said_so);
}

void on_expiry_due(Moment& moment, EpisodeId id, std::uint32_t variant_index) {
  State& state = moment.state;
  const auto found = state.episodes.find(id);
  if (found == state.episodes.end() || variant_index >= found->second.variants.size()) return;
  Episode& episode = found->second;
  Variant& variant = episode.variants[variant_index];
  variant.expiry_due.reset();
  if (!variant.firing || !variant.expires_at) return;
  const auto wait_until = [&](Instant due) {
    state.deadlines.arm(due, DeadlineKind::report_expiry, id.value, variant_index);
    variant.expiry_due = due;
  };
  if (*variant.expires_at > moment.at()) {
    wait_until(*variant.expires_at);  // refreshed since
    return;
  }
  if (moment.at() < state.started_at + not_judged_after_start) {
    wait_until(state.started_at + not_judged_after_start);
    return;
  }
  const Instant half = variant.refreshed_at + (*variant.expires_at - variant.refreshed_at) / 2;
  const std::string_view source = state.dictionary.text(variant.source);
  if (was_heard_within(state, source, half, *variant.expires_at)) {
    ++state.counters.expired;
    const std::string who = fmt::format("{} stopped reporting it", source);
    for (const IncidentId incident_id : episode.incidents) {
      if (Incident* incident = find_incident(state, incident_id)) {
        because(moment, *incident, ReasonKind::alert_expired, source, "source stopped reporting");
      }
    }
    end_variant(moment, episode, variant, who);
    return;
  }
  ++state.counters.unconfirmed;
  variant.unconfirmed = true;
  for (const IncidentId incident_id : episode.incidents) {
    if (Incident* incident = find_incident(state, incident_id)) {
      because(moment,
              *incident,
              ReasonKind::alert_unconfirmed,
              source,
              "endsAt passed, but the source was not heard: it is still believed to fire");
    }
  }
}

void on_set_aside_due(Moment& moment, const Deadline& deadline) {
  State& state = moment.state;
  const auto known = find_by_half(state.known_ends, HighHalf{deadline.target}, [&](const KnownEnd& end) {
    return end.arrived_at + end_is_remembered == deadline.due;
  });
  if (known == state.known_ends.end()) return;
  const std::shared_ptr<const SetAside> waited = std::move(known->second.set_aside);
  state.known_ends.erase(known);
  if (!waited) return;
  const std::uint32_t source_id = state.dictionary.hold(waited->source);
  fire(moment, waited->report, Arrival{.source = waited->source, .form = waited->form, .source_id = source_id});
  state.dictionary.release(source_id);
}

void rekey_episodes(State& state, const Policy& policy) {
  state.open_episodes.clear();
  for (auto& [id, episode] : state.episodes) {
    if (!episode.open) continue;
    const bool is_named = !episode.native_key.empty();
    episode.key = is_named ? native_key_of(episode.native_key, state.seed)
                           : key_of(state.dictionary.labels(episode.variants.front().labels),
                                    policy.identity.ignore_labels,
                                    state.seed);
    // Of two that have become one problem the older is found by reports; the other stays open until a person resolves
    // it: rather one incident too many than one lost.
    episode.hidden = !state.open_episodes.emplace(episode.key, &episode).second;
  }
}

}  // namespace rules
