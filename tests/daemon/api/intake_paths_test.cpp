// Where monitoring systems report: paths, answers, who is who, and what the engine hears of a refusal.
#include "daemon/api/intake_paths.hpp"

#include <string>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/net/hmac.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* webhook = R"({"version":"4","receiver":"ops","externalURL":"http://am.example.org:9093",)"
                                R"("alerts":[{"status":"firing","labels":{"alertname":"New"}}]})";
constexpr const char* trigger =
    R"({"routing_key":"R0123456789abcdef0123456789abcde","event_action":"trigger","dedup_key":"k1","client":"Nagios",)"
    R"("payload":{"summary":"disk full","source":"db1","severity":"critical"}})";
constexpr const char* item = R"({"items":[{"rule":"Slow","app":"search","state":"bad"}]})";

rules::SourceSettings source(std::string id, std::string url = {}) {
  rules::SourceSettings settings;
  settings.id = std::move(id);
  settings.alertmanager = std::move(url);
  return settings;
}

// The desk with sources and heartbeats, as sorted lists.
class Intake : public testing::Test {
 protected:
  Intake() {
    rules::SourceSettings shop = source("shop");
    shop.map = rules::FieldMap{};
    shop.map->each = "/items";
    shop.map->labels = {{"alertname", "/rule"}, {"service", "/app"}};
    shop.map->status = "/state";
    shop.map->firing = {"bad"};
    shop.map->resolved = {"ok"};
    policy.sources = {source("main", "http://am.example.org:9093/"), shop};
    policy.heartbeats.resize(1);
    policy.heartbeats[0].id = "backup";
    policy.heartbeats[0].every = std::chrono::hours{24};
    use();
  }
  void use() { desk.services.use(std::make_shared<const rules::Policy>(policy), 7); }

  Call call(const std::string& method, const std::string& target, const std::string& body = {}) {
    return call(desk.request(method, target, body));
  }
  Call call(const net::Request& request) { return handle(request, now, desk.services, desk.parser); }

  // The event of a call that tells one.
  template <class Event>
  static Event told(const Call& call) {
    const Tell* const tell = std::get_if<Tell>(&call);
    if (tell == nullptr || !std::holds_alternative<Event>(tell->event)) {
      ADD_FAILURE() << "the engine is not told that";
      return {};
    }
    return std::get<Event>(tell->event);
  }
  // The answer when the engine has it on disk.
  static net::Response answer(const Call& call, roused::Durability durability = roused::Durability::durable) {
    if (const auto* response = std::get_if<net::Response>(&call)) return *response;
    roused::Reply reply;
    reply.durability = durability;
    return std::get<Tell>(call).render(reply);
  }
  static boost::json::object json(const net::Response& response) {
    return boost::json::parse(response.body).as_object();
  }

  Desk desk;
  rules::Policy policy{*scene::policy()};
  rules::Instant now{scene::start};
};

TEST_F(Intake, OfTheWebhookTakesTheNameOfTheSourceThatItSaysItIs) {
  const auto event = told<rules::ReportsArrived>(call("POST", "/v1/alerts/alertmanager", webhook));
  EXPECT_EQ(event.source, "main");
  EXPECT_EQ(event.receiver, "ops");
}

TEST_F(Intake, OfGrafanaIsByPostOrPut) {
  for (const char* const method : {"POST", "PUT"}) {
    const Call made = call(method, "/v1/alerts/grafana", webhook);
    EXPECT_EQ(told<rules::ReportsArrived>(made).reports.size(), 1U);
    EXPECT_EQ(answer(made).status, 200U);
  }
  EXPECT_EQ(answer(call("GET", "/v1/alerts/grafana")).headers.find("Allow"), "POST, PUT");
}

TEST_F(Intake, OfAMappedSourceHasItsName) {
  const Call made = call("POST", "/v1/alerts/shop", item);
  const auto event = told<rules::ReportsArrived>(made);
  EXPECT_EQ(event.source, "shop");
  ASSERT_EQ(event.reports.size(), 1U);
  EXPECT_EQ(event.reports[0].labels.find("service"), "search");
  EXPECT_EQ(answer(made).status, 200U);
  EXPECT_EQ(answer(made).body, R"({"status":"ok","accepted":1,"rejected":[]})");
  EXPECT_EQ(answer(made, roused::Durability::memory).status, 503U);
  EXPECT_EQ(answer(call("GET", "/v1/alerts/shop")).status, 405U);
}

