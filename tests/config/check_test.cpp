#include "config/check.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"

namespace config {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr rules::Duration horizon = std::chrono::days{90};
const rules::Instant january = std::chrono::sys_days{2026y / 1 / 1};

rules::Policy policy_of(const std::string& text) {
  Loaded result = load(text, "f.yml");
  EXPECT_TRUE(result) << print(result.error());
  return result ? result->policy : rules::Policy{};
}

std::vector<std::string> findings_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const Finding& finding : check(policy_of(text), january, horizon)) lines.push_back(print(finding));
  return lines;
}

std::string with_rotation(const std::string& keys) {
  return "rouse: 1\n"
         "people: { olga: { contact: { sms: a } }, omar: { contact: { sms: b } } }\n"
         "rotations: { ops: { timezone: America/Vancouver, members: [ olga, omar ], start: 2026-01-07T10:00, " +
         keys +
         " } }\n"
         "call_trees: { outage: { steps: [ { call: olga, wait: 5m }, { call: ops, wait: 5m } ] } }\n"
         "route: { call_tree: outage }\n"
         "channels: { sms: [ { command: { run: [ \"/bin/true\" ] } } ] }\n";
}

std::string with_routes(const std::string& routes) {
  return "rouse: 1\n"
         "people: { olga: { contact: { sms: a } } }\n"
         "call_trees: { outage: { steps: [ { call: olga, wait: 5m } ] }, other: { steps: [ { call: olga, wait: 5m } ] "
         "} }\n"
         "route:\n"
         "  call_tree: outage\n"
         "  routes:\n    - { name: uses-other, matchers: [ a = b ], call_tree: other, continue: true }\n" +
         routes + "channels: { sms: [ { command: { run: [ \"/bin/true\" ] } } ] }\n";
}

TEST(Check, AStepIsEmptyBeforeTheFirstTurn) {
  EXPECT_THAT(findings_of(with_rotation("turn: 1w")),
              ElementsAre("warning: call tree outage, step 2 (ops): nobody from 2025-12-31T16:00 to 2026-01-07T10:00 "
                          "America/Vancouver"));
}

TEST(Check, AStepIsEmptyWhileEverybodyIsOnLeaveForTheTurn) {
  EXPECT_THAT(
      findings_of(
          with_rotation("leave: { olga: [ { from: 2026-02-01, to: 2026-02-28 } ], omar: [ { from: 2026-02-13, to: "
                        "2026-02-13 } ] }")),
      ElementsAre("warning: call tree outage, step 2 (ops): nobody from 2025-12-31T16:00 to 2026-01-07T10:00, from "
                  "2026-02-11T10:00 to 2026-02-18T10:00 America/Vancouver; 13d18h in all"));
}

