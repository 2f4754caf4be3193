// What the preloaded library bad_luck is told, and what it counts: one struct in a file that the test and the daemon
// map both, so that the luck of a running process can be changed. Everything zero: nothing is done.
#pragma once

#include <atomic>
#include <cstdint>

namespace support {

// The daemon finds the file by this variable of its environment.
inline constexpr const char* bad_luck_variable = "ROUSE_TEST_BAD_LUCK";

// What a way out of the process is made of; a call that would have had to wait is none yet.
enum class WayOut : std::uint32_t {
  none,
  network,   // look-ups of names, and sockets of the Internet that the process made itself
  programs,  // pipes, the start of a program, and what is written to it and read from it
  callers,   // connections that others make to it, but for their ends
};
enum class Operation : std::uint32_t {
  none,
  look_up,        // getaddrinfo
  make_socket,    // socket
  connect,        // connect
  hear_of_it,     // getsockopt(SO_ERROR): what became of a connect
  send,           // send, sendto, sendmsg, write, writev on a socket
  receive,        // recv, recvfrom, recvmsg, read, readv on a socket
  make_pipe,      // pipe2
  start_program,  // posix_spawnp
  watch_program,  // pidfd_open
  write_to_it,    // write on a pipe
  read_from_it,   // read on a pipe: a line, or its end
  accept,         // accept4: the connection that came is gone again
  sound,          // sendto of a frame of speech (RTP)
};
inline constexpr const char* operation_names[]{"none",
                                               "getaddrinfo",
                                               "socket",
                                               "connect",
                                               "getsockopt(SO_ERROR)",
                                               "send",
                                               "receive",
                                               "pipe2",
                                               "posix_spawnp",
                                               "pidfd_open",
                                               "write to a program",
                                               "read from a program",
                                               "accept4",
                                               "send of speech"};

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

  // From the moment on that a way out is said, its operations are counted; those on what was open before are not.
  std::atomic<WayOut> way_out;
  // The n-th fails, counted from 1, and all behind it if so ordered; 0: none does.
  std::atomic<std::uint64_t> fail_at;
  std::atomic<bool> fails_from_there_on;
  // While this is set nothing is counted and nothing fails; what is opened meanwhile is known later.
  std::atomic<bool> is_spared;
  // It is a telephone: its frames of speech are counted for themselves and are no operations. The network is gone for
  // all that is sent from this one on, counted from 1; 0: never. What fails for good fails for them, too.
  std::atomic<bool> is_telephone;
  std::atomic<std::uint64_t> mute_from, frames, lost_frames;
  // A name that is 127.0.0.1. Written before the daemon starts.
  char home[64];

  // What has happened so far.
  std::atomic<std::uint64_t> operations, failed_operations;
  std::atomic<Operation> first_failed;
  std::atomic<std::uint64_t> syncs, failed_syncs, hanging_syncs;
  std::atomic<std::uint64_t> writes, failed_writes, short_writes;
  std::atomic<std::uint64_t> transfers, interruptions;
  std::atomic<std::uint64_t> wall_looks;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "two processes share them");

}  // namespace support
