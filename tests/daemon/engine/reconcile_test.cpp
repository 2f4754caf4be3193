// Asking senders for what they have: the real client against stand-ins on loopback. The clock stands still unless a
// test moves it; whatever is due is begun by a turn.
#include "daemon/reconcile.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"
#include "tests/daemon/net/support.hpp"

namespace roused {
namespace {

using api::Reconciliation;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StillClock final : public Clock {
 public:
  [[nodiscard]] ClockReading read() const override {
    const std::chrono::nanoseconds boot{boot_.load()};
    return {.boot = boot,
            .wall = *rules::parse_rfc3339("2026-11-22T21:00:00Z") + std::chrono::duration_cast<milliseconds>(boot)};
  }
  void pass(std::chrono::nanoseconds span) { boot_ += span.count(); }

 private:
  std::atomic<std::int64_t> boot_{1'000'000'000};
};

// An Alertmanager that answers what a test says, when it says so.
class StandIn {
 public:
  StandIn()
      : server_{loop_.loop(), {}, [this](net::Request&& request, net::Responder responder) {
                  const std::lock_guard lock{mutex_};
                  asked_.push_back(request.path);
                  if (is_mute_) {
                    waiting_.push_back(std::move(responder));
                    return;
                  }
                  responder.send(answer(request.path));
                }} {
    const tl::expected<std::string, std::string> address = server_.listen("127.0.0.1:0");
    if (!address) throw std::runtime_error(address.error());
    url_ = "http://" + *address;
    loop_.start();
  }
  ~StandIn() {
    loop_.run([this] { waiting_.clear(); });
    loop_.stop();
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  void says(std::string alerts, unsigned status = 200) {
    const std::lock_guard lock{mutex_};
    alerts_ = std::move(alerts);
    status_ = status;
  }
  void started(std::string uptime) {
    const std::lock_guard lock{mutex_};
    uptime_ = std::move(uptime);
  }
  void falls_mute() {
    const std::lock_guard lock{mutex_};
    is_mute_ = true;
  }
  // Answers what waits.
  void speaks() {
    loop_.run([this] {
      const std::lock_guard lock{mutex_};
      is_mute_ = false;
      for (net::Responder& responder : waiting_) responder.send(answer("/api/v2/alerts"));
      waiting_.clear();
    });
  }
  [[nodiscard]] std::vector<std::string> asked() const {
    const std::lock_guard lock{mutex_};
    return asked_;
  }
  [[nodiscard]] std::size_t lists_asked() const {
    const std::vector<std::string> all = asked();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), "/api/v2/alerts"));
  }

 private:
  net::Response answer(const std::string& path) {
    net::Response response;
    response.content_type = "application/json";
    if (path == "/api/v2/alerts") {
      response.status = status_;
      response.body = alerts_;
    } else if (path == "/api/v2/status" && !uptime_.empty()) {
      response.status = 200;
      response.body = R"({"uptime":")" + uptime_ + R"("})";
    } else {
      response.status = 404;
    }
    return response;
  }

  mutable std::mutex mutex_;
  std::string alerts_{"[]"};
  std::string uptime_;
  unsigned status_{200};
  bool is_mute_{};
  std::vector<std::string> asked_;
  std::vector<net::Responder> waiting_;
  std::string url_;
  net::testing::LoopThread loop_;
  net::Server server_;
};

struct Ended {
  std::string source;
  Reconciliation outcome{};
  bool operator==(const Ended&) const = default;
};

class Reconciling : public ::testing::Test {
 protected:
  ~Reconciling() override {
    loop_.run([this] { reconciler_.reset(); });
    loop_.stop();
  }
  void SetUp() override {
    loop_.start();
    make();
  }
  void make() {
    loop_.run([this] {
      reconciler_.reset();
      Reconciler::Makings makings{
          .clock = clock_,
          .loop = loop_.loop(),
          .tell =
              [this](rules::Event event, std::size_t bytes) {
                const std::lock_guard lock{mutex_};
                told_.push_back(std::get<rules::Reconciled>(std::move(event)));
                bytes_ = bytes;
                return has_room_;
              },
          .count =
              [this](const std::string& source, Reconciliation outcome) {
                const std::lock_guard lock{mutex_};
                ended_.push_back({source, outcome});
                said_.notify_all();
              },
          .changed =
              [this](const std::string& source, Reconciliation outcome, const std::string& why) {
                const std::lock_guard lock{mutex_};
                changes_.push_back(fmt::format("{} {} {}", source, api::to_text(outcome), why));
              }};
      reconciler_ = std::make_unique<Reconciler>(std::move(makings), options_);
    });
  }

