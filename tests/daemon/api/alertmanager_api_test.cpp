// Alertmanager's API as its clients see it: every field that they read, every filter, and silences from their making to
// their end.
#include "daemon/api/alertmanager_api.hpp"

#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/api/alertmanager_config.hpp"
#include "rules/alert_view.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::string_view house = R"(
rouse: 1
people:
  olga: { name: Olga Diaz, contact: { sms: "+15550100" } }
  mia:  { name: Mia Chen,  contact: { sms: "+15550102" } }
call_trees:
  outage: { steps: [ { call: olga, wait: 5m } ] }
  database: { steps: [ { call: mia, wait: 5m } ] }
route:
  call_tree: outage
  group_by: [alertname, service]
  routes:
    - { name: both, matchers: [ copy = yes ], continue: true, group_by: ['...'] }
    - { name: info, matchers: [ severity = info ], urgency: none }
    - { name: db, matchers: [ 'team =~ "d[bB]"', 'env != "te\"st"' ], call_tree: database, group_wait: 1m30s }
services:
  checkout: { owner: mia, maintenance: [ nights ] }
time_intervals:
  nights: { from: "22:00", to: "02:00" }
inhibit_rules:
  - { name: cluster, source: [ alertname = ClusterDown ], target: [ severity = warning ], equal: [cluster] }
channels:
  sms: [ { webhook: { url: "http://127.0.0.1:8080/sms" } } ]
)";

// Midday: no maintenance.
const rules::Instant midday = scene::at("2026-03-04T12:00:00Z");

class Alertmanager : public testing::Test {
 protected:
  Alertmanager() { live_in(house); }

  void live_in(std::string_view text) {
    const std::shared_ptr<const rules::Policy> policy = scene::policy(text);
    desk.world = rehearse::World{policy, midday, 7};
    desk.services.use(policy, desk.world.state().seed);
  }

  void fire(std::vector<std::pair<std::string, std::string>> labels,
            std::vector<std::pair<std::string, std::string>> annotations = {}) {
    desk.world.tell(desk.world.now(), scene::firing(std::move(labels), std::move(annotations)));
  }

  json::value get(const std::string& target) {
    const net::Response response = desk.answer("GET", target);
    EXPECT_EQ(response.status, 200U) << target << ": " << response.body;
    return json::parse(response.body);
  }

  json::array list(const std::string& target) { return get(target).as_array(); }

  // The alertnames that a question finds, in the order of their names.
  std::set<std::string> names(const std::string& target) {
    std::set<std::string> found;
    for (const json::value& alert : list(target)) {
      found.insert(alert.at("labels").at("alertname").as_string().c_str());
    }
    return found;
  }

  std::string silence(std::string_view matchers, std::string_view id = "", rules::Duration length = 2h) {
    return fmt::format(R"({{{}"matchers":{},"startsAt":"{}","endsAt":"{}","createdBy":"olga","comment":"disks"}})",
                       id.empty() ? "" : fmt::format(R"("id":"{}",)", id),
                       matchers,
                       rules::print_rfc3339(desk.world.now()),
                       rules::print_rfc3339(desk.world.now() + length));
  }

  std::string set(std::string_view matchers, std::string_view id = "", rules::Duration length = 2h) {
    const net::Response response = desk.answer("POST", "/api/v2/silences", silence(matchers, id, length));
    EXPECT_EQ(response.status, 200U) << response.body;
    return json::parse(response.body).at("silenceID").as_string().c_str();
  }

  Desk desk;
};

constexpr std::string_view api_down = R"([{"name":"alertname","value":"ApiDown","isRegex":false}])";

// ---- what they read -------------------------------------------------------------------------------------------------

// `receiver.name, fingerprint, startsAt, endsAt, updatedAt, status.*, matchers[].*, generatorURL`: karma and Grafana
// dereference them without looking whether they are there.
void walk_alert(const json::value& alert) {
  EXPECT_EQ(alert.at("fingerprint").as_string().size(), 16U);
  for (const char* const name : {"startsAt", "endsAt", "updatedAt"}) {
    EXPECT_TRUE(rules::parse_rfc3339(alert.at(name).as_string().c_str())) << name;
  }
  EXPECT_TRUE(alert.at("generatorURL").is_string());
  EXPECT_TRUE(alert.at("labels").is_object());
  EXPECT_TRUE(alert.at("annotations").is_object());
  for (const json::value& receiver : alert.at("receivers").as_array()) EXPECT_TRUE(receiver.at("name").is_string());
  EXPECT_FALSE(alert.at("receivers").as_array().empty());
  const json::value& status = alert.at("status");
  const std::set<std::string> states{"active", "suppressed", "unprocessed"};
  EXPECT_TRUE(states.contains(status.at("state").as_string().c_str()));
  for (const char* const name : {"silencedBy", "inhibitedBy", "mutedBy"}) {
    for (const json::value& one : status.at(name).as_array()) EXPECT_TRUE(one.is_string()) << name;
  }
}

