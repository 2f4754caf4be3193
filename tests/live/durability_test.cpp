// What the daemon promises about its store, seen from outside: restarts, full disks, damage, and configurations that
// are wrong.
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/net/support.hpp"
#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"
#include "tests/support/small_disk.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

const Labels outage{{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", "critical"}};

Labels outage_of(std::string_view service) {
  Labels labels = outage;
  labels["service"] = service;
  return labels;
}

std::function<bool(const std::vector<support::Message>&)> somebody_is_paged(std::string person, std::string incident) {
  return [person = std::move(person), incident = std::move(incident)](const std::vector<support::Message>& messages) {
    for (const support::Message& message : messages) {
      if (message.is_page && message.to == person && message.incident == incident) return true;
    }
    return false;
  };
}

support::Message page_to(const support::Sink& sink, std::string_view person) {
  for (support::Message& message : sink.pages()) {
    if (message.to == person) return std::move(message);
  }
  return {};
}

// How long until a step of a page to `person` after `since`.
milliseconds since(Clock::time_point since, const support::Message& message) {
  return std::chrono::duration_cast<milliseconds>(message.at - since);
}

TEST(Restart, CallsAnOverdueStepAtOnceAndItsWaitRunsFromThen) {
  House house{"3s"};
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage)).status, 200U);
  ASSERT_TRUE(house.sink.wait_until(somebody_is_paged("olga", "R-1"), support::patience));
  // The answer of the sink is on its way; the page itself is known to have left.
  house.roused.kill_hard();
  std::this_thread::sleep_for(seconds{4});  // longer than olga's wait: sam's step falls due while nobody runs
  const Clock::time_point restarted = Clock::now();
  house.roused.start();
  ASSERT_TRUE(house.sink.wait_until(somebody_is_paged("sam", "R-1"), support::patience));
  const support::Message sam = page_to(house.sink, "sam");
  EXPECT_LT(since(restarted, sam), seconds{2});
  ASSERT_TRUE(house.sink.wait_until(somebody_is_paged("ivan", "R-1"), support::patience));
  const support::Message ivan = page_to(house.sink, "ivan");
  EXPECT_GE(since(sam.at, ivan), milliseconds{2500}) << "the wait of the overdue step did not run from the restart";
  EXPECT_LE(since(sam.at, ivan), milliseconds{4500});
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(Restart, KeepsAnAcknowledgementAndPagesNobody) {
  House house{"1s"};
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage)).status, 200U);
  ASSERT_EQ(house.roused.post("/v1/incidents/R-1/ack", R"({"by":"olga"})").status, 200U);
  house.roused.kill_hard();
  house.roused.start();
  std::this_thread::sleep_for(seconds{3});
  EXPECT_EQ(field(house.incident("R-1"), "state"), "acknowledged");
  EXPECT_EQ(field(house.incident("R-1"), "by"), "olga");
  for (const support::Message& page : house.sink.pages()) EXPECT_EQ(page.to, "olga") << page.body;
}

