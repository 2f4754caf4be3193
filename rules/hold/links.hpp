// Who has to be looked at again when something changes: indexes over what is open, made anew from the rest of the state
// and its policy whenever they are not ready (after decoding, after a reload). Nothing here is a decision, and nothing
// here is encoded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "rules/hold/alert_set.hpp"
#include "rules/ids.hpp"
#include "rules/matcher_index.hpp"

namespace rules {

// One rule of inhibition for one set of values of its `equal` labels.
struct InhibitionKey {
  std::uint32_t rule{};  // its place in the policy
  Key128 equal;
  auto operator<=>(const InhibitionKey&) const = default;
};

struct InhibitionSides {
  std::map<EpisodeId, bool> sources;  // whether it matches the target side, too
  AlertSet targets;
};

struct Links {
  bool ready{};

  // Of the policy. Services by their place in it.
  std::vector<std::vector<std::uint32_t>> parents;   // direct ones
  std::vector<std::vector<std::uint32_t>> children;  // direct ones
  MatcherIndex<std::uint32_t> inhibit_sources;
  MatcherIndex<std::uint32_t> inhibit_targets;
  MatcherIndex<std::uint32_t> heartbeats;

  // Of what is open.
  MatcherIndex<const std::string*> silences;                      // those active
  boost::unordered_flat_map<std::string, AlertSet> silenced;      // by silence
  boost::unordered_flat_map<std::uint32_t, AlertSet> dependents;  // open alerts of a service with depends_on
  std::map<std::uint32_t, std::set<IncidentId>> parents_open;     // open incidents of high urgency of a service
  std::map<InhibitionKey, InhibitionSides> inhibitions;
  boost::unordered_flat_map<std::uint64_t, std::vector<std::pair<InhibitionKey, bool>>> sides;  // of an episode; true:
                                                                                                // as a source
  std::set<AlertKey> flapping;
  std::map<IncidentId, AlertSet> behind;  // the alerts that an incident keeps back
};

}  // namespace rules