TEST_F(Alertmanager, EveryFieldThatKarmaAndGrafanaReadIsThere) {
  fire({{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", "critical"}}, {{"summary", "no answer"}});
  fire({{"alertname", "ClusterDown"}, {"cluster", "eu"}, {"severity", "critical"}});
  fire({{"alertname", "Slow"}, {"cluster", "eu"}, {"severity", "warning"}});
  set(api_down);
  const json::value status = get("/api/v2/status");
  EXPECT_EQ(status.at("cluster").at("status").as_string(), "disabled");
  EXPECT_TRUE(status.at("cluster").at("peers").is_array());
  EXPECT_TRUE(status.at("cluster").at("name").is_string());
  for (const char* const name : {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}) {
    EXPECT_TRUE(status.at("versionInfo").at(name).is_string()) << name;
  }
  EXPECT_TRUE(rules::parse_rfc3339(status.at("uptime").as_string().c_str()));
  EXPECT_TRUE(status.at("config").at("original").is_string());

  const json::array alerts = get("/api/v2/alerts").as_array();
  EXPECT_EQ(alerts.size(), 3U);
  for (const json::value& alert : alerts) walk_alert(alert);
  std::size_t grouped = 0;
  for (const json::value& group : list("/api/v2/alerts/groups")) {
    EXPECT_EQ(group.at("receiver").at("name").as_string(), "outage");
    EXPECT_FALSE(group.at("labels").as_object().empty());
    for (const json::value& alert : group.at("alerts").as_array()) walk_alert(alert);
    grouped += group.at("alerts").as_array().size();
  }
  EXPECT_EQ(grouped, 3U);
  const json::array silences = get("/api/v2/silences").as_array();
  ASSERT_EQ(silences.size(), 1U);
  for (const char* const name : {"id", "createdBy", "comment", "startsAt", "endsAt", "updatedAt"}) {
    EXPECT_TRUE(silences[0].at(name).is_string()) << name;
  }
  EXPECT_EQ(silences[0].at("status").at("state").as_string(), "active");
  for (const json::value& matcher : silences[0].at("matchers").as_array()) {
    EXPECT_TRUE(matcher.at("name").is_string() && matcher.at("value").is_string());
    EXPECT_TRUE(matcher.at("isRegex").is_bool() && matcher.at("isEqual").is_bool());
  }
  const json::array receivers = get("/api/v2/receivers").as_array();
  EXPECT_EQ(json::serialize(receivers), R"([{"name":"database"},{"name":"outage"}])");
}

TEST_F(Alertmanager, AnAlertIsWhatItsSenderSaid) {
  rules::ReportsArrived arrived = scene::firing({{"alertname", "ApiDown"}, {"service", "checkout"}},
                                                {{"summary", "no answer"}, {"description", "since noon"}});
  arrived.form = rules::ReportForm::api_v2;
  arrived.reports[0].starts_at = scene::at("2026-03-04T11:58:00Z");
  arrived.reports[0].ends_at = scene::at("2026-03-04T12:03:00Z");
  desk.world.tell(midday, arrived);
  const json::array alerts = get("/api/v2/alerts").as_array();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(json::serialize(alerts[0].at("labels")), R"({"alertname":"ApiDown","service":"checkout"})");
  EXPECT_EQ(json::serialize(alerts[0].at("annotations")), R"({"description":"since noon","summary":"no answer"})");
  EXPECT_EQ(alerts[0].at("startsAt").as_string(), "2026-03-04T11:58:00.000Z");
  EXPECT_EQ(alerts[0].at("endsAt").as_string(), "2026-03-04T12:03:00.000Z");
  EXPECT_EQ(alerts[0].at("updatedAt").as_string(), "2026-03-04T12:00:00.000Z");
  EXPECT_EQ(alerts[0].at("fingerprint").as_string(), rules::hex(rules::fingerprint_of(arrived.reports[0].labels)));
  EXPECT_EQ(alerts[0].at("status").at("state").as_string(), "active");
  EXPECT_EQ(json::serialize(alerts[0].at("incidents")), R"(["R-1"])");
}

TEST_F(Alertmanager, AnAlertWithoutAnEndSeemsToEndInFiveMinutes) {
  fire({{"alertname", "ApiDown"}});
  desk.world.advance_to(midday + 2h);
  EXPECT_EQ(get("/api/v2/alerts").as_array().at(0).at("endsAt").as_string(), "2026-03-04T14:05:00.000Z");
}

TEST_F(Alertmanager, AnAlertThatHasEndedIsNotListed) {
  fire({{"alertname", "ApiDown"}});
  desk.world.tell(midday, scene::report(rules::ReportStatus::resolved, {{"alertname", "ApiDown"}}));
  EXPECT_EQ(json::serialize(get("/api/v2/alerts")), "[]");
  EXPECT_EQ(json::serialize(get("/api/v2/alerts/groups")), "[]");
}

// ---- filters --------------------------------------------------------------------------------------------------------

TEST_F(Alertmanager, FiltersAreMatchersOfWhichAllMustMatch) {
  fire({{"alertname", "ApiDown"}, {"service", "checkout"}});
  fire({{"alertname", "ApiSlow"}, {"service", "search"}});
  fire({{"alertname", "DiskFull"}});
  using Names = std::set<std::string>;
  const std::vector<std::pair<std::string, Names>> table = {
      {"", {"ApiDown", "ApiSlow", "DiskFull"}},
      {"?filter=alertname%3D%22ApiDown%22", {"ApiDown"}},
      {"?filter=alertname=ApiDown", {"ApiDown"}},
      {"?filter=alertname%3D~%22Api.*%22", {"ApiDown", "ApiSlow"}},
      {"?filter=alertname%3D~%22Api%22", {}},
      {"?filter=alertname%3D~%22Api.*%22&filter=service!%3Dsearch", {"ApiDown"}},
      {"?filter=service%3D%22%22", {"DiskFull"}},
      {"?filter=service!~%22c.*%22", {"ApiSlow", "DiskFull"}},
      {"?filter=", {"ApiDown", "ApiSlow", "DiskFull"}},
      {"?receiver=outage", {"ApiDown", "ApiSlow", "DiskFull"}},
      {"?receiver=out", {}},
      {"?receiver=out.*", {"ApiDown", "ApiSlow", "DiskFull"}},
      {"?receiver=database", {}},
      {"?active=false", {}},
      {"?silenced=false&inhibited=false&unprocessed=false&active=true", {"ApiDown", "ApiSlow", "DiskFull"}},
      {"?colour=blue", {"ApiDown", "ApiSlow", "DiskFull"}},
  };
  for (const auto& [query, expected] : table) EXPECT_EQ(names("/api/v2/alerts" + query), expected) << query;
  std::size_t groups = get("/api/v2/alerts/groups?filter=alertname%3D~%22Api.*%22").as_array().size();
  EXPECT_EQ(groups, 2U);
}

TEST_F(Alertmanager, WhatIsSilencedIsSuppressedAndSaysBySilence) {
  fire({{"alertname", "ApiDown"}, {"service", "checkout"}});
  fire({{"alertname", "DiskFull"}});
  const std::string id = set(api_down);
  EXPECT_EQ(names("/api/v2/alerts?silenced=false"), std::set<std::string>{"DiskFull"});
  EXPECT_EQ(names("/api/v2/alerts?active=false"), std::set<std::string>{"ApiDown"});
  const json::value alert = get("/api/v2/alerts?active=false").as_array().at(0);
  EXPECT_EQ(alert.at("status").at("state").as_string(), "suppressed");
  EXPECT_EQ(json::serialize(alert.at("status").at("silencedBy")), fmt::format(R"(["{}"])", id));
  EXPECT_TRUE(alert.at("status").at("inhibitedBy").as_array().empty());
  EXPECT_NE(std::string{alert.at("held").as_array().at(0).as_string().c_str()}.find("olga"), std::string::npos);
}

TEST_F(Alertmanager, WhatIsInhibitedSaysByWhichAlert) {
  fire({{"alertname", "ClusterDown"}, {"cluster", "eu"}, {"severity", "critical"}});
  fire({{"alertname", "Slow"}, {"cluster", "eu"}, {"severity", "warning"}});
  EXPECT_EQ(names("/api/v2/alerts?inhibited=false"), std::set<std::string>{"ClusterDown"});
  const json::value slow = get("/api/v2/alerts?filter=alertname=Slow").as_array().at(0);
  const json::value source = get("/api/v2/alerts?filter=alertname=ClusterDown").as_array().at(0);
  EXPECT_EQ(slow.at("status").at("state").as_string(), "suppressed");
  EXPECT_EQ(slow.at("status").at("inhibitedBy").as_array().at(0), source.at("fingerprint"));
  EXPECT_EQ(source.at("status").at("state").as_string(), "active");
}

TEST_F(Alertmanager, WhatOnlyWaitsForGroupWaitIsActive) {
  fire({{"alertname", "Locks"}, {"team", "db"}});
  const json::value alert = get("/api/v2/alerts").as_array().at(0);
  EXPECT_EQ(alert.at("status").at("state").as_string(), "active");
  EXPECT_FALSE(alert.at("held").as_array().empty());
}

TEST_F(Alertmanager, AnAlertOfTwoIncidentsIsInBothGroups) {
  fire({{"alertname", "Locks"}, {"team", "db"}, {"copy", "yes"}, {"severity", "critical"}});
  const json::array groups = get("/api/v2/alerts/groups").as_array();
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].at("receiver").at("name").as_string(), "database");
  EXPECT_EQ(json::serialize(groups[0].at("labels")), R"({"alertname":"Locks"})");
  EXPECT_EQ(groups[1].at("receiver").at("name").as_string(), "outage");
  EXPECT_EQ(json::serialize(groups[1].at("labels")), R"({"alertname":"Locks","copy":"yes","team":"db"})");
  const json::array alerts = get("/api/v2/alerts").as_array();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].at("receivers").as_array().size(), 2U);
}

