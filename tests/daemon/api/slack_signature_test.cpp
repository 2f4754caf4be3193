#include "daemon/api/slack_signature.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace api {
namespace {

using std::chrono::seconds;

// The example of Slack's documentation.
constexpr std::string_view slack_secret = "8f742231b10e8888abcd99yyyzzz85a5";
constexpr std::string_view documented_body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack."
    "com"
    "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    ".803a0bc887a14d10d2c447fce8b6703c";
constexpr std::string_view documented_timestamp = "1531420618";
constexpr std::string_view documented_signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

net::Headers headers_of(std::string_view timestamp, std::string_view signature) {
  return {{"X-Slack-Request-Timestamp", timestamp}, {"X-Slack-Signature", signature}};
}

TEST(SlackSignature, IsTheOneOfTheDocumentation) {
  EXPECT_EQ(slack_signature(slack_secret, documented_timestamp, documented_body), documented_signature);
  const std::vector<SlackApp> apps{{"slack", {std::string(slack_secret)}, "", ""}};
  const rules::Instant then{seconds{1531420618}};
  EXPECT_TRUE(slack_apps_of(apps, headers_of(documented_timestamp, documented_signature), documented_body, then));
}

TEST(SlackSignature, AnySecretOfTheFileFitsSoThatOneCanBeReplaced) {
  const std::vector<SlackApp> apps{{"a", {"old"}, "", ""}, {"b", {"new", "old"}, "", ""}, {"c", {"other"}, "", ""}};
  const rules::Instant now{seconds{1'790'000'000}};
  const std::string signature = slack_signature("old", "1790000000", "{}");
  const auto found = slack_apps_of(apps, headers_of("1790000000", signature), "{}", now);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1]->channel, "b");
}

TEST(SlackSignature, EachByteThatIsChangedMakesItWrong) {
  const std::vector<SlackApp> apps{{"slack", {std::string(slack_secret)}, "", ""}};
  const rules::Instant then{seconds{1531420618}};
  const auto refused = [&](std::string_view timestamp, std::string_view signature, std::string_view body) {
    const auto found = slack_apps_of(apps, headers_of(timestamp, signature), body, then);
    return !found && found.error().status == 401;
  };
  for (std::size_t index = 0; index < documented_body.size(); ++index) {
    std::string body{documented_body};
    body[index] = static_cast<char>(body[index] ^ 1);
    EXPECT_TRUE(refused(documented_timestamp, documented_signature, body)) << index;
  }
  for (std::size_t index = 0; index < documented_signature.size(); ++index) {
    std::string signature{documented_signature};
    signature[index] = static_cast<char>(signature[index] ^ 1);
    EXPECT_TRUE(refused(documented_timestamp, signature, documented_body)) << index;
  }
  for (std::size_t index = 0; index < documented_timestamp.size(); ++index) {
    std::string timestamp{documented_timestamp};
    timestamp[index] = static_cast<char>(timestamp[index] ^ 1);
    EXPECT_TRUE(refused(timestamp, documented_signature, documented_body)) << index;
  }
}

TEST(SlackSignature, IsBelievedForFiveMinutesAroundItsInstant) {
  const std::vector<SlackApp> apps{{"slack", {std::string(slack_secret)}, "", ""}};
  const rules::Instant then{seconds{1531420618}};
  const auto is_good = [&](rules::Duration later) {
    return slack_apps_of(apps, headers_of(documented_timestamp, documented_signature), documented_body, then + later)
        .has_value();
  };
  EXPECT_TRUE(is_good(seconds{300}));
  EXPECT_TRUE(is_good(seconds{-300}));
  EXPECT_FALSE(is_good(seconds{301}));
  EXPECT_FALSE(is_good(seconds{-301}));
  for (const char* const odd : {"", "now", "-1", "1531420618.5", " 1531420618", "99999999999999999999"})
    EXPECT_FALSE(slack_apps_of(apps, headers_of(odd, slack_signature(slack_secret, odd, "{}")), "{}", then)) << odd;
}

TEST(SlackSignature, AppsWithoutSecretsBelieveNobody) {
  EXPECT_EQ(slack_apps_of({}, headers_of("1", "v0=x"), "", {}).error().status, 401U);
  const std::vector<SlackApp> unreadable{{"slack", {}, "", ""}};
  const rules::Instant then{seconds{1531420618}};
  const std::string of_nothing = slack_signature("", documented_timestamp, "{}");
  EXPECT_EQ(slack_apps_of(unreadable, headers_of(documented_timestamp, of_nothing), "{}", then).error().status, 503U);
}

}  // namespace
}  // namespace api
