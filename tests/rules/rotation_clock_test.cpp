#include "rules/rotation_clock.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rules/some_zones.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::chrono;
using rules::Instant;
using rules::LocalTime;
using rules::RotationClock;
using rules::Turn;
using rules::TurnLength;
using rules::Turns;
using rules::TurnUnit;
using rules::Zone;

Instant utc_at(year_month_day date, seconds time = 0s) {
  return Instant{sys_days{date} + time};
}
LocalTime local_at(year_month_day date, seconds time = 0s) {
  return LocalTime{local_days{date} + time};
}

std::vector<std::int64_t> indexes(const Turns& turns) {
  std::vector<std::int64_t> result;
  for (const Turn& turn : turns) result.push_back(turn.index);
  return result;
}
using Indexes = std::vector<std::int64_t>;

TEST(RotationClock, NobodyHasATurnBeforeTheStart) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2026y / 1 / 7, 10h), {1, TurnUnit::weeks}};
  const Instant start = utc_at(2026y / 1 / 7, 18h);
  EXPECT_TRUE(clock.turns_at(start - 1ms).empty());
  EXPECT_TRUE(clock.turns_at(utc_at(1970y / 1 / 1)).empty());
  EXPECT_EQ(clock.next_boundary_after(utc_at(1970y / 1 / 1)), start);
  EXPECT_EQ(indexes(clock.turns_at(start)), Indexes{0});
}

TEST(RotationClock, AWeekHas167HoursInSpringAnd169InAutumn) {
  const Zone vancouver = some_zones::vancouver();
  const RotationClock west{vancouver, local_at(2027y / 1 / 6, 10h), {1, TurnUnit::weeks}};
  // 14 March and 7 November 2027 are in the turns that begin on 10 March and 3 November.
  EXPECT_EQ(west.turn(9).from, utc_at(2027y / 3 / 10, 18h));
  EXPECT_EQ(west.turn(9).to - west.turn(9).from, 167h);
  EXPECT_EQ(west.turn(43).from, utc_at(2027y / 11 / 3, 17h));
  EXPECT_EQ(west.turn(43).to - west.turn(43).from, 169h);
  EXPECT_EQ(west.turn(20).to - west.turn(20).from, 168h);

  const Zone bucharest = some_zones::bucharest();
  const RotationClock east{bucharest, local_at(2027y / 1 / 6, 10h), {1, TurnUnit::weeks}};
  // 28 March and 31 October 2027
  EXPECT_EQ(east.turn(11).to - east.turn(11).from, 167h);
  EXPECT_EQ(east.turn(42).to - east.turn(42).from, 169h);
}

TEST(RotationClock, ADayIsHalfAnHourLongerOrShorterWhereDaylightTimeIs) {
  const Zone zone = some_zones::lord_howe();
  const RotationClock clock{zone, local_at(2026y / 4 / 4, 9h), {1, TurnUnit::days}};
  EXPECT_EQ(clock.turn(0).to - clock.turn(0).from, 24h + 30min);  // to Sunday 5 April
  const std::int64_t october = (sys_days{2026y / 10 / 3} - sys_days{2026y / 4 / 4}).count();
  EXPECT_EQ(clock.turn(october).to - clock.turn(october).from, 23h + 30min);
}

TEST(RotationClock, AHandoverThatClocksSkipHappensAfterTheGap) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2027y / 3 / 13, 2h + 30min), {1, TurnUnit::days}};
  const Instant gap_end = utc_at(2027y / 3 / 14, 10h);
  EXPECT_EQ(clock.turn(0).to, gap_end);
  EXPECT_EQ(clock.turn(1).from, gap_end);
  EXPECT_EQ(clock.turn(1).to, utc_at(2027y / 3 / 15, 9h + 30min));
  EXPECT_EQ(indexes(clock.turns_at(gap_end - 1ms)), Indexes{0});
  EXPECT_EQ(indexes(clock.turns_at(gap_end)), Indexes{1});
}

