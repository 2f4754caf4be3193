// What comes to the callbacks of providers and is not as it should be, against a running daemon that believes them:
// each row with its status, the process alive, nothing done, and the right one acts afterwards.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/daemon/net/support.hpp"
#include "tests/live/guarded.hpp"
#include "tests/live/live.hpp"
#include "tests/support/slack.hpp"
#include "tests/support/twilio.hpp"

namespace live {
namespace {

using net::testing::RawSocket;
using net::testing::status_of;
using support::Slack;
using support::Twilio;

struct Row {
  std::string name;
  std::string request;
  int status;
  std::string says{};  // part of the answer
};

using Heads = std::vector<std::string>;

constexpr std::string_view public_url = "https://rouse.example.org";
constexpr std::string_view form_type = "application/x-www-form-urlencoded";
const std::string sms = "/v1/callbacks/twilio/sms";
const std::string slack = "/v1/callbacks/slack";
const std::string mattermost = "/v1/callbacks/mattermost";

std::string post_to(std::string_view target, std::string_view type, std::string_view body, const Heads& more) {
  std::string request = fmt::format("POST {} HTTP/1.1\r\nHost: rouse.example.org\r\n", target);
  if (!type.empty()) request += fmt::format("Content-Type: {}\r\n", type);
  request += fmt::format("Content-Length: {}\r\n", body.size());
  for (const std::string& head : more) request += head + "\r\n";
  return request.append("\r\n").append(body);
}

class BadCallbacks : public testing::Test {
 protected:
  void SetUp() override {
    slack_there.add_user("U02OLGA");
    support::write_file(folder / "bot.token", "tulip-for-bots\n");
    support::write_file(folder / "am.token", "tulip-for-senders\n");
    support::write_file(folder / "twilio.token", std::string(Twilio::token) + "\n");
    support::write_file(folder / "slack.token", std::string(Slack::token) + "\n");
    support::write_file(folder / "slack.sign", std::string(Slack::secret) + "\n");
    support::write_file(folder / "mm.token", "tulip-for-mattermost\n");
    support::write_file(folder / "mm.sign", "tulip-for-buttons\n");
    std::string text{configuration};
    for (const auto& [word, value] : std::vector<std::pair<std::string_view, std::string>>{
             {"ACCOUNT", std::string(Twilio::account)}, {"TWILIO", twilio.url()}, {"SLACK", slack_there.url()}})
      text = support::replaced(std::move(text), word, value);
    support::write_file(folder / "rouse.yml", text);
    roused.start();
    const support::Answer answer = call_as("tulip-for-senders",
                                           "POST",
                                           roused.url() + std::string(webhook_path),
                                           webhook_of({{"alertname", "ApiDown"}, {"severity", "critical"}}));
    ASSERT_EQ(answer.status, 200U) << answer.body << roused.output();
    ASSERT_TRUE(twilio.wait_for(olga, 1, support::patience)) << roused.output();
  }

  std::string by_twilio(const std::string& target, const net::Form& form) const {
    return by_twilio(target, net::print_form(form), form);
  }
  // Signed as if the body were that form.
  std::string by_twilio(const std::string& target, const std::string& body, const net::Form& form) const {
    return post_to(target,
                   form_type,
                   body,
                   {"X-Twilio-Signature: " + twilio.signature_of(std::string(public_url) + target, form)});
  }
  static std::string by_slack(const std::string& body, const std::string& type) {
    const Slack::Signed one = Slack::sign(body, type);
    return post_to(
        slack, type, body, {"X-Slack-Request-Timestamp: " + one.timestamp, "X-Slack-Signature: " + one.signature});
  }

