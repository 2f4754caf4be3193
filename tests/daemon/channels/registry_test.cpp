#include "daemon/channels/registry.hpp"

#include <gtest/gtest.h>

#include "daemon/channels/log.hpp"
#include "daemon/net/loop.hpp"
#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

using testing::Folder;
using testing::page;

class Registry : public ::testing::Test {
 protected:
  TryResult attempt(Provider& provider, bool may_leave = true) {
    std::optional<TryResult> result;
    provider.attempt(
        page(),
        std::chrono::seconds{1},
        [may_leave] { return may_leave; },
        [&](TryResult each) { result = std::move(each); });
    return result.value();
  }

  static rules::Provider configured(rules::ProviderKind kind) {
    rules::Provider provider;
    provider.kind = kind;
    return provider;
  }

  net::Loop loop;
  net::Client client{loop};
  testing::RealClock clock;
  CommandRunner commands{clock, [] {}};
  std::vector<std::string> lines;
  Makings makings{client, commands, clock, [this](std::string_view line) { lines.emplace_back(line); }, ""};
};

TEST_F(Registry, MakesWebhooksProgramsAndTheLog) {
  EXPECT_TRUE(make_provider(configured(rules::ProviderKind::webhook), makings));
  EXPECT_TRUE(make_provider(configured(rules::ProviderKind::log), makings));
  rules::Provider program = configured(rules::ProviderKind::command);
  EXPECT_FALSE(make_provider(program, makings)) << "no program to run";
  program.run = {"true"};
  EXPECT_TRUE(make_provider(program, makings));
}

TEST_F(Registry, OnlyAWebhookHonoursKeys) {
  rules::Provider program = configured(rules::ProviderKind::command);
  program.run = {"true"};
  EXPECT_TRUE((*make_provider(configured(rules::ProviderKind::webhook), makings))->honours_keys());
  EXPECT_FALSE((*make_provider(configured(rules::ProviderKind::log), makings))->honours_keys());
  EXPECT_FALSE((*make_provider(program, makings))->honours_keys());
}

TEST_F(Registry, ASecretThatCannotBeReadIsAnErrorWithoutTheSecret) {
  const Folder folder;
  rules::Provider webhook = configured(rules::ProviderKind::webhook);
  webhook.secret_file = folder.write("secret", "tulip\n");
  EXPECT_TRUE(make_provider(webhook, makings));
  webhook.secret_file = folder / "none";
  const auto made = make_provider(webhook, makings);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), "cannot read the secret file " + (folder / "none"));
}

TEST_F(Registry, AProviderThatCannotBeMadeKeepsItsPlaceAndRefusesWithTheReason) {
  const std::vector<rules::Channel> all{
      {"sms", {configured(rules::ProviderKind::twilio), configured(rules::ProviderKind::log)}},
      {"email", {configured(rules::ProviderKind::smtp)}},
  };
  const Providers providers(all, makings);
  ASSERT_EQ(providers.problems().size(), 2U);
  EXPECT_EQ(providers.problems()[0], "channel sms, provider 1 (twilio): cannot read the secret file ");
  ASSERT_NE(providers.find("sms", 0), nullptr);
  const TryResult result = attempt(*providers.find("sms", 0));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail, "cannot read the secret file ");
  ASSERT_NE(providers.find("sms", 1), nullptr);
  EXPECT_EQ(attempt(*providers.find("sms", 1)).outcome, TryOutcome::accepted);
  EXPECT_EQ(providers.find("sms", 2), nullptr);
  EXPECT_EQ(providers.find("voice", 0), nullptr);
}

TEST_F(Registry, CanPageWhenSomebodyHasAContactWithAProviderThatCouldBeMadeAndIsNotTheLog) {
  rules::Provider program = configured(rules::ProviderKind::command);
  program.run = {"true"};
  rules::Policy policy;
  policy.channels = {{"pager", {program}},
                     {"sms", {configured(rules::ProviderKind::twilio), configured(rules::ProviderKind::log)}}};
  const Providers providers(policy.channels, makings);
  EXPECT_FALSE(providers.can_page(policy)) << "nobody is there";
  policy.people.push_back({"olga", "Olga", "UTC", {{"sms", "sms", "+15550100"}}, {}, {}});
  EXPECT_FALSE(providers.can_page(policy)) << "its secret cannot be read, and the log pages nobody";
  policy.people.push_back({"sam", "Sam", "UTC", {{"pager", "pager", "7"}}, {}, {}});
  EXPECT_TRUE(providers.can_page(policy));
}

TEST_F(Registry, MakesMailersWhereMailIsSent) {
  const Folder folder;
  rules::Provider smtp = configured(rules::ProviderKind::smtp);
  smtp.url = "smtp://mail.example.org";
  smtp.settings = {{"from", "rouse@example.org"}};
  EXPECT_FALSE(make_provider(smtp, makings)) << "no mail is sent here";
  MailRunner mail(clock, [] {});
  makings.mail = &mail;
  ASSERT_TRUE(make_provider(smtp, makings));
  EXPECT_FALSE((*make_provider(smtp, makings))->honours_keys());
  smtp.settings.emplace_back("password_file", folder / "none");
  const auto made = make_provider(smtp, makings);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), "cannot read the secret file " + (folder / "none"));
}

TEST_F(Registry, TheLogGetsOneLineWithWhoWhatAndTheKey) {
  const auto log = make_provider(configured(rules::ProviderKind::log), makings);
  ASSERT_TRUE(log);
  EXPECT_EQ(attempt(**log).outcome, TryOutcome::accepted);
  ASSERT_EQ(lines.size(), 1U);
  for (const char* const part : {"olga", "sms", "+16045550101", "0f3c5a7e9b1d", "CheckoutDown", "R-12"})
    EXPECT_NE(lines[0].find(part), std::string::npos) << part << " in " << lines[0];
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
}

TEST_F(Registry, WhatMayNotLeaveIsNotLogged) {
  const auto log = make_provider(configured(rules::ProviderKind::log), makings);
  ASSERT_TRUE(log);
  EXPECT_EQ(attempt(**log, false).outcome, TryOutcome::withdrawn);
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(attempt(*refusing_provider("why"), false).outcome, TryOutcome::withdrawn);
}

}  // namespace
}  // namespace channels
