#include "daemon/words/slack.hpp"

#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "daemon/api/slack_paths.hpp"
#include "daemon/api/slack_signature.hpp"
#include "daemon/net/http.hpp"
#include "tests/daemon/api/chat_desk.hpp"

namespace api {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

// ---- the path -------------------------------------------------------------------------------------------------------

net::Request signed_request(ChatDesk& desk, std::string body, const std::string& type, seconds age = {}) {
  net::Request made = desk.request("POST", "/v1/callbacks/slack", std::move(body));
  const std::string timestamp =
      std::to_string(std::chrono::floor<seconds>(desk.world.now().time_since_epoch() - age).count());
  made.headers.clear();
  made.headers.add("Host", "rouse.example.org");
  made.headers.add("Content-Type", type);
  made.headers.add("X-Slack-Request-Timestamp", timestamp);
  made.headers.add("X-Slack-Signature", slack_signature(slack_secret, timestamp, made.body));
  return made;
}

const std::string form_type = "application/x-www-form-urlencoded";
const std::string json_type = "application/json";

json::object press(std::string_view action, std::string_view value, std::string_view channel = "D02OLGA") {
  rules::Send send;
  send.message.value = 7;
  rules::PageFacts page;
  page.incident.id.value = 1;
  page.incident.summary = "ApiDown";
  send.pages.push_back(page);
  return {{"type", "block_actions"},
          {"user", {{"id", "U02OLGA"}, {"username", "olga"}, {"team_id", "T9TK3CUKW"}}},
          {"container", {{"type", "message"}, {"message_ts", "1548261231.000200"}, {"channel_id", channel}}},
          {"trigger_id", "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3"},
          {"channel", {{"id", channel}, {"name", "directmessage"}}},
          {"message",
           {{"bot_id", "BAH5CA16Z"},
            {"type", "message"},
            {"text", "R-1: ApiDown"},
            {"ts", "1548261231.000200"},
            {"blocks", words::slack_page({}, send).blocks}}},
          {"response_url", "https://hooks.slack.com/actions/AABA1ABCD/1232321423432/D09sSasdasdAS9091209"},
          {"actions",
           json::array{{{"action_id", action},
                        {"block_id", "rouse_actions:R-1"},
                        {"value", value},
                        {"type", "button"},
                        {"action_ts", "1548426417.840180"}}}}};
}

std::string payload_of(const json::object& payload) {
  return net::print_form({{"payload", json::serialize(payload)}});
}

json::object message(std::string_view text) {
  return {{"type", "event_callback"},
          {"event_id", "Ev0PV52K21"},
          {"authorizations", json::array{{{"user_id", "UBOT"}, {"is_bot", true}}}},
          {"event",
           {{"type", "message"},
            {"channel", "D02OLGA"},
            {"channel_type", "im"},
            {"user", "U02OLGA"},
            {"text", text},
            {"ts", "1355517523.000005"}}}};
}

std::shared_ptr<const rules::IncidentView> incident(rules::IncidentState state, std::string by) {
  rules::IncidentView view;
  view.facts.id.value = 1;
  view.facts.state = state;
  view.by = std::move(by);
  return std::make_shared<const rules::IncidentView>(std::move(view));
}

TEST(SlackPath, ChallengesAreAnsweredWhenTheyAreSigned) {
  ChatDesk desk;
  const std::string body =
      R"({"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"})";
  EXPECT_FALSE(desk.told(signed_request(desk, body, json_type)));
  EXPECT_EQ(desk.response.status, 200U);
  EXPECT_EQ(desk.response.body, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
  net::Request wrong = signed_request(desk, body, json_type);
  wrong.headers = net::Headers{{"Content-Type", json_type}};
  EXPECT_FALSE(desk.told(wrong));
  EXPECT_EQ(desk.response.status, 401U);
}

TEST(SlackPath, APressIsAReplyThatNamesIncidentMessageAndPresser) {
  ChatDesk desk;
  const auto reply = desk.told(signed_request(desk, payload_of(press("rouse_ack", "R-1/7")), form_type));
  ASSERT_TRUE(reply) << desk.response.body;
  EXPECT_EQ(reply->channel, "slack");
  EXPECT_EQ(reply->address, "U02OLGA");
  EXPECT_EQ(reply->text, "ack R-1");
  EXPECT_EQ(reply->about.value, 7U);
  EXPECT_EQ(reply->id, "slack:D02OLGA/1548261231.000200/1548426417.840180");
  EXPECT_EQ(desk.told(signed_request(desk, payload_of(press("rouse_close", "R-1/7")), form_type))->text, "close R-1");
  EXPECT_EQ(desk.told(signed_request(desk, payload_of(press("rouse_why", "R-1/7")), form_type))->text, "why R-1");
  EXPECT_EQ(desk.told(signed_request(desk, payload_of(press("rouse_escalate", "R-1/7")), form_type))->text,
            "escalate R-1");
  EXPECT_EQ(desk.told(signed_request(desk, payload_of(press("rouse_ack", "test/9")), form_type))->text, "ack");
}

TEST(SlackPath, InADirectConversationAnActChangesTheMessageAndIsALineInItsThread) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(signed_request(desk, payload_of(press("rouse_ack", "R-1/7")), form_type)));
  const net::Response answer =
      desk.said(rules::VerdictCode::done, "R-1 <acknowledged>", incident(rules::IncidentState::acknowledged, "olga"));
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "");
  ASSERT_EQ(desk.calls.size(), 2U);
  EXPECT_EQ(desk.calls[0].url, "https://slack.test/api/chat.update");
  EXPECT_EQ(desk.calls[0].headers.find("Authorization"), "Bearer xoxb-tulip");
  const json::value update = desk.body_of_call(0);
  EXPECT_EQ(update.at("ts"), "1548261231.000200");
  const std::string blocks = json::serialize(update.at("blocks"));
  EXPECT_NE(blocks.find("acknowledged by Olga Diaz"), std::string::npos) << blocks;
  EXPECT_EQ(blocks.find("rouse_ack\""), std::string::npos) << blocks;
  EXPECT_NE(blocks.find("R-1/7"), std::string::npos) << "what is left can still be pressed";
  EXPECT_EQ(desk.calls[1].url, "https://slack.test/api/chat.postMessage");
  EXPECT_EQ(desk.body_of_call(1).at("thread_ts"), "1548261231.000200");
  EXPECT_EQ(desk.body_of_call(1).at("text"), "R-1 &lt;acknowledged&gt;");
}

