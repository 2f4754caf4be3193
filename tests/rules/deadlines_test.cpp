#include "rules/deadlines.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using rules::Deadline;
using rules::DeadlineId;
using rules::DeadlineKind;
using rules::Deadlines;
using rules::Duration;
using rules::Instant;

const Instant start{std::chrono::sys_days{std::chrono::year{2026} / 5 / 20}};

DeadlineId arm(Deadlines& deadlines, Instant due, std::uint64_t target = 0) {
  return deadlines.arm(due, DeadlineKind::step_wait, target, 0);
}

std::vector<std::uint64_t> targets_due(Deadlines& deadlines, Instant until) {
  std::vector<std::uint64_t> targets;
  while (const auto taken = deadlines.take_due(until)) targets.push_back(taken->target);
  return targets;
}
using Targets = std::vector<std::uint64_t>;

TEST(Deadlines, NothingArmedIsNeverDue) {
  Deadlines deadlines;
  EXPECT_TRUE(deadlines.empty());
  EXPECT_FALSE(deadlines.next());
  EXPECT_FALSE(deadlines.take_due(Instant::max()));
}

TEST(Deadlines, ADeadlineIsTakenAtItsInstantAndNotBefore) {
  Deadlines deadlines;
  deadlines.arm(start + 5min, DeadlineKind::snooze_end, 77, 3);
  EXPECT_EQ(deadlines.next(), start + 5min);
  EXPECT_FALSE(deadlines.take_due(start + 5min - 1ms));
  EXPECT_EQ(deadlines.take_due(start + 5min), (Deadline{start + 5min, 0, DeadlineKind::snooze_end, 77, 3}));
  EXPECT_TRUE(deadlines.empty());
}

TEST(Deadlines, EqualInstantsComeInTheOrderInWhichTheyWereArmed) {
  Deadlines deadlines;
  for (std::uint64_t target = 0; target < 200; ++target) arm(deadlines, start + 1h, target);
  arm(deadlines, start + 1h - 1ms, 200);
  const std::vector<std::uint64_t> targets = targets_due(deadlines, start + 1h);
  ASSERT_EQ(targets.size(), 201U);
  EXPECT_EQ(targets.front(), 200U);
  for (std::uint64_t i = 1; i < targets.size(); ++i) EXPECT_EQ(targets[i], i - 1);
}

TEST(Deadlines, ArmedForThePastComesAtOnceAndInOrder) {
  Deadlines deadlines;
  arm(deadlines, start + 1s, 1);
  EXPECT_EQ(targets_due(deadlines, start + 1s), Targets{1});
  arm(deadlines, start + 1s, 2);
  arm(deadlines, start - 1h, 3);
  arm(deadlines, start, 4);
  arm(deadlines, start - 1h, 5);
  arm(deadlines, start + 2s, 6);
  EXPECT_EQ(deadlines.next(), start - 1h);
  EXPECT_EQ(targets_due(deadlines, start + 1s), (Targets{3, 5, 4, 2}));
  EXPECT_EQ(targets_due(deadlines, start + 2s), Targets{6});
}

TEST(Deadlines, AClockThatStepsBackLosesNothing) {
  Deadlines deadlines;
  arm(deadlines, start + 2h, 1);
  EXPECT_FALSE(deadlines.take_due(start + 1h));
  arm(deadlines, start + 10min, 2);
  arm(deadlines, start + 5min, 3);
  EXPECT_FALSE(deadlines.take_due(start));
  EXPECT_EQ(deadlines.next(), start + 5min);
  EXPECT_EQ(targets_due(deadlines, start + 7min), Targets{3});
  EXPECT_EQ(targets_due(deadlines, start + 3h), (Targets{2, 1}));
}

TEST(Deadlines, NoInstantIsTooFarAway) {
  Deadlines deadlines;
  arm(deadlines, Instant::max(), 4);
  arm(deadlines, start + 400 * 24h, 2);
  arm(deadlines, start + 400 * 24h + 1ms, 3);
  arm(deadlines, Instant{-1ms}, 1);
  arm(deadlines, Instant::min(), 0);
  EXPECT_EQ(deadlines.next(), Instant::min());
  EXPECT_EQ(targets_due(deadlines, start), (Targets{0, 1}));
  EXPECT_EQ(deadlines.next(), start + 400 * 24h);
  EXPECT_EQ(targets_due(deadlines, start + 400 * 24h), Targets{2});
  EXPECT_EQ(targets_due(deadlines, Instant::max()), (Targets{3, 4}));
}

TEST(Deadlines, AStaleIdNamesNothing) {
  Deadlines deadlines;
  EXPECT_FALSE(deadlines.disarm(DeadlineId{}));
  const DeadlineId disarmed = arm(deadlines, start + 1s);
  EXPECT_EQ(deadlines.find(disarmed)->due, start + 1s);
  EXPECT_TRUE(deadlines.disarm(disarmed));
  EXPECT_FALSE(deadlines.disarm(disarmed));
  EXPECT_FALSE(deadlines.find(disarmed));
  const DeadlineId taken = arm(deadlines, start + 2s);
  EXPECT_EQ(taken.slot, disarmed.slot);
  EXPECT_FALSE(deadlines.disarm(disarmed)) << "the slot belongs to another deadline";
  EXPECT_TRUE(deadlines.take_due(start + 2s));
  EXPECT_FALSE(deadlines.disarm(taken));
  EXPECT_FALSE(deadlines.disarm({1'000'000, 1}));
}

