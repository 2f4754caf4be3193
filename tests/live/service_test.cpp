// What a service manager hears from the daemon. There is no systemd behind these tests: they are the other end of its
// notification socket.
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "tests/live/live.hpp"
#include "tests/support/notify_socket.hpp"

namespace live {
namespace {

using support::NotifySocket;

TEST(Service, IsReadyWhenItListensFeedsTheWatchdogWhileItWorksAndSaysThatItStops) {
  House house;
  NotifySocket socket{house.folder / "notify"};
  house.roused.setting().environment = {{"NOTIFY_SOCKET", (house.folder / "notify").string()},
                                        {"WATCHDOG_USEC", "1000000"}};
  house.roused.start();
  ASSERT_TRUE(socket.hear("READY=1"));
  EXPECT_EQ(house.roused.get("/-/ready").status, 200U);
  ASSERT_TRUE(socket.hear("WATCHDOG=1")) << "an idle daemon makes progress, too";
  ASSERT_TRUE(socket.hear("WATCHDOG=1"));

  house.roused.process().signal(SIGSTOP);
  socket.forget();
  EXPECT_FALSE(socket.hear("WATCHDOG=1", std::chrono::milliseconds{1500}))
      << "a daemon that stands still feeds nothing";
  house.roused.process().signal(SIGCONT);
  EXPECT_TRUE(socket.hear("WATCHDOG=1"));

  house.roused.process().signal(SIGHUP);
  EXPECT_TRUE(socket.hear("RELOADING=1"));
  EXPECT_TRUE(socket.hear("READY=1"));
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_TRUE(socket.hear("STOPPING=1"));
}

TEST(Service, FeedsTheWatchdogWithAnEngineOfItsOwnThreadToo) {
  House house;
  NotifySocket socket{house.folder / "notify"};
  house.roused.setting().environment = {{"NOTIFY_SOCKET", (house.folder / "notify").string()},
                                        {"WATCHDOG_USEC", "1000000"}};
  house.roused.setting().io_threads = 3;
  house.roused.start();
  ASSERT_TRUE(socket.hear("WATCHDOG=1"));
  ASSERT_TRUE(socket.hear("WATCHDOG=1"));
  ASSERT_TRUE(socket.hear("WATCHDOG=1"));
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
