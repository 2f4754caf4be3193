#include "daemon/worker.hpp"

#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace roused {

namespace {

// A third of the share of others: enough on a machine that others keep busy.
constexpr int modest_priority = 5;

}  // namespace

Worker::Worker(std::size_t most_waiting, bool is_modest) : most_waiting_{most_waiting} {
  thread_ = std::thread{[this, is_modest] { run(is_modest); }};
}

Worker::~Worker() {
  end(false);
}

bool Worker::offer(std::function<void()> work) {
  {
    const std::lock_guard lock{mutex_};
    if (is_over_ || waiting_.size() >= most_waiting_) return false;
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void Worker::finish() {
  end(true);
}

void Worker::end(bool with_what_waits) {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
    if (!with_what_waits) waiting_.clear();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Worker::run(bool is_modest) {
  // On Linux the priority of 0 is that of the calling thread alone.
  if (is_modest) (void)::setpriority(PRIO_PROCESS, 0, modest_priority);
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace roused
