// Who is on call for everything that has a name, and who comes next: view_on_call() of view.hpp.
#include <algorithm>
#include <utility>

#include "rules/view.hpp"

namespace rules {
namespace {

// The hours of a rotation change who is on call without anybody's turn beginning: only somebody else is next.
void add_next_turn(const Policy& policy, const Target& target, Roster& roster, OnCallView& view) {
  constexpr int most_changes = 100;
  std::optional<Instant> at = view.until;
  for (int change = 0; at && change < most_changes; ++change) {
    std::vector<OnCall> people = roster.on_call(policy, target, *at);
    std::erase_if(people, [&view](const OnCall& one) {
      return std::any_of(
          view.people.begin(), view.people.end(), [&one](const OnCall& other) { return other.person == one.person; });
    });
    if (!people.empty()) {
      view.next_from = at;
      view.next = std::move(people);
      return;
    }
    at = roster.next_change(policy, target, *at);
  }
}

}  // namespace

std::vector<OnCallView> view_on_call(const Policy& policy, Instant wall) {
  Roster roster;
  std::vector<OnCallView> views;
  for (const Rotation& rotation : policy.rotations) {
    const Target target{.kind = TargetKind::rotation, .id = rotation.id};
    OnCallView& view = views.emplace_back(OnCallView{.target = rotation.id,
                                                     .kind = TargetKind::rotation,
                                                     .role = rotation.role,
                                                     .people = roster.on_call(policy, target, wall),
                                                     .until = roster.next_change(policy, target, wall),
                                                     .next_from = std::nullopt,
                                                     .next = {}});
    add_next_turn(policy, target, roster, view);
  }
  for (const Specialists& group : policy.specialists) {
    const Target target{.kind = TargetKind::specialists, .id = group.id};
    views.push_back(OnCallView{.target = group.id,
                               .kind = TargetKind::specialists,
                               .role = {},
                               .people = roster.on_call(policy, target, wall),
                               .until = std::nullopt,
                               .next_from = std::nullopt,
                               .next = {}});
  }
  return views;
}

}  // namespace rules