TEST_F(Alertmanager, ALongListIsReadInStepsAndEachAlertOnce) {
  const std::size_t many = 2 * rules::alerts_a_step + 7;
  rules::ReportsArrived arrived;
  arrived.source = "127.0.0.1";
  for (std::size_t index = 0; index < many; ++index) {
    rules::Report report;
    report.labels = rules::Labels{{{"alertname", "Many"}, {"instance", fmt::format("{}", index)}}};
    arrived.reports.push_back(std::move(report));
  }
  desk.world.tell(midday, arrived);
  const Call call = handle(desk.request("GET", "/api/v2/alerts"), midday, desk.services, desk.parser);
  const Ask& question = std::get<Ask>(call);
  EXPECT_EQ(question.render().status, 503U) << "an answer before anybody looked";
  std::size_t looks = 0;
  do {
    question.look(desk.world.state());
    ++looks;
  } while (question.has_more());
  EXPECT_EQ(looks, 3U);
  std::set<std::string> fingerprints;
  std::string before;
  const json::array all = json::parse(question.render().body).as_array();
  for (const json::value& alert : all) {
    const std::string fingerprint = alert.at("fingerprint").as_string().c_str();
    EXPECT_LE(before, fingerprint);
    before = fingerprint;
    fingerprints.insert(fingerprint);
  }
  EXPECT_EQ(fingerprints.size(), many);
}

