#include "daemon/words/mattermost.hpp"

#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "daemon/api/mattermost_paths.hpp"
#include "daemon/net/hmac.hpp"
#include "tests/daemon/api/chat_desk.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::string_view path = "/v1/callbacks/mattermost";

constexpr std::string_view team_by_name = R"(
rouse: 1
people: { olga: { name: Olga Diaz, contact: { mattermost: "@olga" } } }
call_trees: { outage: { steps: [ { call: olga, wait: 5m } ] } }
route: { call_tree: outage }
channels:
  mattermost:
    - { mattermost: { url: "https://chat.test", bot_token_file: /mm.token, callback_secret_file: /mm.sign } }
)";

words::MattermostButtons buttons(const std::string& person, rules::Instant until) {
  return {"https://rouse.example.org/v1/callbacks/mattermost",
          [](std::string_view text) { return net::hmac_sha256(mattermost_secret, text); },
          person,
          until};
}

constexpr rules::Instant far_away{std::chrono::hours{24 * 365 * 200}};

// What Mattermost posts when this button is pressed.
json::object press(std::string_view id,
                   const std::string& person = "",
                   rules::Instant until = far_away,
                   std::uint64_t incident = 1) {
  const json::array attachments = words::mattermost_state(rules::IncidentId{incident},
                                                          rules::MessageId{7},
                                                          rules::IncidentState::triggered,
                                                          "",
                                                          "**R-1** ApiDown",
                                                          buttons(person, until));
  json::object context;
  for (const json::value& action : attachments[0].at("actions").as_array())
    if (action.at("id") == json::value(id)) context = action.at("integration").at("context").as_object();
  return {{"user_id", "olgaolgaolgaolgaolgaolga22"},
          {"user_name", "olga"},
          {"channel_id", "directdirectdirectdirect22"},
          {"team_id", ""},
          {"post_id", "postpostpostpostpostpost22"},
          {"trigger_id", "aWN0...=="},
          {"type", "button"},
          {"data_source", ""},
          {"context", std::move(context)}};
}

TEST(MattermostPath, APressThatWeSignedIsAReply) {
  ChatDesk desk;
  const auto reply = desk.told(desk.request("POST", std::string(path), json::serialize(press("ack"))));
  ASSERT_TRUE(reply) << desk.response.body;
  EXPECT_EQ(reply->channel, "mattermost");
  EXPECT_EQ(reply->address, "olgaolgaolgaolgaolgaolga22");
  EXPECT_EQ(reply->text, "ack R-1");
  EXPECT_EQ(reply->about.value, 7U);
  EXPECT_EQ(desk.told(desk.request("POST", std::string(path), json::serialize(press("close"))))->text, "close R-1");
}

TEST(MattermostPath, WhoIsAContactByNameIsKnownByIt) {
  ChatDesk desk(team_by_name);
  const auto reply = desk.told(desk.request("POST", std::string(path), json::serialize(press("ack"))));
  ASSERT_TRUE(reply) << desk.response.body;
  EXPECT_EQ(reply->address, "@olga");
}

TEST(MattermostPath, InAMessageToOnePersonThatPersonActs) {
  ChatDesk desk;
  json::object body = press("ack", "olga");
  body["user_id"] = "somebodyelse";
  body["user_name"] = "ben";
  const auto reply = desk.told(desk.request("POST", std::string(path), json::serialize(body)));
  ASSERT_TRUE(reply) << desk.response.body;
  EXPECT_EQ(reply->person, "olga");
  EXPECT_EQ(reply->address, "olgaolgaolgaolgaolgaolga22");
  const auto in_channel = desk.told(desk.request("POST", std::string(path), json::serialize(press("ack"))));
  ASSERT_TRUE(in_channel);
  EXPECT_EQ(in_channel->person, "") << "there it is Mattermost's word";
}

TEST(MattermostPath, AButtonRunsOut) {
  ChatDesk desk;
  const rules::Instant now = desk.world.now();
  EXPECT_TRUE(desk.told(
      desk.request("POST", std::string(path), json::serialize(press("ack", "olga", now + std::chrono::seconds{1})))));
  EXPECT_FALSE(desk.told(desk.request("POST", std::string(path), json::serialize(press("ack", "olga", now)))));
  EXPECT_EQ(desk.response.status, 200U);
  EXPECT_NE(desk.response.body.find("ephemeral_text"), std::string::npos) << desk.response.body;
}

