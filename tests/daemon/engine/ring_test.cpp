#include "daemon/ring.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using Value = std::unique_ptr<std::uint64_t>;
using roused::Ring;
using roused::Wakeup;

Value value(std::uint64_t number) {
  return std::make_unique<std::uint64_t>(number);
}

TEST(Ring, RoundsItsSlotsUpToAPowerOfTwo) {
  EXPECT_EQ(Ring<Value>(1, 1).slots(), 8u);
  EXPECT_EQ(Ring<Value>(100, 1).slots(), 128u);
  EXPECT_EQ(Ring<Value>(128, 1).slots(), 128u);
}

TEST(Ring, GivesBackInTheOrderOfThePushes) {
  Ring<Value> ring(8, 1000);
  for (std::uint64_t round = 0; round < 100; ++round) {
    ASSERT_TRUE(ring.try_push(value(2 * round), 1));
    ASSERT_TRUE(ring.try_push(value(2 * round + 1), 1));
    EXPECT_EQ(**ring.try_pop(), 2 * round);
    EXPECT_EQ(**ring.try_pop(), 2 * round + 1);
    EXPECT_FALSE(ring.try_pop());
  }
}

TEST(Ring, KeepsAnEighthOfTheSlotsForPriority) {
  Ring<Value> ring(16, 1000);
  for (std::uint64_t number = 0; number < 14; ++number) ASSERT_TRUE(ring.try_push(value(number), 0)) << number;
  EXPECT_FALSE(ring.try_push(value(14), 0));
  EXPECT_TRUE(ring.try_push_priority(value(14), 0));
  EXPECT_TRUE(ring.try_push_priority(value(15), 0));
  EXPECT_FALSE(ring.try_push_priority(value(16), 0));
  EXPECT_EQ(ring.approximate_size(), 16u);
  ASSERT_TRUE(ring.try_pop());
  EXPECT_FALSE(ring.try_push(value(16), 0)) << "15 are queued, ordinary pushes stop at 14";
  EXPECT_TRUE(ring.try_push_priority(value(16), 0));
}

TEST(Ring, KeepsAnEighthOfTheBytesForPriority) {
  Ring<Value> ring(64, 800);
  EXPECT_FALSE(ring.try_push(value(0), 701));
  EXPECT_TRUE(ring.try_push(value(0), 700));
  EXPECT_FALSE(ring.try_push(value(1), 1));
  EXPECT_TRUE(ring.try_push_priority(value(1), 100));
  EXPECT_FALSE(ring.try_push_priority(value(2), 1));
  EXPECT_TRUE(ring.try_pop());
  EXPECT_TRUE(ring.try_push(value(2), 600));
  EXPECT_FALSE(ring.try_push(value(3), 1));
}

TEST(Ring, AWeightThatCouldNeverFitIsRefusedWithoutOverflow) {
  Ring<Value> ring(8, 800);
  EXPECT_FALSE(ring.try_push_priority(value(0), SIZE_MAX));
  EXPECT_TRUE(ring.try_push_priority(value(0), 800));
}

TEST(Ring, ARefusedValueStaysTheCallers) {
  Ring<Value> ring(8, 8);
  Value heavy = value(7);
  ASSERT_FALSE(ring.try_push(std::move(heavy), 100));
  ASSERT_NE(heavy, nullptr);
  EXPECT_EQ(*heavy, 7u);
}

TEST(Ring, DestroysWhatIsStillQueued) {
  const auto watched = std::make_shared<int>(1);
  {
    Ring<std::shared_ptr<int>> ring(8, 100);
    for (int count = 0; count < 5; ++count) ASSERT_TRUE(ring.try_push(std::shared_ptr<int>(watched), 1));
    ASSERT_TRUE(ring.try_pop());
    EXPECT_EQ(watched.use_count(), 5);
  }
  EXPECT_EQ(watched.use_count(), 1);
}

TEST(Ring, ADrainTakesNoMoreThanItsLimit) {
  Ring<Value> ring(16, 1000);
  for (std::uint64_t number = 0; number < 10; ++number) ASSERT_TRUE(ring.try_push(value(number), 1));
  std::vector<std::uint64_t> taken;
  const auto take = [&taken](Value&& each) { taken.push_back(*each); };
  EXPECT_EQ(ring.drain(4, take), 4u);
  EXPECT_EQ(taken, (std::vector<std::uint64_t>{0, 1, 2, 3}));
  EXPECT_EQ(ring.drain(100, take), 6u);
  EXPECT_EQ(ring.drain(100, take), 0u);
  EXPECT_EQ(taken.size(), 10u);
}

TEST(Ring, ADrainThatThrowsHasConsumedWhatItWasHanded) {
  Ring<Value> ring(16, 1000);
  for (std::uint64_t number = 0; number < 3; ++number) ASSERT_TRUE(ring.try_push(value(number), 1));
  const auto refuse_second = [](Value&& each) {
    if (*each == 1) throw std::runtime_error("second");
  };
  EXPECT_THROW(ring.drain(10, refuse_second), std::runtime_error);
  EXPECT_EQ(**ring.try_pop(), 2u);
  EXPECT_TRUE(ring.empty());
}

