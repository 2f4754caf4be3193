// Snapshots, made beside the engine: a recovery of what is on disk, on a thread of its own, written down. The engine
// never stops for it. Also lets old rows go.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "daemon/clock.hpp"
#include "daemon/journal/journal.hpp"
#include "daemon/poison.hpp"
#include "daemon/ring.hpp"
#include "rules/time.hpp"

namespace roused {

struct SnapshotOptions {
  std::uint64_t after_bytes{std::uint64_t{32} << 20};  // of journal since the last one
  std::chrono::minutes after_time{10};                 // when there is anything new at all
  rules::Duration keep_rows{std::chrono::hours{24} * 30};
};

class Snapshotter {
 public:
  // Journal, clock, set_aside and the two functions outlive it. `applied` and `bytes` may be called from its thread.
  Snapshotter(journal::Journal& journal,
              const Clock& clock,
              SnapshotOptions options,
              std::function<std::uint64_t()> applied,
              std::function<std::uint64_t()> bytes,
              std::function<void(const std::string&)> complain,
              const SetAside* set_aside = nullptr);
  ~Snapshotter();
  Snapshotter(const Snapshotter&) = delete;
  Snapshotter& operator=(const Snapshotter&) = delete;

  // Looks now whether one is due, and makes it. The thread does this by itself once a second.
  void look();
  // Makes one of all that is applied. Not while the thread runs.
  void make_now();

  void start();
  void stop();

 private:
  void run();
  void make(std::uint64_t up_to);
  void prune();

  journal::Journal& journal_;
  const Clock& clock_;
  SnapshotOptions options_;
  std::function<std::uint64_t()> applied_;
  std::function<std::uint64_t()> bytes_;
  std::function<void(const std::string&)> complain_;
  const SetAside* set_aside_;
  std::uint64_t last_sequence_{};
  std::uint64_t last_bytes_{};
  std::chrono::nanoseconds last_time_{};
  std::atomic<bool> stopping_{false};
  Wakeup wakeup_;
  std::thread thread_;
};

}  // namespace roused
