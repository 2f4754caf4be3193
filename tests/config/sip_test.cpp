// The `sip` provider in a configuration: what is read, and what is wrong where.
#include <gtest/gtest.h>

#include "config/load.hpp"

namespace config {
namespace {

std::string with(const std::string& sip) {
  return R"(rouse: 1
people: { a: { timezone: UTC, contact: { voice: "+16045550101", voice.desk: "sip:a@pbx.example.org" } } }
call_trees: { t: { steps: [ { call: a, wait: 5m } ] } }
route: { call_tree: t }
channels: { voice: [ { sip: { )" +
         sip + " } } ] }\n";
}

std::string setting(const rules::Provider& provider, std::string_view key) {
  for (const auto& [name, value] : provider.settings)
    if (name == key) return value;
  return "absent";
}

TEST(SipSettings, AreReadAsWritten) {
  const Loaded loaded = load(with("account: \"sip:rouse@pbx.example.org\", username: r, password_file: pw, "
                                  "transport: tcp, outbound_proxy: \"sip:edge.example.org\", voice: en-gb, lines: 3, "
                                  "ring_for: 45s, dial: \"sip:9{number}@pbx.example.org\", register: true, "
                                  "interface: eth1, baresip: /opt/baresip, espeak_ng: /opt/e, sox: /opt/sox"),
                             "rouse.yml");
  ASSERT_TRUE(loaded) << print(loaded.error());
  EXPECT_TRUE(loaded->warnings.empty()) << print(loaded->warnings);
  const rules::Provider& provider = loaded->policy.channels.front().providers.front();
  EXPECT_EQ(provider.kind, rules::ProviderKind::sip);
  EXPECT_EQ(setting(provider, "account"), "sip:rouse@pbx.example.org");
  EXPECT_EQ(setting(provider, "username"), "r");
  EXPECT_EQ(setting(provider, "transport"), "tcp");
  EXPECT_EQ(setting(provider, "outbound_proxy"), "sip:edge.example.org");
  EXPECT_EQ(setting(provider, "voice"), "en-gb");
  EXPECT_EQ(setting(provider, "lines"), "3");
  EXPECT_EQ(setting(provider, "ring_for"), "45");
  EXPECT_EQ(setting(provider, "dial"), "sip:9{number}@pbx.example.org");
  EXPECT_EQ(setting(provider, "register"), "true");
  EXPECT_EQ(setting(provider, "interface"), "eth1");
  EXPECT_EQ(setting(provider, "baresip"), "/opt/baresip");
  EXPECT_TRUE(setting(provider, "password_file").ends_with("pw"));
}

TEST(SipSettings, AnAccountIsEnough) {
  const Loaded loaded = load(with("account: \"sip:rouse@pbx.example.org\""), "rouse.yml");
  ASSERT_TRUE(loaded) << print(loaded.error());
}

TEST(SipSettings, WhatIsWrongIsSaidWithItsPlace) {
  const std::string account = "account: \"sip:rouse@pbx\", ";
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"voice: en", "rouse.yml:5:24: `account` is missing"},
      {"account: rouse", "rouse.yml:5:40: `account`: `rouse` is no SIP address such as sip:rouse@pbx.example.org"},
      {"account: \"sip:pbx\"", "`account` names a user of the exchange"},
      {"account: \"sip:a;b@pbx\"", "it has no blanks, quotes, angles, commas and semicolons"},
      {account + "transport: tls", "does not look whose certificate it is"},
      {account + "transport: smoke", "`smoke` is neither udp nor tcp"},
      {account + "dial: \"sip:x@pbx\"", "has no {number} in it"},
      {account + "lines: 0", "`lines` must be from 1 to 100"},
      {account + "ring_for: 10m", "`ring_for` is between 1s and 5m"},
      {account + "password: hunter2", "put it into a file and name that with `password_file`"},
      {account + "usrname: r", "did you mean `username`?"},
  };
  for (const auto& [sip, message] : wrong) {
    const Loaded loaded = load(with(sip), "rouse.yml");
    ASSERT_FALSE(loaded) << sip;
    const std::string all = print(loaded.error());
    EXPECT_NE(all.find(message), std::string::npos) << sip << "\n" << all;
    EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  }
}

}  // namespace
}  // namespace config
