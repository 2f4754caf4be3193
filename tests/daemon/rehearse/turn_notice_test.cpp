// Contacts in doubt are told before the turn in which they are needed.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/rehearse/policy_of.hpp"

namespace rehearse {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view olga_has_all = "sms: \"+16045550101\", voice: \"+16045550101\", email: olga@example.org";

// A Wednesday. Sam has the turn; olga's begins on Friday at 09:00, and sam's next on Monday the 9th.
const rules::Instant noon = *rules::parse_rfc3339("2026-03-04T12:00:00Z");
const rules::Instant turn = *rules::parse_rfc3339("2026-03-06T09:00:00Z");

class TurnNotices : public ::testing::Test {
 protected:
  static std::shared_ptr<const rules::Policy> policy(std::string_view contacts, std::string_view more) {
    const std::string team = fmt::format(R"(
rouse: 1
people:
  olga: {{ name: Olga, timezone: America/Vancouver, contact: {{ {} }} }}
  sam:  {{ name: Sam, contact: {{ sms: "+16045550102", email: sam@example.org }} }}
  mia:  {{ name: Mia, contact: {{ webhook: "http://127.0.0.1:1/mia" }} }}
rotations:
  operations: {{ members: [ sam, olga ], start: 2026-03-03T09:00, turn: 3d{} }}
call_trees:
  outage:
    steps: [ {{ call: operations, wait: 5m }} ]
    last_resort: {{ call: mia }}
route: {{ call_tree: outage }}
channels:
  sms:     [ {{ twilio: {{ account_sid: AC1, auth_token_file: none, from: "+16045550100" }} }} ]
  voice:   [ {{ webhook: {{ url: "http://127.0.0.1:1/voice" }} }} ]
  email:   [ {{ webhook: {{ url: "http://127.0.0.1:1/mail" }} }} ]
  webhook: [ {{ webhook: {{}} }} ]
)",
                                         contacts,
                                         more);
    return policy_of(config::load(team, "team.yml"));
  }

  void begin(std::string_view contacts = olga_has_all, std::string_view more = "") {
    world_ = std::make_unique<World>(policy(contacts, more), noon, 7);
  }

  // A test page to all contacts of this person, of which these are refused by their only provider.
  void test_page(rules::Instant at, const std::string& who, const std::vector<std::string>& failing) {
    for (const std::string& channel : failing) world_->behave(channel, 0, Behaviour::fails);
    world_->tell(at, rules::TestPage{.who = who, .by = "mia"});
    for (const std::string& channel : failing) world_->behave(channel, 0, Behaviour::works);
  }

  // "olga by email at 2026-03-05T09:00:00Z"
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const LeftNotice& notice : world_->notices()) {
      for (const rules::NoticeFacts& facts : notice.message.notices) {
        EXPECT_EQ(facts.kind, rules::NoticeKind::turn_at_risk);
        std::string at = rules::print_rfc3339(notice.at);
        if (const std::size_t whole = at.find(".000Z"); whole != std::string::npos) at.replace(whole, 5, "Z");
        all.push_back(fmt::format("{} by {} at {}", notice.message.person, notice.message.contact, at));
      }
    }
    return all;
  }

  std::string text(std::size_t index) const { return world_->notices().at(index).message.notices.front().text; }

  std::unique_ptr<World> world_;
};

TEST_F(TurnNotices, AContactThatFailedIsToldADayBeforeTheTurnByOneThatWorks) {
  begin();
  test_page(noon, "olga", {"sms"});
  world_->advance_to(turn - 24h - 1s);
  EXPECT_THAT(told(), IsEmpty());
  world_->advance_to(turn + 48h);
  ASSERT_THAT(told(), ElementsAre("olga by email at 2026-03-05T09:00:00Z"));
  EXPECT_EQ(text(0),
            "Your sms contact has failed since 4 March 04:00 PST (rehearsed). Your turn on operations begins Friday "
            "01:00 PST. Try `rousectl page test olga`, or mend the contact.");
  EXPECT_EQ(world_->state().counters.turns_at_risk, 1U);
}

TEST_F(TurnNotices, AFailureWithinADayOfTheTurnIsToldAtOnce) {
  begin();
  test_page(turn - 3h, "olga", {"sms"});
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T06:00:00Z"));
}

