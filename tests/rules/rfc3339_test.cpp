#include "rules/rfc3339.hpp"

#include <random>

#include <gtest/gtest.h>

namespace rules {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, ReadsWhatSendersWrite) {
  struct Row {
    std::string_view text;
    std::string_view printed;
  };
  const Row rows[] = {
      {"2026-11-22T05:00:00Z", "2026-11-22T05:00:00.000Z"},
      {"2026-11-22t05:00:00z", "2026-11-22T05:00:00.000Z"},
      {"2026-11-22T07:00:00.123456789+02:00", "2026-11-22T05:00:00.123Z"},
      {"2026-11-22T05:00:00.9999999999999999Z", "2026-11-22T05:00:00.999Z"},
      {"2026-11-22T05:00:00.5Z", "2026-11-22T05:00:00.500Z"},
      {"2026-11-22T05:00:00.05-05:30", "2026-11-22T10:30:00.050Z"},
      {"2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000Z"},
      {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"},
      {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"},
      {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999Z"},
      {"2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.000Z"},
  };
  for (const Row& row : rows) {
    const auto instant = parse_rfc3339(row.text);
    ASSERT_TRUE(instant) << row.text;
    EXPECT_EQ(print_rfc3339(*instant), row.printed) << row.text;
  }
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const std::string_view text : {"",
                                      "now",
                                      "2026-11-22",
                                      "2026-11-22T05:00:00",
                                      "2026-11-22 05:00:00Z",
                                      "2026-11-22T05:00Z",
                                      "2026-11-22T05:00:00.Z",
                                      "2026-11-22T05:00:00,5Z",
                                      "2026-11-22T05:00:00Z ",
                                      " 2026-11-22T05:00:00Z",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T05:60:00Z",
                                      "2026-11-22T05:00:61Z",
                                      "2026-02-29T05:00:00Z",
                                      "2026-13-01T05:00:00Z",
                                      "2026-00-01T05:00:00Z",
                                      "2026-01-00T05:00:00Z",
                                      "2026-11-22T05:00:00+0200",
                                      "2026-11-22T05:00:00+24:00",
                                      "2026-11-22T05:00:00+02:60",
                                      "12026-11-22T05:00:00Z",
                                      "-026-11-22T05:00:00Z",
                                      "9999-12-31T23:59:59-01:00",
                                      "0000-01-01T00:00:00+01:00",
                                      "1763787600"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, PrintsTheNearestYearItCanWrite) {
  EXPECT_EQ(print_rfc3339(Instant::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(print_rfc3339(Instant::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Rfc3339, EveryInstantThatIsPrintedIsReadBack) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random{seed};
  const auto first = parse_rfc3339("0000-01-01T00:00:00Z");
  const auto last = parse_rfc3339("9999-12-31T23:59:59.999Z");
  ASSERT_TRUE(first && last);
  std::uniform_int_distribution<std::int64_t> any{first->time_since_epoch().count(), last->time_since_epoch().count()};
  for (int round = 0; round < 20'000; ++round) {
    const Instant instant{Duration{any(random)}};
    ASSERT_EQ(parse_rfc3339(print_rfc3339(instant)), instant) << print_rfc3339(instant);
  }
}

}  // namespace
}  // namespace rules
