#include "rules/hold/inhibition.hpp"

#include <algorithm>

#include <xxhash.h>

#include "rules/mutant.hpp"

namespace rules {
namespace {

using Side = std::pair<InhibitionKey, bool>;  // true: as a source

// The values of the rule's `equal` labels; nothing when one is absent.
std::optional<InhibitionKey> key_of(const State& state, std::uint32_t rule, const Labels& labels) {
  std::string text;
  for (const std::string& name : state.policy->inhibit_rules[rule].equal) {
    const std::string_view value = labels.find(name);
    if (value.empty()) return std::nullopt;
    text += value;
    text += '\xFF';
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), state.seed);
  return InhibitionKey{.rule = rule, .equal = Key128{.high = hash.high64, .low = hash.low64}};
}

// As a source when any variant that fires matches, as a target when all of them do.
std::vector<Side> find_sides(Moment& moment, const HeldAlert& alert) {
  std::vector<Side> sides;
  const Links& links = moment.state.links;
  for (const Labels& labels : alert.variants) {
    links.inhibit_sources.for_each_match(labels, [&](std::uint32_t rule) {
      if (const auto key = key_of(moment.state, rule, labels)) sides.emplace_back(*key, true);
    });
  }
  const Labels& first = alert.variants.front();
  links.inhibit_targets.for_each_match(first, [&](std::uint32_t rule) {
    const std::vector<Matcher>& matchers = moment.policy.inhibit_rules[rule].target;
    const bool all = std::all_of(alert.variants.begin() + 1, alert.variants.end(), [&](const Labels& labels) {
      return all_match(matchers, labels);
    });
    if (!all) return;
    if (const auto key = key_of(moment.state, rule, first)) sides.emplace_back(*key, false);
  });
  std::sort(sides.begin(), sides.end());
  sides.erase(std::unique(sides.begin(), sides.end()), sides.end());
  return sides;
}

bool matches_target(const std::vector<Side>& sides, const InhibitionKey& key) {
  return std::find(sides.begin(), sides.end(), Side{key, false}) != sides.end();
}

void add_side(Links& links, const Side& side, EpisodeId id, bool both) {
  InhibitionSides& there = links.inhibitions[side.first];
  if (side.second) {
    there.sources[id] = both;
  } else {
    there.targets.insert(id);
  }
}

void remove_side(Links& links, const Side& side, EpisodeId id) {
  const auto there = links.inhibitions.find(side.first);
  if (there == links.inhibitions.end()) return;
  if (side.second) {
    there->second.sources.erase(id);
  } else {
    there->second.targets.erase(id);
  }
  if (there->second.sources.empty() && there->second.targets.empty()) links.inhibitions.erase(there);
}

void look_at_targets(Moment& moment, const InhibitionKey& key, EpisodeId but, bool graceful) {
  const auto there = moment.state.links.inhibitions.find(key);
  if (there == moment.state.links.inhibitions.end()) return;
  for (const EpisodeId id : there->second.targets.in_order()) {
    if (id == but) continue;
    const auto episode = moment.state.episodes.find(id);
    if (episode != moment.state.episodes.end()) look(moment, episode->second, graceful);
  }
}

// The most urgent of the open incidents of a source, for which it may inhibit; null when there is none.
const Incident* standing_of(const State& state, EpisodeId id) {
  const auto episode = state.episodes.find(id);
  if (episode == state.episodes.end()) return nullptr;
  const Incident* best = nullptr;
  for (const IncidentId incident_id : episode->second.incidents) {
    const Incident* incident = find_incident(state, incident_id);
    if (incident == nullptr || !is_open(*incident) || incident->limit_reached) continue;
    if (best == nullptr || incident->urgency > best->urgency) best = incident;
  }
  return best;
}

}  // namespace

void find_inhibitors(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found) {
  const Links& links = moment.state.links;
  const auto sides = links.sides.find(alert.episode.id.value);
  if (sides == links.sides.end()) return;
  for (const auto& [key, as_source] : sides->second) {
    if (as_source) continue;
    const auto there = links.inhibitions.find(key);
    if (there == links.inhibitions.end()) continue;
    const auto own = there->second.sources.find(alert.episode.id);
    const bool is_both = own != there->second.sources.end();
    // The most urgent first: several may keep it back, and each of them may go, or be of a ring. Once one of high
    // urgency is found only a few more are looked at: thousands of sources are mostly of one incident.
    constexpr std::size_t most_looks_after_the_first = 16;
    std::vector<const Incident*> found_here;
    std::size_t looks = 0;
    const auto is_more_urgent = [](const Incident* left, const Incident* right) {
      return left->urgency > right->urgency;
    };
    for (const auto& [source, source_is_both] : there->second.sources) {
      if (source == alert.episode.id || (is_both && source_is_both)) continue;
      const Incident* incident = standing_of(moment.state, source);
      if (incident == nullptr) continue;
      if (!found_here.empty() && found_here.front()->urgency == Urgency::high) {
        if (found_here.back()->urgency == Urgency::high && found_here.size() == most_holders_named) break;
        if (++looks > most_looks_after_the_first) break;
      }
      if (std::find(found_here.begin(), found_here.end(), incident) != found_here.end()) continue;
      found_here.insert(std::upper_bound(found_here.begin(), found_here.end(), incident, is_more_urgent), incident);
      if (found_here.size() > most_holders_named) found_here.pop_back();
    }
    for (const Incident* inhibitor : found_here) {
      const Urgency covers = ROUSE_MUTANT("inhibits-what-is-more-urgent") ? Urgency::high : inhibitor->urgency;
      found.push_back(AlertHold{.name = HoldName{.kind = HoldKind::inhibition,
                                                 .rule = moment.policy.inhibit_rules[key.rule].id,
                                                 .by = inhibitor->id},
                                .covers = covers,
                                .until = std::nullopt});
    }
  }
}