  void follow(const std::vector<rules::SourceSettings>& sources) {
    auto policy = std::make_shared<rules::Policy>();
    policy->sources = sources;
    loop_.run([&] { reconciler_->follow(policy, 7); });
  }
  static rules::SourceSettings source(const std::string& name,
                                      const std::string& url,
                                      rules::Duration every = minutes{1}) {
    rules::SourceSettings settings;
    settings.id = name;
    settings.alertmanager = url;
    settings.every = every;
    return settings;
  }
  void turn() {
    loop_.run([this] { reconciler_->turn(); });
  }
  void ask(const std::string& name) {
    loop_.run([&] { reconciler_->ask(name); });
  }
  std::optional<std::chrono::nanoseconds> next() {
    std::optional<std::chrono::nanoseconds> timer;
    loop_.run([&] { timer = reconciler_->next_timer(); });
    return timer;
  }
  // All rounds that have ended, when they are this many.
  std::vector<Ended> ended(std::size_t count) {
    std::unique_lock lock{mutex_};
    said_.wait_for(lock, net::testing::patience, [&] { return ended_.size() >= count; });
    return ended_;
  }
  std::vector<rules::Reconciled> told() {
    const std::lock_guard lock{mutex_};
    return told_;
  }
  std::vector<std::string> changes() {
    const std::lock_guard lock{mutex_};
    return changes_;
  }

  ReconcilerOptions options_;
  bool has_room_{true};
  StillClock clock_;
  std::mutex mutex_;
  std::condition_variable said_;
  std::vector<rules::Reconciled> told_;
  std::vector<Ended> ended_;
  std::vector<std::string> changes_;
  std::size_t bytes_{};
  net::testing::LoopThread loop_;
  std::unique_ptr<Reconciler> reconciler_;
};

TEST_F(Reconciling, ASourceIsAskedAtOnceAndThenAsOftenAsItsPolicySays) {
  StandIn prod;
  prod.says(intake::bodies::captured("alertmanager-0.25/25-get-api-v2-alerts.json"));
  follow({source("prod", prod.url())});
  EXPECT_EQ(next(), std::chrono::nanoseconds{0});
  turn();
  EXPECT_THAT(ended(1), ElementsAre(Ended{"prod", Reconciliation::done}));
  ASSERT_EQ(told().size(), 1U);
  EXPECT_EQ(told().front().source, "prod");
  EXPECT_EQ(told().front().alerts.size(), 4U);
  EXPECT_EQ(told().front().took, milliseconds{1});
  EXPECT_EQ(told().front().up_for, milliseconds{0}) << "it did not say";
  EXPECT_GT(bytes_, 1000U);
  EXPECT_EQ(next(), minutes{1});
  turn();
  clock_.pass(seconds{59});
  turn();
  EXPECT_EQ(prod.lists_asked(), 1U);
  clock_.pass(seconds{1});
  turn();
  EXPECT_EQ(ended(2).size(), 2U);
}

TEST_F(Reconciling, AfterTheListItIsAskedHowLongItHasBeenUp) {
  StandIn prod;
  // By the stand-in's own clock, which is not the test's: its answers carry the date.
  const auto hour_ago = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now()) - minutes{60};
  prod.started(rules::print_rfc3339(hour_ago));
  follow({source("prod", prod.url() + "/")});
  turn();
  ASSERT_EQ(ended(1).size(), 1U);
  EXPECT_THAT(prod.asked(), ElementsAre("/api/v2/alerts", "/api/v2/status"));
  EXPECT_GT(told().front().up_for, minutes{59});
  EXPECT_LT(told().front().up_for, minutes{90});
}

