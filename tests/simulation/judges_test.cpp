// Each judge of how people are reached can fail: a trace that breaks its promise, and the same one that does not.
#include "tests/simulation/judges.hpp"

#include <gtest/gtest.h>

#include "rules/rfc3339.hpp"
#include "tests/simulation/team.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr rules::Instant epoch{std::chrono::seconds{1'789'552'800}};

class Court {
 public:
  using Make = std::unique_ptr<Judge> (*)(const Situation&, Judge::Fail);
  explicit Court(Make make)
      : judge_{make(situation_, [this](const std::string& invariant, const std::string& /*text*/) {
          if (verdict.empty()) verdict = invariant;
        })} {
    situation_.is_up = true;
    happens(rules::PolicyLoaded{make_policy(
        {.tight_budget = true, .reloaded = false, .correlated = false, .hearts = false, .reaching = true})});
    happens(rules::Started{.run = 1});
  }

  void passes(Time length) {
    judge_->pass_time(situation_.now + length);
    situation_.now += length;
  }
  Contract::Answer happens(const rules::Event& event, rules::Effects effects = {}) {
    const rules::Instant at = epoch + std::chrono::floor<rules::Duration>(situation_.now);
    situation_.effects = std::move(effects);
    const codec::StampedEvent one{.stamp = {.at = at, .wall = at}, .event = event};
    Contract::Answer answer = situation_.contract.take(event, one.stamp);
    const Committed row{.sequence = 1, .found = false, .events = {}};
    judge_->event(row, one, answer);
    judge_->row_ended(row);
    return answer;
  }
  void is_seen(What what) { judge_->see(Row{.time = situation_.now, .what = std::move(what)}); }
  // One alert, and the message that it asks for.
  std::shared_ptr<const rules::Send> pages() {
    rules::Report report;
    report.labels = rules::Labels{{{"alertname", "A"}, {"service", "pay"}, {"severity", "critical"}}};
    const Contract::Answer answer = happens(rules::ReportsArrived{
        .source = "test", .form = rules::ReportForm::webhook, .reports = {report}, .truncated = 0, .receiver = ""});
    for (const Contract::Ask& ask : answer.asks) {
      if (!ask.pages.empty()) return send_of(ask);
    }
    return nullptr;
  }
  static std::shared_ptr<const rules::Send> send_of(const Contract::Ask& ask) {
    rules::Send send;
    send.message = ask.message;
    send.person = ask.to.first;
    send.contact = ask.to.second;
    send.channel = ask.to.second;
    send.provider = ask.provider;
    for (const Contract::Page& page : ask.pages) {
      rules::PageFacts facts;
      facts.id = page.id;
      facts.incident.id = page.incident;
      send.pages.push_back(facts);
    }
    return std::make_shared<const rules::Send>(send);
  }
  Situation& situation() { return situation_; }

  std::string verdict;

 private:
  Situation situation_;
  std::unique_ptr<Judge> judge_;
};

rules::SendEnded ended(const rules::Send& send, rules::SendOutcome outcome) {
  return rules::SendEnded{
      .message = send.message, .provider = send.provider, .outcome = outcome, .detail = "", .reference = ""};
}

TEST(Judges, AnIncidentThatIsNamedNowhereAnyMoreIsLost) {
  Court court{judge_of_ids};
  ASSERT_NE(court.pages(), nullptr);
  court.passes(11min);
  EXPECT_EQ(court.verdict, "");
  court.passes(1min);
  EXPECT_EQ(court.verdict, "I16");
}

TEST(Judges, AnIncidentThatRingsIsNotLost) {
  Court court{judge_of_ids};
  const auto send = court.pages();
  court.passes(11min);
  court.is_seen(Reached{send});
  court.passes(1min);
  EXPECT_EQ(court.verdict, "");
}

TEST(Judges, TheSamePageOnceMoreIsNoNewName) {
  Court court{judge_of_ids};
  const auto send = court.pages();
  court.is_seen(TryAsked{send});
  court.passes(11min);
  court.is_seen(TryAsked{send});
  court.passes(1min);
  EXPECT_EQ(court.verdict, "I16");
}

TEST(Judges, NobodyWaitsForAPageThatIsDue) {
  Court court{judge_of_waits};
  const auto send = court.pages();
  court.passes(60s);
  EXPECT_EQ(court.verdict, "");
  court.passes(1s);
  EXPECT_EQ(court.verdict, "I17");
}

TEST(Judges, WhileTheSecondProviderWorksItsPageRingsInTime) {
  for (const bool rings : {true, false}) {
    Court court{judge_of_waits};
    court.is_seen(ProviderTurned{.channel = "sms", .provider = 0, .works = false, .mood = "mute"});
    const auto send = court.pages();
    court.is_seen(TryAsked{send});
    court.passes(40s);
    EXPECT_EQ(court.verdict, "");
    if (rings) court.is_seen(Reached{send});
    court.passes(2s);
    EXPECT_EQ(court.verdict, rings ? "" : "I17");
  }
}