TEST(SlackPath, WhyAndRefusalsAreSeenByThePresserAlone) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(signed_request(desk, payload_of(press("rouse_why", "R-1/7")), form_type)));
  (void)desk.said(rules::VerdictCode::done, "R-1: because", incident(rules::IncidentState::triggered, ""));
  ASSERT_EQ(desk.calls.size(), 1U);
  EXPECT_EQ(desk.calls[0].url, "https://slack.test/api/chat.postEphemeral");
  EXPECT_EQ(desk.body_of_call(0).at("user"), "U02OLGA");
  ASSERT_TRUE(desk.told(signed_request(desk, payload_of(press("rouse_ack", "R-1/7", "C0OUTAGE")), form_type)));
  (void)desk.said(rules::VerdictCode::done, "R-1 acknowledged", incident(rules::IncidentState::acknowledged, "olga"));
  ASSERT_EQ(desk.calls.size(), 2U) << "in a channel the notice to others changes the message";
  EXPECT_EQ(desk.calls[1].url, "https://slack.test/api/chat.postEphemeral");
}

TEST(SlackPath, StrangersGetNothingWrittenBack) {
  ChatDesk desk;
  json::object pressed = press("rouse_ack", "R-1/7");
  pressed["user"].as_object()["id"] = "U0STRANGER";
  ASSERT_TRUE(desk.told(signed_request(desk, payload_of(pressed), form_type)));
  EXPECT_EQ(desk.said(rules::VerdictCode::refused, "").status, 200U);
  EXPECT_TRUE(desk.calls.empty());
}

TEST(SlackPath, ATextIsAReplyWithoutMarkupAndMentions) {
  ChatDesk desk;
  const auto text_of = [&](std::string_view text) {
    const auto reply = desk.told(signed_request(desk, json::serialize(message(text)), json_type));
    return reply ? reply->text : "";
  };
  EXPECT_EQ(text_of("1a"), "1a");
  EXPECT_EQ(text_of("  <@UBOT>  ack R-12 "), "ack R-12");
  EXPECT_EQ(text_of("note a &lt;b&gt; &amp; c"), "note a <b> & c");
  EXPECT_EQ(text_of("see <https://example.org|the page>"), "see the page");
  EXPECT_EQ(text_of("ack\x1b[31m"), "ack\\x1b[31m");
  EXPECT_EQ(text_of("<@UBOT>"), "");
  EXPECT_EQ(text_of("<never ends"), "");
  const auto reply = desk.told(signed_request(desk, json::serialize(message("1w")), json_type));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, "slack:D02OLGA/1355517523.000005");
  (void)desk.said(rules::VerdictCode::done, "R-1: because");
  ASSERT_EQ(desk.calls.size(), 1U);
  EXPECT_EQ(desk.calls[0].url, "https://slack.test/api/chat.postMessage");
  EXPECT_EQ(desk.body_of_call(0).at("channel"), "D02OLGA");
}

