#include "tests/simulation/apart.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace simulation {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t jobs_ahead = 4;  // that a worker has in hand, so that it need not wait for the next
constexpr int tick_ms = 200;

bool write_all(int descriptor, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::send(descriptor, at, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int descriptor, void* bytes, std::size_t size) {
  char* at = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::read(descriptor, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

[[noreturn]] void serve(int descriptor, const Work& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::uint64_t job = 0;
  while (read_all(descriptor, &job, sizeof job)) {
    const std::string result = work(job);
    const std::array<std::uint64_t, 2> head{job, result.size()};
    if (!write_all(descriptor, head.data(), sizeof head) || !write_all(descriptor, result.data(), result.size())) break;
  }
  std::fflush(nullptr);
  ::_exit(0);
}

class Worker {
 public:
  explicit Worker(const Work& work) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    std::fflush(nullptr);  // else the child would write it once more
    process_ = ::fork();
    if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process_ == 0) {
      ::close(ends[0]);
      serve(ends[1], work);
    }
    ::close(ends[1]);
    descriptor_ = ends[0];
  }
  ~Worker() {
    ::close(descriptor_);
    if (!is_reaped_) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void give(std::uint64_t job) {
    if (jobs_.empty()) began_ = Clock::now();
    jobs_.push_back(job);
    (void)write_all(descriptor_, &job, sizeof job);  // a worker that is dead shows when it is read from
  }
  // The result that is ready to be read; nothing when the process has ended.
  bool take(Done& done) {
    std::array<std::uint64_t, 2> head{};
    if (!read_all(descriptor_, head.data(), sizeof head)) return false;
    done.job = head[0];
    done.result.resize(head[1]);
    if (!read_all(descriptor_, done.result.data(), done.result.size())) return false;
    jobs_.pop_front();
    began_ = Clock::now();
    return true;
  }
  [[nodiscard]] std::string how_it_ended() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    is_reaped_ = true;
    if (WIFSIGNALED(status)) return fmt::format("its process died of signal {}", WTERMSIG(status));
    return fmt::format("its process exited with {}", WEXITSTATUS(status));
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const std::deque<std::uint64_t>& jobs() const { return jobs_; }
  [[nodiscard]] bool is_stuck(std::chrono::seconds longest) const {
    return !jobs_.empty() && Clock::now() - began_ > longest;
  }

 private:
  pid_t process_{};
  int descriptor_{-1};
  bool is_reaped_{};
  std::deque<std::uint64_t> jobs_;
  Clock::time_point began_;
};

class Team {
 public:
  Team(const Apart& how, std::uint64_t first, std::uint64_t count, const Work& work)
      : how_{how}, work_{work}, next_{first}, end_{first + count}, next_taken_{first} {
    for (unsigned number = 0; number < std::max(how.workers, 1U); ++number) {
      workers_.push_back(std::make_unique<Worker>(work));
    }
  }
  void run(const std::function<bool(Done)>& take) {
    for (;;) {
      for (const std::unique_ptr<Worker>& worker : workers_) hand_out(*worker);
      if (next_taken_ == end_) return;
      wait();
      for (auto done = finished_.begin(); done != finished_.end() && done->first == next_taken_;) {
        if (!take(std::move(done->second))) return;
        done = finished_.erase(done);
        ++next_taken_;
      }
      if (how_.now_and_then) how_.now_and_then();
    }
  }

 private:
  void hand_out(Worker& worker) {
    while (worker.jobs().size() < jobs_ahead) {
      if (!again_.empty()) {
        worker.give(again_.front());
        again_.pop_front();
      } else if (next_ < end_ && next_ < next_taken_ + 4096) {
        worker.give(next_++);
      } else {
        return;
      }
    }
  }
  void wait() {
    std::vector<pollfd> ready;
    for (const std::unique_ptr<Worker>& worker : workers_) ready.push_back({worker->descriptor(), POLLIN, 0});
    ::poll(ready.data(), ready.size(), tick_ms);
    for (std::size_t index = 0; index < workers_.size(); ++index) {
      std::unique_ptr<Worker>& worker = workers_[index];
      if (ready[index].revents != 0) {
        Done done;
        if (worker->take(done)) {
          finished_.emplace(done.job, std::move(done));
        } else {
          replace(worker, worker->how_it_ended());
        }
      } else if (worker->is_stuck(how_.longest)) {
        replace(worker, fmt::format("it did not end within {} s", how_.longest.count()));
      }
    }
  }
  void replace(std::unique_ptr<Worker>& worker, std::string died) {
    const std::deque<std::uint64_t> jobs = worker->jobs();
    worker = std::make_unique<Worker>(work_);
    if (jobs.empty()) return;
    finished_.emplace(jobs.front(), Done{.job = jobs.front(), .result = {}, .died = std::move(died)});
    again_.insert(again_.end(), jobs.begin() + 1, jobs.end());
  }

  const Apart& how_;
  const Work& work_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::uint64_t next_taken_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<std::uint64_t> again_;  // that a dead worker had not begun
  std::map<std::uint64_t, Done> finished_;
};

}  // namespace

void do_apart(const Apart& how,
              std::uint64_t first,
              std::uint64_t count,
              const Work& work,
              const std::function<bool(Done)>& take) {
  Team{how, first, count, work}.run(take);
}

Done do_apart(std::chrono::seconds longest, std::uint64_t job, const Work& work) {
  Done only;
  const Apart how{.workers = 1, .longest = longest, .now_and_then = {}};
  do_apart(how, job, 1, work, [&only](Done done) {
    only = std::move(done);
    return true;
  });
  return only;
}

}  // namespace simulation