TEST_F(Reconciling, OneThatIsAskedForIsAskedAtOnceButNotWithoutEnd) {
  StandIn prod;
  follow({source("prod", prod.url())});
  turn();
  ASSERT_EQ(ended(1).size(), 1U);
  clock_.pass(seconds{10});
  ask("prod");
  turn();
  ASSERT_EQ(ended(2).size(), 2U);
  ask("prod");
  ask("prod");
  turn();
  EXPECT_EQ(next(), seconds{1});
  clock_.pass(seconds{1});
  turn();
  EXPECT_EQ(ended(3).size(), 3U);
  EXPECT_EQ(prod.lists_asked(), 3U);
  ask("nobody");
  EXPECT_EQ(next(), minutes{1});
}

TEST_F(Reconciling, NoneIsAskedTwiceAtOnceAndWhatIsWantedMeanwhileComesAfter) {
  StandIn prod;
  prod.falls_mute();
  follow({source("prod", prod.url())});
  turn();
  clock_.pass(minutes{5});
  ask("prod");
  turn();
  EXPECT_EQ(next(), std::nullopt) << "only its answer matters";
  prod.speaks();
  ASSERT_EQ(ended(1).size(), 1U);
  EXPECT_EQ(told().front().took, minutes{5});
  EXPECT_EQ(prod.lists_asked(), 1U);
  turn();
  ASSERT_EQ(ended(2).size(), 2U);
  EXPECT_EQ(prod.lists_asked(), 2U);
}

TEST_F(Reconciling, ADeadPeerHoldsNoOtherUp) {
  StandIn mute;
  mute.falls_mute();
  StandIn prod;
  follow({source("a-mute", mute.url()), source("b-dead", "http://127.0.0.1:1"), source("prod", prod.url())});
  turn();
  EXPECT_THAT(ended(2),
              ::testing::UnorderedElementsAre(Ended{"prod", Reconciliation::done},
                                              Ended{"b-dead", Reconciliation::unreachable}));
  mute.speaks();
  EXPECT_EQ(ended(3).size(), 3U);
}

TEST_F(Reconciling, AnAnswerThatTakesTooLongIsNone) {
  StandIn mute;
  mute.falls_mute();
  options_.limit = milliseconds{50};
  make();
  follow({source("mute", mute.url())});
  turn();
  EXPECT_THAT(ended(1), ElementsAre(Ended{"mute", Reconciliation::unreachable}));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(next(), minutes{1});
}

