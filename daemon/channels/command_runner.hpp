// Runs programs beside the loop: each gets its input on stdin, has a time limit, and is answered once.
//
// One thread of its own starts, feeds, hears and reaps all of them, so that neither a slow exec nor a program that
// hangs holds up the loop. Jobs go to it and results come back through one ring each; the loop's thread is the other
// end. A program runs without a shell, in a process group of its own, with no descriptor but 0, 1 and 2, with default
// signals. It is killed with its whole group when its limit is over.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/clock.hpp"

namespace channels {

struct Command {
  std::vector<std::string> run;          // program (sought in PATH when it has no slash) and arguments, never empty
  std::vector<std::string> environment;  // NAME=VALUE, added to the daemon's own without its ROUSE_* and its systemd's
  std::string input;                     // for stdin
  std::chrono::milliseconds limit{5'000};  // from submit() on, waiting for a place included
  // Asked once, on the runner's thread, right before the program is started. False: it is not.
  std::function<bool()> may_start;
};

enum class CommandEnd : std::uint8_t {
  exited,        // `code` is its exit code
  died,          // of signal `code`, which was not ours
  ran_over,      // its limit was over: killed
  not_allowed,   // may_start said no
  cannot_start,  // there is no such program, or it may not be run; `detail` says why
  no_room,       // not started: too many programs, or the machine has no process or memory to give
};

struct CommandResult {
  CommandEnd end = CommandEnd::cannot_start;
  int code = 0;
  std::string detail;  // the last line that it wrote to stdout or stderr, at most 200 bytes; or why it did not start
};

struct CommandRunnerOptions {
  std::size_t max_running = 64;    // at one time; more wait, first come, first served
  std::size_t max_pending = 4096;  // running and waiting; more are no_room
  // Of one program with the same arguments, so that one that hangs leaves places for the others.
  std::size_t max_running_of_one = 16;
  std::size_t max_pending_of_one = 1024;
};

class CommandRunner {
 public:
  // `wake` is called on the runner's thread when there is something to deliver; it has the loop's thread call deliver()
  // soon. The clock outlives the runner. Throws std::system_error when the kernel gives no eventfd.
  CommandRunner(const roused::Clock& clock, std::function<void()> wake, CommandRunnerOptions options = {});
  // Kills what runs and reaps it; what has not ended is not answered.
  ~CommandRunner();
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  // Loop thread. `done` is called once: from deliver(), or at once when there are too many.
  void submit(Command command, std::function<void(CommandResult)> done);

  // Loop thread: calls back for what has ended. False when nothing had.
  bool deliver();

  // Loop thread: submitted and not yet answered.
  [[nodiscard]] std::size_t pending() const { return waiting_.size(); }

  struct Internals;

 private:
  struct Waiting {
    std::function<void(CommandResult)> done;
    std::map<std::vector<std::string>, std::size_t>::iterator of_one;
  };

  std::unique_ptr<Internals> internals_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::map<std::vector<std::string>, std::size_t> pending_of_one_;  // by program and arguments
  std::uint64_t next_id_ = 0;
};

}  // namespace channels
