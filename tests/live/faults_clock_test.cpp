// Clocks that jump: the wall clock of a running daemon, and all of them over a restart.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/live/faults.hpp"
#include "tests/support/bad_luck.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Step {
  const char* name;
  seconds by;
};

class WallClock : public testing::TestWithParam<Step> {};

TEST_P(WallClock, ThatStepsWhileItClimbsLosesNoCallRepeatsNoneAndChangesNoWait) {
  House house{"1s"};
  support::BadLuck luck{house.folder / "store"};
  house.roused.setting().environment = luck.environment();
  house.roused.start();
  ASSERT_GT(luck->wall_looks.load(), 0U) << "the daemon looks at a clock that nobody can step";
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  const std::int64_t by = std::chrono::nanoseconds{GetParam().by}.count();
  luck->wall_ahead.store(by);
  ASSERT_TRUE(is_paged(house.sink, "sam", "R-1"));
  luck->wall_ahead.store(-by);  // and back, twice as far
  ASSERT_TRUE(is_paged(house.sink, "ivan", "R-1"));
  luck->wall_ahead.store(0);
  const Clock::time_point olga = pages_to(house.sink.messages(), "olga", "R-1").front().at;
  const double sam = paged_after(house.sink, olga, "sam", "R-1");
  const double ivan = paged_after(house.sink, olga, "ivan", "R-1");
  EXPECT_GE(sam, 0.95);
  EXPECT_LE(sam, 2.0);
  EXPECT_GE(ivan - sam, 0.95);
  EXPECT_LE(ivan - sam, 2.0);
  // What is sent now is stamped and answered as ever.
  EXPECT_EQ(house.roused.post("/v1/incidents/R-1/ack", R"({"by":"ivan"})").status, 200U);
  EXPECT_EQ(field(house.incident("R-1"), "state"), "acknowledged");
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_EQ(house.sink.pages().size(), 3U);
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "steps of the wall clock", 3);
}

INSTANTIATE_TEST_SUITE_P(Steps,
                         WallClock,
                         testing::Values(Step{"AnHourAhead", seconds{3600}},
                                         Step{"AnHourBack", seconds{-3600}},
                                         Step{"ALeapSecond", seconds{-1}}),
                         [](const auto& parameter) { return std::string{parameter.param.name}; });

TEST(WallClock, ThatWasSetBackBeforeARestartDelaysNothingByMoreThanTheStop) {
  House house{"3s"};
  support::BadLuck luck{house.folder / "store"};
  house.roused.setting().environment = luck.environment();
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  house.roused.kill_hard();
  luck->wall_ahead.store(-std::chrono::nanoseconds{std::chrono::hours{1}}.count());
  const Clock::time_point restarted = Clock::now();
  house.roused.start();
  ASSERT_TRUE(is_paged(house.sink, "sam", "R-1")) << "an hour early is no reason to wait an hour more";
  EXPECT_LE(paged_after(house.sink, restarted, "sam", "R-1"), 6.0);
  EXPECT_EQ(house.roused.stop(), 0);
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "steps of the wall clock", 1);
}

TEST(WallClock, ThatIsAheadAfterARestartMakesOverdueStepsDueOnceAndAtOnce) {
  House house{"30m"};
  support::BadLuck luck{house.folder / "store"};
  house.roused.setting().environment = luck.environment();
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("heard"))).status, 200U);
  ASSERT_EQ(house.roused.post("/v1/incidents/R-2/ack", R"({"by":"olga"})").status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  house.roused.kill_hard();
  luck->wall_ahead.store(std::chrono::nanoseconds{std::chrono::hours{2}}.count());
  const Clock::time_point restarted = Clock::now();
  house.roused.start();
  ASSERT_TRUE(is_paged(house.sink, "sam", "R-1"));
  EXPECT_LE(paged_after(house.sink, restarted, "sam", "R-1"), 3.0);
  EXPECT_TRUE(stays_unpaged(house.sink, "ivan", "R-1", seconds{1})) << "sam's half an hour counts from his page";
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_EQ(pages_to(house.sink.messages(), "sam", "R-1").size(), 1U);
  EXPECT_TRUE(pages_to(house.sink.messages(), "sam", "R-2").empty()) << "R-2 is acknowledged";
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "steps of the wall clock", 1);
}

// The daemon in a time namespace: its boot and monotonic clocks are ahead (or behind) by this much.
std::vector<std::string> through_time(seconds ahead) {
  const std::string offset = std::to_string(ahead.count());
  return {"unshare", "--time", "--boottime", offset, "--monotonic", offset, "--"};
}

TEST(TimeNamespace, ARestartWithOtherBootClocksKeepsEveryWaitAndRepeatsNoCall) {
  std::vector<std::string> probe = through_time(seconds{1000});
  probe.insert(probe.end(), {"test", "-r", "/proc/uptime"});
  if (support::run({.arguments = probe}).code != 0) GTEST_SKIP() << "a time namespace is not permitted here";
  House house{"2s"};
  house.roused.setting().through = through_time(seconds{1'000'000});
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("heard"))).status, 200U);
  ASSERT_EQ(house.roused.post("/v1/incidents/R-2/ack", R"({"by":"olga"})").status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  const Clock::time_point olga = pages_to(house.sink.messages(), "olga", "R-1").front().at;
  house.roused.kill_hard();

  // Eleven days earlier on the boot clock: what is left of the wait is what is waited.
  house.roused.setting().through.clear();
  house.roused.start();
  ASSERT_TRUE(is_paged(house.sink, "sam", "R-1"));
  EXPECT_GE(paged_after(house.sink, olga, "sam", "R-1"), 1.95);
  EXPECT_LE(paged_after(house.sink, olga, "sam", "R-1"), 4.0);
  const Clock::time_point sam = pages_to(house.sink.messages(), "sam", "R-1").front().at;
  house.roused.kill_hard();

  // Eleven days later: nothing is due before its time. Stopped beyond it: due at once, once.
  EXPECT_TRUE(stays_unpaged(house.sink, "ivan", "R-1", milliseconds{2'500}));
  house.roused.setting().through = through_time(seconds{1'000'000});
  const Clock::time_point restarted = Clock::now();
  house.roused.start();
  ASSERT_TRUE(is_paged(house.sink, "ivan", "R-1"));
  EXPECT_GE(paged_after(house.sink, sam, "ivan", "R-1"), 1.95);
  EXPECT_LE(paged_after(house.sink, restarted, "ivan", "R-1"), 2.0);
  EXPECT_EQ(house.roused.stop(), 0);
  for (const std::string person : {"sam", "ivan"}) {
    EXPECT_TRUE(pages_to(house.sink.messages(), person, "R-2").empty()) << "R-2 is acknowledged";
  }
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "restarts in a shifted time namespace", 2);
}

}  // namespace
}  // namespace live