TEST(SlackPath, WhatBotsSayAndWhatIsEditedIsNobodysWord) {
  ChatDesk desk;
  const auto is_heard = [&](std::string_view field, const json::value& value) {
    json::object body = message("1a");
    body["event"].as_object()[field] = value;
    const bool heard = desk.told(signed_request(desk, json::serialize(body), json_type)).has_value();
    EXPECT_TRUE(heard || desk.response.status == 200) << "Slack is not to send it again";
    return heard;
  };
  EXPECT_FALSE(is_heard("bot_id", "B0BOT"));
  EXPECT_FALSE(is_heard("subtype", "message_changed"));
  EXPECT_FALSE(is_heard("subtype", "message_deleted"));
  EXPECT_FALSE(is_heard("edited", json::object{{"user", "U02OLGA"}}));
  EXPECT_FALSE(is_heard("type", "reaction_added"));
  EXPECT_FALSE(is_heard("user", ""));
  EXPECT_TRUE(is_heard("subtype", "thread_broadcast"));
}

TEST(SlackPath, InAChannelOnlyMentionsAndThreadsOfOursAreForUs) {
  ChatDesk desk;
  json::object body = message("ack R-1");
  json::object& event = body["event"].as_object();
  event["channel"] = "C0OUTAGE";
  event["channel_type"] = "channel";
  EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(body), json_type)));
  event["thread_ts"] = "1355517000.000001";
  event["parent_user_id"] = "U02BEN";
  EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(body), json_type)));
  event["parent_user_id"] = "UBOT";
  const auto in_thread = desk.told(signed_request(desk, json::serialize(body), json_type));
  ASSERT_TRUE(in_thread);
  (void)desk.said(rules::VerdictCode::done, "R-1 acknowledged");
  EXPECT_EQ(desk.body_of_call(0).at("thread_ts"), "1355517000.000001") << "it is answered where it stands";
  event.erase("thread_ts");
  event.erase("channel_type");
  event["type"] = "app_mention";
  const auto mention = desk.told(signed_request(desk, json::serialize(body), json_type));
  ASSERT_TRUE(mention);
  EXPECT_EQ(mention->id, in_thread->id) << "the same message by two events is one";
}

// A message in a thread below one of ours, in a channel.
json::object in_channel(std::string_view text, std::string_view user = "U02OLGA") {
  json::object body = message(text);
  json::object& event = body["event"].as_object();
  event["channel"] = "C0OUTAGE";
  event["channel_type"] = "channel";
  event["thread_ts"] = "1355517000.000001";
  event["parent_user_id"] = "UBOT";
  event["user"] = user;
  return body;
}

TEST(SlackPath, WhatPeopleSayToEachOtherInAChannelIsPassedOver) {
  ChatDesk desk;
  for (const char* const said : {"could that be the deploy?", "I am looking", "no idea, ask Ben"}) {
    EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(in_channel(said)), json_type))) << said;
    EXPECT_EQ(desk.response.status, 200U);
  }
  EXPECT_TRUE(desk.calls.empty());
  EXPECT_TRUE(desk.told(signed_request(desk, json::serialize(in_channel("<@UBOT> and now?")), json_type)))
      << "who names us is told how it is written";
}

TEST(SlackPath, AThreadOfAChannelThatNobodyKnowsIsNotTakenForTheLatestPage) {
  ChatDesk desk;
  for (const char* const said : {"close", "ack", "a", "snooze 30"}) {
    EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(in_channel(said)), json_type))) << said;
    EXPECT_EQ(desk.response.status, 200U);
  }
  EXPECT_TRUE(desk.calls.empty());
  EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(in_channel("<@UBOT> close")), json_type)));
  ASSERT_EQ(desk.calls.size(), 1U);
  EXPECT_NE(desk.calls[0].body.find("Which incident is meant?"), std::string::npos);
  EXPECT_FALSE(desk.told(signed_request(desk, json::serialize(in_channel("<@UBOT> close", "U0STRANGER")), json_type)));
  EXPECT_EQ(desk.calls.size(), 1U) << "strangers get no answer";
  const auto named = desk.told(signed_request(desk, json::serialize(in_channel("close R-1")), json_type));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->text, "close R-1");
  EXPECT_TRUE(desk.told(signed_request(desk, json::serialize(in_channel("2a")), json_type)));
}

