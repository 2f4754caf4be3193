// Whatever pages PagerDuty today, unchanged, against the daemon: PagerDuty's own client, and Alertmanager's notifier.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view routing_key = "R0123456789abcdef0123456789abcde";

// The folder with PagerDuty's client: $ROUSE_PAGERDUTY, else what tools/fetch-pagerduty-client puts below the build
// folder. Nothing, with `why`, when it cannot be had.
struct Client {
  std::filesystem::path folder;
  std::string why;
};

Client find_client() {
  const char* const given = std::getenv("ROUSE_PAGERDUTY");
  const std::filesystem::path folder = given != nullptr && *given != '\0'
                                           ? std::filesystem::path{given}
                                           : std::filesystem::path{ROUSE_BINARY_DIR} / "pagerduty";
  // Tests are processes of their own, and several may come here at once.
  const int lock =
      open((std::filesystem::path{ROUSE_BINARY_DIR} / "pagerduty.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock >= 0) flock(lock, LOCK_EX);
  const support::Finished fetched = support::run(
      {.arguments = {(support::source_folder() / "tools/fetch-pagerduty-client").string(), folder.string()}},
      std::chrono::minutes{2});
  if (lock >= 0) close(lock);
  if (fetched.code != 0) return {.folder = {}, .why = "no client of PagerDuty to test with: " + fetched.output};
  return {.folder = folder, .why = {}};
}

class PagerDutyClient : public testing::Test {
 protected:
  void SetUp() override {
    client = find_client();
    if (client.folder.empty()) GTEST_SKIP() << client.why;
    house.roused.start();
  }

  // What the client made of the daemon's answer: {"status", "body"}.
  [[nodiscard]] json::object send(json::object data, std::string_view type = "event") const {
    data["routing_key"] = routing_key;
    const json::object event{{"type", type}, {"data", std::move(data)}};
    const support::Finished sent =
        support::run({.arguments = {"/usr/bin/env",
                                    "node",
                                    (support::source_folder() / "tests/live/pagerduty.js").string(),
                                    client.folder.string(),
                                    std::to_string(house.roused.port()),
                                    json::serialize(event)}});
    EXPECT_EQ(sent.code, 0) << sent.output << house.roused.output();
    return parse_object(sent.output);
  }
  [[nodiscard]] static json::object trigger_of(std::string_view summary) {
    return json::object{{"event_action", "trigger"},
                        {"payload",
                         json::object{{"summary", summary},
                                      {"source", "db1.example.org"},
                                      {"severity", "critical"},
                                      {"component", "postgres"},
                                      {"custom_details", json::object{{"free", "12 MB"}}}}}};
  }
  [[nodiscard]] static std::string answered(const json::object& answer, std::string_view name) {
    const json::value* const body = answer.if_contains("body");
    return body != nullptr && body->is_object() ? field(body->get_object(), name) : std::string{};
  }

  Client client;
  House house;
};

TEST_F(PagerDutyClient, TriggersAcknowledgesAndResolvesOneIncident) {
  const json::object triggered = send(trigger_of("the disk is full"));
  EXPECT_EQ(field(triggered, "status"), "202");
  EXPECT_EQ(answered(triggered, "status"), "success");
  const std::string dedup_key = answered(triggered, "dedup_key");
  ASSERT_EQ(dedup_key.size(), 32U) << json::serialize(triggered);

  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output();
  EXPECT_THAT(house.sink.pages().front().body, HasSubstr("the disk is full"));
  EXPECT_THAT(house.sink.pages().front().body, Not(HasSubstr(routing_key)));
  json::object incident = house.incident("R-1");
  EXPECT_EQ(field(incident, "state"), "triggered");
  EXPECT_EQ(field(incident, "service"), "postgres");
  EXPECT_THAT(field(incident, "summary"), testing::StartsWith("the disk is full"));
  EXPECT_THAT(json::serialize(incident), Not(HasSubstr(routing_key)));

  // The same problem in other words, as many tools put a count or a percentage into the summary.
  json::object again = trigger_of("the disk is 99.9% full");
  again["dedup_key"] = dedup_key;
  EXPECT_EQ(answered(send(again), "dedup_key"), dedup_key);
  EXPECT_EQ(house.incidents().size(), 1U);

  EXPECT_EQ(field(send({{"event_action", "acknowledge"}, {"dedup_key", dedup_key}}), "status"), "202");
  EXPECT_EQ(field(house.incident("R-1"), "state"), "acknowledged");
  EXPECT_EQ(field(send({{"event_action", "resolve"}, {"dedup_key", dedup_key}}), "status"), "202");
  EXPECT_EQ(field(house.incident("R-1"), "state"), "resolved");
  EXPECT_EQ(house.incidents().size(), 1U);
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_THAT(house.roused.output(), Not(HasSubstr(routing_key)));
  support::figure("pagerduty", "events of PagerDuty's own client, trigger to resolve", 4);
}

TEST_F(PagerDutyClient, IsToldWhatIsWrongAndThatStrangersAreNoMatter) {
  json::object wrong = trigger_of("x");
  wrong["payload"].as_object().erase("source");
  const json::object refused = send(wrong);
  EXPECT_EQ(field(refused, "status"), "400");
  EXPECT_EQ(answered(refused, "status"), "invalid event");
  EXPECT_THAT(answered(refused, "errors"), HasSubstr("'payload.source' is missing or blank"));

  EXPECT_EQ(field(send({{"event_action", "resolve"}, {"dedup_key", "never seen"}}), "status"), "202");
  EXPECT_EQ(field(send({{"event_action", "acknowledge"}, {"dedup_key", "never seen"}}), "status"), "202");
  EXPECT_EQ(field(send({{"payload", json::object{{"summary", "deployed 1.2"}}}}, "change"), "status"), "202");
  EXPECT_TRUE(house.incidents().empty());
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(PagerDutyNotifier, OfAlertmanagerPagesSomebodyAndEndsTheIncident) {
  if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
  House house;
  house.roused.start();
  support::write_file(house.folder / "alertmanager.yml",
                      fmt::format("route: {{ receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: "
                                  "100ms, repeat_interval: 1h }}\n"
                                  "receivers:\n"
                                  "  - name: pager\n"
                                  "    pagerduty_configs:\n"
                                  "      - {{ routing_key: {}, url: '{}/v2/enqueue', severity: critical, class: "
                                  "'{{{{ .GroupLabels.alertname }}}}' }}\n",
                                  routing_key,
                                  house.roused.url()));
  std::unique_ptr<support::Process> alertmanager;
  std::string url;
  bool is_up = false;
  for (int attempt = 0; attempt < 5 && !is_up; ++attempt) {
    const int port = support::free_port();
    url = fmt::format("http://127.0.0.1:{}", port);
    alertmanager = std::make_unique<support::Process>(
        support::Launch{.arguments = {(support::peers().programs / "alertmanager").string(),
                                      "--config.file=" + (house.folder / "alertmanager.yml").string(),
                                      "--storage.path=" + (house.folder / "alertmanager").string(),
                                      fmt::format("--web.listen-address=127.0.0.1:{}", port),
                                      "--cluster.listen-address="}});
    is_up = alertmanager->wait_for_line("Listening on") && support::get(url + "/-/ready").status == 200;
  }
  ASSERT_TRUE(is_up) << alertmanager->output();
  const auto push = [&url](std::string_view ends_at) {
    json::object alert{{"labels", object_of({{"alertname", "ApiDown"}, {"service", "checkout"}})}};
    if (!ends_at.empty()) alert["endsAt"] = ends_at;
    return support::post(url + "/api/v2/alerts", json::serialize(json::array{alert})).status;
  };
  ASSERT_EQ(push(""), 200U);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << alertmanager->output() << house.roused.output();
  EXPECT_THAT(field(house.incident("R-1"), "summary"), testing::StartsWith("ApiDown"));
  ASSERT_EQ(push("2020-01-01T00:00:00Z"), 200U);
  const auto is_told = [](const std::vector<support::Message>& messages) {
    return std::any_of(messages.begin(), messages.end(), [](const support::Message& one) { return one.is_notice; });
  };
  EXPECT_TRUE(house.sink.wait_until(is_told, support::patience)) << alertmanager->output() << house.roused.output();
  EXPECT_EQ(field(house.incident("R-1"), "state"), "resolved");
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
