// Everything at once: senders, people, reloads, metrics and a snapshot beside pages that go out, then a stop in the
// middle of it. What is promised holds; under a sanitizer, which is what this is for, the daemon also ends with 0.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/live.hpp"

namespace live {
namespace {

// Calls `work(index)` on `count` threads for ever and ever, until it is stopped.
class Crowd {
 public:
  template <class Work>
  Crowd(std::size_t count, std::atomic<bool>& over, Work work) {
    for (std::size_t index = 0; index < count; ++index) {
      threads_.emplace_back([index, &over, work] {
        for (std::size_t round = 0; !over.load(); ++round) work(index, round);
      });
    }
  }
  ~Crowd() {
    for (std::thread& thread : threads_) thread.join();
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  std::vector<std::thread> threads_;
};

// A report of 2 MB that pages nobody: the journal must grow by 32 MB before a snapshot is made beside the engine.
std::string bulk(std::size_t round) {
  json::array alerts;
  for (std::size_t index = 0; index < 200; ++index) {
    json::object alert = alert_of(
        {{"alertname", "Bulk"}, {"service", "archive"}, {"instance", std::to_string(index)}, {"severity", "info"}},
        "firing");
    json::object annotations;
    for (const char* const name : {"one", "two", "three"}) {
      annotations[name] = std::string(3500, static_cast<char>('a' + round % 26));
    }
    alert["annotations"] = std::move(annotations);
    alerts.push_back(std::move(alert));
  }
  return webhook_with(std::move(alerts));
}

bool has_snapshot(const std::filesystem::path& store) {
  for (const auto& entry : std::filesystem::directory_iterator{store}) {
    if (entry.path().filename().string().starts_with("snapshot-")) return true;
  }
  return false;
}

class Busy : public testing::TestWithParam<std::size_t> {};

TEST_P(Busy, DaemonKeepsItsPromisesAndEndsClean) {
  House house{"1s"};
  house.roused.setting().io_threads = GetParam();
  house.roused.start();
  const std::string first_policy = support::read_file(house.folder / "rouse.yml");
  const std::string second_policy =
      support::replaced(first_policy, "{ per_contact: { pages: 1000000", "{ per_contact: { pages: 999999");
  house.sink.answer(
      [number = 0](const support::Message&) mutable -> unsigned { return ++number % 7 == 0 ? 503 : 200; });

  std::atomic<bool> over{false};
  std::mutex mutex;
  std::set<std::string> accepted;      // services whose alert fires for good and was answered 200
  std::set<std::string> acknowledged;  // incidents
  std::atomic<std::size_t> scrapes{0}, reloads{0};
  {
    const Crowd senders{3, over, [&](std::size_t sender, std::size_t round) {
                          const std::string service = fmt::format("shop-{}-{}", sender, round);
                          const Labels labels{{"alertname", "Down"},
                                              {"service", service},
                                              {"severity", round % 3 == 0 ? "warning" : "critical"}};
                          if (house.roused.post(webhook_path, webhook_of(labels)).status != 200) return;
                          if (round % 4 == 0) {
                            static_cast<void>(house.roused.post(webhook_path, webhook_of(labels, "resolved")));
                          } else if (round % 3 != 0) {
                            const std::lock_guard lock{mutex};
                            accepted.insert(service);
                          }
                        }};
    const Crowd people{2, over, [&](std::size_t person, std::size_t round) {
                         const std::vector<support::Message> pages = house.sink.pages();
                         if (pages.empty()) return std::this_thread::yield();
                         const support::Message& page = pages[round % pages.size()];
                         const std::string incident = page.incidents.empty() ? page.incident : page.incidents.front();
                         const std::string verb = round % 5 == 0 ? "resolve" : "ack";
                         const std::string body = fmt::format(R"({{"by":"{}"}})", person == 0 ? "olga" : "sam");
                         const support::Answer answer =
                             house.roused.post("/v1/incidents/" + incident + "/" + verb, body);
                         if (answer.status == 200) {
                           const std::lock_guard lock{mutex};
                           acknowledged.insert(incident);
                         }
                       }};
    const Crowd scraper{1, over, [&](std::size_t, std::size_t) {
                          if (house.roused.get("/metrics").status == 200) ++scrapes;
                          static_cast<void>(house.roused.get("/v1/incidents?state=all&limit=20"));
                          static_cast<void>(house.roused.get("/-/ready"));
                        }};
    const Crowd reloader{1, over, [&](std::size_t, std::size_t round) {
                           support::write_file(house.folder / "rouse.yml",
                                               round % 2 == 0 ? second_policy : first_policy);
                           house.roused.process().signal(SIGHUP);
                           if (house.roused.post("/-/reload", "").status == 200) ++reloads;
                         }};
    // The bulk comes from here: when its snapshot is there, everything has been busy for long enough.
    const auto limit = std::chrono::steady_clock::now() + 3 * support::patience;
    for (std::size_t round = 0; !has_snapshot(house.folder / "store") && std::chrono::steady_clock::now() < limit;
         ++round) {
      static_cast<void>(house.roused.post(webhook_path, bulk(round)));
    }
    EXPECT_TRUE(has_snapshot(house.folder / "store")) << "no snapshot was made beside the engine";
    EXPECT_TRUE(house.sink.wait_until(
        [](const std::vector<support::Message>& messages) { return messages.size() >= 20; }, support::patience));
    // The stop comes while all of them go on.
    EXPECT_EQ(house.roused.stop(), 0) << house.roused.output();
    over.store(true);
  }
  EXPECT_GT(scrapes.load(), 0U);
  EXPECT_GT(reloads.load(), 0U);
  EXPECT_FALSE(acknowledged.empty());

  house.roused.start();
  std::set<std::string> known;
  for (const json::object& incident : house.incidents()) known.insert(field(incident, "service"));
  for (const std::string& service : accepted) EXPECT_TRUE(known.contains(service)) << service << " was answered 200";
  EXPECT_EQ(house.roused.stop(), 0) << house.roused.output();
}

INSTANTIATE_TEST_SUITE_P(Threads, Busy, testing::Values(1U, 3U), [](const auto& parameter) {
  return parameter.param == 1 ? std::string{"EngineOnTheThreadOfTheNetwork"} : std::string{"EngineOnAThreadOfItsOwn"};
});

}  // namespace
}  // namespace live
