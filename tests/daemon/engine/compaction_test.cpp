// Memory that a storm has taken is given back, and nobody can tell from what is decided.
#include "daemon/compaction.hpp"

#include <chrono>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"

namespace roused {
namespace {

using namespace std::chrono_literals;

constexpr rules::Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 4} + 12h};

std::shared_ptr<const rules::Policy> storm_policy() {
  auto policy = std::make_shared<rules::Policy>();
  rules::Person olga;
  olga.id = "olga";
  olga.contacts = {{"webhook", "webhook", "http://127.0.0.1:8080/olga"}};
  olga.high = {{"webhook", rules::Duration{}}};
  policy->people = {olga};
  rules::CallTree outage;
  outage.id = "outage";
  outage.steps = {{{{rules::TargetKind::person, "olga"}}, 30min}};
  policy->call_trees = {outage};
  rules::Channel webhook;
  webhook.name = "webhook";
  webhook.providers.emplace_back();
  policy->channels = {webhook};
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.urgency = rules::Urgency::high;
  policy->route.group_by = {"service"};
  return policy;
}

class Compactions : public ::testing::Test {
 protected:
  Compactions() {
    make(state);
    make(untouched);
  }

  static void make(rules::State& made) {
    made.store = {1, 2, 3};
    made.seed = 5;
    static const std::shared_ptr<const rules::Policy> policy = storm_policy();
    static_cast<void>(rules::apply(made, rules::PolicyLoaded{policy}, {noon, noon}));
    static_cast<void>(rules::apply(made, rules::Started{1}, {noon, noon}));
  }

  // Both are told; what the one decides the other must, too.
  void tell(const rules::Event& event) {
    now += 1s;
    const rules::Effects effects = rules::apply(state, event, {now, now});
    ASSERT_EQ(codec::digest(effects), codec::digest(rules::apply(untouched, event, {now, now})));
    compaction.note(state, now.time_since_epoch());
  }

  void report(std::size_t alerts, rules::ReportStatus status) {
    rules::ReportsArrived arrived;
    arrived.source = "am-1";
    for (std::size_t alert = 0; alert < alerts; ++alert) {
      rules::Report report;
      report.status = status;
      report.labels = rules::Labels{{{"alertname", "ApiDown"},
                                     {"service", fmt::format("service-{}", alert % 10)},
                                     {"instance", fmt::format("node-{}", alert)}}};
      arrived.reports.push_back(std::move(report));
    }
    tell(arrived);
  }

  [[nodiscard]] std::chrono::nanoseconds boot() const { return now.time_since_epoch(); }

  rules::State state;
  rules::State untouched;
  rules::Instant now = noon;
  Compaction compaction{100};
};

TEST_F(Compactions, AreDueASecondAfterTheStorm) {
  report(100, rules::ReportStatus::firing);
  EXPECT_EQ(compaction.due(state), std::nullopt);
  report(87, rules::ReportStatus::resolved);
  EXPECT_EQ(compaction.due(state), std::nullopt) << "more than an eighth still fires";
  report(100, rules::ReportStatus::resolved);
  EXPECT_EQ(compaction.due(state), boot() + 1s);
  ASSERT_TRUE(compaction.run(state));
  EXPECT_EQ(compaction.due(state), std::nullopt) << "once is enough";
}

TEST_F(Compactions, AreNotWorthItForAFewAlerts) {
  report(49, rules::ReportStatus::firing);
  report(49, rules::ReportStatus::resolved);
  EXPECT_EQ(compaction.due(state), std::nullopt);
}

// The ends themselves are remembered for minutes after the storm.
TEST_F(Compactions, AreDueAgainWhenItsEndsAreForgotten) {
  report(100, rules::ReportStatus::firing);
  report(100, rules::ReportStatus::resolved);
  ASSERT_TRUE(compaction.run(state));
  now += 24h;
  tell(rules::ClockReached{now});
  EXPECT_EQ(compaction.due(state), boot() + 1s);
}

TEST_F(Compactions, AreLeftAloneWhileTheyWouldTakeLong) {
  compaction = Compaction{100, 115};
  report(120, rules::ReportStatus::firing);
  report(110, rules::ReportStatus::resolved);
  EXPECT_EQ(compaction.due(state), std::nullopt) << "120 alerts are kept, though 10 of them fire";
}

TEST_F(Compactions, ChangeNothingThatIsDecided) {
  report(120, rules::ReportStatus::firing);
  report(115, rules::ReportStatus::resolved);
  const std::string before = codec::encode_state(state);
  ASSERT_TRUE(compaction.run(state));
  EXPECT_EQ(codec::encode_state(state), before);
  EXPECT_EQ(state.policy, untouched.policy) << "the policy is shared, not copied";
  // What climbs climbs on, what comes back comes back, what ends ends.
  now += 31min;
  tell(rules::ClockReached{now});
  report(40, rules::ReportStatus::firing);
  tell(rules::Acknowledge{.incident = rules::IncidentId{1}, .by = "olga"});
  report(120, rules::ReportStatus::resolved);
  now += 2h;
  tell(rules::ClockReached{now});
  EXPECT_EQ(codec::encode_state(state), codec::encode_state(untouched));
}

}  // namespace
}  // namespace roused
