#include "daemon/outbox/outbox.hpp"

#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace outbox {
namespace {

using channels::TryOutcome;
using channels::TryResult;
using rules::SendOutcome;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class FakeClock final : public roused::Clock {
 public:
  [[nodiscard]] roused::ClockReading read() const override { return {now, {}}; }
  nanoseconds now{seconds{1'000}};
};

class SeededRandom final : public roused::Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Answers from a script, else keeps `done` for the test to call.
class FakeProvider final : public channels::Provider {
 public:
  struct Try {
    nanoseconds at{};
    rules::Send send;
    milliseconds limit{};
    std::function<bool()> may_leave;
    std::function<void(TryResult)> done;
  };

  explicit FakeProvider(const FakeClock& clock) : clock_(clock) {}

  void attempt(const rules::Send& send,
               milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override {
    tries.push_back({clock_.now, send, limit, may_leave, done});
    if (at_attempt) at_attempt();
    if (looks && !may_leave()) return done({TryOutcome::withdrawn, {}, {}});
    if (always) return done(*always);
    if (script.empty()) return;
    const TryResult result = script.front();
    script.pop_front();
    done(result);
  }
  // Knows of nothing, unless `listed` says otherwise, one by one.
  void look_up(const rules::Send& send, milliseconds limit, std::function<void(TryResult)> done) override {
    looks_up.push_back({clock_.now, send, limit, {}, done});
    if (!lists) return;
    TryResult result{TryOutcome::unanswered, {}, {}};
    if (!listed.empty()) {
      result = listed.front();
      listed.pop_front();
    }
    done(result);
  }
  [[nodiscard]] bool honours_keys() const override { return is_keyed; }

  std::vector<Try> looks_up;
  std::deque<TryResult> listed;
  bool lists = true;
  std::vector<Try> tries;
  std::deque<TryResult> script;
  std::optional<TryResult> always;
  std::function<void()> at_attempt;
  bool looks = true;
  bool is_keyed = true;

 private:
  const FakeClock& clock_;
};

TryResult accepted() {
  return {TryOutcome::accepted, "answered 200 OK", {}};
}
TryResult refused() {
  return {TryOutcome::refused, "answered 400 Bad Request", {}};
}
TryResult transient() {
  return {TryOutcome::transient, "answered 503 Service Unavailable", {}};
}
TryResult transient_for(milliseconds wait) {
  return {TryOutcome::transient, "answered 429 Too Many Requests", wait};
}
TryResult unanswered() {
  return {TryOutcome::unanswered, "no answer within 5000 ms", {}};
}

// An outbox on a clock that a test moves, with one channel "sms" of two providers.
class OutboxTest : public ::testing::Test {
 protected:
  std::shared_ptr<std::atomic<bool>> perform(std::uint64_t message = 1,
                                             std::uint32_t provider = 0,
                                             const std::string& channel = "sms") {
    auto flag = std::make_shared<std::atomic<bool>>(false);
    roused::SendOrder order;
    order.send.message.value = message;
    order.send.key = "key-" + std::to_string(message);
    order.send.channel = channel;
    order.send.provider = provider;
    order.withdrawn = flag;
    box->perform(std::move(order));
    return flag;
  }

  void take_turns() {
    while (box->turn()) continue;
  }

  // To the next instant at which the outbox has something to do; false when it has nothing.
  bool step() {
    const std::optional<nanoseconds> timer = box->next_timer();
    if (!timer) return false;
    clock.now += *timer;
    take_turns();
    return true;
  }

  void run_out() {
    for (int steps = 0; step(); ++steps) ASSERT_LT(steps, 1'000) << "it never ends";
  }

  [[nodiscard]] const rules::SendEnded& only_answer() const {
    if (answers.size() != 1) throw std::runtime_error(std::to_string(answers.size()) + " answers instead of one");
    return answers.front();
  }

  FakeClock clock;
  SeededRandom random{7};
  FakeProvider first{clock};
  FakeProvider second{clock};
  std::vector<rules::SendEnded> answers;
  std::vector<nanoseconds> answered_at;
  std::function<void(const rules::SendEnded&)> at_answer;
  std::unique_ptr<Outbox> box = std::make_unique<Outbox>(
      clock,
      random,
      [this](const std::string& channel, std::uint32_t index) -> channels::Provider* {
        if (channel != "sms" || index > 1) return nullptr;
        return index == 0 ? &first : &second;
      },
      [this](rules::SendEnded ended) {
        answers.push_back(ended);
        answered_at.push_back(clock.now);
        if (at_answer) at_answer(ended);
      });
};

using Tries = OutboxTest;
using Unanswered = OutboxTest;
using Withdrawal = OutboxTest;
using Orders = OutboxTest;
using GracefulStop = OutboxTest;

TEST_F(Tries, AnAcceptedTryIsTheOnlyOne) {
  first.always = accepted();
  perform(5);
  EXPECT_TRUE(answers.empty()) << "perform() only queues";
  EXPECT_EQ(box->next_timer(), nanoseconds{0});
  run_out();
  EXPECT_EQ(only_answer().message.value, 5U);
  EXPECT_EQ(only_answer().provider, 0U);
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
  EXPECT_EQ(only_answer().detail, "answered 200 OK");
  EXPECT_EQ(first.tries.size(), 1U);
  EXPECT_TRUE(box->is_idle());
}

TEST_F(Tries, ARefusalForGoodIsAnsweredAtOnceWithoutAnotherTry) {
  first.always = refused();
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::refused);
  EXPECT_EQ(only_answer().detail, "answered 400 Bad Request");
  EXPECT_EQ(first.tries.size(), 1U);
}

TEST_F(Tries, ATransientErrorIsTriedAgainUntilItIsAccepted) {
  first.script = {transient(), transient(), accepted()};
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
  ASSERT_EQ(first.tries.size(), 3U);
  for (const auto& each : first.tries) {
    EXPECT_EQ(each.send.key, "key-1");
    EXPECT_FALSE(each.send.possible_duplicate) << "nothing was taken: it is no duplicate";
  }
}

TEST_F(Tries, TransientErrorsAreARefusalWhenTheFifteenSecondsAreOver) {
  first.always = transient();
  const nanoseconds begun = clock.now;
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::refused);
  EXPECT_NE(only_answer().detail.find("answered 503"), std::string::npos);
  EXPECT_LE(answered_at.front() - begun, seconds{15});
  EXPECT_GE(answered_at.front() - begun, seconds{11}) << "the time for tries is used";
}

TEST_F(Tries, EachTryHasWhatIsLeftOfTheFifteenSeconds) {
  first.always = transient();
  const nanoseconds begun = clock.now;
  perform();
  run_out();
  ASSERT_GE(first.tries.size(), 4U);
  EXPECT_EQ(first.tries.front().limit, seconds{15});
  for (const auto& each : first.tries) {
    EXPECT_EQ(each.limit, std::chrono::floor<milliseconds>(seconds{15} - (each.at - begun)));
    EXPECT_GE(each.limit, milliseconds{1});
  }
}

TEST_F(Tries, WaitsDoubleFromHalfASecondAndAreDrawnWithinHalfOfThat) {
  const auto seed = static_cast<std::uint64_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::set<nanoseconds> first_waits;
  for (std::uint64_t round = 0; round < 200; ++round) {
    SeededRandom drawn(seed + round);
    FakeProvider provider(clock);
    provider.always = transient();
    int ends = 0;
    Outbox each(
        clock,
        drawn,
        [&](const std::string&, std::uint32_t) { return &provider; },
        [&](const rules::SendEnded&) { ++ends; });
    const nanoseconds begun = clock.now;
    each.perform({});
    while (const auto timer = each.next_timer()) {
      clock.now += *timer;
      each.turn();
      ASSERT_LE(provider.tries.size(), 20U);
    }
    ASSERT_EQ(ends, 1);
    ASSERT_LE(clock.now - begun, seconds{15});
    ASSERT_GE(provider.tries.size(), 4U);
    ASSERT_LE(provider.tries.size(), 20U);
    first_waits.insert(provider.tries[1].at - provider.tries[0].at);
    nanoseconds middle = milliseconds{500};
    for (std::size_t index = 1; index < provider.tries.size(); ++index, middle *= 2) {
      const nanoseconds wait = provider.tries[index].at - provider.tries[index - 1].at;
      const nanoseconds left = seconds{15} - (provider.tries[index - 1].at - begun);
      ASSERT_LE(wait, middle * 3 / 2);
      ASSERT_LT(wait, left);
      if (middle <= left / 2) {
        ASSERT_GE(wait, middle / 2);
      }
    }
  }
  EXPECT_GT(first_waits.size(), 150U) << "drawn, not the same for all";
}

TEST_F(Tries, ARetryAfterThatFitsIsWaitedFor) {
  first.script = {transient_for(seconds{9}), accepted()};
  perform();
  run_out();
  ASSERT_EQ(first.tries.size(), 2U);
  EXPECT_EQ(first.tries[1].at - first.tries[0].at, seconds{9});
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Tries, ARetryAfterBeyondTheFifteenSecondsLeavesTheWaitAsItIs) {
  first.script = {transient_for(seconds{60}), accepted()};
  perform();
  run_out();
  ASSERT_EQ(first.tries.size(), 2U);
  EXPECT_LE(first.tries[1].at - first.tries[0].at, milliseconds{750});
}

TEST_F(Tries, ARetryAfterOfNothingDoesNotHammer) {
  first.script = {transient_for(milliseconds{0}), accepted()};
  perform();
  run_out();
  ASSERT_EQ(first.tries.size(), 2U);
  EXPECT_GE(first.tries[1].at - first.tries[0].at, milliseconds{250});
}

TEST_F(Tries, AStalledLoopStillMakesTheFirstTryWithItsWholeTime) {
  first.always = accepted();
  perform();
  clock.now += std::chrono::hours{1};
  take_turns();
  ASSERT_EQ(first.tries.size(), 1U);
  EXPECT_EQ(first.tries[0].limit, seconds{15});
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Tries, AProviderThatIsNotThereIsARefusalInWords) {
  perform(1, 2);
  perform(2, 0, "voice");
  run_out();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].outcome, SendOutcome::refused);
  EXPECT_EQ(answers[0].provider, 2U);
  EXPECT_EQ(answers[0].detail, "channel sms has no provider 3");
  EXPECT_EQ(answers[1].detail, "channel voice has no provider 1");
}

TEST_F(Tries, TheDetailIsShortAndOneLine) {
  first.always = TryResult{TryOutcome::refused, "line\nbreak " + std::string(5'000, 'x'), {}};
  perform();
  run_out();
  EXPECT_LE(only_answer().detail.size(), detail_bytes);
  EXPECT_EQ(only_answer().detail.find('\n'), std::string::npos);
}

TEST_F(Tries, WhatTheProviderCallsTheMessageGoesToTheRules) {
  first.always = TryResult{TryOutcome::accepted, "answered 201 Created", {}, "SM42"};
  perform();
  run_out();
  EXPECT_EQ(only_answer().reference, "SM42");
}

TEST_F(Unanswered, WithoutKeysItIsAskedForUntilTheFifteenSecondsAreOverAndNeverSentTwice) {
  first.is_keyed = false;
  first.always = unanswered();
  const nanoseconds begun = clock.now;
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_EQ(only_answer().detail, unanswered().detail);
  EXPECT_EQ(answered_at.front() - begun, tries_last);
  EXPECT_EQ(first.tries.size(), 1U);
  ASSERT_GE(first.looks_up.size(), 3U);
  EXPECT_EQ(first.looks_up.front().at, begun) << "at once";
  EXPECT_TRUE(box->is_idle());
}

TEST_F(Unanswered, WithoutKeysItIsAcceptedWhenTheProviderListsIt) {
  first.is_keyed = false;
  first.always = unanswered();
  first.listed = {unanswered(), TryResult{TryOutcome::accepted, "listed", {}, "SM42"}};
  const nanoseconds begun = clock.now;
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
  EXPECT_EQ(only_answer().reference, "SM42");
  EXPECT_EQ(answered_at.front() - begun, first_look_wait);
  EXPECT_EQ(first.looks_up.back().send.key, "key-1");
}

TEST_F(Unanswered, AProviderThatNeverSaysWhatItHasIsNotWaitedForForEver) {
  first.is_keyed = false;
  first.always = unanswered();
  first.lists = false;
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_TRUE(box->is_idle());
  first.looks_up.front().done(accepted());
  EXPECT_EQ(answers.size(), 1U) << "a late answer is none";
}

TEST_F(Unanswered, TheNextProviderDoesNotWaitForTheQuestionsToThisOne) {
  first.is_keyed = false;
  first.always = unanswered();
  second.always = accepted();
  perform(1, 0);
  take_turns();
  EXPECT_TRUE(answers.empty());
  perform(1, 1);
  take_turns();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].outcome, SendOutcome::unanswered);
  EXPECT_EQ(answers[1].outcome, SendOutcome::accepted);
  EXPECT_TRUE(box->is_idle());
}

TEST_F(Withdrawal, EndsTheQuestionsWhatBecameOfIt) {
  first.is_keyed = false;
  first.always = unanswered();
  const auto flag = perform();
  take_turns();
  flag->store(true, std::memory_order_release);
  ASSERT_TRUE(step());
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_EQ(first.looks_up.size(), 1U);
}

TEST_F(GracefulStop, WhatWentUnansweredAndIsAskedForIsReportedAsThat) {
  first.is_keyed = false;
  first.always = unanswered();
  perform();
  take_turns();
  box->stop_starting();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_TRUE(box->is_idle());
  EXPECT_FALSE(box->next_timer());
}

TEST_F(Unanswered, WithKeysItIsTriedAgainUnderTheSameKeyMarkedAsAPossibleDuplicate) {
  first.script = {unanswered(), accepted()};
  perform();
  run_out();
  ASSERT_EQ(first.tries.size(), 2U);
  EXPECT_EQ(first.tries[0].send.key, first.tries[1].send.key);
  EXPECT_FALSE(first.tries[0].send.possible_duplicate);
  EXPECT_TRUE(first.tries[1].send.possible_duplicate);
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Unanswered, TheMarkOfTheEngineStays) {
  first.always = accepted();
  roused::SendOrder order;
  order.send.channel = "sms";
  order.send.possible_duplicate = true;
  box->perform(std::move(order));
  run_out();
  EXPECT_TRUE(first.tries.at(0).send.possible_duplicate);
}

TEST_F(Unanswered, AllTriesUnansweredIsUnansweredWithinTheFifteenSeconds) {
  perform();
  const nanoseconds begun = clock.now;
  take_turns();
  while (answers.empty()) {
    ASSERT_LT(first.tries.size(), 20U);
    clock.now += std::min<milliseconds>(first.tries.back().limit, seconds{5});
    const std::size_t tries = first.tries.size();
    first.tries.back().done(unanswered());
    while (answers.empty() && first.tries.size() == tries) ASSERT_TRUE(step());
  }
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_GE(first.tries.size(), 3U);
  EXPECT_LE(clock.now - begun, seconds{15});
}

TEST_F(Unanswered, ALaterRefusalDoesNotMakeItRefused) {
  first.script = {unanswered(), refused()};
  perform();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_NE(only_answer().detail.find("no answer"), std::string::npos);
  EXPECT_NE(only_answer().detail.find("answered 400"), std::string::npos);
  EXPECT_EQ(first.tries.size(), 2U);
}

TEST_F(Unanswered, LaterTransientErrorsDoNotMakeItRefused) {
  first.script = {unanswered()};
  perform();
  take_turns();
  first.always = transient();
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
}

TEST_F(Unanswered, AProviderThatIsTakenAwayMeanwhileDoesNotMakeItRefused) {
  first.script = {unanswered()};
  std::vector<rules::SendEnded> ended;
  channels::Provider* there = &first;
  Outbox other(
      clock,
      random,
      [&](const std::string&, std::uint32_t) { return there; },
      [&](rules::SendEnded one) { ended.push_back(std::move(one)); });
  other.perform({});
  other.turn();
  there = nullptr;
  clock.now += *other.next_timer();
  other.turn();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].outcome, SendOutcome::unanswered);
}

