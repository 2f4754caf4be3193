#include "rules/zone.hpp"

#include <random>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/rules/some_zones.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::chrono;
using rules::Choice;
using rules::Instant;
using rules::LocalTime;
using rules::Zone;
using rules::ZoneRuleDay;

Instant utc_at(year_month_day date, seconds time = 0s) {
  return Instant{sys_days{date} + time};
}
LocalTime local_at(year_month_day date, seconds time = 0s) {
  return LocalTime{local_days{date} + time};
}

TEST(Zone, ADayIsTheSameInUtc) {
  const Instant instant = utc_at(2026y / 5 / 20, 12h + 34min + 56s) + 789ms;
  EXPECT_EQ(rules::utc().to_local(instant), local_at(2026y / 5 / 20, 12h + 34min + 56s));
  EXPECT_EQ(rules::utc().to_instant(local_at(2026y / 5 / 20, 12h), Choice::first), utc_at(2026y / 5 / 20, 12h));
  EXPECT_EQ(rules::utc().offset_at(instant).abbreviation, "UTC");
  EXPECT_FALSE(rules::utc().next_transition_after(instant));
  EXPECT_TRUE(rules::utc().is_well_formed());
}

TEST(Zone, CutsOffPartsOfASecondBefore1970Too) {
  EXPECT_EQ(rules::utc().to_local(utc_at(1970y / 1 / 1) - 1ms), local_at(1969y / 12 / 31, 23h + 59min + 59s));
}

TEST(Zone, TheRuleChangesClocksTwiceAYear) {
  const Zone zone = some_zones::vancouver();
  const Instant spring = utc_at(2027y / 3 / 14, 10h);
  const Instant autumn = utc_at(2027y / 11 / 7, 9h);
  EXPECT_EQ(zone.offset_at(spring - 1ms).abbreviation, "PST");
  EXPECT_EQ(zone.offset_at(spring).abbreviation, "PDT");
  EXPECT_TRUE(zone.offset_at(spring).is_dst);
  EXPECT_EQ(zone.offset_at(autumn - 1ms).seconds, -7 * 3600);
  EXPECT_EQ(zone.offset_at(autumn).seconds, -8 * 3600);
  EXPECT_EQ(zone.next_transition_after(utc_at(2027y / 1 / 1)), spring);
  EXPECT_EQ(zone.next_transition_after(spring - 1ms), spring);
  EXPECT_EQ(zone.next_transition_after(spring), autumn);
  EXPECT_EQ(zone.next_transition_after(autumn), utc_at(2028y / 3 / 12, 10h));
}

TEST(Zone, TheRuleOfTheSouthSpansTheTurnOfTheYear) {
  const Zone zone = some_zones::lord_howe();
  EXPECT_EQ(zone.offset_at(utc_at(2026y / 1 / 1)).seconds, 11 * 3600);
  EXPECT_EQ(zone.offset_at(utc_at(2026y / 12 / 31)).seconds, 11 * 3600);
  EXPECT_EQ(zone.offset_at(utc_at(2026y / 7 / 1)).seconds, 10 * 3600 + 1800);
  EXPECT_EQ(zone.next_transition_after(utc_at(2026y / 1 / 1)), utc_at(2026y / 4 / 4, 15h));
  EXPECT_EQ(zone.next_transition_after(utc_at(2026y / 4 / 4, 15h)), utc_at(2026y / 10 / 3, 15h + 30min));
}

TEST(Zone, DaylightTimeMayBeBehindStandardTime) {
  const Zone zone = some_zones::dublin();
  EXPECT_EQ(zone.offset_at(utc_at(2026y / 1 / 1)).abbreviation, "GMT");
  EXPECT_TRUE(zone.offset_at(utc_at(2026y / 1 / 1)).is_dst);
  EXPECT_EQ(zone.offset_at(utc_at(2026y / 7 / 1)).abbreviation, "IST");
  EXPECT_EQ(zone.next_transition_after(utc_at(2026y / 1 / 1)), utc_at(2026y / 3 / 29, 1h));
  EXPECT_EQ(zone.next_transition_after(utc_at(2026y / 7 / 1)), utc_at(2026y / 10 / 25, 1h));
}

TEST(Zone, DaylightTimeAllYearNeverChangesClocks) {
  // XXX3EDT4,0/0,J365/23, from RFC 8536
  const Zone zone = some_zones::of_rule("all/year",
                                        {-3 * 3600, false, "XXX"},
                                        {-4 * 3600, true, "EDT"},
                                        {ZoneRuleDay::Kind::zero_based, 0, 0, 0, 0},
                                        {ZoneRuleDay::Kind::julian, 0, 0, 365, 23 * 3600});
  for (int hour = 0; hour < 3 * 366 * 24; ++hour) {
    ASSERT_EQ(zone.offset_at(utc_at(2023y / 1 / 1, hours{hour})).abbreviation, "EDT") << hour;
  }
  EXPECT_FALSE(zone.next_transition_after(utc_at(2023y / 1 / 1)));
}

