// What people are answered, what is told to the company, and what is known of who can be reached.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/reply.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/rehearse/policy_of.hpp"

namespace rehearse {
namespace {

using namespace std::chrono_literals;
using rules::ReplyVerb;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view team = R"(
rouse: 1
people:
  olga: { name: Olga, contact: { sms: "+16045550101", email: olga@example.org } }
  sam:  { name: Sam, contact: { sms: "+16045550102" } }
  mia:  { name: Mia, contact: { email: mia@example.org } }
call_trees:
  outage:
    steps: [ { call: olga, wait: 5m }, { call: sam, wait: 5m } ]
    last_resort: { call: mia }
route: { call_tree: outage, group_by: [ alertname, service, cluster ] }
channels:
  sms:   [ { webhook: { url: "http://127.0.0.1:1/sms" } } ]
  email: [ { webhook: { url: "http://127.0.0.1:1/mail" } } ]
  slack: [ { webhook: { url: "http://127.0.0.1:1/slack" } } ]
publish: [ { slack: { channel: C0OUTAGE } } ]
)";

const rules::Instant noon = *rules::parse_rfc3339("2026-03-04T12:00:00Z");

class Replies : public ::testing::Test {
 protected:
  Replies() { world_ = std::make_unique<World>(policy_of(config::load(team, "team.yml")), noon, 7); }

  void fire(rules::Duration at, const std::string& name) {
    rules::Report report;
    report.labels.add("alertname", name);
    report.labels.add("service", "checkout");
    report.labels.add("cluster", "eu");
    report.labels.add("severity", "critical");
    report.labels.seal();
    report.annotations.add("runbook_url", "https://runbooks.example.org/api");
    report.annotations.seal();
    report.starts_at = noon + at;
    rules::ReportsArrived arrived;
    arrived.source = "test";
    arrived.reports.push_back(report);
    world_->tell(noon + at, arrived);
  }

  rules::Verdict write(rules::Duration at, const std::string& address, const std::string& text) {
    return world_
        ->tell(noon + at,
               rules::Replied{.channel = "sms", .address = address, .person = {}, .text = text, .about = {}, .id = {}})
        .value();
  }

  const rules::Incident& incident(std::uint64_t number) {
    return world_->state().incidents.find(rules::IncidentId{number})->second;
  }

