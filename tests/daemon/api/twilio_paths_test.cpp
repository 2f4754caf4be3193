// The callbacks of Twilio as values: nothing is told without a signature, and what is told is what was signed.
#include "daemon/api/twilio_paths.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/daemon/api/twilio_desk.hpp"

namespace api {
namespace {

class TwilioPaths : public ::testing::Test {
 protected:
  static unsigned status(const Call& made) {
    const auto* const response = std::get_if<net::Response>(&made);
    return response == nullptr ? 0 : response->status;
  }

  TwilioDesk desk;
};

const std::string status_path = "/v1/callbacks/twilio/status?m=7&k=abc";
const std::string keys_path = "/v1/callbacks/twilio/keys?m=7&k=abc&n=1";

TEST_F(TwilioPaths, NothingIsToldWithoutASignature) {
  for (const std::string path : {"/v1/callbacks/twilio/sms", "/v1/callbacks/twilio/status?m=7&k=abc"}) {
    const net::Form form{{"From", "+15550100"}, {"Body", "1a"}, {"MessageSid", "SM1"}, {"MessageStatus", "failed"}};
    EXPECT_EQ(status(desk.call(desk.callback(path, form, "a stranger's"))), 403U);
    EXPECT_EQ(status(desk.call(desk.callback(path, net::print_form(form), ""))), 403U);
    EXPECT_TRUE(std::holds_alternative<Tell>(desk.call(path, form)));
  }
}

// Each of these took a third of a second of the thread that takes alerts, too, when the form was read first.
TEST_F(TwilioPaths, AStrangersFormOfManyFieldsIsRefusedUnread) {
  std::string many;
  while (many.size() < 64'000) many += "a&";
  const auto began = std::chrono::steady_clock::now();
  for (int count = 0; count < 20; ++count) {
    EXPECT_EQ(status(desk.call(desk.callback("/v1/callbacks/twilio/sms", many, "x"))), 403U);
    EXPECT_EQ(status(desk.call(desk.callback("/v1/callbacks/twilio/sms", many, std::string(28, 'A')))), 400U);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{1});
}

TEST_F(TwilioPaths, AnAccountThatTextsAndCallsIsOne) {
  EXPECT_EQ(desk.services.twilio_accounts().size(), 1U);
}

TEST_F(TwilioPaths, ATextIsTheReplyOfItsNumber) {
  const Call made =
      desk.call("/v1/callbacks/twilio/sms", {{"From", "+15550100"}, {"Body", "1a"}, {"MessageSid", "SM1"}});
  const auto& reply = std::get<rules::Replied>(std::get<Tell>(made).event);
  EXPECT_EQ(reply.channel, "sms");
  EXPECT_EQ(reply.address, "+15550100");
  EXPECT_EQ(reply.text, "1a");
  EXPECT_EQ(reply.id, "SM1");
}

TEST_F(TwilioPaths, AMachineIsNotHeard) {
  const Call made = desk.call(status_path, {{"CallStatus", "completed"}, {"AnsweredBy", "machine_start"}});
  EXPECT_EQ(std::get<rules::DeliveryReported>(std::get<Tell>(made).event).delivery, rules::Delivery::unheard);
}

TEST_F(TwilioPaths, AReportSaysWhichProviderItIsOfAndAnEarlierAddressDoesNot) {
  const auto provider_of = [this](const std::string& path) {
    const Call made = desk.call(path, {{"MessageStatus", "undelivered"}, {"ErrorCode", "30005"}});
    return std::get<rules::DeliveryReported>(std::get<Tell>(made).event).provider;
  };
  EXPECT_EQ(provider_of(status_path + "&p=1"), 1U);
  EXPECT_EQ(provider_of(status_path), std::nullopt);
  EXPECT_EQ(provider_of(status_path + "&p=x"), std::nullopt);
}

TEST_F(TwilioPaths, AnOptOutIsNoReply) {
  const auto form_of = [this](const char* type) {
    const Call made = desk.call("/v1/callbacks/twilio/sms",
                                {{"From", "+15550100"}, {"Body", type}, {"MessageSid", "SM1"}, {"OptOutType", type}});
    const auto* const tell = std::get_if<Tell>(&made);
    return tell == nullptr ? std::nullopt : std::optional{std::get<rules::Replied>(tell->event).form};
  };
  EXPECT_EQ(form_of("STOP"), rules::ReplyForm::stop);
  EXPECT_EQ(form_of("START"), rules::ReplyForm::start);
  EXPECT_EQ(form_of("HELP"), std::nullopt);
}

TEST_F(TwilioPaths, OnlyASecondSixCloses) {
  EXPECT_EQ(status(desk.call(keys_path, {{"Digits", "6"}, {"To", "+15550100"}, {"CallSid", "CA1"}})), 200U);
  const Call made = desk.call(keys_path + "&c=1", {{"Digits", "6"}, {"To", "+15550100"}, {"CallSid", "CA1"}});
  const auto& reply = std::get<rules::Replied>(std::get<Tell>(made).event);
  EXPECT_EQ(reply.text, "6");
  EXPECT_EQ(reply.about.value, 7U);
  EXPECT_TRUE(std::holds_alternative<Ask>(desk.call(keys_path + "&c=1", {{"Digits", "4"}, {"CallSid", "CA1"}})));
}

TEST_F(TwilioPaths, AKeyThatIsToldTwiceIsAnsweredTwice) {
  const Call made = desk.call(keys_path, {{"Digits", "4"}, {"To", "+15550100"}, {"CallSid", "CA1"}});
  const auto answered = [&](rules::VerdictCode code, const std::string& text) {
    roused::Reply reply;
    reply.durability = roused::Durability::durable;
    reply.verdict = rules::Verdict{code, {}, text};
    return std::get<Tell>(made).render(reply).body;
  };
  EXPECT_NE(answered(rules::VerdictCode::done, "").find("The key was taken. Good bye."), std::string::npos);
  EXPECT_NE(answered(rules::VerdictCode::refused, "").find("This key does nothing here."), std::string::npos);
}

}  // namespace
}  // namespace api