TEST(Deadlines, FreedSlotsAreUsedAgain) {
  Deadlines deadlines;
  for (int i = 0; i < 5'000; ++i) arm(deadlines, start + 1s);
  const std::size_t bytes = deadlines.bytes();
  EXPECT_GE(bytes, 5'000U * 48);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(targets_due(deadlines, start + 1s).size(), 5'000U);
    for (int i = 0; i < 5'000; ++i) arm(deadlines, start + 1s);
  }
  EXPECT_EQ(deadlines.bytes(), bytes);
}

TEST(Deadlines, RestoringMovesTheNextArmedNumberPastTheRestored) {
  Deadlines deadlines;
  deadlines.restore({start, 41, DeadlineKind::desk_flush, 1, 2});
  EXPECT_EQ(deadlines.next_armed(), 42U);
  deadlines.restore({start, 7, DeadlineKind::desk_flush, 2, 2});
  EXPECT_EQ(deadlines.next_armed(), 42U);
  deadlines.set_next_armed(100);
  arm(deadlines, start, 3);
  EXPECT_EQ(deadlines.next_armed(), 101U);
  EXPECT_EQ(targets_due(deadlines, start), (Targets{2, 1, 3}));
}

// Random use beside a sorted map of what is armed, and beside a copy that was written out and read back at random
// points: the three never differ in what comes next.
class RandomUse {
 public:
  explicit RandomUse(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
      const std::size_t choice = below(100);
      if (choice < 45) {
        arm_one();
      } else if (choice < 65) {
        disarm_one();
      } else if (choice < 98) {
        advance();
      } else {
        read_back();
      }
      expect_same();
    }
    now_ = Instant::max();
    take_all();
  }

 private:
  using Key = std::pair<Instant, std::uint64_t>;
  struct Ids {
    DeadlineId wheel;
    DeadlineId copy;
  };

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }

  Duration some_wait() {
    static constexpr std::int64_t scales[] = {
        1, 10, 64, 100, 4'096, 60'000, 262'144, 3'600'000, 86'400'000, 34'560'000'000};
    const auto scale = static_cast<std::size_t>(scales[below(std::size(scales))]);
    const auto wait = Duration{static_cast<std::int64_t>(below(2) == 0 ? scale : below(scale))};
    return below(12) == 0 ? -wait : wait;
  }

  void arm_one() {
    for (std::size_t equal = below(8) == 0 ? 1 + below(6) : 1; equal-- > 0;) {
      const Instant due = now_ + some_wait();
      const std::uint64_t armed = wheel_.next_armed();
      const std::uint64_t target = random_();
      const Ids ids{wheel_.arm(due, DeadlineKind::group_wait, target, 5),
                    copy_.arm(due, DeadlineKind::group_wait, target, 5)};
      const auto [place, is_new] = model_.emplace(Key{due, armed}, ids);
      ASSERT_TRUE(is_new);
      ASSERT_EQ(wheel_.find(ids.wheel), (Deadline{due, armed, DeadlineKind::group_wait, target, 5}));
    }
  }

  void disarm_one() {
    if (model_.empty()) return;
    auto victim = model_.begin();
    if (below(3) != 0) victim = model_.lower_bound(Key{now_ + some_wait(), below(1000)});
    if (victim == model_.end()) victim = std::prev(model_.end());
    const Ids ids = victim->second;
    ASSERT_TRUE(wheel_.disarm(ids.wheel));
    ASSERT_TRUE(copy_.disarm(ids.copy));
    ASSERT_FALSE(wheel_.disarm(ids.wheel));
    model_.erase(victim);
  }

  void advance() {
    const std::size_t way = below(10);
    if (way < 4 && !model_.empty()) {
      now_ = std::max(now_, model_.begin()->first.first);
    } else if (way < 9) {
      now_ += Duration{static_cast<std::int64_t>(below(200))};
    } else {
      now_ += some_wait();
    }
    take_all();
  }

  void take_all() {
    while (!model_.empty() && model_.begin()->first.first <= now_) {
      const std::optional<Deadline> taken = wheel_.take_due(now_);
      ASSERT_TRUE(taken);
      ASSERT_EQ((Key{taken->due, taken->armed}), model_.begin()->first);
      ASSERT_EQ(copy_.take_due(now_), taken);
      ASSERT_FALSE(wheel_.disarm(model_.begin()->second.wheel));
      model_.erase(model_.begin());
    }
    ASSERT_FALSE(wheel_.take_due(now_));
    ASSERT_FALSE(copy_.take_due(now_));
  }

  void read_back() {
    Deadlines decoded;
    auto expected = model_.begin();
    wheel_.for_each([&](const Deadline& deadline) {
      ASSERT_NE(expected, model_.end());
      ASSERT_EQ((Key{deadline.due, deadline.armed}), expected->first);
      expected->second.copy = decoded.restore(deadline);
      ++expected;
    });
    ASSERT_EQ(expected, model_.end());
    decoded.set_next_armed(wheel_.next_armed());
    copy_ = std::move(decoded);
  }

  void expect_same() {
    ASSERT_EQ(wheel_.size(), model_.size());
    ASSERT_EQ(copy_.size(), model_.size());
    const std::optional<Instant> next =
        model_.empty() ? std::nullopt : std::optional<Instant>{model_.begin()->first.first};
    ASSERT_EQ(wheel_.next(), next);
    ASSERT_EQ(copy_.next(), next);
  }

  std::mt19937_64 random_;
  Instant now_ = start;
  Deadlines wheel_;
  Deadlines copy_;
  std::map<Key, Ids> model_;
};

TEST(Deadlines, AgreeWithASortedMapWhateverIsArmedDisarmedAndReadBack) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (unsigned round = 0; round < 20; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    RandomUse{seed + round}.run(3'000);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
