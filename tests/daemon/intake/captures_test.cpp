#include <string>
#include <vector>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

using bodies::captured;
using rules::ReportForm;
using rules::ReportStatus;

Context context() {
  Context context;
  context.source = "am-a";
  context.ignore_labels = {"severity"};
  context.seed = 7;
  context.identity = 42;
  return context;
}

Parsed webhook(const std::string& name) {
  Parser parser;
  auto parsed = parser.alertmanager(std::string_view{captured("alertmanager-0.25/" + name)}, context());
  EXPECT_TRUE(parsed) << name << ": " << (parsed ? "" : parsed.error().why);
  return parsed ? std::move(*parsed) : Parsed{};
}

Parsed posted(const std::string& name) {
  Parser parser;
  auto parsed = parser.api_v2(std::string_view{captured("prometheus-2.42/" + name)}, context());
  EXPECT_TRUE(parsed) << name << ": " << (parsed ? "" : parsed.error().why);
  return parsed ? std::move(*parsed) : Parsed{};
}

struct Webhook {
  std::string name;
  std::string statuses;  // one letter an alert
  std::uint64_t truncated{};
  std::uint64_t long_annotations{};  // which are cut
};
const std::vector<Webhook> webhooks{
    {"01-firing-single.json", "f"},
    {"02-repeat-of-01-byte-identical.json", "f"},
    {"03-resolved-single.json", "r"},
    {"04-firing-group-of-3.json", "fff"},
    {"05-group-one-resolved-two-firing.json", "rff"},
    {"06-group-new-member-resolved-one-gone.json", "fff"},
    {"07-group-all-resolved.json", "rrr"},
    {"08-truncated-2-of-5-firing.json", "ff", 3},
    {"09-truncated-says-resolved-while-3-fire.json", "rr", 3},
    {"10-truncated-hides-a-resolve.json", "ff", 1},
    {"11-unicode-control-chars-20k-label.json", "f", 0, 1},
    {"13-group-by-all-labels.json", "f"},
    {"15-startsat-with-offset-and-nanoseconds.json", "f"},
    {"18-ha-peer-1-of-duplicate.json", "f"},
    {"18-ha-peer-2-of-duplicate.json", "f"},
    {"20-severity-change-makes-two-alerts.json", "ff"},
    {"21-uninhibited-target-firing.json", "f"},
    {"23-resent-after-kill-9-of-alertmanager.json", "f"},
    {"24-ten-thousand-firing.json.gz", std::string(10'000, 'f')},
};

std::string text_in(const boost::json::object& object, std::string_view key) {
  return std::string{object.at(key).as_string()};
}

TEST(Captures, FromAlertmanagerAreUnderstoodWhole) {
  for (const Webhook& expected : webhooks) {
    const Parsed parsed = webhook(expected.name);
    std::string statuses;
    for (const rules::Report& report : parsed.event.reports) {
      statuses += report.status == ReportStatus::firing ? 'f' : 'r';
      EXPECT_EQ(report.ends_at.has_value(), report.status == ReportStatus::resolved) << expected.name;
      EXPECT_TRUE(report.starts_at) << expected.name;
    }
    EXPECT_EQ(statuses, expected.statuses) << expected.name;
    EXPECT_EQ(parsed.event.truncated, expected.truncated) << expected.name;
    EXPECT_EQ(parsed.event.source, "am-a");
    EXPECT_EQ(parsed.event.form, ReportForm::webhook);
    EXPECT_EQ(parsed.total, expected.statuses.size());
    EXPECT_EQ(parsed.rejected_count, 0U);
    Oddities oddities;
    oddities.truncated_values = expected.long_annotations;
    EXPECT_EQ(parsed.oddities, oddities) << expected.name;
  }
}

// The reference is another parser that reads the same bytes, so that each label, annotation, URL and time is compared.
TEST(Captures, SayWhatBoostReadsInThem) {
  for (const Webhook& expected : webhooks) {
    const Parsed parsed = webhook(expected.name);
    const boost::json::value body = boost::json::parse(captured("alertmanager-0.25/" + expected.name));
    const boost::json::array& alerts = body.at("alerts").as_array();
    ASSERT_EQ(alerts.size(), parsed.event.reports.size());
    for (std::size_t index = 0; index < alerts.size(); ++index) {
      const boost::json::object& alert = alerts[index].as_object();
      const rules::Report& report = parsed.event.reports[index];
      const auto expect_same = [&](const rules::Labels& set, const char* field) {
        const boost::json::object& members = alert.at(field).as_object();
        ASSERT_EQ(set.size(), members.size()) << expected.name;
        for (const auto& member : members) {
          const std::string_view read = set.find(member.key());
          const std::string_view written{member.value().as_string()};
          const bool is_cut = expected.long_annotations > 0 && read.ends_with("…");
          ASSERT_EQ(read, is_cut ? std::string{written.substr(0, read.size() - 3)} + "…" : written) << expected.name;
        }
      };
      expect_same(report.labels, "labels");
      expect_same(report.annotations, "annotations");
      ASSERT_EQ(report.generator_url, text_in(alert, "generatorURL"));
      ASSERT_EQ(report.starts_at, rules::parse_rfc3339(text_in(alert, "startsAt")));
    }
  }
}

TEST(Captures, HaveTheFingerprintsThatAlertmanagerComputed) {
  std::size_t compared = 0;
  for (const Webhook& expected : webhooks) {
    const Parsed parsed = webhook(expected.name);
    const boost::json::value body = boost::json::parse(captured("alertmanager-0.25/" + expected.name));
    const boost::json::array& alerts = body.at("alerts").as_array();
    for (std::size_t index = 0; index < alerts.size(); ++index, ++compared) {
      ASSERT_EQ(rules::hex(rules::fingerprint_of(parsed.event.reports.at(index).labels)),
                text_in(alerts[index].as_object(), "fingerprint"))
          << expected.name << ", alert " << index;
    }
  }
  EXPECT_EQ(compared, 10'030U);
}

TEST(Captures, CarryTheKeyOfTheIdentityThatWasHandedIn) {
  const Parsed parsed = webhook("20-severity-change-makes-two-alerts.json");
  ASSERT_EQ(parsed.event.reports.size(), 2U);
  const rules::Report& warning = parsed.event.reports[0];
  const rules::Report& critical = parsed.event.reports[1];
  EXPECT_EQ(warning.key, critical.key);  // severity is ignored
  EXPECT_NE(warning.key, rules::AlertKey{});
  EXPECT_EQ(warning.key, rules::key_of(warning.labels, {"severity"}, 7));
  EXPECT_EQ(warning.keyed_for, 42U);
  EXPECT_FALSE(rules::fingerprint_of(warning.labels) == rules::fingerprint_of(critical.labels));
}

TEST(Captures, KeepControlCharactersAndTheLongLabelWhole) {
  const Parsed parsed = webhook("11-unicode-control-chars-20k-label.json");
  ASSERT_EQ(parsed.event.reports.size(), 1U);
  const rules::Labels& labels = parsed.event.reports[0].labels;
  std::size_t longest = 0;
  bool has_nul = false;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    longest = std::max(longest, labels[index].value.size());
    has_nul = has_nul || labels[index].value.find('\0') != std::string_view::npos;
  }
  EXPECT_EQ(longest, 20'000U);
  EXPECT_TRUE(has_nul);
}

TEST(Captures, KeepTimesToTheMillisecondInUtc) {
  const Parsed parsed = webhook("15-startsat-with-offset-and-nanoseconds.json");
  ASSERT_EQ(parsed.event.reports.size(), 1U);
  ASSERT_TRUE(parsed.event.reports[0].starts_at);
  EXPECT_EQ(rules::print_rfc3339(*parsed.event.reports[0].starts_at), "2026-11-22T05:00:00.123Z");
  EXPECT_FALSE(parsed.event.reports[0].ends_at);
}

TEST(Captures, FromPrometheusStayFiringAndKeepTheirTimes) {
  struct Row {
    std::string name;
    std::string alertname;
    std::size_t annotations;
    std::string starts_at;
    std::string ends_at;
  };
  const Row rows[] = {
      {"01-first-post-no-annotations.json", "Pending", 0, "2026-11-22T05:01:55.426Z", "2026-11-22T05:05:55.426Z"},
      {"02-resolved-before-any-firing-was-seen.json",
       "OnOff",
       2,
       "2026-11-22T05:01:35.426Z",
       "2026-11-22T05:02:00.426Z"},
      {"05-resolved-again.json", "OnOff", 2, "2026-11-22T05:02:40.426Z", "2026-11-22T05:03:20.426Z"},
      {"07-next-firing-episode.json", "OnOff", 2, "2026-11-22T05:04:00.426Z", "2026-11-22T05:08:00.426Z"},
  };
  for (const Row& row : rows) {
    const Parsed parsed = posted(row.name);
    ASSERT_EQ(parsed.event.reports.size(), 1U) << row.name;
    const rules::Report& report = parsed.event.reports[0];
    EXPECT_EQ(parsed.event.form, ReportForm::api_v2);
    EXPECT_EQ(report.status, ReportStatus::firing);
    EXPECT_EQ(report.labels.find("alertname"), row.alertname);
    EXPECT_EQ(report.annotations.size(), row.annotations);
    ASSERT_TRUE(report.starts_at && report.ends_at) << row.name;
    EXPECT_EQ(rules::print_rfc3339(*report.starts_at), row.starts_at);
    EXPECT_EQ(rules::print_rfc3339(*report.ends_at), row.ends_at);
    EXPECT_TRUE(report.generator_url.starts_with("http://prom-1.example.org:9090/graph?"));
    EXPECT_EQ(parsed.oddities, Oddities{});
  }
}

TEST(Captures, ReadTheSameFromAPaddedBodyWhereItLies) {
  const std::string body = captured("alertmanager-0.25/04-firing-group-of-3.json");
  bodies::Fenced memory{body.size()};
  Parser parser;
  const auto in_place = parser.alertmanager(memory.hold(body), context());
  const auto copied = parser.alertmanager(std::string_view{body}, context());
  ASSERT_TRUE(in_place && copied);
  EXPECT_EQ(in_place->event.reports, copied->event.reports);
}

TEST(Captures, LeaveNothingBehindInAParserThatIsUsedAgain) {
  Parser parser;
  const std::string large = captured("alertmanager-0.25/24-ten-thousand-firing.json.gz");
  const std::string small = captured("alertmanager-0.25/01-firing-single.json");
  const auto first = parser.alertmanager(std::string_view{small}, context());
  ASSERT_TRUE(parser.alertmanager(std::string_view{large}, context()));
  ASSERT_FALSE(parser.alertmanager(std::string_view{"{\"alerts\":[{\"labels\":{\"a\":\"b\"}},"}, context()));
  const auto again = parser.alertmanager(std::string_view{small}, context());
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->event.reports, again->event.reports);
}

}  // namespace
}  // namespace intake
