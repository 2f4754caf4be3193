// A time zone as a plain table: what the rules need to turn instants into wall-clock time and back.
// The table is read from a TZif file by config/zone_file.hpp, travels in the journal with the policy, and is never
// looked up again: two runs of one journal see the same hours whatever tzdata is installed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/time.hpp"

namespace rules {

/// Offsets lie strictly between these.
inline constexpr std::int32_t least_offset_seconds = -25 * 3600;
inline constexpr std::int32_t greatest_offset_seconds = 26 * 3600;

/// What clocks show for a while: local time is UTC plus `seconds`.
struct ZoneOffset {
  std::int32_t seconds{};
  bool is_dst{};
  std::string abbreviation;
  bool operator==(const ZoneOffset&) const = default;
};

/// From this second of Unix time on, `Zone::offsets[offset]` holds.
struct ZoneTransition {
  std::int64_t at{};
  std::uint32_t offset{};
  bool operator==(const ZoneTransition&) const = default;
};

/// A day of every year and a time on it, as POSIX TZ strings name them.
struct ZoneRuleDay {
  enum class Kind : std::uint8_t {
    julian,         // `Jn`: day 1 to 365, 29 February is never counted
    zero_based,     // `n`: day 0 to 365, 29 February is counted
    month_week_day  // `Mm.w.d`: the w-th (5: the last) weekday d (0: Sunday) of month m
  };
  Kind kind{};
  std::int32_t month{};    // 1 to 12, for month_week_day
  std::int32_t week{};     // 1 to 5, for month_week_day
  std::int32_t day{};      // weekday or day of the year
  std::int32_t seconds{};  // after 00:00 local time of that day, -167 h to 167 h
  bool operator==(const ZoneRuleDay&) const = default;
};

/// What holds from the last transition on, for ever. Without `has_daylight` only `standard` counts.
struct ZoneRule {
  ZoneOffset standard;
  bool has_daylight{};
  ZoneOffset daylight;
  ZoneRuleDay daylight_starts;  // its time is counted in standard time
  ZoneRuleDay daylight_ends;    // its time is counted in daylight time
  bool operator==(const ZoneRule&) const = default;
};

/// Which instant a wall-clock time stands for when clocks show it twice.
enum class Choice : std::uint8_t { first, last };

/// Invariants, checked by is_well_formed() and kept by whoever reads or decodes a table:
/// 1. transitions ascend strictly and lie within 2^52 seconds of 1970; each names one of `offsets`;
/// 2. offsets lie strictly between -25 h and 26 h;
/// 3. `offsets` is not empty unless there is a rule and no transition; offsets[0] holds before the first transition;
/// 4. the rule holds from the last transition on, or always when there is none; its parts are in range.
struct Zone {
  std::string name;
  std::vector<ZoneOffset> offsets;
  std::vector<ZoneTransition> transitions;
  std::optional<ZoneRule> rule;  // none: the last offset stays

  [[nodiscard]] bool is_well_formed() const;

  /// The answer lives in the zone.
  [[nodiscard]] const ZoneOffset& offset_at(Instant instant) const;

  /// Parts of a second are cut off.
  [[nodiscard]] LocalTime to_local(Instant instant) const;

  /// A time that clocks skip stands for the first instant after the gap, whatever the choice.
  [[nodiscard]] Instant to_instant(LocalTime local, Choice choice) const;

  /// The first instant after this one at which offset_at() says something else; none when it never will.
  [[nodiscard]] std::optional<Instant> next_transition_after(Instant instant) const;

  bool operator==(const Zone&) const = default;
};

[[nodiscard]] const Zone& utc();

}  // namespace rules