TEST(Zone, JulianDaysNeverCountTheLeapDayAndZeroBasedDaysDo) {
  const Zone zone = some_zones::of_rule("days",
                                        {0, false, "AAA"},
                                        {3600, true, "BBB"},
                                        {ZoneRuleDay::Kind::julian, 0, 0, 60, 0},
                                        {ZoneRuleDay::Kind::zero_based, 0, 0, 100, 3600});
  EXPECT_EQ(zone.next_transition_after(utc_at(2023y / 1 / 1)), utc_at(2023y / 3 / 1));
  EXPECT_EQ(zone.next_transition_after(utc_at(2024y / 1 / 1)), utc_at(2024y / 3 / 1));
  EXPECT_EQ(zone.next_transition_after(utc_at(2023y / 3 / 2)), utc_at(2023y / 4 / 11));
  EXPECT_EQ(zone.next_transition_after(utc_at(2024y / 3 / 2)), utc_at(2024y / 4 / 10));
}

TEST(Zone, TheTableCountsUntilItsLastTransitionAndTheRuleFromThere) {
  Zone zone = some_zones::bucharest();
  zone.offsets = {{0, false, "OLD"}, {7200, false, "EET"}};
  zone.transitions = {{utc_at(2030y / 12 / 1).time_since_epoch() / 1s, 1}};
  ASSERT_TRUE(zone.is_well_formed());
  EXPECT_EQ(zone.offset_at(utc_at(2020y / 7 / 1)).abbreviation, "OLD");
  EXPECT_EQ(zone.next_transition_after(utc_at(2020y / 7 / 1)), utc_at(2030y / 12 / 1));
  EXPECT_EQ(zone.next_transition_after(utc_at(2030y / 12 / 1)), utc_at(2031y / 3 / 30, 1h));
}

TEST(Zone, ATransitionThatChangesNothingIsNone) {
  Zone zone = some_zones::fixed("AAA", 0);
  zone.transitions = {{100, 0}, {200, 0}};
  EXPECT_FALSE(zone.next_transition_after(Instant{0ms}));
  zone.offsets.push_back({60, false, "BBB"});
  zone.transitions.push_back({300, 1});
  EXPECT_EQ(zone.next_transition_after(Instant{0ms}), Instant{300s});
}

TEST(Zone, ATimeThatClocksSkipIsTheFirstInstantAfterTheGap) {
  const Zone zone = some_zones::vancouver();
  const Instant after = utc_at(2027y / 3 / 14, 10h);
  for (const Choice choice : {Choice::first, Choice::last}) {
    EXPECT_EQ(zone.to_instant(local_at(2027y / 3 / 14, 2h), choice), after);
    EXPECT_EQ(zone.to_instant(local_at(2027y / 3 / 14, 2h + 30min), choice), after);
    EXPECT_EQ(zone.to_instant(local_at(2027y / 3 / 14, 2h + 59min + 59s), choice), after);
    EXPECT_EQ(zone.to_instant(local_at(2027y / 3 / 14, 3h), choice), after);
    EXPECT_EQ(zone.to_instant(local_at(2027y / 3 / 14, 1h + 59min + 59s), choice), after - 1s);
  }
}

TEST(Zone, ATimeThatClocksShowTwiceHasAFirstAndALastInstant) {
  const Zone zone = some_zones::vancouver();
  EXPECT_EQ(zone.to_instant(local_at(2027y / 11 / 7, 1h + 30min), Choice::first), utc_at(2027y / 11 / 7, 8h + 30min));
  EXPECT_EQ(zone.to_instant(local_at(2027y / 11 / 7, 1h + 30min), Choice::last), utc_at(2027y / 11 / 7, 9h + 30min));
  EXPECT_EQ(zone.to_instant(local_at(2027y / 11 / 7, 1h), Choice::first), utc_at(2027y / 11 / 7, 8h));
  EXPECT_EQ(zone.to_instant(local_at(2027y / 11 / 7, 1h), Choice::last), utc_at(2027y / 11 / 7, 9h));
  EXPECT_EQ(zone.to_instant(local_at(2027y / 11 / 7, 2h), Choice::first), utc_at(2027y / 11 / 7, 10h));
}

TEST(Zone, ADaySkippedWholeIsTheFirstInstantAfterIt) {
  // Samoa went from -10 to +14 at the end of 29 December 2011.
  Zone zone = some_zones::fixed("west", -10 * 3600);
  zone.offsets.push_back({14 * 3600, false, "east"});
  zone.transitions = {{utc_at(2011y / 12 / 30, 10h).time_since_epoch() / 1s, 1}};
  EXPECT_EQ(zone.to_instant(local_at(2011y / 12 / 30, 12h), Choice::first), utc_at(2011y / 12 / 30, 10h));
  EXPECT_EQ(zone.to_instant(local_at(2011y / 12 / 30, 12h), Choice::last), utc_at(2011y / 12 / 30, 10h));
  EXPECT_EQ(zone.to_instant(local_at(2011y / 12 / 31), Choice::first), utc_at(2011y / 12 / 30, 10h));
  EXPECT_EQ(zone.to_instant(local_at(2011y / 12 / 29, 23h), Choice::first), utc_at(2011y / 12 / 30, 9h));
}

