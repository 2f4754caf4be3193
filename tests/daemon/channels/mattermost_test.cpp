#include "daemon/channels/mattermost.hpp"

#include <future>
#include <map>
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

const std::string olga = "olgaolgaolgaolgaolgaolga22";
const std::string bot = "botbotbotbotbotbotbotbot22";
const std::string direct = "directdirectdirectdirect22";
const std::string town_square = "townsquaretownsquaretown22";

// A server of Mattermost: one user, one channel, and the posts in it. It deduplicates by pending_post_id.
class MattermostServer {
 public:
  [[nodiscard]] net::Response answer(const PeerRequest& request) {
    if (request.authorization != "Bearer tulip")
      return json_answer(
          401,
          R"({"id":"api.context.session_expired.app_error","message":"Invalid or expired session","status_code":401})");
    const std::string& target = request.target;
    if (target == "/api/v4/users/me") return json_answer(200, json::serialize(json::object{{"id", bot}}));
    if (target == "/api/v4/users/username/olga") return json_answer(200, json::serialize(json::object{{"id", olga}}));
    if (request.content_type != "application/json") return wrong(400, "Invalid or missing parameter in request body.");
    json::error_code error;
    const json::value body = json::parse(request.body, error);
    if (error) return wrong(400, "Invalid or missing parameter in request body.");
    if (target == "/api/v4/channels/direct") {
      if (body != json::value(json::array{bot, olga})) return wrong(400, "Invalid user_id");
      return json_answer(201, json::serialize(json::object{{"id", direct}}));
    }
    if (target == "/api/v4/posts" && request.method == "POST") return post(body.as_object());
    if (target.starts_with("/api/v4/posts/") && target.ends_with("/patch") && request.method == "PUT")
      return patch(target.substr(14, 26), body.as_object());
    return wrong(404, "Sorry, we could not find the page.");
  }

  std::vector<json::object> posts;

 private:
  static net::Response wrong(unsigned status, std::string_view why) {
    return json_answer(status, json::serialize(json::object{{"message", why}, {"status_code", status}}));
  }
  net::Response post(json::object body) {
    if (body.at("channel_id") != json::value(direct) && body.at("channel_id") != json::value(town_square))
      return wrong(403, "You do not have the appropriate permissions.");
    if (body.at("message").as_string().size() > 4000)
      return wrong(400, "Post Message property is longer than the maximum");
    for (const json::object& one : posts)
      if (one.at("pending_post_id") == body.at("pending_post_id")) return json_answer(201, json::serialize(one));
    if (body.contains("root_id")) {
      bool is_known = false;
      for (const json::object& one : posts) is_known = is_known || one.at("id") == body.at("root_id");
      if (!is_known) return wrong(400, "Invalid RootId parameter.");
    }
    body["id"] = "post" + std::to_string(posts.size() + 100) + std::string(19, 'a');
    posts.push_back(body);
    return json_answer(201, json::serialize(body));
  }
  net::Response patch(const std::string& id, const json::object& body) {
    for (json::object& one : posts) {
      if (one.at("id") != json::value(id)) continue;
      for (const auto& [name, value] : body) one[name] = value;
      return json_answer(200, json::serialize(one));
    }
    return wrong(404, "Unable to get the post.");
  }
};

rules::Send mattermost_page() {
  rules::Send send = testing::page();
  send.contact = send.channel = "mattermost";
  send.address = olga;
  return send;
}

rules::Send notice(rules::NoticeKind kind, const std::string& thread) {
  rules::Send send = mattermost_page();
  send.key = "another";
  rules::NoticeFacts facts;
  facts.kind = kind;
  facts.by = "Omar";
  facts.incident = send.pages.front().incident;
  facts.thread = thread;
  send.pages.clear();
  send.notices.push_back(facts);
  return send;
}

class Mattermost : public ::testing::Test {
 protected:
  void SetUp() override { thread.start(); }
  void TearDown() override {
    provider.reset();
    thread.stop();
    client.reset();
  }

