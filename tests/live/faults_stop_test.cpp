// A process that stands still: stopped by a signal in the middle of a climb or of a send, a disk that does not come
// back from a sync, a machine that was suspended.
#include <chrono>
#include <csignal>
#include <future>
#include <string>

#include <gtest/gtest.h>
#include <time.h>

#include "tests/live/faults.hpp"
#include "tests/support/bad_luck.hpp"
#include "tests/support/notify_socket.hpp"
#include "tests/support/proc.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// By --long everything is tried with the engine in the I/O thread and on a thread of its own.
std::vector<std::size_t> io_threads_or(std::size_t usual) {
  return is_long() ? std::vector<std::size_t>{1, 3} : std::vector<std::size_t>{usual};
}

struct Stop {
  std::size_t io_threads;
  milliseconds time;
};

TEST(Stopped, InTheMiddleOfAClimbItCallsWhatIsOverdueOnceAndAtOnceAndNobodyWhoWasHeard) {
  // Each stop is longer than olga's and sam's waits together.
  std::vector<Stop> stops{{1, milliseconds{2'500}}, {3, milliseconds{2'500}}};
  if (is_long()) stops.insert(stops.end(), {{3, seconds{10}}, {1, seconds{30}}, {3, seconds{60}}});
  for (const Stop& stop : stops) {
    SCOPED_TRACE(fmt::format("{} I/O threads, stopped for {} ms", stop.io_threads, stop.time.count()));
    House house{"1s"};
    house.roused.setting().io_threads = stop.io_threads;
    house.roused.start();
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("heard"))).status, 200U);
    ASSERT_EQ(house.roused.post("/v1/incidents/R-1/ack", R"({"by":"olga"})").status, 200U);
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
    ASSERT_TRUE(is_paged(house.sink, "olga", "R-2"));

    house.roused.process().signal(SIGSTOP);
    EXPECT_TRUE(stays_unpaged(house.sink, "sam", "R-2", stop.time)) << "a stopped process pages nobody";
    const Clock::time_point continued = Clock::now();
    house.roused.process().signal(SIGCONT);
    ASSERT_TRUE(is_paged(house.sink, "sam", "R-2"));
    EXPECT_LT(paged_after(house.sink, continued, "sam", "R-2"), 1.0);
    ASSERT_TRUE(is_paged(house.sink, "ivan", "R-2"));
    const double sam = paged_after(house.sink, continued, "sam", "R-2");
    const double ivan = paged_after(house.sink, continued, "ivan", "R-2");
    EXPECT_GE(ivan - sam, 0.9) << "the wait of the overdue step did not run from the moment it was called";
    EXPECT_LE(ivan - sam, 2.5);

    EXPECT_EQ(house.roused.stop(), 0);
    for (const std::string person : {"olga", "sam", "ivan"}) {
      EXPECT_EQ(pages_to(house.sink.messages(), person, "R-2").size(), 1U) << person;
    }
    EXPECT_TRUE(pages_to(house.sink.messages(), "sam", "R-1").empty()) << "R-1 was acknowledged before the stop";
    expect_no_silent_double(house.sink.messages());
    support::figure("faults", "stops", 1);
  }
}