// The slow way: all instants that show the time, else the first that shows a later one.
Instant by_search(const Zone& zone, LocalTime local, Choice choice) {
  const seconds middle = local.time_since_epoch();
  std::optional<Instant> found;
  for (seconds second = middle - 27h; second <= middle + 27h; second += 1min) {
    if (zone.to_local(Instant{second}) != local) continue;
    if (!found || choice == Choice::last) found = Instant{second};
  }
  if (found) return *found;
  seconds second = middle - 27h;
  while (zone.to_local(Instant{second}) < local) second += 1min;
  return Instant{second};
}

TEST(Zone, AgreesWithASearchWhateverTheTransitions) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  const auto below = [&random](int limit) { return std::uniform_int_distribution<int>{0, limit - 1}(random); };
  for (int round = 0; round < 40; ++round) {
    Zone zone;
    for (int i = 0; i < 4; ++i) zone.offsets.push_back({(below(40 * 60) - 20 * 60) * 60, below(2) == 1, "ABC"});
    std::int64_t at = 0;
    for (int i = 0; i < 5; ++i) {
      at += (60 + below(60 * 60)) * 60;
      zone.transitions.push_back({at, static_cast<std::uint32_t>(below(4))});
    }
    ASSERT_TRUE(zone.is_well_formed());
    for (int i = 0; i < 8; ++i) {
      const LocalTime local{minutes{below(static_cast<int>(at / 60) + 2880) - 1440}};
      // With several gaps and doubled times close together, a skipped time may lie in two gaps: the search above then
      // has no single answer, so only times that are shown are compared there.
      const Instant first = zone.to_instant(local, Choice::first);
      const Instant last = zone.to_instant(local, Choice::last);
      if (zone.to_local(by_search(zone, local, Choice::first)) == local) {
        ASSERT_EQ(first, by_search(zone, local, Choice::first)) << round << ' ' << local.time_since_epoch().count();
        ASSERT_EQ(last, by_search(zone, local, Choice::last)) << round << ' ' << local.time_since_epoch().count();
      } else {
        ASSERT_EQ(first, last);
        ASSERT_GT(zone.to_local(first), local);
        ASSERT_LE(zone.to_local(first - 1ms), local);
      }
    }
  }
}

TEST(Zone, ThereAndBackIsTheSameInstantAtEveryHalfHourOfAYear) {
  for (const Zone& zone : {some_zones::vancouver(),
                           some_zones::bucharest(),
                           some_zones::lord_howe(),
                           some_zones::troll(),
                           some_zones::dublin()}) {
    for (int half = 0; half < 366 * 24 * 2; ++half) {
      const Instant instant = utc_at(2027y / 1 / 1, 30min * half + 15min);
      const LocalTime local = zone.to_local(instant);
      const Instant first = zone.to_instant(local, Choice::first);
      const Instant last = zone.to_instant(local, Choice::last);
      ASSERT_TRUE(first == instant || last == instant) << zone.name << ' ' << half;
      ASSERT_LE(first, last);
      ASSERT_EQ(zone.to_local(first), local);
      ASSERT_EQ(zone.to_local(last), local);
    }
  }
}

TEST(Zone, AnyInstantAndAnyLocalTimeHaveAnAnswer) {
  for (const Zone& zone : {some_zones::vancouver(), rules::utc(), some_zones::fixed("far", 25 * 3600)}) {
    for (const Instant instant : {Instant::min(), Instant::max(), Instant{-1ms}}) {
      EXPECT_FALSE(zone.offset_at(instant).abbreviation.empty());
      std::ignore = zone.to_local(instant);
      std::ignore = zone.next_transition_after(instant);
    }
    EXPECT_LT(zone.to_instant(LocalTime::min(), Choice::first), zone.to_instant(LocalTime::max(), Choice::last));
  }
}

TEST(Zone, TablesOutOfShapeAreNotWellFormed) {
  Zone zone = some_zones::vancouver();
  EXPECT_TRUE(zone.is_well_formed());
  zone.rule->daylight_ends.month = 13;
  EXPECT_FALSE(zone.is_well_formed());
  zone = some_zones::vancouver();
  zone.rule->standard.seconds = 26 * 3600;
  EXPECT_FALSE(zone.is_well_formed());
  zone = some_zones::vancouver();
  zone.transitions = {{0, 0}};
  EXPECT_FALSE(zone.is_well_formed()) << "the transition names no offset";

  EXPECT_FALSE(Zone{}.is_well_formed());
  zone = some_zones::fixed("AAA", 0);
  EXPECT_TRUE(zone.is_well_formed());
  zone.transitions = {{0, 1}};
  EXPECT_FALSE(zone.is_well_formed());
  zone.transitions = {{5, 0}, {5, 0}};
  EXPECT_FALSE(zone.is_well_formed());
  zone.transitions = {{std::int64_t{1} << 53, 0}};
  EXPECT_FALSE(zone.is_well_formed());
}

}  // namespace
