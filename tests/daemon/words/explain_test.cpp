#include "daemon/words/explain.hpp"

#include <gtest/gtest.h>

#include "daemon/rehearse/explain.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/page.hpp"
#include "rules/excerpt.hpp"
#include "tests/daemon/words/scene.hpp"

namespace words {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view team = R"(
rouse: 1
people:
  olga: { contact: { sms: "+15550100" } }
  ben:  { contact: { sms: "+15550101" } }
call_trees:
  outage:
    steps: [ { call: olga, wait: 5m } ]
    repeat: 0
    last_resort: { call: ben }
services: { router: { owner: olga }, checkout: { depends_on: [ router ] } }
route:
  call_tree: outage
  routes:
    - { name: db, matchers: [ team = db ] }
channels:
  sms: [ { webhook: { url: "http://127.0.0.1:8080/sms" } } ]
)";

rules::Explanation explain(std::vector<std::pair<std::string, std::string>> labels, bool has_parent) {
  rehearse::World world{scene::policy(team), scene::start, 7};
  if (has_parent) world.tell(scene::start, scene::firing({{"alertname", "RouterDown"}, {"service", "router"}}));
  rules::Report report;
  report.labels = rules::Labels{std::move(labels)};
  rehearse::World copy{rules::excerpt(world.state(), {report.labels})};
  return rehearse::explain(copy, report, scene::start + 10min);
}

Drawing ascii() {
  Drawing drawing;
  drawing.unicode = false;
  drawing.clock = [](rules::Instant instant) { return rules::print_rfc3339(instant).substr(11, 8); };
  return drawing;
}

TEST(ExplanationTree, TellsTheWholeWayToTheLastResort) {
  EXPECT_EQ(draw_explanation(explain({{"alertname", "RouterDown"}, {"service", "router"}, {"severity", "bad"}}, false),
                             ascii()),
            R"(RouterDown (5a88744c5a6354d5), if it fired at 17:10:00
|- labels
|  |- alertname=RouterDown
|  |- service=router
|  `- severity=bad
|- identity: alertname, service; not part of it: severity
|- severity: bad, which is unknown and ranks as the highest
|- service: router, owned by olga
|- routes
|  `- [>] root: always
|     `- [ ] root/db: no, team="db" does not match
`- opens an incident by route root on call tree outage
   |- grouped by alertname=RouterDown, service=router; it lacks cluster
   |- urgency high
   `- if nobody answers
      |- step 1, round 1: a new incident
      |  `- 17:10:00 (now): olga by sms, named by the step
      `- last resort
         `- 17:15:00 (in 5m): ben by sms, named by the step
)");
}

TEST(ExplanationTree, OfAHeldAlertSaysWhatWouldHaveToHappen) {
  EXPECT_EQ(draw_explanation(explain({{"alertname", "Slow"}, {"service", "checkout"}, {"team", "db"}}, true), ascii()),
            R"(Slow (b0cb72faa54604f5), if it fired at 17:10:00
|- labels
|  |- alertname=Slow
|  |- service=checkout
|  `- team=db
|- identity: alertname, service, team
|- severity: it has none, so it ranks as the highest
|- service: checkout, which nobody owns
|- routes
|  `- [x] root: always
|     `- [>] root/db: team="db"
`- opens an incident by route root/db on call tree outage
   |- grouped by alertname=Slow, service=checkout; it lacks cluster
   |- urgency high
   |- held back
   |  |- hold checkout depends on others: whether one of them fails, too, until 17:10:30 (in 30s)
   |  |  `- ends when the wait is over, unless a service that it depends on has failed by then
   |  |- parent R-1 on router
   |  |  `- ends when R-1 has ended, and 2m after
   |  `- as things stand nobody is called
   `- calls nobody: never while it is held by parent R-1 on router
)");
}

