#include "rules/reconcile.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "rules/duration.hpp"
#include "rules/episode.hpp"
#include "rules/mutant.hpp"

namespace rules {
namespace {

// Alertmanager quotes a receiver's name in webhooks as for a regular expression: `team\.db`.
std::string unquoted(std::string_view name) {
  std::string text;
  for (std::size_t index = 0; index < name.size(); ++index) {
    if (name[index] == '\\' && index + 1 < name.size()) ++index;
    text += name[index];
  }
  return text;
}

bool is_for_us(const Source& source, const ListedAlert& alert) {
  return std::any_of(source.receivers.begin(), source.receivers.end(), [&](const std::string& ours) {
    return std::find(alert.receivers.begin(), alert.receivers.end(), unquoted(ours)) != alert.receivers.end();
  });
}

}  // namespace

void on_reconciled(Moment& moment, const Reconciled& listed) {
  State& state = moment.state;
  ++state.counters.reconciliations;
  Source& source = state.sources[listed.source];
  const Instant asked_at = moment.at() - listed.took - answer_margin;
  // By label set: Alertmanager has each once.
  std::map<Key128, const ListedAlert*> there;
  for (const ListedAlert& alert : listed.alerts) {
    if (!alert.report.labels.empty()) there.emplace(key_of(alert.report.labels, {}, state.seed), &alert);
  }
  const bool knows = listed.up_for >= knows_after;
  if (knows) {
    for (auto& [name, end] : state.known_ends) {
      if (!end.set_aside || end.set_aside->source != listed.source) continue;
      if (!there.contains(key_of(end.set_aside->report.labels, {}, state.seed))) end.set_aside.reset();
    }
  }
  // What it has no more, of what it reported itself and nobody has refreshed since it was asked.
  std::vector<std::pair<EpisodeId, std::size_t>> gone;
  for (auto& [id, episode] : state.episodes) {
    if (!episode.open || episode.own) continue;
    for (std::size_t index = 0; index < episode.variants.size(); ++index) {
      Variant& variant = episode.variants[index];
      if (!variant.firing || state.dictionary.text(variant.source) != listed.source) continue;
      const Labels labels = state.dictionary.labels(variant.labels);
      if (there.contains(key_of(labels, {}, state.seed))) {
        if (!variant.unconfirmed) continue;
        variant.unconfirmed = false;
        variant.expires_at.reset();  // which has passed: it is listed until it is listed no more
        for (const IncidentId incident_id : episode.incidents) {
          if (Incident* incident = find_incident(state, incident_id)) {
            because(moment, *incident, ReasonKind::alert_confirmed, listed.source, in_short(labels));
          }
        }
        continue;
      }
      if (!knows || variant.refreshed_at > asked_at) continue;
      gone.emplace_back(id, index);
    }
  }
  for (const auto& [id, index] : gone) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end() || ROUSE_MUTANT("list-ends-nothing")) continue;
    const Variant& variant = episode->second.variants[index];
    for (const IncidentId incident_id : IncidentIds{episode->second.incidents}) {
      if (Incident* incident = find_incident(state, incident_id)) {
        because(moment,
                *incident,
                ReasonKind::alert_unlisted,
                listed.source,
                in_short(state.dictionary.labels(variant.labels)));
      }
    }
    end_listed(moment, episode->second, index, fmt::format("{}, asked, has it no more", listed.source));
  }
  // What it fires for us and we have not heard of: left out of a webhook, or sent while nobody listened.
  ReportsArrived unheard;
  unheard.source = listed.source;
  unheard.form = ReportForm::webhook;
  for (const ListedAlert& alert : listed.alerts) {
    if (alert.report.labels.empty()) continue;
    const bool is_known =
        state.open_episodes.contains(key_of(alert.report.labels, moment.policy.identity.ignore_labels, state.seed));
    if (!is_known && (alert.state != ListedState::active || !is_for_us(source, alert))) continue;
    if (is_known && alert.state == ListedState::unprocessed) continue;
    Report report = alert.report;
    report.ends_at.reset();  // its own idea of when it would expire
    report.status = ReportStatus::firing;
    unheard.reports.push_back(std::move(report));
  }
  source.blind = false;
  on_reports(moment, unheard);
  for (auto& [id, incident] : state.incidents) {
    if (!incident.truncated) continue;
    if (std::find(incident.sources.begin(), incident.sources.end(), listed.source) == incident.sources.end()) continue;
    incident.truncated = false;
    incident.left_out = 0;
    because(moment,
            incident,
            ReasonKind::blind_spot_closed,
            listed.source,
            fmt::format("it lists {} alerts", listed.alerts.size()));
  }
}

}  // namespace rules