TEST_F(Intake, OfANameThatNobodyHasSaysWhichThereAre) {
  const net::Response unknown = answer(call("POST", "/v1/alerts/shpo", item));
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_THAT(unknown.body, HasSubstr("no source is called shpo"));
  EXPECT_THAT(unknown.body, HasSubstr("main, shop"));
  const net::Response unmapped = answer(call("POST", "/v1/alerts/main", item));
  EXPECT_EQ(unmapped.status, 404U);
  EXPECT_THAT(unmapped.body, HasSubstr("has no `map`"));
  EXPECT_EQ(answer(call("POST", "/v1/alerts/shop/more", item)).status, 404U);
  policy.sources.clear();
  use();
  EXPECT_THAT(answer(call("POST", "/v1/alerts/shop", item)).body, HasSubstr("which has: none"));
}

TEST_F(Intake, OfPagerDutyIsAnswered202WithTheDedupKey) {
  const Call made = call("POST", "/v2/enqueue", trigger);
  const auto event = told<rules::ReportsArrived>(made);
  ASSERT_EQ(event.reports.size(), 1U);
  EXPECT_EQ(event.reports[0].native_key.size(), 32U);
  EXPECT_EQ(answer(made).status, 202U);
  EXPECT_EQ(answer(made).body, R"({"status":"success","message":"Event processed","dedup_key":"k1"})");
  EXPECT_EQ(answer(made, roused::Durability::refused).status, 503U) << "clients repeat a 5xx";
  EXPECT_EQ(answer(call("GET", "/v2/enqueue")).status, 405U);

  const std::string native_key = event.reports[0].native_key;
  const Call acknowledged = call("POST",
                                 "/v2/enqueue",
                                 R"({"routing_key":"R0123456789abcdef0123456789abcde","event_action":"acknowledge",)"
                                 R"("dedup_key":"k1","client":"Nagios"})");
  const auto word = told<rules::SenderAcknowledged>(acknowledged);
  EXPECT_EQ(word.native_keys, std::vector<std::string>{native_key});
  EXPECT_EQ(word.by, "Nagios");
  EXPECT_EQ(answer(acknowledged).status, 202U);
}

TEST_F(Intake, OfPagerDutyMakesADedupKeyThatNobodyHadBefore) {
  desk.services.make_key = random_key;
  std::string without{trigger};
  without.replace(without.find(R"("dedup_key":"k1",)"), 17, "");
  const std::string first{json(answer(call("POST", "/v2/enqueue", without))).at("dedup_key").as_string()};
  const std::string second{json(answer(call("POST", "/v2/enqueue", without))).at("dedup_key").as_string()};
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first, second);
}

TEST_F(Intake, OfPagerDutyRefusesInItsOwnWords) {
  const net::Response refused = answer(call("POST", "/v2/enqueue", "{}"));
  EXPECT_EQ(refused.status, 400U);
  EXPECT_EQ(refused.content_type, "application/json");
  EXPECT_EQ(json(refused).at("status"), "invalid event");
  EXPECT_EQ(json(refused).at("errors").as_array().size(), 2U);
  EXPECT_EQ(answer(call("POST", "/v2/change/enqueue", "{}")).status, 202U);
}

TEST_F(Intake, OfAHeartbeatIsOneCallByGetOrPost) {
  for (const char* const method : {"GET", "POST"}) {
    const Call made = call(method, "/v1/heartbeats/backup");
    const auto beat = told<rules::Beat>(made);
    EXPECT_EQ(beat.heartbeat, "backup");
    EXPECT_EQ(beat.source, "127.0.0.1");
    EXPECT_EQ(answer(made).status, 200U);
    EXPECT_EQ(answer(made, roused::Durability::memory).status, 503U);
  }
  EXPECT_EQ(answer(call("DELETE", "/v1/heartbeats/backup")).headers.find("Allow"), "GET, HEAD, POST");
  const net::Response unknown = answer(call("GET", "/v1/heartbeats/bakcup"));
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_THAT(unknown.body, HasSubstr("heartbeats: { bakcup: { every: 1h, grace: 5m } }"));
  EXPECT_THAT(unknown.body, HasSubstr("which has: backup"));
  EXPECT_TRUE(may_lack_length("/v1/heartbeats/backup")) << "curl -X POST sends no length";
}

// ---- signatures ----

class Signed : public Intake {
 protected:
  Signed() {
    rules::SourceSettings grafana = source("grafana");
    grafana.signature = {{"secret_file", "/g"}, {"timestamp_header", "X-Time"}};
    rules::SourceSettings dashboards = source("dashboards");
    dashboards.signature = {{"secret_file", "/d"}};
    policy.sources = {dashboards, grafana};
    desk.services.read_secrets = [this](const std::string& file) { return secrets[file]; };
    use();
  }