TEST(Stopped, InTheMiddleOfASendItReadsTheAnswerThatCameMeanwhile) {
  for (const std::size_t io_threads : io_threads_or(3)) {
    House house{"1h"};
    house.roused.setting().io_threads = io_threads;
    const std::string good = support::read_file(house.folder / "rouse.yml");
    support::write_file(house.folder / "rouse.yml", support::replaced(good, "timeout: 5s", "timeout: 1s"));
    std::atomic<bool> is_stopped{false};
    house.sink.answer([&](const support::Message& message) -> unsigned {
      if (message.is_page && !is_stopped.exchange(true)) house.roused.process().signal(SIGSTOP);
      return 200;
    });
    house.roused.start();
    // Answered or not: the stop may come between the page and the 200 to the sender.
    const std::future<support::Answer> posted = std::async(
        std::launch::async, [&house] { return house.roused.post(webhook_path, webhook_of(outage_of("open"))); });
    ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
    // Longer than the provider's timeout: when it goes on, the answer is there and the time is over.
    const auto has_two = [](const std::vector<support::Message>& messages) { return messages.size() > 1; };
    EXPECT_FALSE(house.sink.wait_until(has_two, milliseconds{1'500}));
    house.roused.process().signal(SIGCONT);
    posted.wait();
    EXPECT_FALSE(house.sink.wait_until(has_two, milliseconds{1'500})) << "an answer that is there counts";
    EXPECT_EQ(house.roused.get("/-/healthy").status, 200U);
    expect_no_silent_double(house.sink.messages());
    EXPECT_EQ(house.roused.stop(), 0);
    support::figure("faults", "stops", 1);
  }
}

TEST(Stopped, WhileItsDiskHangsItFeedsNoWatchdogAcknowledgesNothingAndGoesOnAfterwards) {
  for (const std::size_t io_threads : io_threads_or(1)) {
    House house{"1h"};
    support::BadLuck luck{house.folder / "store"};
    support::NotifySocket socket{house.folder / "notify"};
    house.roused.setting().io_threads = io_threads;
    house.roused.setting().environment = luck.environment();
    house.roused.setting().environment.emplace_back("NOTIFY_SOCKET", (house.folder / "notify").string());
    // Two looks a period; an idle journal shows its life once a second at least.
    house.roused.setting().environment.emplace_back("WATCHDOG_USEC", "3000000");
    house.roused.start();
    ASSERT_TRUE(socket.hear("WATCHDOG=1"));

    luck->syncs_hang.store(true);
    std::future<support::Answer> posted = std::async(std::launch::async, [&house] {
      return support::post(
          house.roused.url() + std::string{webhook_path}, webhook_of(outage_of("open")), std::chrono::minutes{2});
    });
    ASSERT_TRUE(house.roused.process().wait_for_line("makes no progress")) << house.roused.output();
    EXPECT_GT(luck->hanging_syncs.load(), 0U);
    socket.forget();
    EXPECT_FALSE(socket.hear("WATCHDOG=1", is_long() ? milliseconds{30'000} : milliseconds{2'000}))
        << "a page would hang as well: it must be killed and restarted";
    EXPECT_EQ(posted.wait_for(seconds{0}), std::future_status::timeout) << "acknowledged without a sync";
    EXPECT_TRUE(house.sink.messages().empty()) << "paged before it was on disk";
    EXPECT_EQ(house.roused.get("/-/healthy").status, 200U) << "the network is served all the same";

    luck->syncs_hang.store(false);
    EXPECT_EQ(posted.get().status, 200U);
    EXPECT_TRUE(is_paged(house.sink, "olga", "R-1"));
    EXPECT_TRUE(socket.hear("WATCHDOG=1"));
    EXPECT_EQ(house.roused.stop(), 0);
    EXPECT_EQ(house.sink.pages().size(), 1U);
    support::figure("faults", "disks that hung", 1);
  }
}

// The kernel's clocks cannot be set for one process, so what the daemon reads of them jumps; that its timers are of the
// clock that counts a suspend is looked up.
TEST(Stopped, ByASuspendItCallsWhatIsOverdueOnceAndTheNextWaitIsWhole) {
  for (const std::size_t io_threads : io_threads_or(3)) {
    House house{"5m"};
    support::BadLuck luck{house.folder / "store"};
    house.roused.setting().io_threads = io_threads;
    house.roused.setting().environment = luck.environment();
    house.roused.start();
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
    ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
    const std::vector<int> clocks = support::timer_clocks(house.roused.process().id());
    EXPECT_NE(std::find(clocks.begin(), clocks.end(), CLOCK_BOOTTIME), clocks.end())
        << "a timer that stands still in a suspend would call everybody late";

    const auto suspend = [&](std::chrono::minutes time) {
      house.roused.process().signal(SIGSTOP);
      const std::int64_t ahead = std::chrono::nanoseconds{time}.count();
      luck->boot_ahead.fetch_add(ahead);
      luck->wall_ahead.fetch_add(ahead);
      house.roused.process().signal(SIGCONT);
      // Anything wakes it, as the timer would.
      return house.roused.post(webhook_path, webhook_of({{"alertname", "Wake"}, {"severity", "info"}})).status;
    };
    const Clock::time_point resumed = Clock::now();
    ASSERT_EQ(suspend(std::chrono::minutes{11}), 200U);
    ASSERT_TRUE(is_paged(house.sink, "sam", "R-1"));
    EXPECT_LT(paged_after(house.sink, resumed, "sam", "R-1"), 2.0);
    EXPECT_TRUE(stays_unpaged(house.sink, "ivan", "R-1", seconds{1})) << "sam has five minutes from his page on";
    ASSERT_EQ(suspend(std::chrono::minutes{4}), 200U);
    EXPECT_TRUE(stays_unpaged(house.sink, "ivan", "R-1", seconds{1}));
    ASSERT_EQ(suspend(std::chrono::minutes{1}), 200U);
    EXPECT_TRUE(is_paged(house.sink, "ivan", "R-1"));
    EXPECT_EQ(house.roused.stop(), 0);
    EXPECT_EQ(house.sink.pages().size(), 3U);
    support::figure("faults", "suspends", 3);
  }
}

}  // namespace
}  // namespace live
