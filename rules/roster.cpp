#include "rules/roster.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/hours.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

using std::chrono::days;

Instant at_midnight(const Zone& zone, std::chrono::year_month_day day) {
  return zone.to_instant(LocalTime{std::chrono::local_days{day}}, Choice::first);
}

bool is_on_leave(const Rotation& rotation, const Zone& zone, const std::string& person, const Turn& turn) {
  return std::any_of(rotation.leave.begin(), rotation.leave.end(), [&](const Leave& leave) {
    if (leave.person != person) return false;
    const Instant from = at_midnight(zone, leave.from);
    const Instant to = at_midnight(zone, std::chrono::year_month_day{std::chrono::local_days{leave.to} + days{1}});
    return from < turn.to && turn.from < to;
  });
}

bool is_on_hours(const Rotation& rotation, LocalTime local) {
  if (rotation.hours.empty()) return true;
  return std::any_of(
      rotation.hours.begin(), rotation.hours.end(), [&](const Hours& hours) { return is_within(hours, local); });
}

bool covers(const Override& one, const Zone& zone, Instant wall) {
  return wall >= zone.to_instant(one.from, Choice::first) && wall < zone.to_instant(one.to, Choice::last);
}

void add(std::vector<OnCall>& people, OnCall one) {
  const bool known =
      std::any_of(people.begin(), people.end(), [&](const OnCall& other) { return other.person == one.person; });
  if (!known) people.push_back(std::move(one));
}

}  // namespace

void Roster::reset() {
  taken_.clear();
}

std::int32_t Roster::member_of(const Policy& policy, const Rotation& rotation, std::int64_t turn) {
  const auto members = static_cast<std::int64_t>(rotation.members.size());
  if (members == 0 || turn < 0) return -1;
  if (rotation.leave.empty()) return static_cast<std::int32_t>(turn % members);
  const Zone& zone = policy.zone(rotation.timezone);
  const RotationClock clock{zone, rotation.start, rotation.turn};
  std::vector<std::int32_t>& taken = taken_[rotation.id];
  // Whoever is away is passed over, and the order continues after whoever took the turn: so every turn hangs on the
  // one before. A turn that nobody could take leaves the order where it was.
  std::int64_t last = members - 1;
  for (auto index = taken.rbegin(); index != taken.rend(); ++index) {
    if (*index >= 0) {
      last = *index;
      break;
    }
  }
  while (static_cast<std::int64_t>(taken.size()) <= turn) {
    const Turn span = clock.turn(static_cast<std::int64_t>(taken.size()));
    std::int32_t chosen = -1;
    for (std::int64_t offset = 1; offset <= members; ++offset) {
      const std::int64_t candidate = (last + offset) % members;
      if (is_on_leave(rotation, zone, rotation.members[static_cast<std::size_t>(candidate)], span)) continue;
      chosen = static_cast<std::int32_t>(candidate);
      break;
    }
    if (chosen >= 0) last = chosen;
    taken.push_back(chosen);
  }
  return taken[static_cast<std::size_t>(turn)];
}

