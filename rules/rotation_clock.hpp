// When the turns of a rotation begin and end: calendar arithmetic in the wall-clock time of the rotation's zone.
// Who takes a turn is decided elsewhere.
#pragma once

#include <cstdint>

#include <boost/container/small_vector.hpp>

#include "rules/time.hpp"
#include "rules/zone.hpp"

namespace rules {

enum class TurnUnit : std::uint8_t { hours, days, weeks, months };

struct TurnLength {
  std::int32_t count{1};  // at least 1
  TurnUnit unit{};
  bool operator==(const TurnLength&) const = default;
};

/// A span of instants, `from` inclusive, `to` exclusive. Empty (from == to) when clocks skip it whole.
struct Turn {
  std::int64_t index{};
  Instant from;
  Instant to;
  bool operator==(const Turn&) const = default;
};

using Turns = boost::container::small_vector<Turn, 2>;

/// Borrows the zone. Hand-overs fall on the same wall-clock time all year, so a week across a change of clocks has
/// 167 or 169 hours. A hand-over that clocks skip happens at the first instant after the gap. One that they show twice
/// happens over the whole of it: the next turn starts at the first, the one before ends at the last, both are on call
/// in between. Turns of months hand over on the day of the month of `start`, or on the last day of a shorter month.
class RotationClock {
 public:
  /// `start` is when turn 0 begins.
  RotationClock(const Zone& zone, LocalTime start, TurnLength length);

  [[nodiscard]] Turn turn(std::int64_t index) const;

  /// The turns that contain the instant, ascending: none before the start, one as a rule, two (with turns shorter than
  /// the doubled time even more) during a hand-over that happens twice.
  [[nodiscard]] Turns turns_at(Instant instant) const;

  /// The first instant after this one at which turns_at() says something else.
  [[nodiscard]] Instant next_boundary_after(Instant instant) const;

 private:
  [[nodiscard]] LocalTime boundary(std::int64_t index) const;
  [[nodiscard]] std::int64_t index_near(Instant instant) const;

  const Zone* zone_;
  LocalTime start_;
  TurnLength length_;
};

}  // namespace rules
