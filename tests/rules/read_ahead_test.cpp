// Reading ahead changes nothing and decides nothing, whatever is read ahead.
#include "rules/read_ahead.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"

namespace rules {
namespace {

std::shared_ptr<const Policy> make_policy() {
  auto policy = std::make_shared<Policy>();
  CallTree tree;
  tree.id = "outage";
  policy->call_trees.push_back(tree);
  policy->severity.order = {"warning", "critical"};
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.urgency = Urgency::none;
  policy->route.group_by = {"alertname"};
  return policy;
}

// Alerts that are new, known, ended, of two severities, named by their sender, keyed by another identity or not at all.
Report any_report(const Policy& policy, std::uint64_t seed, std::mt19937_64& random) {
  Report report;
  report.status = random() % 3 == 0 ? ReportStatus::resolved : ReportStatus::firing;
  report.labels.add("alertname", fmt::format("Alert{}", random() % 20));
  report.labels.add("instance", fmt::format("node-{}", random() % 20));
  if (random() % 2 == 0) report.labels.add("severity", random() % 2 == 0 ? "critical" : "warning");
  if (random() % 4 == 0) report.labels.add("prometheus_replica", random() % 2 == 0 ? "a" : "b");
  report.labels.seal();
  if (random() % 8 == 0) report.native_key = fmt::format("named-{}", random() % 20);
  report.key = key_of(report.labels, policy.identity.ignore_labels, seed);
  report.keyed_for = random() % 4 == 0 ? random() % 2 : identity_of(policy.identity);
  return report;
}

TEST(ReadAhead, WhatIsReadAheadComesOutAsItWouldWithout) {
  const std::uint64_t number = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", number));
  std::mt19937_64 random{number};
  const std::shared_ptr<const Policy> policy = make_policy();
  State with;
  State without;
  Instant now{std::chrono::sys_days{std::chrono::year{2026} / 5 / 20}};
  for (State* state : {&with, &without}) {
    static_cast<void>(apply(*state, PolicyLoaded{policy}, Stamp{now, now}));
    static_cast<void>(apply(*state, Started{1}, Stamp{now, now}));
  }
  for (int round = 0; round < 20; ++round) {
    std::vector<Event> events;
    for (int count = 0; count < 100; ++count) {
      if (random() % 10 == 0) {
        events.emplace_back(ClockStepped{});
        continue;
      }
      ReportsArrived arrived;
      arrived.source = fmt::format("source-{}", random() % 3);
      const std::uint64_t reports = random() % 10 == 0 ? random() % 200 : random() % 4;
      for (std::uint64_t report = 0; report < reports; ++report) {
        arrived.reports.push_back(any_report(*policy, with.seed, random));
      }
      events.emplace_back(std::move(arrived));
    }
    ReadAhead read_ahead;
    for (std::size_t index = 0; index < events.size(); ++index) {
      now += std::chrono::seconds{1};
      read_ahead.before(with, index, events.size(), [&](std::size_t at) -> const Event& { return events[at]; });
      const Effects first = apply(with, events[index], Stamp{now, now});
      const Effects second = apply(without, events[index], Stamp{now, now});
      ASSERT_EQ(codec::digest(first), codec::digest(second)) << "round " << round << " event " << index;
    }
    ASSERT_EQ(codec::digest(with), codec::digest(without)) << "round " << round;
  }
  EXPECT_GT(with.episodes.size(), 100U);
}

}  // namespace
}  // namespace rules
