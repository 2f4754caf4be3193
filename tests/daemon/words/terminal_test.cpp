#include "daemon/words/terminal.hpp"

#include <gtest/gtest.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "tests/daemon/words/scene.hpp"

namespace words {
namespace {

using namespace std::chrono_literals;

Drawing ascii() {
  Drawing drawing;
  drawing.unicode = false;
  drawing.clock = [](rules::Instant instant) { return rules::print_rfc3339(instant).substr(11, 8); };
  return drawing;
}

TEST(Relative, NamesTheTwoGreatestUnits) {
  const std::pair<rules::Duration, std::string> table[] = {
      {0s, "now"},
      {1ms, "in 1s"},
      {130s, "in 2m 10s"},
      {120s, "in 2m"},
      {1h + 5s, "in 1h"},
      {26h + 30min, "in 1d 2h"},
      {24h * 15, "in 2w 1d"},
      {-999ms, "now"},
      {-3min, "3m ago"},
      {-(3min + 1500ms), "3m 1s ago"},
  };
  for (const auto& [duration, text] : table) EXPECT_EQ(print_relative(duration), text) << duration.count();
}

TEST(Picture, ShowsWhereTheClimbStandsAndWhatComesNext) {
  const rehearse::World world = scene::busy_world();
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  Drawing drawing = ascii();
  drawing.timeline = 0;
  EXPECT_EQ(draw_incident(view, scene::start + 6min, drawing),
            R"((!) R-1  ApiDown: no answer for 2 minutes
  triggered
  urgency high, severity critical, service checkout, 1 alert
  opened 17:00:00 (6m ago)

Call tree outage, round 1 of 2
  |- [x] 1 operations, waits 5m
  |    olga (Operations Engineer)
  |    ok olga by sms: accepted, 17:00:00 (6m ago)
  `- [>] 2 ben, database, waits 10m
       ben, mia
       ok ben by sms: accepted, 17:05:00 (1m ago)
       ok mia by sms: accepted, 17:05:00 (1m ago)

Next, unless somebody acknowledges
  in 9m       the next round begins: operations

Alerts
  )" + rules::hex(view.alerts.at(0).fingerprint) +
                R"(  firing   alertname=ApiDown service=checkout severity=critical
)");
}

TEST(Picture, OfWhatTheDaemonAnswersIsThatOfTheStateItself) {
  rehearse::World world = scene::busy_world();
  world.tell(scene::start + 8min, rules::Acknowledge{.incident = rules::IncidentId{1}, .by = "ben"});
  for (const std::uint64_t number : {1U, 2U, 3U}) {
    const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{number}).value();
    const auto online = parse_incident_json(incident_json(view, true, ""));
    ASSERT_TRUE(online.has_value()) << online.error();
    EXPECT_EQ(draw_incident(*online, world.now(), Drawing{}), draw_incident(view, world.now(), Drawing{}));
  }
}

TEST(Picture, KeepsToTheWidthAndToAscii) {
  const rehearse::World world = scene::busy_world();
  rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  view.facts.summary = std::string(500, 'x');
  Drawing drawing = ascii();
  drawing.width = 60;
  const std::string picture = draw_incident(view, world.now(), drawing);
  std::size_t begin = 0;
  for (std::size_t end = picture.find('\n'); end != std::string::npos; end = picture.find('\n', begin)) {
    EXPECT_LE(end - begin, 60U) << picture.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_EQ(begin, picture.size()) << "the last line ends";
  for (const char letter : picture) EXPECT_TRUE(letter == '\n' || (letter >= ' ' && letter <= '~'));
}

TEST(Picture, ColoursOnlyWhenAsked) {
  const rehearse::World world = scene::busy_world();
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  Drawing drawing;
  EXPECT_EQ(draw_incident(view, world.now(), drawing).find('\x1b'), std::string::npos);
  drawing.colour = true;
  EXPECT_NE(draw_incident(view, world.now(), drawing).find("\x1b[33m▶"), std::string::npos);
}

TEST(Picture, LetsNoLabelSpeakToTheTerminal) {
  rehearse::World world{scene::policy(), scene::start, 7};
  world.tell(
      scene::start,
      scene::firing({{"alertname", "A\x1b[2Jb"}, {"service", "s\nX"}, {"severity", "\x9Bq"}, {"e\x07", "\x1b"}}));
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  rules::IncidentList list;
  list.incidents.push_back(view);
  for (const std::string& text :
       {draw_incident(view, world.now(), Drawing{}), draw_list(list, world.now(), Drawing{})}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_EQ(text.find('\x07'), std::string::npos) << text;
    EXPECT_NE(text.find("\\x1b"), std::string::npos) << text;
  }
}

TEST(Picture, SaysWhenNobodyHasAnswered) {
  rehearse::World world = scene::busy_world();
  world.advance_to(scene::start + 2h);
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  ASSERT_TRUE(view.unheard);
  const std::string picture = draw_incident(view, world.now(), ascii());
  EXPECT_NE(picture.find("UNHEARD"), std::string::npos) << picture;
  EXPECT_NE(picture.find("last resort"), std::string::npos) << picture;
}

TEST(Table, AlignsColumnsByWhatIsSeen) {
  EXPECT_EQ(draw_table({"a", "bb"}, {{"gr\xC3\xBC", "x"}, {"1", "y\nz"}}, 80), "a    bb\ngr\xC3\xBC  x\n1    y z\n");
}

TEST(Table, GivesWayAlsoWhenALastCellEndsInNothing) {
  EXPECT_EQ(draw_table({"a", "b"}, {{"longer than it may be", "x" + std::string(30, ' ')}}, 20),
            "a                      b\nlonger than it may be  x\n");
  EXPECT_EQ(draw_table({"a", "b"}, {{"longer than it may be", std::string(30, '\t')}}, 20),
            "a                      b\nlonger than it may be\n");
}

TEST(Table, OfIncidentsAndOfWhoIsOnCall) {
  const rehearse::World world = scene::busy_world();
  const std::string list = draw_list(rules::list_incidents(world.state(), {}), world.now(), ascii());
  EXPECT_NE(list.find("(!) R-1"), std::string::npos) << list;
  EXPECT_EQ(list.find("R-3"), std::string::npos) << list;
  EXPECT_EQ(draw_list({}, world.now(), ascii()), "no incidents\n");
  const std::string on_call = draw_on_call(rules::view_on_call(*scene::policy(), scene::start), scene::start, ascii());
  EXPECT_NE(on_call.find("operations  Operations Engineer  olga"), std::string::npos) << on_call;
}

}  // namespace
}  // namespace words
