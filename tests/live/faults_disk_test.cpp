// A disk that fails, fills up, or does things by halves, under the real process: by a preloaded library, so that it
// needs no rights. durability_test.cpp has the same for a real file system that is full.
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/live/faults.hpp"
#include "tests/support/bad_luck.hpp"
#include "tests/support/small_disk.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t told(const std::vector<support::Message>& messages, std::string_view person, std::string_view what) {
  std::size_t count = 0;
  for (const support::Message& message : messages) {
    if (message.path == "/" + std::string{person} && message.body.find(what) != std::string::npos) ++count;
  }
  return count;
}

struct Failure {
  const char* name;
  bool is_sync;
};

class FailedDisk : public testing::TestWithParam<Failure> {};

TEST_P(FailedDisk, EndsTheProcessTellsTheLastResortOnceAcknowledgesNothingAndARestartRecovers) {
  House house{"1h"};
  support::BadLuck luck{house.folder / "store"};
  std::filesystem::create_directory(house.folder / "run");
  house.roused.setting().environment = luck.environment();
  house.roused.setting().environment.emplace_back("RUNTIME_DIRECTORY", (house.folder / "run").string());
  std::atomic<int>& error = GetParam().is_sync ? luck->sync_error : luck->write_error;
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("before"))).status, 200U);
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("heard"))).status, 200U);
  ASSERT_EQ(house.roused.post("/v1/incidents/R-2/ack", R"({"by":"olga"})").status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  // What arises within a second after a message is gathered behind it; then the next leaves at once.
  ASSERT_TRUE(stays_unpaged(house.sink, "sam", "R-1", milliseconds{1'200}));

  error.store(EIO);
  std::size_t acknowledged = 0;
  for (int round = 0; round < 20; ++round) {
    const support::Answer answer = house.roused.post(webhook_path, webhook_of(outage_of("lost")));
    acknowledged += answer.status == 200 ? 1 : 0;
    if (answer.status == 0) break;  // it is gone
    EXPECT_EQ(answer.status, 503U) << answer.body;
  }
  EXPECT_EQ(acknowledged, 0U) << "acknowledged after a failed sync";
  EXPECT_EQ(house.roused.process().wait(), 1) << house.roused.output();
  EXPECT_EQ(told(house.sink.messages(), "olga", "JournalFailed"), 1U) << house.roused.output();
  EXPECT_EQ(told(house.sink.messages(), "sam", "JournalFailed"), 1U);
  EXPECT_EQ(told(house.sink.messages(), "ivan", "JournalFailed"), 1U);
  std::size_t lost = 0;
  for (const support::Message& message : house.sink.pages()) {
    if (message.body.find("\"lost\"") == std::string::npos) continue;
    ++lost;
    EXPECT_TRUE(message.possible_duplicate) << message.body;
  }
  EXPECT_EQ(lost, 1U) << "what came with the failure is paged once, marked";

  // It fails again, as a disk does: the process ends again, and nobody is told a second time.
  if (GetParam().is_sync) {
    const std::size_t messages = house.sink.messages().size();
    EXPECT_EQ(house.roused.start_in_vain().code, 1);
    EXPECT_EQ(house.sink.messages().size(), messages) << house.sink.messages().back().body;
  }

  error.store(0);
  house.roused.start();
  EXPECT_EQ(field(house.incident("R-1"), "state"), "triggered");
  EXPECT_EQ(field(house.incident("R-2"), "state"), "acknowledged");
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("after"))).status, 200U);
  const auto after_is_paged = [](const std::vector<support::Message>& messages) {
    return std::any_of(messages.begin(), messages.end(), [](const support::Message& message) {
      return message.is_page && message.body.find("\"after\"") != std::string::npos;
    });
  };
  EXPECT_TRUE(house.sink.wait_until(after_is_paged, support::patience));
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_GT(luck->failed_syncs.load() + luck->failed_writes.load(), 0U);
  support::figure("faults", "disks that failed", GetParam().is_sync ? 2 : 1);
  support::figure("faults", "acknowledged after a failed sync", acknowledged);
}

INSTANTIATE_TEST_SUITE_P(Errors,
                         FailedDisk,
                         testing::Values(Failure{"OfASync", true}, Failure{"OfAWrite", false}),
                         [](const auto& parameter) { return std::string{parameter.param.name}; });

