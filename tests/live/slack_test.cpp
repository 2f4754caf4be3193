// The daemon and a Slack: a page with buttons, what pressing them and writing does, and what does nothing.
#include "tests/support/slack.hpp"

#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/guarded.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

using support::Slack;
using support::SlackCall;
using support::SlackPost;
using support::SlackTrouble;

class SlackHouse {
 public:
  SlackHouse() : roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    slack.add_user("U02OLGA");
    slack.add_user("U02OMAR");
    slack.add_user("U0STRANGER");
    support::write_file(folder / "bot.token", "tulip-for-bots\n");
    support::write_file(folder / "am.token", "tulip-for-senders\n");
    support::write_file(folder / "slack.token", std::string(Slack::token) + "\n");
    support::write_file(folder / "slack.sign", "an older secret\n" + std::string(Slack::secret) + "\n");
    support::write_file(folder / "rouse.yml", support::replaced(std::string(configuration), "SLACK", slack.url()));
    roused.start();
  }

  support::Answer call(std::string method, const std::string& path, std::string_view token, std::string body = {}) {
    return call_as(token, std::move(method), roused.url() + path, std::move(body));
  }
  void report(std::string_view status = "firing", const std::string& name = "ApiDown") {
    const support::Answer answer =
        call("POST",
             std::string(webhook_path),
             "tulip-for-senders",
             webhook_of({{"alertname", name}, {"service", "checkout"}, {"severity", "critical"}}, status));
    ASSERT_EQ(answer.status, 200U) << answer.body << roused.output();
  }
  std::string state(const std::string& id = "R-1") {
    return field(parse_object(call("GET", "/v1/incidents/" + id, "tulip-for-bots").body), "state");
  }
  // The first message of the Slack that is like this; with an empty ts when none comes.
  template <class IsIt>
  SlackPost post_that(const IsIt& is_it) {
    SlackPost found;
    (void)slack.wait_until(
        [&](const std::vector<SlackPost>& posts) {
          for (const SlackPost& post : posts) {
            if (!is_it(post)) continue;
            found = post;
            return true;
          }
          return false;
        },
        support::patience);
    EXPECT_NE(found.ts, "") << "no such message among:\n" << print_posts() << roused.output();
    return found;
  }
  std::string print_posts() const {
    std::string text;
    for (const SlackPost& post : slack.posts()) {
      text += fmt::format(
          "{} {} in {} changed {} times: {}\n", post.channel, post.ts, post.thread, post.updates, post.all());
    }
    return text;
  }
  SlackPost page_of(const std::string& channel) {
    return post_that([&](const SlackPost& post) { return post.channel == channel && post.has_button("rouse_ack"); });
  }

  static constexpr std::string_view configuration = R"(rouse: 1
access:
  senders: [ { name: prod, token_file: am.token } ]
  users: [ { name: bot, role: admin, token_file: bot.token } ]
people:
  olga: { name: Olga Diaz, timezone: UTC, contact: { slack: U02OLGA } }
  omar: { name: Omar, timezone: UTC, contact: { slack: U02OMAR } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: [ olga, omar ], wait: 1h } ] }
route: { call_tree: outage, group_by: [ alertname, service ] }
channels:
  slack: [ { slack: { bot_token_file: slack.token, signing_secret_file: slack.sign, api: "SLACK" } } ]
)";

  support::TemporaryFolder folder;
  Slack slack;
  support::Roused roused;
};

