// What the preloaded library bad_luck is told, and what it counts: one struct in a file that the test and the daemon
// map both, so that the luck of a running process can be changed. Everything zero: nothing is done.
#pragma once

#include <atomic>
#include <cstdint>

namespace support {

// The daemon finds the file by this variable of its environment.
inline constexpr const char* bad_luck_variable = "ROUSE_TEST_BAD_LUCK";

struct BadLuckOrders {
  // Files below this folder are concerned, and no others. Written before the daemon starts.
  char folder[512];

  // Syncs (fsync, fdatasync) and writes end with this error; 0: they do not.
  std::atomic<int> sync_error;
  std::atomic<int> write_error;
  // Syncs do not return while this is set.
  std::atomic<bool> syncs_hang;
  // Every n-th write writes a part of what it was given; every n-th read or write is interrupted (EINTR); 0: none is.
  std::atomic<std::uint64_t> short_write_every;
  std::atomic<std::uint64_t> interrupt_every;

  // Added to what the process reads of its clocks; nanoseconds.
  std::atomic<std::int64_t> wall_ahead;
  std::atomic<std::int64_t> boot_ahead;

  // What has happened so far.
  std::atomic<std::uint64_t> syncs, failed_syncs, hanging_syncs;
  std::atomic<std::uint64_t> writes, failed_writes, short_writes;
  std::atomic<std::uint64_t> transfers, interruptions;
  std::atomic<std::uint64_t> wall_looks;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "two processes share them");

}  // namespace support
