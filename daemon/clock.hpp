// The Clock seam: the only way time comes into the daemon. Simulation hands in its own.
#pragma once

#include <chrono>

#include "rules/time.hpp"

namespace roused {

struct ClockReading {
  std::chrono::nanoseconds boot{};  // since some fixed instant of this boot; goes on while the machine is suspended
  rules::Instant wall;              // what the wall clock says
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual ClockReading read() const = 0;  // any thread
};

// CLOCK_BOOTTIME and CLOCK_REALTIME.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] ClockReading read() const override;
};

// The Random seam: jitter of tries, and the store's id when it is made. Never a decision of the rules.
class Random {
 public:
  Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;  // one thread
};

// The kernel's.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

}  // namespace roused
