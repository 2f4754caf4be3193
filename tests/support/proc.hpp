// What the kernel says about a running process.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <sys/types.h>

namespace support {

// All of these throw std::runtime_error when there is no such process.

// Of all its threads, user and system, since it began; steps of the kernel's clock tick (10 ms).
[[nodiscard]] std::chrono::milliseconds cpu_time(pid_t process);
// Bytes resident at this moment, and at most since it began.
[[nodiscard]] std::size_t resident_bytes(pid_t process);
[[nodiscard]] std::size_t peak_resident_bytes(pid_t process);
[[nodiscard]] std::size_t open_descriptors(pid_t process);
// The clocks (clockid_t) of its timers that are descriptors.
[[nodiscard]] std::vector<int> timer_clocks(pid_t process);

}  // namespace support