// ---- silences -------------------------------------------------------------------------------------------------------

TEST_F(Alertmanager, ASilenceIsMadeReadChangedAndEnded) {
  fire({{"alertname", "ApiDown"}});
  const std::string id = set(api_down);
  const json::value made = get("/api/v2/silence/" + id);
  EXPECT_EQ(made.at("id").as_string(), id);
  EXPECT_EQ(made.at("endsAt").as_string(), "2026-03-04T14:00:00.000Z");
  EXPECT_EQ(made.at("createdBy").as_string(), "olga");
  EXPECT_EQ(made.at("comment").as_string(), "disks");
  EXPECT_EQ(json::serialize(made.at("matchers")),
            R"([{"name":"alertname","value":"ApiDown","isRegex":false,"isEqual":true}])");

  EXPECT_EQ(set(api_down, id, 4h), id);
  EXPECT_EQ(get("/api/v2/silence/" + id).at("endsAt").as_string(), "2026-03-04T16:00:00.000Z");
  EXPECT_EQ(get("/api/v2/silences").as_array().size(), 1U);

  const net::Response ended = desk.answer("DELETE", "/api/v2/silence/" + id);
  EXPECT_EQ(ended.status, 200U) << ended.body;
  EXPECT_EQ(get("/api/v2/silence/" + id).at("status").at("state").as_string(), "expired");
  EXPECT_EQ(names("/api/v2/alerts?silenced=false"), std::set<std::string>{"ApiDown"});
  EXPECT_EQ(desk.answer("DELETE", "/api/v2/silence/" + id).status, 400U) << "it has ended already";
}

TEST_F(Alertmanager, EveryKindOfMatcherComesBackAsItWent) {
  const std::string matchers = R"([{"name":"a","value":"b","isRegex":false,"isEqual":true},)"
                               R"({"name":"c","value":"d","isRegex":false,"isEqual":false},)"
                               R"({"name":"e","value":"f.*","isRegex":true,"isEqual":true},)"
                               R"({"name":"g","value":"h|\"i\"","isRegex":true,"isEqual":false}])";
  const std::string id = set(matchers);
  EXPECT_EQ(json::serialize(get("/api/v2/silence/" + id).at("matchers")), matchers);
}

TEST_F(Alertmanager, TimesMayHaveAnOffset) {
  const net::Response response =
      desk.answer("POST",
                  "/api/v2/silences",
                  fmt::format(R"({{"matchers":{},"startsAt":"2026-03-04T15:00:00.5+02:00",)"
                              R"("endsAt":"2026-03-04T08:00:00.123456789-06:00","createdBy":"olga","comment":""}})",
                              api_down));
  ASSERT_EQ(response.status, 200U) << response.body;
  const json::value silence = get("/api/v2/silences").as_array().at(0);
  EXPECT_EQ(silence.at("startsAt").as_string(), "2026-03-04T13:00:00.500Z");
  EXPECT_EQ(silence.at("endsAt").as_string(), "2026-03-04T14:00:00.123Z");
  EXPECT_EQ(silence.at("status").at("state").as_string(), "pending");
}

