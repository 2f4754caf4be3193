#include "daemon/api/metrics.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

using namespace std::chrono_literals;

std::string busy_page(Desk& desk) {
  desk.metrics.observe({.what = rules::Measure::page_delay, .value = 30ms});
  desk.metrics.observe({.what = rules::Measure::page_delay, .value = 20min});
  desk.metrics.committed(400us);
  desk.metrics.set_gaps(on_call_gaps(*scene::policy(), scene::start));
  desk.metrics.reloaded(scene::start);
  desk.metrics.ring_was_full();
  desk.metrics.journal_is(12, 3456);
  desk.services.providers = [] {
    return std::vector<ProviderFigures>{{.channel = "sms",
                                         .number = 1,
                                         .kind = "twilio",
                                         .tries = {7, 1, 2, 3, 0},
                                         .is_open = true,
                                         .last_success = scene::start,
                                         .answers = 13,
                                         .seconds_sum = 2.5},
                                        {.channel = "sms", .number = 2, .kind = "command"}};
  };
  desk.metrics.rejected("quote\" back\\ line\n", Rejection::body);
  (void)desk.answer("GET", "/nowhere");
  (void)desk.answer("POST", "/api/v2/alerts", R"([{"labels":{}},{"labels":{"alertname":"B"}}])");
  const net::Response response = desk.answer("GET", "/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  return response.body;
}

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsPage, SaysWhatTheStateAndTheOutsideCounted) {
  Desk desk;
  const std::string page = busy_page(desk);
  for (const char* const line : {
           "rouse_build_info{version=\"" ROUSE_VERSION "\"} 1",
           "rouse_alerts_received_total{source=\"127.0.0.1\",status=\"firing\"} 4",
           "rouse_alerts_received_total{source=\"127.0.0.1\",status=\"resolved\"} 1",
           "rouse_alerts_rejected_total{source=\"127.0.0.1\",reason=\"alert\"} 1",
           "rouse_alerts_rejected_total{source=\"quote\\\" back\\\\ line\\n\",reason=\"body\"} 1",
           "rouse_incidents{state=\"triggered\",urgency=\"low\"} 1",
           "rouse_incidents{state=\"acknowledged\",urgency=\"high\"} 0",
           "rouse_incidents_unheard 0",
           "rouse_page_delay_seconds_bucket{le=\"0.025\"} 0",
           "rouse_page_delay_seconds_bucket{le=\"0.05\"} 1",
           "rouse_page_delay_seconds_bucket{le=\"+Inf\"} 2",
           "rouse_page_delay_seconds_count 2",
           "rouse_commit_seconds_sum 0.0004",
           "rouse_oncall_gap_seconds{call_tree=\"outage\",step=\"1\"} 0",
           "rouse_config_last_reload_successful 1",
           "rouse_deadline_overdue_seconds 0",
           "rouse_overloaded_total 1",
           "rouse_journal_rows 12",
           "rouse_provider_circuit_open{channel=\"sms\",number=\"1\",provider=\"twilio\"} 1",
           "rouse_contacts_in_doubt{doubt=\"failed\"} 0",
           "rouse_test_pages_total 0",
           "rouse_http_requests_refused_total{code=\"404\"} 1",
       }) {
    EXPECT_TRUE(has_line(page, line)) << line << "\n" << page;
  }
}

TEST(MetricsPage, IsWrittenAsPrometheusReadsIt) {
  Desk desk;
  const std::string page = busy_page(desk);
  const std::regex help{R"(# HELP rouse_[a-z_]+ [^\n]+)"};
  const std::regex type{R"(# TYPE rouse_[a-z_]+ (counter|gauge|histogram))"};
  const std::regex sample{R"#(rouse_[a-z_]+(\{([a-z_]+="([^"\\]|\\["\\n])*",?)+\})? ([0-9.e+-]+|NaN|[+-]?Inf))#"};
  std::istringstream lines{page};
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(std::regex_match(line, help) || std::regex_match(line, type) || std::regex_match(line, sample)) << line;
    EXPECT_TRUE(seen.insert(line).second) << "twice: " << line;
  }
  EXPECT_GT(seen.size(), 100U);
}