TEST(SlackLive, APageIsAcknowledgedByItsButtonAndTheMessagesShowIt) {
  SlackHouse house;
  house.report();
  const SlackPost page = house.page_of("D02OLGA");
  EXPECT_NE(page.all().find("ApiDown"), std::string::npos);
  const SlackPost other = house.page_of("D02OMAR");

  const support::Answer answer = Slack::deliver(house.roused.url(), house.slack.press(page, "U02OLGA", "rouse_ack"));
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(house.state(), "acknowledged") << "200 means that it is on the disk";

  const auto shows_it = [](const SlackPost& first, std::string_view who) {
    return [&first, who](const SlackPost& post) {
      return post.ts == first.ts && post.updates > 0 && !post.has_button("rouse_ack") &&
             post.has_button("rouse_close") && post.all().find(who) != std::string::npos;
    };
  };
  (void)house.post_that(shows_it(page, "Olga"));
  (void)house.post_that(shows_it(other, "olga"));
  const auto is_line_below = [](const SlackPost& first) {
    return [&first](const SlackPost& post) {
      return post.channel == first.channel && post.thread == first.ts && post.text.find("R-1") != std::string::npos;
    };
  };
  (void)house.post_that(is_line_below(page));
  (void)house.post_that(is_line_below(other));

  house.report("resolved");
  (void)house.post_that([&other](const SlackPost& post) {
    return post.ts == other.ts && !post.has_button("rouse_close") && !post.has_button("rouse_why");
  });
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(SlackLive, AReplyInTheThreadIsAnsweredThere) {
  SlackHouse house;
  house.report();
  const SlackPost page = house.page_of("D02OLGA");
  const Slack::Signed why = house.slack.write("D02OLGA", "U02OLGA", "1w", page.ts);
  EXPECT_EQ(Slack::deliver(house.roused.url(), why).status, 200U);
  const auto is_answer = [&page](const SlackPost& post) {
    return post.thread == page.ts && post.text.find("R-1") != std::string::npos;
  };
  const SlackPost answer = house.post_that(is_answer);
  EXPECT_EQ(answer.channel, "D02OLGA");

  // A bare word in the thread is about the thread's incident, not about the latest page.
  house.report("firing", "DiskFull");
  (void)house.post_that([](const SlackPost& post) {
    return post.channel == "D02OLGA" && post.all().find("DiskFull") != std::string::npos;
  });
  EXPECT_EQ(Slack::deliver(house.roused.url(), house.slack.write("D02OLGA", "U02OLGA", "ack", page.ts)).status, 200U);
  EXPECT_EQ(house.state("R-1"), "acknowledged");
  EXPECT_EQ(house.state("R-2"), "triggered");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(SlackLive, WhatComesTwiceActsAndIsAnsweredOnce) {
  SlackHouse house;
  house.report();
  const SlackPost page = house.page_of("D02OLGA");
  const Slack::Signed why = house.slack.write("D02OLGA", "U02OLGA", "why R-1", page.ts);
  for (int time = 0; time < 3; ++time) EXPECT_EQ(Slack::deliver(house.roused.url(), why).status, 200U);
  const Slack::Signed last = house.slack.write("D02OLGA", "U02OLGA", "ack R-1", page.ts);
  EXPECT_EQ(Slack::deliver(house.roused.url(), last).status, 200U);
  (void)house.post_that([&page](const SlackPost& post) {
    return post.thread == page.ts && post.text.find("acknowledged") != std::string::npos;
  });
  std::size_t answers = 0;
  for (const SlackPost& post : house.slack.posts()) answers += post.thread == page.ts ? 1U : 0U;
  EXPECT_EQ(answers, 2U) << "one answer to why, one to ack";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(SlackLive, WhatNobodySignedAndWhatIsOldChangesNothing) {
  SlackHouse house;
  house.report();
  const SlackPost page = house.page_of("D02OLGA");
  const Slack::Signed good = house.slack.press(page, "U02OLGA", "rouse_ack");
  const auto status_of = [&](const Slack::Signed& request) {
    return Slack::deliver(house.roused.url(), request).status;
  };
  // After ten from one address it is told to wait, too.
  const auto is_refused = [](unsigned status) { return status == 401U || status == 429U; };
  // One byte in sixteen of the body; each one is changed where the signature is looked at alone.
  for (std::size_t index = 0; index < good.body.size(); index += 16) {
    Slack::Signed odd = good;
    odd.body[index] = static_cast<char>(odd.body[index] ^ 1);
    ASSERT_TRUE(is_refused(status_of(odd))) << index;
  }
  for (std::size_t index = 0; index < good.signature.size(); ++index) {
    Slack::Signed odd = good;
    odd.signature[index] = odd.signature[index] == '0' ? '1' : '0';
    if (odd.signature == good.signature) continue;
    ASSERT_TRUE(is_refused(status_of(odd))) << index;
  }
  Slack::Signed other = good;
  other.timestamp = std::to_string(std::stol(good.timestamp) + 1);
  EXPECT_TRUE(is_refused(status_of(other)));
  EXPECT_TRUE(is_refused(status_of(Slack::sign(good.body, good.content_type, std::chrono::minutes{6}))));
  EXPECT_TRUE(is_refused(status_of(Slack::sign(good.body, good.content_type, -std::chrono::minutes{6}))));
  EXPECT_EQ(house.state(), "triggered");

  EXPECT_EQ(status_of(house.slack.press(page, "U0STRANGER", "rouse_ack")), 200U) << "signed, but nobody's contact";
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_EQ(status_of(good), 200U);
  EXPECT_EQ(house.state(), "acknowledged");
  (void)house.post_that([&page](const SlackPost& post) { return post.ts == page.ts && post.updates > 0; });
  for (const SlackPost& post : house.slack.posts()) EXPECT_NE(post.user, "U0STRANGER") << "strangers get no answer";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(SlackLive, TooManyRequestsDelayAPageAndDoNotLoseIt) {
  SlackHouse house;
  house.slack.trouble([times = 0](const SlackCall&) mutable -> std::optional<SlackTrouble> {
    if (++times > 2) return std::nullopt;
    return SlackTrouble{.error = "ratelimited", .status = 429, .retry_after = std::chrono::seconds{1}};
  });
  house.report();
  (void)house.page_of("D02OLGA");
  (void)house.page_of("D02OMAR");
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