TEST(Stop, CommitsWhatWasAcceptedEndsWithZeroAndTheNextStartGoesOn) {
  House house;
  house.roused.start();
  std::vector<std::thread> senders;
  std::atomic<int> accepted{0};
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&house, &accepted, sender] {
      for (int round = 0; round < 50; ++round) {
        Labels labels = outage;
        labels["instance"] = fmt::format("{}-{}", sender, round);
        if (house.roused.post(webhook_path, webhook_of(labels)).status != 200) return;
        accepted.fetch_add(1);
      }
    });
  }
  ASSERT_TRUE(house.sink.wait_until(somebody_is_paged("olga", "R-1"), support::patience));
  EXPECT_EQ(house.roused.stop(), 0) << house.roused.output();
  for (std::thread& sender : senders) sender.join();
  ASSERT_GT(accepted.load(), 0);
  house.roused.start();
  const std::vector<json::object> incidents = house.incidents();
  ASSERT_EQ(incidents.size(), 1U);
  EXPECT_EQ(field(incidents[0], "id"), "R-1");
  EXPECT_GE(incidents[0].at("alert_list").as_array().size(), static_cast<std::size_t>(accepted.load()));
  EXPECT_EQ(field(incidents[0], "state"), "triggered");
  Labels another = outage_of("payments");
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(another)).status, 200U);
  EXPECT_TRUE(house.sink.wait_for_page("R-2", support::patience));
  for (const support::Message& page : house.sink.pages()) EXPECT_FALSE(page.possible_duplicate) << page.body;
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(FullDisk, AnswersUnavailableYetPagesWithAMarkObeysPeopleAndRecovers) {
  const support::SmallDisk disk;
  if (!disk.is_there()) GTEST_SKIP() << "mounting a small file system is not permitted here";
  House house{"2s"};
  house.roused.setting().store = disk.path() / "store";
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("before"))).status, 200U);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience));
  ASSERT_EQ(house.roused.post("/v1/incidents/R-1/ack", R"({"by":"olga"})").status, 200U);
  disk.fill();

  // What the store has allocated may take some more; soon nothing fits.
  unsigned status = 200;
  int tries = 0;
  const std::string padding(2000, 'p');
  for (; tries < 2000 && status == 200; ++tries) {
    json::object alert = alert_of(outage_of(fmt::format("filling-{}", tries % 3)), "firing");
    alert["annotations"] = json::object{{"description", fmt::format("{} {}", tries, padding)}};
    status = house.roused.post(webhook_path, webhook_with(json::array{alert})).status;
    disk.fill();
  }
  ASSERT_EQ(status, 503U) << "after " << tries << " alerts on a full disk";

  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("full"))).status, 503U);
  const auto full_is_paged = [](const std::vector<support::Message>& messages) {
    for (const support::Message& message : messages) {
      if (message.is_page && message.body.find("\"full\"") != std::string::npos && message.to == "olga") return true;
    }
    return false;
  };
  ASSERT_TRUE(house.sink.wait_until(full_is_paged, support::patience)) << "a full disk must not cost a page";
  std::string full;
  for (const support::Message& message : house.sink.pages()) {
    if (message.body.find("\"full\"") == std::string::npos) continue;
    // It may be paged again after a restart that has never heard of it.
    EXPECT_TRUE(message.possible_duplicate) << message.body;
  }
  for (const json::object& incident : house.incidents()) {
    if (field(incident, "service") == "full") full = field(incident, "id");
  }
  ASSERT_FALSE(full.empty());

  // Obeyed in memory: sam is not called although nobody could write it down.
  EXPECT_EQ(house.roused.post(fmt::format("/v1/incidents/{}/ack", full), R"({"by":"olga"})").status, 503U);
  EXPECT_EQ(field(house.incident(full), "state"), "acknowledged");
  std::this_thread::sleep_for(seconds{4});
  EXPECT_EQ(field(house.incident(full), "state"), "acknowledged");

  disk.remove_ballast();
  const Clock::time_point room = Clock::now();
  do {
    std::this_thread::sleep_for(milliseconds{200});
    status = house.roused.post(webhook_path, webhook_of(outage_of("after"))).status;
  } while (status == 503 && Clock::now() - room < seconds{30});
  EXPECT_EQ(status, 200U) << "room was made " << std::chrono::duration_cast<seconds>(Clock::now() - room).count()
                          << " s ago";
  house.roused.kill_hard();
  house.roused.start();
  bool is_there = false;
  for (const json::object& incident : house.incidents()) is_there = is_there || field(incident, "service") == "after";
  EXPECT_TRUE(is_there) << "what got a 200 after the disk had room is gone";
  EXPECT_EQ(house.roused.stop(), 0);
  support::figure("faults", "full disks", 1);
}