TEST_F(Alertmanager, SilencesComeActivePendingExpiredAndFilterByTheirOwnMatchers) {
  const auto at = [this](std::string_view name, rules::Duration from, rules::Duration to) {
    const net::Response response =
        desk.answer("POST",
                    "/api/v2/silences",
                    fmt::format(R"({{"matchers":[{{"name":"alertname","value":"{}"}}],"startsAt":"{}","endsAt":"{}",)"
                                R"("createdBy":"olga","comment":"{}"}})",
                                name,
                                rules::print_rfc3339(midday + from),
                                rules::print_rfc3339(midday + to),
                                name));
    EXPECT_EQ(response.status, 200U) << response.body;
  };
  at("over", 0min, 1min);
  at("over-later", 0min, 2min);
  at("late", 0min, 3h);
  at("soon", 0min, 2h);
  at("after", 4h, 5h);
  at("next", 3h, 6h);
  desk.world.advance_to(midday + 10min);
  std::vector<std::string> order;
  for (const json::value& one : list("/api/v2/silences")) {
    order.emplace_back(one.at("comment").as_string().c_str());
  }
  EXPECT_EQ(order, (std::vector<std::string>{"soon", "late", "next", "after", "over-later", "over"}));
  const json::array filtered = get("/api/v2/silences?filter=alertname=soon").as_array();
  ASSERT_EQ(filtered.size(), 1U);
  EXPECT_EQ(filtered[0].at("comment").as_string(), "soon");
  EXPECT_TRUE(get("/api/v2/silences?filter=alertname%3D~soon").as_array().empty()) << "another operator";
}

// Whatever is wrong is said in a JSON string, which is what amtool prints.
TEST_F(Alertmanager, BadSilencesAreRefusedInWords) {
  const std::string span = R"("startsAt":"2026-03-04T12:00:00Z","endsAt":"2026-03-04T13:00:00Z")";
  const std::string who = R"("createdBy":"olga","comment":"x")";
  const std::string what = R"("matchers":[{"name":"a","value":"b"}])";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "JSON object"},
      {"[]", "JSON object"},
      {"{", "JSON object"},
      {"{\"comment\":\"\xFF\"}", "JSON object"},
      {fmt::format("{{{},{}}}", span, who), "matchers"},
      {fmt::format(R"({{"matchers":[],{},{}}})", span, who), "matchers"},
      {fmt::format(R"({{"matchers":[7],{},{}}})", span, who), "matcher"},
      {fmt::format(R"({{"matchers":[{{"value":"b"}}],{},{}}})", span, who), "name"},
      {fmt::format(R"({{"matchers":[{{"name":"","value":"b"}}],{},{}}})", span, who), "name"},
      {fmt::format(R"({{"matchers":[{{"name":"a"}}],{},{}}})", span, who), "value"},
      {fmt::format(R"({{"matchers":[{{"name":"a","value":"(","isRegex":true}}],{},{}}})", span, who), "bad pattern"},
      {fmt::format(R"({{"matchers":[{{"name":"a","value":"b","isRegex":"yes"}}],{},{}}})", span, who), "isRegex"},
      {fmt::format(R"({{"matchers":[{{"name":"a","value":""}}],{},{}}})", span, who), "empty string"},
      {fmt::format(R"({{"matchers":[{{"name":"a","value":".*","isRegex":true}}],{},{}}})", span, who), "empty string"},
      {fmt::format(R"({{{},{}}})", what, who), "startsAt"},
      {fmt::format(R"({{{},"startsAt":"now","endsAt":"2026-03-04T13:00:00Z",{}}})", what, who), "startsAt"},
      {fmt::format(R"({{{},"startsAt":"2026-03-04T12:00:00Z",{}}})", what, who), "endsAt"},
      {fmt::format(R"({{{},"startsAt":"2026-03-04T12:00:00Z","endsAt":7,{}}})", what, who), "endsAt"},
      {fmt::format(R"({{{},"startsAt":"2026-03-04T12:00:00Z","endsAt":"2026-03-04T12:00:00Z",{}}})", what, who),
       "ends"},
      {fmt::format(R"({{{},"startsAt":"2026-03-04T10:00:00Z","endsAt":"2026-03-04T11:00:00Z",{}}})", what, who),
       "passed"},
      {fmt::format(R"({{{},"startsAt":"2026-03-04T12:00:00Z","endsAt":"2026-04-04T12:00:00Z",{}}})", what, who), "30d"},
      {fmt::format(R"({{{},{},"comment":"x"}})", what, span), "createdBy"},
      {fmt::format(R"({{{},{},"createdBy":"","comment":"x"}})", what, span), "author"},
      {fmt::format(R"({{{},{},"createdBy":"olga"}})", what, span), "comment"},
  };
  for (const auto& [body, why] : table) {
    net::Request request = desk.request("POST", "/api/v2/silences", body);
    if (body.empty()) request.headers.add("Content-Type", "application/json");
    const net::Response response = desk.answer(request);
    EXPECT_EQ(response.status, 400U) << body << ": " << response.body;
    const json::value said = json::parse(response.body);
    ASSERT_TRUE(said.is_string()) << response.body;
    EXPECT_NE(std::string{said.as_string().c_str()}.find(why), std::string::npos) << body << ": " << response.body;
  }
  EXPECT_EQ(json::serialize(get("/api/v2/silences")), "[]");
}