TEST_F(Unanswered, AProviderThatNeverAnswersIsNotWaitedForForEver) {
  perform();
  const nanoseconds begun = clock.now;
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_EQ(answered_at.front() - begun, tries_last + overrun_grace);
  EXPECT_EQ(box->counters().overrun, 1U);
  EXPECT_TRUE(box->is_idle());
  first.tries.at(0).done(accepted());
  EXPECT_EQ(answers.size(), 1U) << "a late answer is none";
}

TEST_F(Withdrawal, BeforeTheFirstTryNothingIsBegun) {
  first.always = accepted();
  perform()->store(true, std::memory_order_release);
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::withdrawn);
  EXPECT_TRUE(first.tries.empty());
}

TEST_F(Withdrawal, BetweenTwoTriesNoFurtherOneIsBegun) {
  first.always = transient();
  const auto flag = perform();
  take_turns();
  ASSERT_EQ(first.tries.size(), 1U);
  flag->store(true, std::memory_order_release);
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::withdrawn);
  EXPECT_EQ(first.tries.size(), 1U);
}

TEST_F(Withdrawal, TheProviderSeesItRightBeforeTheFirstByte) {
  const auto flag = perform();
  first.at_attempt = [&] { flag->store(true, std::memory_order_release); };
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::withdrawn);
  EXPECT_EQ(first.tries.size(), 1U);
}

