// The because of an incident, packed: what is read is what was said, and what goes when it is full is the middle.
#include "rules/timeline.hpp"

#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace rules {
namespace {

constexpr Instant began{std::chrono::sys_days{std::chrono::year{2026} / 3 / 4}};

Reason line(std::size_t number) {
  return Reason{.at = began + std::chrono::milliseconds{number},
                .kind = number % 2 == 0 ? ReasonKind::alert_joined : ReasonKind::noted,
                .rule = fmt::format("rule {}", number),
                .saw = std::string(number % 300, 'x')};
}

TEST(Timeline, GivesBackWhatWasSaid) {
  const std::string bytes{"\0\xff, and more", 12};
  const Timeline timeline{{began, ReasonKind::opened, "", ""}, {began, ReasonKind::limit_reached, bytes, "why"}};
  ASSERT_EQ(timeline.size(), 2U);
  const std::vector<Reason> reasons = timeline.reasons();
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(reasons[0], (Reason{began, ReasonKind::opened, "", ""}));
  EXPECT_EQ(reasons[1], (Reason{began, ReasonKind::limit_reached, bytes, "why"}));
}

TEST(Timeline, IsEmptyAtFirstAndAfterItWasCleared) {
  Timeline timeline;
  EXPECT_TRUE(timeline.empty());
  EXPECT_EQ(timeline.begin(), timeline.end());
  timeline.push_back(line(1));
  timeline.clear();
  EXPECT_EQ(timeline, Timeline{});
}

TEST(Timeline, KeepsTheBeginningAndTheNewestWhenItIsFull) {
  Timeline timeline;
  constexpr std::size_t said = 1'234;
  for (std::size_t number = 0; number < said; ++number) {
    timeline.push_back(line(number));
    ASSERT_LE(timeline.size(), max_reasons_kept);
  }
  const std::vector<Reason> reasons = timeline.reasons();
  ASSERT_EQ(reasons.size(), timeline.size());
  for (std::size_t number = 0; number < 50; ++number) EXPECT_EQ(reasons[number], line(number));
  const std::size_t after_first = reasons.size() - 50;
  ASSERT_GE(after_first, 300U);
  for (std::size_t back = 1; back <= after_first; ++back) {
    EXPECT_EQ(reasons[reasons.size() - back], line(said - back));
  }
}

TEST(Timeline, LetsGoOfSomeKinds) {
  Timeline timeline;
  for (std::size_t number = 0; number < 20; ++number) timeline.push_back(line(number));
  timeline.keep([](ReasonKind kind) { return kind == ReasonKind::noted; });
  const std::vector<Reason> reasons = timeline.reasons();
  ASSERT_EQ(reasons.size(), 10U);
  for (std::size_t index = 0; index < reasons.size(); ++index) EXPECT_EQ(reasons[index], line(2 * index + 1));
}

}  // namespace
}  // namespace rules
