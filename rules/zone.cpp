#include "rules/zone.hpp"

#include <algorithm>
#include <limits>

namespace rules {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

// The Gregorian calendar, weekdays included, repeats after 400 years: any instant is folded into 1970 to 2370.
constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t cycle_seconds = 146'097 * day_seconds;

// Beyond this an instant in milliseconds does not fit 64 bits.
constexpr std::int64_t latest_second = std::numeric_limits<std::int64_t>::max() / 1000;
constexpr std::int64_t latest_transition = std::int64_t{1} << 52;

std::int64_t seconds_of(Instant instant) {
  return floor<seconds>(instant).time_since_epoch().count();
}

Instant instant_of(std::int64_t second) {
  return Instant{seconds{second}};
}

// The day in local time, with its time added, as if local time were UTC.
std::int64_t second_in_year(const ZoneRuleDay& rule, int year_number) {
  namespace chrono = std::chrono;
  const chrono::year year{year_number};
  chrono::sys_days day = chrono::sys_days{year / chrono::January / 1};
  switch (rule.kind) {
    case ZoneRuleDay::Kind::julian:
      day += chrono::days{rule.day - 1 + (year.is_leap() && rule.day >= 60 ? 1 : 0)};
      break;
    case ZoneRuleDay::Kind::zero_based:
      day += chrono::days{rule.day};
      break;
    case ZoneRuleDay::Kind::month_week_day: {
      const chrono::month month{static_cast<unsigned>(rule.month)};
      const chrono::weekday weekday{static_cast<unsigned>(rule.day)};
      day = rule.week == 5 ? chrono::sys_days{year / month / weekday[chrono::last]}
                           : chrono::sys_days{year / month / weekday[static_cast<unsigned>(rule.week)]};
      break;
    }
  }
  return std::int64_t{day.time_since_epoch().count()} * day_seconds + rule.seconds;
}

struct RuleAnswer {
  const ZoneOffset* offset{};
  std::optional<std::int64_t> next;  // second of the next change
};

bool changes_clocks(const ZoneRule& rule) {
  return rule.has_daylight && rule.standard != rule.daylight;
}

// Daylight time is the union of one span a year, each from a start to the first end after it. Spans may reach into the
// next one (daylight time all year, as in `XXX3EDT4,0/0,J365/23`): changes of clocks are where they leave a space.
RuleAnswer ask(const ZoneRule& rule, std::int64_t second) {
  if (!changes_clocks(rule)) return {&rule.standard, std::nullopt};
  std::int64_t folded = second % cycle_seconds;
  if (folded < 0) folded += cycle_seconds;
  const std::int64_t shift = second - folded;
  const std::chrono::year_month_day date{floor<std::chrono::days>(std::chrono::sys_seconds{seconds{folded}})};
  const int this_year = static_cast<int>(date.year());

  const auto start_in = [&rule](int year) {
    return second_in_year(rule.daylight_starts, year) - rule.standard.seconds;
  };
  const auto end_in = [&rule](int year) { return second_in_year(rule.daylight_ends, year) - rule.daylight.seconds; };
  // A span is no longer than a year and two weeks, a space no longer than a year.
  bool is_daylight = true;
  std::optional<std::int64_t> next;
  std::int64_t end_before = 0;
  for (int year = this_year - 2; year <= this_year + 2 && !next; ++year) {
    const std::int64_t start = start_in(year);
    std::int64_t end = end_in(year);
    if (end <= start) end = end_in(year + 1);
    if (year > this_year - 2 && end_before < start) {
      if (end_before > folded) {
        next = end_before;
      } else if (start > folded) {
        is_daylight = false;
        next = start;
      }
    }
    end_before = end;
  }
  if (next) *next += shift;
  return {is_daylight ? &rule.daylight : &rule.standard, next};
}

bool is_in_range(const ZoneOffset& offset) {
  return offset.seconds > least_offset_seconds && offset.seconds < greatest_offset_seconds;
}

bool is_in_range(const ZoneRuleDay& rule) {
  const auto within = [](std::int32_t value, std::int32_t low, std::int32_t high) {
    return value >= low && value <= high;
  };
  if (!within(rule.seconds, -167 * 3600 - 3599, 167 * 3600 + 3599)) return false;
  switch (rule.kind) {
    case ZoneRuleDay::Kind::julian:
      return within(rule.day, 1, 365);
    case ZoneRuleDay::Kind::zero_based:
      return within(rule.day, 0, 365);
    case ZoneRuleDay::Kind::month_week_day:
      return within(rule.month, 1, 12) && within(rule.week, 1, 5) && within(rule.day, 0, 6);
  }
  return false;
}

}  // namespace

