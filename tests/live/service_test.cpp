// What a service manager hears from the daemon. There is no systemd behind these tests: they are the other end of its
// notification socket.
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/live/live.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;

class NotifySocket {
 public:
  explicit NotifySocket(const std::filesystem::path& path)
      : descriptor_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot bind " + path.string());
    }
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket() { ::close(descriptor_); }

  // The next message with `part` in it; others are passed over. Nothing when none comes within `limit`.
  std::optional<std::string> hear(std::string_view part, std::chrono::milliseconds limit = support::patience) {
    const Clock::time_point until = Clock::now() + limit;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
      pollfd readable{descriptor_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
      std::string message(4096, '\0');
      const ssize_t size = ::recv(descriptor_, message.data(), message.size(), 0);
      if (size < 0) return std::nullopt;
      message.resize(static_cast<std::size_t>(size));
      if (message.find(part) != std::string::npos) return message;
    }
  }

  void forget() {
    char byte[4096];
    while (::recv(descriptor_, byte, sizeof byte, MSG_DONTWAIT) >= 0) continue;
  }

 private:
  int descriptor_;
};

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
