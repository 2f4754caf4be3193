// A program under test as a child process: started, listened to, signalled, and always gone and reaped when its owner
// is. It leads a process group of its own, and dies with the thread that started it, however that ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

namespace support {

// Long enough for a loaded machine; only a failing test waits for it.
inline constexpr std::chrono::milliseconds patience{20'000};

struct Launch {
  std::vector<std::string> arguments;                              // the program's path first
  std::vector<std::pair<std::string, std::string>> environment{};  // besides the own
  std::vector<std::pair<__rlimit_resource, rlim_t>> limits{};      // soft and hard
  std::filesystem::path folder{};                                  // working directory; empty: the own
};

class Process {
 public:
  // Throws std::runtime_error when no process can be made. A program that cannot be executed ends with 127.
  explicit Process(const Launch& launch);
  // Kills what is left of the group.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t id() const { return id_; }

  // To the process alone; any thread. Nothing happens once it is reaped.
  void signal(int number);

  // The first line of standard output or error that has `part` in it. Nothing when the output ends, or the time does,
  // without one.
  [[nodiscard]] std::optional<std::string> wait_for_line(std::string_view part,
                                                         std::chrono::milliseconds limit = patience);

  // Its exit code, or 128 + the signal that ended it; nothing while it lives after `limit`.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit = patience);
  [[nodiscard]] bool is_alive() { return !wait(std::chrono::milliseconds{0}); }

  // SIGKILL to the whole group; then as wait().
  int kill();

  // Everything it has said on standard output and error so far.
  [[nodiscard]] std::string output() const;

 private:
  void read_output(int descriptor);

  pid_t id_{};
  int handle_{-1};  // a pidfd
  std::optional<int> code_;
  mutable std::mutex mutex_;  // of everything below, and of code_ with id_
  std::condition_variable said_;
  std::string output_;
  bool is_output_over_{};
  std::thread reader_;
};

// The exit code and the output of a program that ends by itself; 124 when it had to be killed after `limit`.
struct Finished {
  int code{};
  std::string output;
};
[[nodiscard]] Finished run(const Launch& launch, std::chrono::milliseconds limit = patience);

}  // namespace support
