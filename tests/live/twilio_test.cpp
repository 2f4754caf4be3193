// The daemon and a Twilio: texts and calls leave, what people answer counts, and nothing acts that was not signed.
#include "tests/support/twilio.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/eventually.hpp"
#include "tests/live/guarded.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

using std::chrono::seconds;
using support::Twilio;
using support::TwilioCall;
using support::TwilioItem;
using Mood = support::Twilio::Mood;

constexpr std::string_view public_url = "https://rouse.example.org";
constexpr std::string_view olga = "+16045550101";
constexpr std::string_view sam = "+16045550103";
constexpr std::string_view stranger = "+16045550199";
constexpr std::string_view next_token = "the token that comes next";
const std::string texts_path = std::string(public_url) + "/v1/callbacks/twilio/sms";

// olga by her own rules, then sam by text. Whatever Twilio does not carry goes to the sink.
class TwilioHouse {
 public:
  explicit TwilioHouse(std::string_view rules = "{ by: sms }", std::string_view mobile = olga)
      : roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    support::write_file(folder / "bot.token", "tulip-for-bots\n");
    support::write_file(folder / "am.token", "tulip-for-senders\n");
    support::write_file(folder / "twilio.token", fmt::format("{}\n{}\n", Twilio::token, next_token));
    std::string text{configuration};
    for (const auto& [word, value] : std::vector<std::pair<std::string_view, std::string>>{
             {"RULES", std::string(rules)},
             {"MOBILE", std::string(mobile)},
             {"PROVIDER",
              fmt::format("twilio: {{ account_sid: {}, auth_token_file: twilio.token, from: \"+16045550100\", api: "
                          "\"{}\" }}",
                          Twilio::account,
                          twilio.url())},
             {"SINK", sink.url()}})
      text = support::replaced(std::move(text), word, value);
    support::write_file(folder / "rouse.yml", text);
    roused.start();
    twilio.find(std::string(public_url), roused.url());
  }

  void report(std::string_view status = "firing", const std::string& name = "ApiDown") {
    const support::Answer answer =
        call_as("tulip-for-senders",
                "POST",
                roused.url() + std::string(webhook_path),
                webhook_of({{"alertname", name}, {"service", "checkout"}, {"severity", "critical"}}, status));
    ASSERT_EQ(answer.status, 200U) << answer.body << roused.output();
  }
  std::string incident(std::string_view id = "R-1") {
    return call_as("tulip-for-bots", "GET", fmt::format("{}/v1/incidents/{}", roused.url(), id)).body;
  }
  std::string state(std::string_view id = "R-1") { return field(parse_object(incident(id)), "state"); }
  std::string has_it(std::string_view id = "R-1") { return field(parse_object(incident(id)), "by"); }
  // What has left is in the incident when its provider's answer is: each question is answered when the engine looked.
  bool says(std::string_view part) {
    return eventually([&] { return incident().find(part) != std::string::npos; });
  }
  // The newest text or call to this number; there is none without a failure of the test.
  TwilioItem sent(std::string_view to, bool is_call, std::size_t count = 1) {
    EXPECT_TRUE(twilio.wait_for(to, count, support::patience)) << roused.output();
    return twilio.newest(to, is_call);
  }
  TwilioItem text_to(std::string_view to, std::size_t count = 1) { return sent(to, false, count); }
  TwilioItem call_to(std::string_view to, std::size_t count = 1) { return sent(to, true, count); }
  std::size_t sent_to(std::string_view to) const {
    std::size_t count = 0;
    for (const TwilioItem& item : twilio.items()) count += item.field("To") == to ? 1U : 0U;
    return count;
  }

  static constexpr std::string_view configuration = R"(rouse: 1
server: { public_url: "https://rouse.example.org" }
access:
  senders: [ { name: prod, token_file: am.token } ]
  users: [ { name: bot, role: admin, token_file: bot.token } ]
people:
  olga:
    name: Olga Diaz
    timezone: UTC
    contact: { sms: "MOBILE", voice: "+16045550101" }
    notify: { high: [ RULES ] }
  sam: { name: Sam, timezone: UTC, contact: { sms: "+16045550103" } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: 1h }, { call: sam, wait: 1h } ] }
