// Trying providers without waking anybody: what works, what is refused, what is dead and what hangs.
#include "daemon/channels/probe.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/channels/http_peer.hpp"
#include "tests/support/black_hole.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/slack.hpp"
#include "tests/support/twilio.hpp"

namespace channels {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::HttpPeer;
using ::testing::IsEmpty;
using testing::json_answer;
using ::testing::Not;
using testing::PeerRequest;
using ::testing::SizeIs;

constexpr std::chrono::milliseconds limit = 10s;

class Probes : public ::testing::Test {
 protected:
  std::string secret(const std::string& name, std::string_view text) {
    const std::string path = folder_ / name;
    std::ofstream{path} << text << "\n";
    return path;
  }

  static Probed probe(rules::Provider provider, std::chrono::milliseconds so_long = limit) {
    std::vector<Probed> all =
        probe_all({rules::Channel{.name = "sms", .providers = {std::move(provider)}}}, {}, so_long);
    EXPECT_THAT(all, SizeIs(1));
    return all.at(0);
  }

  rules::Provider twilio(const std::string& api, std::string_view token) {
    return {.kind = rules::ProviderKind::twilio,
            .settings = {{"api", api},
                         {"account_sid", std::string{support::Twilio::account}},
                         {"auth_token_file", secret("twilio", token)},
                         {"from", "+16045550100"}}};
  }
  rules::Provider slack(const std::string& api, std::string_view token) {
    return {.kind = rules::ProviderKind::slack, .settings = {{"api", api}, {"bot_token_file", secret("slack", token)}}};
  }

