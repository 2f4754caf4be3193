#include "daemon/api/gaps.hpp"

#include <algorithm>
#include <optional>

#include "rules/roster.hpp"

namespace api {

std::vector<OnCallGap> on_call_gaps(const rules::Policy& policy, rules::Instant from, rules::Duration span) {
  const rules::Instant to = from + span;
  rules::Roster roster;
  std::vector<OnCallGap> gaps;
  for (const rules::CallTree& tree : policy.call_trees) {
    std::uint32_t number = 0;
    for (const rules::Step& step : tree.steps) {
      OnCallGap gap{.call_tree = tree.id, .step = ++number, .length = {}};
      rules::Instant at = from;
      while (at < to) {
        rules::Instant next = to;
        for (const rules::Target& target : step.targets) {
          const std::optional<rules::Instant> change = roster.next_change(policy, target, at);
          if (change && *change > at) next = std::min(next, *change);
        }
        if (roster.on_call(policy, step.targets, at).empty()) gap.length += next - at;
        at = next;
      }
      gaps.push_back(std::move(gap));
    }
  }
  return gaps;
}

}  // namespace api
