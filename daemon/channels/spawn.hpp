// Starting a program without a shell: in a process group of its own, with no descriptor but 0, 1 and 2, with default
// signals, and with the daemon's environment less what belongs to the daemon and its supervisor alone. For the threads
// that run programs; nothing here blocks but reap().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace channels {

// One open file, closed with it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  void close();
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

// Close-on-exec, and above 2. Nothing, with errno, when the kernel has none to give.
[[nodiscard]] std::optional<Pipe> make_pipe();

void make_nonblocking(const Descriptor& descriptor);

// A program that was started. Whoever has it reaps it.
struct Spawned {
  pid_t process{};
  Descriptor exit;    // a pidfd: readable once the program has ended; not open when there was no descriptor left, and
                      // its end is asked for by has_ended()
  Descriptor input;   // our end of its stdin, not blocking
  Descriptor output;  // our end of its stdout and stderr, not blocking

  // Whether it has ended, without waiting.
  [[nodiscard]] bool has_ended() const;
  void kill_group(int signal) const;
  // Waits until it has ended: only for what has, or was killed. Answers its wait status.
  [[nodiscard]] int reap() const;
};

// What to start. Its pipes are made by prepare(), so that start() does nothing but start it.
class SpawnPlan {
 public:
  // `run` is the program (sought in PATH when it has no slash) and its arguments, never empty; `environment` has
  // NAME=VALUE, added to the daemon's own. A NUL inside a value becomes a blank.
  SpawnPlan(std::vector<std::string> run, std::vector<std::string> environment);

  // 0 or an errno.
  [[nodiscard]] int prepare();
  [[nodiscard]] int start(Spawned& spawned);

 private:
  std::vector<std::string> run_;
  std::vector<std::string> environment_;
  Pipe input_;
  Pipe output_;
};

// Whether it may work later: the machine had no process, memory or descriptor to give.
[[nodiscard]] bool is_shortage(int error);
// Whether a program that starts another one ends its line with the words of such an error, as the locale C has them.
[[nodiscard]] bool tells_of_shortage(std::string_view line);

// "No such file or directory".
[[nodiscard]] std::string in_words(int error);

}  // namespace channels