TEST_F(TurnNotices, AFailureInTheTurnIsToldAtOnceAndNotAgainInIt) {
  begin();
  test_page(turn + 3h, "olga", {"sms"});
  ASSERT_THAT(told(), ElementsAre("olga by email at 2026-03-06T12:00:00Z"));
  EXPECT_THAT(text(0), HasSubstr("You are on call for operations now."));
  test_page(turn + 4h, "olga", {"sms"});
  test_page(turn + 5h, "olga", {"sms"});
  world_->advance_to(turn + 60h);
  EXPECT_THAT(told(), SizeIs(1));
}

TEST_F(TurnNotices, TheNextTurnIsToldAgainWhileTheDoubtIsThere) {
  begin();
  test_page(noon, "olga", {"sms"});
  for (int day = 1; day < 12; ++day) test_page(noon + day * 24h, "olga", {"sms"});
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-05T09:00:00Z", "olga by email at 2026-03-11T09:00:00Z"));
}

TEST_F(TurnNotices, WhatWorkedForAnHourAndFailsAgainIsToldAgain) {
  begin();
  test_page(turn + 1h, "olga", {"sms"});
  test_page(turn + 2h, "olga", {});
  test_page(turn + 3h, "olga", {"sms"});
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T10:00:00Z", "olga by email at 2026-03-06T12:00:00Z"));
}

// A provider takes every message to a number that is dead, and says so later, each time.
TEST_F(TurnNotices, WhatIsTakenAndThenReportedAsFailedAgainAndAgainIsToldOnce) {
  begin();
  for (int minute = 0; minute < 50; minute += 10) {
    test_page(turn + 1h + minute * 1min, "olga", {});
    for (const auto& [id, sent] : world_->state().sent) {
      if (sent.contact != "sms" || sent.failed) continue;
      world_->tell(
          turn + 1h + minute * 1min + 20s,
          rules::DeliveryReported{
              .message = id, .key = sent.key, .delivery = rules::Delivery::failed, .detail = "unknown number"});
      break;
    }
  }
  EXPECT_EQ(world_->state().reachability.at({"olga", "sms"}).failed, 5U);
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T10:00:20Z"));
}

TEST_F(TurnNotices, WhatWasHeardAndFailsRightAfterIsToldAgain) {
  begin();
  test_page(turn + 1h, "olga", {"sms"});
  test_page(turn + 70min, "olga", {});
  world_->tell(turn + 71min, rules::Replied{.channel = "sms", .address = "+16045550101", .person = {}, .text = "ok"});
  test_page(turn + 80min, "olga", {"sms"});
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T10:00:00Z", "olga by email at 2026-03-06T10:20:00Z"));
}

TEST_F(TurnNotices, WhoSentStopIsTold) {
  begin();
  world_->tell(turn + 1h,
               rules::Replied{.channel = "sms",
                              .address = "+16045550101",
                              .person = {},
                              .form = rules::ReplyForm::stop,
                              .text = "STOP",
                              .about = {},
                              .id = {}});
  ASSERT_THAT(told(), ElementsAre("olga by email at 2026-03-06T10:00:00Z"));
  EXPECT_THAT(text(0), HasSubstr("(STOP was sent from this number"));
}

// A text message is answered; what a program takes is not expected to be.
TEST_F(TurnNotices, ATestPageThatNobodyAnswersForADayIsToldToo) {
  begin();
  test_page(turn - 10h, "olga", {});
  world_->advance_to(turn + 14h - 1s);
  EXPECT_THAT(told(), IsEmpty());
  world_->advance_to(turn + 48h);
  ASSERT_THAT(told(), ElementsAre("olga by email at 2026-03-06T23:00:00Z"));
  EXPECT_THAT(text(0), HasSubstr("Nobody has answered the test page to your sms contact since 5 March 15:00 PST."));
}

TEST_F(TurnNotices, ItIsNeverSaidByVoice) {
  begin("sms: \"+16045550101\", voice: \"+16045550101\"");
  test_page(turn + 1h, "olga", {"sms"});
  world_->advance_to(turn + 48h);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(world_->state().counters.turns_at_risk_untold, 1U);
}

TEST_F(TurnNotices, WhenNoContactWorksWhoeverHandsOverIsTold) {
  begin();
  test_page(noon, "olga", {"sms", "voice", "email"});
  world_->advance_to(turn + 48h);
  ASSERT_THAT(told(), ElementsAre("sam by email at 2026-03-05T09:00:00Z"));
  EXPECT_THAT(text(0),
              AllOf(HasSubstr("Olga, who takes over operations Friday 09:00 UTC, cannot be reached:"),
                    HasSubstr("sms has failed since 4 March 12:00 UTC (rehearsed)"),
                    HasSubstr("email has failed since")));
}