// Two threads, a ring that is mostly full or mostly empty by turns, single pops and drains mixed: the numbers arrive
// complete and in order, each value intact.
void exchange_in_order(std::uint64_t seed, std::size_t slots) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << ", slots " << slots);
  constexpr std::uint64_t total = 200'000;
  Ring<Value> ring(slots, 4096);
  std::jthread producer([&ring, seed](const std::stop_token& stop) {
    std::mt19937_64 random(seed);
    for (std::uint64_t number = 0; number < total && !stop.stop_requested();) {
      const std::size_t weight = random() % 64;
      Value next = value(number);
      const bool pushed =
          random() % 4 == 0 ? ring.try_push_priority(std::move(next), weight) : ring.try_push(std::move(next), weight);
      if (pushed)
        ++number;
      else
        std::this_thread::yield();
    }
  });
  std::mt19937_64 random(~seed);
  std::uint64_t expected = 0;
  bool in_order = true;
  const auto check = [&expected, &in_order](Value&& each) { in_order = in_order && each && *each == expected++; };
  while (expected < total && in_order) {
    if (random() % 2 == 0) {
      if (std::optional<Value> each = ring.try_pop()) check(std::move(*each));
    } else if (ring.drain(1 + random() % 32, check) == 0) {
      std::this_thread::yield();
    }
  }
  EXPECT_TRUE(in_order) << "at " << expected;
  EXPECT_EQ(expected, total);
  producer.request_stop();
  producer.join();
}

TEST(RingUnderThreads, LosesNothingAndKeepsTheOrder) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    for (const std::size_t slots : {std::size_t{8}, std::size_t{64}, std::size_t{1024}}) exchange_in_order(seed, slots);
}

// The consumer sleeps without a time limit whenever it finds nothing: one lost wake-up and the test hangs until the
// runner's limit. Pauses of random length on both sides bring the announcement and the push against each other.
void exchange_with_sleeps(std::uint64_t seed, int producers) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << ", producers " << producers);
  constexpr std::uint64_t each_total = 30'000;
  Wakeup wakeup;
  std::vector<std::unique_ptr<Ring<Value>>> rings;
  for (int index = 0; index < producers; ++index) rings.push_back(std::make_unique<Ring<Value>>(16, 1 << 20));
  std::atomic<std::uint64_t> system_calls{0};
  std::vector<std::jthread> threads;
  for (int index = 0; index < producers; ++index) {
    threads.emplace_back([&wakeup, &system_calls, &ring = *rings[static_cast<std::size_t>(index)], seed, index] {
      std::mt19937_64 random(seed * 1000 + static_cast<std::uint64_t>(index));
      for (std::uint64_t number = 0; number < each_total;) {
        if (ring.try_push(value(number), 1)) {
          ++number;
          if (wakeup.notify()) system_calls.fetch_add(1, std::memory_order_relaxed);
        } else {
          std::this_thread::yield();
        }
        for (auto pause = random() % 200; pause > 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
      }
    });
  }
  std::vector<std::uint64_t> expected(static_cast<std::size_t>(producers), 0);
  std::uint64_t received = 0;
  std::uint64_t sleeps = 0;
  bool in_order = true;
  const auto all_empty = [&rings] {
    return std::all_of(rings.begin(), rings.end(), [](const auto& ring) { return ring->empty(); });
  };
  const std::uint64_t total = each_total * static_cast<std::uint64_t>(producers);
  while (received < total) {
    std::size_t taken = 0;
    for (std::size_t index = 0; index < rings.size(); ++index) {
      taken += rings[index]->drain(8, [&](Value&& each) { in_order = in_order && *each == expected[index]++; });
    }
    received += taken;
    if (taken == 0) {
      ++sleeps;
      wakeup.wait([&all_empty] { return !all_empty(); });
    }
  }
  threads.clear();
  EXPECT_TRUE(in_order);
  EXPECT_LE(system_calls.load(), sleeps) << "a push may pay for a system call only when the consumer sleeps";
}

TEST(WakeupUnderThreads, NoPushIsSleptThrough) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) exchange_with_sleeps(seed, 1);
  for (std::uint64_t seed = 1; seed <= 4; ++seed) exchange_with_sleeps(seed, 3);
}

// One value at a time: each push meets the consumer on its way to sleep, at a random distance. A lost wake-up shows as
// a sleep that only its time limit ends.
TEST(WakeupUnderThreads, NoSinglePushIsSleptThrough) {
  constexpr std::uint64_t seed = 11;
  constexpr std::uint64_t total = 200'000;
  constexpr auto far_too_long = std::chrono::seconds(5);
  Ring<Value> ring(8, 1000);
  Wakeup wakeup;
  std::atomic<std::uint64_t> received{0};
  std::jthread producer([&](const std::stop_token& stop) {
    std::mt19937_64 random(seed);
    for (std::uint64_t number = 0; number < total && !stop.stop_requested(); ++number) {
      while (received.load(std::memory_order_relaxed) != number && !stop.stop_requested()) continue;
      for (auto pause = random() % 300; pause > 0; --pause) std::atomic_signal_fence(std::memory_order_seq_cst);
      if (!ring.try_push(value(number), 1)) return;
      wakeup.notify();
    }
  });
  for (std::uint64_t count = 0; count < total;) {
    if (ring.try_pop()) {
      received.store(++count, std::memory_order_relaxed);
      continue;
    }
    const auto before = std::chrono::steady_clock::now();
    wakeup.wait([&ring] { return !ring.empty(); }, far_too_long);
    if (std::chrono::steady_clock::now() - before < far_too_long) continue;
    producer.request_stop();
    FAIL() << "slept through push " << count << ", seed " << seed;
  }
}

TEST(Wakeup, DoesNotSleepWhenThereIsWork) {
  Wakeup wakeup;
  wakeup.wait([] { return true; });
  EXPECT_FALSE(wakeup.notify()) << "the consumer is awake again";
}

TEST(Wakeup, AWakeBeforeTheSleepEndsIt) {
  Wakeup wakeup;
  wakeup.wake();
  wakeup.wait([] { return false; });
}

TEST(Wakeup, ComesBackAtItsTimeLimit) {
  Wakeup wakeup;
  wakeup.wait([] { return false; }, std::chrono::milliseconds(1));
}

}  // namespace
