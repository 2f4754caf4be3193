// What an explanation says comes true, whatever else is going on.
#include "daemon/rehearse/explain.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "rules/codec/codec.hpp"
#include "rules/excerpt.hpp"
#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "tests/support/figures.hpp"

namespace rehearse {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view team = R"(
rouse: 1
people:
  olga:
    contact: { sms: "+15550100", voice: "+15550110" }
    notify: { high: [ { by: sms }, { by: voice, after: 2m } ] }
  ben:  { contact: { sms: "+15550101" } }
  mia:  { contact: { sms: "+15550102" } }
call_trees:
  outage:
    steps: [ { call: olga, wait: 5m }, { call: ben, wait: 5m } ]
    repeat: 1
    last_resort: { call: mia }
  quiet: { steps: [ { call: mia, wait: 5m } ] }
services:
  router:   { owner: olga }
  postgres: { depends_on: [ router ] }
  checkout: { depends_on: [ postgres ] }
  batch:    { maintenance: [ nights ] }
time_intervals:
  nights: { timezone: UTC, days: [ mon, tue, wed, thu, fri, sat, sun ], from: "22:00", to: "04:00" }
  days:   { timezone: UTC, days: [ mon, tue, wed, thu, fri ], from: "08:00", to: "18:00" }
inhibit_rules:
  - { name: cluster, source: [ alertname = ClusterDown ], target: [ alertname = NodeDown ], equal: [ cluster ] }
correlation:
  storm: { incidents: 4, within: 1m, until: { incidents: 2, within: 5m } }
route:
  call_tree: outage
  routes:
    - { name: info, matchers: [ severity = info ], call_tree: quiet, urgency: low }
    - { name: noted, matchers: [ severity = none ], call_tree: quiet, urgency: none }
    - { name: slow, matchers: [ team = slow ], group_wait: 3m }
    - { name: office, matchers: [ team = office ], active: [ days ], otherwise: { urgency: low } }
    - { name: both, matchers: [ team = both ], call_tree: quiet, continue: true }
    - { name: other, matchers: [ team = both ] }
channels:
  sms: [ { webhook: { url: "http://127.0.0.1:8080/sms" } } ]
  voice: [ { webhook: { url: "http://127.0.0.1:8080/voice" } } ]
)";

const rules::Instant start = *rules::parse_rfc3339("2026-03-04T12:00:00Z");  // a Wednesday