  Call post(const std::string& signature, const std::string& timestamp = {}) {
    net::Request request = desk.request("POST", "/v1/alerts/grafana", webhook);
    if (!signature.empty()) request.headers.add("X-Grafana-Alerting-Signature", signature);
    if (!timestamp.empty()) request.headers.add("X-Time", timestamp);
    return call(request);
  }
  [[nodiscard]] std::string unix_time(std::chrono::seconds later = {}) const {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>((now + later).time_since_epoch()).count());
  }

  std::map<std::string, std::vector<std::string>> secrets{{"/g", {"old", "new"}}, {"/d", {"other"}}};
};

TEST_F(Signed, BodyIsTakenAndTellsWhichSourceItIs) {
  EXPECT_EQ(told<rules::ReportsArrived>(post(net::hmac_sha256("other", webhook))).source, "dashboards");
  const std::string time = unix_time();
  for (const char* const secret : {"old", "new"}) {
    EXPECT_EQ(told<rules::ReportsArrived>(post(net::hmac_sha256(secret, time + ":" + webhook), time)).source,
              "grafana");
  }
  std::string capitals = net::hmac_sha256("other", webhook);
  for (char& digit : capitals) digit = static_cast<char>(std::toupper(digit));
  EXPECT_EQ(told<rules::ReportsArrived>(post(capitals)).source, "dashboards");
}

TEST_F(Signed, BodyWithAWrongOrNoSignatureIs401AndTellsTheEngineNothing) {
  const std::string time = unix_time();
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", ""},
      {"nonsense", ""},
      {net::hmac_sha256("guess", webhook), ""},
      {net::hmac_sha256("other", std::string{webhook} + " "), ""},
      {net::hmac_sha256("other", webhook).substr(0, 63), ""},
      {net::hmac_sha256("new", webhook), ""},                       // this source's time is signed with it
      {net::hmac_sha256("new", webhook), time},                     // it stands there, unsigned
      {net::hmac_sha256("new", "1:" + std::string{webhook}), time}  // another time was signed
  };
  for (const auto& [signature, timestamp] : wrong) {
    const Call refused = post(signature, timestamp);
    ASSERT_TRUE(std::holds_alternative<net::Response>(refused)) << signature;
    EXPECT_EQ(answer(refused).status, 401U) << signature;
    EXPECT_TRUE(answer(refused).headers.find("WWW-Authenticate"));
    EXPECT_THAT(answer(refused).body, Not(HasSubstr("other")));
  }
}

TEST_F(Signed, TimeIsBelievedForFiveMinutes) {
  const auto status = [this](const std::string& time) {
    return answer(post(net::hmac_sha256("new", time + ":" + webhook), time)).status;
  };
  EXPECT_EQ(status(unix_time(std::chrono::minutes{-5})), 200U);
  EXPECT_EQ(status(unix_time(std::chrono::minutes{5})), 200U);
  EXPECT_EQ(status(unix_time(std::chrono::seconds{-301})), 401U);
  EXPECT_EQ(status(unix_time(std::chrono::seconds{301})), 401U);
  for (const char* const wrong : {"-1", "yesterday", "1e9", "99999999999999999999", "999999999999", " "}) {
    EXPECT_EQ(status(wrong), 401U) << wrong;
  }
}

TEST_F(Signed, BodyWhoseSecretCannotBeReadIs503) {
  secrets.clear();
  use();
  EXPECT_EQ(answer(post(net::hmac_sha256("", webhook))).status, 503U);
  desk.services.read_secrets = nullptr;
  use();
  EXPECT_EQ(answer(post(net::hmac_sha256("other", webhook))).status, 503U);
}

// ---- refusals ----

