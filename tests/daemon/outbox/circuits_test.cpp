// A provider that fails is passed over while another one works, and never when there is no other.
#include <map>

#include <gtest/gtest.h>

#include "daemon/outbox/outbox.hpp"

namespace outbox {
namespace {

using channels::TryOutcome;
using channels::TryResult;
using rules::SendOutcome;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class FakeClock final : public roused::Clock {
 public:
  [[nodiscard]] roused::ClockReading read() const override { return {now, {}}; }
  nanoseconds now{seconds{1'000}};
};

class NoJitter final : public roused::Random {
 public:
  std::uint64_t next() override { return 0; }
};

const TryResult accepts{TryOutcome::accepted, "answered 200 OK", {}};
const TryResult refuses{TryOutcome::refused, "answered 401 Unauthorized", {}};
const TryResult busy{TryOutcome::transient, "answered 503 Service Unavailable", {}};
const TryResult mute{TryOutcome::unanswered, "no answer within 5000 ms", {}};

class FakeProvider final : public channels::Provider {
 public:
  void attempt(const rules::Send& send,
               milliseconds /*limit*/,
               std::function<bool()> /*may_leave*/,
               std::function<void(TryResult)> done) override {
    ++tries;
    if (const auto own = by_address.find(send.address); own != by_address.end()) return done(own->second);
    done(says);
  }
  [[nodiscard]] bool honours_keys() const override { return false; }

  TryResult says = accepts;
  std::map<std::string, TryResult> by_address;
  int tries = 0;
};

rules::Provider configured(std::uint32_t number) {
  rules::Provider provider;
  provider.kind = rules::ProviderKind::webhook;
  provider.url = "http://provider-" + std::to_string(number);
  return provider;
}

// One channel "sms" of three providers; each test says how many of them are configured.
class CircuitTest : public ::testing::Test {
 protected:
  explicit CircuitTest(std::uint32_t count = 2) { configure(count); }

  void configure(std::uint32_t count) {
    channels.resize(1);
    channels[0].name = "sms";
    channels[0].providers.clear();
    for (std::uint32_t number = 1; number <= count; ++number) channels[0].providers.push_back(configured(number));
    box.follow(channels);
  }

  // How a message ends at this provider, and for how long it was tried.
  rules::SendEnded send(std::uint32_t provider, const std::string& address = "+1") {
    answers.clear();
    roused::SendOrder order;
    order.send.message.value = ++last_message;
    order.send.channel = "sms";
    order.send.address = address;
    order.send.provider = provider;
    const nanoseconds begun = clock.now;
    box.perform(std::move(order));
    while (answers.empty()) {
      clock.now += box.next_timer().value();
      while (box.turn()) continue;
    }
    took = clock.now - begun;
    return answers.front();
  }

  bool is_passed_over(std::uint32_t provider, const std::string& address = "+1") {
    const int before = providers[provider].tries;
    const rules::SendEnded ended = send(provider, address);
    const bool is_over = ended.outcome == SendOutcome::refused && ended.detail.find("its circuit is open") == 0;
    EXPECT_EQ(is_over, providers[provider].tries == before);
    if (is_over) {
      EXPECT_EQ(took, nanoseconds{0});
    }
    return is_over;
  }

  void open(std::uint32_t provider, const std::string& address = "+1") {
    const TryResult says = providers[provider].says;
    providers[provider].says = busy;
    for (unsigned failed = 0; failed < failures_to_open; ++failed) send(provider, address);
    providers[provider].says = says;
  }

  FakeClock clock;
  NoJitter random;
  FakeProvider providers[3];
  std::vector<rules::Channel> channels;
  std::vector<rules::SendEnded> answers;
  std::uint64_t last_message = 0;
  nanoseconds took{};
  Outbox box{clock,
             random,
             [this](const std::string& /*channel*/, std::uint32_t index) { return &providers[index]; },
             [this](rules::SendEnded ended) { answers.push_back(std::move(ended)); }};
};

using ACircuit = CircuitTest;

TEST_F(ACircuit, OpensAfterThreeMessagesInARowThatFailedForTheWholeTime) {
  providers[0].says = busy;
  for (int message = 0; message < 3; ++message) {
    EXPECT_FALSE(is_passed_over(0));
    EXPECT_GE(took, seconds{11});
  }
  EXPECT_TRUE(is_passed_over(0));
  EXPECT_NE(answers.front().detail.find("answered 503"), std::string::npos) << "it says why";
  EXPECT_EQ(send(1).outcome, SendOutcome::accepted);
}

TEST_F(ACircuit, OpensAfterThreeThatWentUnanswered) {
  providers[0].says = mute;
  for (int message = 0; message < 3; ++message) EXPECT_EQ(send(0).outcome, SendOutcome::unanswered);
  EXPECT_TRUE(is_passed_over(0));
}

TEST_F(ACircuit, StaysClosedWhenOneInBetweenWorks) {
  for (int message = 0; message < 6; ++message) {
    providers[0].says = message % 3 == 2 ? accepts : busy;
    EXPECT_FALSE(is_passed_over(0));
  }
}

TEST_F(ACircuit, StaysClosedWhateverIsRefusedForGood) {
  providers[0].says = refuses;
  for (int message = 0; message < 10; ++message) EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, StaysClosedWhenWhatFailsIsWithdrawn) {
  providers[0].says = busy;
  for (int message = 0; message < 10; ++message) {
    answers.clear();
    const auto flag = std::make_shared<std::atomic<bool>>(false);
    roused::SendOrder order;
    order.send.message.value = ++last_message;
    order.send.channel = "sms";
    order.withdrawn = flag;
    box.perform(std::move(order));
    while (box.turn()) continue;
    flag->store(true, std::memory_order_release);
    while (answers.empty()) {
      clock.now += box.next_timer().value();
      while (box.turn()) continue;
    }
    EXPECT_EQ(answers.front().outcome, SendOutcome::withdrawn);
  }
  EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, OfTheOnlyProviderKeepsNothingBack) {
  configure(1);
  open(0);
  EXPECT_EQ(send(0).outcome, SendOutcome::accepted);
}

TEST_F(ACircuit, OfTheLastProviderKeepsNothingBack) {
  open(1);
  for (int message = 0; message < 5; ++message) EXPECT_FALSE(is_passed_over(1));
}

TEST_F(ACircuit, IsNoReasonToRefuseWhenEveryLaterOneIsOpenToo) {
  open(0);
  open(1);
  for (int message = 0; message < 5; ++message) EXPECT_FALSE(is_passed_over(0)) << "it would open to nothing";
  EXPECT_FALSE(is_passed_over(1));
}

TEST_F(ACircuit, PassesOverTwoWhenTheThirdWorks) {
  configure(3);
  open(0);
  open(1);
  EXPECT_EQ(send(2).outcome, SendOutcome::accepted);
  EXPECT_TRUE(is_passed_over(1));
}

TEST_F(ACircuit, DoesNotOpenToOneThatRefusedWhatItHadLast) {
  open(0);
  providers[1].says = refuses;
  EXPECT_EQ(send(1).outcome, SendOutcome::refused);
  EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, DoesNotOpenToOneThatCannotWork) {
  box.follow(channels, [](const std::string& /*channel*/, std::uint32_t index) { return index == 0; });
  open(0);
  EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, DoesNotOpenToALogThatTellsNobody) {
  channels[0].providers[1].kind = rules::ProviderKind::log;
  box.follow(channels);
  open(0);
  EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, IsProbedAfterHalfAMinuteByOneMessageThatClosesItWhenItIsTaken) {
  open(0);
  clock.now += seconds{29};
  EXPECT_TRUE(is_passed_over(0));
  clock.now += seconds{1};
  EXPECT_FALSE(is_passed_over(0));
  EXPECT_EQ(answers.front().outcome, SendOutcome::accepted);
  EXPECT_FALSE(is_passed_over(0));
}

TEST_F(ACircuit, AMessageThatProbesInVainGoesOnAtOnceAndTheNextWaitDoublesUpToTenMinutes) {
  open(0);
  providers[0].says = busy;
  nanoseconds wait = first_probe_wait;
  for (int probe = 0; probe < 7; ++probe) {
    clock.now += wait - milliseconds{1};
    EXPECT_TRUE(is_passed_over(0));
    clock.now += milliseconds{1};
    const rules::SendEnded ended = send(0);
    EXPECT_EQ(ended.outcome, SendOutcome::refused);
    EXPECT_EQ(ended.detail, "its circuit stays open: answered 503 Service Unavailable");
    EXPECT_EQ(took, nanoseconds{0});
    wait = std::min<nanoseconds>(2 * wait, minutes{10});
  }
  EXPECT_EQ(wait, minutes{10});
}

TEST_F(ACircuit, AProbeIsAlone) {
  open(0);
  clock.now += first_probe_wait;
  rules::Send first;
  Circuits circuits;
  circuits.follow(channels, {});
  first.channel = "sms";
  const std::shared_ptr<Line> line = circuits.find("sms", 0);
  for (unsigned failed = 0; failed < failures_to_open; ++failed)
    circuits.hear(*line, first, Sign::fails, false, clock.now, "busy");
  const nanoseconds due = clock.now + first_probe_wait;
  EXPECT_EQ(circuits.ask(first, due), Circuits::Way::probe);
  EXPECT_EQ(circuits.ask(first, due), Circuits::Way::refused);
  circuits.hear(*line, first, Sign::none, true, due, {});
  EXPECT_EQ(circuits.ask(first, due), Circuits::Way::probe) << "it was withdrawn: the next one probes";
}

TEST_F(ACircuit, IsProbedAtOnceWhenTheWayOutFails) {
  open(0);
  providers[1].says = busy;
  EXPECT_TRUE(is_passed_over(0));
  send(1);
  EXPECT_FALSE(is_passed_over(0));
  EXPECT_EQ(answers.front().outcome, SendOutcome::accepted);
}

TEST_F(ACircuit, IsThatOfOneAddressWhereEachPersonHasAnEndpointOfTheirOwn) {
  channels[0].providers[0].url.clear();
  box.follow(channels);
  providers[0].by_address["http://dead"] = busy;
  for (unsigned failed = 0; failed < failures_to_open; ++failed) send(0, "http://dead");
  EXPECT_TRUE(is_passed_over(0, "http://dead"));
  EXPECT_FALSE(is_passed_over(0, "http://alive"));
}

TEST_F(ACircuit, IsThatOfOneServerWhereNtfyContactsNameServersOfTheirOwn) {
  channels[0].providers[0].kind = rules::ProviderKind::ntfy;
  box.follow(channels);
  for (const char* const topic : {"https://dead.example/olga", "https://dead.example/omar"})
    providers[0].by_address[topic] = busy;
  for (unsigned failed = 0; failed < failures_to_open; ++failed) send(0, "https://dead.example/olga");
  EXPECT_TRUE(is_passed_over(0, "https://dead.example/omar")) << "the same server";
  EXPECT_FALSE(is_passed_over(0, "https://alive.example/omar"));
  EXPECT_FALSE(is_passed_over(0, "a-topic")) << "of the provider's own";
}

TEST_F(ACircuit, IsKeptOverAReloadThatLeavesTheProviderAsItIs) {
  open(0);
  channels[0].providers.insert(channels[0].providers.begin(), configured(9));
  box.follow(channels);
  EXPECT_FALSE(is_passed_over(0)) << "a new one";
  EXPECT_TRUE(is_passed_over(1)) << "the same at another place";
  channels[0].providers[1].timeout = seconds{7};
  box.follow(channels);
  EXPECT_FALSE(is_passed_over(1)) << "what is configured anew is believed";
}

TEST_F(ACircuit, CanBeSeenAndTheTriesAreCounted) {
  open(0);
  send(1);
  const std::vector<Outbox::ProviderHealth> all = box.health();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].health->is_open);
  EXPECT_GT(all[0].health->tries[static_cast<std::size_t>(TryOutcome::transient)], 3U);
  EXPECT_FALSE(all[1].health->is_open);
  EXPECT_EQ(all[1].health->tries[static_cast<std::size_t>(TryOutcome::accepted)], 1U);
  clock.now += first_probe_wait;
  send(0);
  EXPECT_FALSE(all[0].health->is_open) << "it works again";
}

TEST_F(ACircuit, OfAChannelThatIsNotConfiguredAnyMoreKeepsNothingBack) {
  open(0);
  box.follow({});
  EXPECT_EQ(send(0).outcome, SendOutcome::accepted);
}

}  // namespace
}  // namespace outbox
