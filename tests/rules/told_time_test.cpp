#include "rules/told_time.hpp"

#include <gtest/gtest.h>

#include "tests/rules/some_zones.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::chrono;
using rules::tell_length;
using rules::tell_time;

TEST(ToldTime, IsAsPreciseAsItIsFarAway) {
  const rules::Zone zone = some_zones::vancouver();
  const auto at = [&zone](year_month_day date, hours time) {
    return zone.to_instant(rules::LocalTime{local_days{date} + time}, rules::Choice::first);
  };
  const rules::Instant now = at(2026y / 3 / 4, 23h);  // a Wednesday
  EXPECT_EQ(tell_time(zone, at(2026y / 3 / 4, 9h), now), "09:00 PST");
  EXPECT_EQ(tell_time(zone, at(2026y / 3 / 5, 1h), now), "Thursday 01:00 PST");
  EXPECT_EQ(tell_time(zone, at(2026y / 3 / 10, 9h), now), "Tuesday 09:00 PDT");
  EXPECT_EQ(tell_time(zone, at(2026y / 3 / 11, 9h), now), "11 March 09:00 PDT");
  EXPECT_EQ(tell_time(zone, at(2026y / 3 / 3, 9h), now), "3 March 09:00 PST");
  EXPECT_EQ(tell_time(zone, at(2025y / 3 / 3, 9h), now), "3 March 2025 09:00 PST");
}

TEST(ToldLength, HasItsTwoGreatestUnits) {
  EXPECT_EQ(tell_length(0s), "0s");
  EXPECT_EQ(tell_length(999ms), "0s");
  EXPECT_EQ(tell_length(-5s), "0s");
  EXPECT_EQ(tell_length(5min), "5m");
  EXPECT_EQ(tell_length(130s + 7ms), "2m 10s");
  EXPECT_EQ(tell_length(1h + 5s), "1h");
  EXPECT_EQ(tell_length(26h + 30min), "1d 2h");
  EXPECT_EQ(tell_length(24h * 15), "2w 1d");
}

}  // namespace
