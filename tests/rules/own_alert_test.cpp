// Promises about what the router itself raises: reports that were refused, and more than it takes of one source.
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "rules/apply.hpp"
#include "rules/episode.hpp"

namespace rules {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

// Olga alone; what monitoring reports calls nobody, so that only the router's own alerts do.
std::shared_ptr<const Policy> make_policy() {
  auto policy = std::make_shared<Policy>();
  Person olga;
  olga.id = olga.name = "olga";
  olga.contacts.push_back(Contact{.name = "sms", .channel = "sms", .address = "+1-olga"});
  olga.high.push_back(NotifyRule{.contact = "sms", .after = {}});
  policy->people.push_back(olga);
  CallTree tree;
  tree.id = "outage";
  tree.steps.push_back(Step{.targets = {Target{.kind = TargetKind::person, .id = "olga"}}, .wait = hours{5}});
  policy->call_trees.push_back(tree);
  policy->severity.order = {"warning", "critical"};
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.urgency = Urgency::none;
  policy->route.group_by = {"alertname"};
  policy->channels.push_back(Channel{.name = "sms", .providers = {Provider{}}});
  return policy;
}

struct Told {
  IncidentId incident;
  PageReason reason{};
  bool operator==(const Told&) const = default;
};

class OwnAlert : public ::testing::Test {
 protected:
  OwnAlert() {
    happens(PolicyLoaded{make_policy()});
    happens(Started{1});
  }

  // Pages that leave because of it, those accepted; notices are left out.
  std::vector<Told> happens(const Event& event) {
    std::vector<Told> pages;
    for (Effect& effect : apply(state_, event, Stamp{.at = now_, .wall = now_})) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      for (const auto& page : send->pages) pages.push_back(Told{page.incident.id, page.reason});
      happens(SendEnded{
          .message = send->message, .provider = send->provider, .outcome = SendOutcome::accepted, .detail = ""});
    }
    return pages;
  }

  std::vector<Told> passes(Duration time) {
    const Instant until = now_ + time;
    std::vector<Told> pages;
    while (const std::optional<Instant> due = next_deadline(state_)) {
      if (*due > until) break;
      now_ = std::max(now_, *due);
      for (const Told& page : happens(ClockReached{now_})) pages.push_back(page);
    }
    now_ = until;
    return pages;
  }

  std::vector<Told> refused() {
    return happens(BatchRefused{.source = "alertmanager", .status = 413, .why = "too large"});
  }

  const Incident& incident(std::uint64_t number) const { return state_.incidents.at(IncidentId{number}); }

  State state_;
  Instant now_{hours{490'000}};
};

TEST_F(OwnAlert, ManyRefusedBatchesOfOneSenderAreOneIncidentAndOnePage) {
  EXPECT_EQ(refused().size(), 1U);
  for (int count = 0; count < 50; ++count) {
    passes(minutes{1});
    EXPECT_TRUE(refused().empty());
  }
  EXPECT_EQ(incident(1).state, IncidentState::triggered);
  EXPECT_EQ(state_.counters.refused_batches, 51U);
}

TEST_F(OwnAlert, RefusalsThatStopAreOverTenMinutesAfterTheLast) {
  refused();
  passes(minutes{8});
  refused();
  passes(minutes{9});
  EXPECT_EQ(incident(1).state, IncidentState::triggered);
  passes(minutes{1});
  EXPECT_EQ(incident(1).state, IncidentState::resolved);
}

TEST_F(OwnAlert, RefusalsThatGoOnAnHourAfterTheyWereResolvedByHandCallAgain) {
  refused();
  happens(Resolve{.incident = IncidentId{1}, .by = "olga"});
  for (int minute = 0; minute < 59; ++minute) {
    EXPECT_TRUE(passes(minutes{1}).empty());
    EXPECT_TRUE(refused().empty());
  }
  passes(minutes{1});
  EXPECT_EQ(refused(), (std::vector<Told>{{IncidentId{1}, PageReason::reopened}}));
}

TEST_F(OwnAlert, WhatASourceReportsOverItsCapIsNotTakenAndCallsSomebodyOnce) {
  std::size_t pages = 0;
  const auto report = [&](const std::string& source, std::uint64_t first, std::uint64_t count) {
    ReportsArrived arrived;
    arrived.source = source;
    for (std::uint64_t number = first; number < first + count; ++number) {
      Report one;
      one.labels.add("alertname", source + std::to_string(number));
      one.labels.seal();
      arrived.reports.push_back(std::move(one));
    }
    pages += happens(arrived).size();
  };
  for (std::uint64_t first = 0; first < max_open_incidents_a_source; first += 1000) report("loud", first, 1000);
  EXPECT_EQ(pages, 0U);
  report("loud", max_open_incidents_a_source, 10);
  EXPECT_EQ(pages, 1U);
  EXPECT_EQ(state_.incidents.size(), max_open_incidents_a_source + 1);
  report("quiet", 0, 5);
  EXPECT_EQ(state_.incidents.size(), max_open_incidents_a_source + 6) << "another source is not concerned";
  EXPECT_EQ(pages, 1U);
}

}  // namespace
}  // namespace rules
