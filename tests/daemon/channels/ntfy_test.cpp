#include "daemon/channels/ntfy.hpp"

#include <future>
#include <memory>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/daemon/channels/http_peer.hpp"
#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

namespace json = boost::json;
using net::testing::LoopThread;
using net::testing::patience;
using std::chrono::milliseconds;
using testing::Folder;
using testing::HttpPeer;
using testing::json_answer;
using testing::PeerRequest;

// A server of ntfy: publishes JSON at its root, lists a topic, and refuses what the real one refuses.
class NtfyServer {
 public:
  [[nodiscard]] net::Response answer(const PeerRequest& request) {
    if (request.authorization != "Bearer tk_tulip")
      return json_answer(401, R"({"code":40101,"http":401,"error":"unauthorized"})");
    if (request.method == "GET") {
      net::Response list = json_answer(200, "");
      for (const json::object& one : messages) list.body += json::serialize(one) + "\n";
      return list;
    }
    if (request.target != "/") return json_answer(404, R"({"code":40401,"http":404,"error":"page not found"})");
    json::error_code error;
    const json::value body = json::parse(request.body, error);
    if (error || !body.is_object() || request.body.size() > 8192)
      return json_answer(400,
                         R"({"code":40024,"http":400,"error":"invalid request: request body must be valid JSON"})");
    json::object message = body.get_object();
    if (message.at("message").as_string().size() > 4096)
      return json_answer(413, R"({"code":41301,"http":413,"error":"attachment too large"})");
    const std::string topic{message.at("topic").as_string()};
    if (topic.empty() || topic.size() > 64)
      return json_answer(400, R"({"code":40009,"http":400,"error":"invalid request: topic invalid"})");
    message["id"] = "hwQ2YpKdmg";
    message["event"] = "message";
    messages.push_back(message);
    return json_answer(200, json::serialize(message));
  }

  std::vector<json::object> messages;
};

rules::Send ntfy_page() {
  rules::Send send = testing::page();
  send.contact = send.channel = "push";
  send.address = "olga-pages-7Hq";
  return send;
}

class Ntfy : public ::testing::Test {
 protected:
  void SetUp() override { thread.start(); }
  void TearDown() override {
    thread.stop();
    client.reset();
  }

  template <class Call>
  TryResult result_of(const Call& call) {
    std::promise<TryResult> result;
    thread.run([&] {
      NtfySettings settings;
      settings.url = peer.url();
      settings.authorization = authorization;
      settings.timeout = patience;
      settings.public_url = "https://rouse.example.org";
      settings.sign_link = sign_link;
      NtfyProvider provider(*client, clock, settings);
      call(provider, [&](TryResult each) { result.set_value(std::move(each)); });
    });
    auto future = result.get_future();
    if (future.wait_for(patience) != std::future_status::ready) std::abort();
    return future.get();
  }
  TryResult attempt(const rules::Send& send, milliseconds limit = patience) {
    return result_of([&](NtfyProvider& provider, auto done) {
      provider.attempt(send, limit, [] { return true; }, std::move(done));
    });
  }

  std::string authorization = "Bearer tk_tulip";
  SignLink sign_link;
  NtfyServer server;
  HttpPeer peer{[this](const PeerRequest& request) { return server.answer(request); }};
  testing::RealClock clock;
  LoopThread thread;
  std::unique_ptr<net::Client> client = std::make_unique<net::Client>(thread.loop());
};

TEST_F(Ntfy, AnUrgentPageHasTheHighestPriorityAndOpensTheIncident) {
  sign_link =
      [](const std::string& person, rules::IncidentId incident, rules::MessageId message, std::string_view action) {
        EXPECT_EQ(message.value, 7U) << "whose answer it is is known by it";
        return "https://rouse.example.org/v1/links/" + person + std::to_string(incident.value) + std::string(action);
      };
  const TryResult result = attempt(ntfy_page());
  ASSERT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  EXPECT_EQ(result.reference, "olga-pages-7Hq/0f3c5a7e9b1d");
  const json::object& message = server.messages.at(0);
  EXPECT_EQ(message.at("topic"), "olga-pages-7Hq");
  EXPECT_EQ(message.at("priority"), 5);
  EXPECT_EQ(message.at("click"), "https://rouse.example.org/v1/incidents/R-12");
  EXPECT_NE(message.at("title").as_string().find("CheckoutDown"), json::string::npos);
  EXPECT_NE(message.at("message").as_string().find("CheckoutDown"), json::string::npos);
  const json::value& action = message.at("actions").at(0);
  EXPECT_EQ(action.at("action"), "http");
  EXPECT_EQ(action.at("method"), "POST");
  EXPECT_EQ(action.at("url"), "https://rouse.example.org/v1/links/olga12ack");
}

