#include "rules/hold/dependency.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/duration.hpp"
#include "rules/mutant.hpp"
#include "rules/rfc3339.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

std::optional<std::uint32_t> index_of(const Policy& policy, std::string_view service) {
  if (service.empty()) return std::nullopt;
  const Service* found = policy.service(service);
  if (found == nullptr) return std::nullopt;
  return static_cast<std::uint32_t>(found - policy.services.data());
}

// Every service that can be reached by `edges`, the nearest first, without the first one.
template <class Visit>
void walk(const std::vector<std::vector<std::uint32_t>>& edges, std::uint32_t from, Visit visit) {
  std::vector<std::uint32_t> order{from};
  std::set<std::uint32_t> seen{from};
  for (std::size_t index = 0; index < order.size(); ++index) {
    for (const std::uint32_t next : edges[order[index]]) {
      if (!seen.insert(next).second) continue;
      if (!visit(next)) return;
      order.push_back(next);
    }
  }
}

// Of an instant within folds_what_began_before.
bool was_acknowledged_at(const Incident& incident, Instant instant) {
  const std::vector<Instant>& turns = incident.early_turns;
  return std::count_if(turns.begin(), turns.end(), [&](Instant turn) { return turn <= instant; }) % 2 == 1;
}

bool explains(const Incident& parent, const Incident& child) {
  if (parent.id == child.id || parent.limit_reached) return false;
  const bool begins_late = child.began_at > parent.began_at + holds_what_begins_within;
  if (begins_late && !ROUSE_MUTANT("parent-holds-for-ever")) return false;
  if (child.began_at >= parent.began_at) return true;
  if (ROUSE_MUTANT("parent-folds-nothing")) return false;
  return child.began_at + folds_what_began_before >= parent.began_at && !was_acknowledged_at(child, parent.began_at);
}

template <class Visit>
void for_each_open(const State& state, const Episode& episode, Visit visit) {
  for (const IncidentId id : episode.incidents) {
    const Incident* incident = find_incident(state, id);
    if (incident != nullptr && is_open(*incident)) visit(*incident);
  }
}

void look_behind(Moment& moment, std::uint32_t service, bool graceful) {
  std::vector<EpisodeId> alerts;
  walk(moment.state.links.children, service, [&](std::uint32_t child) {
    const auto dependents = moment.state.links.dependents.find(child);
    if (dependents != moment.state.links.dependents.end()) {
      const std::vector<EpisodeId> of_child = dependents->second.in_order();
      alerts.insert(alerts.end(), of_child.begin(), of_child.end());
    }
    return true;
  });
  for (const EpisodeId id : alerts) {
    const auto episode = moment.state.episodes.find(id);
    if (episode != moment.state.episodes.end()) look(moment, episode->second, graceful);
  }
}

}  // namespace

std::string dependent_service(const State& state, const Labels& labels) {
  const Links& links = state.links;
  if (links.parents.empty()) return "";
  const std::string_view service = labels.find(state.policy->service_label);
  const std::optional<std::uint32_t> index = index_of(*state.policy, service);
  return index && !links.parents[*index].empty() ? std::string{service} : "";
}

void find_parents(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found) {
  const State& state = moment.state;
  const Links& links = state.links;
  if (links.parents.empty() || (links.parents_open.empty() && state.recovering.empty())) return;
  const auto service = index_of(moment.policy, alert.variants.front().find(moment.policy.service_label));
  if (!service) return;
  std::size_t parents = 0;
  walk(links.parents, *service, [&](std::uint32_t above) {
    const std::string& name = moment.policy.services[above].id;
    if (const auto open = links.parents_open.find(above); open != links.parents_open.end()) {
      for (const IncidentId id : open->second) {
        const Incident* parent = find_incident(state, id);
        bool holds = false;
        for_each_open(state, alert.episode, [&](const Incident& child) {
          holds = holds || (parent != nullptr && explains(*parent, child));
        });
        if (!holds) continue;
        if (parents == most_holders_named) break;
        found.push_back(AlertHold{.name = HoldName{.kind = HoldKind::parent, .rule = name, .by = id},
                                  .covers = Urgency::high,
                                  .until = std::nullopt});
        ++parents;
      }
    }
    if (const auto recovering = state.recovering.find(name); recovering != state.recovering.end()) {
      const auto& [until, ended] = recovering->second;
      const Instant ended_at = until - moment.policy.correlation.recovery_grace;
      bool is_since = false;
      for_each_open(state, alert.episode, [&](const Incident& child) {
        is_since = is_since || (child.id != ended && child.began_at >= ended_at && child.began_at < until);
      });
      if (is_since && !is_over(moment, until)) {
        const HoldName before{.kind = HoldKind::parent, .rule = name, .by = ended};
        found.push_back(AlertHold{
            .name = HoldName{.kind = HoldKind::recovery_grace, .rule = describe_hold(state, before), .by = {}},
            .covers = Urgency::high,
            .until = until});
      }
    }
    return parents < most_holders_named || !state.recovering.empty();
  });
}

void on_turn(Moment& moment, Incident& incident, bool is_acknowledged) {
  constexpr std::size_t most_turns = 31;  // within minutes; odd: the last that counts is an acknowledgement
  std::vector<Instant>& turns = incident.early_turns;
  const bool was_acknowledged = turns.size() % 2 == 1;
  if (is_acknowledged == was_acknowledged || turns.size() == most_turns) return;
  if (moment.at() <= incident.began_at + folds_what_began_before) turns.push_back(moment.at());
}