  [[nodiscard]] std::vector<Row> rows() const {
    using std::string_literals::operator""s;
    const net::Form good = Twilio::text_form(olga, "ack R-1", "SM1");
    const std::string signature = twilio.signature_of(std::string(public_url) + sms, good);
    const std::string body = net::print_form(good);
    const std::string json = "application/json";
    const std::string status = "/v1/callbacks/twilio/status";
    const std::string voice = "/v1/callbacks/twilio/voice";
    const std::string keys = "/v1/callbacks/twilio/keys";
    const net::Form key{{"Digits", "4"}, {"To", std::string(olga)}, {"CallSid", "CA1"}};
    const std::string pressed =
        R"({"user_id":"olga","context":{"action":"ack","value":"R-1/1","message":"m","token":")" +
        std::string(64, '0') + "\"}}";
    return {
        // Twilio: who it is
        {"no signature", post_to(sms, form_type, body, {}), 403, "X-Twilio-Signature"},
        {"an empty signature", post_to(sms, form_type, body, {"X-Twilio-Signature:"}), 403},
        {"a signature that is not base64", post_to(sms, form_type, body, {"X-Twilio-Signature: \xff\xfe"}), 403},
        {"a signature of 8 kB", post_to(sms, form_type, body, {"X-Twilio-Signature: " + std::string(8'000, 'A')}), 403},
        {"the signature twice",
         post_to(sms, form_type, body, {"X-Twilio-Signature: " + signature, "X-Twilio-Signature: " + signature}),
         403},
        {"the signature of another path",
         post_to(status + "?m=1&k=x", form_type, body, {"X-Twilio-Signature: " + signature}),
         403},
        {"the signature of the host that was called",
         post_to(sms, form_type, body, {"X-Twilio-Signature: " + twilio.signature_of(roused.url() + sms, good)}),
         403},
        {"a field more", by_twilio(sms, body + "&Body=close+R-1", good), 403},
        {"a form that says it is JSON", post_to(sms, json, body, {"X-Twilio-Signature: " + signature}), 403},
        // Twilio: what it says
        {"an empty form", by_twilio(sms, net::Form{}), 400, "From and MessageSid"},
        {"nobody's text", by_twilio(sms, net::Form{{"From", ""}, {"Body", "ack R-1"}, {"MessageSid", "SM2"}}), 400},
        {"a form that is none", by_twilio(sms, "\0\xff%%%=&&&==%zz"s, net::parse_form("\0\xff%%%=&&&==%zz"s)), 400},
        {"101 fields",
         [&] {
           std::string many = "From=a";
           for (int field = 0; field < 100; ++field) many += "&a=b";
           return by_twilio(sms, many, net::parse_form(many));
         }(),
         400,
         "as many fields"},
        {"32,000 fields that nobody signed",
         [&] {
           std::string many;
           for (int field = 0; field < 32'000; ++field) many += "a&";
           return post_to(sms, form_type, many, {"X-Twilio-Signature: " + std::string(28, 'A')});
         }(),
         400},
        {"70 kB", by_twilio(sms, net::Form{{"Body", std::string(70'000, 'a')}}), 413},
        {"16,000 fields",
         [&] {
           std::string many;
           for (int field = 0; field < 16'000; ++field) many += "a=b&";
           return by_twilio(sms, many, net::parse_form(many));
         }(),
         400},
        {"a text of control characters",
         by_twilio(sms, net::Form{{"From", std::string(olga)}, {"MessageSid", "SM3"}, {"Body", "\x1b]0;x\x07\0\r\n"s}}),
         200,
         "Not understood"},
        {"a text that is not UTF-8",
         by_twilio(sms, net::Form{{"From", std::string(olga)}, {"MessageSid", "SM4"}, {"Body", "\xff\xfe\xc0\x80"}}),
         200},
        {"a stranger's text",
         by_twilio(sms, net::Form{{"From", "+16045559999"}, {"MessageSid", "SM5"}, {"Body", "ack R-1"}}),
         200,
         "<Response></Response>"},
        {"a number of markup",
         by_twilio(sms, net::Form{{"From", "<script>"}, {"MessageSid", "SM6"}, {"Body", "ack R-1"}}),
         200,
         "<Response></Response>"},
        {"no message", by_twilio(status, net::Form{{"MessageStatus", "failed"}}), 400, "which message"},
        {"a message that is no number", by_twilio(status + "?m=1x&k=a", net::Form{{"MessageStatus", "failed"}}), 400},
        {"a message beyond 64 bits",
         by_twilio(status + "?m=99999999999999999999&k=a", net::Form{{"MessageStatus", "failed"}}),
         400},
        {"a message that is none", by_twilio(status + "?m=77&k=a", net::Form{{"MessageStatus", "failed"}}), 204},
        {"a message with another's key", by_twilio(status + "?m=1&k=a", net::Form{{"MessageStatus", "failed"}}), 204},
        {"a key of 1 kB",
         by_twilio(status + "?m=1&k=" + std::string(1'000, 'a'), net::Form{{"MessageStatus", "failed"}}),
         400},
        {"a status that is none", by_twilio(status + "?m=1&k=a", net::Form{{"MessageStatus", "eaten"}}), 204},
        {"the words of a call that is none", by_twilio(voice + "?m=77&k=a", net::Form{}), 200, "<Hangup/>"},
        {"a key in a call that is none", by_twilio(keys + "?m=77&k=a&n=1", key), 200},
        {"the millionth key", by_twilio(keys + "?m=77&k=a&n=1000000", net::Form{{"Digits", "*"}}), 200, "<Hangup/>"},
        {"no key at all", by_twilio(keys + "?m=77&k=a&n=1", net::Form{}), 200},
        {"a key of letters", by_twilio(keys + "?m=77&k=a&n=1", net::Form{{"Digits", "<four>"}}), 200},
        // Slack
        {"Slack without a signature", post_to(slack, json, "{}", {}), 401},
        {"Slack with half a signature", post_to(slack, json, "{}", {"X-Slack-Signature: v0="}), 401},
        {"Slack without an object", by_slack("[]", json), 400},
        {"Slack with 100,000 levels", by_slack(std::string(100'000, '['), json), 400},
        {"Slack with an event that is none", by_slack(R"({"type":"event_callback"})", json), 400},
        {"Slack with a form without a payload", by_slack("a=b", std::string(form_type)), 400},
        {"Slack with a payload that is no JSON", by_slack("payload=%7B", std::string(form_type)), 400},
        {"Slack with a press of nothing",
         by_slack("payload=" + net::percent_encode(R"({"type":"block_actions","actions":[]})"), std::string(form_type)),
         400},
        {"Slack with a type of its own", by_slack("{}", "text/plain"), 415},
        {"Slack by GET", "GET /v1/callbacks/slack HTTP/1.1\r\nHost: rouse.example.org\r\n\r\n", 405},
        // Mattermost
        {"Mattermost with nothing", post_to(mattermost, json, "", {}), 400},
        {"Mattermost without an object", post_to(mattermost, json, "[]", {}), 400},
        {"Mattermost without a token", post_to(mattermost, json, R"({"user_id":"olga","context":{}})", {}), 401},
        {"Mattermost with a token of nobody", post_to(mattermost, json, pressed, {}), 401},
        {"Mattermost with 50,000 levels", post_to(mattermost, json, std::string(50'000, '['), {}), 400},
        {"Mattermost with 100 kB", post_to(mattermost, json, std::string(100'000, '['), {}), 413},
        {"Mattermost with a form", post_to(mattermost, form_type, "a=b", {}), 415},
    };
  }

  static constexpr std::string_view olga = "+16045550101";
  static constexpr std::string_view configuration = R"(rouse: 1
server: { public_url: "https://rouse.example.org" }
access:
  senders: [ { name: prod, token_file: am.token } ]
  users: [ { name: bot, role: admin, token_file: bot.token } ]
  proxy: { header: X-Forwarded-User, from: [ 127.0.0.1/32 ], role: viewer }
people:
  olga:
    name: Olga
    timezone: UTC
    contact: { sms: "+16045550101", slack: U02OLGA, mattermost: "@olga" }
    notify: { high: [ { by: sms } ] }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: 1h } ] }
route: { call_tree: outage }
channels:
  sms: [ { twilio: { account_sid: ACCOUNT, auth_token_file: twilio.token, from: "+16045550100", api: "TWILIO" } } ]
  slack: [ { slack: { bot_token_file: slack.token, signing_secret_file: slack.sign, api: "SLACK" } } ]
  mattermost: [ { mattermost: { url: "http://127.0.0.1:9", bot_token_file: mm.token, callback_secret_file: mm.sign } } ]
)";

  support::TemporaryFolder folder;
  Twilio twilio;
  Slack slack_there;
  support::Roused roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}};
};

TEST_F(BadCallbacks, AreAnsweredAsTheTableSaysAndDoNothing) {
  const auto state = [this] {
    return field(parse_object(call_as("tulip-for-bots", "GET", roused.url() + "/v1/incidents/R-1").body), "state");
  };
  std::set<std::string> names;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second) << "twice in the table";
    RawSocket socket{roused.port()};
    // Each from an address of its own: more than ten failures of one are told to wait.
    std::string request = row.request;
    socket.send(request.insert(request.find("\r\n"), fmt::format("\r\nX-Forwarded-For: 192.0.2.{}", names.size())));
    const std::string answer = socket.response();
    EXPECT_EQ(status_of(answer), row.status) << answer.substr(0, 500);
    EXPECT_NE(answer.find(row.says), std::string::npos) << answer.substr(0, 500);
    ASSERT_TRUE(roused.process().is_alive()) << roused.output();
  }
  EXPECT_EQ(state(), "triggered");
  const net::Form good = Twilio::text_form(olga, "ack R-1", "SM1");
  RawSocket socket{roused.port()};
  socket.send(by_twilio(sms, good));
  EXPECT_EQ(status_of(socket.response()), 200);
  EXPECT_EQ(state(), "acknowledged");
  EXPECT_EQ(roused.output().find('\x1b'), std::string::npos);
  EXPECT_EQ(roused.stop(), 0);
}

TEST_F(BadCallbacks, OfOneAddressAreToldToWaitAndTheSignedOneIsTakenAllTheSame) {
  const std::string body = net::print_form(Twilio::text_form(olga, "ack R-1", "SM1"));
  const auto answer_to = [this](const std::string& request) {
    RawSocket socket{roused.port()};
    socket.send(request);
    return status_of(socket.response());
  };
  for (int count = 0; count < 10; ++count) EXPECT_EQ(answer_to(post_to(sms, form_type, body, {})), 403);
  EXPECT_EQ(answer_to(post_to(sms, form_type, body, {})), 429);
  EXPECT_EQ(answer_to(post_to(slack, "application/json", "{}", {})), 429);
  EXPECT_EQ(answer_to(by_twilio(sms, Twilio::text_form(olga, "ack R-1", "SM1"))), 200);
  EXPECT_EQ(field(parse_object(call_as("tulip-for-bots", "GET", roused.url() + "/v1/incidents/R-1").body), "state"),
            "acknowledged");
  EXPECT_EQ(roused.stop(), 0);
}

}  // namespace
}  // namespace live
