// Promises about what does not show in the pages that leave: notices, and what becomes of a bundle of which one
// incident was acknowledged on the way.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "rules/apply.hpp"

namespace rules {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Olga, then Omar after a minute; two providers for text messages.
std::shared_ptr<const Policy> make_policy() {
  auto policy = std::make_shared<Policy>();
  for (const char* id : {"olga", "omar"}) {
    Person person;
    person.id = id;
    person.name = id;
    person.contacts.push_back(Contact{.name = "sms", .channel = "sms", .address = std::string{"+1-"} + id});
    person.high.push_back(NotifyRule{.contact = "sms", .after = {}});
    person.low = person.high;
    policy->people.push_back(person);
  }
  CallTree tree;
  tree.id = "outage";
  for (const char* id : {"olga", "omar"}) {
    tree.steps.push_back(Step{.targets = {Target{.kind = TargetKind::person, .id = id}}, .wait = minutes{1}});
  }
  policy->call_trees.push_back(tree);
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.group_by = {"alertname"};
  policy->correlation.storm.incidents = 1'000'000;  // neither is what these promises are about
  policy->correlation.flapping.changes = 1'000;
  policy->channels.push_back(Channel{.name = "sms", .providers = {Provider{}, Provider{}}});
  return policy;
}

class Interplay : public ::testing::Test {
 protected:
  Interplay() {
    apply_now(PolicyLoaded{make_policy()});
    apply_now(Started{1});
  }

  // Sends that this event caused; everything else is left out.
  std::vector<Send> apply_now(const Event& event) {
    std::vector<Send> sends;
    for (Effect& effect : apply(state_, event, Stamp{.at = now_, .wall = now_})) {
      if (auto* send = std::get_if<Send>(&effect)) sends.push_back(std::move(*send));
    }
    return sends;
  }

  std::vector<Send> report(ReportStatus status, const std::vector<std::string>& names) {
    ReportsArrived arrived;
    arrived.source = "test";
    for (const std::string& name : names) {
      Report one;
      one.status = status;
      one.labels.add("alertname", name);
      one.labels.seal();
      if (status == ReportStatus::resolved) one.ends_at = now_;
      arrived.reports.push_back(std::move(one));
    }
    return apply_now(arrived);
  }

  void accept(const std::vector<Send>& sends) {
    for (const Send& send : sends) {
      apply_now(SendEnded{
          .message = send.message, .provider = send.provider, .outcome = SendOutcome::accepted, .detail = ""});
    }
  }

  // Everything due until then; whatever leaves is accepted.
  std::vector<Send> advance(Duration by) {
    const Instant until = now_ + by;
    std::vector<Send> left;
    while (const std::optional<Instant> due = next_deadline(state_)) {
      if (*due > until) break;
      now_ = std::max(now_, *due);
      const std::vector<Send> sends = apply_now(ClockReached{now_});
      accept(sends);
      left.insert(left.end(), sends.begin(), sends.end());
    }
    now_ = until;
    return left;
  }

