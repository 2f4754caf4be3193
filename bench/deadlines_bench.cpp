// What a deadline costs: armed, disarmed and fired in the timing wheel, beside std::set and std::priority_queue (which
// cannot disarm: it marks, and skips what is marked when it comes out). Delays are spread over 30 minutes; the argument
// is how many deadlines are armed. Each iteration does one of the thing named, with that many armed all along.
#include <cstdint>
#include <queue>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "rules/deadlines.hpp"

namespace {

using rules::Deadline;
using rules::DeadlineId;
using rules::DeadlineKind;
using rules::Deadlines;
using rules::Duration;
using rules::Instant;

const Instant start{std::chrono::sys_days{std::chrono::year{2026} / 5 / 20}};

class Delays {
 public:
  Duration operator()() { return Duration{spread_(random_)}; }

 private:
  std::mt19937_64 random_{1};
  std::uniform_int_distribution<std::int64_t> spread_{1, 30 * 60 * 1000};
};

class Wheel {
 public:
  using Id = DeadlineId;
  Id arm(Instant due) { return deadlines_.arm(due, DeadlineKind::step_wait, 1, 2); }
  void disarm(Id id) { deadlines_.disarm(id); }
  Instant fire() { return deadlines_.take_due(*deadlines_.next())->due; }

 private:
  Deadlines deadlines_;
};

class Set {
 public:
  using Id = std::pair<Instant, std::uint64_t>;
  Id arm(Instant due) {
    const Id id{due, armed_++};
    set_.insert({due, id.second, DeadlineKind::step_wait, 1, 2});
    return id;
  }
  void disarm(Id id) { set_.erase({id.first, id.second, {}, 0, 0}); }
  Instant fire() {
    const Instant due = set_.begin()->due;
    set_.erase(set_.begin());
    return due;
  }

 private:
  struct Earlier {
    bool operator()(const Deadline& one, const Deadline& other) const {
      return one.due != other.due ? one.due < other.due : one.armed < other.armed;
    }
  };
  std::set<Deadline, Earlier> set_;
  std::uint64_t armed_ = 0;
};

class PriorityQueue {
 public:
  using Id = std::uint64_t;
  Id arm(Instant due) {
    queue_.push({due, disarmed_.size(), DeadlineKind::step_wait, 1, 2});
    disarmed_.push_back(false);
    return disarmed_.size() - 1;
  }
  void disarm(Id id) { disarmed_[id] = true; }
  Instant fire() {
    while (disarmed_[queue_.top().armed]) queue_.pop();
    const Instant due = queue_.top().due;
    queue_.pop();
    return due;
  }

 private:
  struct Later {
    bool operator()(const Deadline& one, const Deadline& other) const {
      return one.due != other.due ? one.due > other.due : one.armed > other.armed;
    }
  };
  std::priority_queue<Deadline, std::vector<Deadline>, Later> queue_;
  std::vector<bool> disarmed_;
};

template <class Structure>
void fill(Structure& structure, std::int64_t count, Delays& delays) {
  for (std::int64_t i = 0; i < count; ++i) structure.arm(start + delays());
}

// What an incident does: arms a deadline and disarms it before it comes. The id disarmed was armed 1000 rounds ago.
template <class Structure>
void arm_and_disarm(benchmark::State& state) {
  Structure structure;
  Delays delays;
  fill(structure, state.range(0) - 1000, delays);
  std::vector<typename Structure::Id> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(structure.arm(start + delays()));
  std::size_t next = 0;
  for (auto step : state) {
    structure.disarm(ids[next]);
    ids[next] = structure.arm(start + delays());
    next = next + 1 == ids.size() ? 0 : next + 1;
  }
}

// The steady state of a clock: the earliest fires, another is armed after it.
template <class Structure>
void fire_and_arm(benchmark::State& state) {
  Structure structure;
  Delays delays;
  fill(structure, state.range(0), delays);
  for (auto step : state) {
    const Instant now = structure.fire();
    structure.arm(now + delays());
  }
}

// Everything armed, then everything fired: the time is that of one deadline through both.
template <class Structure>
void arm_all_then_fire_all(benchmark::State& state) {
  for (auto step : state) {
    Structure structure;
    Delays delays;
    fill(structure, state.range(0), delays);
    for (std::int64_t i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(structure.fire());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(10'000)->Arg(100'000)->Arg(1'000'000);
}

BENCHMARK_TEMPLATE(arm_and_disarm, Wheel)->Apply(sizes);
BENCHMARK_TEMPLATE(arm_and_disarm, Set)->Apply(sizes);
BENCHMARK_TEMPLATE(arm_and_disarm, PriorityQueue)->Apply(sizes);
BENCHMARK_TEMPLATE(fire_and_arm, Wheel)->Apply(sizes);
BENCHMARK_TEMPLATE(fire_and_arm, Set)->Apply(sizes);
BENCHMARK_TEMPLATE(fire_and_arm, PriorityQueue)->Apply(sizes);
BENCHMARK_TEMPLATE(arm_all_then_fire_all, Wheel)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(arm_all_then_fire_all, Set)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(arm_all_then_fire_all, PriorityQueue)->Apply(sizes)->Unit(benchmark::kMillisecond);

// Alerts resolve in the order in which they came: the earliest of many in one slot is disarmed, again and again, and
// the next due instant asked for each time.
void disarm_the_earliest(benchmark::State& state) {
  for (auto step : state) {
    state.PauseTiming();
    Deadlines deadlines;
    std::vector<DeadlineId> ids;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      ids.push_back(deadlines.arm(start + std::chrono::hours{1} + Duration{i}, DeadlineKind::step_wait, 1, 2));
    }
    state.ResumeTiming();
    for (const DeadlineId id : ids) {
      deadlines.disarm(id);
      benchmark::DoNotOptimize(deadlines.next());
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(disarm_the_earliest)->Apply(sizes)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
