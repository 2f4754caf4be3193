#include "rules/heartbeat.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/duration.hpp"
#include "rules/mutant.hpp"
#include "rules/own_alert.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

std::uint64_t hash_of(const std::string& name) {
  return XXH3_64bits(name.data(), name.size());
}

Instant due_of(const State& state, const Heartbeat& heartbeat, const HeartbeatState& known) {
  const Instant last = known.beat.value_or(known.since);
  return std::max(last + heartbeat.every + heartbeat.grace, state.started_at + heartbeat.grace);
}

void arm(Moment& moment, const Heartbeat& heartbeat, HeartbeatState& known) {
  moment.state.deadlines.disarm(known.deadline);
  known.deadline = moment.state.deadlines.arm(
      due_of(moment.state, heartbeat, known), DeadlineKind::heartbeat, hash_of(heartbeat.id), 0);
}

// Alerts of a source that is silent are believed, but nobody confirms them.
void mark_unconfirmed(Moment& moment, const std::string& source, bool unconfirmed) {
  if (source.empty()) return;
  State& state = moment.state;
  for (auto& [id, episode] : state.episodes) {
    if (!episode.open) continue;
    for (Variant& variant : episode.variants) {
      if (!variant.firing || variant.unconfirmed == unconfirmed) continue;
      if (variant.expires_at || state.dictionary.text(variant.source) != source) continue;
      variant.unconfirmed = unconfirmed;
      for (const IncidentId incident : episode.incidents) moment.changed.insert(incident);
    }
  }
}

void take_beat(Moment& moment, const Heartbeat& heartbeat) {
  ++moment.state.counters.beats;
  HeartbeatState& known = moment.state.heartbeats[heartbeat.id];
  known.beat = moment.at();
  if (ROUSE_MUTANT("beat-counts-for-nothing")) known.beat.reset();
  arm(moment, heartbeat, known);
  if (known.missed == EpisodeId{}) return;
  const EpisodeId missed = known.missed;
  known.missed = EpisodeId{};
  end_own_alert(moment, missed, fmt::format("{} beats again", heartbeat.id));
  mark_unconfirmed(moment, heartbeat.source, false);
}

}  // namespace

void await_heartbeats(Moment& moment) {
  State& state = moment.state;
  for (auto one = state.heartbeats.begin(); one != state.heartbeats.end();) {
    if (moment.policy.heartbeat(one->first) != nullptr) {
      ++one;
      continue;
    }
    state.deadlines.disarm(one->second.deadline);
    const EpisodeId missed = one->second.missed;
    one = state.heartbeats.erase(one);
    if (missed != EpisodeId{}) end_own_alert(moment, missed, "it is not configured any more");
  }
  for (const Heartbeat& heartbeat : moment.policy.heartbeats) {
    const auto [place, is_new] = state.heartbeats.try_emplace(heartbeat.id);
    if (is_new) place->second.since = moment.at();
    if (place->second.missed == EpisodeId{}) arm(moment, heartbeat, place->second);
  }
}

bool is_beat(Moment& moment, const Report& report) {
  bool found = false;
  moment.state.links.heartbeats.for_each_match(report.labels, [&](std::uint32_t index) {
    found = true;
    if (report.status == ReportStatus::firing) take_beat(moment, moment.policy.heartbeats[index]);
  });
  return found;
}

void on_beat(Moment& moment, const Beat& beat) {
  if (const Heartbeat* heartbeat = moment.policy.heartbeat(beat.heartbeat)) take_beat(moment, *heartbeat);
}

void on_heartbeat_due(Moment& moment, std::uint64_t name_hash) {
  for (const Heartbeat& heartbeat : moment.policy.heartbeats) {
    const auto known = moment.state.heartbeats.find(heartbeat.id);
    if (hash_of(heartbeat.id) != name_hash || known == moment.state.heartbeats.end()) continue;
    HeartbeatState& state = known->second;
    if (state.missed != EpisodeId{} || moment.state.deadlines.find(state.deadline)) continue;
    if (due_of(moment.state, heartbeat, state) > moment.at()) {
      arm(moment, heartbeat, state);
      continue;
    }
    state.deadline = DeadlineId{};
    ++moment.state.counters.heartbeats_missed;
    if (ROUSE_MUTANT("missed-heartbeat-is-kept-quiet")) continue;
    const std::string last = state.beat
                                 ? fmt::format("the last one came at {}", tell_time(utc(), *state.beat, moment.at()))
                                 : std::string{"none ever came"};
    state.missed = raise_own_alert(moment,
                                   own_labels(moment.policy, heartbeat_alertname, {{"heartbeat", heartbeat.id}}),
                                   Labels{{{"summary",
                                            fmt::format("{} should beat every {}, and {}: you may be blind",
                                                        heartbeat.id,
                                                        print_duration(heartbeat.every),
                                                        last)}}},
                                   heartbeat.call_tree);
    mark_unconfirmed(moment, heartbeat.source, true);
  }
}

}  // namespace rules