TEST_F(Alertmanager, OfASilenceThatNobodyKnowsTheAnswerIs404) {
  // amtool's import makes a new one then.
  const net::Response changed = desk.answer("POST", "/api/v2/silences", silence(api_down, "no-such"));
  EXPECT_EQ(changed.status, 404U);
  EXPECT_TRUE(json::parse(changed.body).is_string());
  EXPECT_EQ(desk.answer("GET", "/api/v2/silence/no-such").status, 404U);
  EXPECT_EQ(desk.answer("DELETE", "/api/v2/silence/no-such").status, 404U);
}

TEST_F(Alertmanager, APathOfAnyBytesIsAnsweredInText) {
  for (const char* method : {"GET", "DELETE"}) {
    const net::Response response = desk.answer(method, "/api/v2/silence/x\x02\x90");
    EXPECT_EQ(response.status, 404U);
    EXPECT_EQ(response.body, "\"there is no silence x\\\\x02\xEF\xBF\xBD\"\n");
  }
}

TEST_F(Alertmanager, BadQuestionsAreRefusedInWords) {
  const std::vector<std::string> table = {
      "/api/v2/alerts?filter=%3D",
      "/api/v2/alerts?filter=a%3D~%22(%22",
      "/api/v2/alerts?active=perhaps",
      "/api/v2/alerts?silenced=7",
      "/api/v2/alerts?receiver=(",
      "/api/v2/alerts?filter=a%3D" + std::string(5000, 'x'),
      "/api/v2/alerts/groups?filter=nonsense",
      "/api/v2/alerts/groups?inhibited=maybe",
      "/api/v2/silences?filter=a%3D~%22(%22",
  };
  for (const std::string& target : table) {
    const net::Response response = desk.answer("GET", target);
    EXPECT_EQ(response.status, 400U) << target;
    EXPECT_TRUE(json::parse(response.body).is_string()) << target << ": " << response.body;
  }
}

TEST_F(Alertmanager, OtherMethodsAndPathsAreRefused) {
  const std::vector<std::tuple<std::string, std::string, unsigned>> table = {
      {"POST", "/api/v2/status", 405},
      {"DELETE", "/api/v2/alerts", 405},
      {"POST", "/api/v2/alerts/groups", 405},
      {"POST", "/api/v2/receivers", 405},
      {"DELETE", "/api/v2/silences", 405},
      {"POST", "/api/v2/silence/x", 405},
      {"GET", "/api/v2/silence/", 404},
      {"GET", "/api/v2/silence/a/b", 404},
      {"GET", "/api/v2/", 404},
      {"GET", "/api/v2/nonsense", 404},
      {"GET", "/alertmanager/api/v2/status", 404}};
  for (const auto& [method, target, status] : table) {
    EXPECT_EQ(desk.answer(method, target, method == "POST" ? "{}" : "").status, status) << method << " " << target;
  }
}

TEST_F(Alertmanager, AWebPageOfAnotherHostReadsNoAlerts) {
  net::Request request = desk.request("GET", "/api/v2/alerts");
  request.headers.clear();
  request.headers.add("Host", "evil.example.org");
  EXPECT_EQ(desk.answer(request).status, 403U);
}

TEST_F(Alertmanager, NothingThatIsNotOnDiskIsAnswered200) {
  desk.durability = roused::Durability::memory;
  EXPECT_EQ(desk.answer("POST", "/api/v2/silences", silence(api_down)).status, 503U);
  desk.durability = roused::Durability::refused;
  EXPECT_EQ(desk.answer("DELETE", "/api/v2/silence/x").status, 503U);
}

// ---- the configuration as amtool reads it ---------------------------------------------------------------------------

TEST_F(Alertmanager, TheRoutesStandInAlertmanagersWords) {
  EXPECT_EQ(get("/api/v2/status").at("config").at("original").as_string(), R"(route:
  # root: urgency high
  receiver: "outage"
  group_by: ["alertname", "service"]
  group_wait: 0s
  routes:
  # root/both: urgency high
  - receiver: "outage"
    matchers: ["copy=\"yes\""]
    continue: true
    group_by: ["..."]
    group_wait: 0s
  # root/info: urgency none
  - receiver: "outage"
    matchers: ["severity=\"info\""]
    group_by: ["alertname", "service"]
    group_wait: 0s
  # root/db: urgency high
  - receiver: "database"
    matchers: ["team=~\"d[bB]\"", "env!=\"te\\\"st\""]
    group_by: ["alertname", "service"]
    group_wait: 1m30s
receivers:
- name: "database"
- name: "outage"
inhibit_rules:
# cluster
- source_matchers: ["alertname=\"ClusterDown\""]
  target_matchers: ["severity=\"warning\""]
  equal: ["cluster"]
)");
}

