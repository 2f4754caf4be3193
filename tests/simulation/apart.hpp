// Work done in processes of their own, so that what one job breaks (an assertion, an endless loop) it breaks alone and
// the job is known by its number.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace simulation {

struct Done {
  std::uint64_t job{};
  std::string result;  // what the work gave
  std::string died;    // or how its process ended instead
};

// A result is bytes, since it passes between processes.
using Work = std::function<std::string(std::uint64_t job)>;

struct Apart {
  unsigned workers{1};
  std::chrono::seconds longest{120};   // of one job; then its process is killed
  std::function<void()> now_and_then;  // several times a second, for a progress bar
};

// Does the jobs from `first` on, at most `count` of them. `take` gets every result in the order of the jobs, whatever
// the number of workers, until it says false; what has been done beyond is dropped.
void do_apart(const Apart& how,
              std::uint64_t first,
              std::uint64_t count,
              const Work& work,
              const std::function<bool(Done)>& take);

// One job.
[[nodiscard]] Done do_apart(std::chrono::seconds longest, std::uint64_t job, const Work& work);

}  // namespace simulation
