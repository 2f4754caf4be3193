// PagerDuty's Events API, version 2.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/intake/answer.hpp"
#include "daemon/intake/intake.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

namespace json = boost::json;
using Action = PagerDutyEvent::Action;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view made_key = "made-for-the-sender";
constexpr std::string_view routing_key = "R0123456789abcdef0123456789abcde";

tl::expected<PagerDutyEvent, Refused> read(std::string_view body, std::uint64_t seed = 7) {
  Parser parser;
  bodies::Fenced memory{body.size()};
  Context context;
  context.source = "127.0.0.1";
  context.seed = seed;
  return parser.pagerduty(memory.hold(body), context, made_key);
}

// The documented example.
json::object trigger() {
  return json::object{
      {"routing_key", routing_key},
      {"event_action", "trigger"},
      {"dedup_key", "samplekeyhere"},
      {"client", "Sample Monitoring Service"},
      {"client_url", "https://monitoring.example.com"},
      {"links", json::array{json::object{{"href", "https://example.com/"}, {"text", "Link text"}}}},
      {"images", json::array{json::object{{"src", "https://chart.example.org/"}}}},
      {"payload",
       json::object{{"summary", "Example alert on host1.example.com"},
                    {"timestamp", "2015-07-17T08:42:58.315+0000"},
                    {"source", "monitoringtool:cloudvendor:central-region-dc-01:852559987:cluster/api-stats-prod-003"},
                    {"severity", "info"},
                    {"component", "postgres"},
                    {"group", "prod-datapipe"},
                    {"class", "deploy"},
                    {"custom_details", json::object{{"ping time", "1500ms"}, {"load avg", 0.75}, {"none", nullptr}}}}}};
}

json::object& payload(json::object& event) {
  return event.at("payload").as_object();
}

PagerDutyEvent taken(const json::object& event, std::uint64_t seed = 7) {
  const std::string body = json::serialize(event);
  auto result = read(body, seed);
  EXPECT_TRUE(result) << body << (result ? "" : result.error().errors.front());
  return result ? *std::move(result) : PagerDutyEvent{};
}

std::vector<std::string> errors(std::string_view body) {
  const auto result = read(body);
  EXPECT_FALSE(result) << body;
  if (result) return {};
  EXPECT_EQ(result.error().status, 400);
  return result.error().errors;
}
std::vector<std::string> errors(const json::object& event) {
  return errors(json::serialize(event));
}

TEST(PagerDuty, TriggerBecomesAFiringReportWithTheLabelsOfTheContract) {
  const PagerDutyEvent event = taken(trigger());
  EXPECT_EQ(event.action, Action::trigger);
  EXPECT_EQ(event.dedup_key, "samplekeyhere");
  EXPECT_EQ(event.client, "Sample Monitoring Service");
  ASSERT_EQ(event.parsed.event.reports.size(), 1U);
  EXPECT_EQ(event.parsed.event.source, "127.0.0.1");
  const rules::Report& report = event.parsed.event.reports.front();
  EXPECT_EQ(report.status, rules::ReportStatus::firing);
  EXPECT_EQ(report.native_key, event.native_key);
  EXPECT_EQ(report.labels.find("alertname"), "deploy");
  EXPECT_EQ(report.labels.find("service"), "postgres");
  EXPECT_EQ(report.labels.find("severity"), "info");
  EXPECT_THAT(std::string{report.labels.find("source")}, HasSubstr("monitoringtool:"));
  EXPECT_EQ(report.labels.find("group"), "prod-datapipe");
  EXPECT_EQ(report.labels.find("dedup_key"), "samplekeyhere");
  EXPECT_EQ(report.labels.find("integration").size(), 8U);
  EXPECT_EQ(report.annotations.find("summary"), "Example alert on host1.example.com");
  EXPECT_EQ(report.annotations.find("ping time"), "1500ms");
  EXPECT_EQ(report.annotations.find("load avg").substr(0, 2), "7.");
  EXPECT_EQ(report.annotations.find("timestamp"), "2015-07-17T08:42:58.315+0000");
  EXPECT_THAT(std::string{report.annotations.find("links")}, HasSubstr("https://example.com/"));
  EXPECT_EQ(report.generator_url, "https://monitoring.example.com");
  EXPECT_FALSE(report.starts_at) << "a sender's clock must not set a trigger aside";
  EXPECT_FALSE(report.ends_at);
}

TEST(PagerDuty, TheRoutingKeyIsInNothingThatIsKept) {
  const PagerDutyEvent event = taken(trigger());
  const rules::Report& report = event.parsed.event.reports.front();
  for (const rules::Labels& set : {report.labels, report.annotations}) {
    for (std::size_t index = 0; index < set.size(); ++index) {
      EXPECT_EQ(set[index].value.find(routing_key), std::string::npos) << set[index].name;
    }
  }
  EXPECT_EQ(event.native_key.find(routing_key), std::string::npos);
  EXPECT_EQ(event.native_key.size(), 32U);
}

