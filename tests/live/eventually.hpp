// Looks at the world from outside until it is as a test says. For what no line, page or answer tells of; the daemon
// answers a request before the engine has seen what it left behind.
#pragma once

#include <chrono>
#include <thread>

#include "tests/support/process.hpp"

namespace live {

// Whether that holds at some look before the limit; it is looked at once at least.
[[nodiscard]] bool eventually(const auto& holds, std::chrono::milliseconds limit = support::patience) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return true;
}

}  // namespace live
