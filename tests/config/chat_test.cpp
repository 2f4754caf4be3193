// The providers `slack`, `ntfy` and `mattermost` in a configuration: what is read, and what is wrong where.
#include <gtest/gtest.h>

#include "config/check.hpp"
#include "config/load.hpp"

namespace config {
namespace {

std::string with(const std::string& provider, const std::string& more = "") {
  return R"(rouse: 1
people: { a: { timezone: UTC, contact: { push: olga-7Hq } } }
call_trees: { t: { steps: [ { call: a, wait: 5m } ] } }
route: { call_tree: t }
channels: { push: [ { )" +
         provider + " } ] }\n" + more;
}

std::string setting(const rules::Provider& provider, std::string_view key) {
  for (const auto& [name, value] : provider.settings)
    if (name == key) return value;
  return "absent";
}

const std::string reachable = "server: { public_url: \"https://rouse.example.org\" }\naccess: {}\n";

TEST(ChatSettings, OfSlackAreReadAsWritten) {
  const Loaded loaded = load(
      with("slack: { bot_token_file: t, signing_secret_file: s, api: \"https://slack.example.org/api\", timeout: 9s }",
           reachable),
      "rouse.yml",
      {.secrets_folder = "/etc/rouse"});
  ASSERT_TRUE(loaded) << print(loaded.error());
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::slack);
  EXPECT_EQ(setting(provider, "bot_token_file"), "/etc/rouse/t");
  EXPECT_EQ(setting(provider, "signing_secret_file"), "/etc/rouse/s");
  EXPECT_EQ(setting(provider, "api"), "https://slack.example.org/api");
  EXPECT_EQ(provider.timeout, std::chrono::seconds{9});
  EXPECT_TRUE(can_page_anybody(loaded->policy)) << "any channel may be carried by it";
}

TEST(ChatSettings, OfNtfyAreReadAsWritten) {
  const Loaded open = load(with("ntfy: {}"), "rouse.yml");
  ASSERT_TRUE(open) << print(open.error());
  EXPECT_TRUE(can_page_anybody(open->policy));
  const Loaded loaded =
      load(with("ntfy: { url: \"https://ntfy.example.org\", username: rouse, password_file: p }"), "rouse.yml");
  ASSERT_TRUE(loaded) << print(loaded.error());
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::ntfy);
  EXPECT_EQ(provider.url, "https://ntfy.example.org");
  EXPECT_EQ(setting(provider, "username"), "rouse");
}

TEST(ChatSettings, OfMattermostAreReadAsWritten) {
  const Loaded loaded = load(
      with("mattermost: { url: \"https://chat.example.org\", bot_token_file: t, callback_secret_file: s }", reachable),
      "rouse.yml",
      {.secrets_folder = "/etc/rouse"});
  ASSERT_TRUE(loaded) << print(loaded.error());
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::mattermost);
  EXPECT_EQ(provider.url, "https://chat.example.org");
  EXPECT_EQ(setting(provider, "bot_token_file"), "/etc/rouse/t");
  EXPECT_EQ(setting(provider, "callback_secret_file"), "/etc/rouse/s");
  EXPECT_TRUE(can_page_anybody(loaded->policy));
}

TEST(ChatSettings, WhatIsWrongIsSaidWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"slack: {}", "rouse.yml:5:23: `bot_token_file` is missing"},
      {"slack: { bot_token_file: t, api: \"ftp://x\" }", "rouse.yml:5:56: `api`"},
      {"slack: { bot_token_file: t, channel: C1 }", "unknown key `channel`"},
      {"ntfy: { url: ntfy.sh }", "rouse.yml:5:36: `url`"},
      {"ntfy: { username: rouse }", "rouse.yml:5:23: `username` and `password_file` go together"},
      {"ntfy: { token_file: t, username: r, password_file: p }", "not both"},
      {"mattermost: { bot_token_file: t }", "`url` is missing"},
      {"mattermost: { url: \"https://chat.example.org\" }", "`bot_token_file` is missing"},
  };
  for (const auto& [provider, says] : wrong) {
    const Loaded loaded = load(with(provider), "rouse.yml");
    ASSERT_FALSE(loaded) << provider;
    EXPECT_NE(print(loaded.error()).find(says), std::string::npos) << print(loaded.error());
  }
}

TEST(ChatSettings, ButtonsThatWouldDoNothingAreWarnedOf) {
  const Loaded slack = load(with("slack: { bot_token_file: t, signing_secret_file: s }"), "rouse.yml");
  ASSERT_TRUE(slack) << print(slack.error());
  EXPECT_NE(print(slack->warnings).find("buttons do nothing"), std::string::npos) << print(slack->warnings);
  const Loaded mattermost =
      load(with("mattermost: { url: \"https://chat.example.org\", bot_token_file: t, callback_secret_file: s }",
                "access: {}\n"),
           "rouse.yml");
  ASSERT_TRUE(mattermost) << print(mattermost.error());
  EXPECT_NE(print(mattermost->warnings).find("Mattermost has no buttons"), std::string::npos);
}

}  // namespace
}  // namespace config