TEST(Check, HolesThatRepeatAreCountedAndNotListed) {
  const std::vector<std::string> findings =
      findings_of(with_rotation("hours: [ { days: [ mon, tue, wed, thu, fri ], from: \"08:00\", to: \"18:00\" } ]"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings[0], HasSubstr("from 2026-01-07T18:00 to 2026-01-08T08:00"));
  EXPECT_THAT(findings[0], HasSubstr(" times more; "));
}

TEST(Check, AStepThatStartsAfterTheHorizonIsAWarningOnly) {
  EXPECT_THAT(
      check(policy_of(with_rotation("turn: 1w")), january - std::chrono::days{365}, horizon),
      ElementsAre(testing::AllOf(testing::Field(&Finding::severity, Severity::warning),
                                 testing::Field(&Finding::message, HasSubstr(": all the time that was looked at")))));
}

TEST(Check, AStepThatNobodyEverFillsIsAnError) {
  EXPECT_THAT(findings_of(with_rotation(
                  "leave: { olga: [ { from: 2026-01-01, to: 2199-12-31 } ], omar: [ { from: 2026-01-01, to: "
                  "2199-12-31 } ] }")),
              ElementsAre("error: call tree outage, step 2 (ops): nobody is ever on call for it"));
}

TEST(Check, AnOverrideFillsNoHoleAndMakesNone) {
  EXPECT_THAT(findings_of(with_rotation(
                  "overrides: [ { from: 2026-01-10T00:00, to: 2026-01-11T00:00, for: olga, take: omar } ]")),
              ElementsAre(HasSubstr("nobody from 2025-12-31T16:00 to 2026-01-07T10:00 America/Vancouver")));
}

TEST(Check, PeopleWhomNothingReachesAreNamed) {
  EXPECT_THAT(
      findings_of("rouse: 1\n"
                  "people:\n"
                  "  dee: { contact: { voice: a } }\n"
                  "  ivan: { contact: { sms: a, log: b }, notify: { high: [ { by: log } ] } }\n"
                  "  olga: {}\n"
                  "  sam: { contact: { sms: a } }\n"
                  "  zoe: { contact: { email: a@b } }\n"
                  "call_trees: { outage: { steps: [ { call: sam, wait: 5m } ] } }\n"
                  "route: { call_tree: outage }\n"
                  "channels:\n"
                  "  sms: [ { log: {} }, { command: { run: [ x ] } } ]\n"
                  "  voice: [ { command: { run: [ x ] } } ]\n"
                  "  log: [ { log: {} } ]\n"
                  "  email: [ { log: {} } ]\n"),
      ElementsAre("warning: person dee: cannot be reached with low urgency: no contact is meant for it",
                  "warning: person ivan: cannot be reached with high urgency: no provider of log carries pages",
                  "warning: person olga: cannot be reached with high urgency: there is no contact",
                  "warning: person olga: cannot be reached with low urgency: there is no contact",
                  "warning: person zoe: cannot be reached with high urgency: no provider of email carries pages",
                  "warning: person zoe: cannot be reached with low urgency: no provider of email carries pages"));
}

TEST(Check, ARouteAfterOneThatTakesItsAlertsIsNeverReached) {
  EXPECT_THAT(
      findings_of(with_routes("    - { name: x, matchers: [ team = db ] }\n"
                              "    - { name: y, matchers: [ severity = info, team = db ] }\n"
                              "    - { name: pattern, matchers: [ severity =~ \"c.*\" ] }\n"
                              "    - { name: critical, matchers: [ severity = critical ] }\n"
                              "    - { name: warning, matchers: [ severity = warning ] }\n"
                              "    - { name: all }\n"
                              "    - { name: late, matchers: [ team = web ] }\n")),
      ElementsAre(
          "warning: route root/y: is never reached: root/x before it takes all its alerts and does not continue",
          "warning: route root/critical: is never reached: root/pattern before it takes all its alerts and does "
          "not continue",
          "warning: route root/late: is never reached: root/all before it takes all its alerts and does not "
          "continue"));
}

TEST(Check, ARouteThatContinuesHidesNothing) {
  EXPECT_THAT(findings_of(with_routes("    - { name: all, continue: true }\n"
                                      "    - { name: late, matchers: [ team = web ] }\n")),
              IsEmpty());
}

TEST(Check, ARouteThatContradictsTheRoutesAboveItIsNeverReached) {
  EXPECT_THAT(findings_of(with_routes(
                  "    - { name: db, matchers: [ team = db ], routes: [ { name: web, matchers: [ team =~ \"web.*\" ] "
                  "}, { name: disk, matchers: [ alertname = Disk ] } ] }\n")),
              ElementsAre(HasSubstr("route root/db/web: is never reached: no alert can match it")));
}

TEST(Check, ACallTreeThatNoRouteUsesIsNamed) {
  EXPECT_THAT(
      findings_of(
          "rouse: 1\n"
          "people: { olga: { contact: { sms: a } } }\n"
          "call_trees: { a: { steps: [ { call: olga, wait: 5m } ] }, b: { steps: [ { call: olga, wait: 5m } ] } }\n"
          "route: { call_tree: a }\n"
          "channels: { sms: [ { command: { run: [ x ] } } ] }\n"),
      ElementsAre("warning: call tree b: no route uses it"));
}

TEST(Check, TheExamplesHaveNoErrors) {
  for (const char* const name : {"minimal.yml", "rouse.yml"}) {
    const Loaded result = load_file(std::string(ROUSE_SOURCE_DIR) + "/config/examples/" + name);
    ASSERT_TRUE(result) << print(result.error());
    const std::vector<Finding> findings = check(result->policy, january, horizon);
    for (const Finding& finding : findings) EXPECT_EQ(finding.severity, Severity::warning) << print(finding);
    if (name == std::string("minimal.yml")) {
      EXPECT_THAT(findings, IsEmpty());
    }
    EXPECT_TRUE(can_page_anybody(result->policy));
  }
}

TEST(CanPageAnybody, NeedsAContactOnAChannelWhoseProviderCarriesPages) {
  const auto policy = [](const std::string& contact, const std::string& provider) {
    return policy_of("rouse: 1\npeople: { olga: { contact: { " + contact +
                     ": \"http://h/\" } } }\n"
                     "call_trees: { a: { steps: [ { call: olga, wait: 5m } ] } }\nroute: { call_tree: a }\n"
                     "channels: { used: [ " +
                     provider + " ], unused: [ { webhook: {} } ], log: [ { log: {} } ] }\n");
  };
  EXPECT_TRUE(can_page_anybody(policy("used", "{ webhook: {} }")));
  EXPECT_TRUE(can_page_anybody(policy("used", "{ log: {} }, { command: { run: [ x ] } }")));
  EXPECT_FALSE(can_page_anybody(policy("used", "{ log: {} }")));
  EXPECT_FALSE(can_page_anybody(policy("log", "{ webhook: {} }")));
  EXPECT_TRUE(can_page_anybody(policy("used", "{ slack: { bot_token_file: x } }")));
  EXPECT_FALSE(can_page_anybody(rules::Policy{}));
}

TEST(Check, AFindingThatQuotesAMatcherHoldsNothingThatMisleadsATerminal) {
  const Finding finding{Severity::warning, "route root/team=\"a\xE2\x80\xAE\x1b[2Jb\"", "it is\nnever reached"};
  EXPECT_EQ(print(finding), "warning: route root/team=\"a\\u202e [2Jb\": it is never reached");
}

}  // namespace
}  // namespace config