TEST(AlertmanagerConfig, NamesThatWouldBreakTheFileDoNot) {
  rules::Policy policy;
  policy.route.path = "ro\not";
  policy.route.call_tree = "a\"b\\c\nd\x01";
  policy.call_trees.push_back(rules::CallTree{.id = policy.route.call_tree, .steps = {}, .last_resort = {}});
  EXPECT_EQ(alertmanager_config(policy),
            "route:\n"
            "  # ro ot: urgency high\n"
            "  receiver: \"a\\\"b\\\\c d\\\\x01\"\n"
            "  group_by: [\"alertname\", \"service\", \"cluster\"]\n"
            "  group_wait: 0s\n"
            "receivers:\n"
            "- name: \"a\\\"b\\\\c d\\\\x01\"\n");
}

// ---- our own silences and maintenance -------------------------------------------------------------------------------

TEST_F(Alertmanager, OurOwnSilencesAreMadeListedAndEnded) {
  fire({{"alertname", "ApiDown"}, {"service", "checkout"}});
  const net::Response made = desk.answer(
      "POST",
      "/v1/silences",
      R"({"matchers":["alertname=ApiDown","service =~ \"c.*\""],"for":"2h","by":"olga","comment":"disks"})");
  ASSERT_EQ(made.status, 200U) << made.body;
  const std::string id = json::parse(made.body).at("id").as_string().c_str();
  const std::string expected = fmt::format(
      R"({{"id":"{}","kind":"silence","state":"active","matchers":["alertname=\"ApiDown\"","service=~\"c.*\""],)"
      R"("from":"2026-03-04T12:00:00.000Z","to":"2026-03-04T14:00:00.000Z","by":"olga","comment":"disks",)"
      R"("updated_at":"2026-03-04T12:00:00.000Z","recurring":false,"alerts":1}})",
      id);
  EXPECT_EQ(json::serialize(get("/v1/silences/" + id)), expected);
  EXPECT_EQ(json::serialize(get("/v1/silences")), fmt::format(R"({{"silences":[{}]}})", expected));
  EXPECT_TRUE(get("/v1/maintenance").at("maintenance").as_array().empty());
  EXPECT_EQ(desk.answer("GET", "/v1/maintenance/" + id).status, 404U);

  const net::Response changed = desk.answer(
      "POST",
      "/v1/silences",
      fmt::format(R"({{"id":"{}","matchers":"alertname=ApiDown","to":"2026-03-04T15:00:00Z","by":"mia"}})", id));
  ASSERT_EQ(changed.status, 200U) << changed.body;
  EXPECT_EQ(get("/v1/silences/" + id).at("by").as_string(), "mia");

  EXPECT_EQ(desk.answer("DELETE", "/v1/silences/" + id).status, 400U) << "nobody says who";
  const net::Response ended = desk.answer("DELETE", "/v1/silences/" + id + "?by=mia");
  EXPECT_EQ(ended.body, fmt::format(R"({{"id":"{}","state":"expired"}})", id));
  EXPECT_TRUE(get("/v1/silences").at("silences").as_array().empty());
  EXPECT_EQ(get("/v1/silences?expired=true").at("silences").as_array().size(), 1U);
  EXPECT_EQ(desk.answer("DELETE", "/v1/silences/" + id, R"({"by":"mia"})").status, 409U);
}

TEST_F(Alertmanager, MaintenanceIsASilenceOfAService) {
  fire({{"alertname", "ApiDown"}, {"service", "checkout"}});
  const net::Response made = desk.answer(
      "POST",
      "/v1/maintenance",
      R"({"service":"checkout","from":"2026-03-04T11:00:00Z","to":"2026-03-04T13:00:00Z","by":"olga","comment":"up"})");
  ASSERT_EQ(made.status, 200U) << made.body;
  const std::string id = json::parse(made.body).at("id").as_string().c_str();
  const json::value shown = get("/v1/maintenance/" + id);
  EXPECT_EQ(shown.at("service").as_string(), "checkout");
  EXPECT_EQ(shown.at("kind").as_string(), "maintenance");
  EXPECT_EQ(shown.at("alerts").to_number<int>(), 1);
  EXPECT_EQ(get("/v1/maintenance").at("maintenance").as_array().size(), 1U);
  EXPECT_TRUE(get("/v1/silences").at("silences").as_array().empty());
  const json::value alert = get("/api/v2/alerts").as_array().at(0);
  EXPECT_EQ(alert.at("status").at("silencedBy").as_array().at(0).as_string(), id);
  EXPECT_EQ(desk.answer("DELETE", "/v1/maintenance/" + id + "?by=olga").status, 200U);
}

