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

struct Answer {
  const ZoneOffset* offset{};
  std::optional<std::int64_t> next;  // second of the next change
};

bool changes_clocks(const ZoneRule& rule) {
  return rule.has_daylight && rule.standard != rule.daylight;
}

// Daylight time is the union of one span a year, each from a start to the first end after it. Spans may reach into the
// next one (daylight time all year, as in `XXX3EDT4,0/0,J365/23`): changes of clocks are where they leave a space.
Answer ask(const ZoneRule& rule, std::int64_t second) {
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
  // Times of rules reach a week beyond their day, so the span that last began may be that of two years ago.
  int year = this_year - 1;
  std::int64_t start = start_in(year);
  if (start > folded) start = start_in(--year);
  bool is_daylight = true;
  std::optional<std::int64_t> next;
  while (!next && year <= this_year + 1) {
    std::int64_t end = end_in(year);
    if (end <= start) end = end_in(year + 1);
    start = start_in(++year);
    if (end >= start) continue;
    if (end > folded) {
      next = end;
    } else if (start > folded) {
      is_daylight = false;
      next = start;
    }
  }
  if (next) *next += shift;
  return {is_daylight ? &rule.daylight : &rule.standard, next};
}

bool follows_rule(const Zone& zone, std::int64_t second) {
  return zone.rule && (zone.transitions.empty() || second >= zone.transitions.back().at);
}

// The offset at a second and the next second at which there is another.
Answer ask(const Zone& zone, std::int64_t second) {
  if (follows_rule(zone, second)) return ask(*zone.rule, second);
  if (zone.offsets.empty()) return {&utc().offsets.front(), std::nullopt};
  auto next = std::ranges::upper_bound(zone.transitions, second, {}, &ZoneTransition::at);
  const ZoneOffset& offset = zone.offsets[next == zone.transitions.begin() ? 0 : std::prev(next)->offset];
  for (; next != zone.transitions.end(); ++next) {
    if (follows_rule(zone, next->at)) {
      const Answer then = ask(*zone.rule, next->at);
      return {&offset, *then.offset != offset ? next->at : then.next};
    }
    if (zone.offsets[next->offset] != offset) return {&offset, next->at};
  }
  return {&offset, std::nullopt};
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
  return *ask(*this, seconds_of(instant)).offset;
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
    const Answer stretch = ask(*this, stretch_from);
    const bool is_last = !stretch.next || *stretch.next > wanted + reach;
    const std::int64_t candidate = wanted - stretch.offset->seconds;
    if (candidate >= stretch_from && (is_last || candidate < *stretch.next)) {
      found = candidate;
      if (choice == Choice::first) break;
    } else if (!after_gap && candidate < stretch_from) {
      after_gap = stretch_from;  // clocks show a later time already: unless they go back, they have skipped this one
    }
    if (is_last) break;
    stretch_from = *stretch.next;
  }
  return instant_of(found ? *found : after_gap.value_or(stretch_from));
}

std::optional<Instant> Zone::next_transition_after(Instant instant) const {
  const std::optional<std::int64_t> next = ask(*this, seconds_of(instant)).next;
  if (!next || *next > latest_second) return std::nullopt;
  return instant_of(*next);
}

const Zone& utc() {
  static const Zone zone{.name = "UTC", .offsets = {{0, false, "UTC"}}, .transitions = {}, .rule = std::nullopt};
  return zone;
}

}  // namespace rules
