// Whose contacts are in doubt, and who comes next: what is shown before somebody's turn.
#include "rules/reachability.hpp"

#include <chrono>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/overview.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace rehearse {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view team = R"(
rouse: 1
people:
  olga: { name: Olga, contact: { sms: "+16045550101", webhook: "http://127.0.0.1:8080/olga" } }
  omar: { name: Omar, contact: { sms: "+16045550102" } }
rotations:
  operations: { members: [olga, omar], start: 2026-03-02T10:00, turn: 1w,
    hours: [ { days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00" } ] }
call_trees:
  outage: { steps: [ { call: operations, wait: 5m } ] }
route: { call_tree: outage, urgency: high }
channels:
  sms:     [ { twilio: { account_sid: AC1, auth_token_file: twilio.token, from: "+16045550100" } } ]
  webhook: [ { webhook: {} } ]
)";

class Doubts : public ::testing::Test {
 protected:
  Doubts() {
    config::Loaded loaded = config::load(team, "team.yml");
    if (!loaded) throw std::runtime_error{config::print(loaded.error())};
    policy_ = std::make_shared<const rules::Policy>(std::move(loaded->policy));
    world_ = std::make_unique<World>(policy_, noon, 7);
  }

  [[nodiscard]] std::vector<rules::ContactDoubt> doubts() const {
    return rules::contact_doubts(world_->state(), *policy_, world_->now());
  }

  void test_page(rules::Duration at, const std::string& who) {
    world_->tell(noon + at, rules::TestPage{.who = who, .by = "ivan"});
  }

  // What the provider says later of the last message to this contact.
  void report(rules::Duration at, const std::string& contact, rules::Delivery delivery, const std::string& detail) {
    for (const auto& [id, sent] : world_->state().sent) {
      if (sent.contact != contact) continue;
      world_->tell(noon + at,
                   rules::DeliveryReported{.message = id, .key = sent.key, .delivery = delivery, .detail = detail});
      return;
    }
    FAIL() << "nothing was sent by " << contact;
  }

  const rules::Instant noon{*rules::parse_rfc3339("2026-03-04T12:00:00Z")};
  std::shared_ptr<const rules::Policy> policy_;
  std::unique_ptr<World> world_;
};

TEST_F(Doubts, AreNoneOfWhatWasNeverTried) {
  EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(Doubts, BeginWithADeliveryThatFailed) {
  test_page(0s, "omar");
  report(1min, "sms", rules::Delivery::failed, "this number has sent STOP");
  const std::vector<rules::ContactDoubt> found = doubts();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().person, "omar");
  EXPECT_EQ(found.front().doubt, rules::Doubt::failed);
  EXPECT_EQ(found.front().since, noon + 1min);
  EXPECT_EQ(found.front().why, "this number has sent STOP");
}

// By a text from this number. What is written back.
std::string answer_to(World& world, rules::Instant at, rules::Replied reply) {
  const std::optional<rules::Verdict> verdict = world.tell(at, std::move(reply));
  return verdict ? verdict->text : "no verdict";
}

rules::Replied text_from(const std::string& number, const std::string& text) {
  return {.channel = "sms",
          .address = number,
          .person = {},
          .form = rules::ReplyForm::text,
          .text = text,
          .about = {},
          .id = {}};
}

TEST_F(Doubts, BeginWhenStopIsSentFromTheNumberAndEndWithStart) {
  rules::Replied opts = text_from("+1 604 555 0101", "STOP");
  opts.form = rules::ReplyForm::stop;
  EXPECT_EQ(answer_to(*world_, noon + 1s, opts), "");
  const std::vector<rules::ContactDoubt> found = doubts();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().person, "olga");
  EXPECT_EQ(found.front().contact, "sms");
  EXPECT_EQ(found.front().since, noon + 1s);
  opts.form = rules::ReplyForm::start;
  EXPECT_EQ(answer_to(*world_, noon + 2s, opts), "");
  EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(Doubts, AStopIsNoAnswerToATestPage) {
  test_page(0s, "olga");
  rules::Replied stop = text_from("+16045550101", "STOP");
  stop.form = rules::ReplyForm::stop;
  answer_to(*world_, noon + 1s, stop);
  EXPECT_EQ(world_->state().reachability.at({"olga", "sms"}).tests_heard, 0U);
}

TEST_F(Doubts, ATestPageIsHeardOnTheContactThatAnswersAndOnNoOther) {
  test_page(0s, "olga");
  EXPECT_THAT(answer_to(*world_, noon + 1s, text_from("+16045550101", "ok")), ::testing::HasSubstr("nothing else"));
  EXPECT_EQ(world_->state().reachability.at({"olga", "sms"}).tests_heard, 1U);
  EXPECT_EQ(world_->state().reachability.at({"olga", "webhook"}).tests_heard, 0U);
}

TEST_F(Doubts, WhatDoesNothingIsAnsweredFiveTimesUntilSomethingIsDoneOrAPageLeaves) {
  rules::Duration at{};
  const auto answered = [&](const std::string& text, int times) {
    int count = 0;
    for (int time = 0; time < times; ++time) {
      count += answer_to(*world_, noon + (at += 1s), text_from("+16045550101", text)).empty() ? 0 : 1;
    }
    return count;
  };
  EXPECT_EQ(answered("9a", 3) + answered("ack R-999", 3) + answered("hello", 3), 5);
  test_page(at += 1s, "olga");
  EXPECT_EQ(answered("ok", 8), 8) << "what is heard is thanked for";
  EXPECT_EQ(answered("9a", 8), 5);
}

TEST_F(Doubts, BeginWithAPageThatNoProviderTook) {
  world_->behave("sms", 0, Behaviour::fails);
  test_page(0s, "omar");
  ASSERT_THAT(doubts(), SizeIs(1));
  EXPECT_EQ(doubts().front().doubt, rules::Doubt::failed);
}

TEST_F(Doubts, EndWithTheNextPageThatArrives) {
  world_->behave("sms", 0, Behaviour::fails);
  test_page(0s, "omar");
  world_->behave("sms", 0, Behaviour::works);
  test_page(10min, "omar");
  EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(Doubts, BeginADayAfterATestPageThatNobodyAnswered) {
  test_page(0s, "omar");
  world_->advance_to(noon + 24h - 1ms);
  EXPECT_THAT(doubts(), IsEmpty());
  world_->advance_to(noon + 24h);
  ASSERT_THAT(doubts(), SizeIs(1));
  EXPECT_EQ(doubts().front().doubt, rules::Doubt::test_unheard);
  EXPECT_EQ(doubts().front().since, noon);
}

TEST_F(Doubts, AreNoneWhenATestPageWasAnswered) {
  test_page(0s, "omar");
  world_->tell(
      noon + 2h,
      rules::Replied{.channel = "sms", .address = "+16045550102", .person = {}, .text = "ack", .about = {}, .id = {}});
  world_->advance_to(noon + 48h);
  EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(Doubts, AreNeverThatAProgramWasSilent) {
  test_page(0s, "olga");
  world_->advance_to(noon + 48h);
  const std::vector<rules::ContactDoubt> found = doubts();
  ASSERT_THAT(found, SizeIs(1)) << "the webhook cannot answer";
  EXPECT_EQ(found.front().contact, "sms");
}

TEST_F(Doubts, OutliveARestart) {
  test_page(0s, "omar");
  world_->restart(noon + 1h, 5min);
  world_->advance_to(noon + 24h);
  EXPECT_THAT(doubts(), SizeIs(1));
}

// 10:00 on Monday the 9th omar's turn begins; until then hours begin and end, which is nobody's turn.
TEST_F(Doubts, AreSeenBeforeTheTurnOfWhoeverComesNext) {
  const rules::OnCallView view = rules::view_on_call(*policy_, noon).at(0);
  EXPECT_EQ(view.until, rules::parse_rfc3339("2026-03-04T18:00:00Z"));
  ASSERT_THAT(view.next, SizeIs(1));
  EXPECT_EQ(view.next.front().person, "omar");
  EXPECT_EQ(view.next_from, rules::parse_rfc3339("2026-03-09T10:00:00Z"));
}

TEST_F(Doubts, SayWhenTheTurnEndsWhoIsNextAtNight) {
  const rules::OnCallView view = rules::view_on_call(*policy_, *rules::parse_rfc3339("2026-03-04T22:00:00Z")).at(0);
  EXPECT_THAT(view.people, IsEmpty());
  ASSERT_THAT(view.next, SizeIs(1));
  EXPECT_EQ(view.next.front().person, "olga");
  EXPECT_EQ(view.next_from, rules::parse_rfc3339("2026-03-05T08:00:00Z"));
}

TEST_F(Doubts, OfIncidentsTheOverviewCountsEachStage) {
  const auto fire = [&](rules::Duration at, const std::string& service) {
    rules::Report report;
    report.labels = rules::Labels{{{"alertname", "ApiDown"}, {"service", service}}};
    rules::ReportsArrived arrived;
    arrived.source = "test";
    arrived.reports.push_back(report);
    world_->tell(noon + at, arrived);
  };
  fire(0s, "a");
  fire(1min, "b");
  fire(11min, "c");
  fire(12min, "d");
  world_->tell(noon + 12min, rules::Acknowledge{rules::IncidentId{2}, "olga"});
  world_->tell(noon + 12min, rules::Snooze{rules::IncidentId{4}, "olga", 1h});
  const rules::Overview overview = rules::view_overview(world_->state());
  EXPECT_THAT(overview.stages,
              ElementsAre(rules::StageCount{"step 1", 1},
                          rules::StageCount{"last_resort", 1},
                          rules::StageCount{"acknowledged", 1},
                          rules::StageCount{"snoozed", 1}));
  EXPECT_EQ(overview.triggered, 2U);
  EXPECT_EQ(overview.acknowledged, 2U);
  EXPECT_EQ(overview.unheard, 1U);
}

}  // namespace
}  // namespace rehearse
