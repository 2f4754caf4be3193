// What does handing one value from thread to thread cost: our ring, Boost's, and two vectors swapped under a mutex?
//
// The three run in the same process, in turns (--benchmark_enable_random_interleaving=true), so that a figure is always
// read beside its peers. One iteration moves `batch` values of the size of a queued request from a producer thread to
// the measuring thread; "items_per_second" counts values. Both threads yield when they find no room or nothing: no peer
// pays for system calls here.
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/lockfree/spsc_queue.hpp>

#include "daemon/ring.hpp"

namespace {

constexpr std::size_t slots = 1024;
constexpr std::uint64_t batch = 100'000;

// Trivially copyable on purpose: so cheap to move that the queue itself is what is measured.
struct Value {
  std::uint64_t number = 0;
  std::uint64_t rest[7] = {};
};

class OurRing {
 public:
  bool push(Value value) { return ring_.try_push(std::move(value), sizeof(Value)); }
  template <class Consume>
  std::size_t drain(Consume&& consume) {
    return ring_.drain(slots, consume);
  }

 private:
  roused::Ring<Value> ring_{slots, std::size_t{1} << 30};
};

class BoostRing {
 public:
  bool push(Value value) { return queue_.push(value); }
  template <class Consume>
  std::size_t drain(Consume&& consume) {
    return queue_.consume_all(consume);
  }

 private:
  boost::lockfree::spsc_queue<Value> queue_{slots};
};

class MutexAndVectors {
 public:
  MutexAndVectors() {
    filling_.reserve(slots);
    draining_.reserve(slots);
  }
  bool push(Value value) {
    const std::lock_guard lock(mutex_);
    if (filling_.size() == slots) return false;
    filling_.push_back(value);
    return true;
  }
  template <class Consume>
  std::size_t drain(Consume&& consume) {
    draining_.clear();
    {
      const std::lock_guard lock(mutex_);
      std::swap(filling_, draining_);
    }
    for (const Value& value : draining_) consume(value);
    return draining_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<Value> filling_;
  std::vector<Value> draining_;
};

template <class Queue>
void hand_over(benchmark::State& state) {
  Queue queue;
  std::atomic<std::uint64_t> wanted{0};
  std::jthread producer([&queue, &wanted](const std::stop_token& stop) {
    std::uint64_t number = 0;
    while (!stop.stop_requested()) {
      if (number == wanted.load(std::memory_order_acquire) || !queue.push(Value{number, {}}))
        std::this_thread::yield();
      else
        ++number;
    }
  });
  std::uint64_t received = 0;
  bool in_order = true;
  for (auto _ : state) {
    const std::uint64_t target = received + batch;
    wanted.store(target, std::memory_order_release);
    while (received < target) {
      const auto check = [&](const Value& value) { in_order = in_order && value.number == received++; };
      if (queue.drain(check) == 0) std::this_thread::yield();
    }
  }
  if (!in_order) state.SkipWithError("values arrived out of order");
  state.SetItemsProcessed(static_cast<std::int64_t>(received));
}

// The queue's own cost, without a second core: fill an eighth, drain it, on one thread.
template <class Queue>
void fill_and_drain(benchmark::State& state) {
  Queue queue;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (std::uint64_t number = 0; number < slots / 8; ++number)
      benchmark::DoNotOptimize(queue.push(Value{number, {}}));
    const auto add = [&sum](const Value& value) { sum += value.number; };
    benchmark::DoNotOptimize(queue.drain(add));
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(slots / 8));
}

BENCHMARK(hand_over<OurRing>)->Name("hand_over/ring")->UseRealTime();
BENCHMARK(hand_over<BoostRing>)->Name("hand_over/boost_spsc_queue")->UseRealTime();
BENCHMARK(hand_over<MutexAndVectors>)->Name("hand_over/mutex_and_vectors")->UseRealTime();
BENCHMARK(fill_and_drain<OurRing>)->Name("fill_and_drain/ring");
BENCHMARK(fill_and_drain<BoostRing>)->Name("fill_and_drain/boost_spsc_queue");
BENCHMARK(fill_and_drain<MutexAndVectors>)->Name("fill_and_drain/mutex_and_vectors");

}  // namespace

BENCHMARK_MAIN();
