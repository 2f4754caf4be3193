// The `smtp` provider in a configuration: what is read, and what is wrong where.
#include <gtest/gtest.h>

#include "config/check.hpp"
#include "config/load.hpp"

namespace config {
namespace {

std::string with(const std::string& smtp, const std::string& more = "", const std::string& contact = "a@example.org") {
  return R"(rouse: 1
people: { a: { timezone: UTC, contact: { email: )" +
         contact + R"( } } }
call_trees: { t: { steps: [ { call: a, wait: 5m } ] } }
route: { call_tree: t }
channels: { email: [ { smtp: { )" +
         smtp + " } } ] }\n" + more;
}

std::string setting(const rules::Provider& provider, std::string_view key) {
  for (const auto& [name, value] : provider.settings)
    if (name == key) return value;
  return "absent";
}

const std::string server = "url: \"smtp://mail.example.org:587\", from: rouse@example.org, ";
const std::string mailbox = "url: \"imaps://mail.example.org/INBOX\", username: rouse, password_file: im";

TEST(SmtpSettings, AreReadAsWritten) {
  const Loaded loaded =
      load(with(server +
                "username: rouse, password_file: pw, reply_to: answers@example.org, ca_file: ca.pem, tls: required, "
                "timeout: 7s, replies: { " +
                mailbox + ", ca_file: other.pem, every: 90s }"),
           "rouse.yml",
           {.secrets_folder = "/etc/rouse"});
  ASSERT_TRUE(loaded) << print(loaded.error());
  EXPECT_TRUE(loaded->warnings.empty()) << print(loaded->warnings);
  EXPECT_TRUE(can_page_anybody(loaded->policy));
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::smtp);
  EXPECT_EQ(provider.url, "smtp://mail.example.org:587");
  EXPECT_EQ(provider.timeout, std::chrono::seconds{7});
  EXPECT_EQ(setting(provider, "from"), "rouse@example.org");
  EXPECT_EQ(setting(provider, "username"), "rouse");
  EXPECT_EQ(setting(provider, "password_file"), "/etc/rouse/pw");
  EXPECT_EQ(setting(provider, "reply_to"), "answers@example.org");
  EXPECT_EQ(setting(provider, "ca_file"), "/etc/rouse/ca.pem");
  EXPECT_EQ(setting(provider, "tls"), "required");
  EXPECT_EQ(setting(provider, "replies.url"), "imaps://mail.example.org/INBOX");
  EXPECT_EQ(setting(provider, "replies.username"), "rouse");
  EXPECT_EQ(setting(provider, "replies.password_file"), "/etc/rouse/im");
  EXPECT_EQ(setting(provider, "replies.ca_file"), "/etc/rouse/other.pem");
  EXPECT_EQ(setting(provider, "replies.every"), "90");
}

TEST(SmtpSettings, WhatCannotBeAnsweredIsAWarning) {
  const auto warnings = [](const std::string& smtp, const std::string& more) {
    const Loaded loaded = load(with(smtp, more), "rouse.yml");
    return loaded ? print(loaded->warnings) : print(loaded.error());
  };
  const std::string links = "server: { public_url: \"https://rouse.example.org\" }\naccess: {}\n";
  EXPECT_NE(warnings(server, "").find("mails of this provider can only be read"), std::string::npos);
  EXPECT_EQ(warnings(server, links).find("can only be read"), std::string::npos);
  EXPECT_EQ(warnings(server + "replies: { " + mailbox + " }", "").find("can only be read"), std::string::npos);
  EXPECT_NE(warnings(server + "username: a, password_file: b, tls: opportunistic", "").find("a password needs TLS"),
            std::string::npos);
}

TEST(SmtpSettings, WhatIsWrongIsSaidWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"url: \"smtp://h\"", "rouse.yml:5:24: `from` is missing"},
      {"from: a@b", "rouse.yml:5:24: `url` is missing"},
      {"url: \"http://h\", from: a@b", "a URL that begins with smtps:// or smtp:// is wanted"},
      {"url: \"smtp://u:hunter2@h\", from: a@b", "credentials do not belong into a URL"},
      {"url: \"smtp://h\", from: Rouse", "`from`: one plain mail address such as olga@example.org is wanted"},
      {server + "reply_to: \"a@b, c@d\"", "`reply_to`: one plain mail address"},
      {server + "username: rouse", "`username` and `password_file` go together"},
      {server + "password: hunter2", "put it into a file and name that with `password_file`"},
      {server + "tls: no", "`no` is neither required nor opportunistic"},
      {server + "timeout: 0s", "`timeout`"},
      {server + "replies: { url: \"https://h\" }", "a URL that begins with imaps:// or imap:// is wanted"},
      {server + "replies: { url: \"imaps://h\", username: u }", "`password_file` is missing"},
      {server + "replies: { " + mailbox + ", every: 2h }", "`every` of `replies` is between 1s and 1h"},
      {server + "usrname: r", "did you mean `username`?"},
  };
  for (const auto& [smtp, message] : wrong) {
    const Loaded loaded = load(with(smtp), "rouse.yml");
    ASSERT_FALSE(loaded) << smtp;
    const std::string all = print(loaded.error());
    EXPECT_NE(all.find(message), std::string::npos) << smtp << "\n" << all;
    EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  }
}

TEST(SmtpSettings, WhoIsMailedToHasOnePlainAddress) {
  for (const std::string address : {"olga", "\"Olga <olga@example.org>\"", "\"a@b, c@d\""}) {
    const Loaded loaded = load(with(server, "", address), "rouse.yml");
    ASSERT_FALSE(loaded) << address;
    EXPECT_NE(print(loaded.error()).find("rouse.yml:2:49: `email`: one plain mail address"), std::string::npos)
        << print(loaded.error());
  }
}

TEST(SmtpSettings, WhatIsPublishedGoesToAnAddressByAChannelThatIsThere) {
  const auto errors = [](const std::string& more) {
    const Loaded loaded = load(with(server, more), "rouse.yml");
    return loaded ? std::string{} : print(loaded.error());
  };
  EXPECT_EQ(errors("publish: [ { email: { to: everyone@example.org } } ]\n"), "");
  EXPECT_NE(errors("publish: [ { email: { to: everyone } } ]\n").find("`to`: one plain mail address"),
            std::string::npos);
  EXPECT_NE(errors("publish: [ { slack: { channel: C0 } } ]\n").find("no channel is called `slack`"),
            std::string::npos);
}

}  // namespace
}  // namespace config