TEST(RotationClock, BothAreOnCallWhileAHandoverHappensTwice) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2027y / 11 / 6, 1h + 30min), {1, TurnUnit::days}};
  const Instant first = utc_at(2027y / 11 / 7, 8h + 30min);
  const Instant last = utc_at(2027y / 11 / 7, 9h + 30min);
  EXPECT_EQ(clock.turn(0).to, last);
  EXPECT_EQ(clock.turn(1).from, first);
  EXPECT_EQ(indexes(clock.turns_at(first - 1ms)), Indexes{0});
  EXPECT_EQ(indexes(clock.turns_at(first)), (Indexes{0, 1}));
  EXPECT_EQ(indexes(clock.turns_at(last - 1ms)), (Indexes{0, 1}));
  EXPECT_EQ(indexes(clock.turns_at(last)), Indexes{1});
  EXPECT_EQ(clock.next_boundary_after(first - 1ms), first);
  EXPECT_EQ(clock.next_boundary_after(first), last);
  EXPECT_EQ(clock.next_boundary_after(last), utc_at(2027y / 11 / 8, 9h + 30min));
}

TEST(RotationClock, AStartThatIsShownTwiceBeginsAtTheFirst) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2027y / 11 / 7, 1h + 30min), {1, TurnUnit::weeks}};
  EXPECT_EQ(clock.turn(0).from, utc_at(2027y / 11 / 7, 8h + 30min));
}

TEST(RotationClock, MonthsHandOverOnTheDayOfTheStartOrTheLastOfAShorterMonth) {
  const RotationClock clock{rules::utc(), local_at(2027y / 1 / 31, 9h), {1, TurnUnit::months}};
  EXPECT_EQ(clock.turn(0).from, utc_at(2027y / 1 / 31, 9h));
  EXPECT_EQ(clock.turn(1).from, utc_at(2027y / 2 / 28, 9h));
  EXPECT_EQ(clock.turn(2).from, utc_at(2027y / 3 / 31, 9h));
  EXPECT_EQ(clock.turn(3).from, utc_at(2027y / 4 / 30, 9h));
  EXPECT_EQ(clock.turn(13).from, utc_at(2028y / 2 / 29, 9h));
  EXPECT_EQ(indexes(clock.turns_at(utc_at(2027y / 2 / 28, 9h) - 1ms)), Indexes{0});
  EXPECT_EQ(indexes(clock.turns_at(utc_at(2027y / 2 / 28, 9h))), Indexes{1});
  EXPECT_EQ(indexes(clock.turns_at(utc_at(2027y / 3 / 30))), Indexes{1});

  const RotationClock quarters{rules::utc(), local_at(2026y / 11 / 30), {3, TurnUnit::months}};
  EXPECT_EQ(quarters.turn(1).from, utc_at(2027y / 2 / 28));
  EXPECT_EQ(quarters.turn(2).from, utc_at(2027y / 5 / 30));
}

TEST(RotationClock, HoursAreThoseOfTheWallClock) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2027y / 3 / 13, 8h), {12, TurnUnit::hours}};
  EXPECT_EQ(clock.turn(1).from, utc_at(2027y / 3 / 14, 4h));  // 20:00 PST
  EXPECT_EQ(clock.turn(1).to, utc_at(2027y / 3 / 14, 15h));   // 08:00 PDT, eleven hours later
}

TEST(RotationClock, AnHourThatClocksSkipIsATurnOfNoLength) {
  const Zone zone = some_zones::vancouver();
  const RotationClock clock{zone, local_at(2027y / 3 / 14), {1, TurnUnit::hours}};
  const Instant gap_end = utc_at(2027y / 3 / 14, 10h);
  EXPECT_EQ(clock.turn(2).from, gap_end);
  EXPECT_EQ(clock.turn(2).to, gap_end);
  EXPECT_EQ(indexes(clock.turns_at(gap_end)), Indexes{3});
  EXPECT_EQ(clock.next_boundary_after(gap_end - 30min), gap_end);
  EXPECT_EQ(clock.next_boundary_after(gap_end), gap_end + 1h);
}

