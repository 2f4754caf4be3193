// Foreign JSON, read by the map of its source.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "daemon/intake/map.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

using rules::ReportStatus;
using testing::HasSubstr;

rules::FieldMap shop() {
  rules::FieldMap fields;
  fields.each = "/items";
  fields.labels = {{"alertname", "/rule"}, {"service", "/app/name"}, {"severity", "/app/level"}};
  fields.annotations = {{"summary", "/text"}};
  fields.constants = {{"team", "shop"}, {"severity", "warning"}};
  fields.status = "/state";
  fields.firing = {"bad", "1", "true"};
  fields.resolved = {"ok", "0"};
  fields.starts_at = "/since";
  fields.ends_at = "/until";
  return fields;
}

tl::expected<Parsed, Refused> read(const rules::FieldMap& fields, std::string_view body, const Context& context = {}) {
  Parser parser;
  const Map map{fields};
  bodies::Fenced memory{body.size()};
  return parser.mapped(memory.hold(body), context, map);
}

Parsed taken(const rules::FieldMap& fields, std::string_view body, const Context& context = {}) {
  auto parsed = read(fields, body, context);
  EXPECT_TRUE(parsed) << body << ": " << (parsed ? "" : parsed.error().why);
  return parsed ? *std::move(parsed) : Parsed{};
}

// The one alert of a body.
rules::Report one(const rules::FieldMap& fields, std::string_view body) {
  Parsed parsed = taken(fields, body);
  EXPECT_EQ(parsed.event.reports.size(), 1U) << body;
  return parsed.event.reports.empty() ? rules::Report{} : std::move(parsed.event.reports.front());
}

std::string why_not(const rules::FieldMap& fields, std::string_view body) {
  const auto parsed = read(fields, body);
  EXPECT_FALSE(parsed) << body;
  return parsed ? "" : parsed.error().why;
}

TEST(Mapped, ReadsEachItemAsTheMapSays) {
  const Parsed parsed = taken(shop(), R"({"site": "eu", "items": [
      {"state": "bad", "rule": "Slow", "app": {"name": "checkout", "level": "critical"}, "text": "5 s",
       "since": "2026-03-04T09:00:00Z"},
      {"state": "ok", "rule": "Slow", "app": {"name": "search"}, "until": "2026-03-04T10:00:00+01:00"}]})");
  ASSERT_EQ(parsed.event.reports.size(), 2U);
  EXPECT_EQ(parsed.total, 2U);
  const rules::Report& slow = parsed.event.reports[0];
  EXPECT_EQ(slow.status, ReportStatus::firing);
  EXPECT_EQ(
      slow.labels,
      (rules::Labels{{{"alertname", "Slow"}, {"service", "checkout"}, {"severity", "critical"}, {"team", "shop"}}}));
  EXPECT_EQ(slow.annotations, (rules::Labels{{{"summary", "5 s"}}}));
  EXPECT_EQ(slow.starts_at, rules::parse_rfc3339("2026-03-04T09:00:00Z"));
  EXPECT_FALSE(slow.ends_at);
  EXPECT_EQ(slow.key, rules::key_of(slow.labels, {}, 0));
  const rules::Report& search = parsed.event.reports[1];
  EXPECT_EQ(search.status, ReportStatus::resolved);
  EXPECT_EQ(search.labels.find("severity"), "warning") << "a constant stands for what the item does not say";
  EXPECT_EQ(search.ends_at, rules::parse_rfc3339("2026-03-04T09:00:00Z"));
}

TEST(Mapped, WithoutAWayToAListTheBodyIsOneAlertOrAListOfThem) {
  rules::FieldMap fields = shop();
  fields.each = "";
  EXPECT_EQ(one(fields, R"({"rule":"A","state":"bad"})").labels.find("alertname"), "A");
  EXPECT_EQ(taken(fields, R"([{"rule":"A","state":"bad"},{"rule":"B","state":"ok"}])").event.reports.size(), 2U);
  EXPECT_EQ(taken(fields, "[]").event.reports.size(), 0U);
  fields.each = "/data/0/event";
  EXPECT_EQ(one(fields, R"({"data":[{"event":{"rule":"A","state":"bad"}},{"event":7}]})").labels.find("alertname"),
            "A");
}

TEST(Mapped, PointersReachNamesWithSlashesTildesBlanksAndPlacesInLists) {
  rules::FieldMap fields;
  fields.labels = {{"a", "/x~1y"},
                   {"b", "/x~0y"},
                   {"c", "/"},
                   {"d", "/list/1/deep"},
                   {"e", "/list/01"},
                   {"f", "/list"},
                   {"g", "/a b/0"}};
  const rules::Report report =
      one(fields, R"({"x/y":"slash","x~y":"tilde","":"nothing","list":[0,{"deep":true}],"a b":{"0":1.50}})");
  EXPECT_EQ(report.labels,
            (rules::Labels{{{"a", "slash"},
                            {"b", "tilde"},
                            {"c", "nothing"},
                            {"d", "true"},
                            {"f", R"([0,{"deep":true}])"},
                            {"g", "1.50"}}}));
}