std::vector<OnCall> Roster::on_call(const Policy& policy, const Target& target, Instant wall) {
  std::vector<OnCall> people;
  switch (target.kind) {
    case TargetKind::person:
      people.push_back(OnCall{.person = target.id, .because = "named by the step"});
      return people;
    case TargetKind::specialists:
      if (const Specialists* group = policy.specialist_group(target.id)) {
        for (const std::string& member : group->members) {
          add(people, OnCall{.person = member, .because = fmt::format("specialist for {}", group->id)});
        }
      }
      return people;
    case TargetKind::rotation:
      break;
  }
  const Rotation* rotation = policy.rotation(target.id);
  if (rotation == nullptr) return people;
  const Zone& zone = policy.zone(rotation->timezone);
  if (!is_on_hours(*rotation, zone.to_local(wall))) return people;
  const RotationClock clock{zone, rotation->start, rotation->turn};
  for (const Turn& turn : clock.turns_at(wall)) {
    const std::int32_t member = member_of(policy, *rotation, turn.index);
    if (member < 0) continue;
    std::string person = rotation->members[static_cast<std::size_t>(member)];
    std::string why = fmt::format("on call for {}{} until {}",
                                  rotation->id,
                                  rotation->role.empty() ? "" : fmt::format(" ({})", rotation->role),
                                  tell_time(zone, turn.to, wall));
    for (const Override& one : rotation->overrides) {
      if (one.replaced != person || !covers(one, zone, wall)) continue;
      why = fmt::format("takes over from {} in {}{} until {}",
                        person,
                        rotation->id,
                        rotation->role.empty() ? "" : fmt::format(" ({})", rotation->role),
                        tell_time(zone, zone.to_instant(one.to, Choice::last), wall));
      person = one.substitute;
      break;  // whoever takes a turn is not replaced again by the same list
    }
    add(people,
        OnCall{
            .person = std::move(person), .because = std::move(why), .rotation = rotation->id, .role = rotation->role});
  }
  return people;
}

std::vector<OnCall> Roster::on_call(const Policy& policy, const std::vector<Target>& targets, Instant wall) {
  std::vector<OnCall> people;
  for (const Target& target : targets) {
    for (OnCall& one : on_call(policy, target, wall)) add(people, std::move(one));
  }
  return people;
}

std::vector<TakenTurn> Roster::turns(const Policy& policy, const Rotation& rotation, Instant from, Instant to) {
  std::vector<TakenTurn> found;
  const Zone& zone = policy.zone(rotation.timezone);
  const RotationClock clock{zone, rotation.start, rotation.turn};
  const Turn first = clock.turn(0);
  std::int64_t index = 0;
  if (from > first.from) {
    const Turns at = clock.turns_at(from);
    index = at.empty() ? 0 : at.front().index;
  }
  for (;; ++index) {
    const Turn turn = clock.turn(index);
    if (turn.from >= to) return found;
    if (turn.to <= from) continue;
    const std::int32_t member = member_of(policy, rotation, index);
    found.push_back(TakenTurn{.index = index,
                              .from = turn.from,
                              .to = turn.to,
                              .person = member < 0 ? "" : rotation.members[static_cast<std::size_t>(member)]});
  }
}

std::optional<Instant> Roster::next_change(const Policy& policy, const Target& target, Instant wall) {
  if (target.kind != TargetKind::rotation) return std::nullopt;
  const Rotation* rotation = policy.rotation(target.id);
  if (rotation == nullptr || rotation->members.empty()) return std::nullopt;
  const Zone& zone = policy.zone(rotation->timezone);
  const RotationClock clock{zone, rotation->start, rotation->turn};
  Instant next = clock.next_boundary_after(wall);
  const auto consider = [&](Instant candidate) {
    if (candidate > wall && candidate < next) next = candidate;
  };
  for (const Override& one : rotation->overrides) {
    consider(zone.to_instant(one.from, Choice::first));
    consider(zone.to_instant(one.to, Choice::last));
  }
  if (!rotation->hours.empty()) {
    // The edges of yesterday's to tomorrow's hours; a longer stretch without any is walked a day at a time.
    const auto today = std::chrono::floor<days>(zone.to_local(wall));
    for (int offset = -1; offset <= 2; ++offset) {
      for (const Hours& hours : rotation->hours) {
        for (const std::chrono::minutes edge : {hours.from, hours.to}) {
          const LocalTime local = LocalTime{today + days{offset}} + edge;
          consider(zone.to_instant(local, Choice::first));
          consider(zone.to_instant(local, Choice::last));
        }
      }
    }
    if (const std::optional<Instant> shift = zone.next_transition_after(wall)) consider(*shift);
  }
  return next;
}

}  // namespace rules
