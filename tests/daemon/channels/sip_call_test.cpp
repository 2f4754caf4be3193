// What a call decides, without a telephone: each test says what is heard, and holds what is done against it.
#include "daemon/channels/sip_call.hpp"

#include <gtest/gtest.h>

namespace channels {
namespace {

using std::chrono::seconds;

class ACall : public ::testing::Test {
 protected:
  ACall() : call(facts()) {}

  static SipCallFacts facts() {
    SipCallFacts facts;
    facts.message.value = 7;
    facts.key = "0f3c";
    facts.provider = 1;
    facts.channel = "voice";
    facts.address = "+16045550101";
    facts.ring_for = seconds{30};
    facts.until = seconds{115};
    return facts;
  }

  // What came out is kept as one line of words an action.
  void keep(const SipActions& actions) {
    for (const SipAction& action : actions) {
      if (std::holds_alternative<SipDial>(action)) did.emplace_back("dial");
      if (std::holds_alternative<SipPlayMessage>(action)) did.emplace_back("play");
      if (std::holds_alternative<SipHangUp>(action)) did.emplace_back("hang up");
      if (std::holds_alternative<SipFinish>(action)) did.emplace_back("finish");
      if (const auto* speak = std::get_if<SipSpeak>(&action)) did.push_back("speak " + speak->text);
      if (const auto* answer = std::get_if<SipAnswer>(&action)) {
        static const std::vector<std::string> names{"accepted", "refused", "transient", "unanswered", "withdrawn"};
        did.push_back(names[static_cast<std::size_t>(answer->result.outcome)]);
        detail = answer->result.detail;
      }
      if (const auto* tell = std::get_if<SipTell>(&action)) {
        if (const auto* delivery = std::get_if<rules::DeliveryReported>(&tell->event)) {
          static const std::vector<std::string> names{"delivered", "failed", "unheard"};
          did.push_back(names[static_cast<std::size_t>(delivery->delivery)]);
          EXPECT_EQ(delivery->message.value, 7U);
          EXPECT_EQ(delivery->key, "0f3c");
          EXPECT_EQ(delivery->provider, 1U);
          detail = delivery->detail;
        }
        if (const auto* reply = std::get_if<rules::Replied>(&tell->event)) {
          did.push_back("key " + reply->text);
          EXPECT_EQ(reply->channel, "voice");
          EXPECT_EQ(reply->address, "+16045550101");
          EXPECT_EQ(reply->about.value, 7U);
          EXPECT_EQ(reply->form, rules::ReplyForm::key);
          ids.push_back(reply->id);
        }
      }
    }
  }
  void ready() { keep(call.ready(now, seconds{20})); }
  void hear(SipWord word, std::uint32_t code = 0, std::string text = {}) {
    keep(call.hear(now, SipLine{.word = word, .code = code, .text = std::move(text)}));
  }
  void key(std::string which) { hear(SipWord::key, 0, std::move(which)); }
  void answered() {
    ready();
    hear(SipWord::ringing, 180);
    hear(SipWord::established);
    did.clear();
  }
  void told(std::string text, rules::VerdictCode code = rules::VerdictCode::done, bool is_durable = true) {
    Told answer{.is_durable = is_durable, .verdict = rules::Verdict{code, rules::IncidentId{12}, std::move(text)}};
    keep(call.told(answer));
  }
  void wait() {
    now = call.wakes_at();
    keep(call.alarm(now));
  }
  // What it did since the last look.
  std::vector<std::string> acts() { return std::exchange(did, {}); }
  using Acts = std::vector<std::string>;

