// A process that is given too little: descriptors, memory, time between two alerts.
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/net/support.hpp"
#include "tests/live/faults.hpp"
#include "tests/support/bad_luck.hpp"
#include "tests/support/proc.hpp"

namespace live {
namespace {

using net::testing::RawSocket;
using net::testing::status_of;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string request_of(std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{}", webhook_path, body.size(), body);
}

class Descriptors : public testing::TestWithParam<std::size_t> {};

TEST_P(Descriptors, ThatRunOutKeepNeitherASenderNorAPageWaitingAndNothingSpins) {
  House house{"1s"};
  house.roused.setting().io_threads = GetParam();
  house.roused.setting().limits = {{RLIMIT_NOFILE, 64}};
  house.roused.start();
  const pid_t process = house.roused.process().id();
  // More than it can ever have. Some say nothing, of the others the requests never end.
  std::vector<RawSocket> crowd;
  for (int connection = 0; connection < 200; ++connection) {
    crowd.emplace_back(house.roused.port());
    if (connection % 4 == 0) crowd.back().send("POST /v1/alerts/alertmanager HTTP/1.1\r\nHost: 127");
  }
  const auto before = support::cpu_time(process);
  const Clock::time_point began = Clock::now();
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  EXPECT_LE(seconds_between(began, Clock::now()), 2.0) << "a sender waited for a descriptor";
  EXPECT_TRUE(is_paged(house.sink, "olga", "R-1")) << house.roused.output();
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-1")) << house.roused.output();
  EXPECT_TRUE(is_paged(house.sink, "ivan", "R-1")) << house.roused.output();
  EXPECT_LE(paged_after(house.sink, began, "olga", "R-1"), 2.0) << "a page waited for a descriptor";
  EXPECT_LE(paged_after(house.sink, began, "ivan", "R-1"), 5.0);
  const double elapsed = seconds_between(began, Clock::now());
  const double used = std::chrono::duration<double>(support::cpu_time(process) - before).count();
  EXPECT_LT(used, 0.25 * elapsed) << "it spins for want of descriptors";
  fmt::print("{:.2f} s of processor in {:.2f} s, {} descriptors\n", used, elapsed, support::open_descriptors(process));

  crowd.clear();
  EXPECT_EQ(house.roused.get("/-/healthy").status, 200U);
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("after"))).status, 200U);
  EXPECT_EQ(house.roused.stop(), 0);
  support::figure("faults", "times without descriptors", 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, Descriptors, testing::Values(1, 3), [](const auto& parameter) {
  return parameter.param == 1 ? "OneThread" : "ThreeIoThreads";
});

// A memory cgroup (version 1) of the test's own; gone with it.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::size_t bytes) {
    std::error_code error;
    path_ = fmt::format("/sys/fs/cgroup/memory/rouse-test-{}", getpid());
    std::filesystem::create_directory(path_, error);
    if (error) return;
    try {
      support::write_file(path_ / "memory.limit_in_bytes", std::to_string(bytes));
      is_there_ = true;
    } catch (const std::runtime_error&) {
      is_there_ = false;
    }
  }
  ~MemoryGroup() {
    // The kernel needs a moment to notice that it is empty.
    const Clock::time_point end = Clock::now() + seconds{5};
    while (rmdir(path_.c_str()) != 0 && errno == EBUSY && Clock::now() < end) std::this_thread::yield();
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  [[nodiscard]] bool is_there() const { return is_there_; }
  // For support::Roused::Setting::through.
  [[nodiscard]] std::vector<std::string> through() const {
    return {"sh", "-c", fmt::format("echo $$ > {}/cgroup.procs && exec \"$@\"", path_.string()), "sh"};
  }

 private:
  std::filesystem::path path_;
  bool is_there_{};
};

TEST(Memory, ThatTheKernelRefusesEndsTheProcessAndARestartRecoversWithinTenSeconds) {
#if ROUSE_IS_SANITIZED
  GTEST_SKIP() << "a sanitizer needs more memory than this test gives";
#endif
  const MemoryGroup group{std::size_t{64} << 20};
  if (!group.is_there()) GTEST_SKIP() << "no memory cgroup (version 1) can be made here";
  House house{"3s"};
  house.roused.setting().through = group.through();
  house.roused.start();
  for (int alert = 0; alert < 20; ++alert) {
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of(fmt::format("service-{}", alert)))).status, 200U);
  }
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-20"));

  // Bodies that never end, far below what the daemon would take with the memory of a usual machine.
  std::vector<RawSocket> floods;
  const std::string megabyte(std::size_t{1} << 20, ' ');
  std::optional<int> code;
  for (int connection = 0; connection < 10 && !code; ++connection) {
    try {
      floods.emplace_back(house.roused.port());
    } catch (const std::runtime_error&) {
      break;  // it is gone
    }
    floods.back().send(
        fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 33554432\r\n\r\n", webhook_path));
    for (int part = 0; part < 24; ++part) floods.back().send(megabyte);
    code = house.roused.process().wait(milliseconds{0});
  }
  if (!code) code = house.roused.process().wait(seconds{5});
  ASSERT_EQ(code, 128 + SIGKILL) << "the kernel did not end it";
  floods.clear();

  const Clock::time_point restarting = Clock::now();
  house.roused.start();
  EXPECT_EQ(house.roused.get("/-/ready").status, 200U);
  const double recovered = seconds_between(restarting, Clock::now());
  EXPECT_LE(recovered, 10.0);
  EXPECT_EQ(house.incidents().size(), 20U);
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-1")) << "the climb goes on";
  EXPECT_EQ(house.roused.stop(), 0);
  expect_no_silent_double(house.sink.messages());
  fmt::print("ready again after {:.2f} s\n", recovered);
  support::figure("faults", "ends for want of memory", 1);
}