std::string find_promtool() {
  std::vector<std::string> folders;
  if (const char* const peers = std::getenv("ROUSE_PEERS")) folders.push_back(std::string{peers} + "/usr/bin");
  std::istringstream path{std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")};
  for (std::string folder; std::getline(path, folder, ':');) folders.push_back(folder);
  folders.push_back(ROUSE_SOURCE_DIR "/build/peers/usr/bin");
  for (const std::string& folder : folders) {
    if (std::filesystem::exists(folder + "/promtool")) return folder + "/promtool";
  }
  return {};
}

TEST(MetricsPage, PassesPromtool) {
  const std::string promtool = find_promtool();
  if (promtool.empty()) GTEST_SKIP() << "promtool is not installed";
  Desk desk;
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("rouse-metrics-" + std::to_string(::getpid()) + ".prom");
  std::ofstream{file} << busy_page(desk);
  FILE* const pipe = ::popen((promtool + " check metrics < " + file.string() + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  std::array<char, 1024> part{};
  while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr) said += part.data();
  EXPECT_EQ(::pclose(pipe), 0) << said;
  EXPECT_EQ(said, "");
  std::filesystem::remove(file);
}

TEST(MetricsPage, CountsTheTwoHundredAndFirstSourceAsOther) {
  Metrics metrics;
  rules::StateFigures figures;
  for (int number = 0; number < 250; ++number) figures.counters.alerts_by_source["a" + std::to_string(number)] = {1, 0};
  (void)metrics.text(figures, scene::start);
  // One that comes later does not push an earlier one out: its counter would run backwards.
  figures.counters.alerts_by_source["a"] = {7, 0};
  const std::string page = metrics.text(figures, scene::start);
  EXPECT_TRUE(has_line(page, "rouse_alerts_received_total{source=\"other\",status=\"firing\"} 57")) << page;
  EXPECT_EQ(page.find("source=\"a\""), std::string::npos);
}

TEST(MetricsPage, ShowsHowLateTheOldestDeadlineIs) {
  Metrics metrics;
  rules::StateFigures figures;
  figures.oldest_due = scene::start;
  EXPECT_TRUE(has_line(metrics.text(figures, scene::start + 90s), "rouse_deadline_overdue_seconds 90"));
  metrics.reload_failed();
  EXPECT_TRUE(has_line(metrics.text(figures, scene::start), "rouse_config_last_reload_successful 0"));
}

TEST(Histogram, PutsABoundInItsOwnBucketAndLosesNothing) {
  static constexpr double bounds[] = {1, 2};
  Histogram histogram{bounds};
  for (const auto value : {-5000ms, 1000ms, 1001ms, 2000ms, 3000ms}) histogram.observe(value);
  const Histogram::Snapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.cumulative, (std::vector<std::pair<double, std::uint64_t>>{{1, 2}, {2, 4}}));
  EXPECT_EQ(snapshot.count, 5U);
  EXPECT_DOUBLE_EQ(snapshot.sum_seconds, 7.001);
}

TEST(MetricsPage, SaysHowEachProviderDoes) {
  Metrics metrics;
  const std::vector<ProviderFigures> providers{{.channel = "sms",
                                                .number = 1,
                                                .kind = "twilio",
                                                .tries = {7, 1, 2, 3, 0},
                                                .is_open = true,
                                                .last_success = scene::start,
                                                .answers = 13,
                                                .seconds_sum = 2.5},
                                               {.channel = "sms", .number = 2, .kind = "command"}};
  const std::string page = metrics.text({}, scene::start, providers);
  EXPECT_TRUE(has_line(
      page, R"(rouse_provider_tries_total{channel="sms",number="1",provider="twilio",outcome="transient"} 2)"));
  EXPECT_TRUE(has_line(page, R"(rouse_provider_circuit_open{channel="sms",number="1",provider="twilio"} 1)"));
  EXPECT_TRUE(has_line(page, R"(rouse_provider_circuit_open{channel="sms",number="2",provider="command"} 0)"));
  EXPECT_TRUE(has_line(page, R"(rouse_provider_try_seconds_total{channel="sms",number="1",provider="twilio"} 2.5)"));
  EXPECT_NE(page.find(R"(rouse_provider_last_success_timestamp_seconds{channel="sms",number="1")"), page.npos);
  EXPECT_EQ(page.find(R"(rouse_provider_last_success_timestamp_seconds{channel="sms",number="2")"), page.npos)
      << "it has had none yet";
}

TEST(Gaps, AreTheHoursInWhichNobodyIsOnCall) {
  const auto policy = scene::policy(R"(
rouse: 1
people:
  olga: { name: Olga, contact: { sms: "+1" } }
rotations:
  office:
    { members: [olga], start: 2026-01-05T09:00, turn: 1w,
      hours: [ { days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00" } ] }
call_trees:
  outage: { steps: [ { call: office, wait: 5m }, { call: olga, wait: 5m } ] }
route: { call_tree: outage }
channels: { sms: [ { webhook: { url: "http://127.0.0.1/" } } ] }
)");
  EXPECT_EQ(on_call_gaps(*policy, scene::at("2026-03-02T00:00:00Z")),
            (std::vector<OnCallGap>{{.call_tree = "outage", .step = 1, .length = 168h - 40h},
                                    {.call_tree = "outage", .step = 2, .length = 0h}}));
}

}  // namespace
}  // namespace api
