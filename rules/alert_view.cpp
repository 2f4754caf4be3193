#include "rules/alert_view.hpp"

#include <algorithm>
#include <string_view>

#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"

namespace rules {
namespace {

bool is_silence(HoldKind kind) {
  return kind == HoldKind::silence || kind == HoldKind::maintenance;
}

// Another problem keeps it back, not a person and not the clock.
bool is_by_another(HoldKind kind) {
  return kind == HoldKind::parent || kind == HoldKind::inhibition || kind == HoldKind::storm;
}

// Incidents of one episode, and all that keeps it back.
struct Standing {
  std::vector<const Incident*> incidents;  // those open, else all
  std::vector<HoldName> holds;
};

// Those incidents that the alert counts for.
std::vector<const Incident*> incidents_of(const State& state, const Episode& episode) {
  std::vector<const Incident*> all;
  bool any_open = false;
  for (const IncidentId id : episode.incidents) {
    const Incident* const incident = find_incident(state, id);
    if (incident == nullptr) continue;
    any_open = any_open || is_open(*incident);
    all.push_back(incident);
  }
  if (any_open) std::erase_if(all, [](const Incident* incident) { return !is_open(*incident); });
  return all;
}

// What keeps the alert back in this incident; empty = it may page.
std::vector<HoldName> holds_in(const Incident& incident, const Episode& episode) {
  std::vector<HoldName> holds;
  if (incident.waived || !is_open(incident)) return holds;
  for (const AlertHold& hold : episode.holds) {
    if (hold.covers >= incident.urgency) holds.push_back(hold.name);
  }
  // group_wait and storms keep an incident back as a whole.
  for (const HoldName& name : incident.told_holds) {
    if (name.kind == HoldKind::group_wait || name.kind == HoldKind::storm) holds.push_back(name);
  }
  return holds;
}

// An alert of several incidents is kept back when it is in each of them.
Standing standing_of(const State& state, const Episode& episode) {
  Standing standing{.incidents = incidents_of(state, episode), .holds = {}};
  for (const Incident* const incident : standing.incidents) {
    const std::vector<HoldName> holds = holds_in(*incident, episode);
    if (holds.empty()) {
      standing.holds.clear();
      return standing;
    }
    standing.holds.insert(standing.holds.end(), holds.begin(), holds.end());
  }
  std::sort(standing.holds.begin(), standing.holds.end());
  standing.holds.erase(std::unique(standing.holds.begin(), standing.holds.end()), standing.holds.end());
  return standing;
}

bool has(const std::vector<HoldName>& holds, bool (*is_of_kind)(HoldKind)) {
  return std::any_of(holds.begin(), holds.end(), [is_of_kind](const HoldName& name) { return is_of_kind(name.kind); });
}

AlertState state_of(const Standing& standing) {
  if (standing.incidents.empty()) return AlertState::unprocessed;
  // What only waits for its time is active, as an alert in group_wait is to Alertmanager.
  const bool is_suppressed = has(standing.holds, is_silence) || has(standing.holds, is_by_another);
  return is_suppressed ? AlertState::suppressed : AlertState::active;
}

bool passes(const Standing& standing, const AlertFilter& filter) {
  const AlertState state = state_of(standing);
  if (!filter.active && state == AlertState::active) return false;
  if (!filter.unprocessed && state == AlertState::unprocessed) return false;
  if (!filter.silenced && has(standing.holds, is_silence)) return false;
  if (!filter.inhibited && has(standing.holds, is_by_another)) return false;
  return !filter.receiver ||
         std::any_of(standing.incidents.begin(), standing.incidents.end(), [&filter](const Incident* incident) {
           return filter.receiver->matches_value(incident->call_tree);
         });
}

bool passes(const Dictionary& dictionary, const Variant& variant, const std::vector<Matcher>& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
    return matcher.matches_value(dictionary.find(variant.labels, matcher.name()));
  });
}

const Route* find_route(const Route& route, std::string_view path) {
  if (route.path == path) return &route;
  for (const Route& child : route.routes) {
    if (const Route* const found = find_route(child, path)) return found;
  }
  return nullptr;
}

AlertGroup group_of(const State& state, const Incident& incident, const Labels& labels) {
  AlertGroup group{.labels = {}, .receiver = incident.call_tree};
  const Route* const route = find_route(state.policy->route, incident.route);
  if (route != nullptr && route->group_by_all) {
    const std::vector<std::string>& ignored = state.policy->identity.ignore_labels;
    for (std::size_t index = 0; index < labels.size(); ++index) {
      const auto [name, value] = labels[index];
      if (std::find(ignored.begin(), ignored.end(), name) == ignored.end()) group.labels.add(name, value);
    }
  } else {
    // A route that a reload took away grouped by what nobody knows any more.
    static const std::vector<std::string> when_gone{"alertname"};
    for (const std::string& name : route != nullptr ? route->group_by : when_gone) {
      if (const std::string_view value = labels.find(name); !value.empty()) group.labels.add(name, value);
    }
  }
  group.labels.seal();
  return group;
}

// An alert by which an incident that keeps others back is found: the first of it that fires.
std::string name_of_holder(const State& state, IncidentId id) {
  if (const Incident* const incident = find_incident(state, id)) {
    for (const EpisodeId episode : incident->episodes) {
      const auto found = state.episodes.find(episode);
      if (found == state.episodes.end()) continue;
      for (const Variant& variant : found->second.variants) {
        if (variant.firing) return hex(variant.fingerprint);
      }
    }
  }
  return print_incident(id);
}