TEST(PagerDuty, TheSummaryNamesTheAlertWithoutAClassAndIsNoPartOfItsKey) {
  json::object event = trigger();
  payload(event).erase("class");
  const PagerDutyEvent first = taken(event);
  EXPECT_EQ(first.parsed.event.reports.front().labels.find("alertname"), "Example alert on host1.example.com");
  payload(event)["summary"] = "2 alerts on host1.example.com";
  payload(event)["severity"] = "critical";
  EXPECT_EQ(taken(event).native_key, first.native_key);
}

TEST(PagerDuty, TheKeyIsOfBothKeysAndOfTheStore) {
  const std::string key = taken(trigger()).native_key;
  json::object other = trigger();
  other["dedup_key"] = "another";
  EXPECT_NE(taken(other).native_key, key);
  other = trigger();
  other["routing_key"] = "R0123456789abcdef0123456789abcdX";
  EXPECT_NE(taken(other).native_key, key);
  EXPECT_NE(taken(trigger(), 8).native_key, key);
  json::object moved = trigger();
  moved["routing_key"] = std::string{routing_key} + "s";
  moved["dedup_key"] = "amplekeyhere";
  EXPECT_NE(taken(moved).native_key, key) << "where one key ends and the other begins counts";
}

TEST(PagerDuty, ResolveAndAcknowledgeFindTheTriggerByTheirKeysAlone) {
  const std::string key = taken(trigger()).native_key;
  const json::object resolve{{"routing_key", routing_key}, {"event_action", "resolve"}, {"dedup_key", "samplekeyhere"}};
  const PagerDutyEvent resolved = taken(resolve);
  EXPECT_EQ(resolved.action, Action::resolve);
  EXPECT_EQ(resolved.native_key, key);
  ASSERT_EQ(resolved.parsed.event.reports.size(), 1U);
  EXPECT_EQ(resolved.parsed.event.reports.front().status, rules::ReportStatus::resolved);
  EXPECT_EQ(resolved.parsed.event.reports.front().native_key, key);
  json::object acknowledge = resolve;
  acknowledge["event_action"] = "acknowledge";
  const PagerDutyEvent acknowledged = taken(acknowledge);
  EXPECT_EQ(acknowledged.action, Action::acknowledge);
  EXPECT_EQ(acknowledged.native_key, key);
  EXPECT_TRUE(acknowledged.parsed.event.reports.empty());
}

TEST(PagerDuty, ATriggerWithoutADedupKeyGetsTheOneThatWasMade) {
  json::object event = trigger();
  event.erase("dedup_key");
  EXPECT_EQ(taken(event).dedup_key, made_key);
  event["dedup_key"] = nullptr;
  EXPECT_EQ(taken(event).dedup_key, made_key);
  event["dedup_key"] = "  ";
  EXPECT_EQ(taken(event).dedup_key, made_key);
  event["dedup_key"] = 42;
  EXPECT_EQ(taken(event).dedup_key, "42");
}

TEST(PagerDuty, AllThatIsWrongIsSaidAtOnce) {
  EXPECT_THAT(errors("{}"), ElementsAre("'routing_key' is missing or blank", "'event_action' is missing or blank"));
  EXPECT_THAT(errors(R"({"routing_key":"r","event_action":"trigger"})"), ElementsAre("'payload' is missing or blank"));
  EXPECT_THAT(errors(R"({"routing_key":"r","event_action":"trigger","payload":[]})"),
              ElementsAre("'payload' must be an object"));
  EXPECT_THAT(errors(R"({"routing_key":"r","event_action":"trigger","payload":{"severity":"CRITICAL"}})"),
              ElementsAre("'payload.summary' is missing or blank",
                          "'payload.source' is missing or blank",
                          "'payload.severity' is none of critical, error, warning and info"));
  EXPECT_THAT(errors(R"({"routing_key":["r"],"event_action":"close","dedup_key":{}})"),
              ElementsAre("'routing_key' must be a string",
                          "'event_action' is none of trigger, acknowledge and resolve",
                          "'dedup_key' must be a string"));
  EXPECT_THAT(errors(R"({"routing_key":"r","event_action":"resolve"})"),
              ElementsAre("'dedup_key' is missing or blank"));
  EXPECT_THAT(errors(R"({"routing_key":"r","event_action":"acknowledge","dedup_key":""})"),
              ElementsAre("'dedup_key' is missing or blank"));
}

