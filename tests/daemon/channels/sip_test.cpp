// Whom the `sip` provider dials, and with what.
#include "daemon/channels/sip.hpp"

#include <gtest/gtest.h>

#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

using testing::Folder;

TEST(SipAddress, ANumberBecomesAnAddressByThePattern) {
  EXPECT_EQ(sip_address("+1 (604) 555-0101", "sip:{number}@pbx.example.org"), "sip:+16045550101@pbx.example.org");
  EXPECT_EQ(sip_address("201", "sip:0{number}@pbx"), "sip:0201@pbx");
}

TEST(SipAddress, AnAddressStaysAsItIs) {
  EXPECT_EQ(sip_address("sip:olga@10.0.0.7:5062", "sip:{number}@pbx"), "sip:olga@10.0.0.7:5062");
}

// It becomes a command line of baresip, so nothing may end it.
TEST(SipAddress, WhatIsNeitherIsNotDialled) {
  for (const std::string_view contact : {std::string_view(""),
                                         std::string_view("olga"),
                                         std::string_view("+"),
                                         std::string_view("604+555"),
                                         std::string_view("sip:a@b\n/quit"),
                                         std::string_view("sip:a@b /quit"),
                                         std::string_view("sip:a@b\r"),
                                         std::string_view("sip:a@b\0x", 9),
                                         std::string_view("sip:a@b;transport=tls"),
                                         std::string_view("sip:\xc3\xa4@b"),
                                         std::string_view("sips:a@b")})
    EXPECT_FALSE(sip_address(contact, "sip:{number}@pbx")) << contact;
  EXPECT_FALSE(sip_address("sip:" + std::string(300, 'a'), "sip:{number}@pbx"));
}

rules::Provider configured(std::vector<std::pair<std::string, std::string>> settings) {
  rules::Provider provider;
  provider.kind = rules::ProviderKind::sip;
  provider.settings = std::move(settings);
  return provider;
}

TEST(SipProviderSettings, HaveDefaultsAndThePasswordFromItsFile) {
  const Folder folder;
  const tl::expected<SipSettings, std::string> settings = sip_settings(
      configured({{"account", "sip:rouse@pbx"}, {"password_file", folder.write("pw", "s3cret\n")}, {"lines", "4"}}));
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->password, "s3cret");
  EXPECT_EQ(settings->lines, 4U);
  EXPECT_EQ(settings->transport, "udp");
  EXPECT_EQ(settings->ring_for, std::chrono::seconds{30});
  EXPECT_EQ(settings->baresip, "baresip");
  EXPECT_FALSE(settings->registers);
}

TEST(SipProviderSettings, APasswordThatWouldEndItsLineIsRefusedUnseen) {
  const Folder folder;
  for (const char* const password : {"two words", "semi;colon", "quo\"te", "angle<", "\xc3\xa4"}) {
    const tl::expected<SipSettings, std::string> settings =
        sip_settings(configured({{"account", "sip:rouse@pbx"}, {"password_file", folder.write("pw", password)}}));
    ASSERT_FALSE(settings) << password;
    EXPECT_EQ(settings.error().find(password), std::string::npos) << settings.error();
  }
  EXPECT_FALSE(sip_settings(configured({{"account", "sip:rouse@pbx"}, {"password_file", folder / "absent"}})));
}

}  // namespace
}  // namespace channels
