#include "daemon/clock.hpp"

#include <cerrno>
#include <ctime>
#include <system_error>

#include <sys/random.h>

namespace roused {
namespace {

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec time{};
  if (::clock_gettime(id, &time) != 0) throw std::system_error{errno, std::generic_category(), "clock_gettime"};
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

ClockReading SystemClock::read() const {
  return ClockReading{.boot = read_clock(CLOCK_BOOTTIME),
                      .wall = rules::Instant{std::chrono::floor<rules::Duration>(read_clock(CLOCK_REALTIME))}};
}

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
    if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "getrandom"};
  }
  return value;
}

}  // namespace roused
