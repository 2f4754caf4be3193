// The audit log: a file of its own, one line of JSON for each act and each refusal. Lines are written by a thread of
// its own, so a slow disk delays nobody; when it is too slow, lines are lost, and the next one says how many.
//
// Bounded: a file of 64 MiB is renamed to FILE.1, in whose place the last one was, and strangers get 60 lines of
// refusals a minute. A file that was moved away is made anew.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/api/audit.hpp"
#include "daemon/worker.hpp"

namespace roused {

class AuditLog {
 public:
  static constexpr std::size_t most_waiting = 10'000;
  static constexpr std::size_t most_refusals = 60;  // lines of nobody's, within `window`
  static constexpr rules::Duration window{std::chrono::minutes{1}};

  explicit AuditLog(std::size_t most_bytes = std::size_t{64} << 20);
  ~AuditLog();  // what waits is written before
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // From here on it is written there; "": nowhere. Any thread. What cannot be opened is logged, once.
  void use(const std::string& file);

  // Any thread, and does not wait for the disk.
  void write(const api::Audited& audited);

 private:
  class File;
  std::mutex mutex_;  // of what follows up to worker_
  bool is_used_{};
  rules::Instant window_began_;
  std::size_t refusals_{};
  std::size_t lost_{};
  std::shared_ptr<File> file_;  // the worker's
  Worker worker_{most_waiting};
};

}  // namespace roused
