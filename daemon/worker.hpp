// One thread for work that an I/O thread must not wait for: checks of passwords, lines of the audit log. Bounded: what
// finds the queue full is not taken. The work of one Worker is done in the order in which it was offered.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace roused {

class Worker {
 public:
  // `is_modest`: it takes less of a busy processor than other threads.
  explicit Worker(std::size_t most_waiting, bool is_modest = false);
  // Waits for the work under way; with `finish()` before, for all.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. False: there is no room. The work must not throw.
  [[nodiscard]] bool offer(std::function<void()> work);

  // Takes no more, does what waits, and comes back.
  void finish();

 private:
  void run(bool is_modest);
  void end(bool with_what_waits);

  const std::size_t most_waiting_;
  std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool is_over_{};
  std::thread thread_;
};

}  // namespace roused