TEST(PagerDuty, LengthsAreCountedInCharactersAsTheApiDoes) {
  std::string accents;
  for (int index = 0; index < 1024; ++index) accents += "\xC3\xA9";
  json::object event = trigger();
  payload(event)["summary"] = accents;
  EXPECT_EQ(taken(event).parsed.event.reports.front().annotations.find("summary"), accents);
  payload(event)["summary"] = accents + "x";
  EXPECT_THAT(errors(event), ElementsAre("'payload.summary' is longer than 1024 characters"));
  event = trigger();
  event["dedup_key"] = accents.substr(0, 510);
  EXPECT_EQ(taken(event).dedup_key, accents.substr(0, 510));
  event["dedup_key"] = accents.substr(0, 512);
  EXPECT_THAT(errors(event), ElementsAre("'dedup_key' is longer than 255 characters"));
}

TEST(PagerDuty, WhatIsNoEventIsRefusedInItsOwnWords) {
  using std::string_literals::operator""s;
  for (const std::string& body :
       {""s,
        "\0"s,
        "[]"s,
        "7"s,
        "null"s,
        "\"event\""s,
        "{"s,
        R"({"routing_key":"r"} {})"s,
        R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}",
        R"({"payload":{"custom_details":)" + std::string(40, '[') + std::string(40, ']') + "}}"}) {
    const auto refused = read(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().status, 400) << body;
    const json::object answer = json::parse(pagerduty_refusal(refused.error())).as_object();
    EXPECT_EQ(answer.at("status"), "invalid event");
    EXPECT_FALSE(answer.at("message").as_string().empty());
    EXPECT_FALSE(answer.at("errors").as_array().empty());
  }
}

TEST(PagerDuty, EachFieldMayHoldAnyTypeAndIsTakenOrRefused) {
  const std::vector<std::string> values{"null",
                                        "true",
                                        "0",
                                        "-1.5e3",
                                        "\"\"",
                                        "\"x\"",
                                        "[]",
                                        "{}",
                                        R"([[1],{"a":null}])",
                                        R"({"":1,"a":{"b":2}})",
                                        "\"\\ud800\"",
                                        "\"\xFF\"",
                                        "\"\\u0000\"",
                                        "\"" + std::string(100'000, 'x') + "\""};
  const std::vector<std::string> fields{
      "routing_key", "event_action", "dedup_key", "client", "client_url", "links", "images", "payload"};
  const std::vector<std::string> inner{
      "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"};
  const std::string whole = json::serialize(trigger());
  const std::string within = json::serialize(trigger().at("payload"));
  std::size_t accepted = 0;
  const auto look = [&accepted](const std::string& body) {
    const auto result = read(body);
    if (!result) {
      EXPECT_EQ(result.error().status, 400) << body.substr(0, 200);
      EXPECT_FALSE(result.error().errors.empty());
      return;
    }
    ++accepted;
    EXPECT_FALSE(result->dedup_key.empty());
    EXPECT_EQ(result->parsed.event.reports.size(), 1U);
  };
  for (const std::string& value : values) {
    // A name that comes twice: the last counts.
    for (const std::string& field : fields)
      look(whole.substr(0, whole.size() - 1) + ",\"" + field + "\":" + value + "}");
    for (const std::string& field : inner) {
      look(whole.substr(0, whole.size() - 1) + ",\"payload\":" + within.substr(0, within.size() - 1) + ",\"" + field +
           "\":" + value + "}}");
    }
  }
  EXPECT_GT(accepted, 100U);
}

TEST(PagerDuty, TheOrderOfFieldsIsOfNoMatter) {
  const PagerDutyEvent first = taken(trigger());
  std::mt19937_64 random{1};
  const auto shuffled = [&random](const json::object& object) {
    std::vector<std::string> names;
    for (const json::key_value_pair& pair : object) names.emplace_back(pair.key());
    std::shuffle(names.begin(), names.end(), random);
    json::object other;
    for (const std::string& name : names) other[name] = object.at(name);
    return other;
  };
  for (int round = 0; round < 50; ++round) {
    json::object event = trigger();
    event["payload"] = shuffled(payload(event));
    const PagerDutyEvent again = taken(shuffled(event));
    ASSERT_EQ(again.parsed.event.reports, first.parsed.event.reports);
    ASSERT_EQ(again.native_key, first.native_key);
  }
}

TEST(PagerDuty, IsAnsweredInItsOwnWords) {
  const json::object answer = json::parse(pagerduty_answer("a\"b")).as_object();
  EXPECT_EQ(answer, (json::object{{"status", "success"}, {"message", "Event processed"}, {"dedup_key", "a\"b"}}));
}

}  // namespace
}  // namespace intake
