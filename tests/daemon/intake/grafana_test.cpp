// Grafana's webhook contact point: Alertmanager's with version "1" and more in it.
#include <string>

#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

// As Grafana 10 writes it: the documented example, with an alert of a rule that could not be evaluated.
constexpr std::string_view body = R"json({
  "receiver": "My Super Webhook", "status": "firing", "orgId": 1,
  "alerts": [
    { "status": "firing",
      "labels": { "alertname": "High memory usage", "team": "blue", "zone": "us-1" },
      "annotations": { "description": "The system has high memory usage", "runbook_url": "https://run" },
      "startsAt": "2021-10-12T09:51:03.157076+02:00", "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit", "fingerprint": "c6eadffa33fcdf37",
      "silenceURL": "https://play.grafana.org/alerting/silence/new", "dashboardURL": "", "panelURL": "",
      "values": { "B": 44.23943737541908, "C": 1 },
      "valueString": "[ metric='' labels={} value=14151.331895396988 ]", "imageURL": "", "enrichments": [ {"a": 1} ] },
    { "status": "resolved",
      "labels": { "alertname": "DatasourceNoData", "rulename": "High CPU usage", "datasource_uid": "x" },
      "annotations": null,
      "startsAt": "2021-10-12T09:56:03.157076+02:00", "endsAt": "2021-10-12T10:01:03.157076+02:00",
      "fingerprint": "d1d4bd7f8c1ed8b8", "values": null, "valueString": "" } ],
  "groupLabels": {}, "commonLabels": { "team": "blue" }, "commonAnnotations": {},
  "externalURL": "https://play.grafana.org/", "version": "1", "groupKey": "{}:{}", "truncatedAlerts": 0,
  "title": "[FIRING:2]  (blue)", "state": "alerting", "message": "**Firing**", "appVersion": "10.4.0" })json";

Parsed parsed(std::string_view text) {
  Parser parser;
  bodies::Fenced memory{text.size()};
  auto result = parser.grafana(memory.hold(text), {});
  EXPECT_TRUE(result) << (result ? "" : result.error().why);
  return result ? *std::move(result) : Parsed{};
}

TEST(Grafana, IsUnderstoodWithItsValuesAndLinks) {
  const Parsed taken = parsed(body);
  ASSERT_EQ(taken.event.reports.size(), 2U);
  EXPECT_EQ(taken.oddities, Oddities{});
  EXPECT_EQ(taken.event.form, rules::ReportForm::webhook);
  EXPECT_EQ(taken.event.receiver, "My Super Webhook");
  EXPECT_EQ(taken.external_url, "https://play.grafana.org/");
  const rules::Report& firing = taken.event.reports.front();
  EXPECT_EQ(firing.status, rules::ReportStatus::firing);
  EXPECT_EQ(firing.labels.find("alertname"), "High memory usage");
  EXPECT_EQ(firing.annotations.find("runbook_url"), "https://run");
  EXPECT_EQ(firing.starts_at, rules::parse_rfc3339("2021-10-12T07:51:03.157Z"));
  EXPECT_FALSE(firing.ends_at);
  EXPECT_EQ(firing.generator_url, "https://play.grafana.org/alerting/1afz29v7z/edit");
  const rules::Report& resolved = taken.event.reports.back();
  EXPECT_EQ(resolved.status, rules::ReportStatus::resolved);
  EXPECT_EQ(resolved.labels.find("rulename"), "High CPU usage");
  EXPECT_EQ(resolved.ends_at, rules::parse_rfc3339("2021-10-12T08:01:03.157Z"));
}

TEST(Grafana, HasTheKeysThatAlertmanagerWouldGiveTheSameLabels) {
  const Parsed taken = parsed(body);
  Parser parser;
  const auto other = parser.alertmanager(body, {});
  ASSERT_TRUE(other);
  EXPECT_EQ(taken.event.reports, other->event.reports);
  EXPECT_EQ(other->oddities.unknown_version, 1U) << "version 1 is not Alertmanager's";
}

TEST(Grafana, WithATemplateOfItsUsersIsTakenAsLongAsItHasAlerts) {
  EXPECT_EQ(parsed(R"({"alerts":[{"labels":{"alertname":"A"}}]})").event.reports.size(), 1U);
  Parser parser;
  const auto refused = parser.grafana(std::string_view{R"({"text":"the disk is full"})"}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, "`alerts` is missing");
}

TEST(Webhook, SaysWhoItWasForAndWhereItsSenderIs) {
  Parser parser;
  const auto one = [&parser](std::string_view members) {
    const std::string text = R"({"version":"4","alerts":[{"labels":{"a":"b"}}])" + std::string{members} + "}";
    return parser.alertmanager(std::string_view{text}, {});
  };
  EXPECT_EQ(one(R"(,"receiver":"ops","externalURL":"http:\/\/am:9093")")->event.receiver, "ops");
  EXPECT_EQ(one(R"(,"receiver":"ops","externalURL":"http:\/\/am:9093")")->external_url, "http://am:9093");
  EXPECT_EQ(one("")->event.receiver, "");
  EXPECT_EQ(one(R"(,"receiver":null)")->oddities.unreadable_fields, 0U);
  EXPECT_EQ(one(R"(,"receiver":{"a":[1]},"externalURL":7)")->oddities.unreadable_fields, 2U);
  EXPECT_EQ(one(R"(,"receiver":{"a":[1]},"externalURL":7)")->external_url, "");
  const std::string longer(5000, 'r');
  EXPECT_EQ(one(",\"receiver\":\"" + longer + "\"")->event.receiver.size(), 1024U);
}

}  // namespace
}  // namespace intake
