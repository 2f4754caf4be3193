#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "rules/codec/codec.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::string_view alert =
    R"({"labels": {"alertname": "ApiDown", "service": "search", "severity": "critical"}, "annotations": {}})";

TEST(ExplainPath, TellsWhatWouldBecomeOfAnAlertAndChangesNothing) {
  Desk desk;
  const std::string before = codec::encode_state(desk.world.state());
  const net::Response response = desk.answer("POST", "/v1/explain", std::string{alert});
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value told = json::parse(response.body);
  EXPECT_EQ(told.at("at").as_string(), "2026-03-04T17:06:00.000Z");
  const json::value& incident = told.at("incidents").at(0);
  EXPECT_EQ(incident.at("fate").as_string(), "opens");
  EXPECT_EQ(incident.at("call_tree").as_string(), "outage");
  EXPECT_EQ(incident.at("calls").at(0).at("to").as_string(), "olga");
  EXPECT_EQ(incident.at("calls").at(0).at("at").as_string(), "2026-03-04T17:06:00.000Z");
  EXPECT_FALSE(incident.at("last_resort_at").is_null());
  EXPECT_EQ(codec::encode_state(desk.world.state()), before);
}

TEST(ExplainPath, SeesTheIncidentThatItWouldJoin) {
  Desk desk;
  const net::Response response = desk.answer(
      "POST", "/v1/explain", R"({"labels": {"alertname": "ApiDown", "service": "checkout", "instance": "b"}})");
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value incident = json::parse(response.body).at("incidents").at(0);
  EXPECT_EQ(incident.at("fate").as_string(), "joins");
  EXPECT_EQ(incident.at("id").as_string(), "R-1");
  EXPECT_EQ(incident.at("calls").at(0).at("at").as_string(), "2026-03-04T17:15:00.000Z");  // its climb goes on
}

TEST(ExplainPath, TakesAnInstantThatIsStillToCome) {
  Desk desk;
  const net::Response response =
      desk.answer("POST", "/v1/explain", R"({"labels": {"alertname": "New"}, "at": "2026-03-10T03:00:00Z"})");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(json::parse(response.body).at("incidents").at(0).at("calls").at(0).at("to").as_string(), "ben");
}

TEST(ExplainPath, RefusesWhatItCannotExplainAndSaysWhy) {
  Desk desk;
  const std::pair<std::string, std::string> table[] = {
      {"{", "not JSON"},
      {"{}", "not an alert"},
      {"7", "not an alert"},
      {"[]", "there is no alert in it"},
      {R"({"labels": {}})", "label"},
      {R"({"labels": 7})", "label"},
      {R"([{"labels": {"alertname": "a"}}, {"labels": {"alertname": "b"}}])", "one alert"},
      {R"({"labels": {"alertname": "a"}, "at": "tomorrow"})", "is a time"},
      {R"({"labels": {"alertname": "a"}, "at": 7})", "is a time"},
      {R"({"labels": {"alertname": "a"}, "at": "2026-03-01T00:00:00Z"})", "has passed"},
      {R"({"labels": {"alertname": "a"}, "at": "2027-03-01T00:00:00Z"})", "31 days"},
  };
  for (const auto& [body, why] : table) {
    const net::Response response = desk.answer("POST", "/v1/explain", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_NE(response.body.find(why), std::string::npos) << body << ": " << response.body;
  }
  const net::Response get = desk.answer("GET", "/v1/explain");
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(get.headers.find("Allow"), "POST");
}

TEST(IncidentList, FindsWhatIsHeld) {
  Desk desk;
  EXPECT_EQ(json::parse(desk.answer("GET", "/v1/incidents?held=true").body).at("incidents").as_array().size(), 0U);
  rules::SilenceSet set;
  set.matchers = *rules::parse_matchers("service=\"checkout\"");
  set.from = desk.world.now();
  set.to = set.from + std::chrono::hours{1};
  set.by = "olga";
  desk.world.tell(desk.world.now(), set);
  const json::value list = json::parse(desk.answer("GET", "/v1/incidents?held=true").body);
  ASSERT_EQ(list.at("incidents").as_array().size(), 1U);
  EXPECT_EQ(list.at("incidents").at(0).at("id").as_string(), "R-1");
  const json::value whole = json::parse(desk.answer("GET", "/v1/incidents/R-1").body);
  EXPECT_EQ(whole.at("holds").at(0).at("kind").as_string(), "silence");
  EXPECT_EQ(whole.at("holds").at(0).at("until").as_string(), "2026-03-04T18:06:00.000Z");
  EXPECT_EQ(whole.at("pages_at").as_string(), "2026-03-04T18:06:00.000Z");
  EXPECT_EQ(whole.at("alert_list").at(0).at("held").at(0).at("kind").as_string(), "silence");
  EXPECT_EQ(desk.answer("GET", "/v1/incidents?held=perhaps").status, 400);
}

}  // namespace
}  // namespace api
