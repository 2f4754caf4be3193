#include "daemon/api/access.hpp"

#include <gtest/gtest.h>

#include "daemon/api/intake_paths.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

constexpr const char* api_v2 = R"([{"labels":{"alertname":"New","severity":"critical"}}])";

class Doors : public testing::Test {
 protected:
  Doors() {
    auto settings = std::make_shared<config::Settings>();
    settings->server.public_url = "https://rouse.example.org";
    config::Access access;
    access.senders = {{.name = "prod", .token_file = "prod", .password_hash_file = ""},
                      {.name = "shop", .token_file = "shop", .password_hash_file = ""}};
    const auto user = [](const std::string& name, const std::string& person, config::Role role) {
      return config::User{.name = name, .person = person, .role = role, .password_hash_file = "", .token_file = name};
    };
    access.users = {user("eve", "", config::Role::viewer),
                    user("olga", "olga", config::Role::responder),
                    user("root", "", config::Role::admin)};
    access.proxy = config::Proxy{.header = "X-User", .from = {"10.0.0.1"}, .role = config::Role::responder};
    settings->access = std::move(access);
    desk.services.settings = std::move(settings);
    desk.services.read_secrets = [](const std::string& file) { return std::vector<std::string>{"token of " + file}; };
    desk.services.use(scene::policy(), desk.world.state().seed);
  }
  net::Response ask(const std::string& who,
                    const std::string& method,
                    const std::string& target,
                    std::string body = {}) {
    net::Request request = desk.request(method, target, std::move(body));
    if (!who.empty()) request.headers.add("Authorization", "Bearer token of " + who);
    return desk.answer(request);
  }
  net::Response by_proxy(const net::Headers& headers, std::string body = R"({"text":"seen"})") {
    net::Request request = desk.request("POST", "/v1/incidents/R-1/note", std::move(body));
    request.peer = "10.0.0.1";
    request.headers = headers;
    request.headers.add("X-User", "olga");
    return desk.answer(request);
  }
  Desk desk;
};

TEST_F(Doors, LoopbackGainsNothing) {
  for (const std::string path : {"/v1/incidents", "/v1/oncall", "/metrics", "/api/v2/alerts", "/api/v2/status"}) {
    EXPECT_EQ(ask("", "GET", path).status, 401U) << path;
    EXPECT_EQ(ask("prod", "GET", path).status, 403U) << path;
    EXPECT_EQ(ask("eve", "GET", path).status, 200U) << path;
  }
  const net::Response refusal = ask("", "POST", "/api/v2/alerts", api_v2);
  EXPECT_EQ(refusal.status, 401U);
  EXPECT_TRUE(refusal.headers.contains("WWW-Authenticate"));
}

TEST_F(Doors, HealthAndReadinessAreOpen) {
  EXPECT_EQ(ask("", "GET", "/-/healthy").status, 200U);
  EXPECT_EQ(ask("", "GET", "/-/ready").status, 200U);
}

TEST_F(Doors, OnlySendersReportAndByTheirName) {
  EXPECT_EQ(ask("root", "POST", "/api/v2/alerts", api_v2).status, 403U);
  EXPECT_EQ(ask("prod", "POST", "/v1/alerts/shop", "{}").status, 403U);
  EXPECT_NE(ask("shop", "POST", "/v1/alerts/shop", "{}").status, 403U);
  net::Request request = desk.request("POST", "/api/v2/alerts", api_v2);
  request.headers.add("Authorization", "Bearer token of prod");
  const Call call = handle(request, desk.world.now(), desk.services, desk.parser);
  EXPECT_EQ(std::get<rules::ReportsArrived>(std::get<Tell>(call).event).source, "prod");
}

TEST_F(Doors, RolesOpenWhatTheyAreFor) {
  EXPECT_EQ(ask("eve", "POST", "/v1/incidents/R-1/ack", "{}").status, 403U);
  EXPECT_EQ(ask("eve", "DELETE", "/v1/silences/x").status, 403U);
  EXPECT_EQ(ask("olga", "POST", "/-/reload").status, 403U);
  EXPECT_EQ(ask("root", "POST", "/-/reload").status, 200U);
  EXPECT_EQ(ask("olga", "POST", "/v1/incidents/R-1/note", R"({"text":"seen"})").status, 200U);
}

TEST_F(Doors, WhoActsIsTheUserWhateverTheBodySays) {
  net::Request request = desk.request("POST", "/v1/incidents/R-1/ack", R"({"by":"omar"})");
  request.headers.add("Authorization", "Bearer token of olga");
  const Call call = handle(request, desk.world.now(), desk.services, desk.parser);
  EXPECT_EQ(std::get<rules::Acknowledge>(std::get<Tell>(call).event).by, "olga");
}

TEST_F(Doors, AWebPageOfOthersCannotActForWhoeverReadsIt) {
  const std::string_view json = "application/json";
  EXPECT_EQ(by_proxy({{"Content-Type", json}}).status, 200U);
  EXPECT_EQ(by_proxy({{"Content-Type", json}, {"Origin", "https://rouse.example.org"}}).status, 200U);
  EXPECT_EQ(by_proxy({{"Content-Type", json}, {"Origin", "https://evil.example"}, {"Host", "evil.example"}}).status,
            403U);
  EXPECT_EQ(by_proxy({{"Content-Type", json}, {"Origin", "null"}}).status, 403U);
  EXPECT_EQ(by_proxy({{"Content-Type", json}, {"Sec-Fetch-Site", "cross-site"}}).status, 403U);
  EXPECT_EQ(by_proxy({{"Content-Type", "text/plain"}}).status, 415U);
}