TEST_F(Reconciling, AnAnswerThatIsTooLongIsNoneAndNothingIsToldOfItsBeginning) {
  StandIn prod;
  prod.says("[" + std::string(100'000, ' ') + "]");
  options_.max_answer_bytes = 1000;
  make();
  follow({source("prod", prod.url())});
  turn();
  EXPECT_THAT(ended(1), ElementsAre(Ended{"prod", Reconciliation::unreachable}));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Reconciling, AnAnswerThatIsNoListOfAlertsIsToldToNobody) {
  StandIn prod;
  follow({source("prod", prod.url())});
  const std::pair<unsigned, const char*> answers[] = {
      {200, "<html>a login page</html>"}, {200, "{}"}, {200, ""}, {401, "[]"}, {503, "[]"}, {302, "[]"}, {204, ""}};
  std::size_t count = 0;
  for (const auto& [status, body] : answers) {
    prod.says(body, status);
    turn();
    const std::vector<Ended> all = ended(++count);
    ASSERT_EQ(all.size(), count);
    EXPECT_EQ(all.back().outcome, status == 200 ? Reconciliation::unreadable : Reconciliation::refused) << status;
    clock_.pass(minutes{1});
  }
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Reconciling, OnlyAChangeOfTheOutcomeIsSaid) {
  StandIn prod;
  follow({source("prod", prod.url())});
  std::size_t count = 0;
  for (const unsigned status : {200U, 200U, 500U, 500U, 500U, 200U}) {
    prod.says("[]", status);
    turn();
    ASSERT_EQ(ended(++count).size(), count);
    clock_.pass(minutes{1});
  }
  EXPECT_THAT(changes(), ElementsAre("prod done ", "prod refused it answered 500", "prod done "));
}

TEST_F(Reconciling, WithoutRoomInTheEngineTheNextRoundSaysItAgain) {
  StandIn prod;
  has_room_ = false;
  follow({source("prod", prod.url())});
  turn();
  EXPECT_THAT(ended(1), ElementsAre(Ended{"prod", Reconciliation::overloaded}));
  has_room_ = true;
  clock_.pass(minutes{1});
  turn();
  EXPECT_EQ(ended(2).back().outcome, Reconciliation::done);
}

TEST_F(Reconciling, TheScheduleFollowsThePolicy) {
  StandIn prod;
  StandIn other;
  follow({source("prod", prod.url(), minutes{10}), source("pushes", "")});
  turn();
  ASSERT_EQ(ended(1).size(), 1U);
  EXPECT_EQ(next(), minutes{10});
  follow({source("prod", prod.url(), minutes{2})});
  EXPECT_EQ(next(), minutes{2});
  turn();
  EXPECT_EQ(prod.lists_asked(), 1U) << "nothing has changed there";
  follow({source("prod", other.url(), minutes{2})});
  turn();
  ASSERT_EQ(ended(2).size(), 2U);
  EXPECT_EQ(other.lists_asked(), 1U);
  follow({});
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(Reconciling, WhatASourceSaysAfterItIsGoneCountsForNothing) {
  StandIn gone;
  StandIn prod;
  gone.falls_mute();
  follow({source("prod", gone.url())});
  turn();
  follow({source("prod", prod.url())});
  gone.says(R"([{"labels":{"alertname":"Ghost"}}])");
  gone.speaks();
  turn();
  ASSERT_EQ(ended(1).size(), 1U);
  loop_.run([this] { reconciler_->stop(); });
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(ended(1).size(), 1U);
  for (const rules::Reconciled& one : told()) EXPECT_THAT(one.alerts, IsEmpty());
}

constexpr const char* up_since_noon = R"({"uptime":"2026-11-22T12:00:00Z"})";
const rules::Instant wall = *rules::parse_rfc3339("2026-11-22T18:00:00Z");

TEST(UpFor, IsByTheSendersOwnClockWhereItSaysTheDate) {
  EXPECT_EQ(up_for(up_since_noon, "Sun, 22 Nov 2026 12:01:00 GMT", wall, seconds{0}), minutes{1});
  EXPECT_EQ(up_for(up_since_noon, std::nullopt, wall, seconds{0}), std::chrono::hours{6});
  EXPECT_EQ(up_for(up_since_noon, "yesterday", wall, seconds{0}), std::chrono::hours{6});
}

TEST(UpFor, IsOfTheMomentAtWhichItWasAskedForItsAlerts) {
  EXPECT_EQ(up_for(up_since_noon, "Sun, 22 Nov 2026 12:01:00 GMT", wall, seconds{20}), seconds{40});
  EXPECT_EQ(up_for(up_since_noon, "Sun, 22 Nov 2026 12:00:05 GMT", wall, seconds{20}), milliseconds{1})
      << "it came up between the two answers";
}

TEST(UpFor, IsUnknownWhenItDoesNotSay) {
  for (const char* const body : {"", "[]", "{}", R"({"uptime":7})", R"({"uptime":"long"})", "{"}) {
    EXPECT_EQ(up_for(body, std::nullopt, wall, seconds{0}), milliseconds{0}) << body;
  }
  EXPECT_EQ(up_for(intake::bodies::captured("alertmanager-0.25/26-get-api-v2-status.json"),
                   "Sun, 22 Nov 2026 20:57:13 GMT",
                   wall,
                   seconds{0}),
            milliseconds{9758});
}

}  // namespace
}  // namespace roused
