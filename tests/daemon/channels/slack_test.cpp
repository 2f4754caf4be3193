#include "daemon/channels/slack.hpp"

#include <future>
#include <memory>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/daemon/channels/support.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/support/slack.hpp"

namespace channels {
namespace {

using net::testing::LoopThread;
using net::testing::patience;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::SlackCall;
using support::SlackPost;
using support::SlackTrouble;

rules::Send slack_page() {
  rules::Send send = testing::page();
  send.contact = send.channel = "slack";
  send.address = "U02OLGA";
  send.composed_at = rules::Instant{seconds{1'790'000'100}};
  rules::PageFacts& page = send.pages.front();
  page.number = 1;
  page.called = {"Omar", "Sam"};
  page.next = "Sam (software) is called";
  page.next_at = send.composed_at + std::chrono::minutes{5};
  page.incident.since = send.composed_at - std::chrono::minutes{2};
  page.incident.runbook = "https://runbooks.example.org/checkout?a=1&b=2";
  page.incident.where = "cluster=eu";
  return send;
}

rules::Send notice(rules::NoticeKind kind, const std::string& thread) {
  rules::Send send = slack_page();
  send.key = "7777aaaa";
  rules::NoticeFacts facts;
  facts.kind = kind;
  facts.by = "Omar";
  facts.incident = send.pages.front().incident;
  facts.thread = thread;
  send.pages.clear();
  send.notices.push_back(facts);
  return send;
}

class SlackChannel : public ::testing::Test {
 protected:
  void SetUp() override {
    slack.add_user("U02OLGA");
    slack.add_channel("C0OUTAGE");
    thread.start();
  }
  void TearDown() override {
    thread.stop();
    client.reset();
  }

  template <class Call>
  TryResult result_of(const Call& call) {
    std::promise<TryResult> result;
    thread.run([&] {
      // Gone right after the call, as at a reload: the try goes on.
      SlackProvider provider(
          *client,
          clock,
          {.api = slack.url(), .bot_token = token, .timeout = patience, .public_url = "https://rouse.example.org"});
      call(provider, [&](TryResult each) { result.set_value(std::move(each)); });
    });
    auto future = result.get_future();
    if (future.wait_for(patience) != std::future_status::ready) std::abort();
    return future.get();
  }

  TryResult attempt(const rules::Send& send, milliseconds limit = patience, bool may_leave = true) {
    return result_of([&](SlackProvider& provider, auto done) {
      provider.attempt(send, limit, [may_leave] { return may_leave; }, std::move(done));
    });
  }
  TryResult look_up(const rules::Send& send) {
    return result_of([&](SlackProvider& provider, auto done) { provider.look_up(send, patience, std::move(done)); });
  }

  void answer_once(const SlackTrouble& trouble) {
    slack.trouble([trouble, first = std::make_shared<bool>(true)](const SlackCall&) -> std::optional<SlackTrouble> {
      if (!std::exchange(*first, false)) return std::nullopt;
      return trouble;
    });
  }

  std::string token{support::Slack::token};
  support::Slack slack;
  testing::RealClock clock;
  LoopThread thread;
  std::unique_ptr<net::Client> client = std::make_unique<net::Client>(thread.loop());
};

TEST_F(SlackChannel, APageHasAllThatAPersonNeedsAndTheFourButtons) {
  const TryResult result = attempt(slack_page());
  ASSERT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  ASSERT_EQ(slack.posts().size(), 1U);
  const SlackPost post = slack.posts().front();
  EXPECT_EQ(post.channel, "D02OLGA") << "a user's id opens the direct conversation";
  EXPECT_EQ(result.reference, post.channel + "/" + post.ts);
  EXPECT_EQ(post.key, slack_page().key);
  for (const char* const button : {"rouse_ack", "rouse_escalate", "rouse_close", "rouse_why"})
    EXPECT_TRUE(post.has_button(button)) << button;
  const std::string all = post.all();
  for (const char* const part : {"CheckoutDown",
                                 "R-12",
                                 "critical",
                                 "checkout",
                                 "cluster=eu",
                                 "3 alerts",
                                 "Omar, Sam",
                                 "Sam (software) is called",
                                 "https://runbooks.example.org/checkout?a=1&amp;b=2",
                                 "step 2, round 1",
                                 "on call for operations",
                                 "1a"})
    EXPECT_NE(all.find(part), std::string::npos) << part << "\n" << all;
  const std::string blocks = boost::json::serialize(post.blocks);
  EXPECT_NE(blocks.find(R"("value":"R-12/7")"), std::string::npos) << "a press names the incident and the message";
  EXPECT_NE(blocks.find(R"("confirm")"), std::string::npos) << "closing is asked twice";
}

TEST_F(SlackChannel, WhatStrangersWroteMentionsNobodyAndLinksNothing) {
  rules::Send send = slack_page();
  send.pages.front().incident.summary = "Disk<!channel> <https://evil.example.org|here> & \x1b[31m<@U02OLGA>";
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  const SlackPost post = slack.posts().front();
  EXPECT_EQ(post.text.find('<'), std::string::npos) << post.text;
  EXPECT_NE(post.text.find("&lt;!channel&gt;"), std::string::npos);
  EXPECT_EQ(post.all().find('\x1b'), std::string::npos);
  for (const auto& block : post.blocks) {
    const boost::json::object& object = block.as_object();
    if (object.at("type") != "section") continue;
    const std::string body{object.at("text").at("text").as_string()};
    EXPECT_EQ(body.find("<!channel"), std::string::npos);
    EXPECT_EQ(body.find("<https://evil"), std::string::npos);
    EXPECT_EQ(object.at("text").at("verbatim"), true);
  }
}

TEST_F(SlackChannel, EveryLimitOfSlackIsKeptWhateverTheFactsAre) {
  const std::string longest = [] {
    std::string text;
    while (text.size() < 20'000) text += "<&>\xC3\xA4 word ";
    return text;
  }();
  rules::Send send = slack_page();
  rules::PageFacts& page = send.pages.front();
  page.because = page.next = page.incident.behind = page.incident.description = page.incident.summary = longest;
  page.incident.service = page.incident.where = page.incident.severity = longest;
  page.incident.runbook = "https://example.org/" + longest;
  page.called.assign(500, longest);
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  page.called.clear();
  rules::Send many = send;
  for (std::uint64_t number = 13; number < 400; ++number) {
    many.pages.push_back(page);
    many.pages.back().incident.id.value = number;
  }
  const TryResult result = attempt(many);
  EXPECT_EQ(result.outcome, TryOutcome::accepted) << result.detail;
  EXPECT_TRUE(result.reference.ends_with("/bundle")) << result.reference;
  EXPECT_EQ(slack.calls().size(), 2U) << "neither had to be said again without blocks";
  EXPECT_NE(slack.posts().back().all().find("R-399"), std::string::npos) << "a bundle lists all of them";
}

TEST_F(SlackChannel, ErrorsInA200AreJudgedByWhatTheySay) {
  for (const char* const error : {"channel_not_found",
                                  "invalid_auth",
                                  "account_inactive",
                                  "is_archived",
                                  "not_in_channel",
                                  "missing_scope",
                                  "token_revoked",
                                  "some_error_to_come"}) {
    answer_once({.error = error});
    const TryResult result = attempt(slack_page());
    EXPECT_EQ(result.outcome, TryOutcome::refused) << error;
    EXPECT_NE(result.detail.find(error), std::string::npos) << result.detail;
  }
  for (const char* const error :
       {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}) {
    answer_once({.error = error});
    EXPECT_EQ(attempt(slack_page()).outcome, TryOutcome::transient) << error;
  }
}

TEST_F(SlackChannel, TooManyRequestsAreTransientAndSayForHowLong) {
  answer_once({.error = "ratelimited", .status = 429, .retry_after = seconds{3}});
  const TryResult result = attempt(slack_page());
  EXPECT_EQ(result.outcome, TryOutcome::transient);
  EXPECT_EQ(result.retry_after, seconds{3});
  EXPECT_EQ(attempt(slack_page()).outcome, TryOutcome::accepted) << "and then it goes through";
}

TEST_F(SlackChannel, AWrongTokenAndAnUnknownContactAreRefusals) {
  rules::Send send = slack_page();
  send.address = "U0NOBODY";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::refused);
  send.address = "";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::refused);
  slack.archive("C0OUTAGE");
  send.address = "C0OUTAGE";
  EXPECT_NE(attempt(send).detail.find("is_archived"), std::string::npos);
  token = "xoxb-wrong";
  const TryResult result = attempt(slack_page());
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail.find("xoxb"), std::string::npos) << "a token is a secret";
}

TEST_F(SlackChannel, ServerErrorsAreTransientAndAnswersThatAreCutOffUnanswered) {
  for (const unsigned status : {500U, 502U, 503U}) {
    answer_once({.status = status});
    EXPECT_EQ(attempt(slack_page()).outcome, TryOutcome::transient) << status;
  }
  for (const char* const bytes : {"{\"ok\":true,\"chan", "<html>proxy</html>", "[]", "{}"}) {
    answer_once({.bytes = bytes});
    EXPECT_EQ(attempt(slack_page()).outcome, TryOutcome::unanswered) << bytes;
  }
  answer_once({.never = true});
  EXPECT_EQ(attempt(slack_page(), milliseconds{80}).outcome, TryOutcome::unanswered);
}

TEST_F(SlackChannel, WhatMayNotLeaveIsWithdrawn) {
  EXPECT_EQ(attempt(slack_page(), patience, false).outcome, TryOutcome::withdrawn);
  EXPECT_TRUE(slack.calls().empty());
}

TEST_F(SlackChannel, AMessageThatWentUnansweredIsFoundInSlacksList) {
  EXPECT_EQ(look_up(slack_page()).outcome, TryOutcome::unanswered) << "it is not there yet";
  slack.trouble([](const SlackCall& call) -> std::optional<SlackTrouble> {
    if (call.method != "chat.postMessage") return std::nullopt;
    return SlackTrouble{.is_taken = true, .never = true};
  });
  EXPECT_EQ(attempt(slack_page(), milliseconds{80}).outcome, TryOutcome::unanswered);
  const TryResult found = look_up(slack_page());
  EXPECT_EQ(found.outcome, TryOutcome::accepted) << found.detail;
  EXPECT_EQ(found.reference, "D02OLGA/" + slack.posts().front().ts);
}

TEST_F(SlackChannel, LaterPagesGoIntoTheThreadAndAreSeenOutsideOfIt) {
  const std::string first = attempt(slack_page()).reference;
  rules::Send send = slack_page();
  send.pages.front().thread = first;
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  ASSERT_EQ(slack.posts().size(), 2U);
  EXPECT_EQ(slack.posts()[1].thread, slack.posts()[0].ts);
  EXPECT_TRUE(slack.posts()[1].is_broadcast);
  EXPECT_TRUE(slack.posts()[1].has_button("rouse_ack"));
}

TEST_F(SlackChannel, APageIsNotLostForItsThreadOrItsBlocks) {
  rules::Send send = slack_page();
  send.pages.front().thread = "D02OLGA/gone";
  EXPECT_EQ(attempt(send).outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts().back().thread, "");
  answer_once({.error = "invalid_blocks"});
  EXPECT_EQ(attempt(slack_page()).outcome, TryOutcome::accepted);
  EXPECT_TRUE(slack.posts().back().blocks.empty());
  EXPECT_NE(slack.posts().back().text.find("CheckoutDown"), std::string::npos);
}

TEST_F(SlackChannel, AnAcknowledgementChangesTheFirstMessageAndIsALineInItsThread) {
  const std::string first = attempt(slack_page()).reference;
  ASSERT_EQ(attempt(notice(rules::NoticeKind::acknowledged, first)).outcome, TryOutcome::accepted);
  const std::vector<SlackPost> posts = slack.posts();
  ASSERT_EQ(posts.size(), 2U);
  EXPECT_EQ(posts[0].updates, 1);
  EXPECT_FALSE(posts[0].has_button("rouse_ack"));
  EXPECT_TRUE(posts[0].has_button("rouse_close"));
  EXPECT_NE(posts[0].all().find("acknowledged by Omar"), std::string::npos) << posts[0].all();
  EXPECT_EQ(posts[1].thread, posts[0].ts);
  EXPECT_NE(posts[1].text.find("acknowledged by Omar"), std::string::npos);
  EXPECT_FALSE(posts[1].is_broadcast);
}

TEST_F(SlackChannel, AnEndTakesTheButtonsAway) {
  const std::string first = attempt(slack_page()).reference;
  ASSERT_EQ(attempt(notice(rules::NoticeKind::ended, first)).outcome, TryOutcome::accepted);
  const SlackPost post = slack.posts().front();
  for (const char* const button : {"rouse_ack", "rouse_escalate", "rouse_close", "rouse_why"})
    EXPECT_FALSE(post.has_button(button)) << button;
  EXPECT_NE(post.all().find("closed by Omar"), std::string::npos);
}

TEST_F(SlackChannel, ABundleKeepsItsOwnButtonsWhenOneOfItsIncidentsEnds) {
  rules::Send send = slack_page();
  send.pages.push_back(send.pages.front());
  send.pages.back().incident.id.value = 13;
  const std::string first = attempt(send).reference;
  ASSERT_EQ(attempt(notice(rules::NoticeKind::ended, first)).outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts()[0].updates, 0);
  EXPECT_EQ(slack.posts()[1].thread, slack.posts()[0].ts);
}

TEST_F(SlackChannel, ANoticeIsSaidEvenWhenTheMessageIsGone) {
  ASSERT_EQ(attempt(notice(rules::NoticeKind::ended, "D02OLGA/1.2")).outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts().size(), 1U);
}

TEST_F(SlackChannel, ATryOfANoticeThatIsMadeAgainPostsNothingTwice) {
  const std::string first = attempt(slack_page()).reference;
  slack.trouble([](const SlackCall& call) -> std::optional<SlackTrouble> {
    if (call.method != "chat.postMessage") return std::nullopt;
    return SlackTrouble{.error = "ratelimited", .status = 429};
  });
  EXPECT_EQ(attempt(notice(rules::NoticeKind::ended, first)).outcome, TryOutcome::transient);
  slack.trouble({});
  EXPECT_EQ(attempt(notice(rules::NoticeKind::ended, first)).outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts().size(), 2U);
  EXPECT_EQ(slack.posts()[0].updates, 2);
}

TEST_F(SlackChannel, AnOutageAndItsUpdatesAreToldToAChannelWithoutButtons) {
  rules::Send send = notice(rules::NoticeKind::outage, "");
  send.person.clear();
  send.address = "C0OUTAGE";
  send.notices.front().text = "Nobody can pay";
  const TryResult outage = attempt(send);
  ASSERT_EQ(outage.outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts()[0].channel, "C0OUTAGE");
  EXPECT_NE(slack.posts()[0].text.find("Nobody can pay"), std::string::npos);
  EXPECT_FALSE(slack.posts()[0].has_button("rouse_ack"));
  rules::Send update = notice(rules::NoticeKind::update, outage.reference);
  update.address = "C0OUTAGE";
  update.notices.front().text = "A fix is on its way";
  ASSERT_EQ(attempt(update).outcome, TryOutcome::accepted);
  EXPECT_EQ(slack.posts()[1].thread, slack.posts()[0].ts);
  EXPECT_TRUE(slack.posts()[1].is_broadcast) << "who follows the channel reads it";
}

TEST_F(SlackChannel, ATestPageAsksForNothingButToBeHeard) {
  rules::Send send = slack_page();
  send.pages.front().incident = {};
  send.pages.front().reason = rules::PageReason::test;
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  const SlackPost post = slack.posts().front();
  EXPECT_TRUE(post.has_button("rouse_ack"));
  EXPECT_FALSE(post.has_button("rouse_close"));
  EXPECT_NE(post.all().find("nothing is wrong"), std::string::npos) << post.all();
}

TEST_F(SlackChannel, TheDaemonsOwnAlarmSaysWhatIsWrongAndHasNoButtons) {
  rules::Send send = slack_page();
  send.pages.front() = rules::PageFacts{};
  send.pages.front().reason = rules::PageReason::last_resort;
  send.pages.front().incident.summary = "JournalFailed: the disk is gone";
  ASSERT_EQ(attempt(send).outcome, TryOutcome::accepted);
  const SlackPost post = slack.posts().front();
  EXPECT_FALSE(post.has_button("rouse_ack"));
  EXPECT_NE(post.all().find("JournalFailed: the disk is gone"), std::string::npos) << post.all();
  EXPECT_EQ(post.all().find("nothing is wrong"), std::string::npos) << post.all();
}

TEST(SlackKeys, AreNotHonouredSoAnUnansweredTryIsLookedUpInsteadOfMadeAgain) {
  net::Loop loop;
  net::Client client(loop);
  const testing::RealClock clock;
  EXPECT_FALSE(SlackProvider(client, clock, {.bot_token = "x"}).honours_keys());
}

}  // namespace
}  // namespace channels
