#include "daemon/channels/twilio.hpp"

#include <future>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/daemon/channels/support.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/support/twilio.hpp"

namespace channels {
namespace {

using net::testing::LoopThread;
using net::testing::patience;
using std::chrono::milliseconds;
using support::Twilio;
using support::TwilioItem;
using testing::Folder;
using Mood = support::Twilio::Mood;

rules::Send text_to(std::string_view number) {
  rules::Send send = testing::page();
  send.address = number;
  return send;
}
rules::Send text() {
  return testing::page();
}
rules::Send call_to(std::string_view number) {
  rules::Send send = text_to(number);
  send.contact = send.channel = "voice";
  return send;
}
rules::Send call() {
  return call_to(text().address);
}

class TwilioChannel : public ::testing::Test {
 protected:
  TwilioChannel() {
    settings.api = twilio.url();
    settings.account_sid = Twilio::account;
    settings.auth_tokens = {std::string(Twilio::token), "the one that comes next"};
    settings.from = "+16045550100";
    settings.timeout = patience;
    settings.public_url = "https://rouse.example.org";
  }
  void SetUp() override { thread.start(); }
  void TearDown() override {
    thread.stop();
    provider.reset();
    client.reset();
  }

  template <class Ask>
  TryResult result_of(const Ask& ask) {
    std::promise<TryResult> result;
    thread.run([&] {
      if (!provider) provider = std::make_unique<TwilioProvider>(*client, clock, settings);
      ask([&](TryResult each) { result.set_value(std::move(each)); });
    });
    auto future = result.get_future();
    if (future.wait_for(patience) != std::future_status::ready) std::abort();
    return future.get();
  }
  TryResult attempt(const rules::Send& send, milliseconds limit = patience, bool may_leave = true) {
    return result_of(
        [&](auto done) { provider->attempt(send, limit, [may_leave] { return may_leave; }, std::move(done)); });
  }
  TryResult look_up(const rules::Send& send) {
    return result_of([&](auto done) { provider->look_up(send, patience, std::move(done)); });
  }
  TwilioItem only_item() const {
    const std::vector<TwilioItem> items = twilio.items();
    EXPECT_EQ(items.size(), 1U);
    return items.empty() ? TwilioItem{} : items.front();
  }