  State state_;
  Instant now_{std::chrono::hours{490'000}};
};

TEST_F(Interplay, AnIncidentThatCameBackIsNotSaidToHaveEnded) {
  accept(report(ReportStatus::firing, {"one"}));
  advance(seconds{10});
  accept(report(ReportStatus::firing, {"two"}));    // olga's second begins
  accept(report(ReportStatus::resolved, {"one"}));  // the notice waits for its end
  accept(report(ReportStatus::firing, {"one"}));    // and before that it is back
  for (const Send& send : advance(seconds{20})) EXPECT_TRUE(send.notices.empty());

  // Nobody who was paged is left without the word when it ends for good.
  std::vector<Send> told = report(ReportStatus::resolved, {"one"});
  const std::vector<Send> later = advance(seconds{2});
  told.insert(told.end(), later.begin(), later.end());
  ASSERT_EQ(told.size(), 1U);
  ASSERT_EQ(told[0].notices.size(), 1U);
  EXPECT_EQ(told[0].person, "olga");
  EXPECT_EQ(told[0].notices[0].kind, NoticeKind::ended);
  EXPECT_EQ(told[0].notices[0].incident.id, IncidentId{1});
}

TEST_F(Interplay, WhoNoLongerHasAnIncidentIsNotSaidToHaveIt) {
  accept(report(ReportStatus::firing, {"one"}));
  advance(seconds{10});
  accept(report(ReportStatus::firing, {"two"}));
  accept(apply_now(Acknowledge{.incident = IncidentId{1}, .by = "omar"}));
  accept(apply_now(Acknowledge{.incident = IncidentId{1}, .by = "sam"}));
  std::vector<std::string> named;
  for (const Send& send : advance(seconds{5})) {
    for (const NoticeFacts& notice : send.notices) named.push_back(notice.by);
  }
  EXPECT_EQ(named, std::vector<std::string>{"sam"});
}

TEST_F(Interplay, WhatRemainsOfAWithdrawnBundleTakesTheNextProviderWhenTheFirstDidNotAnswer) {
  accept(report(ReportStatus::firing, {"one", "two", "three"}));  // the first leaves alone
  now_ += seconds{1};
  const std::vector<Send> bundle = apply_now(ClockReached{now_});
  ASSERT_EQ(bundle.size(), 1U);
  ASSERT_EQ(bundle[0].pages.size(), 2U);
  apply_now(Acknowledge{.incident = IncidentId{2}, .by = "omar"});
  const std::vector<Send> next = apply_now(SendEnded{
      .message = bundle[0].message, .provider = 0, .outcome = SendOutcome::unanswered, .detail = "no answer"});
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].provider, 1U);
  EXPECT_EQ(next[0].key, bundle[0].key);
  EXPECT_TRUE(next[0].possible_duplicate);
  ASSERT_EQ(next[0].pages.size(), 1U);
  EXPECT_EQ(next[0].pages[0].incident.id, IncidentId{3});
}

TEST_F(Interplay, SomebodyCalledInWhoCannotBeReachedAnyMoreWasReachedByTheStepAllTheSame) {
  auto both = std::make_shared<Policy>(*make_policy());
  both->call_trees[0].steps[0].targets.push_back(Target{.kind = TargetKind::person, .id = "omar"});
  apply_now(PolicyLoaded{both});
  const std::vector<Send> first = report(ReportStatus::firing, {"one"});
  ASSERT_EQ(first.size(), 2U);
  const bool olga_comes_first = first[0].person == "olga";
  accept({first[olga_comes_first ? 0 : 1]});
  const MessageId to_omar = first[olga_comes_first ? 1 : 0].message;
  const auto refuse = [this](MessageId message) {
    std::vector<Send> sends;
    for (const std::uint32_t provider : {0U, 1U}) {
      sends = apply_now(
          SendEnded{.message = message, .provider = provider, .outcome = SendOutcome::refused, .detail = "gone"});
    }
    return sends;
  };

  now_ += seconds{10};
  const std::vector<Send> called = apply_now(CallIn{.incident = IncidentId{1}, .by = "sam", .who = "olga"});
  ASSERT_EQ(called.size(), 1U);
  EXPECT_TRUE(refuse(called[0].message).empty());
  // Omar cannot be reached, but olga had her page: the step's wait runs on.
  EXPECT_TRUE(refuse(to_omar).empty());
  const std::vector<Send> next = advance(seconds{50});
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].pages[0].step, 2U);
}

TEST_F(Interplay, ThousandsThatMayAllReopenAreKeptUntilTheyMayNot) {
  std::vector<std::string> names;
  for (std::size_t index = 0; index < max_resolved_kept + 500; ++index) names.push_back("n" + std::to_string(index));
  accept(report(ReportStatus::firing, names));
  accept(report(ReportStatus::resolved, names));
  EXPECT_EQ(state_.incidents.size(), names.size());
  now_ += minutes{11};
  for (int index = 0; index < 100; ++index) {
    const std::string name = "later" + std::to_string(index);
    accept(report(ReportStatus::firing, {name}));
    accept(report(ReportStatus::resolved, {name}));
  }
  EXPECT_EQ(state_.incidents.size(), max_resolved_kept);
}