  std::chrono::nanoseconds now{seconds{100}};
  SipCall call;
  std::vector<std::string> did;
  std::vector<std::string> ids;
  std::string detail;
};

TEST_F(ACall, IsAcceptedWhenItRingsAndDeliveredWhenItIsAnswered) {
  ready();
  EXPECT_EQ(acts(), Acts{"dial"});
  hear(SipWord::trying, 100);
  EXPECT_EQ(acts(), Acts{}) << "that it is tried says nothing of the other end";
  hear(SipWord::ringing, 180);
  EXPECT_EQ(acts(), Acts{"accepted"});
  hear(SipWord::ringing, 180);
  EXPECT_EQ(acts(), Acts{});
  hear(SipWord::established);
  EXPECT_EQ(acts(), Acts{"delivered"});
}

TEST_F(ACall, AnsweredWithoutRingingIsAcceptedToo) {
  ready();
  hear(SipWord::established);
  EXPECT_EQ(acts(), (Acts{"dial", "accepted", "delivered"}));
}

TEST_F(ACall, WhatWasPlayedWhileItRangIsPlayedFromTheBeginningWhenItIsAnswered) {
  ready();
  hear(SipWord::ringing, 183);
  hear(SipWord::established);
  EXPECT_EQ(acts(), (Acts{"dial", "accepted", "delivered", "play"}));
}

TEST_F(ACall, AKeyGoesToTheEngineWhoseWordIsSpokenBeforeHangingUp) {
  answered();
  key("4");
  EXPECT_EQ(acts(), Acts{"key 4"});
  key("4");
  EXPECT_EQ(acts(), Acts{}) << "pressed again before the answer";
  told("R-12 is yours.");
  EXPECT_EQ(acts(), Acts{"speak R-12 is yours."});
  call.speaking(now, seconds{3});
  EXPECT_EQ(call.wakes_at(), now + seconds{4});
  wait();
  EXPECT_EQ(acts(), Acts{"hang up"}) << "somebody has heard it: nothing is said of unheard";
  keep(call.program_ended());
  EXPECT_EQ(acts(), Acts{"finish"});
}

TEST_F(ACall, ToCloseTakesTheKeyTwice) {
  answered();
  key("6");
  EXPECT_EQ(acts(), (Acts{"speak To close it, press 6 once more. To hear the message again, press star."}));
  key("6");
  EXPECT_EQ(acts(), Acts{"key 6"});
}

TEST_F(ACall, AnotherKeyBetweenTheTwoTakesTheFirstBack) {
  answered();
  key("6");
  key("*");
  key("6");
  EXPECT_EQ(acts(),
            (Acts{"speak To close it, press 6 once more. To hear the message again, press star.",
                  "play",
                  "speak To close it, press 6 once more. To hear the message again, press star."}));
  key("5");
  EXPECT_EQ(acts(), Acts{"key 5"});
}

TEST_F(ACall, AFirstSixThatIsNotConfirmedIsHeardByNobody) {
  answered();
  key("6");
  acts();
  wait();
  EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
}

TEST_F(ACall, AKeyThatMeansNothingLeavesTimeForAnother) {
  answered();
  key("9");
  EXPECT_EQ(acts(),
            Acts{"speak This key does nothing. Press 4 to acknowledge, 5 to escalate, 6 to close, star to hear this "
                 "again."})
      << "the engine does not hear of it";
  call.speaking(now, seconds{3});
  EXPECT_EQ(call.wakes_at(), now + seconds{13});
  key("4");
  EXPECT_EQ(acts(), Acts{"key 4"});
  EXPECT_EQ(ids, (std::vector<std::string>{"0f3c-1"}));
}

TEST_F(ACall, WhoPressesNothingButWhatDoesNothingHasNotHeardIt) {
  for (const std::string wrong : {"0", "1", "9", "#"}) {
    SCOPED_TRACE(wrong);
    now = seconds{100};
    call = SipCall(facts());
    answered();
    key(wrong);
    acts();
    wait();
    EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
    EXPECT_EQ(detail, "answered, and no key that was pressed did anything");
  }
}

TEST_F(ACall, AKeyThatIsRefusedLeavesItUnheard) {
  answered();
  key("5");
  told("R-12: not escalated, the climb has moved on since that page", rules::VerdictCode::refused);
  EXPECT_EQ(acts(), (Acts{"key 5", "speak R-12: not escalated, the climb has moved on since that page"}));
  wait();
  EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
}

TEST_F(ACall, AKeyThatIsRefusedWithoutAWordIsNotThankedFor) {
  answered();
  key("4");
  told("", rules::VerdictCode::refused);
  EXPECT_EQ(acts(), (Acts{"key 4", "speak This key does nothing here."}));
  hear(SipWord::closed);
  EXPECT_EQ(acts(), (Acts{"unheard", "finish"}));
}

TEST_F(ACall, WhatWasOverBeforeTheKeyIsHeard) {
  answered();
  key("4");
  told("already resolved", rules::VerdictCode::already_resolved);
  acts();
  wait();
  EXPECT_EQ(acts(), Acts{"hang up"});
}

TEST_F(ACall, AfterThirtyKeysItIsOverAndItsLineFree) {
  answered();
  for (int count = 0; count < 30; ++count) key("*");
  EXPECT_EQ(acts(), Acts(30, "play"));
  key("*");
  EXPECT_EQ(acts(), Acts{"speak That was enough for one call. Good bye."});
  key("*");
  EXPECT_EQ(acts(), Acts{});
  call.speaking(now, seconds{2});
  EXPECT_EQ(call.wakes_at(), now + seconds{3});
  wait();
  EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
}

TEST_F(ACall, WhatIsNotOnTheDiskIsAskedForAgain) {
  answered();
  key("4");
  told("", rules::VerdictCode::done, false);
  EXPECT_EQ(acts(), (Acts{"key 4", "speak It could not be written down. Please press the key again."}));
  call.speaking(now, seconds{3});
  key("4");
  EXPECT_EQ(acts(), Acts{"key 4"});
}

TEST_F(ACall, NobodyWhoPressesNoKeyHasHeardIt) {
  answered();
  wait();
  EXPECT_EQ(now, seconds{120}) << "when the message is over";
  EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
  EXPECT_EQ(detail, "answered, and no key was pressed");
}

TEST_F(ACall, StarBeginsTheMessageAnew) {
  answered();
  now += seconds{15};
  key("*");
  EXPECT_EQ(acts(), Acts{"play"});
  EXPECT_EQ(call.wakes_at(), now + seconds{20});
}

TEST_F(ACall, HungUpWithoutAKeyIsUnheard) {
  answered();
  hear(SipWord::closed, 0, "Connection reset by peer");
  EXPECT_EQ(acts(), (Acts{"unheard", "finish"}));
}

TEST_F(ACall, HungUpAfterAKeyIsHeard) {
  answered();
  key("4");
  hear(SipWord::closed);
  EXPECT_EQ(acts(), (Acts{"key 4", "finish"}));
  told("R-12 is yours.");
  EXPECT_EQ(acts(), Acts{}) << "nobody is there any more to hear it";
}

TEST_F(ACall, NobodyWhoLetsItRingHasHeardIt) {
  ready();
  hear(SipWord::ringing, 180);
  acts();
  wait();
  EXPECT_EQ(now, seconds{130});
  EXPECT_EQ(acts(), (Acts{"unheard", "hang up"}));
  hear(SipWord::closed, 487, "Request Terminated");
  EXPECT_EQ(acts(), Acts{}) << "our own hanging up is no news";
  keep(call.program_ended());
  EXPECT_EQ(acts(), Acts{"finish"});
}

TEST_F(ACall, BusyIsThePersonsNotTheExchanges) {
  ready();
  hear(SipWord::closed, 486, "Busy Here");
  EXPECT_EQ(acts(), (Acts{"dial", "accepted", "unheard", "finish"}));
  EXPECT_EQ(detail, "busy: SIP 486 Busy Here");
}

TEST_F(ACall, DeclinedWhileItRangIsUnheard) {
  ready();
  hear(SipWord::ringing, 180);
  hear(SipWord::closed, 603, "Decline");
  EXPECT_EQ(acts(), (Acts{"dial", "accepted", "unheard", "finish"}));
}

TEST_F(ACall, ThatCannotBeBroughtToItsEndAfterItRangHasFailed) {
  ready();
  hear(SipWord::ringing, 183);
  hear(SipWord::closed, 404, "Not Found");
  EXPECT_EQ(acts(), (Acts{"dial", "accepted", "failed", "finish"}));
}

TEST_F(ACall, NothingButTryingIsUnansweredAndHungUp) {
  ready();
  hear(SipWord::trying, 100);
  acts();
  wait();
  EXPECT_EQ(now, seconds{115});
  EXPECT_EQ(acts(), (Acts{"unanswered", "hang up"}));
  wait();
  EXPECT_EQ(acts(), Acts{"finish"}) << "a program that does not end is ended";
}

TEST_F(ACall, WithdrawnNothingLeaves) {
  ready();
  keep(call.withheld());
  EXPECT_EQ(acts(), (Acts{"dial", "withdrawn", "finish"}));
}

TEST_F(ACall, NotReadyInTimeIsTransient) {
  wait();
  EXPECT_EQ(acts(), (Acts{"transient", "finish"}));
  ready();
  EXPECT_EQ(acts(), Acts{}) << "it is over";
}

TEST_F(ACall, TheProgramsOwnEndIsSaid) {
  ready();
  keep(call.program_ended());
  EXPECT_EQ(acts(), (Acts{"dial", "unanswered", "finish"})) << "what it had sent nobody knows";
}

TEST_F(ACall, AStopEndsItWhereverItIs) {
  SipCall preparing(facts());
  keep(preparing.stop());
  EXPECT_EQ(acts(), (Acts{"transient", "finish"}));
  answered();
  keep(call.stop());
  EXPECT_EQ(acts(), (Acts{"unheard", "finish"}));
  keep(call.stop());
  EXPECT_EQ(acts(), Acts{});
}

struct Refusal {
  std::uint32_t code;
  const char* outcome;
};
class ARefusedCall : public ACall, public ::testing::WithParamInterface<Refusal> {};

TEST_P(ARefusedCall, IsForGoodOrForNowByItsCode) {
  ready();
  hear(SipWord::closed, GetParam().code, "Why");
  EXPECT_EQ(acts(), (Acts{"dial", GetParam().outcome, "finish"}));
}

INSTANTIATE_TEST_SUITE_P(Codes,
                         ARefusedCall,
                         ::testing::Values(Refusal{403, "refused"},
                                           Refusal{404, "refused"},
                                           Refusal{407, "refused"},
                                           Refusal{484, "refused"},
                                           Refusal{488, "refused"},
                                           Refusal{603, "refused"},
                                           Refusal{604, "refused"},
                                           Refusal{0, "transient"},
                                           Refusal{408, "transient"},
                                           Refusal{480, "transient"},
                                           Refusal{500, "transient"},
                                           Refusal{503, "transient"}));

}  // namespace
}  // namespace channels
