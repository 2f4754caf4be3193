#include "rules/duration.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rules {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Durations, AreReadAsPeopleWriteThem) {
  struct Row {
    std::string_view text;
    Duration length;
    std::string_view printed;
  };
  const Row rows[] = {
      {"90s", 90s, "1m30s"},
      {"5m", 5min, "5m"},
      {"1h30m", 90min, "1h30m"},
      {"1w", 168h, "1w"},
      {"7d", 168h, "1w"},
      {"8d", 192h, "8d"},
      {"1w1d", 192h, "8d"},
      {"36h", 36h, "1d12h"},
      {"0s", 0s, "0s"},
      {"0w", 0s, "0s"},
      {"1s500ms", 1500ms, "1s500ms"},
      {"250ms", 250ms, "250ms"},
      {"05m", 5min, "5m"},
      {"1w2d3h4m5s6ms", (216h + 3h + 4min + 5s + 6ms), "9d3h4m5s6ms"},
      {"36525d", longest_duration, "36525d"},
  };
  for (const Row& row : rows) {
    const auto read = parse_duration(row.text);
    ASSERT_TRUE(read) << row.text << ": " << read.error();
    EXPECT_EQ(*read, row.length) << row.text;
    EXPECT_EQ(print_duration(*read), row.printed) << row.text;
  }
}

TEST(Durations, AreRefusedWithTheReason) {
  struct Row {
    std::string_view text;
    std::string_view why;
  };
  const Row rows[] = {
      {"", "empty"},
      {"5", "without a unit"},
      {"0", "without a unit"},
      {"m", "number is missing"},
      {"1h30", "without a unit"},
      {"-5m", "negative"},
      {"1.5h", "whole numbers"},
      {"1,5h", "whole numbers"},
      {"5 m", "unknown unit"},
      {" 5m", "number is missing"},
      {"5m ", "unknown unit"},
      {"5M", "unknown unit"},
      {"5min", "unknown unit"},
      {"1y", "unknown unit"},
      {"30m1h", "large to small"},
      {"5m5m", "large to small"},
      {"36526d", "too long"},
      {"36525d1ms", "too long"},
      {"99999999999999999999999s", "too long"},
      {"9223372036854775807w", "too long"},
  };
  for (const Row& row : rows) {
    const auto read = parse_duration(row.text);
    ASSERT_FALSE(read) << row.text;
    EXPECT_THAT(read.error(), HasSubstr(std::string{row.why})) << row.text;
  }
}

TEST(Durations, ThatAreNegativeAreOnlyPrinted) {
  EXPECT_EQ(print_duration(-90s), "-1m30s");
  EXPECT_EQ(print_duration(Duration::min()).front(), '-');
  EXPECT_EQ(print_duration(Duration::max()).front(), '1');
}

TEST(Durations, ThatArePrintedAreReadBack) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<std::int64_t> any{0, longest_duration.count()};
  for (int round = 0; round < 20'000; ++round) {
    const Duration length{any(random)};
    ASSERT_EQ(parse_duration(print_duration(length)), length) << print_duration(length);
  }
}

}  // namespace
}  // namespace rules
