#include "rules/hours.hpp"

#include <algorithm>

namespace rules {
namespace {

std::uint8_t bit_of(std::chrono::local_days day) {
  const std::chrono::weekday weekday{day};
  return static_cast<std::uint8_t>(1U << (weekday.iso_encoding() - 1));
}

}  // namespace

bool is_within(const Hours& hours, LocalTime local) {
  using std::chrono::days;
  const auto midnight = std::chrono::floor<days>(local);
  const auto minute = local - midnight;
  const bool today = (hours.days & bit_of(midnight)) != 0;
  if (hours.from < hours.to) return today && minute >= hours.from && minute < hours.to;
  const bool yesterday = (hours.days & bit_of(midnight - days{1})) != 0;
  return (today && minute >= hours.from) || (yesterday && minute < hours.to);
}

std::optional<Instant> next_edge_after(const Hours& hours, const Zone& zone, Instant wall) {
  using std::chrono::days;
  const bool now = is_within(hours, zone.to_local(wall));
  const auto today = std::chrono::floor<days>(zone.to_local(wall));
  // From yesterday's span that passes midnight to the same weekday of next week.
  std::optional<Instant> next;
  const auto consider = [&](Instant edge) {
    if (edge <= wall || (next && *next <= edge)) return;
    if (is_within(hours, zone.to_local(edge)) != now) next = edge;
  };
  for (int day = -1; day <= 8; ++day) {
    for (const std::chrono::minutes edge : {hours.from, hours.to}) {
      const LocalTime local{today + days{day} + edge};
      consider(zone.to_instant(local, Choice::first));
      consider(zone.to_instant(local, Choice::last));
    }
  }
  // Clocks that are put forward or back may pass an edge.
  if (const std::optional<Instant> transition = zone.next_transition_after(wall)) {
    if (!next || *transition < *next) consider(*transition);
  }
  return next;
}

bool is_within(const Policy& policy, const std::string& interval, Instant wall) {
  const TimeInterval* found = policy.time_interval(interval);
  return found != nullptr && is_within(found->hours, policy.zone(found->timezone).to_local(wall));
}

std::optional<Instant> next_edge_after(const Policy& policy, const std::string& interval, Instant wall) {
  const TimeInterval* found = policy.time_interval(interval);
  if (found == nullptr) return std::nullopt;
  return next_edge_after(found->hours, policy.zone(found->timezone), wall);
}

Urgency urgency_at(const Policy& policy, const Route& route, Instant wall) {
  if (route.active.empty()) return route.urgency;
  const bool is_active = std::any_of(route.active.begin(), route.active.end(), [&](const std::string& interval) {
    return is_within(policy, interval, wall);
  });
  return is_active ? route.urgency : route.otherwise;
}

}  // namespace rules