TEST_F(Interplay, TheIncidentThatHasJustEndedIsNotTheOneThatIsForgotten) {
  auto never_reopens = std::make_shared<Policy>(*make_policy());
  never_reopens->correlation.reopen_within = Duration::zero();
  apply_now(PolicyLoaded{never_reopens});
  accept(report(ReportStatus::firing, {"one"}));
  accept(apply_now(Resolve{.incident = IncidentId{1}, .by = "omar"}));
  std::vector<std::string> names;
  for (std::size_t index = 1; index < max_resolved_kept; ++index) names.push_back("n" + std::to_string(index));
  accept(report(ReportStatus::firing, names));
  accept(report(ReportStatus::resolved, names));
  now_ += minutes{61};
  accept(report(ReportStatus::firing, {"one"}));  // it is back, and still the one that was resolved first
  ASSERT_EQ(state_.incidents.at(IncidentId{1}).state, IncidentState::triggered);
  accept(report(ReportStatus::resolved, {"one"}));
  ASSERT_TRUE(state_.incidents.contains(IncidentId{1}));
  EXPECT_EQ(state_.incidents.at(IncidentId{1}).state, IncidentState::resolved);
}

TEST_F(Interplay, ASnoozeThatEndedInAHoldLeavesNothingThatEndsTheNextAcknowledgement) {
  accept(report(ReportStatus::firing, {"one"}));
  accept(apply_now(Snooze{.incident = IncidentId{1}, .by = "omar", .length = minutes{10}}));
  SilenceSet silence;
  silence.matchers.push_back(Matcher::make("alertname", MatchOperator::equal, "one").value());
  silence.from = now_;
  silence.to = now_ + minutes{30};
  silence.by = "omar";
  apply_now(silence);
  advance(minutes{15});  // the snooze is over, and takes effect when the silence is
  auto other_tree = std::make_shared<Policy>(*make_policy());
  other_tree->call_trees.push_back(other_tree->call_trees[0]);
  other_tree->call_trees[1].id = "sunday";
  other_tree->route.call_tree = "sunday";
  apply_now(PolicyLoaded{other_tree});
  EXPECT_FALSE(advance(minutes{16}).empty());
  const Incident& incident = state_.incidents.at(IncidentId{1});
  ASSERT_EQ(incident.state, IncidentState::triggered);
  accept(apply_now(Acknowledge{.incident = IncidentId{1}, .by = "olga"}));
  advance(minutes{29});
  EXPECT_EQ(incident.state, IncidentState::acknowledged);
  advance(minutes{2});
  EXPECT_EQ(incident.state, IncidentState::triggered);
}

TEST_F(Interplay, WhatItsSenderWasAskedForAndStillListsRunsOutNoMore) {
  Report one;
  one.labels = Labels{{{"alertname", "one"}}};
  one.ends_at = now_ + minutes{1};
  ReportsArrived arrived;
  arrived.source = "test";
  arrived.form = ReportForm::api_v2;
  arrived.reports.push_back(one);
  accept(apply_now(arrived));
  advance(hours{1});
  const Variant& variant = state_.episodes.at(EpisodeId{1}).variants.front();
  ASSERT_TRUE(variant.unconfirmed);
  Reconciled listed;
  listed.source = "test";
  listed.alerts.push_back(ListedAlert{.report = one, .state = ListedState::unprocessed, .receivers = {}});
  accept(apply_now(listed));
  EXPECT_FALSE(variant.unconfirmed);
  EXPECT_FALSE(variant.expires_at.has_value());
  EXPECT_TRUE(variant.firing);
}

TEST_F(Interplay, AlertsOfOneIncidentThatInhibitEachOtherArePagedAllTheSame) {
  auto ring = std::make_shared<Policy>(*make_policy());
  ring->route.group_by = {};
  for (const auto& [source, target] : {std::pair{"one", "two"}, std::pair{"two", "one"}}) {
    ring->inhibit_rules.push_back(
        InhibitRule{.id = source,
                    .source = {Matcher::make("alertname", MatchOperator::equal, source).value()},
                    .target = {Matcher::make("alertname", MatchOperator::equal, target).value()},
                    .equal = {}});
  }
  apply_now(PolicyLoaded{ring});
  accept(report(ReportStatus::firing, {"one"}));
  accept(report(ReportStatus::firing, {"two"}));
  ASSERT_EQ(state_.incidents.size(), 1U);
  EXPECT_TRUE(state_.incidents.at(IncidentId{1}).told_holds.empty());
  EXPECT_EQ(advance(minutes{1}).size(), 1U);  // step 2
}

