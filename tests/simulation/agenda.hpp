// True time of a simulation and all that happens in it: one queue, one thread, one order. Between two entries no time
// passes. Also the clock that the daemon is shown, and the only source of chance.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "daemon/clock.hpp"
#include "rules/time.hpp"

namespace simulation {

using Time = std::chrono::nanoseconds;  // since the run began

class Agenda {
 public:
  [[nodiscard]] Time now() const { return now_; }
  // Never in the past; entries of one instant happen in the order in which they were put down.
  void at(Time time, std::function<void()> what) {
    queue_.push(Entry{.time = time < now_ ? now_ : time, .number = ++last_, .what = std::move(what)});
  }
  void after(Time wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  // The next entry up to `until` happens; false: there is none, and it is `until`.
  bool step(Time until) {
    if (queue_.empty() || queue_.top().time > until) {
      now_ = until;
      return false;
    }
    const Entry next = queue_.top();
    queue_.pop();
    now_ = next.time;
    next.what();
    return true;
  }

 private:
  struct Entry {
    Time time{};
    std::uint64_t number{};
    std::function<void()> what;
    bool operator<(const Entry& other) const {
      return time != other.time ? time > other.time : number > other.number;  // the earliest is on top
    }
  };
  std::priority_queue<Entry> queue_;
  Time now_{};
  std::uint64_t last_{};
};

// The same numbers from the same seed on every machine (splitmix64).
class Chance final : public roused::Random {
 public:
  explicit Chance(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() override {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31U);
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  [[nodiscard]] bool happens(double probability) { return static_cast<double>(next() >> 11U) * 0x1p-53 < probability; }
  [[nodiscard]] Time between(Time from, Time to) {
    return from + Time{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((to - from).count()) + 1))};
  }

 private:
  std::uint64_t state_;
};

// What the daemon sees: boot time is true time (a suspended machine's goes on, too), the wall clock may be stepped.
class SteppedClock final : public roused::Clock {
 public:
  SteppedClock(const Agenda& agenda, rules::Instant start) : agenda_{agenda}, start_{start} {}
  [[nodiscard]] roused::ClockReading read() const override {
    const auto since = std::chrono::floor<rules::Duration>(agenda_.now());
    return {.boot = agenda_.now() + std::chrono::hours{7}, .wall = start_ + since + stepped_};
  }
  void step(rules::Duration by) { stepped_ += by; }
  [[nodiscard]] rules::Duration stepped() const { return stepped_; }

 private:
  const Agenda& agenda_;
  rules::Instant start_;
  rules::Duration stepped_{};
};

}  // namespace simulation
