#include "rules/rotation_clock.hpp"

#include <algorithm>
#include <cassert>
#include <optional>

namespace rules {
namespace {

namespace chrono = std::chrono;

std::int64_t floor_divide(std::int64_t dividend, std::int64_t divisor) {
  const std::int64_t quotient = dividend / divisor;
  return quotient - (dividend % divisor < 0 ? 1 : 0);
}

chrono::seconds fixed_length(TurnLength length) {
  switch (length.unit) {
    case TurnUnit::hours:
      return chrono::hours{length.count};
    case TurnUnit::days:
      return chrono::days{length.count};
    case TurnUnit::weeks:
      return chrono::weeks{length.count};
    case TurnUnit::months:
      break;
  }
  return chrono::seconds{0};
}

}  // namespace

RotationClock::RotationClock(const Zone& zone, LocalTime start, TurnLength length)
    : zone_(&zone), start_(start), length_(length) {
  assert(length.count >= 1);
}

LocalTime RotationClock::boundary(std::int64_t index) const {
  if (length_.unit != TurnUnit::months) return start_ + index * fixed_length(length_);
  const chrono::local_days start_day = chrono::floor<chrono::days>(start_);
  const chrono::year_month_day date{start_day};
  const chrono::year_month month =
      chrono::year_month{date.year(), date.month()} + chrono::months{index * length_.count};
  const chrono::day day = std::min(date.day(), (month / chrono::last).day());
  return chrono::local_days{month / day} + (start_ - start_day);
}

// The turn that the calendar alone would name, or one beside it.
std::int64_t RotationClock::index_near(Instant instant) const {
  const LocalTime local = zone_->to_local(instant);
  if (length_.unit != TurnUnit::months) {
    return floor_divide((local - start_).count(), fixed_length(length_).count());
  }
  const chrono::year_month_day start{chrono::floor<chrono::days>(start_)};
  const chrono::year_month_day date{chrono::floor<chrono::days>(local)};
  const auto months = (date.year() / date.month() - start.year() / start.month()).count();
  return floor_divide(months, length_.count);
}

Turn RotationClock::turn(std::int64_t index) const {
  return {
      index, zone_->to_instant(boundary(index), Choice::first), zone_->to_instant(boundary(index + 1), Choice::last)};
}

// Neither the beginnings of turns nor their ends ever run back, so the turns that contain an instant are neighbours.
Turns RotationClock::turns_at(Instant instant) const {
  std::int64_t index = std::max<std::int64_t>(index_near(instant), 0);
  while (index > 0 && turn(index - 1).to > instant) --index;
  Turns found;
  for (Turn candidate = turn(index); candidate.from <= instant; candidate = turn(++index)) {
    if (instant < candidate.to) found.push_back(candidate);
  }
  return found;
}

Instant RotationClock::next_boundary_after(Instant instant) const {
  std::int64_t index = std::max<std::int64_t>(index_near(instant), 0);
  while (index > 0 && turn(index - 1).to > instant) --index;
  std::optional<Instant> next;
  for (;; ++index) {
    const Turn candidate = turn(index);
    const bool is_empty = candidate.from == candidate.to;
    if (!is_empty && candidate.to > instant) next = next ? std::min(*next, candidate.to) : candidate.to;
    if (!is_empty && candidate.from > instant) return next ? std::min(*next, candidate.from) : candidate.from;
  }
}

}  // namespace rules
