#include "daemon/words/json.hpp"

#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include "rules/view.hpp"
#include "tests/daemon/words/scene.hpp"

namespace words {
namespace {

using namespace std::chrono_literals;

rules::IncidentView view_of(const rehearse::World& world, std::uint64_t number) {
  return rules::view_incident(world.state(), rules::IncidentId{number}).value();
}

TEST(IncidentJson, HasTheFieldsOfTheContractInItsOrder) {
  const rehearse::World world = scene::busy_world();
  const boost::json::value document = boost::json::parse(incident_json(view_of(world, 1), false, "https://r.example"));
  std::vector<std::string> names;
  for (const auto& [name, value] : document.as_object()) names.emplace_back(name.data(), name.size());
  EXPECT_EQ(names,
            (std::vector<std::string>{"id",
                                      "uid",
                                      "state",
                                      "urgency",
                                      "severity",
                                      "service",
                                      "summary",
                                      "by",
                                      "alerts",
                                      "drill",
                                      "opened_at",
                                      "resolved_at",
                                      "held",
                                      "unheard",
                                      "url"}));
  EXPECT_EQ(document.at("id").as_string(), "R-1");
  EXPECT_EQ(document.at("opened_at").as_string(), "2026-03-04T17:00:00.000Z");
  EXPECT_TRUE(document.at("resolved_at").is_null());
  EXPECT_TRUE(document.at("by").is_null());
  EXPECT_EQ(document.at("url").as_string(), "https://r.example/v1/incidents/R-1");
}

TEST(IncidentJson, OfTheWholeTellsTheClimbAndWhatComesNext) {
  const rehearse::World world = scene::busy_world();
  const boost::json::value document = boost::json::parse(incident_json(view_of(world, 1), true, ""));
  const boost::json::value& climb = document.at("climb");
  EXPECT_EQ(climb.at("call_tree").as_string(), "outage");
  EXPECT_EQ(climb.at("phase").as_string(), "climbing");
  EXPECT_EQ(climb.at("step").as_int64(), 2);
  EXPECT_EQ(climb.at("round").as_int64(), 1);
  EXPECT_EQ(climb.at("rounds").as_int64(), 2);
  EXPECT_EQ(climb.at("steps").at(0).at("state").as_string(), "done");
  EXPECT_EQ(climb.at("steps").at(1).at("state").as_string(), "current");
  EXPECT_EQ(climb.at("steps").at(1).at("wait").as_string(), "10m");
  EXPECT_EQ(climb.at("pages").as_array().size(), 3U);
  EXPECT_EQ(climb.at("pages").at(0).at("state").as_string(), "accepted");
  EXPECT_EQ(document.at("next").at(0).at("what").as_string(), "next_round");
  EXPECT_EQ(document.at("next").at(0).at("at").as_string(), "2026-03-04T17:15:00.000Z");
  EXPECT_EQ(document.at("alert_list").at(0).at("labels").at("alertname").as_string(), "ApiDown");
  EXPECT_EQ(document.at("alert_list").at(0).at("status").as_string(), "firing");
  EXPECT_EQ(document.at("because").at(0).at("kind").as_string(), "opened");
  EXPECT_GT(document.at("timeline").as_array().size(), document.at("because").as_array().size());
}

TEST(IncidentJson, ComesBackAsTheViewItWasMadeOf) {
  rehearse::World world = scene::busy_world();
  world.tell(scene::start + 7min, rules::Acknowledge{.incident = rules::IncidentId{2}, .by = "mia"});
  world.tell(scene::start + 8min, rules::Snooze{.incident = rules::IncidentId{1}, .by = "ben", .length = 30min});
  for (const std::uint64_t number : {1U, 2U, 3U}) {
    const std::string json = incident_json(view_of(world, number), true, "https://r.example");
    const tl::expected<rules::IncidentView, std::string> back = parse_incident_json(json);
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(incident_json(*back, true, "https://r.example"), json);
    EXPECT_EQ(back->timeline, view_of(world, number).timeline);
  }
}

TEST(IncidentJson, LetsUnknownFieldsPassAndNamesAWrongOne) {
  EXPECT_TRUE(parse_incident_json(R"({"id":"R-1","state":"triggered","colour":"blue"})").has_value());
  EXPECT_EQ(parse_incident_json(R"({"id":"R-1","state":"purple"})").error(),
            "\"state\" is not a word that this program knows");
  EXPECT_EQ(parse_incident_json(R"({"state":"triggered"})").error(), "\"id\" is not there");
  EXPECT_EQ(parse_incident_json(R"({"id":"R-1","state":"triggered","climb":{"steps":[{"wait":"soon"}]}})").error(),
            "\"wait\" is not a duration");
  for (const std::string_view text : {"", "[]", "{", "\"R-1\"", "{\"id\":5,\"state\":\"triggered\"}"}) {
    EXPECT_FALSE(parse_incident_json(text).has_value()) << text;
  }
}

TEST(ListJson, SaysWhereToGoOn) {
  const rehearse::World world = scene::busy_world();
  rules::IncidentFilter filter;
  filter.state = rules::StateFilter::all;
  filter.limit = 2;
  const std::string json = list_json(rules::list_incidents(world.state(), filter), false, "");
  const boost::json::value document = boost::json::parse(json);
  EXPECT_EQ(document.at("incidents").at(0).at("id").as_string(), "R-3");
  EXPECT_EQ(document.at("next").as_string(), "R-2");
  EXPECT_FALSE(document.at("incidents").at(0).as_object().contains("alert_list"));
  const auto back = parse_list_json(json);
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(list_json(*back, false, ""), json);
  EXPECT_EQ(list_json({}, false, ""), R"({"incidents":[],"next":null})");
}

TEST(OnCallJson, ComesBackAsItWas) {
  const std::string json = on_call_json(rules::view_on_call(*scene::policy(), scene::start), scene::start);
  const boost::json::value document = boost::json::parse(json);
  EXPECT_EQ(document.at("on_call").at(0).at("target").as_string(), "operations");
  EXPECT_EQ(document.at("on_call").at(0).at("people").as_array().size(), 1U);
  const auto back = parse_on_call_json(json);
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(on_call_json(*back, scene::start), json);
}

TEST(Because, HasASentenceOfItsOwnForEveryKind) {
  std::set<std::string> sentences;
  const auto last = static_cast<unsigned>(rules::ReasonKind::clock_stepped);
  for (unsigned kind = 0; kind <= last; ++kind) {
    const std::string sentence = because_text(
        rules::Reason{.at = {}, .kind = static_cast<rules::ReasonKind>(kind), .rule = "RULE", .saw = "SAW"});
    EXPECT_NE(sentence.find("SAW"), std::string::npos) << kind << ": " << sentence;
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
  }
}

TEST(Because, MakesWhatStrangersWroteVisible) {
  EXPECT_EQ(because_text({.at = {}, .kind = rules::ReasonKind::noted, .rule = "olga", .saw = "a\nb\x1b[2J"}),
            "olga noted: a b\\x1b[2J");
}

}  // namespace
}  // namespace words