TEST_F(Interplay, WhatFlapsInAnotherIncidentSinceAReloadKeepsTheOneBeforeOpenNoLonger) {
  auto flaps = std::make_shared<Policy>(*make_policy());
  flaps->correlation.flapping.changes = 2;
  apply_now(PolicyLoaded{flaps});
  accept(report(ReportStatus::firing, {"steady"}));
  accept(report(ReportStatus::firing, {"one"}));
  accept(report(ReportStatus::resolved, {"one"}));
  const Incident& second = state_.incidents.at(IncidentId{2});
  ASSERT_EQ(second.state, IncidentState::triggered);  // since it flaps
  auto one_group = std::make_shared<Policy>(*flaps);
  one_group->route.group_by = {};
  apply_now(PolicyLoaded{one_group});
  accept(report(ReportStatus::firing, {"one"}));
  EXPECT_EQ(state_.incidents.at(IncidentId{1}).firing, 2U);
  EXPECT_EQ(second.state, IncidentState::resolved);
}

TEST_F(Interplay, AnAlertOfWhichItsSenderHasNamedSeveralServicesIsForgottenWithAllOfThem) {
  auto depends = std::make_shared<Policy>(*make_policy());
  for (const char* id : {"db", "shop", "web"}) {
    Service service;
    service.id = id;
    if (service.id != "db") service.depends_on = {"db"};
    depends->services.push_back(service);
  }
  apply_now(PolicyLoaded{depends});
  ReportsArrived arrived;
  arrived.source = "test";
  for (const auto& [service, severity] : {std::pair{"shop", "critical"}, std::pair{"web", "warning"}}) {
    Report one;
    one.labels = Labels{{{"alertname", "one"}, {"service", service}, {"severity", severity}}};
    one.native_key = "PD-1";
    arrived.reports.push_back(std::move(one));
  }
  accept(apply_now(arrived));
  EXPECT_EQ(state_.links.dependents.size(), 1U);
  for (Report& one : arrived.reports) one.status = ReportStatus::resolved;
  accept(apply_now(arrived));
  ASSERT_FALSE(state_.episodes.at(EpisodeId{1}).open);
  EXPECT_TRUE(state_.links.dependents.empty());
}

TEST_F(Interplay, AnIncidentThatComesBackForMonthsDoesNotGrowForMonths) {
  accept(report(ReportStatus::firing, {"again"}));
  for (std::size_t round = 0; round < max_ended_kept + 3000; ++round) {
    now_ += seconds{61};
    accept(report(ReportStatus::resolved, {"again"}));
    now_ += seconds{61};
    accept(report(ReportStatus::firing, {"again"}));
  }
  ASSERT_EQ(state_.incidents.size(), 1U);
  const Incident& incident = state_.incidents.begin()->second;
  EXPECT_LE(incident.episodes.size(), max_ended_kept + 1);
  EXPECT_EQ(incident.forgotten + incident.episodes.size(), max_ended_kept + 3001);
  EXPECT_EQ(incident.episodes.front(), EpisodeId{1});
  EXPECT_EQ(state_.episodes.size(), incident.episodes.size());
  EXPECT_EQ(incident.firing, 1U);
}

class History : public Interplay {
 protected:
  std::vector<Send> alerts_of(const std::string& name, std::size_t count, ReportStatus status) {
    ReportsArrived arrived;
    arrived.source = "test";
    for (std::size_t alert = 0; alert < count; ++alert) {
      Report one;
      one.status = status;
      one.labels.add("alertname", name);
      one.labels.add("instance", "node-" + std::to_string(alert));
      one.labels.seal();
      if (status == ReportStatus::resolved) one.ends_at = now_;
      arrived.reports.push_back(std::move(one));
    }
    return apply_now(arrived);
  }

  // One that somebody was called for, and that is over.
  void outage(const std::string& name, std::size_t alerts) {
    accept(alerts_of(name, alerts, ReportStatus::firing));
    now_ += seconds{61};
    accept(alerts_of(name, alerts, ReportStatus::resolved));
    now_ += seconds{61};
  }