TEST(MattermostPath, WhatIsLeftToPressIsSignedForTheSamePersonAndAWeek) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(desk.request("POST", std::string(path), json::serialize(press("ack", "olga")))));
  rules::IncidentView view;
  view.facts.id.value = 1;
  view.facts.state = rules::IncidentState::acknowledged;
  const json::value answer = json::parse(
      desk.said(rules::VerdictCode::done, "", std::make_shared<const rules::IncidentView>(view)).body.c_str());
  EXPECT_EQ(answer, json::object{}) << "without a word nothing is changed";
  const json::value body =
      json::parse(desk.said(rules::VerdictCode::done, "yours", std::make_shared<const rules::IncidentView>(view)).body);
  const json::value& context =
      body.at("update").at("props").at("attachments").at(0).at("actions").at(0).at("integration").at("context");
  EXPECT_EQ(context.at("person"), "olga");
  const auto until = desk.world.now() + std::chrono::hours{24 * 7};
  EXPECT_EQ(context.at("until"),
            json::value(std::to_string(std::chrono::floor<std::chrono::seconds>(until).time_since_epoch().count())));
}

TEST(MattermostPath, TheAnswerChangesTheMessageInPlace) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(desk.request("POST", std::string(path), json::serialize(press("ack")))));
  rules::IncidentView view;
  view.facts.id.value = 1;
  view.facts.state = rules::IncidentState::acknowledged;
  view.by = "olga";
  const net::Response answer = desk.said(
      rules::VerdictCode::done, "R-1 acknowledged", std::make_shared<const rules::IncidentView>(std::move(view)));
  const json::value body = json::parse(answer.body);
  EXPECT_EQ(body.at("ephemeral_text"), "R-1 acknowledged");
  EXPECT_EQ(body.at("update").at("message"), "**R-1** ApiDown");
  const std::string attachments = json::serialize(body.at("update").at("props").at("attachments"));
  EXPECT_NE(attachments.find("Acknowledged by Olga Diaz"), std::string::npos) << attachments;
  EXPECT_EQ(attachments.find("\"id\":\"ack\""), std::string::npos);
  EXPECT_NE(attachments.find("\"id\":\"close\""), std::string::npos);
}

TEST(MattermostPath, StrangersGetNothing) {
  ChatDesk desk;
  ASSERT_TRUE(desk.told(desk.request("POST", std::string(path), json::serialize(press("ack")))));
  EXPECT_EQ(desk.said(rules::VerdictCode::refused, "").body, "{}");
}

TEST(MattermostPath, EachSignedByteThatIsChangedMakesItNobodys) {
  ChatDesk desk;
  for (const char* const field : {"action", "value", "person", "until", "message", "token"}) {
    const json::object whole = press("ack", "olga");
    const std::size_t size = whole.at("context").at(field).as_string().size();
    for (std::size_t index = 0; index < size; ++index) {
      json::object body = whole;
      json::string& text = body["context"].as_object()[field].as_string();
      text[index] = static_cast<char>(text[index] ^ 1);
      EXPECT_FALSE(desk.told(desk.request("POST", std::string(path), json::serialize(body)))) << field << index;
      EXPECT_EQ(desk.response.status, 401U);
    }
  }
}

TEST(MattermostPath, OddBodiesAreRefused) {
  ChatDesk desk;
  for (const char* const body :
       {"{", "[]", "{}", R"({"context":7})", R"({"context":{}})", R"({"context":{"token":""}})"}) {
    EXPECT_FALSE(desk.told(desk.request("POST", std::string(path), body)));
    EXPECT_TRUE(desk.response.status == 400 || desk.response.status == 401) << body;
  }
  json::object nobody = press("ack");
  nobody["user_id"] = "";
  EXPECT_FALSE(desk.told(desk.request("POST", std::string(path), json::serialize(nobody))));
  EXPECT_EQ(desk.response.status, 400U);
  EXPECT_FALSE(desk.told(desk.request("GET", std::string(path))));
  EXPECT_EQ(desk.response.status, 405U);
}

TEST(MattermostPath, WithoutAnAccessSectionNothingIsTaken) {
  ChatDesk desk;
  auto settings = std::make_shared<config::Settings>(*desk.services.settings);
  settings->access.reset();
  desk.services.settings = std::move(settings);
  EXPECT_FALSE(desk.told(desk.request("POST", std::string(path), json::serialize(press("ack")))));
  EXPECT_EQ(desk.response.status, 403U);
}

}  // namespace
}  // namespace api