TEST(SlackPath, InADirectConversationEverythingIsForUs) {
  ChatDesk desk;
  json::object body = message("what is this?");
  body["event"].as_object()["thread_ts"] = "1355517000.000001";
  EXPECT_TRUE(desk.told(signed_request(desk, json::serialize(body), json_type)));
}

TEST(SlackPath, ACommandIsAnsweredInTheAnswer) {
  ChatDesk desk;
  const std::string body = net::print_form(
      {{"command", "/rouse"}, {"text", "ack R-1"}, {"user_id", "U02BEN"}, {"trigger_id", "13345224609"}});
  const auto reply = desk.told(signed_request(desk, body, form_type));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "ack R-1");
  EXPECT_EQ(reply->address, "U02BEN");
  const json::value answer = json::parse(desk.said(rules::VerdictCode::done, "R-1 acknowledged").body);
  EXPECT_EQ(answer.at("response_type"), "ephemeral");
  EXPECT_EQ(answer.at("text"), "R-1 acknowledged");
  EXPECT_EQ(desk.told(signed_request(desk, body, form_type))->channel, "slack");
  EXPECT_EQ(desk.said(rules::VerdictCode::refused, "").body, "");
}

TEST(SlackPath, WhatIsNotTakenIsToBeSentAgainAndWhatIsInMemorySaysSo) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(signed_request(desk, json::serialize(message("1a")), json_type)));
  EXPECT_EQ(desk.said({}, "", nullptr, roused::Durability::refused).status, 503U);
  ASSERT_TRUE(desk.told(signed_request(desk, json::serialize(message("1a")), json_type)));
  (void)desk.said(rules::VerdictCode::done, "R-1 acknowledged", nullptr, roused::Durability::memory);
  EXPECT_NE(desk.calls.back().body.find("not on disk yet"), std::string::npos);
}

TEST(SlackPath, WhatIsOldOrWronglySignedOrNotAskedForHasNoEffect) {
  ChatDesk desk;
  const std::string body = payload_of(press("rouse_ack", "R-1/7"));
  EXPECT_FALSE(desk.told(signed_request(desk, body, form_type, seconds{301})));
  EXPECT_EQ(desk.response.status, 401U);
  net::Request other = signed_request(desk, body, form_type);
  other.method = "GET";
  EXPECT_FALSE(desk.told(other));
  EXPECT_EQ(desk.response.status, 405U);
  auto settings = std::make_shared<config::Settings>(*desk.services.settings);
  settings->access.reset();
  desk.services.settings = std::move(settings);
  EXPECT_FALSE(desk.told(signed_request(desk, body, form_type)));
  EXPECT_EQ(desk.response.status, 403U);
}

TEST(SlackPath, OddBodiesThatAreSignedAreRefusedOrPassedOver) {
  ChatDesk desk;
  const auto status_of = [&](const std::string& body, const std::string& type) {
    EXPECT_FALSE(desk.told(signed_request(desk, body, type))) << body;
    return desk.response.status;
  };
  EXPECT_EQ(status_of("{", json_type), 400U);
  EXPECT_EQ(status_of("[]", json_type), 400U);
  EXPECT_EQ(status_of("{}", json_type), 200U);
  EXPECT_EQ(status_of(R"({"type":"url_verification"})", json_type), 400U);
  EXPECT_EQ(status_of(R"({"type":"event_callback"})", json_type), 400U);
  EXPECT_EQ(status_of(R"({"type":"event_callback","event":{}})", json_type), 200U);
  EXPECT_EQ(
      status_of(R"({"type":"event_callback","event":{"type":"message","channel_type":"im","user":"U1"}})", json_type),
      400U);
  EXPECT_EQ(status_of("payload=%7B", form_type), 400U);
  EXPECT_EQ(status_of("payload=%7B%7D", form_type), 200U);
  EXPECT_EQ(status_of("a=b", form_type), 400U);
  EXPECT_EQ(status_of("command=/rouse", form_type), 400U);
  EXPECT_EQ(status_of("payload={\"type\":\"block_actions\"}", form_type), 400U);
  EXPECT_EQ(status_of("{}", "text/plain"), 415U);
  EXPECT_EQ(status_of(std::string(600'000, 'x'), json_type), 413U);
  json::object odd = press("rouse_ack", "R-1/7");
  for (const char* const value : {"R-1", "/", "R-0/1", "R-1/x", "R-1/7/8", "R-99999999999999999999/1", "test"}) {
    odd["actions"].as_array()[0].as_object()["value"] = value;
    EXPECT_EQ(status_of(payload_of(odd), form_type), 200U) << value;
  }
  std::string deep(5'000, '[');
  EXPECT_EQ(status_of(deep, json_type), 400U);
}

}  // namespace
}  // namespace api