  Twilio twilio;
  TwilioSettings settings;
  testing::RealClock clock;
  LoopThread thread;
  std::unique_ptr<net::Client> client = std::make_unique<net::Client>(thread.loop());
  std::unique_ptr<TwilioProvider> provider;
};

TEST_F(TwilioChannel, ATextSaysWhatIsWrongAndWhereToReportItsFate) {
  rules::Send send = text();
  send.provider = 1;
  const TryResult result = attempt(send);
  ASSERT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  const TwilioItem item = only_item();
  EXPECT_EQ(result.reference, item.sid);
  EXPECT_FALSE(item.is_call);
  EXPECT_EQ(item.field("To"), "+16045550101");
  EXPECT_EQ(item.field("From"), "+16045550100");
  EXPECT_NE(item.field("Body").find("R-12"), std::string::npos) << item.field("Body");
  EXPECT_NE(item.field("Body").find("CheckoutDown"), std::string::npos) << item.field("Body");
  EXPECT_EQ(item.field("ValidityPeriod"), "60") << "what waits longer comes after somebody else was called";
  EXPECT_EQ(item.field("StatusCallback"),
            "https://rouse.example.org/v1/callbacks/twilio/status?m=7&k=0f3c5a7e9b1d&p=1");
}

TEST_F(TwilioChannel, ACallAsksHereForItsWordsAndTellsAMachineFromAPerson) {
  rules::Send send = call();
  send.provider = 1;
  const TryResult result = attempt(send);
  ASSERT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  const TwilioItem item = only_item();
  EXPECT_EQ(result.reference, item.sid);
  EXPECT_TRUE(item.is_call);
  EXPECT_EQ(item.field("To"), "+16045550101");
  EXPECT_EQ(item.field("From"), "+16045550100");
  EXPECT_EQ(item.field("Url"), "https://rouse.example.org/v1/callbacks/twilio/voice?m=7&k=0f3c5a7e9b1d&p=1");
  EXPECT_EQ(item.field("Method"), "POST");
  EXPECT_EQ(item.field("StatusCallback"),
            "https://rouse.example.org/v1/callbacks/twilio/status?m=7&k=0f3c5a7e9b1d&p=1");
  EXPECT_EQ(item.field("StatusCallbackMethod"), "POST");
  EXPECT_EQ(item.field("StatusCallbackEvent"), "completed");
  EXPECT_EQ(item.field("MachineDetection"), "Enable");
  EXPECT_EQ(item.field("Timeout"), "30");
}

TEST_F(TwilioChannel, AMessagingServiceStandsInPlaceOfANumber) {
  settings.from.clear();
  settings.messaging_service_sid = "MG1";
  ASSERT_EQ(attempt(text()).outcome, TryOutcome::accepted);
  EXPECT_EQ(only_item().field("MessagingServiceSid"), "MG1");
  EXPECT_EQ(only_item().field("From"), "");
  EXPECT_EQ(attempt(call()).outcome, TryOutcome::refused) << "a call comes from a number";
}

TEST_F(TwilioChannel, AnApiKeyIsShownInPlaceOfTheAuthToken) {
  twilio.use_credentials("SK1", "the secret of a key");
  settings.api_key_sid = "SK1";
  settings.api_key_secret = "the secret of a key";
  EXPECT_EQ(attempt(text()).outcome, TryOutcome::accepted);
}

TEST_F(TwilioChannel, ALongTextIsFoldedIntoTheSegmentsThatItMayHave) {
  rules::Send send = text();
  send.pages.front().because = std::string(5'000, 'b');
  send.pages.front().incident.summary = "CheckoutDown: " + std::string(5'000, 's');
  for (const std::uint32_t segments : {1U, 3U}) {
    provider.reset();
    settings.segments = segments;
    ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
    const std::string body = twilio.items().back().field("Body");
    EXPECT_LE(body.size(), segments == 1 ? 160U : segments * 153U) << body;
    EXPECT_NE(body.find("R-12"), std::string::npos) << body;
    EXPECT_NE(body.find("CheckoutDown"), std::string::npos) << body;
    EXPECT_NE(body.find("checkout"), std::string::npos) << body;
  }
}

TEST_F(TwilioChannel, WhatIsWithdrawnNeverLeaves) {
  EXPECT_EQ(attempt(text(), patience, false).outcome, TryOutcome::withdrawn);
  EXPECT_EQ(attempt(call(), patience, false).outcome, TryOutcome::withdrawn);
  EXPECT_TRUE(twilio.items().empty());
}

TEST_F(TwilioChannel, WhatCannotWorkIsRefusedWithoutAskingTwilio) {
  for (const char* const odd : {"", "olga", "16045550101", "+0604555010", "+1604555010112345", "+1 604 555 0101"}) {
    EXPECT_EQ(attempt(text_to(odd)).outcome, TryOutcome::refused) << odd;
    EXPECT_EQ(attempt(call_to(odd)).outcome, TryOutcome::refused) << odd;
  }
  provider.reset();
  settings.public_url.clear();
  EXPECT_NE(attempt(call()).detail.find("server.public_url"), std::string::npos);
  EXPECT_EQ(twilio.requests(), 0U);
  EXPECT_EQ(attempt(text()).outcome, TryOutcome::accepted) << "a text needs no callback";
  EXPECT_EQ(only_item().field("StatusCallback"), "");
}

TEST_F(TwilioChannel, WhatTwilioRefusesIsForGoodAndSaysWhyInWords) {
  struct Refusal {
    rules::Send send;
    std::string_view code, why;
  };
  for (const Refusal& one : {Refusal{text_to(Twilio::not_a_number), "error 21211", "no telephone number"},
                             Refusal{text_to(Twilio::not_reachable), "error 21612", "cannot send texts"},
                             Refusal{text_to(Twilio::not_allowed), "error 21408", "geographic permissions"},
                             Refusal{text_to(Twilio::opted_out), "error 21610", "has sent STOP"},
                             Refusal{text_to(Twilio::no_mobile), "error 21614", "no mobile telephone"},
                             Refusal{call_to(Twilio::not_a_number), "error 21211", "no telephone number"},
                             Refusal{call_to(Twilio::not_allowed), "error 21215", "geographic permissions"}}) {
    const TryResult result = attempt(one.send);
    EXPECT_EQ(result.outcome, TryOutcome::refused) << one.code;
    EXPECT_NE(result.detail.find(one.code), std::string::npos) << result.detail;
    EXPECT_NE(result.detail.find(one.why), std::string::npos) << result.detail;
  }
  EXPECT_TRUE(twilio.items().empty());
}

TEST_F(TwilioChannel, WrongCredentialsAreForGoodAndAreNotShown) {
  settings.auth_tokens = {"not the token"};
  for (const rules::Send& send : {text(), call()}) {
    const TryResult result = attempt(send);
    EXPECT_EQ(result.outcome, TryOutcome::refused);
    EXPECT_NE(result.detail.find("401"), std::string::npos) << result.detail;
    EXPECT_NE(result.detail.find("credentials"), std::string::npos) << result.detail;
    EXPECT_EQ(result.detail.find("not the token"), std::string::npos) << result.detail;
  }
}

TEST_F(TwilioChannel, TooManyRequestsAndTroubleThereAreTransient) {
  twilio.next({Mood::busy, Mood::broken, Mood::busy});
  const TryResult busy = attempt(text());
  EXPECT_EQ(busy.outcome, TryOutcome::transient) << busy.detail;
  EXPECT_EQ(busy.retry_after, std::chrono::seconds{1});
  EXPECT_NE(busy.detail.find("429"), std::string::npos) << busy.detail;
  EXPECT_EQ(attempt(text()).outcome, TryOutcome::transient) << "503 that is no JSON";
  EXPECT_EQ(attempt(call()).outcome, TryOutcome::transient);
  EXPECT_TRUE(twilio.items().empty());
  EXPECT_EQ(attempt(text()).outcome, TryOutcome::accepted);
}

TEST_F(TwilioChannel, WhoCannotBeReachedHasTakenNothing) {
  const std::string nobody = [] { return Twilio().url(); }();
  settings.api = nobody;
  EXPECT_EQ(attempt(text()).outcome, TryOutcome::transient);
}

TEST_F(TwilioChannel, WhatWasTakenWithoutAnAnswerIsFoundInTwiliosList) {
  for (const Mood mood : {Mood::silent, Mood::cut}) {
    for (rules::Send send : {text(), call()}) {
      send.key += std::to_string(twilio.requests());
      twilio.next({mood});
      const TryResult result = attempt(send, mood == Mood::silent ? milliseconds{200} : patience);
      EXPECT_EQ(result.outcome, TryOutcome::unanswered) << result.detail;
      send.possible_duplicate = true;  // as the outbox marks it once a try went unanswered
      const TryResult found = look_up(send);
      EXPECT_EQ(found.outcome, TryOutcome::accepted) << found.detail;
      EXPECT_EQ(found.reference, twilio.items().back().sid);
      twilio.make_older(std::chrono::minutes{5});
    }
  }
}

TEST_F(TwilioChannel, AnAnswerThatIsCutOffAfterItsHeadStillSaysThatItWasTaken) {
  twilio.next({Mood::cut_in_body});
  const TryResult result = attempt(text());
  EXPECT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  EXPECT_EQ(result.reference, "") << "what Twilio calls it is not known";
}

TEST_F(TwilioChannel, WhatWasNotTakenIsNotFoundAndAnOlderOneIsNotIt) {
  ASSERT_EQ(attempt(text()).outcome, TryOutcome::accepted);
  ASSERT_EQ(attempt(call()).outcome, TryOutcome::accepted);
  twilio.make_older(std::chrono::minutes{5});
  for (rules::Send send : {text(), call()}) {
    send.key = "another";
    twilio.next({Mood::refuses_silently});
    EXPECT_EQ(attempt(send).outcome, TryOutcome::unanswered);
    EXPECT_EQ(look_up(send).outcome, TryOutcome::unanswered);
  }
}

TEST_F(TwilioChannel, AnotherTextAndOneThatFailedAreNotIt) {
  rules::Send other = text();
  other.key = "another";
  other.pages.front().incident.id.value = 13;
  ASSERT_EQ(attempt(other).outcome, TryOutcome::accepted);
  twilio.next({Mood::refuses_silently});
  ASSERT_EQ(attempt(text()).outcome, TryOutcome::unanswered);
  EXPECT_EQ(look_up(text()).outcome, TryOutcome::unanswered);
  twilio.next({Mood::cut});
  ASSERT_EQ(attempt(text()).outcome, TryOutcome::unanswered);
  twilio.set_status(twilio.items().back().sid, "undelivered");
  EXPECT_EQ(look_up(text()).outcome, TryOutcome::unanswered);
}

TEST_F(TwilioChannel, WhatNobodyTriedIsNotLookedFor) {
  EXPECT_EQ(look_up(text()).outcome, TryOutcome::unanswered);
  EXPECT_EQ(twilio.requests(), 0U);
}

TEST(TwilioSettings, AreReadFromFilesAndNeverShown) {
  const Folder folder;
  rules::Provider provider;
  provider.kind = rules::ProviderKind::twilio;
  provider.settings = {{"account_sid", "AC1"},
                       {"auth_token_file", folder.write("token", "tulip\nrose\n")},
                       {"api_key_sid", "SK1"},
                       {"api_key_secret_file", folder.write("key", "daisy\n")},
                       {"from", "+16045550100"},
                       {"segments", "2"},
                       {"api", "http://127.0.0.1:1/"}};
  const auto settings = twilio_settings(provider, "https://rouse.example.org");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->auth_tokens, (std::vector<std::string>{"tulip", "rose"}));
  EXPECT_EQ(settings->api_key_secret, "daisy");
  EXPECT_EQ(settings->api, "http://127.0.0.1:1");
  EXPECT_EQ(settings->segments, 2U);
  provider.settings[1].second = folder / "missing";
  const auto none = twilio_settings(provider, "");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().find("missing"), std::string::npos);
}

}  // namespace
}  // namespace channels
