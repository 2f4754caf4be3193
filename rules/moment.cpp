#include "rules/moment.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "rules/hold/dependency.hpp"
#include "rules/hold/storm.hpp"

namespace rules {

void because(Moment& moment, Incident& incident, ReasonKind kind, std::string_view rule, std::string_view saw) {
  moment.changed.insert(incident.id);
  incident.timeline.add(moment.at(), kind, rule, saw);
}

Incident* find_incident(State& state, IncidentId id) {
  const auto found = state.incidents.find(id);
  return found == state.incidents.end() ? nullptr : &found->second;
}

const Incident* find_incident(const State& state, IncidentId id) {
  const auto found = state.incidents.find(id);
  return found == state.incidents.end() ? nullptr : &found->second;
}

bool is_of_open_incident(const State& state, const Episode& episode) {
  return std::any_of(episode.incidents.begin(), episode.incidents.end(), [&state](IncidentId id) {
    const Incident* incident = find_incident(state, id);
    return incident != nullptr && is_open(*incident);
  });
}

namespace {

// "R-2 on checkout, R-3 on cart and 5 others": the incidents of these alerts, of so many alerts that it costs nothing.
std::string list_incidents_of(const State& state, const AlertSet& alerts) {
  constexpr std::size_t most_looked_at = 1'000;
  constexpr std::size_t most_named = 4;
  if (alerts.size() > most_looked_at) return "";
  std::set<IncidentId> incidents;
  for (const EpisodeId id : alerts.in_order()) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end()) continue;
    for (const IncidentId one : episode->second.incidents) {
      const Incident* incident = find_incident(state, one);
      if (incident != nullptr && is_open(*incident)) incidents.insert(one);
    }
  }
  std::string text;
  std::size_t named = 0;
  for (const IncidentId id : incidents) {
    if (++named > most_named && incidents.size() > most_named + 1) {
      return text + fmt::format(" and {} others", incidents.size() - most_named);
    }
    const Incident* incident = find_incident(state, id);
    text += fmt::format("{}{}{}{}",
                        text.empty() ? "" : ", ",
                        print_incident(id),
                        incident->service.empty() ? "" : " on ",
                        incident->service);
  }
  return text;
}

// "42 alerts behind it are held (R-2 on checkout, R-3 on cart and 5 others), 3 are not explained by it"
std::string print_behind(const State& state, const Incident& incident) {
  std::string text = list_members(state, incident);
  const auto behind = state.links.behind.find(incident.id);
  const std::size_t held = behind == state.links.behind.end() ? 0 : behind->second.size();
  if (held == 0) return text;
  if (!text.empty()) text += "; ";
  text += fmt::format("{} {} behind it {} held", held, held == 1 ? "alert" : "alerts", held == 1 ? "is" : "are");
  const std::string those = list_incidents_of(state, behind->second);
  if (!those.empty()) text += fmt::format(" ({})", those);
  const std::size_t unexplained = count_unexplained(state, incident);
  if (unexplained > 0) text += fmt::format(", {} {} not explained by it", unexplained, unexplained == 1 ? "is" : "are");
  return text;
}

}  // namespace

IncidentFacts facts_of(const State& state, const Incident& incident) {
  return IncidentFacts{.id = incident.id,
                       .uid = incident.uid,
                       .state = incident.state,
                       .urgency = incident.urgency,
                       .severity = incident.severity_text,
                       .service = incident.service,
                       .summary = incident.summary,
                       .alerts = incident.forgotten + incident.episodes.size(),
                       .firing = incident.firing,
                       .drill = incident.drill,
                       .behind = print_behind(state, incident),
                       .since = incident.began_at,
                       .last_time = incident.last_time,
                       .runbook = incident.runbook,
                       .description = incident.description,
                       .where = incident.where};
}

std::string_view beginning_of(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return text.substr(0, bytes);
}

namespace {

template <class LabelAt>
std::string print_short(std::size_t count, LabelAt label_at) {
  constexpr std::size_t longest = 160;
  std::string text;
  for (std::size_t index = 0; index < count && text.size() < longest; ++index) {
    const LabelView label = label_at(index);
    if (!text.empty()) text += ", ";
    text += label.name;
    text += '=';
    text += beginning_of(label.value, 80);
  }
  return text;
}

}  // namespace

std::string in_short(const Labels& labels) {
  return print_short(labels.size(), [&](std::size_t index) { return labels[index]; });
}

std::string in_short(const Dictionary& dictionary, const StoredLabels& labels) {
  return print_short(labels.size(), [&](std::size_t index) {
    return LabelView{dictionary.text(labels[index].first), dictionary.text(labels[index].second)};
  });
}

std::string names_of(const std::vector<Target>& targets) {
  std::string text;
  for (const Target& target : targets) {
    if (!text.empty()) text += ", ";
    text += target.id;
  }
  return text;
}

std::string print_incident(IncidentId id) {
  return fmt::format("R-{}", id.value);
}

}  // namespace rules
