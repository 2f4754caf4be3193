// The callbacks of Twilio as values: nothing is told without a signature, and what is told is what was signed.
#include "daemon/api/twilio_paths.hpp"

#include <gtest/gtest.h>

#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

constexpr std::string_view public_url = "https://rouse.example.org";
constexpr std::string_view token = "12345";

class TwilioPaths : public ::testing::Test {
 protected:
  TwilioPaths() {
    auto settings = std::make_shared<config::Settings>();
    settings->access.emplace();
    desk.services.settings = std::move(settings);
    desk.services.read_secrets = [](const std::string&) { return std::vector<std::string>{"67890", "12345"}; };
    auto policy = std::make_shared<rules::Policy>(*scene::policy());
    policy->public_url = public_url;
    rules::Provider provider;
    provider.kind = rules::ProviderKind::twilio;
    provider.settings = {{"account_sid", "AC1"}, {"auth_token_file", "twilio.token"}};
    policy->channels.push_back({"voice", {provider}});
    policy->channels.front().providers = {provider};
    desk.services.use(std::move(policy), 1);
  }

  Call call(const std::string& target, const net::Form& form, std::string signature = {}) {
    body = net::print_form(form);
    net::Request made = desk.request("POST", target, body);
    if (signature.empty()) signature = twilio_signature(token, std::string(public_url) + target, form);
    made.headers.clear();
    made.headers.add("Host", "10.0.0.7");
    made.headers.add("Content-Type", "application/x-www-form-urlencoded");
    made.headers.add("X-Twilio-Signature", signature);
    return handle_twilio(made, desk.services).value();
  }
  static unsigned status(const Call& made) {
    const auto* const response = std::get_if<net::Response>(&made);
    return response == nullptr ? 0 : response->status;
  }

  Desk desk;
  std::string body;
};

const std::string status_path = "/v1/callbacks/twilio/status?m=7&k=abc";
const std::string keys_path = "/v1/callbacks/twilio/keys?m=7&k=abc&n=1";

TEST_F(TwilioPaths, NothingIsToldWithoutASignature) {
  for (const std::string path : {"/v1/callbacks/twilio/sms", "/v1/callbacks/twilio/status?m=7&k=abc"}) {
    const net::Form form{{"From", "+15550100"}, {"Body", "1a"}, {"MessageSid", "SM1"}, {"MessageStatus", "failed"}};
    EXPECT_EQ(status(call(path, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")), 403U);
    EXPECT_TRUE(std::holds_alternative<Tell>(call(path, form)));
  }
}

TEST_F(TwilioPaths, ATextIsTheReplyOfItsNumber) {
  const Call made = call("/v1/callbacks/twilio/sms", {{"From", "+15550100"}, {"Body", "1a"}, {"MessageSid", "SM1"}});
  const auto& reply = std::get<rules::Replied>(std::get<Tell>(made).event);
  EXPECT_EQ(reply.channel, "sms");
  EXPECT_EQ(reply.address, "+15550100");
  EXPECT_EQ(reply.text, "1a");
  EXPECT_EQ(reply.id, "SM1");
}

TEST_F(TwilioPaths, AMachineIsNotHeard) {
  const Call made = call(status_path, {{"CallStatus", "completed"}, {"AnsweredBy", "machine_start"}});
  EXPECT_EQ(std::get<rules::DeliveryReported>(std::get<Tell>(made).event).delivery, rules::Delivery::unheard);
}

TEST_F(TwilioPaths, OnlyASecondSixCloses) {
  EXPECT_EQ(status(call(keys_path, {{"Digits", "6"}, {"To", "+15550100"}, {"CallSid", "CA1"}})), 200U);
  const Call made = call(keys_path + "&c=1", {{"Digits", "6"}, {"To", "+15550100"}, {"CallSid", "CA1"}});
  const auto& reply = std::get<rules::Replied>(std::get<Tell>(made).event);
  EXPECT_EQ(reply.text, "6");
  EXPECT_EQ(reply.about.value, 7U);
  EXPECT_TRUE(std::holds_alternative<Ask>(call(keys_path + "&c=1", {{"Digits", "4"}, {"CallSid", "CA1"}})));
}

}  // namespace
}  // namespace api