route: { call_tree: outage, group_by: [ alertname, service ] }
channels:
  sms: [ { PROVIDER }, { webhook: { url: "SINK/texts" } } ]
  voice: [ { PROVIDER } ]
)";

  support::TemporaryFolder folder;
  Twilio twilio;
  support::Sink sink;
  support::Roused roused;
};

TEST(TwilioLive, APageByTextIsAcknowledgedByAText) {
  TwilioHouse house;
  house.report();
  const TwilioItem page = house.text_to(olga);
  EXPECT_NE(page.field("Body").find("ApiDown"), std::string::npos) << page.field("Body");
  EXPECT_NE(page.field("Body").find("1a"), std::string::npos) << page.field("Body");
  EXPECT_EQ(house.twilio.report(page, "delivered").status, 204U);
  EXPECT_TRUE(house.says("page_delivered"));
  EXPECT_EQ(house.state(), "triggered") << "what was delivered was not heard";

  const std::optional<std::string> why = house.twilio.text_from(olga, "1w");
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("R-1"), std::string::npos) << *why;
  const std::optional<std::string> odd = house.twilio.text_from(olga, "good morning");
  EXPECT_NE(odd.value_or("").find("Not understood"), std::string::npos) << odd.value_or("");
  EXPECT_EQ(house.state(), "triggered");
  const std::optional<std::string> answer = house.twilio.text_from(olga, " \"1 A\" ");
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->find("R-1"), std::string::npos) << *answer;
  EXPECT_NE(answer->find("acknowledged"), std::string::npos) << *answer;
  EXPECT_EQ(house.state(), "acknowledged");
  EXPECT_EQ(house.has_it(), "olga");
  EXPECT_TRUE(house.says("page_heard"));
  EXPECT_EQ(house.sent_to(sam), 0U);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, StrangersGetNoAnswerAndNoAction) {
  TwilioHouse house;
  house.report();
  (void)house.text_to(olga);
  EXPECT_EQ(house.twilio.text_from(stranger, "ack R-1"), "");
  EXPECT_EQ(house.twilio.text_from(stranger, "why R-1"), "");
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ATextThatComesTwiceActsOnce) {
  TwilioHouse house;
  house.report();
  (void)house.text_to(olga);
  const net::Form form = Twilio::text_form(olga, "1e", "SM1");
  EXPECT_EQ(house.twilio.call_back(texts_path, form).status, 200U);
  (void)house.text_to(sam);
  const std::string before = house.incident();
  const support::TwilioAnswer again = house.twilio.call_back(texts_path, form);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(again.body.find("<Message>"), std::string::npos) << again.body;
  const auto timeline = [](const std::string& incident) { return field(parse_object(incident), "timeline"); };
  EXPECT_EQ(timeline(house.incident()), timeline(before));
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ACallIsAnsweredAndKeyFourAcknowledges) {
  TwilioHouse house("{ by: voice }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const TwilioCall heard = house.twilio.pick_up(call);
  EXPECT_EQ(heard.status, 200U);
  EXPECT_NE(heard.said.find("Api Down"), std::string::npos) << heard.said;
  EXPECT_NE(heard.said.find("Press 4 to acknowledge"), std::string::npos) << heard.said;
  ASSERT_FALSE(heard.is_over);

  const TwilioCall again = house.twilio.press(call, heard, "*");
  EXPECT_EQ(again.said, heard.said) << "a star says it again";
  const TwilioCall nothing = house.twilio.press(call, again, "9");
  EXPECT_NE(nothing.said.find("does nothing"), std::string::npos) << nothing.said;
  EXPECT_EQ(house.state(), "triggered");

  const TwilioCall done = house.twilio.press(call, nothing, "4");
  EXPECT_NE(done.said.find("acknowledged"), std::string::npos) << done.said;
  EXPECT_TRUE(done.is_over);
  EXPECT_EQ(house.state(), "acknowledged");
  EXPECT_EQ(house.has_it(), "olga");
  EXPECT_EQ(house.twilio.report(call, "completed", {{"AnsweredBy", "human"}}).status, 204U);
  EXPECT_TRUE(house.says("page_heard"));

  const TwilioCall late = house.twilio.pick_up(call);
  EXPECT_NE(late.said.find("acknowledged by Olga Diaz"), std::string::npos) << late.said;
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, KeyFiveCallsTheNext) {
  TwilioHouse house("{ by: voice }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const TwilioCall done = house.twilio.press(call, house.twilio.pick_up(call), "5");
  EXPECT_NE(done.said.find("escalated"), std::string::npos) << done.said;
  (void)house.text_to(sam);
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, KeySixClosesWhenItIsPressedAgain) {
  TwilioHouse house("{ by: voice }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const TwilioCall heard = house.twilio.pick_up(call);
  const TwilioCall asked = house.twilio.press(call, heard, "6");
  EXPECT_NE(asked.said.find("Press 6 again"), std::string::npos) << asked.said;
  EXPECT_EQ(house.state(), "triggered") << "once is not enough";
  const TwilioCall back = house.twilio.press(call, asked, "4");
  EXPECT_NE(back.said.find("stays open"), std::string::npos) << back.said;
  EXPECT_EQ(house.state(), "triggered") << "any other key goes back, and does nothing else";
  const TwilioCall closed = house.twilio.press(call, house.twilio.press(call, back, "6"), "6");
  EXPECT_NE(closed.said.find("closed"), std::string::npos) << closed.said;
  EXPECT_TRUE(closed.is_over);
  EXPECT_EQ(house.state(), "resolved");
  const TwilioCall late = house.twilio.pick_up(call);
  EXPECT_TRUE(late.is_over) << "nobody is needed any more";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, AKeyThatComesTwiceActsOnce) {
  TwilioHouse house("{ by: voice }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const TwilioCall heard = house.twilio.pick_up(call);
  (void)house.twilio.press(call, heard, "5");
  (void)house.text_to(sam);
  const auto timeline = [&] { return field(parse_object(house.incident()), "timeline"); };
  const std::string before = timeline();
  (void)house.twilio.press(call, heard, "5");
  EXPECT_EQ(timeline(), before);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, AMachineHasNotHeardItAndTheNextRuleComes) {
  TwilioHouse house("{ by: voice }, { by: sms, after: 2s }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const TwilioCall answered = house.twilio.pick_up(call, "machine_start");
  EXPECT_TRUE(answered.is_over);
  EXPECT_EQ(answered.said, "") << "a mailbox is told nothing";
  EXPECT_EQ(house.twilio.report(call, "completed", {{"AnsweredBy", "machine_start"}}).status, 204U);
  EXPECT_TRUE(house.says("a machine answered"));
  EXPECT_NE(house.text_to(olga, 2).field("Body").find("ApiDown"), std::string::npos);
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(house.incident().find("page_heard"), std::string::npos);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, WhoIsBusyOrDoesNotAnswerHasNotHeardIt) {
  TwilioHouse house("{ by: voice }, { by: voice, after: 2s }, { by: sms, after: 4s }");
  house.report();
  EXPECT_EQ(house.twilio.report(house.call_to(olga), "busy").status, 204U);
  EXPECT_TRUE(house.says("did not hear the page: busy"));
  EXPECT_EQ(house.twilio.report(house.call_to(olga, 2), "no-answer").status, 204U);
  EXPECT_TRUE(house.says("did not hear the page: nobody answered"));
  (void)house.text_to(olga, 3);
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ACallThatFailedMakesTheNextRuleRunAtOnce) {
  TwilioHouse house("{ by: voice }, { by: sms, after: 1h }");
  house.report();
  EXPECT_EQ(house.twilio.report(house.call_to(olga), "failed", {{"ErrorCode", "13224"}}).status, 204U);
  (void)house.text_to(olga, 2);
  EXPECT_TRUE(house.says("cannot be called by Twilio"));
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ATextThatWasNotDeliveredGoesToTheNextProviderAtOnce) {
  TwilioHouse house;
  house.report();
  const TwilioItem page = house.text_to(olga);
  EXPECT_EQ(house.twilio.report(page, "sent").status, 204U);
  EXPECT_EQ(house.twilio.report(page, "undelivered", {{"ErrorCode", "30005"}}).status, 204U);
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output();
  EXPECT_TRUE(house.says("the number is unknown or no longer exists"));
  EXPECT_EQ(house.twilio.report(page, "undelivered", {{"ErrorCode", "30005"}}).status, 204U);
  EXPECT_EQ(house.incident().find("page_heard"), std::string::npos);
  EXPECT_EQ(house.sink.pages().size(), 1U) << "said twice, sent on once";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, WhoHasSentStopIsCalledByTheNextRuleAtOnce) {
  TwilioHouse house("{ by: sms }, { by: voice, after: 1h }", Twilio::opted_out);
  house.sink.answer([](const support::Message&) { return 404U; });
  house.report();
  EXPECT_TRUE(house.call_to(olga).is_call);
  EXPECT_TRUE(house.says("has sent STOP"));
  EXPECT_EQ(house.twilio.requests(), 2U) << "a text, and a call";
  EXPECT_EQ(house.roused.stop(), 0);
}

// ---- who it is that calls back --------------------------------------------------------------------------------------

TEST(TwilioLive, NothingActsWhenOneByteOfWhatWasSignedIsAnother) {
  TwilioHouse house;
  house.report();
  (void)house.text_to(olga);
  const net::Form good = Twilio::text_form(olga, "1a", "SM1");
  const std::string signature = house.twilio.signature_of(texts_path, good);
  const auto status_of = [&](const net::Form& form, const std::string& signed_with) {
    return house.twilio.call_back(texts_path, form, signed_with).status;
  };
  // After ten from one address it is told to wait, too.
  const auto is_refused = [](unsigned status) { return status == 403U || status == 429U; };
  for (std::size_t field = 0; field < good.size(); ++field) {
    for (std::size_t index = 0; index < good[field].second.size(); ++index) {
      net::Form odd = good;
      odd[field].second[index] = static_cast<char>(odd[field].second[index] ^ 1);
      ASSERT_TRUE(is_refused(status_of(odd, signature))) << good[field].first << " " << index;
    }
    for (std::size_t index = 0; index < good[field].first.size(); ++index) {
      net::Form odd = good;
      odd[field].first[index] = static_cast<char>(odd[field].first[index] ^ 1);
      ASSERT_TRUE(is_refused(status_of(odd, signature))) << good[field].first << " " << index;
    }
    net::Form fewer = good;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(field));
    ASSERT_TRUE(is_refused(status_of(fewer, signature))) << good[field].first;
  }
  net::Form more = good;
  more.emplace_back("Body", "1c");
  EXPECT_TRUE(is_refused(status_of(more, signature)));
  for (std::size_t index = 0; index < signature.size(); ++index) {
    std::string odd = signature;
    odd[index] = odd[index] == 'A' ? 'B' : 'A';
    ASSERT_TRUE(is_refused(status_of(good, odd))) << index;
  }
  EXPECT_TRUE(is_refused(status_of(good, "")));
  EXPECT_TRUE(is_refused(status_of(good, house.twilio.signature_of(texts_path + "?x=1", good))));
  EXPECT_TRUE(is_refused(house.twilio.call_back(texts_path + "?x=1", good, signature).status));
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(status_of(good, signature), 200U);
  EXPECT_EQ(house.state(), "acknowledged");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ACallbackOfOneMessageIsNoneOfAnother) {
  TwilioHouse house("{ by: voice }");
  house.report();
  const TwilioItem call = house.call_to(olga);
  const std::string url = call.field("StatusCallback");
  const net::Form form = Twilio::status_form(call, "failed");
  const std::string signature = house.twilio.signature_of(url, form);
  for (std::size_t index = url.find("status"); index < url.size(); ++index) {
    std::string odd = url;
    odd[index] = odd[index] == '1' ? '2' : '1';
    const unsigned status = house.twilio.call_back(odd, form, signature).status;
    ASSERT_TRUE(status >= 400 && status < 500) << odd << ": " << status;
  }
  // Twilio's own, about a message that is not ours, or not ours any more.
  for (const char* const odd : {"?m=7", "?k=x", "?m=x&k=x", "?m=0&k=x", "?m=18446744073709551616&k=x", ""})
    EXPECT_EQ(house.twilio.call_back(std::string(public_url) + "/v1/callbacks/twilio/status" + odd, form).status, 400U)
        << odd;
  EXPECT_EQ(house.twilio.call_back(std::string(public_url) + "/v1/callbacks/twilio/status?m=1&k=x", form).status, 204U);
  EXPECT_EQ(house.incident().find("page_failed"), std::string::npos);
  const support::TwilioAnswer unknown =
      house.twilio.call_back(std::string(public_url) + "/v1/callbacks/twilio/voice?m=99&k=x", form);
  EXPECT_EQ(unknown.status, 200U);
  EXPECT_NE(unknown.body.find("<Hangup/>"), std::string::npos) << unknown.body;
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, TheTokenThatComesNextIsBelievedAndNoOther) {
  TwilioHouse house;
  house.report();
  (void)house.text_to(olga);
  house.twilio.sign_with("a stranger's token");
  EXPECT_FALSE(house.twilio.text_from(olga, "1a"));
  EXPECT_EQ(house.state(), "triggered");
  house.twilio.sign_with(std::string(next_token));
  EXPECT_TRUE(house.twilio.text_from(olga, "1a"));
  EXPECT_EQ(house.state(), "acknowledged");
  EXPECT_EQ(house.roused.output().find(next_token), std::string::npos);
  EXPECT_EQ(house.roused.output().find(Twilio::token), std::string::npos);
  EXPECT_EQ(house.roused.stop(), 0);
}

// ---- when Twilio does not work --------------------------------------------------------------------------------------

// How long after the report the page came by the next provider.
seconds second_provider_after(TwilioHouse& house) {
  const auto began = std::chrono::steady_clock::now();
  house.report();
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience + seconds{20})) << house.roused.output();
  const std::vector<support::Message> pages = house.sink.pages();
  return pages.empty() ? seconds{0} : std::chrono::round<seconds>(pages.front().at - began);
}

TEST(TwilioLive, ATwilioThatIsBusyHasItsFifteenSecondsAndThenTheNextProvider) {
  TwilioHouse house;
  house.twilio.always(Mood::busy);
  const seconds after = second_provider_after(house);
  EXPECT_GE(after, seconds{13});
  EXPECT_LE(after, seconds{17});
  EXPECT_GT(house.twilio.requests(), 3U) << "it was tried again";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, ATwilioThatHangsAndListsNothingIsFollowedByTheNextProvider) {
  TwilioHouse house;
  house.twilio.always(Mood::hangs);
  const seconds after = second_provider_after(house);
  EXPECT_GE(after, seconds{13});
  EXPECT_LE(after, seconds{17});
  ASSERT_FALSE(house.sink.pages().empty()) << house.incident();
  EXPECT_TRUE(house.sink.pages().front().possible_duplicate) << "the first one may have arrived";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, WhatATwilioTookWithoutAnswerIsFoundAndNotSentAgain) {
  TwilioHouse house;
  house.twilio.next({Mood::cut});
  house.report();
  (void)house.text_to(olga);
  EXPECT_TRUE(house.says("page_accepted"));
  EXPECT_EQ(house.sent_to(olga), 1U);
  EXPECT_TRUE(house.sink.pages().empty());
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, BothProvidersDeadMakeTheNextRuleRunAtOnce) {
  TwilioHouse house("{ by: sms }, { by: voice, after: 1h }");
  house.twilio.always(Mood::broken);
  house.sink.answer([](const support::Message&) { return 404U; });
  house.report();
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience + seconds{20})) << house.roused.output();
  house.twilio.always(Mood::takes);
  const TwilioItem call = house.call_to(olga);
  EXPECT_TRUE(call.is_call) << house.roused.output();
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, TooManyRequestsDelayAPageAndDoNotLoseIt) {
  TwilioHouse house;
  house.twilio.next({Mood::busy, Mood::busy});
  house.report();
  (void)house.text_to(olga);
  EXPECT_EQ(house.sent_to(olga), 1U);
  EXPECT_TRUE(house.sink.pages().empty());
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(TwilioLive, WrongCredentialsSendThePageToTheNextProviderAtOnce) {
  TwilioHouse house;
  house.twilio.use_credentials(std::string(Twilio::account), "another");
  EXPECT_LE(second_provider_after(house), seconds{5});
  EXPECT_TRUE(house.says("credentials are refused"));
  EXPECT_EQ(house.twilio.requests(), 1U) << "the same would be refused again";
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
