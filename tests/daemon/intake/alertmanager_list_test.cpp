// What Alertmanager says that it has, when it is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Context context() {
  Context context;
  context.source = "prod";
  context.ignore_labels = {"severity"};
  context.seed = 7;
  context.identity = 11;
  return context;
}

tl::expected<Listed, Refused> read(const std::string& body) {
  Parser parser;
  return parser.alertmanager_list(std::string_view{body}, context());
}

Listed listed(const std::string& body) {
  tl::expected<Listed, Refused> list = read(body);
  if (!list) throw std::runtime_error(list.error().why);
  return *std::move(list);
}

const rules::ListedAlert& find(const Listed& list, std::string_view alertname) {
  for (const rules::ListedAlert& alert : list.alerts) {
    if (alert.report.labels.find("alertname") == alertname) return alert;
  }
  throw std::runtime_error("not listed: " + std::string{alertname});
}

TEST(AlertmanagerList, OfARealOneIsReadWhole) {
  const Listed list = listed(bodies::captured("alertmanager-0.25/25-get-api-v2-alerts.json"));
  ASSERT_EQ(list.alerts.size(), 4U);
  EXPECT_EQ(list.oddities, Oddities{});
  EXPECT_EQ(list.rejected_count, 0U);
  const rules::ListedAlert& disk = find(list, "DiskFull");
  EXPECT_EQ(disk.state, rules::ListedState::active);
  EXPECT_THAT(disk.receivers, ElementsAre("other"));
  EXPECT_EQ(disk.report.status, rules::ReportStatus::firing);
  EXPECT_EQ(disk.report.labels.find("team"), "web");
  EXPECT_EQ(disk.report.annotations.find("summary"), "no room left");
  EXPECT_EQ(disk.report.generator_url, "http://prometheus.example/graph");
  ASSERT_TRUE(disk.report.starts_at);
  ASSERT_TRUE(disk.report.ends_at);
  EXPECT_EQ(*disk.report.ends_at - *disk.report.starts_at, std::chrono::minutes{5});
  EXPECT_EQ(find(list, "ClusterDown").state, rules::ListedState::active);
  EXPECT_EQ(find(list, "Slow").state, rules::ListedState::suppressed);
  EXPECT_EQ(find(list, "Noisy").state, rules::ListedState::suppressed);
}

TEST(AlertmanagerList, HasTheKeysThatTheWebhookHas) {
  Parser parser;
  const Listed list = listed(R"([{"labels":{"alertname":"A","severity":"critical"},"status":{"state":"active"}}])");
  const auto posted = parser.alertmanager(
      std::string_view{
          R"({"version":"4","alerts":[{"status":"firing","labels":{"severity":"warning","alertname":"A"}}]})"},
      context());
  ASSERT_TRUE(posted);
  EXPECT_EQ(list.alerts.front().report.key, posted->event.reports.front().key);
  EXPECT_EQ(list.alerts.front().report.keyed_for, 11U);
}

TEST(AlertmanagerList, OneThatIsEmptyIsAnAnswer) {
  EXPECT_THAT(listed("[]").alerts, IsEmpty());
}

TEST(AlertmanagerList, UnknownStatesAndTypesAreActiveAndCounted) {
  const Listed list = listed(R"([
    {"labels":{"alertname":"A"}},
    {"labels":{"alertname":"B"},"status":{"state":"asleep"}},
    {"labels":{"alertname":"C"},"status":"active","receivers":"x","annotations":7,"startsAt":"soon","endsAt":null},
    {"labels":{"alertname":"D"},"status":{"state":"unprocessed"},"receivers":[{"name":"a"},7,{"name":""},{"name":"b"}]}
  ])");
  ASSERT_EQ(list.alerts.size(), 4U);
  for (const char* const name : {"A", "B", "C"}) EXPECT_EQ(find(list, name).state, rules::ListedState::active) << name;
  EXPECT_EQ(find(list, "D").state, rules::ListedState::unprocessed);
  EXPECT_THAT(find(list, "D").receivers, ElementsAre("a", "b"));
  EXPECT_FALSE(find(list, "C").report.starts_at);
  EXPECT_EQ(list.oddities.unknown_status, 2U);
  EXPECT_EQ(list.oddities.unreadable_times, 1U);
  EXPECT_EQ(list.oddities.unreadable_fields, 1U);
}

TEST(AlertmanagerList, WhatCannotBeUsedIsCountedAndTheRestIsTaken) {
  const Listed list = listed(R"([7,["x"],{"labels":{}},{"labels":{"alertname":"A"}},{"status":{"state":"active"}}])");
  EXPECT_EQ(list.alerts.size(), 1U);
  EXPECT_EQ(list.rejected_count, 4U);
}

TEST(AlertmanagerList, WhatIsNoListIsRefusedInPlainWords) {
  for (const char* const body : {"", "{}", "null", "<html>", "[", "[{\"labels\":{\"a\":\"b\"}}", "[7]", "\"x\""}) {
    const tl::expected<Listed, Refused> list = read(body);
    ASSERT_FALSE(list) << body;
    EXPECT_FALSE(list.error().why.empty()) << body;
  }
  EXPECT_THAT(read("{}").error().why, HasSubstr("not an array"));
}

TEST(AlertmanagerList, BytesThatAreNotUtf8AreMendedAndNothingIsReadTwice) {
  const Listed list = listed("[{\"labels\":{\"alertname\":\"A\xff\"},\"receivers\":[{\"name\":\"r\"}]}]");
  ASSERT_EQ(list.alerts.size(), 1U);
  EXPECT_EQ(list.alerts.front().report.labels.find("alertname"), "A\xEF\xBF\xBD");
  EXPECT_EQ(list.oddities.repaired_utf8, 1U);
}

}  // namespace
}  // namespace intake