TEST(ExplanationJson, ComesBackAsTheExplanationItWasMadeOf) {
  for (const bool has_parent : {false, true}) {
    const rules::Explanation told =
        explain({{"alertname", "Slow"}, {"service", "checkout"}, {"team", "db"}}, has_parent);
    const std::string json = explanation_json(told);
    const tl::expected<rules::Explanation, std::string> back = parse_explanation_json(json);
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(explanation_json(*back), json);
    EXPECT_EQ(draw_explanation(*back, ascii()), draw_explanation(told, ascii()));
  }
}

TEST(ExplanationJson, HasTheSameFactsAsTheTree) {
  EXPECT_EQ(explanation_json(explain({{"alertname", "RouterDown"}}, false)),
            R"({"version":1,"at":"2026-03-04T17:10:00.000Z","alert":{"fingerprint":"322894bdc3f5c4e7",)"
            R"("labels":{"alertname":"RouterDown"},"identity":["alertname"],"ignored":[],"severity":null,)"
            R"("severity_known":false,"service":null,"service_known":false,"owner":null,"heartbeat":null,)"
            R"("set_aside_until":null},"routes":[{"path":"root","depth":0,"matchers":[],"fate":"taken","failed":null},)"
            R"({"path":"root/db","depth":1,"matchers":["team=\"db\""],"fate":"no_match","failed":"team=\"db\""}],)"
            R"("routes_left_out":0,"incidents":[{"fate":"opens","id":null,"route":"root","call_tree":"outage",)"
            R"("group":{"alertname":"RouterDown"},"absent":["service","cluster"],"every_label":false,)"
            R"("urgency":"high","intervals":[],"otherwise":"high","state":"triggered","by":null,"holds":[],)"
            R"("pages_at":null,"calls":[{"at":"2026-03-04T17:10:00.000Z","to":"olga","by":"sms","step":1,"round":1,)"
            R"("reason":"first","because":"named by the step"},{"at":"2026-03-04T17:15:00.000Z","to":"ben","by":"sms",)"
            R"("step":0,"round":0,"reason":"last_resort","because":"named by the step"}],"more_calls":false,)"
            R"("last_resort_at":"2026-03-04T17:15:00.000Z","quiet":null}],"until":"2026-03-04T17:15:00.000Z",)"
            R"("cut":false})");
}

TEST(ExplanationTree, LetsNoLabelSpeakToTheTerminal) {
  const std::string tree = draw_explanation(explain({{"alertname", "a\x1b[31m"}, {"b\nc", "\r"}}, false), ascii());
  EXPECT_EQ(tree.find('\x1b'), std::string::npos);
  EXPECT_EQ(tree.find('\r'), std::string::npos);
}

// ---- of incidents ---------------------------------------------------------------------------------------------------

rehearse::World held_world() {
  rehearse::World world{scene::policy(team), scene::start, 7};
  world.tell(scene::start, scene::firing({{"alertname", "RouterDown"}, {"service", "router"}}));
  world.tell(scene::start + 1min, scene::firing({{"alertname", "Slow"}, {"service", "checkout"}}));
  world.advance_to(scene::start + 2min);
  return world;
}

TEST(HeldIncident, IsShownWithEachReasonAndWhatEndsIt) {
  const rehearse::World world = held_world();
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{2}).value();
  ASSERT_EQ(view.holds.size(), 1U);
  EXPECT_EQ(view.holds.front().kind, rules::HoldKind::parent);
  EXPECT_EQ(view.holds.front().by, rules::IncidentId{1});
  ASSERT_EQ(view.alerts.size(), 1U);
  ASSERT_EQ(view.alerts.front().held.size(), 1U);
  EXPECT_EQ(view.alerts.front().held.front().rule, "router");
  EXPECT_EQ(view.sources, (std::vector<std::string>{"127.0.0.1"}));
  const std::string picture = draw_incident(view, scene::start + 2min, ascii());
  EXPECT_NE(picture.find("parent R-1 on router\n    ends when R-1 has ended, and 2m after\n"), std::string::npos)
      << picture;
  const tl::expected<rules::IncidentView, std::string> back =
      parse_incident_json(incident_json(view, true, "https://r.example"));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(draw_incident(*back, scene::start + 2min, ascii()), picture);
  EXPECT_NE(picture.find("held: parent R-1 on router"), std::string::npos) << picture;
}