TEST(Mapped, ValuesThatAreNoTextBecomeTextAndNullIsAbsent) {
  rules::FieldMap fields;
  fields.labels = {{"alertname", "/a"}, {"service", "/b"}};
  EXPECT_EQ(one(fields, R"({"a":12,"b":null})").labels, (rules::Labels{{{"alertname", "12"}}}));
  EXPECT_EQ(one(fields, R"({"a":false,"b":""})").labels, (rules::Labels{{{"alertname", "false"}}}));
  EXPECT_EQ(one(fields, R"({"a":{"k": [1, 2]},"b":"\u00e9\n"})").labels,
            (rules::Labels{{{"alertname", R"({"k":[1,2]})"}, {"service", "\xC3\xA9\n"}}}));
}

TEST(Mapped, OfANameThatComesTwiceTheLastCountsWithAllBelowIt) {
  rules::FieldMap fields = shop();
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","rule":"B","state":"bad"}]})").labels.find("alertname"), "B");
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","app":{"name":"x"},"app":{},"state":"bad"}]})").labels.find("service"),
            "");
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","state":"bad"},{"rule":"B","state":"bad"}],
                            "items":[{"rule":"C","state":"bad"}]})")
                .labels.find("alertname"),
            "C");
  EXPECT_THAT(why_not(fields, R"({"items":[{"rule":"A","state":"bad"}],"items":null})"), HasSubstr("there is nothing"));
}

TEST(Mapped, AnAlertThatCannotBeReadIsRejectedAndTheOthersAreTaken) {
  const Parsed parsed =
      taken(shop(), R"({"items":[{"rule":"A","state":"bad"},{"state":"bad"},{"rule":"B","state":"odd"},
                                       {"rule":"C"},7,[],{"rule":"D","state":1}]})");
  ASSERT_EQ(parsed.event.reports.size(), 2U);
  EXPECT_EQ(parsed.event.reports[1].labels.find("alertname"), "D");
  EXPECT_EQ(parsed.total, 7U);
  ASSERT_EQ(parsed.rejected.size(), 5U);
  EXPECT_EQ(parsed.rejected_count, 5U);
  EXPECT_EQ(parsed.rejected[0].index, 1U);
  EXPECT_THAT(parsed.rejected[0].why, HasSubstr("none of the labels"));
  EXPECT_EQ(parsed.rejected[0].excerpt, R"({"state":"bad"})");
  EXPECT_EQ(parsed.rejected[1].why, "its status is none of those that this source's map names");
  EXPECT_EQ(parsed.rejected[2].why, "there is no status where this source's map says that it is");
  EXPECT_EQ(parsed.rejected[3].excerpt, "7");
  EXPECT_EQ(parsed.rejected[4].excerpt, "[]");
  EXPECT_THAT(why_not(shop(), R"({"items":[{"rule":"B","state":"odd"}]})"), HasSubstr("no alert of 1 can be used"));
}

TEST(Mapped, OnlyResolvedStatesListedMeansThatAllElseFires) {
  rules::FieldMap fields = shop();
  fields.firing.clear();
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","state":"whatever"}]})").status, ReportStatus::firing);
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A"}]})").status, ReportStatus::firing);
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","state":0}]})").status, ReportStatus::resolved);
  fields.status = "";
  EXPECT_EQ(one(fields, R"({"items":[{"rule":"A","state":0}]})").status, ReportStatus::firing) << "no status is mapped";
}

TEST(Mapped, TimesAreTextOrSecondsOrMilliseconds) {
  const auto since = [](std::string_view value) {
    return one(shop(), R"({"items":[{"rule":"A","state":"bad","since":)" + std::string{value} + "}]}").starts_at;
  };
  const auto expected = rules::parse_rfc3339("2026-03-04T09:00:00.250Z");
  EXPECT_EQ(since(R"("2026-03-04T10:00:00.25+01:00")"), expected);
  EXPECT_EQ(since("1772614800.25"), expected);
  EXPECT_EQ(since("1772614800250"), expected);
  EXPECT_EQ(since(R"("1772614800250")"), expected);
  for (const char* const absent :
       {"null", "0", R"("0001-01-01T00:00:00Z")", R"("")", "-5", "1e300", R"("yesterday")", "{}", "[1]", "true"}) {
    EXPECT_FALSE(since(absent)) << absent;
  }
  EXPECT_EQ(taken(shop(), R"({"items":[{"rule":"A","state":"bad","since":"yesterday","until":[3]}]})")
                .oddities.unreadable_times,
            2U);
  EXPECT_EQ(taken(shop(), R"({"items":[{"rule":"A","state":"bad","since":0,"until":"0001-01-01T00:00:00Z"}]})")
                .oddities.unreadable_times,
            0U);
}