TEST(RotationClock, HourlyTurnsInTwoDoubledHoursMayBeThree) {
  const Zone zone = some_zones::troll();
  // Clocks show 01:00 to 03:00 twice on 31 October 2027.
  const RotationClock clock{zone, local_at(2027y / 10 / 31), {1, TurnUnit::hours}};
  EXPECT_EQ(indexes(clock.turns_at(utc_at(2027y / 10 / 31, 0h + 30min))), (Indexes{0, 1, 2}));
}

// At any instant from the start on somebody has a turn; more than one only while a hand-over happens twice; and what
// turns_at() says changes exactly where next_boundary_after() says it does.
void expect_tiles(const Zone& zone, LocalTime start, TurnLength length, year last_year) {
  SCOPED_TRACE(testing::Message() << zone.name << ", turns of " << length.count << " of unit "
                                  << static_cast<int>(length.unit));
  const RotationClock clock{zone, start, length};
  const Instant end = utc_at(last_year / 12 / 31);
  Instant reached = clock.turn(0).from;
  for (std::int64_t index = 0; reached < end; ++index) {
    const Turn turn = clock.turn(index);
    ASSERT_LE(turn.from, reached) << "a hole before turn " << index;
    ASSERT_LE(turn.from, turn.to);
    ASSERT_GE(turn.to, reached);
    if (index > 0 && turn.from < reached) {
      // Both instants show the same time to the clock on the wall.
      ASSERT_EQ(zone.to_local(turn.from), zone.to_local(reached)) << "an overlap before turn " << index;
    }
    for (const Instant instant : {turn.from, turn.from + (turn.to - turn.from) / 2, turn.to - 1ms}) {
      if (instant < turn.from || instant >= turn.to) continue;
      const Turns turns = clock.turns_at(instant);
      ASSERT_NE(std::ranges::find(turns, turn), turns.end()) << index;
    }
    reached = turn.to;
  }
  Instant instant = clock.turn(0).from;
  for (int steps = 0; steps < 250 && instant < end; ++steps) {
    const Instant next = clock.next_boundary_after(instant);
    ASSERT_GT(next, instant);
    ASSERT_EQ(clock.turns_at(instant), clock.turns_at(next - 1ms));
    ASSERT_NE(clock.turns_at(instant), clock.turns_at(next));
    ASSERT_FALSE(clock.turns_at(next).empty());
    instant = next;
  }
}

TEST(RotationClock, TurnsLeaveNoHoleAndOverlapOnlyInDoubledTime) {
  for (const Zone& zone : {some_zones::vancouver(),
                           some_zones::bucharest(),
                           some_zones::lord_howe(),
                           some_zones::troll(),
                           some_zones::dublin(),
                           rules::utc()}) {
    for (const int minutes_of_day : {0, 60, 90, 150, 195}) {
      const seconds time_of_day = minutes{minutes_of_day};
      expect_tiles(zone, local_at(2026y / 1 / 31, time_of_day), {1, TurnUnit::days}, 2027y);
      expect_tiles(zone, local_at(2025y / 11 / 30, time_of_day), {1, TurnUnit::weeks}, 2031y);
      expect_tiles(zone, local_at(2026y / 1 / 31, time_of_day), {1, TurnUnit::months}, 2036y);
    }
    expect_tiles(zone, local_at(2026y / 10 / 1, 1h), {1, TurnUnit::hours}, 2026y);
    expect_tiles(zone, local_at(2026y / 3 / 1, 30min), {8, TurnUnit::hours}, 2026y);
    expect_tiles(zone, local_at(2026y / 3 / 1, 2h), {5, TurnUnit::hours}, 2026y);
  }
}

}  // namespace