std::shared_ptr<const rules::Policy> policy() {
  static const std::shared_ptr<const rules::Policy> built = [] {
    config::Loaded loaded = config::load(team, "team.yml");
    if (!loaded) throw std::runtime_error{config::print(loaded.error())};
    auto made = std::make_shared<rules::Policy>(std::move(loaded->policy));
    made->hash = codec::hash_of(*made);
    return made;
  }();
  return built;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

rules::Report alert(const std::string& name, const std::string& service, Pairs more = {}) {
  more.emplace_back("alertname", name);
  if (!service.empty()) more.emplace_back("service", service);
  rules::Report report;
  report.labels = rules::Labels{std::move(more)};
  return report;
}

rules::ReportsArrived arrived(rules::Report report, rules::ReportStatus status = rules::ReportStatus::firing) {
  report.status = status;
  rules::ReportsArrived event;
  event.source = "test";
  event.reports.push_back(std::move(report));
  return event;
}

World world_at(rules::Instant instant) {
  return World{policy(), instant, 1};
}

rules::Explanation explain_in(const World& world, const rules::Report& report, rules::Duration later = 0ms) {
  World copy{rules::excerpt(world.state(), {report.labels})};
  return explain(copy, report, world.now() + later);
}

rules::Explanation explain_at(rules::Instant instant, const rules::Report& report) {
  World world = world_at(instant);
  return explain(world, report, instant);
}

std::string line_of(rules::Instant at,
                    const std::string& person,
                    const std::string& contact,
                    rules::PageReason reason,
                    std::uint32_t step,
                    std::uint32_t round) {
  return fmt::format(
      "{} {} {} {} {}/{}", rules::print_rfc3339(at), person, contact, rules::to_text(reason), step, round);
}

std::vector<std::string> calls_of(const rules::IncidentLook& look) {
  std::vector<std::string> lines;
  for (const rules::CallLook& call : look.calls) {
    lines.push_back(line_of(call.at, call.person, call.contact, call.reason, call.step, call.round));
  }
  return lines;
}

// ---- of a configuration alone ---------------------------------------------------------------------------------------

TEST(Explain, NamesKeyServiceOwnerRouteAndGroup) {
  const rules::Explanation told =
      explain_at(start, alert("Down", "router", {{"severity", "critical"}, {"instance", "r1"}}));
  EXPECT_EQ(told.identity, (std::vector<std::string>{"alertname", "instance", "service"}));
  EXPECT_EQ(told.ignored, (std::vector<std::string>{"severity"}));
  EXPECT_EQ(told.owner, "olga");
  EXPECT_TRUE(told.severity_known);
  ASSERT_THAT(told.incidents, SizeIs(1));
  const rules::IncidentLook& look = told.incidents.front();
  EXPECT_EQ(look.fate, rules::IncidentFate::opens);
  EXPECT_EQ(look.route, "root");
  EXPECT_EQ(look.group,
            (std::vector<std::pair<std::string, std::string>>{{"alertname", "Down"}, {"service", "router"}}));
  EXPECT_EQ(look.absent, (std::vector<std::string>{"cluster"}));
  EXPECT_THAT(look.holds, IsEmpty());
  ASSERT_FALSE(told.routes.empty());
  EXPECT_EQ(told.routes.front().fate, rules::RouteFate::taken);
  EXPECT_EQ(told.routes.at(1).fate, rules::RouteFate::no_match);
  EXPECT_EQ(told.routes.at(1).failed, "severity=\"info\"");
}

TEST(Explain, TellsWhoIsCalledWhenUntilTheLastResort) {
  const rules::Explanation told = explain_at(start, alert("Down", "router"));
  ASSERT_THAT(told.incidents, SizeIs(1));
  EXPECT_EQ(calls_of(told.incidents.front()),
            (std::vector<std::string>{
                "2026-03-04T12:00:00.000Z olga sms first 1/1",
                "2026-03-04T12:02:00.000Z olga voice first 1/1",
                "2026-03-04T12:05:00.000Z ben sms step 2/1",
                "2026-03-04T12:10:00.000Z olga sms repeat 1/2",
                "2026-03-04T12:12:00.000Z olga voice repeat 1/2",
                "2026-03-04T12:15:00.000Z ben sms repeat 2/2",
                "2026-03-04T12:20:00.000Z mia sms last_resort 0/0",
            }));
  EXPECT_EQ(told.incidents.front().last_resort, start + 20min);
  EXPECT_THAT(told.incidents.front().calls.front().because, Not(IsEmpty()));
  EXPECT_FALSE(told.cut);
}

TEST(Explain, OfGroupWaitAndOfTheHoldOfADependentSaysWhenTheyEnd) {
  const rules::Explanation slow = explain_at(start, alert("Slow", "router", {{"team", "slow"}}));
  ASSERT_THAT(slow.incidents.at(0).holds, SizeIs(1));
  EXPECT_EQ(slow.incidents.at(0).holds.at(0).kind, rules::HoldKind::group_wait);
  EXPECT_EQ(slow.incidents.at(0).holds.at(0).until, start + 3min);
  EXPECT_EQ(slow.incidents.at(0).pages_at, start + 3min);

  const rules::Explanation child = explain_at(start, alert("Down", "postgres"));
  ASSERT_THAT(child.incidents.at(0).holds, SizeIs(1));
  EXPECT_EQ(child.incidents.at(0).holds.at(0).kind, rules::HoldKind::hold);
  EXPECT_EQ(child.incidents.at(0).pages_at, start + 30s);
}

TEST(Explain, OfMaintenanceByAnIntervalSaysUntilWhen) {
  const rules::Instant night = *rules::parse_rfc3339("2026-03-04T23:00:00Z");
  const rules::Explanation told = explain_at(night, alert("Down", "batch"));
  const rules::IncidentLook& look = told.incidents.at(0);
  ASSERT_THAT(look.holds, SizeIs(1));
  EXPECT_EQ(look.holds.at(0).kind, rules::HoldKind::maintenance);
  EXPECT_EQ(look.holds.at(0).until, *rules::parse_rfc3339("2026-03-05T04:00:00Z"));
  EXPECT_EQ(look.pages_at, *rules::parse_rfc3339("2026-03-05T04:00:00Z"));
  EXPECT_TRUE(explain_at(start, alert("Down", "batch")).incidents.at(0).holds.empty());
}

TEST(Explain, OfATimeIntervalSaysTheUrgencyAndWhenItRises) {
  const rules::Instant saturday = *rules::parse_rfc3339("2026-03-07T12:00:00Z");
  const rules::Explanation told = explain_at(saturday, alert("Slow", "", {{"team", "office"}}));
  const rules::IncidentLook& look = told.incidents.at(0);
  EXPECT_EQ(look.urgency, rules::Urgency::low);
  ASSERT_THAT(look.intervals, SizeIs(1));
  EXPECT_FALSE(look.intervals.at(0).holds);
  EXPECT_EQ(look.intervals.at(0).changes_at, *rules::parse_rfc3339("2026-03-09T08:00:00Z"));
  EXPECT_THAT(calls_of(look), ::testing::Contains("2026-03-09T08:00:00.000Z olga sms hold_end 1/1"));
}

TEST(Explain, OfWhatCallsNobodySaysWhy) {
  const rules::IncidentLook noted = explain_at(start, alert("Fact", "", {{"severity", "none"}})).incidents.at(0);
  EXPECT_THAT(noted.calls, IsEmpty());
  EXPECT_THAT(noted.quiet, HasSubstr("urgency is none"));
  const rules::IncidentLook low = explain_at(start, alert("Fact", "", {{"severity", "info"}})).incidents.at(0);
  EXPECT_EQ(calls_of(low), (std::vector<std::string>{"2026-03-04T12:00:00.000Z mia sms first 1/1"}));
}

TEST(Explain, OfARouteThatContinuesTellsOfEachIncident) {
  const rules::Explanation told = explain_at(start, alert("Down", "", {{"team", "both"}}));
  ASSERT_THAT(told.incidents, SizeIs(2));
  EXPECT_EQ(told.incidents.at(0).route, "root/both");
  EXPECT_EQ(told.incidents.at(1).route, "root/other");
  EXPECT_EQ(told.incidents.at(1).last_resort, start + 20min);
}

TEST(Explain, IsCutShortWhenTooMuchHappens) {
  World world = world_at(start);
  const rules::Explanation told =
      explain(world, alert("Down", "router"), start, ExplainLimits{.steps = 3, .calls = 2, .routes = 2});
  EXPECT_TRUE(told.cut);
  EXPECT_THAT(told.incidents.at(0).calls, SizeIs(2));
  EXPECT_THAT(told.routes, SizeIs(2));
  EXPECT_EQ(told.routes_left_out, 5U);
}

// ---- of the state as it is ------------------------------------------------------------------------------------------

TEST(Explain, OfASilencedAlertNamesTheSilenceAndWhenItPages) {
  World world = world_at(start);
  rules::SilenceSet set;
  set.matchers = *rules::parse_matchers("alertname=\"Down\"");
  set.from = start;
  set.to = start + 3h;
  set.by = "olga";
  set.comment = "new disks";
  ASSERT_TRUE(world.tell(start, set));
  const rules::IncidentLook look = explain_in(world, alert("Down", "router"), 1min).incidents.at(0);
  ASSERT_THAT(look.holds, SizeIs(1));
  EXPECT_EQ(look.holds.at(0).kind, rules::HoldKind::silence);
  EXPECT_EQ(look.holds.at(0).until, start + 3h);
  EXPECT_THAT(look.holds.at(0).text, HasSubstr("by olga"));
  EXPECT_EQ(look.pages_at, start + 3h);
  EXPECT_EQ(look.calls.at(0).reason, rules::PageReason::hold_end);
}

TEST(Explain, OfASilenceThatIsStillToComeSaysThatItStopsTheCalls) {
  World world = world_at(start);
  rules::SilenceSet set;
  set.matchers = *rules::parse_matchers("alertname=\"Down\"");
  set.from = start + 3min;
  set.to = start + 3h;
  set.by = "olga";
  world.tell(start, set);
  const rules::IncidentLook look = explain_in(world, alert("Down", "router")).incidents.at(0);
  ASSERT_GE(look.calls.size(), 3U);
  EXPECT_EQ(look.calls.at(1).at, start + 2min);
  EXPECT_EQ(look.calls.at(2).at, start + 3h);
}

TEST(Explain, BehindAParentSaysNeverWhileItIsOpen) {
  World world = world_at(start);
  world.tell(start, arrived(alert("RouterDown", "router")));
  const rules::IncidentLook look = explain_in(world, alert("Down", "checkout"), 10min).incidents.at(0);
  ASSERT_FALSE(look.holds.empty());
  EXPECT_TRUE(std::any_of(look.holds.begin(), look.holds.end(), [](const rules::HoldView& hold) {
    return hold.kind == rules::HoldKind::parent && hold.by == rules::IncidentId{1} &&
           hold.ends == "when R-1 has ended, and 2m after";
  }));
  EXPECT_EQ(look.pages_at, std::nullopt);
  EXPECT_THAT(look.calls, IsEmpty());
  EXPECT_EQ(look.quiet, "never while it is held by parent R-1 on router");
}

TEST(Explain, BehindAParentForWhichNobodyIsCalledSaysThatItPagesAfterAnHour) {
  World world = world_at(start);
  rules::SilenceSet set;
  set.matchers = *rules::parse_matchers("service=\"router\"");
  set.from = start;
  set.to = start + 24h;
  set.by = "olga";
  world.tell(start, set);
  world.tell(start, arrived(alert("RouterDown", "router")));
  const rules::IncidentLook look = explain_in(world, alert("Down", "checkout"), 10min).incidents.at(0);
  ASSERT_FALSE(look.calls.empty());
  EXPECT_EQ(look.calls.at(0).at, start + 1h);
}

TEST(Explain, OfAnInhibitedAlertNamesTheRuleAndTheIncident) {
  World world = world_at(start);
  world.tell(start, arrived(alert("ClusterDown", "", {{"cluster", "eu"}})));
  const rules::IncidentLook look = explain_in(world, alert("NodeDown", "", {{"cluster", "eu"}}), 1min).incidents.at(0);
  ASSERT_THAT(look.holds, SizeIs(1));
  EXPECT_EQ(look.holds.at(0).kind, rules::HoldKind::inhibition);
  EXPECT_EQ(look.holds.at(0).rule, "cluster");
  EXPECT_EQ(look.holds.at(0).by, rules::IncidentId{1});
  EXPECT_THAT(look.calls, IsEmpty());
  const rules::IncidentLook elsewhere =
      explain_in(world, alert("NodeDown", "", {{"cluster", "us"}}), 1min).incidents.at(0);
  EXPECT_THAT(elsewhere.holds, IsEmpty());
}

TEST(Explain, InAStormSaysThatItFolds) {
  World world = world_at(start);
  for (int number = 0; number < 6; ++number) {
    world.tell(start + number * 1s, arrived(alert("Down", fmt::format("s{}", number), {{"severity", "warning"}})));
  }
  const rules::IncidentLook look =
      explain_in(world, alert("Down", "s9", {{"severity", "warning"}}), 1s).incidents.at(0);
  ASSERT_THAT(look.holds, SizeIs(1));
  EXPECT_EQ(look.holds.at(0).kind, rules::HoldKind::storm);
  EXPECT_NE(look.holds.at(0).by, rules::IncidentId{});
  EXPECT_THAT(look.quiet, HasSubstr("storm"));
}

TEST(Explain, OfAnAlertThatFiresAlreadySaysThatItIsADuplicate) {
  World world = world_at(start);
  world.tell(start, arrived(alert("Down", "router")));
  world.advance_to(start + 6min);
  const rules::IncidentLook look = explain_in(world, alert("Down", "router")).incidents.at(0);
  EXPECT_EQ(look.fate, rules::IncidentFate::refreshes);
  EXPECT_EQ(look.id, rules::IncidentId{1});
  EXPECT_EQ(look.calls.at(0).at, start + 10min);  // the climb that is under way goes on
}

TEST(Explain, OfAnAcknowledgedIncidentSaysWhoHasItAndWhatComesOfThat) {
  World world = world_at(start);
  world.tell(start, arrived(alert("Down", "router", {{"instance", "r1"}})));
  world.tell(start + 1min, rules::Acknowledge{.incident = rules::IncidentId{1}, .by = "ben"});
  const rules::IncidentLook look =
      explain_in(world, alert("Down", "router", {{"instance", "r2"}}), 1min).incidents.at(0);
  EXPECT_EQ(look.fate, rules::IncidentFate::joins);
  EXPECT_EQ(look.by, "ben");
  ASSERT_FALSE(look.calls.empty());
  EXPECT_EQ(look.calls.at(0).at, start + 31min);
  EXPECT_EQ(look.calls.at(0).reason, rules::PageReason::ack_timeout);
}

TEST(Explain, ChangesNothing) {
  World world = world_at(start);
  world.tell(start, arrived(alert("RouterDown", "router")));
  world.tell(start + 1min, arrived(alert("Down", "postgres")));
  const std::string before = codec::encode_state(world.state());
  (void)explain_in(world, alert("Down", "checkout"), 1min);
  (void)explain_in(world, alert("RouterDown", "router"), 1min);
  EXPECT_EQ(codec::encode_state(world.state()), before);
}

// ---- what is said comes true ----------------------------------------------------------------------------------------

// Some minutes of a day's work: reports, ends, acknowledgements, silences.
void live(World& world, std::mt19937_64& random) {
  const std::vector<std::string> services{"router", "postgres", "checkout", "batch", ""};
  const std::vector<std::string> names{"Down", "NodeDown", "ClusterDown", "Slow"};
  const std::vector<std::string> severities{"critical", "warning", "info"};
  const std::vector<std::string> teams{"", "slow", "office", "both"};
  const auto pick = [&random](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  const std::size_t events = random() % 12;
  for (std::size_t index = 0; index < events; ++index) {
    const rules::Instant at = world.now() + rules::Duration{static_cast<std::int64_t>(random() % 240'000)};
    switch (random() % 8) {
      case 0:
        world.tell(at, rules::Acknowledge{.incident = rules::IncidentId{1 + random() % 5}, .by = "ben"});
        break;
      case 1: {
        rules::SilenceSet set;
        set.matchers = *rules::parse_matchers("alertname=\"" + pick(names) + "\"");
        set.from = at + rules::Duration{static_cast<std::int64_t>(random() % 2) * 900'000};
        set.to = set.from + rules::Duration{static_cast<std::int64_t>(600'000 + random() % 7'200'000)};
        set.by = "olga";
        world.tell(at, set);
        break;
      }
      default: {
        Pairs more{{"cluster", random() % 2 == 0 ? "eu" : "us"}, {"severity", pick(severities)}};
        if (const std::string one = pick(teams); !one.empty()) more.emplace_back("team", one);
        const bool ends = random() % 4 == 0;
        world.tell(at,
                   arrived(alert(pick(names), pick(services), std::move(more)),
                           ends ? rules::ReportStatus::resolved : rules::ReportStatus::firing));
      }
    }
  }
}

TEST(Explain, SaysWhatHappensWhenTheAlertIsReallyReportedAndNobodyAnswers) {
  std::uint64_t compared = 0;
  std::uint64_t held = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random{seed};
    World world = world_at(start);
    live(world, random);
    Pairs more{{"cluster", random() % 2 == 0 ? "eu" : "us"}, {"severity", random() % 3 == 0 ? "warning" : "critical"}};
    if (random() % 4 == 0) more.emplace_back("team", "slow");
    const std::vector<std::string> names{"Down", "NodeDown", "ClusterDown"};
    const std::vector<std::string> services{"router", "postgres", "checkout", "batch", ""};
    const rules::Report report = alert(names[random() % names.size()], services[random() % services.size()], more);
    const rules::Duration later{static_cast<std::int64_t>(random() % 300'000)};
    const rules::Explanation told = explain_in(world, report, later);
    ASSERT_FALSE(told.cut);

    const rules::Instant comes = world.now() + later;
    if (comes > world.now()) world.advance_to(comes - 1ms);
    const std::uint64_t last_page = world.state().last_page;
    world.tell(comes, arrived(report));
    const rules::Episode& episode = *world.state().open_episodes.at(
        rules::key_of(report.labels, policy()->identity.ignore_labels, world.state().seed));
    ASSERT_EQ(episode.incidents.size(), told.incidents.size());
    for (std::size_t index = 0; index < told.incidents.size(); ++index) {
      const rules::Incident* const incident = rules::find_incident(world.state(), episode.incidents[index]);
      ASSERT_NE(incident, nullptr);
      EXPECT_EQ(rules::is_held(*incident), !told.incidents[index].holds.empty());
      held += rules::is_held(*incident) ? 1U : 0U;
    }
    const rules::IncidentIds ids = episode.incidents;
    std::map<rules::IncidentId, std::vector<std::string>> happened;
    std::map<rules::IncidentId, std::set<rules::PageId>> seen;
    const auto note = [&] {
      for (const rules::IncidentId id : ids) {
        const rules::Incident* const incident = rules::find_incident(world.state(), id);
        if (incident == nullptr) continue;
        for (const rules::PageRecord& page : incident->pages) {
          if (page.id.value <= last_page || page.state == rules::PageState::cancelled) continue;
          if (!seen[id].insert(page.id).second) continue;
          happened[id].push_back(
              line_of(page.queued_at, page.person, page.contact, page.reason, page.step, page.round));
        }
      }
    };
    note();
    while (world.now() < told.until) {
      const std::optional<rules::Instant> due = world.next_due();
      if (!due || *due > told.until) break;
      world.advance_to(*due);
      note();
    }
    for (std::size_t index = 0; index < ids.size(); ++index) {
      EXPECT_EQ(calls_of(told.incidents[index]), happened[ids[index]]);
      compared += happened[ids[index]].size();
    }
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(compared, 500U);
  EXPECT_GT(held, 20U);
  support::figure("explain", "calls that came true as explained", compared);
}

}  // namespace
}  // namespace rehearse