void register_sides(Moment& moment, const HeldAlert& alert) {
  if (moment.policy.inhibit_rules.empty()) return;
  Links& links = moment.state.links;
  std::vector<Side> now = find_sides(moment, alert);
  const EpisodeId id = alert.episode.id;
  const auto found = links.sides.find(id.value);
  if (found == links.sides.end() && now.empty()) return;
  std::vector<Side> before = found == links.sides.end() ? std::vector<Side>{} : found->second;
  if (before == now) return;
  for (const Side& side : before) remove_side(links, side, id);
  for (const Side& side : now) add_side(links, side, id, matches_target(now, side.first));
  if (now.empty()) {
    links.sides.erase(id.value);
  } else {
    links.sides[id.value] = now;
  }
  // Which targets have another set of sources now. Their own sides stay as they are.
  for (const Side& side : now) {
    if (side.second && std::find(before.begin(), before.end(), side) == before.end()) {
      look_at_targets(moment, side.first, id, false);
    }
  }
  // It has not ended, so nobody waits for what ends with it: it is another now, which explains others.
  for (const Side& side : before) {
    if (side.second && std::find(now.begin(), now.end(), side) == now.end()) {
      look_at_targets(moment, side.first, id, false);
    }
  }
}

void forget_sides(Moment& moment, const Episode& episode) {
  Links& links = moment.state.links;
  const auto found = links.sides.find(episode.id.value);
  if (found == links.sides.end()) return;
  const std::vector<Side> before = std::move(found->second);
  links.sides.erase(found);
  for (const Side& side : before) remove_side(links, side, episode.id);
  for (const Side& side : before) {
    if (side.second) look_at_targets(moment, side.first, episode.id, true);
  }
}

void on_source_standing(Moment& moment, const Incident& incident) {
  const Links& links = moment.state.links;
  if (links.sides.empty()) return;
  const bool is_over = !is_open(incident);
  for (const EpisodeId id : incident.episodes) {
    const auto sides = links.sides.find(id.value);
    if (sides == links.sides.end()) continue;
    const std::vector<Side> of_episode = sides->second;
    for (const auto& [key, as_source] : of_episode) {
      if (as_source) look_at_targets(moment, key, id, is_over);
    }
  }
}

std::vector<EpisodeId> inhibitors_of(const State& state, const Labels& labels, std::size_t most) {
  constexpr std::size_t most_looks = 1000;
  std::vector<EpisodeId> high;
  std::vector<EpisodeId> others;
  std::size_t looks = 0;
  state.links.inhibit_targets.for_each_match(labels, [&](std::uint32_t rule) {
    const auto key = key_of(state, rule, labels);
    if (!key) return;
    const auto there = state.links.inhibitions.find(*key);
    if (there == state.links.inhibitions.end()) return;
    for (const auto& [source, is_both] : there->second.sources) {
      if (looks++ == most_looks || high.size() == most) return;
      const Incident* incident = standing_of(state, source);
      if (incident == nullptr) continue;
      std::vector<EpisodeId>& found = incident->urgency == Urgency::high ? high : others;
      if (found.size() < most) found.push_back(source);
    }
  });
  high.insert(high.end(), others.begin(), others.end());
  return high;
}

void link_rules(Moment& moment) {
  Links& links = moment.state.links;
  for (std::uint32_t rule = 0; rule < moment.policy.inhibit_rules.size(); ++rule) {
    links.inhibit_sources.add(moment.policy.inhibit_rules[rule].source, rule);
    links.inhibit_targets.add(moment.policy.inhibit_rules[rule].target, rule);
  }
}

void link_sides(Moment& moment, const HeldAlert& alert) {
  if (moment.policy.inhibit_rules.empty()) return;
  Links& links = moment.state.links;
  std::vector<Side> now = find_sides(moment, alert);
  if (now.empty()) return;
  for (const Side& side : now) add_side(links, side, alert.episode.id, matches_target(now, side.first));
  links.sides[alert.episode.id.value] = std::move(now);
}

}  // namespace rules
