#include "rules/hold/storm.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/climb.hpp"
#include "rules/duration.hpp"
#include "rules/grouping.hpp"
#include "rules/mutant.hpp"
#include "rules/own_alert.hpp"

namespace rules {
namespace {

constexpr std::size_t most_lines = 6;  // of a storm's list: what is commonest

std::string_view alertname_of(const Incident& incident) {
  const std::string_view summary = incident.summary;
  return summary.substr(0, summary.find(':'));
}

bool is_storm(const Incident& incident) {
  return incident.route == own_route_path(storm_alertname);
}

std::uint64_t hash_of(const std::string& tree) {
  return XXH3_64bits(tree.data(), tree.size());
}

std::uint8_t highest(const Policy& policy) {
  return policy.severity.rank("");  // absent ranks as the highest
}

std::size_t count_within(const Storm& storm, Instant from) {
  const auto first = std::partition_point(
      storm.starts.begin(), storm.starts.end(), [from](const StormStart& one) { return one.at <= from; });
  return static_cast<std::size_t>(storm.starts.end() - first);
}

// So many of the last stay, however old they are, that it is known when the storm was over: its check may be late.
void forget_old_starts(const StormLimits& limits, Storm& storm, Instant at) {
  const Duration longest = std::max(limits.within, limits.until_within);
  while (storm.starts.size() > limits.until_incidents && storm.starts.front().at + longest <= at)
    storm.starts.pop_front();
  // More than decide anything are not kept.
  const std::size_t most = std::max(limits.incidents, limits.until_incidents);
  while (storm.starts.size() > most) storm.starts.pop_front();
}

// When the number of starts within until_within falls below the limit, if nothing else happens.
Instant calms_at(const StormLimits& limits, const Storm& storm) {
  const std::size_t from_the_end = std::min<std::size_t>(limits.until_incidents, storm.starts.size());
  return storm.starts[storm.starts.size() - from_the_end].at + limits.until_within;
}

void arm_check(Moment& moment, const std::string& tree, Storm& storm) {
  moment.state.deadlines.disarm(storm.check);
  storm.check = DeadlineId{};
  if (!storm.folding) return;
  const Instant due = storm.starts.empty() ? moment.at() : calms_at(moment.policy.correlation.storm, storm);
  storm.check = moment.state.deadlines.arm(due, DeadlineKind::storm_check, hash_of(tree), 0);
}

void add_member(Moment& moment, Storm& storm, Incident& incident, const std::string& tree) {
  incident.storm = tree;
  storm.members.insert(incident.id);
  storm.alertnames.insert(std::string{alertname_of(incident)});
  judge_later(moment, incident);
}

// An acknowledged storm whose members have doubled since.
void judge_growth(Moment& moment, Storm& storm) {
  Incident* incident = find_incident(moment.state, storm.incident);
  if (incident == nullptr || incident->state != IncidentState::acknowledged || is_held(*incident)) return;
  if (incident->folded_at_acknowledgement == 0) return;
  if (ROUSE_MUTANT("storm-that-doubled-is-quiet")) return;
  if (storm.members.size() < 2 * std::size_t{incident->folded_at_acknowledgement}) return;
  const std::string holder = incident->by;
  because(moment,
          *incident,
          ReasonKind::acknowledgement_outgrown,
          holder,
          fmt::format(
              "{} incidents, {} when it was acknowledged", storm.members.size(), incident->folded_at_acknowledgement));
  trigger_again(moment, *incident, PageReason::ack_timeout, holder, false);
}

// The incident that pages for the storm: the one that is open, or a new one.
void open_storm(Moment& moment, const std::string& tree, Storm& storm) {
  storm.folding = true;
  if (find_incident(moment.state, storm.incident) != nullptr && storm.incident != IncidentId{}) return;
  ++moment.state.counters.storms;
  const StormLimits& limits = moment.policy.correlation.storm;
  Labels labels = own_labels(moment.policy, storm_alertname, {{"call_tree", tree}});
  Labels annotations{{{"summary",
                       fmt::format("more than {} climbs began on call tree {} within {}; they are folded into this one",
                                   limits.incidents,
                                   tree,
                                   print_duration(limits.within))}}};
  const EpisodeId id = raise_own_alert(moment, labels, annotations, tree);
  const auto episode = moment.state.episodes.find(id);
  if (episode == moment.state.episodes.end() || episode->second.incidents.empty()) return;
  storm.incident = episode->second.incidents.front();
  storm.alertnames.clear();
}

void end_if_empty(Moment& moment, const std::string& tree, Storm& storm) {
  if (!storm.members.empty() || storm.incident == IncidentId{}) return;
  storm.folding = false;
  arm_check(moment, tree, storm);
  storm.alertnames.clear();
  const IncidentId id = storm.incident;
  storm.incident = IncidentId{};
  const Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr || incident->episodes.empty()) return;
  end_own_alert(moment, incident->episodes.back(), "its last member ended");
}

}  // namespace