TEST_F(Intake, ARefusedBatchOfAKnownSenderIsToldTheEngineOnceAMinute) {
  EXPECT_EQ(answer(call("POST", "/v1/alerts/alertmanager", "{")).status, 400U);
  ASSERT_TRUE(std::holds_alternative<net::Response>(call("POST", "/v1/alerts/alertmanager", "{"))) << "a stranger's";
  std::string anonymous{webhook};
  anonymous.replace(anonymous.find("am.example.org"), 14, "elsewhere.org.");
  EXPECT_EQ(told<rules::ReportsArrived>(call("POST", "/v1/alerts/alertmanager", anonymous)).source, "127.0.0.1");

  const Call refused = call("POST", "/v1/alerts/alertmanager", "{");
  const auto event = told<rules::BatchRefused>(refused);
  EXPECT_EQ(event.source, "127.0.0.1");
  EXPECT_EQ(event.status, 400U);
  EXPECT_THAT(event.why, HasSubstr("not JSON"));
  for (const roused::Durability durability :
       {roused::Durability::durable, roused::Durability::memory, roused::Durability::refused}) {
    EXPECT_EQ(answer(refused, durability).status, 400U) << "the answer is the refusal, whatever became of the event";
  }
  now += std::chrono::seconds{59};
  EXPECT_TRUE(std::holds_alternative<net::Response>(call("POST", "/v2/enqueue", "{}"))) << "told a minute ago";
  now += std::chrono::seconds{1};
  EXPECT_THAT(told<rules::BatchRefused>(call("POST", "/v2/enqueue", "{}")).why, HasSubstr("'routing_key'"));
  now -= std::chrono::hours{1};
  EXPECT_EQ(told<rules::BatchRefused>(call("POST", "/api/v2/alerts", "{}")).status, 400U) << "the clock was set back";
}

TEST_F(Intake, AConfiguredSourceIsKnownBeforeItIsHeard) {
  EXPECT_EQ(told<rules::BatchRefused>(call("POST", "/v1/alerts/shop", "[]")).source, "shop");
  now += std::chrono::minutes{2};
  net::Request text = desk.request("POST", "/v1/alerts/shop", item);
  text.headers = {};
  text.headers.add("Content-Type", "text/plain");
  EXPECT_EQ(told<rules::BatchRefused>(call(text)).status, 415U);
}

TEST_F(Intake, ARefusalThatTheSenderRepeatsIsNotTold) {
  for (const unsigned status : {401U, 403U, 404U, 405U, 408U, 429U, 500U, 503U}) {
    EXPECT_FALSE(refusal_event("shop", status, "why", now, desk.services)) << status;
  }
  EXPECT_TRUE(refusal_event("shop", 413, "why", now, desk.services));
}

TEST_F(Intake, WhatTheServerRefusedBeforeItWasReadIsToldToo) {
  const auto event = [this](unsigned status, std::string_view peer, std::string_view path) {
    return refusal_event(net::Refusal{status, peer, path, "the body is too large"}, now, desk.services);
  };
  EXPECT_FALSE(event(413, "127.0.0.1", "/v1/alerts/alertmanager")) << "nobody was heard there yet";
  const auto mapped = event(413, "127.0.0.1", "/v1/alerts/shop");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(std::get<rules::BatchRefused>(*mapped).source, "shop");
  EXPECT_EQ(std::get<rules::BatchRefused>(*mapped).status, 413U);
  ASSERT_EQ(answer(call("POST", "/api/v2/alerts", "[]")).status, 200U);
  EXPECT_FALSE(event(400, "127.0.0.1", "")) << "a head that was not understood";
  EXPECT_FALSE(event(413, "127.0.0.1", "/v1/incidents/R-1/ack"));
  EXPECT_FALSE(event(408, "127.0.0.1", "/api/v2/alerts"));
  EXPECT_TRUE(event(413, "127.0.0.1", "/api/v2/alerts"));
}

TEST(SourceName, IsTheConfiguredOneWhoseUrlTheSenderSaysOrWhoseAddressIsIts) {
  rules::Policy policy;
  policy.sources = {source("eu", "http://127.0.0.1:9093/"),
                    source("mapped"),
                    source("us", "https://am.us.example.org/am"),
                    source("v6", "http://user:word@[::1]:9093")};
  EXPECT_EQ(source_name_of(policy, "10.0.0.1", "https://am.us.example.org/am/"), "us");
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", "https://am.us.example.org/am"), "us") << "what it says goes first";
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", "http://127.0.0.1:9093"), "eu");
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", "http://host:9093"), "eu");
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", ""), "eu");
  EXPECT_EQ(source_name_of(policy, "::1", ""), "v6");
  EXPECT_EQ(source_name_of(policy, "10.0.0.1", "http://host:9093"), "10.0.0.1");
  EXPECT_EQ(source_name_of(policy, "unix", ""), "unix");
  policy.sources.push_back(source("twin", "http://localhost:9094"));
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", ""), "127.0.0.1") << "two are at this address";
  EXPECT_EQ(source_name_of(policy, "127.0.0.1", "http://localhost:9094///"), "twin");
}

}  // namespace
}  // namespace api
