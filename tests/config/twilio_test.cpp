// The `twilio` provider in a configuration: what is read, and what is wrong where.
#include <gtest/gtest.h>

#include "config/load.hpp"

namespace config {
namespace {

std::string with(const std::string& channel, const std::string& twilio, const std::string& more = {}) {
  return more + "rouse: 1\npeople: { a: { timezone: UTC, contact: { " + channel +
         ": \"+16045550101\" } } }\n"
         "call_trees: { t: { steps: [ { call: a, wait: 5m } ] } }\nroute: { call_tree: t }\n"
         "channels: { " +
         channel + ": [ { twilio: { " + twilio + " } } ] }\n";
}

const std::string account = "account_sid: AC1, auth_token_file: twilio.token, ";
const std::string number = "from: \"+16045550100\"";
const std::string reachable =
    "server: { public_url: \"https://rouse.example.org\" }\n"
    "access: { senders: [ { name: prod, token_file: am.token } ] }\n";

std::string setting(const rules::Provider& provider, std::string_view key) {
  for (const auto& [name, value] : provider.settings)
    if (name == key) return value;
  return "absent";
}

TEST(TwilioSettings, AreReadAsWritten) {
  const Loaded loaded =
      load(with("sms",
                account + "from: Rouse, api_key_sid: SK1, api_key_secret_file: twilio.key, segments: 2, "
                          "api: \"http://127.0.0.1:4010\", timeout: 4s",
                reachable),
           "rouse.yml");
  ASSERT_TRUE(loaded) << print(loaded.error());
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::twilio);
  EXPECT_EQ(setting(provider, "account_sid"), "AC1");
  EXPECT_TRUE(setting(provider, "auth_token_file").ends_with("twilio.token"));
  EXPECT_EQ(setting(provider, "api_key_sid"), "SK1");
  EXPECT_TRUE(setting(provider, "api_key_secret_file").ends_with("twilio.key"));
  EXPECT_EQ(setting(provider, "from"), "Rouse");
  EXPECT_EQ(setting(provider, "segments"), "2");
  EXPECT_EQ(setting(provider, "api"), "http://127.0.0.1:4010");
  EXPECT_EQ(provider.timeout, std::chrono::seconds{4});
  EXPECT_EQ(print(loaded->warnings).find("twilio"), std::string::npos) << print(loaded->warnings);
}

TEST(TwilioSettings, TextsComeFromANumberAShortCodeANameOrAService) {
  for (const char* const sender :
       {"from: \"+16045550100\"", "from: \"12345\"", "from: \"Rouse Ops\"", "messaging_service_sid: MG1"}) {
    const Loaded loaded = load(with("sms", account + sender), "rouse.yml");
    EXPECT_TRUE(loaded) << sender << "\n" << print(loaded.error());
  }
}

TEST(TwilioSettings, WhatIsWrongIsSaidWithItsPlace) {
  struct Wrong {
    std::string channel, twilio, message;
  };
  const std::string no_number = "such as +16045550101";
  for (const Wrong& one : {
           Wrong{"sms", number, "rouse.yml:5:22: `account_sid` is missing"},
           Wrong{"sms", "account_sid: AC1, " + number, "`auth_token_file` is missing"},
           Wrong{"sms", account + "auth_token: hunter2, " + number, "put it into a file"},
           Wrong{"sms", account + "frm: x", "did you mean `from`?"},
           Wrong{"sms", account, "texts come `from` a number, or from a `messaging_service_sid`: one of the two"},
           Wrong{"sms", account + number + ", messaging_service_sid: MG1", "one of the two"},
           Wrong{"sms", account + "from: \"+1604\\x20555\"", no_number},
           Wrong{"sms", account + "from: \"1234\"", "a short code of 5 or 6 digits"},
           Wrong{"sms", account + "from: \"much too long a name\"", "a name of at most 11 letters and digits"},
           Wrong{"sms", account + number + ", segments: 0", "`segments` must be from 1 to 10"},
           Wrong{"sms", account + number + ", segments: 11", "`segments` must be from 1 to 10"},
           Wrong{"sms", account + number + ", api_key_sid: SK1", "`api_key_sid` and `api_key_secret_file` go together"},
           Wrong{"sms", account + number + ", api: \"ftp://example.org\"", "`api`"},
           Wrong{"sms", account + number + ", timeout: 0s", "`timeout`"},
           Wrong{"voice", account + "from: Rouse", no_number},
           Wrong{"voice", account + "from: \"12345\"", no_number},
           Wrong{"voice", account, "`from` is missing"},
           Wrong{"voice", account + number + ", messaging_service_sid: MG1", "`messaging_service_sid`"},
       }) {
    const Loaded loaded = load(with(one.channel, one.twilio), "rouse.yml");
    ASSERT_FALSE(loaded) << one.channel << ": " << one.twilio;
    const std::string all = print(loaded.error());
    EXPECT_NE(all.find(one.message), std::string::npos) << one.twilio << "\n" << all;
    EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  }
}

TEST(TwilioSettings, AContactIsANumberWithItsCountry) {
  const std::string good = with("sms", account + number);
  for (const char* const odd :
       {"16045550101", "+1 604 555 0101", "+0604555010", "+1604555010112345", "olga", "+1604555o101", "+"}) {
    std::string text = good;
    const std::string contact = "\"+16045550101\" } } }";
    text.replace(text.find(contact), contact.size(), "\"" + std::string(odd) + "\" } } }");
    const Loaded loaded = load(text, "rouse.yml");
    ASSERT_FALSE(loaded) << odd;
    EXPECT_NE(print(loaded.error()).find("rouse.yml:2:"), std::string::npos) << print(loaded.error());
    EXPECT_NE(print(loaded.error()).find("a telephone number with its country"), std::string::npos);
  }
}

TEST(TwilioSettings, WithoutAWayBackItIsSaidWhatDoesNotWork) {
  const std::string only_url = "server: { public_url: \"https://rouse.example.org\" }\n";
  struct Warned {
    std::string channel, more, message;
  };
  for (const Warned& one : {Warned{"voice", "", "every call is refused"},
                            Warned{"sms", "", "nor bring replies"},
                            Warned{"voice", only_url, "calls have no words"},
                            Warned{"sms", only_url, "no replies"}}) {
    const Loaded loaded = load(with(one.channel, account + number, one.more), "rouse.yml");
    ASSERT_TRUE(loaded) << print(loaded.error());
    EXPECT_NE(print(loaded->warnings).find(one.message), std::string::npos) << print(loaded->warnings);
  }
  for (const char* const channel : {"voice", "sms"}) {
    const Loaded loaded = load(with(channel, account + number, reachable), "rouse.yml");
    ASSERT_TRUE(loaded) << print(loaded.error());
    EXPECT_EQ(print(loaded->warnings).find("Twilio"), std::string::npos) << print(loaded->warnings);
  }
}

}  // namespace
}  // namespace config