TEST_F(Doors, WhoMayNotSendIsKnownByTheHeadAlone) {
  const auto look = [this](const std::string& who, const std::string& path) {
    net::Request head = desk.request("POST", path);
    if (!who.empty()) head.headers.add("Authorization", "Bearer token of " + who);
    return std::get<net::Response>(gate(head, desk.world.now(), desk.services)).status;
  };
  EXPECT_EQ(look("prod", "/api/v2/alerts"), 100U);
  EXPECT_EQ(look("", "/api/v2/alerts"), 401U);
  EXPECT_EQ(look("guess", "/api/v2/alerts"), 401U);
  EXPECT_EQ(look("root", "/api/v2/alerts"), 403U);
  EXPECT_EQ(look("eve", "/v1/incidents/R-1/ack"), 403U);
  EXPECT_EQ(look("olga", "/v1/incidents/R-1/ack"), 100U);
  EXPECT_EQ(look("", "/v1/callbacks/slack"), 100U) << "a signature is of the body";
  EXPECT_LE(most_body_bytes("/v1/callbacks/slack").value_or(0), std::size_t{1} << 20);
  EXPECT_LE(most_body_bytes("/-/healthy").value_or(0), std::size_t{1} << 20);
  EXPECT_FALSE(most_body_bytes("/api/v2/alerts"));
}

TEST_F(Doors, WhatASenderHasSentInVainIsToldAndWhatAStrangerHasIsNot) {
  const auto event = [this](std::string_view sender) {
    return refusal_event(net::Refusal{413, "192.0.2.1", "/api/v2/alerts", "the body is too long", sender},
                         desk.world.now(),
                         desk.services);
  };
  EXPECT_FALSE(event(""));
  const auto told = event("prod");
  ASSERT_TRUE(told);
  EXPECT_EQ(std::get<rules::BatchRefused>(*told).source, "prod");
  net::Request head = desk.request("POST", "/api/v2/alerts");
  head.headers.add("Authorization", "Bearer token of prod");
  EXPECT_EQ(std::get<net::Response>(gate(head, desk.world.now(), desk.services)).body, "prod");
}

TEST_F(Doors, ActsAndRefusalsAreHeardByTheAuditLogAndReportsAreNot) {
  std::vector<Audited> heard;
  desk.services.audit = [&heard](const Audited& audited) { heard.push_back(audited); };
  const auto last = [&heard] {
    return heard.empty() ? std::string{}
                         : heard.back().by + " " + heard.back().proof + " " + heard.back().what + " " +
                               std::to_string(heard.back().status);
  };
  EXPECT_EQ(ask("olga", "POST", "/v1/incidents/R-1/note", R"({"text":"secret words"})").status, 200U);
  EXPECT_EQ(last(), "olga token POST /v1/incidents/R-1/note 200");
  EXPECT_EQ(heard.back().from, "127.0.0.1");
  EXPECT_EQ(ask("guess", "GET", "/v1/incidents?q=secret").status, 401U);
  EXPECT_EQ(last(), " none GET /v1/incidents 401");
  EXPECT_EQ(ask("root", "POST", "/-/reload").status, 200U);
  EXPECT_EQ(last(), "root token POST /-/reload 200");
  EXPECT_EQ(ask("eve", "POST", "/-/reload").status, 403U);
  EXPECT_EQ(last(), "eve token POST /-/reload 403");
  EXPECT_EQ(heard.size(), 4U);
  EXPECT_EQ(ask("prod", "POST", "/api/v2/alerts", api_v2).status, 200U);
  EXPECT_EQ(ask("eve", "GET", "/v1/incidents").status, 200U);
  EXPECT_EQ(heard.size(), 4U);
  (void)ask("", "POST", "/v1/links/very-secret");
  for (const Audited& audited : heard) EXPECT_EQ(print_audited(audited).find("secret"), std::string::npos);
}

TEST_F(Doors, CallbacksAreAdmittedByTheirSignaturesAloneAndNotWithoutAnAccessSection) {
  const net::Response unsigned_one = ask("", "POST", "/v1/callbacks/slack", "{}");
  EXPECT_EQ(unsigned_one.body.find("say who you are"), std::string::npos) << unsigned_one.body;
  EXPECT_FALSE(unsigned_one.headers.contains("WWW-Authenticate"));
  auto settings = std::make_shared<config::Settings>();
  desk.services.settings = std::move(settings);
  desk.services.use(scene::policy(), desk.world.state().seed);
  for (const std::string path : {"/v1/callbacks/slack", "/v1/callbacks/anything", "/v1/links/x"}) {
    EXPECT_EQ(ask("", "POST", path, "{}").status, 403U) << path;
  }
}

TEST_F(Doors, CallbacksThatNobodySignedCountByTheirAddress) {
  for (unsigned count = 0; count < Attempts::most_failures; ++count)
    EXPECT_EQ(ask("", "POST", "/v1/callbacks/twilio/sms", "a=b").status, 403U);
  const net::Response refusal = ask("", "POST", "/v1/callbacks/twilio/sms", "a=b");
  EXPECT_EQ(refusal.status, 429U);
  EXPECT_TRUE(refusal.headers.contains("Retry-After"));
  EXPECT_EQ(ask("guess", "GET", "/v1/incidents").status, 429U);
  EXPECT_EQ(ask("eve", "GET", "/v1/incidents").status, 200U) << "who is right is listened to";
}

}  // namespace
}  // namespace api