bool is_folded(Moment& moment, Incident& incident) {
  if (is_storm(incident) || incident.drill || ROUSE_MUTANT("storm-folds-nothing")) return false;
  const StormLimits& limits = moment.policy.correlation.storm;
  const std::string tree = incident.call_tree;
  Storm& storm = moment.state.storms[tree];
  forget_old_starts(limits, storm, moment.at());
  storm.starts.push_back(StormStart{.at = moment.at(), .incident = incident.id});
  if (!storm.folding && count_within(storm, moment.at() - limits.within) <= limits.incidents) return false;
  const bool begins = !storm.folding;
  if (begins) {
    open_storm(moment, tree, storm);
    if (storm.incident == IncidentId{}) return false;
  }
  arm_check(moment, tree, storm);
  const bool is_new_kind =
      incident.severity == highest(moment.policy) && !storm.alertnames.contains(std::string{alertname_of(incident)});
  if (!begins && is_new_kind) {
    storm.alertnames.insert(std::string{alertname_of(incident)});
    return false;
  }
  if (begins) {
    // Those of the window that were called for, or would have been, and that nobody has acknowledged.
    for (const StormStart& start : storm.starts) {
      if (start.at <= moment.at() - limits.within) continue;
      Incident* member = find_incident(moment.state, start.incident);
      if (member == nullptr || member->state != IncidentState::triggered || is_held(*member) || member->waived)
        continue;
      if (member->call_tree == tree && member->urgency == Urgency::high) add_member(moment, storm, *member, tree);
    }
  }
  add_member(moment, storm, incident, tree);
  if (Incident* own = find_incident(moment.state, storm.incident)) moment.changed.insert(own->id);
  judge_growth(moment, storm);
  return true;
}

void leave_storm(Moment& moment, Incident& incident) {
  if (incident.storm.empty()) return;
  const std::string tree = incident.storm;
  incident.storm.clear();
  judge_later(moment, incident);
  const auto storm = moment.state.storms.find(tree);
  if (storm == moment.state.storms.end()) return;
  storm->second.members.erase(incident.id);
  moment.changed.insert(storm->second.incident);
  end_if_empty(moment, tree, storm->second);
}

void on_storm_resolved(Moment& moment, Incident& incident) {
  if (!is_storm(incident)) return;
  for (auto& [tree, storm] : moment.state.storms) {
    if (storm.incident != incident.id) continue;
    const std::vector<IncidentId> members{storm.members.begin(), storm.members.end()};
    storm.members.clear();
    storm.folding = false;
    storm.incident = IncidentId{};
    storm.alertnames.clear();
    arm_check(moment, tree, storm);
    for (const IncidentId id : members) {
      Incident* member = find_incident(moment.state, id);
      if (member == nullptr) continue;
      member->storm.clear();
      delay_alerts(moment, *member, fmt::format("{} on call tree {}", print_incident(incident.id), tree));
    }
    // Its alert goes with it: the next storm of this tree is a new one, not a refresh of what a person has put away.
    if (!incident.episodes.empty()) end_own_alert(moment, incident.episodes.back(), "the storm was resolved");
    return;
  }
}

void on_storm_acknowledged(Moment& moment, Incident& incident) {
  if (!is_storm(incident)) return;
  for (const auto& [tree, storm] : moment.state.storms) {
    if (storm.incident == incident.id) {
      incident.folded_at_acknowledgement = static_cast<std::uint32_t>(storm.members.size());
    }
  }
}

HoldName storm_name(const State& state, const Incident& member) {
  const auto storm = state.storms.find(member.storm);
  return HoldName{.kind = HoldKind::storm,
                  .rule = member.storm,
                  .by = storm == state.storms.end() ? IncidentId{} : storm->second.incident};
}

std::string list_members(const State& state, const Incident& incident) {
  if (!is_storm(incident)) return "";
  for (const auto& [tree, storm] : state.storms) {
    if (storm.incident != incident.id) continue;
    std::map<std::pair<std::string, std::string>, std::size_t> kinds;
    for (const IncidentId id : storm.members) {
      if (const Incident* member = find_incident(state, id)) {
        ++kinds[{std::string{alertname_of(*member)}, member->service}];
      }
    }
    std::vector<std::pair<std::size_t, std::pair<std::string, std::string>>> commonest;
    for (const auto& [kind, count] : kinds) commonest.emplace_back(count, kind);
    std::stable_sort(commonest.begin(), commonest.end(), [](const auto& left, const auto& right) {
      return left.first > right.first;
    });
    std::string text = fmt::format("{} incidents", storm.members.size());
    for (std::size_t index = 0; index < commonest.size() && index < most_lines; ++index) {
      const auto& [count, kind] = commonest[index];
      text += fmt::format(
          "{} {}{}{} ({})", index == 0 ? ":" : ",", kind.first, kind.second.empty() ? "" : " on ", kind.second, count);
    }
    if (commonest.size() > most_lines) text += fmt::format(", and {} other kinds", commonest.size() - most_lines);
    return text;
  }
  return "";
}

void on_storm_check(Moment& moment, std::uint64_t tree_hash) {
  const StormLimits& limits = moment.policy.correlation.storm;
  for (auto& [tree, storm] : moment.state.storms) {
    if (hash_of(tree) != tree_hash || !storm.folding) continue;
    storm.check = DeadlineId{};
    forget_old_starts(limits, storm, moment.at());
    if (count_within(storm, moment.at() - limits.until_within) >= limits.until_incidents) {
      arm_check(moment, tree, storm);
      continue;
    }
    if (ROUSE_MUTANT("storm-never-calms")) continue;
    storm.folding = false;
    if (Incident* incident = find_incident(moment.state, storm.incident)) {
      because(moment, *incident, ReasonKind::storm_ended, tree, list_members(moment.state, *incident));
    }
  }
}

}  // namespace rules
