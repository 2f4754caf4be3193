// The tools of the Prometheus family, unchanged, against the daemon: amtool, promtool and Prometheus itself.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/live.hpp"

namespace live {
namespace {

class Peers : public testing::Test {
 protected:
  void SetUp() override {
    if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
    house.roused.start();
  }

  static std::string program(const char* name) { return (support::peers().programs / name).string(); }

  House house;
};

TEST_F(Peers, AmtoolAddsAnAlertAndSomebodyIsPaged) {
  const support::Finished added = support::run({.arguments = {program("amtool"),
                                                              "--alertmanager.url=" + house.roused.url(),
                                                              "alert",
                                                              "add",
                                                              "alertname=DiskFull",
                                                              "service=checkout",
                                                              "severity=critical",
                                                              "--annotation=summary=no room is left"}});
  EXPECT_EQ(added.code, 0) << added.output;
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output();
  const json::object incident = house.incident("R-1");
  EXPECT_TRUE(field(incident, "summary").starts_with("DiskFull")) << field(incident, "summary");
  EXPECT_EQ(field(incident, "service"), "checkout");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST_F(Peers, PromtoolFindsNothingWrongWithTheMetrics) {
  ASSERT_EQ(house.roused
                .post(webhook_path, webhook_of({{"alertname", "ApiDown"}, {"service", "a"}, {"severity", "critical"}}))
                .status,
            200U);
  ASSERT_EQ(house.roused.post(webhook_path, "nonsense").status, 400U);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience));
  ASSERT_EQ(house.roused.post("/v1/incidents/R-1/ack", R"({"by":"olga"})").status, 200U);
  ASSERT_EQ(house.roused.post("/v1/incidents/R-1/resolve", R"({"by":"olga"})").status, 200U);
  const support::Answer metrics = house.roused.get("/metrics");
  ASSERT_EQ(metrics.status, 200U);
  for (const char* const name : {"rouse_alerts_received_total",
                                 "rouse_alerts_rejected_total",
                                 "rouse_incidents{",
                                 "rouse_pages_total",
                                 "rouse_page_delay_seconds_bucket",
                                 "rouse_commit_seconds_bucket",
                                 "rouse_time_to_acknowledge_seconds",
                                 "rouse_build_info"}) {
    EXPECT_NE(metrics.body.find(name), std::string::npos) << name << " is missing";
  }
  support::write_file(house.folder / "metrics", metrics.body);
  const support::Finished checked = support::run(
      {.arguments = {
           "/bin/sh",
           "-c",
           fmt::format("'{}' check metrics < '{}'", program("promtool"), (house.folder / "metrics").string())}});
  EXPECT_EQ(checked.code, 0) << checked.output;
  EXPECT_EQ(checked.output, "");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST_F(Peers, PrometheusFiresARuleAndSomebodyIsPaged) {
  // The first alert after its start is lost when it fires before Prometheus has discovered where alerts go, after about
  // five seconds; so the rule holds from the eighth second on.
  support::write_file(house.folder / "rules.yml",
                      "groups:\n"
                      "  - name: live\n"
                      "    interval: 1s\n"
                      "    rules:\n"
                      "      - alert: ApiDown\n"
                      "        expr: vector(1)\n"
                      "        for: 8s\n"
                      "        labels: { service: checkout, severity: critical }\n"
                      "        annotations: { summary: nobody answers }\n");
  support::write_file(
      house.folder / "prometheus.yml",
      fmt::format("global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n"
                  "rule_files: [ rules.yml ]\n"
                  "alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ '127.0.0.1:{}' ] }} ] }} ] }}\n",
                  house.roused.port()));
  std::unique_ptr<support::Process> prometheus;
  bool is_up = false;
  for (int attempt = 0; attempt < 5 && !is_up; ++attempt) {
    const int port = support::free_port();
    prometheus = std::make_unique<support::Process>(
        support::Launch{.arguments = {program("prometheus"),
                                      "--config.file=" + (house.folder / "prometheus.yml").string(),
                                      "--storage.tsdb.path=" + (house.folder / "prometheus").string(),
                                      fmt::format("--web.listen-address=127.0.0.1:{}", port)}});
    is_up = prometheus->wait_for_line("Server is ready to receive web requests").has_value();
  }
  ASSERT_TRUE(is_up) << prometheus->output();
  ASSERT_TRUE(house.sink.wait_for_page("R-1", std::chrono::seconds{60}))
      << prometheus->output() << house.roused.output();
  const json::object incident = house.incident("R-1");
  EXPECT_TRUE(field(incident, "summary").starts_with("ApiDown"));
  EXPECT_EQ(field(incident, "alerts"), "1");
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