TEST(Mapped, WhatIsNotThereIsRefusedInPlainWords) {
  using std::string_literals::operator""s;
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", "it is empty"},
      {"\0"s, "not JSON"},
      {"7", "neither an object nor an array"},
      {"\"items\"", "neither an object nor an array"},
      {"null", "neither an object nor an array"},
      {"{}", "there is nothing at the place"},
      {R"({"items":null})", "there is nothing at the place"},
      {R"([{"rule":"A","state":"bad"}])", "there is nothing at the place"},
      {R"({"items":5})", "neither a list nor an object"},
      {R"({"items":"a"})", "neither a list nor an object"},
      {R"({"items":[{"rule":"A","state":"bad"}])", "not JSON"},
      {R"({"items":[{"rule":"A","state":"bad"}]} x)", "not JSON"},
      {R"({"items":[{"rule":"A","state":bad}]})", "not JSON"},
      {R"({"items":[{"rule":"A","state":"bad","other":01}]})", "not JSON"},
      {R"({"other":)" + std::string(40, '[') + std::string(40, ']') + R"(,"items":[]})", "deeper than 32"},
      {R"({"items":[{"rule":)" + std::string(40, '[') + std::string(40, ']') + "}]}", "deeper than 32"},
      {R"({"items":[{"app":)" + std::string(40, '[') + std::string(40, ']') + "}]}", "deeper than 32"},
  };
  for (const auto& [body, why] : rows) EXPECT_THAT(why_not(shop(), body), HasSubstr(why)) << body;
  EXPECT_EQ(taken(shop(), R"({"items":[]})").total, 0U);
}

TEST(Mapped, EachWantedPlaceMayHoldAnyTypeAndNothingBreaks) {
  const std::vector<std::string> values{"null",
                                        "true",
                                        "0",
                                        "-1.5e3",
                                        "\"\"",
                                        "\"x\"",
                                        "[]",
                                        "{}",
                                        "[[1]]",
                                        R"({"name":{"level":[]}})",
                                        "\"\\ud800\"",
                                        "\"\xFF\"",
                                        "\"" + std::string(100'000, 'x') + "\""};
  for (const char* const field : {"rule", "app", "text", "state", "since", "until"}) {
    for (const std::string& value : values) {
      const std::string body = R"({"items":[{"rule":"A","state":"bad",")" + std::string{field} + "\":" + value +
                               R"(},{"rule":"B","state":"ok"}]})";
      const Parsed parsed = taken(shop(), body);
      ASSERT_GE(parsed.event.reports.size(), 1U) << body;
      EXPECT_EQ(parsed.event.reports.size() + parsed.rejected_count, 2U) << body;
      EXPECT_EQ(parsed.event.reports.back().labels.find("alertname"), "B") << body;
    }
  }
}

TEST(Mapped, KeepsTheLimitsOfOtherFormats) {
  Context context;
  context.limits.label_bytes = 64;
  context.limits.annotation_bytes = 16;
  const Parsed parsed = taken(shop(),
                              R"({"items":[{"rule":")" + std::string(500, 'r') + R"(","state":"bad","text":")" +
                                  std::string(500, 't') + R"("}]})",
                              context);
  ASSERT_EQ(parsed.event.reports.size(), 1U);
  EXPECT_LE(parsed.event.reports[0].labels.find("alertname").size(), 64U);
  EXPECT_LE(parsed.event.reports[0].annotations.find("summary").size(), 16U);
  EXPECT_EQ(parsed.oddities.truncated_values, 2U);
}

TEST(Mapped, InAnyOrderTheSameItemsGiveTheSameReports) {
  const char* const chosen = std::getenv("ROUSE_SEED");
  const std::uint64_t seed = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
  std::mt19937_64 random{seed};
  std::vector<std::string> items;
  for (int index = 0; index < 40; ++index) {
    const std::vector<std::string> parts{
        "\"rule\":\"R" + std::to_string(index) + "\"",
        index % 3 == 0 ? R"("state":"ok")" : R"("state":1)",
        index % 4 == 0 ? R"("app":{"level":"critical","name":[1, "\n"]})" : R"("app":"x")",
        index % 5 == 0 ? R"("text":"\ud83d\ude00")" : R"("text":{"a": 1})"};
    std::string item;
    for (const std::string& part : parts) item += (item.empty() ? "{" : ",") + part;
    items.push_back(item + "}");
  }
  items.push_back(R"({"state":"bad"})");
  const auto reports = [&] {
    std::shuffle(items.begin(), items.end(), random);
    std::string body;
    for (const std::string& item : items) body += (body.empty() ? "{\"items\":[" : ",") + item;
    Parsed parsed = taken(shop(), body + "]}");
    EXPECT_EQ(parsed.rejected_count, 1U);
    std::sort(parsed.event.reports.begin(), parsed.event.reports.end(), [](const auto& left, const auto& right) {
      return left.key < right.key;
    });
    return parsed.event.reports;
  };
  const std::vector<rules::Report> first = reports();
  ASSERT_EQ(first.size(), 40U);
  for (int round = 0; round < 20; ++round) ASSERT_EQ(reports(), first) << "seed " << seed;
}

}  // namespace
}  // namespace intake
