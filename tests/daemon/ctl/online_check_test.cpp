#include "daemon/ctl/online_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const rules::Instant now{1'772'000'000s};

words::Status well() {
  words::Status status;
  status.at = now;
  status.policy_hash = "0123456789abcdef";
  return status;
}

// olga has operations now, omar from tomorrow on; sam has nothing.
std::vector<rules::OnCallView> turns() {
  rules::OnCallView view;
  view.target = "operations";
  view.kind = rules::TargetKind::rotation;
  view.people.emplace_back().person = "olga";
  view.next.emplace_back().person = "omar";
  view.next_from = now + 24h;
  return {view};
}

words::ContactReach contact(const std::string& person, const std::string& name, bool is_in_doubt) {
  words::ContactReach one;
  one.person = person;
  one.contact = name;
  one.known.pages = 3;
  if (is_in_doubt) {
    one.doubt = rules::ContactDoubt{
        .person = person, .contact = name, .doubt = rules::Doubt::failed, .since = now - 2h, .why = "no such number"};
  }
  return one;
}

std::vector<std::string> judged(const words::Status& status,
                                const std::vector<words::ContactReach>& contacts,
                                const std::string& hash = "") {
  words::Drawing drawing;
  drawing.clock = [](rules::Instant) { return std::string{"09:00"}; };
  std::vector<std::string> lines;
  for (const config::Finding& finding : judge_daemon(status, contacts, turns(), hash, drawing)) {
    lines.push_back(config::print(finding));
  }
  return lines;
}

TEST(OnlineCheck, FindsNothingWhereAllIsWell) {
  EXPECT_THAT(judged(well(), {contact("olga", "sms", false)}, "0123456789abcdef"), IsEmpty());
}

TEST(OnlineCheck, NamesTheTurnForWhichAContactIsNeeded) {
  EXPECT_THAT(
      judged(well(), {contact("omar", "sms", true), contact("omar", "voice", false), contact("sam", "sms", true)}),
      ElementsAre("warning: omar, on call for operations from 09:00 (in 1d): sms failed 2h ago: no such number",
                  "warning: sam: sms failed 2h ago: no such number"));
}

TEST(OnlineCheck, FailsWhenNothingReachesWhoeverIsOnCallOrNext) {
  EXPECT_THAT(judged(well(), {contact("olga", "sms", true), contact("olga", "voice", true)}),
              ElementsAre("error: olga, on call for operations: no contact is known to reach this person",
                          "warning: olga, on call for operations: sms failed 2h ago: no such number",
                          "warning: olga, on call for operations: voice failed 2h ago: no such number"));
}

TEST(OnlineCheck, AsksForATestOfWhomNobodyHasEverTried) {
  words::ContactReach olga = contact("olga", "sms", false);
  olga.known = {};
  words::ContactReach sam = contact("sam", "sms", false);
  sam.known = {};
  EXPECT_THAT(
      judged(well(), {olga, sam}),
      ElementsAre("warning: olga, on call for operations: no page was ever sent: try `rousectl page test olga`"));
}

TEST(OnlineCheck, TellsACircuitThatIsOpenFromAChannelThatIsDead) {
  words::Status status = well();
  words::ProviderStatus first;
  first.channel = "sms";
  first.number = 1;
  first.kind = "twilio";
  first.is_open = true;
  first.accepted = 2;
  first.transient = 5;
  words::ProviderStatus second = first;
  second.number = 2;
  second.is_open = false;
  status.providers = {first, second};
  EXPECT_THAT(
      judged(status, {}),
      ElementsAre("warning: channel sms, provider 1 (twilio): its circuit is open: it has failed again and again "
                  "(5 of 7 tries), and the next provider has its messages"));
  status.providers[0].is_open = false;
  status.providers[0].accepted = status.providers[1].accepted = 0;
  EXPECT_THAT(
      judged(status, {}),
      ElementsAre(
          "error: channel sms: none of its providers has taken anything since the start",
          "warning: channel sms, provider 1 (twilio): it has taken nothing since the start: 0 refused, 5 busy, 0 "
          "unanswered",
          "warning: channel sms, provider 2 (twilio): it has taken nothing since the start: 0 refused, 5 busy, 0 "
          "unanswered"));
}

}  // namespace
}  // namespace ctl