  std::unique_ptr<World> world_;
};

TEST_F(Replies, EveryAnswerNamesTheIncident) {
  fire(0s, "ApiDown");
  EXPECT_THAT(write(1min, "+16045550101", "1w").text, HasSubstr("R-1 (ApiDown"));
  EXPECT_THAT(write(2min, "+1 604 555-0101", "1a").text, HasSubstr("R-1 (ApiDown"));
  EXPECT_THAT(write(3min, "+16045550101", "c").text, HasSubstr("R-1 (ApiDown"));
  const rules::Verdict late = write(4min, "+16045550101", "1a");
  EXPECT_EQ(late.code, rules::VerdictCode::already_resolved);
  EXPECT_THAT(late.text, HasSubstr("R-1 (ApiDown"));
  EXPECT_THAT(late.text, HasSubstr("already resolved"));
}

TEST_F(Replies, WhySaysWhoIsNext) {
  fire(0s, "ApiDown");
  const std::string why = write(1min, "+16045550101", "why").text;
  EXPECT_THAT(why, HasSubstr("step 1"));
  EXPECT_THAT(why, HasSubstr("next in 4m"));
  EXPECT_THAT(why, HasSubstr("Sam"));
}

TEST_F(Replies, StrangersGetNoAnswer) {
  fire(0s, "ApiDown");
  EXPECT_THAT(write(1min, "+16045559999", "1a").text, IsEmpty());
  EXPECT_EQ(world_->state().counters.replies_of_strangers, 1U);
  EXPECT_EQ(incident(1).state, rules::IncidentState::triggered);
}

TEST_F(Replies, AFloodOfWrongRepliesIsAnsweredFiveTimesUntilOneDoesSomething) {
  fire(0s, "ApiDown");
  for (int count = 0; count < 5; ++count)
    EXPECT_THAT(write(1min, "+16045550101", "hm"),
                ::testing::Truly([](const rules::Verdict& said) { return !said.text.empty(); }));
  for (int count = 0; count < 50; ++count) EXPECT_THAT(write(1min, "+16045550101", "hm").text, IsEmpty());
  EXPECT_THAT(write(2min, "+16045550101", "1w").text, HasSubstr("R-1")) << "a question is answered, and ends no flood";
  EXPECT_THAT(write(2min, "+16045550101", "hm").text, IsEmpty());
  EXPECT_THAT(write(2min, "+16045550101", "1a").text, HasSubstr("acknowledged"));
  EXPECT_THAT(write(2min, "+16045550101", "hm").text, HasSubstr("Not understood"));
}

TEST_F(Replies, AFloodOfQuestionsIsAnsweredThirtyTimesUntilAPageLeaves) {
  fire(0s, "ApiDown");
  int answered = 0;
  for (int count = 0; count < 100; ++count) answered += write(1min, "+16045550101", "1w").text.empty() ? 0 : 1;
  EXPECT_EQ(answered, 30);
}

TEST_F(Replies, APageSaysWhatAPersonNeedsToKnow) {
  fire(0s, "ApiDown");
  world_->advance_to(noon + 5min);
  const LeftPage& second = world_->pages().back();
  EXPECT_EQ(second.message.person, "sam");
  EXPECT_EQ(second.page.number, 1U);
  EXPECT_THAT(second.page.called, ::testing::ElementsAre("Olga"));
  EXPECT_EQ(second.page.incident.since, noon);
  EXPECT_EQ(second.page.incident.runbook, "https://runbooks.example.org/api");
  EXPECT_EQ(second.page.incident.where, "cluster=eu");
  EXPECT_THAT(second.page.next, HasSubstr("Olga"));
  EXPECT_EQ(second.page.next_at, noon + 10min);
}

TEST_F(Replies, TheCompanyIsToldThatItBeganHowItStandsAndThatItEnded) {
  fire(0s, "ApiDown");
  world_->tell(noon + 1min, rules::Update{.incident = rules::IncidentId{1}, .by = "olga", .text = "half of it fails"});
  world_->tell(noon + 2min, rules::Resolve{.incident = rules::IncidentId{1}, .by = "olga"});
  world_->advance_to(noon + 3min);
  std::vector<rules::NoticeKind> told;
  for (const LeftNotice& notice : world_->notices()) {
    if (!notice.message.person.empty()) continue;
    EXPECT_EQ(notice.message.channel, "slack");
    EXPECT_EQ(notice.message.address, "C0OUTAGE");
    for (const rules::NoticeFacts& facts : notice.message.notices) told.push_back(facts.kind);
  }
  EXPECT_THAT(told,
              ::testing::ElementsAre(rules::NoticeKind::outage, rules::NoticeKind::update, rules::NoticeKind::ended));
}

TEST_F(Replies, WhoAsksForUpdatesGetsThemUntilItIsOverAndNobodyIsToldOfTheirOwn) {
  fire(0s, "ApiDown");
  world_->tell(noon + 10s, rules::Follow{.incident = rules::IncidentId{1}, .by = "mia"});
  world_->tell(noon + 20s, rules::Follow{.incident = rules::IncidentId{1}, .by = "olga"});
  world_->tell(noon + 1min, rules::Update{.incident = rules::IncidentId{1}, .by = "olga", .text = "half of it fails"});
  world_->tell(noon + 2min, rules::Resolve{.incident = rules::IncidentId{1}, .by = "sam"});
  world_->advance_to(noon + 3min);
  std::map<std::string, int> updates;
  std::map<std::string, int> ends;
  for (const LeftNotice& notice : world_->notices())
    for (const rules::NoticeFacts& facts : notice.message.notices) {
      if (facts.kind == rules::NoticeKind::update) ++updates[notice.message.person];
      if (facts.kind == rules::NoticeKind::ended) ++ends[notice.message.person];
    }
  EXPECT_EQ(updates["mia"], 1);
  EXPECT_EQ(updates["olga"], 0);
  EXPECT_EQ(ends["mia"], 1);
  EXPECT_EQ(ends["olga"], 1);
}

TEST_F(Replies, ATestPageThatIsAnsweredWasHeard) {
  const rules::Verdict sent = world_->tell(noon, rules::TestPage{.who = "olga", .by = "sam"}).value();
  EXPECT_EQ(sent.code, rules::VerdictCode::done);
  const rules::Reachability& sms = world_->state().reachability.at({"olga", "sms"});
  EXPECT_EQ(sms.tests, 1U);
  world_->tell(noon + 1min, rules::Replied{.channel = "email", .address = "olga@example.org", .text = "ok"});
  EXPECT_EQ(world_->state().reachability.at({"olga", "email"}).tests_heard, 1U);
  EXPECT_EQ(sms.tests_heard, 0U);
  EXPECT_THAT(world_->tell(noon + 10s + 1min, rules::TestPage{.who = "batman", .by = "sam"}).value().text,
              HasSubstr("batman"));
}

TEST(ReplyGrammar, ReadsWhatThePagesSuggest) {
  EXPECT_EQ(rules::parse_reply("1a")->verb, ReplyVerb::acknowledge);
  EXPECT_EQ(rules::parse_reply("1a")->number, 1U);
  EXPECT_EQ(rules::parse_reply("12 C")->verb, ReplyVerb::close);
  EXPECT_EQ(rules::parse_reply("12 C")->number, 12U);
  EXPECT_EQ(rules::parse_reply("1s 30")->length, 30min);
  EXPECT_EQ(rules::parse_reply("snooze 2h R-7")->length, 2h);
  EXPECT_EQ(rules::parse_reply("snooze 2h R-7")->incident, rules::IncidentId{7});
  EXPECT_EQ(rules::parse_reply("R-12 ack")->incident, rules::IncidentId{12});
  EXPECT_EQ(rules::parse_reply("1 call database")->who, "database");
  EXPECT_EQ(rules::parse_reply("'WHY?'")->verb, ReplyVerb::why);
}

TEST(ReplyGrammar, RefusesWhatCouldMeanSomethingElse) {
  for (const char* const text : {"",
                                 " ",
                                 "hello",
                                 "0a",
                                 "1",
                                 "call",
                                 "1 call",
                                 "a meeting at ten",
                                 "close the door",
                                 "99999999999999999999a",
                                 "R-",
                                 "1a 2a",
                                 "stop",
                                 "\xff\xfe"})
    EXPECT_FALSE(rules::parse_reply(text).has_value()) << text;
  EXPECT_FALSE(rules::parse_reply(std::string(1'000'000, '1')).has_value());
  EXPECT_FALSE(rules::parse_key("7").has_value());
  EXPECT_FALSE(rules::parse_key("44").has_value());
}

}  // namespace
}  // namespace rehearse