TEST_F(Alertmanager, MaintenanceOfWhatNobodyHasNamedIsMadeWithAWarning) {
  const auto made = [&](std::string_view service) {
    const net::Response answer =
        desk.answer("POST",
                    "/v1/maintenance",
                    fmt::format(R"({{"service":"{}","to":"2026-03-04T13:00:00Z","by":"olga"}})", service));
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body).get_object();
  };
  EXPECT_FALSE(made("checkout").contains("warning"));
  const json::object warned = made("checkoot");
  ASSERT_TRUE(warned.contains("warning"));
  EXPECT_TRUE(warned.at("warning").as_string().starts_with(
      "no service of the configuration is called `checkoot`; did you mean `checkout`?"))
      << warned.at("warning").as_string();
}

TEST_F(Alertmanager, RecurringMaintenanceIsListedAndCannotBeEnded) {
  desk.world.advance_to(scene::at("2026-03-04T23:00:00Z"));
  const json::array list = get("/v1/maintenance").at("maintenance").as_array();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(list[0].at("recurring").as_bool());
  EXPECT_EQ(list[0].at("service").as_string(), "checkout");
  EXPECT_EQ(list[0].at("to").as_string(), "2026-03-05T02:00:00.000Z");
  const std::string id = list[0].at("id").as_string().c_str();
  const net::Response refused = desk.answer("DELETE", "/v1/maintenance/" + id + "?by=olga");
  EXPECT_EQ(refused.status, 409U);
  EXPECT_NE(refused.body.find("configuration"), std::string::npos) << refused.body;
}

TEST_F(Alertmanager, OurOwnPathsRefuseWithProblemDocuments) {
  struct Case {
    std::string method;
    std::string target;
    std::string body;
    unsigned status;
    std::string contains;
  };
  const std::vector<Case> table = {
      {"POST", "/v1/silences", "[]", 400, "JSON object"},
      {"POST", "/v1/silences", "{", 400, "JSON object"},
      {"POST", "/v1/silences", R"({"for":"2h","by":"olga"})", 400, R"(\"matchers\" is missing)"},
      {"POST", "/v1/silences", R"({"matchers":[7],"for":"2h","by":"olga"})", 400, "matchers"},
      {"POST", "/v1/silences", R"({"matchers":["="],"for":"2h","by":"olga"})", 400, "bad matcher"},
      {"POST", "/v1/silences", R"({"matchers":["a=~("],"for":"2h","by":"olga"})", 400, "bad pattern"},
      {"POST", "/v1/silences", R"({"matchers":[],"for":"2h","by":"olga"})", 400, "needs a matcher"},
      {"POST", "/v1/silences", R"({"matchers":["a=~\".*\""],"for":"2h","by":"olga"})", 400, "empty string"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"by":"olga"})", 400, "needs an end"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"soon","by":"olga"})", 400, R"(\"for\")"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"0s","by":"olga"})", 400, "ends"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"31d","by":"olga"})", 400, "30d"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"to":"soon","by":"olga"})", 400, R"(\"to\")"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"to":"2026-03-04T11:00:00Z","by":"olga"})", 400, "ends"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"to":"2026-03-04T13:00:00Z","for":"1h","by":"x"})", 400, "one"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"1h","from":7,"by":"x"})", 400, R"(\"from\")"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"1h"})", 400, R"(\"by\" is missing)"},
      {"POST", "/v1/silences", R"({"matchers":["a=b"],"for":"1h","by":" "})", 400, R"(\"by\" is empty)"},
      {"POST", "/v1/silences", R"({"id":"x","matchers":["a=b"],"for":"1h","by":"olga"})", 404, "no silence x"},
      {"POST", "/v1/maintenance", R"({"for":"1h","by":"olga"})", 400, R"(\"service\" is missing)"},
      {"POST", "/v1/maintenance", R"({"service":"","for":"1h","by":"olga"})", 400, R"(\"service\" is empty)"},
      {"GET", "/v1/silences?expired=perhaps", "", 400, "expired"},
      {"GET", "/v1/silences/x", "", 404, "no silence x"},
      {"GET", "/v1/maintenance/x", "", 404, "no maintenance x"},
      {"GET", "/v1/silences/a/b", "", 404, "nothing at"},
      {"GET", "/v1/silencesx", "", 404, "nothing at"},
      {"DELETE", "/v1/silences/x?by=olga", "", 404, "no silence x"},
      {"DELETE", "/v1/silences/x", R"({"by":7})", 400, "by"},
      {"DELETE", "/v1/silences", "", 405, "GET, HEAD, POST"},
      {"POST", "/v1/silences/x", "{}", 405, "GET, HEAD, DELETE"},
  };
  for (const Case& one : table) {
    const net::Response response = desk.answer(one.method, one.target, one.body);
    EXPECT_EQ(response.status, one.status) << one.method << " " << one.target << " " << one.body << response.body;
    EXPECT_EQ(response.content_type, "application/problem+json") << one.target;
    EXPECT_NE(response.body.find(one.contains), std::string::npos) << one.target << one.body << response.body;
  }
}

}  // namespace
}  // namespace api