  static bool tells(const Incident& incident, ReasonKind kind) {
    return std::any_of(incident.timeline.begin(), incident.timeline.end(), [kind](const Reason& reason) {
      return reason.kind == kind;
    });
  }
};

TEST_F(History, OfWhatIsLongOverItStaysThatItWasAndWhoWasCalledNotEveryAlert) {
  constexpr std::size_t alerts = 50;
  constexpr std::size_t incidents = 3 * max_ended_in_all / alerts;
  for (std::size_t incident = 0; incident < incidents; ++incident) {
    outage("outage-" + std::to_string(incident), alerts);
    ASSERT_LE(state_.episodes.size(), max_ended_in_all + incidents + 2 * alerts) << incident;
  }
  ASSERT_EQ(state_.incidents.size(), incidents);
  const Incident& first = state_.incidents.begin()->second;
  EXPECT_EQ(first.episodes, (std::vector<EpisodeId>{EpisodeId{1}}));
  EXPECT_EQ(first.forgotten, alerts - 1);
  EXPECT_FALSE(tells(first, ReasonKind::alert_joined) || tells(first, ReasonKind::alert_ended));
  EXPECT_TRUE(tells(first, ReasonKind::opened) && tells(first, ReasonKind::person_called) &&
              tells(first, ReasonKind::page_accepted) && tells(first, ReasonKind::ended));
  const Incident& last = state_.incidents.rbegin()->second;
  EXPECT_EQ(last.episodes.size(), alerts);
  EXPECT_TRUE(tells(last, ReasonKind::alert_joined));

  // What comes back is as it was, whatever is kept of it.
  accept(alerts_of("outage-0", alerts, ReportStatus::firing));
  EXPECT_EQ(state_.incidents.rbegin()->second.firing, alerts);
}

TEST_F(History, ManySmallIncidentsTakeNothingFromALargeOne) {
  for (std::size_t incident = 0; incident < max_ended_in_all + 1000; ++incident) {
    outage("small-" + std::to_string(incident), 1);
  }
  outage("large", 50);
  for (std::size_t incident = 0; incident < 50; ++incident) outage("later-" + std::to_string(incident), 1);
  const auto large = std::find_if(state_.incidents.begin(), state_.incidents.end(), [](const auto& incident) {
    return incident.second.episodes.size() > 1;
  });
  ASSERT_NE(large, state_.incidents.end());
  EXPECT_EQ(large->second.episodes.size(), 50U);
}

TEST_F(History, WhatFiresIsKeptWhoeverResolvedItAndGoesWhenItIsOver) {
  constexpr std::size_t alerts = 20;
  apply_now(PolicyLoaded{make_policy()});
  alerts_of("quiet", alerts, ReportStatus::firing);
  apply_now(Resolve{.incident = IncidentId{1}, .by = "olga"});
  const auto press = [this](const std::string& name) {
    for (std::size_t round = 0; round < max_ended_in_all / 100 + 10; ++round) {
      outage(name + std::to_string(round), 100);
    }
  };
  press("some-");
  const Incident& quiet = state_.incidents.at(IncidentId{1});
  EXPECT_EQ(quiet.firing, alerts);
  EXPECT_EQ(quiet.episodes.size(), alerts);
  EXPECT_EQ(quiet.forgotten, 0U);
  alerts_of("quiet", alerts, ReportStatus::resolved);
  press("more-");
  EXPECT_EQ(quiet.episodes.size(), 1U);
  EXPECT_EQ(quiet.forgotten, alerts - 1);
}

TEST_F(History, AnOutageOfTensOfThousandsOfAlertsIsLetGoOfAPartAtATime) {
  constexpr std::size_t alerts = 20'000;
  outage("huge", alerts);
  std::size_t before = state_.incidents.at(IncidentId{1}).episodes.size();
  ASSERT_EQ(before, alerts);
  for (std::size_t round = 0; round < 200 && before > 1; ++round) {
    outage("after-" + std::to_string(round), 30);
    const std::size_t now = state_.incidents.at(IncidentId{1}).episodes.size();
    ASSERT_GE(now + 2'000, before);
    before = now;
  }
  EXPECT_EQ(before, 1U);
}

}  // namespace
}  // namespace rules