TEST(FullDisk, WithoutAByteAnywhereIsAnsweredUnavailablePagedMarkedAndOverAtOnceWhenThereIsRoom) {
  House house{"2s"};
  support::BadLuck luck{house.folder / "store"};
  house.roused.setting().environment = luck.environment();
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("before"))).status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  luck->write_error.store(ENOSPC);
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("full"))).status, 503U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-2"));
  EXPECT_TRUE(pages_to(house.sink.messages(), "olga", "R-2").front().possible_duplicate);
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-1")) << "a full disk must not stop a climb";
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-2"));
  EXPECT_EQ(house.roused.get("/v1/incidents").status, 200U);

  luck->write_error.store(0);
  ASSERT_TRUE(house.roused.process().wait_for_line("the disk has room again")) << house.roused.output();
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("after"))).status, 200U);
  house.roused.kill_hard();
  house.roused.start();
  std::set<std::string> services;
  for (const json::object& incident : house.incidents()) services.insert(field(incident, "service"));
  EXPECT_EQ(services, (std::set<std::string>{"before", "full", "after"})) << "what waited in memory is on the disk";
  EXPECT_EQ(house.roused.stop(), 0);
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "full disks", 1);
}

TEST(FullDisk, ThatIsStillFullAtARestartStopsNoClimb) {
  const support::SmallDisk disk;
  if (!disk.is_there()) GTEST_SKIP() << "mounting a small file system is not permitted here";
  House house{"2s"};
  house.roused.setting().store = disk.path() / "store";
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("before"))).status, 200U);
  ASSERT_TRUE(is_paged(house.sink, "olga", "R-1"));
  disk.fill();
  unsigned status = 200;
  const std::string padding(2000, 'p');
  for (int tries = 0; tries < 4000 && status == 200; ++tries) {
    json::object alert = alert_of({{"alertname", "Filling"}, {"severity", "info"}}, "firing");
    alert["annotations"] = json::object{{"description", fmt::format("{} {}", tries, padding)}};
    status = house.roused.post(webhook_path, webhook_with(json::array{alert})).status;
    disk.fill();
  }
  ASSERT_EQ(status, 503U);
  house.roused.kill_hard();
  disk.fill();

  const Clock::time_point restarted = Clock::now();
  house.roused.start();
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-1")) << "a full disk must not stop a climb";
  EXPECT_TRUE(is_paged(house.sink, "ivan", "R-1"));
  EXPECT_LE(paged_after(house.sink, restarted, "ivan", "R-1"), 7.0);
  // What the log of the former life took may have made a little room.
  status = house.roused.post(webhook_path, webhook_of(outage_of("full"))).status;
  EXPECT_TRUE(status == 200 || status == 503) << status;
  EXPECT_EQ(house.roused.get("/v1/incidents").status, 200U);

  disk.remove_ballast();
  const Clock::time_point room = Clock::now();
  do {
    status = house.roused.post(webhook_path, webhook_of(outage_of("after"))).status;
  } while (status == 503 && Clock::now() - room < seconds{10});
  EXPECT_EQ(status, 200U);
  EXPECT_EQ(house.roused.stop(), 0);
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "full disks", 1);
}

TEST(Disk, ThatWritesByHalvesAndIsInterruptedIsNotNoticed) {
  House house{"1h"};
  support::BadLuck luck{house.folder / "store"};
  luck->short_write_every.store(2);
  luck->interrupt_every.store(3);
  house.roused.setting().environment = luck.environment();
  const int lives = is_long() ? 50 : 4;
  const int alerts = 10;
  for (int life = 0; life < lives; ++life) {
    house.roused.start();
    for (int alert = 0; alert < alerts; ++alert) {
      Labels labels = outage_of("checkout");
      labels["instance"] = fmt::format("{}-{}", life, alert);
      ASSERT_EQ(house.roused.post(webhook_path, webhook_of(labels)).status, 200U) << house.roused.output();
    }
    // An orderly end writes a snapshot by halves, too.
    if (life % 2 == 0) {
      house.roused.kill_hard();
    } else {
      ASSERT_EQ(house.roused.stop(), 0) << house.roused.output();
    }
  }
  EXPECT_GT(luck->short_writes.load(), 0U);
  EXPECT_GT(luck->interruptions.load(), 0U);
  luck->short_write_every.store(0);
  luck->interrupt_every.store(0);
  house.roused.start();
  const std::vector<json::object> incidents = house.incidents();
  ASSERT_EQ(incidents.size(), 1U);
  EXPECT_EQ(incidents[0].at("alert_list").as_array().size(), static_cast<std::size_t>(lives * alerts));
  EXPECT_EQ(house.roused.output().find("level=error"), std::string::npos) << house.roused.output();
  EXPECT_EQ(house.roused.output().find("level=warn"), std::string::npos) << house.roused.output();
  EXPECT_EQ(house.roused.stop(), 0);
  expect_no_silent_double(house.sink.messages());
  support::figure("faults", "short writes", luck->short_writes.load());
  support::figure("faults", "interrupted reads and writes", luck->interruptions.load());
}

}  // namespace
}  // namespace live