  support::TemporaryFolder folder_;
};

std::string dead_url() {
  const auto listener = net::Listener::open("127.0.0.1:0");
  return "http://" + listener->address();
}

TEST_F(Probes, TwilioIsAskedForTheAccountAndSendsNothing) {
  support::Twilio peer;
  const Probed found = probe(twilio(peer.url(), support::Twilio::token));
  EXPECT_TRUE(found.works) << found.detail;
  EXPECT_EQ(found.kind, "twilio");
  EXPECT_EQ(found.number, 1U);
  EXPECT_EQ(peer.requests(), 1U);
  EXPECT_THAT(peer.items(), IsEmpty());
}

TEST_F(Probes, ATokenThatTwilioRefusesIsNamedAndNotShown) {
  support::Twilio peer;
  const Probed found = probe(twilio(peer.url(), "hush-hush"));
  EXPECT_FALSE(found.works);
  EXPECT_EQ(found.detail, "the account's token is refused (401)");
}

TEST_F(Probes, AnApiKeyIsTriedByWhatItMayRead) {
  support::Twilio peer;
  peer.use_credentials("SK1", "key secret");
  rules::Provider provider = twilio(peer.url(), support::Twilio::token);
  provider.settings.emplace_back("api_key_sid", "SK1");
  provider.settings.emplace_back("api_key_secret_file", secret("key", "key secret"));
  const Probed found = probe(provider);
  EXPECT_TRUE(found.works) << found.detail;
  EXPECT_THAT(found.detail, HasSubstr("was not tried"));
  peer.use_credentials("SK1", "another one");
  EXPECT_EQ(probe(provider).detail, "the API key is refused (401)");
}

TEST_F(Probes, SlackSaysWhoseTokenItIs) {
  support::Slack peer;
  const Probed found = probe(slack(peer.url(), support::Slack::token));
  EXPECT_TRUE(found.works) << found.detail;
  EXPECT_THAT(peer.posts(), IsEmpty());
  const Probed wrong = probe(slack(peer.url(), "xoxb-hush"));
  EXPECT_FALSE(wrong.works);
  EXPECT_EQ(wrong.detail, "its test of the bot's token says invalid_auth");
}

TEST_F(Probes, WhatIsNotSlackIsNoAnswerOfSlack) {
  HttpPeer peer([](const PeerRequest& /*request*/) { return json_answer(200, "<html>a proxy</html>"); });
  const Probed found = probe(slack(peer.url(), support::Slack::token));
  EXPECT_FALSE(found.works);
  EXPECT_EQ(found.detail, "what it answered is not Slack's");
}

TEST_F(Probes, MattermostSaysWhoTheBotIs) {
  HttpPeer peer([](const PeerRequest& request) {
    if (request.authorization != "Bearer right") return json_answer(401, "{}");
    return json_answer(request.target == "/api/v4/users/me" && request.method == "GET" ? 200 : 404, "{}");
  });
  const auto provider = [&](std::string_view token) {
    return rules::Provider{.kind = rules::ProviderKind::mattermost,
                           .url = peer.url(),
                           .settings = {{"bot_token_file", secret("mattermost", token)}}};
  };
  EXPECT_TRUE(probe(provider("right")).works);
  EXPECT_EQ(probe(provider("wrong")).detail, "the bot's token is refused (401)");
}

TEST_F(Probes, NtfyIsAskedHowItIs) {
  HttpPeer peer([](const PeerRequest& request) {
    return json_answer(request.target == "/v1/health" ? 200 : 500, R"({"healthy":true})");
  });
  const Probed found = probe({.kind = rules::ProviderKind::ntfy, .url = peer.url()});
  EXPECT_TRUE(found.works) << found.detail;
  peer.answer([](const PeerRequest& /*request*/) { return json_answer(503, "{}"); });
  EXPECT_EQ(probe({.kind = rules::ProviderKind::ntfy, .url = peer.url()}).detail, "it answered 503");
}

TEST_F(Probes, AWebhookIsConnectedToAndAskedNothing) {
  HttpPeer peer([](const PeerRequest& /*request*/) { return json_answer(200, "{}"); });
  const Probed found = probe({.kind = rules::ProviderKind::webhook, .url = peer.url() + "/hush"});
  EXPECT_TRUE(found.works) << found.detail;
  EXPECT_THAT(peer.requests(), IsEmpty());
}

TEST_F(Probes, AWebhookWithoutTlsWhereThereShouldBeSomeFails) {
  HttpPeer peer([](const PeerRequest& /*request*/) { return json_answer(200, "{}"); });
  EXPECT_FALSE(probe({.kind = rules::ProviderKind::webhook, .url = "https://" + peer.url().substr(7)}).works);
}

TEST_F(Probes, WhatIsDeadFailsWithoutItsSecretPath) {
  const std::string url = dead_url();
  const Probed webhook = probe({.kind = rules::ProviderKind::webhook, .url = url + "/hush"});
  EXPECT_FALSE(webhook.works);
  EXPECT_THAT(webhook.detail, HasSubstr("refused"));
  EXPECT_THAT(webhook.detail, Not(HasSubstr("hush")));
  EXPECT_FALSE(probe(twilio(url, support::Twilio::token)).works);
  EXPECT_FALSE(probe(slack(url, support::Slack::token)).works);
  const Probed mail = probe(
      {.kind = rules::ProviderKind::smtp, .url = "smtp" + url.substr(4), .settings = {{"from", "rouse@example.org"}}});
  EXPECT_FALSE(mail.works);
  EXPECT_THAT(mail.detail, Not(IsEmpty()));
}

TEST_F(Probes, WhatHangsHoldsUpNobodyElseAndIsGivenUp) {
  support::BlackHole hole;
  support::Twilio peer;
  HttpPeer silent([](const PeerRequest& /*request*/) { return net::Response{.status = 0}; });
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Probed> all =
      probe_all({rules::Channel{.name = "sms",
                                .providers = {twilio(silent.url(), support::Twilio::token),
                                              {.kind = rules::ProviderKind::webhook, .url = hole.url()},
                                              {.kind = rules::ProviderKind::smtp,
                                               .url = "smtp" + hole.url().substr(4),
                                               .settings = {{"from", "rouse@example.org"}}},
                                              twilio(peer.url(), support::Twilio::token)}}},
                {},
                1s);
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_FALSE(all[0].works);
  EXPECT_FALSE(all[1].works);
  EXPECT_FALSE(all[2].works);
  EXPECT_TRUE(all[3].works) << all[3].detail;
  EXPECT_LT(took, 8s);  // all at once
}

TEST_F(Probes, AProgramMustBeThereAndMayNotBeAFolder) {
  EXPECT_TRUE(probe({.kind = rules::ProviderKind::command, .run = {"/bin/sh", "-c", "exit 1"}}).works);
  EXPECT_TRUE(probe({.kind = rules::ProviderKind::command, .run = {"sh"}}).works);
  EXPECT_FALSE(probe({.kind = rules::ProviderKind::command, .run = {"/nonexistent/send-sms"}}).works);
  EXPECT_FALSE(probe({.kind = rules::ProviderKind::command, .run = {"/tmp"}}).works);
  EXPECT_FALSE(probe({.kind = rules::ProviderKind::command, .run = {secret("not-executable", "x")}}).works);
}

TEST_F(Probes, ATelephoneWithoutItsProgramsFails) {
  rules::Provider provider{.kind = rules::ProviderKind::sip,
                           .settings = {{"account", "sip:rouse@127.0.0.1"}, {"baresip", "/nonexistent/baresip"}}};
  EXPECT_THAT(probe(provider).detail, HasSubstr("/nonexistent/baresip"));
  provider.settings = {
      {"account", "sip:rouse@127.0.0.1"}, {"baresip", "/bin/sh"}, {"espeak_ng", "/bin/sh"}, {"sox", "/bin/sh"}};
  const Probed udp = probe(provider);
  EXPECT_TRUE(udp.works);
  EXPECT_THAT(udp.detail, HasSubstr("was not asked anything"));
  const std::string host = dead_url().substr(7);
  provider.settings.emplace_back("transport", "tcp");
  provider.settings.emplace_back("outbound_proxy", "sip:" + host);
  EXPECT_FALSE(probe(provider).works);
}

TEST_F(Probes, ASecretThatCannotBeReadIsNamedByItsFile) {
  rules::Provider provider = slack("http://127.0.0.1:1/api", "x");
  provider.settings.back().second = "/nonexistent/slack.token";
  const Probed found = probe(provider);
  EXPECT_FALSE(found.works);
  EXPECT_THAT(found.detail, HasSubstr("/nonexistent/slack.token"));
}

}  // namespace
}  // namespace channels
