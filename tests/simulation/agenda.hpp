// True time of a simulation and all that happens in it: one queue, one thread, one order. Between two entries no time
// passes. Also the clock that the daemon is shown, and the only source of chance.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
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
    queue_.push_back(Entry{.time = std::max(time, now_), .number = ++last_, .what = std::move(what)});
    std::push_heap(queue_.begin(), queue_.end());
  }
  void after(Time wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  // The next entry up to `until` happens; false: there is none, and it is `until`.
  bool step(Time until) {
    if (queue_.empty() || queue_.front().time > until) {
      now_ = until;
      return false;
    }
    std::pop_heap(queue_.begin(), queue_.end());
    const Entry next = std::move(queue_.back());
    queue_.pop_back();
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
  std::vector<Entry> queue_;  // a heap
  Time now_{};
  std::uint64_t last_{};
};

[[nodiscard]] constexpr std::uint64_t scramble(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

[[nodiscard]] constexpr std::uint64_t number_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3ULL;
  return hash;
}

// The same numbers from the same seed on every machine (splitmix64).
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    return scramble(state_);
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  [[nodiscard]] bool happens(double probability) { return static_cast<double>(next() >> 11U) * 0x1p-53 < probability; }
  [[nodiscard]] Time between(Time from, Time to) {
    if (to <= from) return from;
    return from + Time{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((to - from).count()) + 1))};
  }

 private:
  std::uint64_t state_;
};

// A stream for each actor and occasion: what one draws changes nothing for any other.
class Chances {
 public:
  explicit Chances(std::uint64_t seed) : seed_{scramble(seed + 0x9E3779B97F4A7C15ULL)} {}
  template <class... Numbers>
  [[nodiscard]] Chance of(std::string_view actor, Numbers... occasion) const {
    std::uint64_t state = scramble(seed_ ^ number_of(actor));
    ((state = scramble(state * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(occasion))), ...);
    return Chance{state};
  }
  // For what has no better name than the moment at which it happens. Coarse, so that a run that was shortened falls
  // into step again.
  [[nodiscard]] Chance at(std::string_view actor, Time now) const { return of(actor, now / std::chrono::seconds{1}); }

 private:
  std::uint64_t seed_;
};

// What the daemon sees: boot time is true time (a suspended machine's goes on, too), the wall clock may be stepped and
// may drift.
class SteppedClock final : public roused::Clock {
 public:
  SteppedClock(const Agenda& agenda, rules::Instant start) : agenda_{agenda}, start_{start} {}
  [[nodiscard]] roused::ClockReading read() const override {
    const Time wall = agenda_.now() + drifted(agenda_.now());
    return {.boot = agenda_.now() + std::chrono::hours{7},
            .wall = start_ + std::chrono::floor<rules::Duration>(wall) + stepped_};
  }
  void step(rules::Duration by) { stepped_ += by; }
  void drift(std::int64_t parts_in_a_million) {
    drifted_ = drifted(agenda_.now());
    drifts_since_ = agenda_.now();
    parts_in_a_million_ = parts_in_a_million;
  }

 private:
  [[nodiscard]] Time drifted(Time now) const {
    return drifted_ + Time{(now - drifts_since_).count() / 1'000'000 * parts_in_a_million_};
  }

  const Agenda& agenda_;
  rules::Instant start_;
  rules::Duration stepped_{};
  Time drifted_{};
  Time drifts_since_{};
  std::int64_t parts_in_a_million_{};
};

}  // namespace simulation