// The disk hangs, so that nothing that comes is ever done with.
TEST(Memory, OfAFloodThatCannotBeWrittenDownStaysWithinTheBoundsAndTheRestIsRefused) {
#if ROUSE_IS_SANITIZED
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  House house{"1h"};
  support::BadLuck luck{house.folder / "store"};
  house.roused.setting().io_threads = 1;
  house.roused.setting().environment = luck.environment();
  house.roused.start();
  const std::size_t at_rest = support::resident_bytes(house.roused.process().id());
  luck->syncs_hang.store(true);

  // 400 MB, of which the body budget takes 256 and the ring 128 at most.
  constexpr int connections = 200;
  const std::string request = request_of(webhook_of(outage_of("open")) + std::string(std::size_t{2} << 20, ' '));
  std::vector<RawSocket> senders;
  for (int connection = 0; connection < connections; ++connection) senders.emplace_back(house.roused.port());
  std::vector<std::thread> threads;
  std::atomic<std::size_t> next{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (std::size_t mine = 0; (mine = next.fetch_add(1)) < senders.size();) senders[mine].send(request);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(house.roused.get("/-/healthy").status, 200U);
  const std::size_t peak = support::peak_resident_bytes(house.roused.process().id());
  luck->syncs_hang.store(false);

  int taken = 0;
  int refused = 0;
  for (RawSocket& sender : senders) {
    const int status = status_of(sender.response());
    if (status == 200) ++taken;
    if (status == 503) ++refused;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
  EXPECT_GT(taken, 0);
  EXPECT_LE(peak, std::size_t{512} << 20);
  EXPECT_TRUE(is_paged(house.sink, "olga", "R-1"));
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_EQ(house.sink.pages().size(), 1U);
  fmt::print(
      "{} taken, {} refused; {} MB resident at rest, {} MB at most\n", taken, refused, at_rest >> 20, peak >> 20);
  support::figure("faults", "resident at most in a flood of 400 MB (MB)", peak >> 20);
}

TEST(Storm, OfAlertsIsAnsweredWith200Or503AndPagedInAFewMessages) {
  const int total = is_long() ? 100'000 : 20'000;
  constexpr int senders = 4;
  constexpr int alerts_a_request = 50;
  House house{[](const support::Sink& phones) {
    return support::replaced(small_team(phones, "1h"), "budget: { per_contact: { pages: 1000000, within: 1s } }\n", "");
  }};
  house.roused.start();
  std::atomic<int> taken{0};
  std::atomic<int> refused{0};
  std::atomic<int> other{0};
  std::atomic<int> next{0};
  const Clock::time_point began = Clock::now();
  std::vector<std::thread> threads;
  for (int sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&] {
      RawSocket socket{house.roused.port()};
      for (int first = 0; (first = next.fetch_add(alerts_a_request)) < total;) {
        json::array alerts;
        for (int alert = first; alert < first + alerts_a_request; ++alert) {
          // 200 incidents of many alerts each.
          Labels labels = outage_of(fmt::format("service-{}", alert % 200));
          labels["instance"] = std::to_string(alert);
          alerts.push_back(alert_of(labels, "firing"));
        }
        const std::string request = request_of(webhook_with(std::move(alerts)));
        for (;;) {
          socket.send(request);
          const int status = status_of(socket.response());
          if (status == 200) {
            taken.fetch_add(alerts_a_request);
            break;
          }
          if (status != 503) {
            other.fetch_add(1);
            break;
          }
          refused.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double took = seconds_between(began, Clock::now());
  EXPECT_EQ(other.load(), 0) << "a storm is answered with 200 or 503";
  EXPECT_EQ(taken.load(), total);
  EXPECT_LE(took, 30.0);

  // Within the budget of twelve messages in a quarter of an hour, and nothing is left out.
  std::set<std::string> all;
  for (const json::object& incident : house.incidents()) all.insert(field(incident, "id"));
  EXPECT_GE(all.size(), 200U);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience));
  const auto all_are_paged = [&all](const std::vector<support::Message>& messages) {
    std::set<std::string> paged;
    for (const support::Message& message : messages) {
      if (message.is_page) paged.insert(message.incidents.begin(), message.incidents.end());
    }
    return std::includes(paged.begin(), paged.end(), all.begin(), all.end());
  };
  EXPECT_TRUE(house.sink.wait_until(all_are_paged, seconds{70})) << "an incident of the storm was never listed";
  std::map<std::string, int> messages;
  for (const support::Message& message : house.sink.pages()) ++messages[message.to];
  for (const auto& [person, count] : messages) EXPECT_LE(count, 14) << person;
  expect_no_silent_double(house.sink.messages());
  EXPECT_EQ(house.roused.stop(), 0);
  fmt::print("{} alerts in {:.1f} s, {} times 503; {} messages\n", total, took, refused.load(), messages["olga"]);
  support::figure("faults", "alerts of a storm", total);
  support::figure("faults", "messages to one person about a storm", messages["olga"]);
}

}  // namespace
}  // namespace live