void register_dependent(Moment& moment, const HeldAlert& alert) {
  Links& links = moment.state.links;
  if (links.parents.empty()) return;
  if (alert.episode.variants.size() > 1) forget_dependent(moment, alert.episode);  // they may be of several services
  const auto service = index_of(moment.policy, alert.variants.front().find(moment.policy.service_label));
  if (service && !links.parents[*service].empty()) links.dependents[*service].insert(alert.episode.id);
}

void forget_dependent(Moment& moment, const Episode& episode) {
  Links& links = moment.state.links;
  if (links.parents.empty()) return;
  for (const Variant& variant : episode.variants) {
    const auto service =
        index_of(moment.policy, moment.state.dictionary.find(variant.labels, moment.policy.service_label));
    if (!service) continue;
    const auto dependents = links.dependents.find(*service);
    if (dependents == links.dependents.end()) continue;
    dependents->second.erase(episode.id);
    if (dependents->second.empty()) links.dependents.erase(dependents);
  }
}

void on_parent_standing(Moment& moment, Incident& incident) {
  State& state = moment.state;
  Links& links = state.links;
  if (links.parents.empty()) return;
  const auto service = index_of(moment.policy, incident.service);
  if (!service || links.children[*service].empty()) return;
  const auto open = links.parents_open.find(*service);
  const bool was_parent = open != links.parents_open.end() && open->second.contains(incident.id);
  const bool is_parent = is_open(incident) && incident.urgency == Urgency::high;
  if (is_parent == was_parent) return;
  if (is_parent) {
    links.parents_open[*service].insert(incident.id);
    look_behind(moment, *service, false);
    return;
  }
  open->second.erase(incident.id);
  if (open->second.empty()) links.parents_open.erase(open);
  std::erase_if(state.recovering, [&](const auto& one) { return is_over(moment, one.second.first); });
  const Duration grace = moment.policy.correlation.recovery_grace;
  if (grace > Duration::zero()) state.recovering[incident.service] = {moment.at() + grace, incident.id};
  let_go(moment, incident.id, true);
}

std::string name_passed_parents(Moment& moment, const Incident& incident) {
  const Links& links = moment.state.links;
  if (links.parents_open.empty() || !is_open(incident)) return "";
  const auto service = index_of(moment.policy, incident.service);
  if (!service) return "";
  std::string text;
  std::size_t named = 0;
  walk(links.parents, *service, [&](std::uint32_t above) {
    const auto open = links.parents_open.find(above);
    if (open == links.parents_open.end()) return true;
    for (const IncidentId id : open->second) {
      const Incident* parent = find_incident(moment.state, id);
      if (parent == nullptr || parent->id == incident.id || incident.began_at < parent->began_at) continue;
      const std::string name = fmt::format("{} on {}", print_incident(id), parent->service);
      const std::string why =
          parent->limit_reached ? std::string{"nobody was called for it within 1h"}
                                : fmt::format("it began {} before", tell_length(incident.began_at - parent->began_at));
      text += fmt::format("{}{} is open, but {}", text.empty() ? "" : "; ", name, why);
      if (++named == most_holders_named) return false;
    }
    return true;
  });
  return text;
}

std::size_t count_unexplained(const State& state, const Incident& parent) {
  const Links& links = state.links;
  if (links.parents.empty() || state.policy == nullptr) return 0;
  const auto service = index_of(*state.policy, parent.service);
  if (!service) return 0;
  std::size_t count = 0;
  walk(links.children, *service, [&](std::uint32_t child) {
    const auto dependents = links.dependents.find(child);
    if (dependents == links.dependents.end()) return true;
    count += dependents->second.count([&](EpisodeId id) {
      const auto episode = state.episodes.find(id);
      if (episode == state.episodes.end() || !episode->second.open || !episode->second.holds.empty()) return false;
      // What somebody has resolved though it fires is nobody's any more.
      const IncidentIds& incidents = episode->second.incidents;
      return std::find(incidents.begin(), incidents.end(), parent.id) == incidents.end() &&
             is_of_open_incident(state, episode->second);
    });
    return true;
  });
  return count;
}

Above above(const State& state, std::string_view service, std::size_t most) {
  Above found;
  const Links& links = state.links;
  if (links.parents.empty() || state.policy == nullptr) return found;
  const auto index = index_of(*state.policy, service);
  if (!index) return found;
  walk(links.parents, *index, [&](std::uint32_t one) {
    found.services.push_back(state.policy->services[one].id);
    const auto open = links.parents_open.find(one);
    if (open == links.parents_open.end()) return true;
    for (const IncidentId id : open->second) {
      if (found.parents.size() < most) found.parents.push_back(id);
    }
    return true;
  });
  return found;
}

void link_services(Moment& moment) {
  Links& links = moment.state.links;
  const std::vector<Service>& services = moment.policy.services;
  const bool any =
      std::any_of(services.begin(), services.end(), [](const Service& service) { return !service.depends_on.empty(); });
  if (!any) return;
  links.parents.resize(services.size());
  links.children.resize(services.size());
  for (std::uint32_t child = 0; child < services.size(); ++child) {
    for (const std::string& name : services[child].depends_on) {
      const auto parent = index_of(moment.policy, name);
      if (!parent) continue;
      links.parents[child].push_back(*parent);
      links.children[*parent].push_back(child);
    }
  }
}

void link_parent(Moment& moment, const Incident& incident) {
  Links& links = moment.state.links;
  if (links.parents.empty() || !is_open(incident) || incident.urgency != Urgency::high) return;
  const auto service = index_of(moment.policy, incident.service);
  if (service && !links.children[*service].empty()) links.parents_open[*service].insert(incident.id);
}

}  // namespace rules