TEST(Judges, WhenNoProviderWorksNobodyIsBlamed) {
  Court court{judge_of_waits};
  for (const std::uint32_t index : {0U, 1U, 2U}) {
    court.is_seen(ProviderTurned{.channel = "sms", .provider = index, .works = false, .mood = "unreachable"});
  }
  court.is_seen(TryAsked{court.pages()});
  court.passes(5min);
  EXPECT_EQ(court.verdict, "");
}

TEST(Judges, TheLastProviderIsNeverPassedOver) {
  Court court{judge_of_circuits};
  const auto first = court.pages();
  court.happens(rules::Started{.run = 2}, {*first});
  for (const std::uint32_t index : {0U, 1U}) {
    rules::Send send = *first;
    send.provider = index;
    const auto tried = std::make_shared<const rules::Send>(send);
    court.is_seen(TryAsked{tried});
    court.is_seen(TryEnded{.send = tried, .outcome = channels::TryOutcome::transient});
    court.happens(ended(send, rules::SendOutcome::refused));
  }
  EXPECT_EQ(court.verdict, "");
  rules::Send last = *first;
  last.provider = 2;
  court.happens(ended(last, rules::SendOutcome::refused));
  EXPECT_EQ(court.verdict, "I18");
}

TEST(Judges, AProviderIsPassedOverBehindThreeFailuresAlone) {
  for (const int failures : {2, 3}) {
    Court court{judge_of_circuits};
    const auto send = court.pages();
    court.happens(rules::Started{.run = 2}, {*send});
    for (int failure = 0; failure < failures; ++failure) {
      rules::Send earlier = *send;
      earlier.message = rules::MessageId{100U + static_cast<std::uint64_t>(failure)};
      const auto tried = std::make_shared<const rules::Send>(earlier);
      court.is_seen(TryAsked{tried});
      court.is_seen(TryEnded{.send = tried, .outcome = channels::TryOutcome::unanswered});
      court.happens(ended(earlier, rules::SendOutcome::unanswered));
    }
    court.happens(ended(*send, rules::SendOutcome::refused));
    EXPECT_EQ(court.verdict, failures == 3 ? "" : "I18") << failures;
  }
}

TEST(Judges, HeardIsWhatAPersonAnswered) {
  const rules::DeliveryReported machine{
      .message = rules::MessageId{1}, .key = "", .delivery = rules::Delivery::unheard, .detail = "a machine"};
  rules::Replied key;
  key.channel = "voice";
  key.address = "+1";
  key.form = rules::ReplyForm::key;
  key.text = "4";
  for (const rules::Event& event : {rules::Event{machine}, rules::Event{key}}) {
    Court court{judge_of_heard};
    court.situation().replayed.reachability[{"ann", "voice"}].heard = 1;
    court.happens(event);
    EXPECT_EQ(court.verdict, std::holds_alternative<rules::Replied>(event) ? "" : "I19");
  }
  Court court{judge_of_heard};
  court.situation().replayed.reachability[{"bob", "voice"}].heard = 1;
  court.happens(key);
  EXPECT_EQ(court.verdict, "I19") << "it was Ann who pressed it";
}

rules::Verdict said(std::string text, rules::VerdictCode code = rules::VerdictCode::done) {
  return rules::Verdict{.code = code, .incident = {}, .text = std::move(text)};
}

rules::Replied text_of(std::string address, std::string id) {
  rules::Replied reply;
  reply.channel = "sms";
  reply.address = std::move(address);
  reply.text = "a";
  reply.id = std::move(id);
  return reply;
}

TEST(Judges, AReplyActsOnce) {
  Court court{judge_of_replies};
  court.happens(text_of("+1", "one"), {said("R-1: acknowledged, you have it")});
  court.happens(text_of("+1", "one"), {said("")});
  EXPECT_EQ(court.verdict, "");
  court.happens(text_of("+1", "one"), {said("R-1: acknowledged, you have it")});
  EXPECT_EQ(court.verdict, "I20");
}

TEST(Judges, StrangersGetNothing) {
  Court court{judge_of_replies};
  court.happens(text_of("+99", "one"), {said("")});
  EXPECT_EQ(court.verdict, "");
  court.happens(text_of("+99", "two"), {rules::Withdraw{rules::MessageId{1}}, said("")});
  EXPECT_EQ(court.verdict, "I20");
}

TEST(Judges, WhoeverDoesNothingIsToldSoFiveTimes) {
  Court court{judge_of_replies};
  for (int time = 1; time <= 6; ++time) {
    EXPECT_EQ(court.verdict, "") << time;
    const std::string_view text = time % 2 == 0 ? "Not understood. Write 1a" : "no incident has the number 9 for you";
    court.happens(text_of("+1", std::to_string(time)), {said(std::string{text}, rules::VerdictCode::refused)});
  }
  EXPECT_EQ(court.verdict, "I20");
}

}  // namespace
}  // namespace simulation
