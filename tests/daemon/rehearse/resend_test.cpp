// What goes again after a crash, when nobody knows whether it had arrived.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/apply.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/rehearse/policy_of.hpp"

namespace rehearse {
namespace {

// A state, and what it asks for, step by step.
struct Desk {
  rules::State state{new_state(rules::StoreId{1, 2, 3})};
  rules::Instant now{*rules::parse_rfc3339("2026-01-01T00:00:00Z")};
  std::vector<rules::Send> sends;           // of the last event
  std::vector<rules::MessageId> withdrawn;  // of the last event

  explicit Desk(const std::string& team = "outage.yml") {
    tell(rules::PolicyLoaded{policy_of(config::load_file(ROUSE_SOURCE_DIR "/tests/policies/teams/" + team))});
    tell(rules::Started{.run = 1});
  }

  void tell(const rules::Event& event) {
    sends.clear();
    withdrawn.clear();
    for (rules::Effect& effect : rules::apply(state, event, rules::Stamp{.at = now, .wall = now})) {
      if (auto* send = std::get_if<rules::Send>(&effect)) sends.push_back(std::move(*send));
      if (const auto* withdraw = std::get_if<rules::Withdraw>(&effect)) withdrawn.push_back(withdraw->message);
    }
  }

  void alert(const std::string& service) {
    rules::Report report;
    report.labels.add("alertname", "ApiDown");
    report.labels.add("service", service);
    report.labels.add("severity", "critical");
    report.labels.seal();
    tell(rules::ReportsArrived{.source = "test", .reports = {std::move(report)}});
  }

  void end(const rules::Send& send, rules::SendOutcome outcome) {
    tell(rules::SendEnded{.message = send.message, .provider = send.provider, .outcome = outcome, .detail = ""});
  }

  // The bundle of that leaves a second after the page of R-1; its outcome is not known yet.
  rules::Send bundle() {
    alert("one");
    const rules::Send first = sends.at(0);
    end(first, rules::SendOutcome::accepted);
    alert("two");
    alert("three");
    now += std::chrono::seconds{1};
    tell(rules::ClockReached{.until = now});
    return sends.at(0);
  }
};

TEST(Resend, KeepsItsKeyWhenAnIncidentOfTheBundleEndsBeforeItLeavesAgain) {
  Desk desk;
  const rules::Send bundle = desk.bundle();
  ASSERT_EQ(bundle.pages.size(), 2U);
  desk.tell(rules::Started{.run = 2});
  ASSERT_EQ(desk.sends.size(), 1U);
  EXPECT_EQ(desk.sends[0].key, bundle.key);
  EXPECT_TRUE(desk.sends[0].possible_duplicate);
  desk.tell(rules::Resolve{.incident = rules::IncidentId{2}, .by = "olga"});
  ASSERT_EQ(desk.withdrawn, std::vector{bundle.message});
  desk.end(bundle, rules::SendOutcome::withdrawn);
  ASSERT_EQ(desk.sends.size(), 1U);
  EXPECT_EQ(desk.sends[0].message, bundle.message);
  EXPECT_EQ(desk.sends[0].key, bundle.key);
  EXPECT_TRUE(desk.sends[0].possible_duplicate);
  ASSERT_EQ(desk.sends[0].pages.size(), 1U);
  EXPECT_EQ(desk.sends[0].pages[0].incident.id, rules::IncidentId{3});
  desk.end(bundle, rules::SendOutcome::accepted);
  EXPECT_TRUE(desk.state.messages.empty());
  EXPECT_TRUE(desk.state.pages.empty());
}

TEST(Resend, DoesNotHappenWhenEveryIncidentOfItHasEnded) {
  Desk desk;
  const rules::Send bundle = desk.bundle();
  desk.tell(rules::Started{.run = 2});
  desk.tell(rules::Resolve{.incident = rules::IncidentId{2}, .by = "olga"});
  desk.tell(rules::Resolve{.incident = rules::IncidentId{3}, .by = "olga"});
  desk.end(bundle, rules::SendOutcome::withdrawn);
  EXPECT_TRUE(desk.sends.empty());
  EXPECT_TRUE(desk.state.messages.empty());
  EXPECT_TRUE(desk.state.pages.empty());
}

TEST(Resend, OfWhatCertainlyNeverLeftIsANewMessage) {
  Desk desk;
  const rules::Send bundle = desk.bundle();
  desk.tell(rules::Resolve{.incident = rules::IncidentId{2}, .by = "olga"});
  desk.end(bundle, rules::SendOutcome::withdrawn);
  ASSERT_EQ(desk.sends.size(), 1U);
  EXPECT_NE(desk.sends[0].key, bundle.key);
  EXPECT_FALSE(desk.sends[0].possible_duplicate);
  ASSERT_EQ(desk.sends[0].pages.size(), 1U);
}

// People, and what a provider reports later, may be faster than its answer to the call.
TEST(Resend, DoesNotHappenOnceItsReaderHasWrittenBack) {
  Desk desk;
  desk.alert("one");
  const rules::Send page = desk.sends.at(0);
  desk.tell(rules::Replied{
      .channel = page.channel, .address = page.address, .person = {}, .text = "1w", .about = page.message, .id = {}});
  EXPECT_EQ(desk.withdrawn, std::vector{page.message});
  desk.end(page, rules::SendOutcome::refused);
  EXPECT_TRUE(desk.sends.empty());
}

TEST(Resend, DoesNotHappenOnceItIsReportedToBeDelivered) {
  Desk desk;
  desk.alert("one");
  const rules::Send page = desk.sends.at(0);
  desk.tell(rules::DeliveryReported{
      .message = page.message, .key = page.key, .delivery = rules::Delivery::delivered, .detail = ""});
  EXPECT_EQ(desk.withdrawn, std::vector{page.message});
  desk.end(page, rules::SendOutcome::refused);
  EXPECT_TRUE(desk.sends.empty());
}

TEST(Resend, ByTheNextProviderAfterALateFailureStaysMarkedWhenAnEarlierTryMayHaveArrived) {
  Desk desk{"providers.yml"};
  desk.alert("one");
  const rules::Send page = desk.sends.at(0);
  desk.tell(rules::Started{.run = 2});
  ASSERT_TRUE(desk.sends.at(0).possible_duplicate);
  desk.end(page, rules::SendOutcome::accepted);
  desk.tell(rules::DeliveryReported{
      .message = page.message, .key = page.key, .delivery = rules::Delivery::failed, .detail = ""});
  ASSERT_EQ(desk.sends.size(), 1U);
  EXPECT_EQ(desk.sends[0].provider, page.provider + 1);
  EXPECT_TRUE(desk.sends[0].possible_duplicate);
}

}  // namespace
}  // namespace rehearse
