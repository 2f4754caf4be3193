#include "rules/flapping.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/duration.hpp"
#include "rules/grouping.hpp"
#include "rules/mutant.hpp"

namespace rules {
namespace {

template <class Visit>
void for_each_incident(Moment& moment, EpisodeId id, Visit visit) {
  const auto episode = moment.state.episodes.find(id);
  if (episode == moment.state.episodes.end()) return;
  const IncidentIds incidents = episode->second.incidents;
  for (const IncidentId incident_id : incidents) {
    Incident* incident = find_incident(moment.state, incident_id);
    if (incident != nullptr && is_open(*incident)) visit(*incident);
  }
}

std::string alertname_of(const Moment& moment, EpisodeId id) {
  const auto episode = moment.state.episodes.find(id);
  if (episode == moment.state.episodes.end()) return "";
  return std::string{moment.state.dictionary.find(episode->second.variants.front().labels, "alertname")};
}

}  // namespace

void note_change(Moment& moment, const Episode& episode) {
  State& state = moment.state;
  const Flapping& limits = moment.policy.correlation.flapping;
  auto known = state.flaps.find(episode.key);
  if (known == state.flaps.end()) {
    // Most alerts begin once and stay: nothing is kept of them until they end.
    if (episode.open) return;
    known = state.flaps.emplace(episode.key, Flaps{}).first;
    known->second.changes.push_back(episode.opened_at);
  }
  Flaps& flaps = known->second;
  flaps.episode = episode.id;
  flaps.changes.push_back(moment.at());
  const auto is_old = [&](Instant change) { return change + limits.within <= moment.at(); };
  flaps.changes.erase(std::remove_if(flaps.changes.begin(), flaps.changes.end(), is_old), flaps.changes.end());
  if (flaps.changes.size() > limits.changes) {
    flaps.changes.erase(flaps.changes.begin(), flaps.changes.end() - limits.changes);
  }
  state.deadlines.disarm(flaps.deadline);
  if (!flaps.flapping && flaps.changes.size() >= limits.changes && !ROUSE_MUTANT("flapping-goes-unseen")) {
    flaps.flapping = true;
    state.links.flapping.insert(episode.key);
    ++state.counters.flapping;
    for_each_incident(moment, episode.id, [&](Incident& incident) {
      because(moment,
              incident,
              ReasonKind::flapping,
              alertname_of(moment, episode.id),
              fmt::format("{} changes within {}: it stays open until {} pass without one",
                          flaps.changes.size(),
                          print_duration(limits.within),
                          print_duration(limits.calm)));
    });
  }
  flaps.deadline = state.deadlines.arm(
      moment.at() + (flaps.flapping ? limits.calm : limits.within), DeadlineKind::flap_calm, episode.key.high, 0);
}

bool is_flapping(const State& state, AlertKey key) {
  const auto known = state.flaps.find(key);
  return known != state.flaps.end() && known->second.flapping;
}

bool is_flapping(const State& state, const Incident& incident) {
  // Few alerts flap at a time; an incident may have had ten thousand.
  return std::any_of(state.links.flapping.begin(), state.links.flapping.end(), [&](AlertKey key) {
    const auto known = state.flaps.find(key);
    if (known == state.flaps.end()) return false;
    const auto episode = state.episodes.find(known->second.episode);
    if (episode == state.episodes.end()) return false;
    const IncidentIds& incidents = episode->second.incidents;
    return std::find(incidents.begin(), incidents.end(), incident.id) != incidents.end();
  });
}

EpisodeId flapping_episode(const State& state, AlertKey key) {
  const auto known = state.flaps.find(key);
  return known != state.flaps.end() && known->second.flapping ? known->second.episode : EpisodeId{};
}

void leave_incidents(Moment& moment, EpisodeId before) {
  for_each_incident(moment, before, [&](Incident& incident) {
    if (incident.firing == 0 && !is_flapping(moment.state, incident)) close_incident(moment, incident, false, "");
  });
}

void on_flaps_over(Moment& moment, const Deadline& deadline) {
  State& state = moment.state;
  const auto known = find_by_half(state.flaps, HighHalf{deadline.target}, [&](const Flaps& flaps) {
    return !state.deadlines.find(flaps.deadline);  // this was its own
  });
  if (known == state.flaps.end()) return;
  const bool has_flapped = known->second.flapping;
  const EpisodeId episode = known->second.episode;
  state.links.flapping.erase(known->first);
  state.flaps.erase(known);
  if (!has_flapped) return;
  const std::string name = alertname_of(moment, episode);
  for_each_incident(moment, episode, [&](Incident& incident) {
    because(moment, incident, ReasonKind::flapping_ended, name, "");
    if (ROUSE_MUTANT("flapping-never-calms")) return;
    if (incident.firing == 0 && !is_flapping(state, incident)) close_incident(moment, incident, false, "");
  });
}

}  // namespace rules