TEST_F(TurnNotices, WhenNobodyElseIsThereItIsCounted) {
  begin();
  test_page(turn + 1h, "olga", {"sms", "voice", "email"});
  world_->advance_to(turn + 2h);
  // What was told first was told by a contact that failed a moment later.
  EXPECT_GE(world_->state().counters.turns_at_risk_untold, 1U);
  for (const std::string& one : told()) EXPECT_THAT(one, Not(HasSubstr("sam by")));
}

TEST_F(TurnNotices, WhoHasNoTurnSoonIsNotTold) {
  begin();
  test_page(noon, "mia", {"webhook"});
  test_page(noon, "olga", {"sms"});
  world_->advance_to(noon + 20h);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(world_->state().counters.turns_at_risk_untold, 0U);
}

TEST_F(TurnNotices, WhatIsMendedBeforeTheDayBeforeIsNotTold) {
  begin();
  test_page(noon, "olga", {"sms"});
  test_page(noon + 1h, "olga", {});
  world_->tell(noon + 2h, rules::Replied{.channel = "sms", .address = "+16045550101", .person = {}, .text = "ok"});
  world_->advance_to(turn + 1h);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(TurnNotices, ARestartForgetsNeitherWhatIsToTellNorWhatWasTold) {
  begin();
  test_page(noon, "olga", {"sms"});
  world_->restart(noon + 1h, 5min);
  world_->advance_to(turn - 24h);
  EXPECT_THAT(told(), SizeIs(1));
  world_->restart(turn - 20h, 5min);
  world_->restart(turn + 2h, 5min);
  world_->advance_to(turn + 48h);
  EXPECT_THAT(told(), SizeIs(1));
}

TEST_F(TurnNotices, WhatCameDueDuringARestartIsToldAfterIt) {
  begin();
  test_page(noon, "olga", {"sms"});
  world_->restart(turn - 25h, 3h);
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-05T11:00:00Z"));
}

TEST_F(TurnNotices, AnOverrideThatMovesTheTurnMovesTheNotice) {
  begin();
  test_page(noon, "olga", {"sms"});
  // Sam keeps the first day of it: on call from Saturday on, she is told on Friday.
  world_->tell(
      noon + 1h,
      rules::PolicyLoaded{policy(
          olga_has_all, ", overrides: [ { from: 2026-03-06T09:00, to: 2026-03-07T09:00, for: olga, take: sam } ]")});
  world_->advance_to(turn);
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T09:00:00Z"));
}

TEST_F(TurnNotices, LeaveThatGivesSomebodyATurnTellsThemAtOnce) {
  begin();
  test_page(turn - 2h, "sam", {"sms"});
  ASSERT_THAT(told(), ElementsAre("sam by email at 2026-03-06T07:00:00Z"));
  // Olga is away: sam goes on, which is another turn of his.
  world_->tell(
      turn - 1h,
      rules::PolicyLoaded{policy(olga_has_all, ", leave: { olga: [ { from: 2026-03-06, to: 2026-03-08 } ] }")});
  EXPECT_THAT(told(), ElementsAre("sam by email at 2026-03-06T07:00:00Z", "sam by email at 2026-03-06T08:00:00Z"));
}

TEST_F(TurnNotices, HoursCountWhenTheyFirstCallNotEveryDay) {
  begin(olga_has_all, ", hours: [ { from: \"10:00\", to: \"16:00\" } ]");
  test_page(noon, "olga", {"sms"});
  world_->advance_to(turn + 70h);
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-05T10:00:00Z"));
}

TEST_F(TurnNotices, APageGoesFirstAndTheNoticeWaitsItsTurnBehindIt) {
  begin("sms: \"+16045550101\", email: olga@example.org");
  world_->behave("sms", 0, Behaviour::fails);
  rules::Report report;
  report.labels.add("alertname", "ApiDown");
  report.labels.add("service", "checkout");
  report.labels.add("severity", "critical");
  report.labels.seal();
  report.starts_at = turn + 1h;
  rules::ReportsArrived arrived;
  arrived.source = "test";
  arrived.reports.push_back(report);
  world_->tell(turn + 1h, arrived);
  ASSERT_THAT(world_->pages(), SizeIs(1));
  EXPECT_EQ(world_->pages().front().message.contact, "email");
  EXPECT_EQ(world_->pages().front().at, turn + 1h);
  world_->advance_to(turn + 1h + 2s);
  EXPECT_THAT(told(), ElementsAre("olga by email at 2026-03-06T10:00:01Z"));
}

}  // namespace
}  // namespace rehearse