TEST_F(Withdrawal, AfterTheFirstByteTheOutcomeStands) {
  first.looks = false;
  const auto flag = perform();
  take_turns();
  flag->store(true, std::memory_order_release);
  first.tries.at(0).done(accepted());
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Withdrawal, AfterAnUnansweredTryItIsUnanswered) {
  first.script = {unanswered()};
  const auto flag = perform();
  take_turns();
  flag->store(true, std::memory_order_release);
  run_out();
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
  EXPECT_EQ(first.tries.size(), 1U);
}

TEST_F(Withdrawal, OfOneMessageLeavesTheOthers) {
  first.always = accepted();
  perform(1)->store(true, std::memory_order_release);
  perform(2);
  run_out();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].outcome, SendOutcome::withdrawn);
  EXPECT_EQ(answers[1].outcome, SendOutcome::accepted);
}

TEST_F(Orders, LeaveInTheOrderOfPerformWithoutWaitingForEachOther) {
  for (std::uint64_t message = 1; message <= 300; ++message) perform(message);
  take_turns();
  ASSERT_EQ(first.tries.size(), 300U);
  for (std::uint64_t message = 1; message <= 300; ++message)
    EXPECT_EQ(first.tries[message - 1].send.message.value, message);
}

TEST_F(Orders, ATurnIsBoundedAndSaysThatThereIsMore) {
  for (std::uint64_t message = 1; message <= 100; ++message) perform(message);
  EXPECT_TRUE(box->turn());
  EXPECT_LT(first.tries.size(), 100U);
  EXPECT_GT(first.tries.size(), 0U);
}