  TryResult attempt(const rules::Send& send, milliseconds limit = patience, bool may_leave = true) {
    std::promise<TryResult> result;
    thread.run([&] {
      if (provider == nullptr)
        provider = std::make_unique<MattermostProvider>(*client,
                                                        clock,
                                                        MattermostSettings{.url = peer.url(),
                                                                           .bot_token = token,
                                                                           .callback_secret = "daffodil",
                                                                           .timeout = patience,
                                                                           .public_url = "https://rouse.example.org"});
      provider->attempt(
          send, limit, [may_leave] { return may_leave; }, [&](TryResult each) { result.set_value(std::move(each)); });
    });
    auto future = result.get_future();
    if (future.wait_for(patience) != std::future_status::ready) std::abort();
    return future.get();
  }
  [[nodiscard]] std::string attachments(std::size_t index) const {
    return json::serialize(server.posts.at(index).at("props").at("attachments"));
  }

  std::string token = "tulip";
  MattermostServer server;
  HttpPeer peer{[this](const PeerRequest& request) { return server.answer(request); }};
  testing::RealClock clock;
  LoopThread thread;
  std::unique_ptr<net::Client> client = std::make_unique<net::Client>(thread.loop());
  std::unique_ptr<MattermostProvider> provider;
};

TEST_F(Mattermost, APageGoesIntoTheDirectChannelWithButtonsThatCarryAToken) {
  const TryResult result = attempt(mattermost_page());
  ASSERT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  ASSERT_EQ(server.posts.size(), 1U);
  EXPECT_EQ(result.reference, direct + "/" + std::string(server.posts[0].at("id").as_string()));
  EXPECT_EQ(server.posts[0].at("pending_post_id"), json::value(mattermost_page().key));
  EXPECT_NE(server.posts[0].at("message").as_string().find("CheckoutDown"), json::string::npos);
  const json::value& actions = server.posts[0].at("props").at("attachments").at(0).at("actions");
  EXPECT_EQ(actions.as_array().size(), 4U);
  EXPECT_EQ(actions.at(0).at("id"), json::value("ack"));
  EXPECT_EQ(actions.at(0).at("integration").at("url"), "https://rouse.example.org/v1/callbacks/mattermost");
  EXPECT_EQ(actions.at(0).at("integration").at("context").at("value"), "R-12/7");
  EXPECT_EQ(actions.at(0).at("integration").at("context").at("token").as_string().size(), 64U);
  EXPECT_EQ(actions.at(0).at("integration").at("context").at("person"), json::value(mattermost_page().person))
      << "whoever presses, it was theirs";
  EXPECT_FALSE(mattermost_page().person.empty());
  EXPECT_FALSE(actions.at(0).at("integration").at("context").at("until").as_string().empty());
  EXPECT_EQ(attachments(0).find("daffodil"), std::string::npos);
}

TEST_F(Mattermost, AUserMayBeNamedAndAChannelToo) {
  rules::Send send = mattermost_page();
  send.address = "@olga";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(server.posts[0].at("channel_id"), json::value(direct));
  const std::size_t before = peer.requests().size();
  send.key = "second";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(peer.requests().size(), before + 1) << "which channel it is is remembered";
  send.address = "channel:" + town_square;
  send.key = "third";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(server.posts[2].at("channel_id"), json::value(town_square));
}

TEST_F(Mattermost, TheSameKeyTwiceIsOnePost) {
  ASSERT_EQ(attempt(mattermost_page()).outcome, TryOutcome::accepted);
  ASSERT_EQ(attempt(mattermost_page()).outcome, TryOutcome::accepted);
  EXPECT_EQ(server.posts.size(), 1U);
  EXPECT_TRUE(provider->honours_keys());
}

TEST_F(Mattermost, LaterPagesAndNoticesGoIntoTheThreadAndTheFirstPostChanges) {
  const std::string first = attempt(mattermost_page()).reference;
  rules::Send later = mattermost_page();
  later.key = "later";
  later.pages.front().thread = first;
  ASSERT_EQ(attempt(later).outcome, TryOutcome::accepted);
  EXPECT_EQ(server.posts[1].at("root_id"), server.posts[0].at("id"));
  ASSERT_EQ(attempt(notice(rules::NoticeKind::acknowledged, first)).outcome, TryOutcome::accepted);
  EXPECT_NE(attachments(0).find("Acknowledged by Omar"), std::string::npos) << attachments(0);
  EXPECT_EQ(attachments(0).find("\"id\":\"ack\""), std::string::npos);
  EXPECT_EQ(server.posts[2].at("root_id"), server.posts[0].at("id"));
  rules::Send ended = notice(rules::NoticeKind::ended, first);
  ended.key = "ended";
  ASSERT_EQ(attempt(ended).outcome, TryOutcome::accepted);
  EXPECT_EQ(attachments(0).find("actions"), std::string::npos) << "what is over has no buttons";
}