// Refused with the command that mends it; mended by that; serves again.
void is_refused_and_mended(House& house) {
  const std::string store = (house.folder / "store").string();
  const support::Finished refused = house.roused.start_in_vain();
  ASSERT_EQ(refused.code, 1) << refused.output;
  EXPECT_NE(refused.output.find("roused --repair " + store), std::string::npos) << refused.output;

  const support::Finished repaired = support::run({.arguments = {support::roused_program(), "--repair", store}});
  ASSERT_EQ(repaired.code, 0) << repaired.output;
  EXPECT_FALSE(repaired.output.empty()) << "a repair says what it gives up";
  house.roused.start();
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("after"))).status, 200U);
  const auto is_paged = [](const std::vector<support::Message>& messages) {
    for (const support::Message& message : messages) {
      if (message.is_page && message.body.find("\"after\"") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(house.sink.wait_until(is_paged, support::patience));
  EXPECT_EQ(house.roused.stop(), 0);
}

// 200 rows of one alert each, over one connection.
void fill(House& house) {
  net::testing::RawSocket socket{house.roused.port()};
  for (int round = 0; round < 200; ++round) {
    Labels labels = outage;
    labels["instance"] = std::to_string(round);
    const std::string body = webhook_of(labels);
    socket.send(fmt::format(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{}", webhook_path, body.size(), body));
    ASSERT_EQ(net::testing::status_of(socket.response()), 200);
  }
}

// Inverts a byte here and there in the middle half of a file.
void damage(const std::filesystem::path& file) {
  std::string bytes = support::read_file(file);
  ASSERT_GT(bytes.size(), 8192U) << file;
  for (std::size_t at = bytes.size() / 4; at < bytes.size() * 3 / 4; at += 997)
    bytes[at] = static_cast<char>(~bytes[at]);
  support::write_file(file, bytes);
}

TEST(Damage, OfTheLogAfterACrashIsRefusedWithTheCommandThatMendsIt) {
  House house;
  house.roused.start();
  fill(house);
  house.roused.kill_hard();
  damage(house.folder / "store/journal.db-wal");
  is_refused_and_mended(house);
}

TEST(Damage, OfRowsThatNoSnapshotCoversIsRefusedWithTheCommandThatMendsIt) {
  House house;
  house.roused.start();
  fill(house);
  ASSERT_EQ(house.roused.stop(), 0);
  for (const auto& entry : std::filesystem::directory_iterator{house.folder / "store"}) {
    if (entry.path().filename().string().starts_with("snapshot-")) std::filesystem::remove(entry.path());
  }
  damage(house.folder / "store/journal.db");
  is_refused_and_mended(house);
}

TEST(Damage, OfASnapshotIsSurvivedByTheRows) {
  House house;
  house.roused.start();
  fill(house);
  ASSERT_EQ(house.roused.stop(), 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator{house.folder / "store"}) {
    if (!entry.path().filename().string().starts_with("snapshot-")) continue;
    damage(entry.path());
    ++damaged;
  }
  ASSERT_GT(damaged, 0) << "an orderly end leaves a snapshot";
  house.roused.start();
  const std::vector<json::object> incidents = house.incidents();
  ASSERT_EQ(incidents.size(), 1U);
  EXPECT_EQ(incidents[0].at("alert_list").as_array().size(), 200U);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(Store, IsServedByOneDaemonAtATime) {
  House house;
  house.roused.start();
  support::Roused second{house.roused.setting()};
  const support::Finished refused = second.start_in_vain();
  EXPECT_EQ(refused.code, 1) << refused.output;
  EXPECT_NE(refused.output.find((house.folder / "store").string()), std::string::npos) << refused.output;
  EXPECT_EQ(house.roused.get("/-/healthy").status, 200U);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(Reload, OfAWrongFileIsRefusedWithTheReasonAndChangesNothing) {
  House house;
  house.roused.start();
  const std::string good = support::read_file(house.folder / "rouse.yml");
  support::write_file(house.folder / "rouse.yml", support::replaced(good, "call: olga", "call: nobody"));
  const support::Answer refused = house.roused.post("/-/reload", "");
  EXPECT_EQ(refused.status, 422U) << refused.body;
  EXPECT_NE(refused.body.find("rouse.yml:10:"), std::string::npos) << refused.body;
  EXPECT_NE(refused.body.find("nobody"), std::string::npos) << refused.body;
  house.roused.process().signal(SIGHUP);
  EXPECT_TRUE(house.roused.process().wait_for_line("not reloaded")) << house.roused.output();
  EXPECT_NE(house.roused.get("/metrics").body.find("rouse_config_last_reload_successful 0"), std::string::npos);
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage)).status, 200U);
  EXPECT_TRUE(house.sink.wait_until(somebody_is_paged("olga", "R-1"), support::patience))
      << "the old policy is in force";

  support::write_file(house.folder / "rouse.yml", support::replaced(good, "call: olga", "call: ivan"));
  house.roused.process().signal(SIGHUP);
  ASSERT_TRUE(house.roused.process().wait_for_line("msg=reloaded")) << house.roused.output();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("payments"))).status, 200U);
  EXPECT_TRUE(house.sink.wait_until(somebody_is_paged("ivan", "R-2"), support::patience))
      << "the new policy is in force";
  EXPECT_NE(house.roused.get("/metrics").body.find("rouse_config_last_reload_successful 1"), std::string::npos);
  EXPECT_EQ(house.roused.post("/-/reload", "").status, 200U);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(Start, WithAWrongConfigurationEndsWithOneAndSaysWhere) {
  House house;
  const std::string good = support::read_file(house.folder / "rouse.yml");
  support::write_file(
      house.folder / "rouse.yml",
      support::replaced(support::replaced(good, "call: olga", "call: olgo"), "  outage:", "  outrage:"));
  const support::Finished refused = house.roused.start_in_vain();
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.output.find("rouse.yml:10:17: "), std::string::npos) << refused.output;
  EXPECT_NE(refused.output.find("olgo"), std::string::npos) << refused.output;
  EXPECT_NE(refused.output.find("rouse.yml:14:14: "), std::string::npos) << "all errors at once\n" << refused.output;
  EXPECT_FALSE(std::filesystem::exists(house.folder / "store")) << "a daemon that does not start leaves nothing behind";
}

TEST(Start, WithNoChannelThatCouldPageAnybodyEndsWithOneAndSaysSo) {
  House house;
  support::write_file(
      house.folder / "rouse.yml",
      support::replaced(support::read_file(house.folder / "rouse.yml"), "{ webhook: { timeout: 5s } }", "{ log: {} }"));
  const support::Finished refused = house.roused.start_in_vain();
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.output.find("no channel could page anybody"), std::string::npos) << refused.output;
}

}  // namespace
}  // namespace live
