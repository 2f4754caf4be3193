#include "daemon/api/api.hpp"

#include <fstream>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

constexpr const char* webhook =
    R"({"version":"4","status":"firing","alerts":[{"status":"firing",)"
    R"("labels":{"alertname":"New","severity":"critical"},)"
    R"("annotations":{},"startsAt":"2026-03-04T17:00:00Z","endsAt":"0001-01-01T00:00:00Z"}]})";
constexpr const char* api_v2 = R"([{"labels":{"alertname":"New","severity":"critical"}}])";

struct Case {
  std::string method;
  std::string target;
  std::string body;
  unsigned status;
  std::string contains;
};

std::string describe(const Case& one, const net::Response& response) {
  return one.method + " " + one.target + " " + one.body.substr(0, 80) + " -> " + response.body;
}

TEST(Api, AnswersEveryRouteAsTheContractSays) {
  const std::vector<Case> table = {
      {"POST", "/v1/alerts/alertmanager", webhook, 200, R"({"status":"ok","accepted":1,"rejected":[]})"},
      {"POST", "/v1/alerts/alertmanager", "{", 400, "\"detail\""},
      {"POST", "/v1/alerts/alertmanager", "", 400, "\"detail\""},
      {"POST", "/v1/alerts/alertmanager", R"({"version":"4","alerts":[]})", 200, R"("accepted":0)"},
      {"POST", "/v1/alerts/alertmanager", R"({"version":"4","alerts":[7]})", 400, "\"rejected\":[{\"index\":0"},
      {"GET", "/v1/alerts/alertmanager", "", 405, "POST"},
      {"POST", "/api/v2/alerts", api_v2, 200, ""},
      {"POST", "/api/v2/alerts", "[]", 200, ""},
      {"POST", "/api/v2/alerts", R"([{"labels":{}},{"labels":{"alertname":"New"}}])", 200, R"("accepted":1)"},
      {"POST", "/api/v2/alerts", R"([{"labels":{}}])", 400, "rejected"},
      {"DELETE", "/api/v2/alerts", "", 405, "GET, HEAD, POST"},
      {"GET", "/api/v2/status", "", 200, R"("status":"disabled")"},
      {"POST", "/api/v2/status", "{}", 405, "GET, HEAD"},
      {"GET", "/v1/incidents", "", 200, R"("id":"R-1")"},
      {"GET", "/v1/incidents?state=resolved", "", 200, R"({"incidents":[{"id":"R-3")"},
      {"GET", "/v1/incidents?state=acknowledged", "", 200, R"({"incidents":[],"next":null})"},
      {"GET", "/v1/incidents?state=all&limit=1", "", 200, R"("next":"R-3")"},
      {"GET", "/v1/incidents?state=all&after=R-2", "", 200, R"({"incidents":[{"id":"R-1")"},
      {"GET", "/v1/incidents?service=search", "", 200, R"({"incidents":[{"id":"R-2")"},
      {"GET", "/v1/incidents?since=2026-03-04T17:00:30Z", "", 200, R"({"incidents":[{"id":"R-2")"},
      {"GET", "/v1/incidents?since=2026-03-04T18:00:30+01:00", "", 200, R"({"incidents":[{"id":"R-2")"},
      {"GET", "/v1/incidents?alerts=true", "", 200, R"("alert_list":[{"fingerprint")"},
      {"GET", "/v1/incidents?colour=blue&state=&limit=", "", 200, R"("id":"R-1")"},
      {"GET", "/v1/incidents?state=purple", "", 400, "`state`"},
      {"GET", "/v1/incidents?since=yesterday", "", 400, "`since`"},
      {"GET", "/v1/incidents?limit=0", "", 400, "`limit`"},
      {"GET", "/v1/incidents?limit=100001", "", 400, "`limit`"},
      {"GET", "/v1/incidents?limit=-1", "", 400, "`limit`"},
      {"GET", "/v1/incidents?limit=5x", "", 400, "`limit`"},
      {"GET", "/v1/incidents?after=X", "", 400, "`after`"},
      {"GET", "/v1/incidents?alerts=maybe", "", 400, "`alerts`"},
      {"POST", "/v1/incidents", "{}", 405, "GET, HEAD"},
      {"GET", "/v1/incidents/R-1", "", 200, R"("timeline":[{)"},
      {"GET", "/v1/incidents/r1", "", 200, R"("url":"https://rouse.example.org/v1/incidents/R-1")"},
      {"GET", "/v1/incidents/R-99", "", 404, "no incident R-99"},
      {"GET", "/v1/incidents/nonsense", "", 404, "R-12"},
      {"GET", "/v1/incidents/R-99999999999999999999", "", 404, "R-12"},
      {"DELETE", "/v1/incidents/R-1", "", 405, "GET, HEAD"},
      {"GET", "/v1/incidents/R-1/ack", "", 405, "POST"},
      {"POST", "/v1/incidents/R-1/update", R"({"by":"olga","text":"x"})", 200, "R-1"},
      {"POST", "/v1/incidents/R-1/follow", R"({"by":"nobody"})", 409, "nobody is called nobody"},
      {"POST", "/v1/incidents/R-1/review", R"({"by":"olga","text":"x"})", 404, "nothing at"},
      {"POST", "/v1/test-pages", R"({"who":"batman","by":"olga"})", 409, "nobody is called batman"},
      {"POST", "/v1/test-pages", R"({"who":"olga"})", 400, "by"},
      {"GET", "/v1/test-pages", "", 405, "POST"},
      {"GET", "/v1/reachability", "", 200, "contacts"},
      {"GET", "/v1/reachability?who=olga", "", 200, R"("person":"olga")"},
      {"GET", "/v1/reachability?who=batman", "", 404, "nobody"},
      {"GET", "/v1/status", "", 200, R"("ready":true)"},
      {"POST", "/v1/status", "{}", 405, "GET, HEAD"},
      {"POST", "/v1/incidents/R-1/review", R"({"by":"olga"})", 404, "nothing at"},
      {"GET", "/v1/incidents/R-1/postmortem.md", "", 404, "nothing at"},
      {"POST", "/v1/incidents/R-1/ack", "{}", 400, "\\\"by\\\" is missing"},
      {"POST", "/v1/incidents/R-1/ack", R"({"by":" "})", 400, "is empty"},
      {"POST", "/v1/incidents/R-1/ack", R"({"by":7})", 400, "\\\"by\\\""},
      {"POST", "/v1/incidents/R-1/ack", R"(["olga"])", 400, "not a JSON object"},
      {"POST", "/v1/incidents/R-1/ack", "{\"by\":\"\xFF\"}", 400, "not a JSON object"},
      {"POST", "/v1/incidents/R-1/ack", R"({"by":")" + std::string(300, 'x') + R"("})", 400, "longer than 256"},
      {"POST", "/v1/incidents/R-1/snooze", R"({"by":"olga"})", 400, "\\\"for\\\" is missing"},
      {"POST", "/v1/incidents/R-1/snooze", R"({"by":"olga","for":"soon"})", 400, "\\\"for\\\": "},
      {"POST", "/v1/incidents/R-1/snooze", R"({"by":"olga","for":"25h"})", 409, R"("incident":"R-1")"},
      {"POST", "/v1/incidents/R-1/call", R"({"by":"olga"})", 400, "\\\"who\\\""},
      {"POST", "/v1/incidents/R-1/call", R"({"by":"olga","who":"nobody"})", 409, "nobody is called nobody"},
      {"POST", "/v1/incidents/R-1/note", R"({"by":"olga"})", 400, "\\\"text\\\""},
      {"POST", "/v1/incidents/R-2/escalate", R"({"by":"olga"})", 409, "high urgency"},
      {"POST", "/v1/incidents/R-3/ack", R"({"by":"olga"})", 409, "already resolved"},
      {"POST", "/v1/incidents/R-99/ack", R"({"by":"olga"})", 404, "no incident R-99"},
      {"POST", "/v1/incidents/R-1/ack", R"({"by":"olga"})", 200, R"("state":"acknowledged")"},
      {"POST", "/v1/incidents/R-1/snooze", R"({"by":"olga","for":"30m"})", 200, R"("snoozed":true)"},
      {"POST", "/v1/incidents/R-1/escalate", R"({"by":"olga"})", 200, R"("state":"triggered")"},
      {"POST", "/v1/incidents/R-1/call", R"({"by":"olga","who":"database"})", 200, "olga called in database"},
      {"POST", "/v1/incidents/R-1/note", R"({"by":"olga","text":"looking"})", 200, "olga noted: looking"},
      {"POST", "/v1/incidents/R-1/resolve", R"({"by":"olga"})", 200, R"("state":"resolved")"},
      {"GET", "/v1/oncall", "", 200, R"({"at":"2026-03-04T17:06:00.000Z","on_call":[{"target":"operations")"},
      {"GET", "/v1/oncall?at=2026-03-11T17:00:00Z", "", 200, R"({"person":"ben")"},
      {"GET", "/v1/oncall?at=9999-01-01T00:00:00Z", "", 400, "ten years"},
      {"GET", "/v1/oncall?at=now", "", 400, "`at`"},
      {"GET", "/v1/oncall/operations.ics", "", 404, "nothing at"},
      {"GET", "/metrics", "", 200, "rouse_incidents{"},
      {"POST", "/metrics", "{}", 405, "GET, HEAD"},
      {"GET", "/-/healthy", "", 200, "healthy"},
      {"GET", "/-/ready", "", 200, "ready"},
      {"GET", "/-/reload", "", 405, "POST"},
      {"POST", "/-/reload", "", 200, "1 incident moves"},
      {"POST", "/-/reload?dry_run=true", "", 422, "unknown key"},
      {"POST", "/-/reload?dry_run=perhaps", "", 400, "`dry_run`"},
      {"GET", "/", "", 404, "nothing at /"},
      {"GET", "/alertmanager/api/v2/status", "", 404, "nothing at"},
      {"GET", "/v1/incidents/", "", 404, "R-12"},
  };
  for (const Case& one : table) {
    // Each request meets the same world, but for the verbs that were done: those build upon one another.
    static Desk shared;
    Desk fresh;
    const bool builds_on = one.status == 200 && one.target.starts_with("/v1/incidents/R-1/");
    Desk& desk = builds_on ? shared : fresh;
    const net::Response response = desk.answer(one.method, one.target, one.body);
    EXPECT_EQ(response.status, one.status) << describe(one, response);
    EXPECT_NE(response.body.find(one.contains), std::string::npos) << describe(one, response);
    if (response.status == 405) {
      EXPECT_EQ(response.headers.find("Allow"), one.contains) << describe(one, response);
    }
    if (response.status >= 400) {
      EXPECT_EQ(response.content_type, "application/problem+json");
      const boost::json::value problem = boost::json::parse(response.body);
      EXPECT_EQ(problem.at("status").to_number<unsigned>(), one.status);
      EXPECT_TRUE(problem.at("type").is_string() && problem.at("title").is_string());
    }
  }
}

TEST(Api, PutsReportsAndVerbsInRingsOfTheirOwn) {
  Desk desk;
  const Call reports =
      handle(desk.request("POST", "/api/v2/alerts", api_v2), desk.world.now(), desk.services, desk.parser);
  EXPECT_FALSE(std::get<Tell>(reports).people);
  EXPECT_GE(std::get<Tell>(reports).bytes, std::string_view{api_v2}.size());
  const Call verb = handle(
      desk.request("POST", "/v1/incidents/R-1/ack", R"({"by":"olga"})"), desk.world.now(), desk.services, desk.parser);
  EXPECT_TRUE(std::get<Tell>(verb).people);
}

TEST(Api, ReportsCarryTheirSendersAddressAndKeysOfThisPolicy) {
  Desk desk;
  net::Request request = desk.request("POST", "/api/v2/alerts", api_v2);
  const Call call = handle(request, desk.world.now(), desk.services, desk.parser);
  const auto& arrived = std::get<rules::ReportsArrived>(std::get<Tell>(call).event);
  EXPECT_EQ(arrived.source, "127.0.0.1");
  ASSERT_EQ(arrived.reports.size(), 1U);
  EXPECT_EQ(arrived.reports[0].keyed_for, rules::identity_of(desk.services.policy()->identity));
  EXPECT_EQ(arrived.reports[0].key,
            rules::key_of(
                arrived.reports[0].labels, desk.services.policy()->identity.ignore_labels, desk.world.state().seed));
}

TEST(Api, AnswersNothingWith2xxThatIsNotOnDisk) {
  for (const roused::Durability durability : {roused::Durability::memory, roused::Durability::refused}) {
    for (const auto& [target, body] : {std::pair{"/v1/alerts/alertmanager", webhook},
                                       std::pair{"/api/v2/alerts", api_v2},
                                       std::pair{"/v1/incidents/R-1/ack", R"({"by":"olga"})"}}) {
      Desk desk;
      desk.durability = durability;
      const net::Response response = desk.answer("POST", target, body);
      EXPECT_EQ(response.status, 503U) << target;
      EXPECT_NE(response.body.find("send it again"), std::string::npos) << response.body;
    }
  }
}

TEST(Api, ALookThatNeverCameToPassAnswers503) {
  Desk desk;
  for (const char* const target : {"/v1/incidents", "/v1/incidents/R-1", "/metrics"}) {
    const Call call = handle(desk.request("GET", target), desk.world.now(), desk.services, desk.parser);
    EXPECT_EQ(std::get<Ask>(call).render().status, 503U);
  }
}

TEST(Api, SaysWhyItIsNotReady) {
  Desk desk;
  desk.services.why_not_ready = [] { return std::optional<std::string>{"no channel works"}; };
  const net::Response response = desk.answer("GET", "/-/ready");
  EXPECT_EQ(response.status, 503U);
  EXPECT_NE(response.body.find("no channel works"), std::string::npos);
  EXPECT_EQ(desk.answer("GET", "/-/healthy").status, 200U);
}

TEST(Api, ADryRunIsNoReload) {
  Desk desk;
  (void)desk.answer("POST", "/-/reload?dry_run=true");
  (void)desk.answer("POST", "/-/reload");
  EXPECT_EQ(desk.reloads, (std::vector<bool>{true, false}));
}

TEST(Api, HandsRejectedAlertsToWhoeverKeepsThem) {
  Desk desk;
  std::vector<std::string> kept;
  desk.services.keep_rejected = [&kept](const std::string& source, const intake::Rejected& one) {
    kept.push_back(source + " " + std::to_string(one.index));
  };
  EXPECT_EQ(desk.answer("POST", "/api/v2/alerts", R"([{"labels":{"alertname":"A"}},{"labels":{}}])").status, 200U);
  EXPECT_EQ(kept, (std::vector<std::string>{"127.0.0.1 1"}));
}

TEST(Api, TakesEveryCapturedBody) {
  for (const char* const name :
       {"01-firing-single", "05-group-one-resolved-two-firing", "11-unicode-control-chars-20k-label"}) {
    std::ifstream file{std::string{ROUSE_SOURCE_DIR "/tests/captures/alertmanager-0.25/"} + name + ".json"};
    std::stringstream text;
    text << file.rdbuf();
    ASSERT_FALSE(text.str().empty()) << name;
    Desk desk;
    EXPECT_EQ(desk.answer("POST", "/v1/alerts/alertmanager", text.str()).status, 200U) << name;
  }
}

// ---- who may speak
// ----------------------------------------------------------------------------------------------------

struct Sent {
  std::string method;
  std::string target;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  unsigned status;
};

TEST(Access, WithoutASectionOnlyThisMachineIsServed) {
  const std::string ack = R"({"by":"olga"})";
  const std::pair<std::string, std::string> json{"Content-Type", "application/json"};
  const std::pair<std::string, std::string> host{"Host", "localhost:9911"};
  const std::vector<Sent> table = {
      {"GET", "/v1/incidents", "", {host}, 200},
      {"GET", "/v1/incidents", "", {}, 200},
      {"GET", "/v1/incidents", "", {{"Host", "[::1]:9911"}}, 200},
      {"GET", "/v1/incidents", "", {{"Host", "127.0.0.1"}}, 200},
      {"GET", "/v1/incidents", "", {{"Host", "evil.example.org"}}, 403},
      {"GET", "/v1/incidents", "", {{"Host", "127.0.0.1.evil.example.org"}}, 403},
      {"GET", "/v1/incidents", "", {{"Host", "localhost.evil.example.org:9911"}}, 403},
      {"GET", "/v1/incidents", "", {{"Host", "[::2]"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"Origin", "https://evil.example.org"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"Origin", "null"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"Origin", "http://localhost:9911"}}, 200},
      {"GET", "/v1/incidents", "", {host, {"X-Forwarded-For", "10.0.0.1"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"x-forwarded-whatever", "1"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"Forwarded", "for=10.0.0.1"}}, 403},
      {"GET", "/v1/incidents", "", {host, {"via", "1.1 proxy"}}, 403},
      {"POST", "/v1/incidents/R-1/ack", ack, {host, json}, 200},
      {"POST", "/v1/incidents/R-1/ack", ack, {host, {"Content-Type", "Application/JSON; charset=utf-8"}}, 200},
      {"POST", "/v1/incidents/R-1/ack", ack, {host}, 415},
      {"POST", "/v1/incidents/R-1/ack", ack, {host, {"Content-Type", "text/plain"}}, 415},
      {"POST", "/v1/incidents/R-1/ack", ack, {host, {"Content-Type", "application/x-www-form-urlencoded"}}, 415},
      {"POST", "/v1/incidents/R-1/ack", ack, {json, {"Host", "evil.example.org"}}, 403},
      {"POST", "/-/reload", "", {host}, 200},
      {"POST", "/-/reload", "{}", {host, json}, 200},
      {"POST", "/-/reload", "x=1", {host, {"Content-Type", "text/plain"}}, 415},
      // Where alerts are reported, names do not matter, and a missing type is none.
      {"POST", "/api/v2/alerts", api_v2, {{"Host", "rouse.internal"}, json}, 200},
      {"POST", "/api/v2/alerts", api_v2, {host}, 200},
      {"POST", "/api/v2/alerts", api_v2, {host, {"Content-Type", "application/vnd.alerts+json"}}, 200},
      {"POST", "/api/v2/alerts", api_v2, {host, {"Content-Type", "application/x-www-form-urlencoded"}}, 415},
      {"POST", "/v1/alerts/alertmanager", webhook, {host, {"Content-Type", "text/plain"}}, 415},
      {"POST", "/api/v2/alerts", api_v2, {host, json, {"Via", "1.1 proxy"}}, 403},
  };
  for (const Sent& one : table) {
    Desk desk;
    net::Request request = desk.request(one.method, one.target, one.body);
    request.headers.clear();
    std::string shown = one.method + " " + one.target;
    for (const auto& [name, value] : one.headers) {
      request.headers.add(name, value);
      shown += " | " + name + ": " + value;
    }
    EXPECT_EQ(desk.answer(request).status, one.status) << shown;
    request.is_loopback = false;
    EXPECT_EQ(desk.answer(request).status, 403U) << "from elsewhere: " << shown;
  }
}

}  // namespace
}  // namespace api
