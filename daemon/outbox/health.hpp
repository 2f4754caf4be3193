// What anybody may know of a provider while the loop's thread goes on: relaxed atomics, written by that thread alone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace outbox {

struct Health {
  std::array<std::atomic<std::uint64_t>, 5> tries{};  // by channels::TryOutcome
  std::atomic<bool> is_open{};
  std::atomic<std::int64_t> last_success{};  // Unix milliseconds; 0 = none
  std::atomic<std::uint64_t> nanoseconds{};  // that all tries took together
};

}  // namespace outbox