TEST_F(Orders, AnAnswerTwiceIsAnswerOnce) {
  perform();
  take_turns();
  first.tries.at(0).done(accepted());
  first.tries.at(0).done(refused());
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Orders, AnAnswerToAnEarlierTryDoesNotEndALaterOne) {
  first.looks = false;
  perform();
  take_turns();
  first.tries.at(0).done(transient());
  ASSERT_TRUE(step());
  ASSERT_EQ(first.tries.size(), 2U);
  first.tries.at(0).done(refused());
  EXPECT_TRUE(answers.empty());
  first.tries.at(1).done(accepted());
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
}

TEST_F(Orders, TheSameMessageToTheNextProviderIsAnOrderOfItsOwn) {
  first.always = refused();
  second.always = accepted();
  at_answer = [this](const rules::SendEnded& ended) {
    if (ended.outcome == SendOutcome::refused) perform(1, 1);
  };
  perform(1, 0);
  run_out();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].outcome, SendOutcome::accepted);
  EXPECT_EQ(answers[1].provider, 1U);
}

TEST_F(Orders, TheSameOrderTwiceIsSentOnceAndAnsweredTwice) {
  perform(1, 0);
  perform(1, 0);
  take_turns();
  ASSERT_EQ(first.tries.size(), 1U);
  EXPECT_EQ(box->pending(), 2U);
  first.tries[0].done(accepted());
  run_out();
  EXPECT_EQ(first.tries.size(), 1U);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].outcome, SendOutcome::accepted);
  EXPECT_EQ(box->pending(), 0U);
}