bool Zone::is_well_formed() const {
  if (offsets.empty() && (!rule || !transitions.empty())) return false;
  for (const ZoneOffset& offset : offsets) {
    if (!is_in_range(offset)) return false;
  }
  std::int64_t before = -latest_transition - 1;
  for (const ZoneTransition& transition : transitions) {
    if (transition.at <= before || transition.at > latest_transition) return false;
    if (transition.offset >= offsets.size()) return false;
    before = transition.at;
  }
  if (!rule) return true;
  if (!is_in_range(rule->standard)) return false;
  return !rule->has_daylight ||
         (is_in_range(rule->daylight) && is_in_range(rule->daylight_starts) && is_in_range(rule->daylight_ends));
}

const ZoneOffset& Zone::offset_at(Instant instant) const {
  const std::int64_t second = seconds_of(instant);
  if (rule && (transitions.empty() || second >= transitions.back().at)) return *ask(*rule, second).offset;
  const auto after = std::ranges::upper_bound(transitions, second, {}, &ZoneTransition::at);
  return after == transitions.begin() ? offsets.front() : offsets[std::prev(after)->offset];
}

LocalTime Zone::to_local(Instant instant) const {
  return LocalTime{floor<seconds>(instant).time_since_epoch() + seconds{offset_at(instant).seconds}};
}

Instant Zone::to_instant(LocalTime local, Choice choice) const {
  // Every instant that may show this time lies in the widest offset around it; in there, look at each stretch of one
  // offset in turn.
  constexpr std::int64_t reach = greatest_offset_seconds;
  const std::int64_t wanted =
      std::clamp(local.time_since_epoch().count(), -latest_second + 2 * reach, latest_second - 2 * reach);
  std::int64_t stretch_from = wanted - reach;
  std::optional<std::int64_t> found;
  std::optional<std::int64_t> after_gap;
  for (;;) {
    const Instant from = instant_of(stretch_from);
    const std::int64_t offset = offset_at(from).seconds;
    const std::optional<Instant> change = next_transition_after(from);
    const std::int64_t stretch_to =
        change && seconds_of(*change) <= wanted + reach ? seconds_of(*change) : wanted + reach + 1;
    const std::int64_t candidate = wanted - offset;
    if (candidate >= stretch_from && candidate < stretch_to) {
      found = candidate;
      if (choice == Choice::first) break;
    }
    if (stretch_to > wanted + reach) break;
    const std::int64_t offset_after = offset_at(instant_of(stretch_to)).seconds;
    if (!after_gap && wanted >= stretch_to + offset && wanted < stretch_to + offset_after) after_gap = stretch_to;
    stretch_from = stretch_to;
  }
  return instant_of(found ? *found : after_gap.value_or(wanted));
}

std::optional<Instant> Zone::next_transition_after(Instant instant) const {
  std::int64_t second = seconds_of(instant);
  const ZoneOffset& before = offset_at(instant);
  for (auto next = std::ranges::upper_bound(transitions, second, {}, &ZoneTransition::at); next != transitions.end();
       ++next) {
    second = next->at;
    if (offset_at(instant_of(second)) != before) return instant_of(second);
  }
  if (!rule) return std::nullopt;
  const std::optional<std::int64_t> next = ask(*rule, second).next;
  if (!next || *next > latest_second) return std::nullopt;
  return instant_of(*next);
}

const Zone& utc() {
  static const Zone zone{.name = "UTC", .offsets = {{0, false, "UTC"}}, .transitions = {}, .rule = std::nullopt};
  return zone;
}

}  // namespace rules