TEST_F(Ntfy, ANoticeChangesTheNotificationOfItsPageAndMakesNoSound) {
  const std::string first = attempt(ntfy_page()).reference;
  rules::Send send = ntfy_page();
  rules::NoticeFacts notice;
  notice.kind = rules::NoticeKind::acknowledged;
  notice.by = "Omar";
  notice.incident = send.pages.front().incident;
  notice.thread = first;
  send.pages.clear();
  send.notices.push_back(notice);
  send.key = "another";
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(server.messages.at(1).at("sequence_id"), server.messages.at(0).at("sequence_id"));
  EXPECT_EQ(server.messages.at(1).at("priority"), 2);
}

TEST_F(Ntfy, LongTextsStayBelowWhatBecomesAFile) {
  rules::Send send = ntfy_page();
  send.pages.front().because = std::string(50'000, '"');
  send.pages.front().incident.summary = std::string(50'000, 'x');
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
}

TEST_F(Ntfy, RefusalsSayWhyAndAreForGood) {
  rules::Send send = ntfy_page();
  for (const char* const odd : {"", "two words", "a/b", "ftp://example.org/topic", "https://", "http:///x"}) {
    send.address = odd;
    EXPECT_EQ(attempt(send).outcome, TryOutcome::refused) << odd;
  }
  authorization = "Bearer wrong";
  const TryResult result = attempt(ntfy_page());
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_NE(result.detail.find("unauthorized"), std::string::npos);
  EXPECT_EQ(result.detail.find("wrong"), std::string::npos);
}

TEST_F(Ntfy, LimitsAndTroubleAreTransientAndWhatIsCutOffIsUnanswered) {
  peer.answer([](const PeerRequest&) {
    net::Response busy = json_answer(429, R"({"code":42901,"http":429,"error":"limit reached: too many requests"})");
    busy.headers.add("Retry-After", "7");
    return busy;
  });
  const TryResult busy = attempt(ntfy_page());
  EXPECT_EQ(busy.outcome, TryOutcome::transient);
  EXPECT_EQ(busy.retry_after, std::chrono::seconds{7});
  peer.answer([](const PeerRequest&) { return json_answer(502, ""); });
  EXPECT_EQ(attempt(ntfy_page()).outcome, TryOutcome::transient);
  peer.answer([](const PeerRequest&) { return json_answer(200, "{\"id\":\"hw"); });
  EXPECT_EQ(attempt(ntfy_page()).outcome, TryOutcome::unanswered);
  peer.answer([](const PeerRequest&) { return json_answer(0, ""); });
  EXPECT_EQ(attempt(ntfy_page(), milliseconds{80}).outcome, TryOutcome::unanswered);
}

TEST_F(Ntfy, WhatWentUnansweredIsFoundInTheTopic) {
  const auto look_up = [this] {
    return result_of(
        [](NtfyProvider& provider, auto done) { provider.look_up(ntfy_page(), patience, std::move(done)); });
  };
  EXPECT_EQ(look_up().outcome, TryOutcome::unanswered);
  (void)attempt(ntfy_page());
  const TryResult found = look_up();
  EXPECT_EQ(found.outcome, TryOutcome::accepted);
  EXPECT_EQ(found.reference, "olga-pages-7Hq/0f3c5a7e9b1d");
  EXPECT_TRUE(peer.requests().back().target.starts_with("/olga-pages-7Hq/json?poll=1&since="));
}

TEST_F(Ntfy, CredentialsGoToTheConfiguredServerAlone) {
  HttpPeer elsewhere{[](const PeerRequest&) { return json_answer(200, R"({"id":"x"})"); }};
  rules::Send send = ntfy_page();
  send.address = elsewhere.url() + "/her-topic";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(elsewhere.requests().at(0).authorization, "");
  EXPECT_EQ(elsewhere.requests().at(0).content_type, "application/json");
  send.address = peer.url() + "/her-topic";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(peer.requests().back().authorization, "Bearer tk_tulip");
}

TEST(NtfySettings, AreReadFromFilesAndNeverShown) {
  const Folder folder;
  rules::Provider provider;
  provider.kind = rules::ProviderKind::ntfy;
  EXPECT_EQ(ntfy_settings(provider, "")->url, "https://ntfy.sh");
  provider.url = "https://ntfy.example.org/";
  provider.settings = {{"username", "rouse"}, {"password_file", folder.write("password", "tulip\n")}};
  const auto settings = ntfy_settings(provider, "");
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->url, "https://ntfy.example.org");
  EXPECT_EQ(settings->authorization, "Basic cm91c2U6dHVsaXA=");
  provider.settings = {{"token_file", folder / "missing"}};
  EXPECT_NE(ntfy_settings(provider, "").error().find("missing"), std::string::npos);
}

}  // namespace
}  // namespace channels