TEST_F(Orders, TheSameMessageToAnotherProviderWaitsForTheFormer) {
  second.always = accepted();
  perform(1, 0);
  perform(1, 1);
  take_turns();
  EXPECT_TRUE(second.tries.empty());
  first.tries.at(0).done(refused());
  run_out();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].outcome, SendOutcome::refused);
  EXPECT_EQ(answers[1].outcome, SendOutcome::accepted);
  EXPECT_EQ(second.tries.size(), 1U);
}

TEST_F(Orders, AnswersAfterTheEndOfTheOutboxGoNowhere) {
  perform();
  take_turns();
  box.reset();
  first.tries.at(0).done(accepted());
  EXPECT_TRUE(answers.empty());
}

// Whatever providers do, each order is answered once, within the time, and never as refused after an unanswered try.
TEST_F(Orders, EachIsAnsweredExactlyOnceWhateverTheProvidersDo) {
  const auto seed = static_cast<std::uint64_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 dice(seed);
  for (int round = 0; round < 300; ++round) {
    answers.clear();
    first.tries.clear();
    std::set<std::uint64_t> was_unanswered;
    std::map<std::uint64_t, std::shared_ptr<std::atomic<bool>>> flags;
    std::set<std::uint64_t> withdrawn_before;
    first.is_keyed = dice() % 2 == 0;
    first.looks = true;
    const nanoseconds begun = clock.now;
    for (std::uint64_t message = 1; message <= 8; ++message) flags[message] = perform(message);
    std::vector<std::size_t> open;
    std::size_t known = 0;
    for (int steps = 0; answers.size() < 8; ++steps) {
      ASSERT_LT(steps, 10'000);
      take_turns();
      for (; known < first.tries.size(); ++known) {
        ASSERT_FALSE(withdrawn_before.contains(first.tries[known].send.message.value)) << "a try after the withdrawal";
        open.push_back(known);
      }
      if (dice() % 10 == 0) {
        const std::uint64_t message = 1 + dice() % 8;
        flags[message]->store(true, std::memory_order_release);
        withdrawn_before.insert(message);
      }
      if (!open.empty() && dice() % 4 != 0) {
        const std::size_t at = dice() % open.size();
        const auto answered = first.tries[open[at]];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
        const TryResult results[] = {accepted(), refused(), transient(), transient_for(seconds{2}), unanswered()};
        const TryResult& result = results[dice() % 5];
        if (result.outcome == TryOutcome::unanswered) was_unanswered.insert(answered.send.message.value);
        answered.done(result);
      } else if (const auto timer = box->next_timer()) {
        clock.now += std::min<nanoseconds>(*timer, milliseconds{dice() % 3'000});
      }
    }
    std::set<std::uint64_t> seen;
    for (const rules::SendEnded& ended : answers) {
      EXPECT_TRUE(seen.insert(ended.message.value).second);
      if (was_unanswered.contains(ended.message.value)) {
        EXPECT_TRUE(ended.outcome == SendOutcome::accepted || ended.outcome == SendOutcome::unanswered);
      }
    }
    EXPECT_LE(clock.now - begun, tries_last + overrun_grace + milliseconds{1});
    EXPECT_TRUE(box->is_idle());
    EXPECT_FALSE(box->next_timer());
    EXPECT_EQ(box->pending(), 0U);
    if (HasFailure()) return;
  }
}

TEST_F(GracefulStop, BeginsNoTryAndReportsNobodyWhoWaits) {
  first.script = {transient()};
  perform(1);
  take_turns();
  perform(2);
  box->stop_starting();
  EXPECT_TRUE(box->is_idle());
  EXPECT_FALSE(box->next_timer());
  clock.now += seconds{60};
  take_turns();
  perform(3);
  take_turns();
  EXPECT_EQ(first.tries.size(), 1U);
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(box->pending(), 3U);
}

TEST_F(GracefulStop, WhatIsUnderWayEndsAndIsReported) {
  perform(1);
  perform(2);
  take_turns();
  box->stop_starting();
  EXPECT_FALSE(box->is_idle());
  first.tries.at(0).done(accepted());
  EXPECT_EQ(only_answer().outcome, SendOutcome::accepted);
  first.tries.at(1).done(transient());
  EXPECT_EQ(answers.size(), 1U) << "the next start tries it again";
  EXPECT_TRUE(box->is_idle());
  EXPECT_FALSE(box->next_timer());
}

TEST_F(GracefulStop, AProviderThatNeverAnswersDoesNotKeepItFromEnding) {
  perform(1);
  take_turns();
  box->stop_starting();
  run_out();
  EXPECT_TRUE(box->is_idle());
  EXPECT_EQ(only_answer().outcome, SendOutcome::unanswered);
}

TEST_F(Orders, AreCounted) {
  first.script = {transient(), accepted(), refused()};
  perform(1);
  run_out();
  perform(2);
  run_out();
  perform(3)->store(true, std::memory_order_release);
  run_out();
  const Counters& counters = box->counters();
  EXPECT_EQ(counters.performed, 3U);
  EXPECT_EQ(counters.tries, 3U);
  EXPECT_EQ(counters.tries_transient, 1U);
  EXPECT_EQ(counters.accepted, 1U);
  EXPECT_EQ(counters.refused, 1U);
  EXPECT_EQ(counters.withdrawn, 1U);
  EXPECT_EQ(counters.unanswered, 0U);
}

}  // namespace
}  // namespace outbox