TEST(HeldIncident, SaysWhenItPagesAsThingsStand) {
  rehearse::World world{scene::policy(team), scene::start, 7};
  world.tell(scene::start, scene::firing({{"alertname", "Slow"}, {"service", "checkout"}}));
  const rules::IncidentView view = rules::view_incident(world.state(), rules::IncidentId{1}).value();
  EXPECT_EQ(view.pages_at, scene::start + 30s);
  ASSERT_EQ(view.next.size(), 1U);
  EXPECT_EQ(view.next.front().kind, rules::NextKind::holds_end);
  EXPECT_EQ(view.next.front().at, scene::start + 30s);
  world.advance_to(scene::start + 30s);
  EXPECT_FALSE(world.pages().empty());
}

TEST(HeldIncident, IsFoundAmongOthers) {
  const rehearse::World world = held_world();
  rules::IncidentFilter filter;
  filter.held = true;
  const rules::IncidentList list = rules::list_incidents(world.state(), filter);
  ASSERT_EQ(list.incidents.size(), 1U);
  EXPECT_EQ(list.incidents.front().facts.id, rules::IncidentId{2});
}

TEST(PageText, SaysWhatIsBehindTheIncident) {
  rehearse::World world = held_world();
  world.advance_to(scene::start + 6min);  // the last resort is called, and by then R-2 is behind R-1
  ASSERT_EQ(world.pages().size(), 2U);
  rules::Send send = world.pages().back().message;
  send.pages = {world.pages().back().page};
  EXPECT_NE(page_text(send, "").find("\n1 alert behind it is held (R-2 on checkout)\n"), std::string::npos)
      << page_text(send, "");
}

TEST(PageText, DoesNotCountWhatSomebodyHasResolvedAsUnexplained) {
  rehearse::World world{scene::policy(team), scene::start, 7};
  // It failed long before the router did, so that is not why.
  world.tell(scene::start, scene::firing({{"alertname", "Slow"}, {"service", "checkout"}}));
  world.tell(scene::start + 1h, scene::firing({{"alertname", "RouterDown"}, {"service", "router"}}));
  world.tell(scene::start + 1h + 1min, scene::firing({{"alertname", "Slower"}, {"service", "checkout"}}));
  world.advance_to(scene::start + 1h + 5min);
  const auto behind = [&] { return rules::view_incident(world.state(), rules::IncidentId{2}).value().facts.behind; };
  EXPECT_NE(behind().find("1 is not explained by it"), std::string::npos) << behind();
  world.tell(scene::start + 2h, rules::Resolve{.incident = rules::IncidentId{1}, .by = "olga"});
  EXPECT_EQ(behind(), "1 alert behind it is held (R-3 on checkout)");
}

TEST(IncidentJson, OfEveryReasonThereIsIsReadBack) {
  rules::IncidentView view = rules::view_incident(scene::busy_world().state(), rules::IncidentId{1}).value();
  view.timeline.clear();
  for (unsigned kind = 0; !rules::to_text(static_cast<rules::ReasonKind>(kind)).empty(); ++kind) {
    view.timeline.push_back(
        rules::Reason{.at = scene::start, .kind = static_cast<rules::ReasonKind>(kind), .rule = "rule", .saw = "saw"});
  }
  ASSERT_GT(view.timeline.size(), 50U);
  const tl::expected<rules::IncidentView, std::string> back = parse_incident_json(incident_json(view, true, ""));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(back->timeline, view.timeline);
}

}  // namespace
}  // namespace words