TEST_F(Mattermost, APageIsNotLostForAThreadThatIsGone) {
  rules::Send send = mattermost_page();
  send.pages.front().thread = direct + "/gonegonegonegonegonegone22";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_FALSE(server.posts.at(0).contains("root_id"));
}

TEST_F(Mattermost, WhatStrangersWroteMentionsNobody) {
  rules::Send send = mattermost_page();
  send.pages.front().incident.summary = "@channel ![x](http://evil.example.org/y.png) `a` \x1b[31m";
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  const std::string message{server.posts[0].at("message").as_string()};
  EXPECT_EQ(message.find('@'), std::string::npos) << message;
  EXPECT_EQ(message.find("!["), std::string::npos);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST_F(Mattermost, LongTextsAreCut) {
  rules::Send send = mattermost_page();
  send.pages.front().incident.summary = send.pages.front().because = std::string(50'000, '*');
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
}

TEST_F(Mattermost, RefusalsAreForGoodAndSayWhy) {
  rules::Send send = mattermost_page();
  for (const char* const odd : {"", "olga", "@", "@Olga Diaz", "channel:x", "+16045550101"}) {
    send.address = odd;
    EXPECT_EQ(attempt(send).outcome, TryOutcome::refused) << odd;
  }
  send.address = "channel:nobodynobodynobodynobody22";
  EXPECT_NE(attempt(send).detail.find("permissions"), std::string::npos);
  provider.reset();
  token = "wrong";
  const TryResult result = attempt(mattermost_page());
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_NE(result.detail.find("401"), std::string::npos);
}

TEST_F(Mattermost, TroubleIsTransientAndOnlyAPostCanGoUnanswered) {
  peer.answer([](const PeerRequest&) { return json_answer(0, ""); });
  EXPECT_EQ(attempt(mattermost_page(), milliseconds{80}).outcome, TryOutcome::transient) << "nothing was posted yet";
  peer.answer([this](const PeerRequest& request) {
    return request.target == "/api/v4/posts" ? json_answer(0, "") : server.answer(request);
  });
  EXPECT_EQ(attempt(mattermost_page(), milliseconds{200}).outcome, TryOutcome::unanswered);
  peer.answer([](const PeerRequest&) { return json_answer(201, "{\"id\":\"cut"); });
  EXPECT_EQ(attempt(mattermost_page()).outcome, TryOutcome::unanswered);
  peer.answer([](const PeerRequest&) {
    net::Response busy = json_answer(429, "");
    busy.headers.add("Retry-After", "2");
    return busy;
  });
  EXPECT_EQ(attempt(mattermost_page()).retry_after, std::chrono::seconds{2});
}

TEST_F(Mattermost, WhatMayNotLeaveIsWithdrawn) {
  EXPECT_EQ(attempt(mattermost_page(), patience, false).outcome, TryOutcome::withdrawn);
  EXPECT_TRUE(server.posts.empty());
}

TEST(MattermostSettings, AreReadFromFiles) {
  const Folder folder;
  rules::Provider provider;
  provider.kind = rules::ProviderKind::mattermost;
  provider.url = "https://chat.example.org/";
  EXPECT_FALSE(mattermost_settings(provider, ""));
  provider.settings = {{"bot_token_file", folder.write("token", "tulip\n")}};
  EXPECT_EQ(mattermost_settings(provider, "")->url, "https://chat.example.org");
  provider.settings.emplace_back("callback_secret_file", folder / "missing");
  EXPECT_NE(mattermost_settings(provider, "").error().find("missing"), std::string::npos);
}

}  // namespace
}  // namespace channels
