// What the hours of the configuration mean when the wall clock is set while the daemon runs.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/apply.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/rehearse/policy_of.hpp"

namespace rehearse {
namespace {

using namespace std::chrono_literals;

constexpr const char* team = R"(
rouse: 1
people: { olga: { name: Olga, contact: { webhook: "http://127.0.0.1:1/olga" } } }
call_trees: { outage: { steps: [ { call: olga, wait: 1h } ] } }
route: { call_tree: outage }
services: { db: { maintenance: [ sweep ] } }
time_intervals: { sweep: { timezone: UTC, from: "10:30", to: "10:50" } }
channels: { webhook: [ { webhook: {} } ] }
)";

class WallClock : public ::testing::Test {
 protected:
  WallClock() {
    tell(rules::PolicyLoaded{policy_of(config::load(team, "team.yml"))});
    tell(rules::Started{.run = 1});
  }

  void tell(const rules::Event& event) {
    for (const rules::Effect& effect : rules::apply(state_, event, rules::Stamp{.at = at_, .wall = wall_}))
      if (std::holds_alternative<rules::Send>(effect)) left_at_.push_back(wall_);
  }

  void alert_of_db() {
    rules::Report report;
    report.labels.add("alertname", "Slow");
    report.labels.add("service", "db");
    report.labels.seal();
    tell(rules::ReportsArrived{.source = "test", .reports = {std::move(report)}});
  }

  void pass(rules::Duration time) {
    const rules::Instant until = at_ + time;
    while (const std::optional<rules::Instant> due = rules::next_deadline(state_)) {
      if (*due > until) break;
      wall_ += *due - at_;
      at_ = *due;
      tell(rules::ClockReached{at_});
    }
    wall_ += until - at_;
    at_ = until;
  }

  void set_clock(rules::Duration step) {
    wall_ += step;
    tell(rules::ClockStepped{.by = step});
  }

  static rules::Instant hour(const std::string& time) { return *rules::parse_rfc3339("2026-03-04T" + time + ":00Z"); }

  rules::Instant at_{hour("10:00")};
  rules::Instant wall_{at_};
  std::vector<rules::Instant> left_at_;  // pages, by the wall clock
  rules::State state_{new_state(rules::StoreId{1, 2, 3})};
};

TEST_F(WallClock, SetBackWithinAMaintenanceOfTheConfigurationEndsItNotBeforeItsEnd) {
  set_clock(45min);  // wrongly, into its middle
  alert_of_db();
  set_clock(-10min);  // 10:35, by which it has begun as well
  EXPECT_TRUE(left_at_.empty()) << "nobody is woken by what is being maintained";
  pass(14min);
  EXPECT_TRUE(left_at_.empty());
  pass(2min);
  EXPECT_EQ(left_at_, std::vector{hour("10:50")});
}

TEST_F(WallClock, SetBackToBeforeAMaintenanceCallsForWhatItHeld) {
  pass(45min);
  alert_of_db();
  set_clock(-20min);
  EXPECT_EQ(left_at_, std::vector{hour("10:25")});
}

TEST_F(WallClock, SetForwardBehindAMaintenanceCallsForWhatItHeld) {
  pass(31min);
  alert_of_db();
  set_clock(30min);
  EXPECT_EQ(left_at_, std::vector{hour("11:01")});
}

}  // namespace
}  // namespace rehearse