void add_holds(const State& state, const std::vector<HoldName>& holds, OpenAlerts& found, OpenAlert& alert) {
  for (const HoldName& name : holds) {
    const auto [place, is_new] =
        found.place_of_hold.try_emplace(name, static_cast<std::uint32_t>(found.held_by.size()));
    if (is_new) found.held_by.push_back(describe_hold(state, name));
    alert.held_by.push_back(place->second);
    if (is_silence(name.kind)) alert.silenced_by.push_back(name.rule);
    if (!is_by_another(name.kind)) continue;
    if (name.by == IncidentId{}) {
      alert.inhibited_by.push_back(name.rule);
      continue;
    }
    const auto [holder, is_unknown] = found.names_of_holders.try_emplace(name.by);
    if (is_unknown) holder->second = name_of_holder(state, name.by);
    alert.inhibited_by.push_back(holder->second);
  }
}

void add_alert(const State& state, const Standing& standing, const Variant& variant, OpenAlerts& found) {
  OpenAlert alert;
  alert.fingerprint = variant.fingerprint;
  alert.labels = state.dictionary.labels(variant.labels);
  alert.annotations = variant.annotations;
  alert.starts_at = variant.starts_at.value_or(variant.first_seen);
  alert.ends_at = variant.expires_at;
  alert.updated_at = variant.refreshed_at;
  alert.source = state.dictionary.text(variant.source);
  alert.state = state_of(standing);
  add_holds(state, standing.holds, found, alert);
  for (const Incident* const incident : standing.incidents) {
    alert.incidents.push_back(incident->id);
    const auto [group, is_new] = found.incidents.try_emplace(incident->id);
    if (is_new) group->second = group_of(state, *incident, alert.labels);
  }
  found.alerts.push_back(std::move(alert));
}

}  // namespace

bool read_open_alerts(const State& state, const AlertFilter& filter, OpenAlerts& found) {
  if (state.policy == nullptr) return false;
  auto next = state.episodes.upper_bound(found.after);
  for (std::size_t looked_at = 0; next != state.episodes.end() && looked_at < alerts_a_step; ++next, ++looked_at) {
    found.after = next->first;
    const Episode& episode = next->second;
    if (!episode.open) continue;
    std::optional<Standing> standing;
    for (const Variant& variant : episode.variants) {
      if (!variant.firing || !passes(state.dictionary, variant, filter.matchers)) continue;
      if (!standing) standing = standing_of(state, episode);
      if (!passes(*standing, filter)) break;
      if (found.alerts.size() >= most_alerts_read) {
        found.too_many = true;
        return false;
      }
      add_alert(state, *standing, variant, found);
    }
  }
  return next != state.episodes.end();
}

SilenceState state_of(const Silence& silence, Instant wall) {
  if (wall < silence.from && silence.from < silence.to) return SilenceState::pending;
  return wall < silence.to ? SilenceState::active : SilenceState::expired;
}

namespace {

SilenceView view_of(const State& state, const Silence& silence) {
  const auto kept_back = state.links.silenced.find(silence.id);
  return SilenceView{.silence = silence,
                     .alerts = kept_back == state.links.silenced.end() ? 0 : kept_back->second.size()};
}

bool goes_before(const Silence& left, const Silence& right, Instant wall) {
  const SilenceState left_state = state_of(left, wall);
  const SilenceState right_state = state_of(right, wall);
  if (left_state != right_state) return left_state < right_state;
  switch (left_state) {
    case SilenceState::active:
      return left.to < right.to;
    case SilenceState::pending:
      return left.from < right.from;
    case SilenceState::expired:
      return left.to > right.to;
  }
  return false;
}

}  // namespace

std::vector<SilenceView> list_silences(const State& state, const SilenceFilter& filter, Instant wall) {
  std::vector<SilenceView> list;
  for (const auto& [id, silence] : state.silences) {
    if (filter.kind && silence.kind != *filter.kind) continue;
    if (!filter.expired && state_of(silence, wall) == SilenceState::expired) continue;
    const bool has_all =
        std::all_of(filter.matchers.begin(), filter.matchers.end(), [&own = silence.matchers](const Matcher& wanted) {
          return std::find(own.begin(), own.end(), wanted) != own.end();
        });
    if (has_all) list.push_back(view_of(state, silence));
  }
  std::stable_sort(list.begin(), list.end(), [wall](const SilenceView& left, const SilenceView& right) {
    return goes_before(left.silence, right.silence, wall);
  });
  return list;
}

std::optional<SilenceView> view_silence(const State& state, const std::string& id) {
  const auto found = state.silences.find(id);
  if (found == state.silences.end()) return std::nullopt;
  return view_of(state, found->second);
}

std::string_view to_text(SilenceState state) {
  switch (state) {
    case SilenceState::active:
      return "active";
    case SilenceState::pending:
      return "pending";
    case SilenceState::expired:
      return "expired";
  }
  return "";
}

std::string_view to_text(SilenceKind kind) {
  switch (kind) {
    case SilenceKind::silence:
      return "silence";
    case SilenceKind::maintenance:
      return "maintenance";
  }
  return "";
}

std::string_view to_text(AlertState state) {
  switch (state) {
    case AlertState::active:
      return "active";
    case AlertState::suppressed:
      return "suppressed";
    case AlertState::unprocessed:
      return "unprocessed";
  }
  return "";
}

}  // namespace rules
