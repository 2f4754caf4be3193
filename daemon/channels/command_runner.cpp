#include "daemon/channels/command_runner.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/channels/begin_thread.hpp"
#include "daemon/channels/spawn.hpp"
#include "daemon/ring.hpp"
#include "daemon/words/clean.hpp"

namespace channels {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kept_output_bytes = 4096;
constexpr std::size_t detail_bytes = 200;
// At a program whose end nobody tells, because there was no descriptor to hear it by.
constexpr std::chrono::milliseconds looks_every{50};

struct Job {
  std::uint64_t id{};
  Command command;
  nanoseconds until{};  // boot clock
};

struct Ended {
  std::uint64_t id{};
  CommandResult result;
};

// The last line that has anything in it, for people.
std::string last_line(std::string_view output) {
  while (!output.empty() && static_cast<unsigned char>(output.back()) <= ' ') output.remove_suffix(1);
  if (const std::size_t end = output.rfind('\n'); end != std::string_view::npos) output.remove_prefix(end + 1);
  return words::shorten(words::visible(output), detail_bytes);
}

// One program that runs, or that was killed and is not reaped yet.
struct Child {
  std::uint64_t id{};
  std::vector<std::string> run;
  Spawned program;  // its input is closed when all is written or it reads no more
  std::string to_write;
  std::size_t written{};
  std::string kept;  // the end of its output
  nanoseconds until{};
  bool is_answered{};

  void write_input() {
    while (written < to_write.size()) {
      const ssize_t count = ::write(program.input.number(), to_write.data() + written, to_write.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) break;  // it reads no further: its own affair
      written += static_cast<std::size_t>(count);
    }
    program.input.close();
  }

  // Reads a bounded amount, so that a program that writes without end does not hold up the others.
  void read_output() {
    std::array<char, 16384> bytes;
    for (int round = 0; round < 4 && program.output.is_open(); ++round) {
      const ssize_t count = ::read(program.output.number(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return program.output.close();
      kept.append(bytes.data(), static_cast<std::size_t>(count));
      if (kept.size() > 2 * kept_output_bytes) kept.erase(0, kept.size() - kept_output_bytes);
    }
  }

  void kill_group() const { program.kill_group(SIGKILL); }
};

CommandResult not_started(int error) {
  return {
      is_shortage(error) ? CommandEnd::no_room : CommandEnd::cannot_start, 0, "cannot be started: " + in_words(error)};
}

}  // namespace

// Everything below `thread` is that thread's own; the rings and the sleep are between the two.
struct CommandRunner::Internals {
  Internals(const roused::Clock& the_clock, std::function<void()> the_wake, CommandRunnerOptions the_options)
      : clock(the_clock),
        wake_loop(std::move(the_wake)),
        options(the_options),
        jobs(the_options.max_pending, the_options.max_pending),
        results(the_options.max_pending, the_options.max_pending),
        wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wakeup.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  const roused::Clock& clock;
  const std::function<void()> wake_loop;
  const CommandRunnerOptions options;
  roused::Ring<Job> jobs;       // loop -> runner
  roused::Ring<Ended> results;  // runner -> loop
  roused::SleepFlag sleep;
  Descriptor wakeup;
  std::atomic<bool> is_stopping{false};
  std::thread thread;

  std::deque<Job> queue;
  std::list<Child> children;
  std::vector<pollfd> polled;
  bool has_results = false;

  void wake_thread() const {
    const std::uint64_t one = 1;
    while (::write(wakeup.number(), &one, sizeof one) < 0 && errno == EINTR) continue;
  }

  // There is a slot for each job that was taken, so the push cannot fail.
  void answer(std::uint64_t id, CommandResult result) {
    has_results = results.try_push_priority(Ended{id, std::move(result)}, 1) || has_results;
  }

  [[nodiscard]] nanoseconds now() const { return clock.read().boot; }

  void run() {
    while (!is_stopping.load(std::memory_order_acquire)) {
      jobs.drain(options.max_pending, [this](Job&& job) { queue.push_back(std::move(job)); });
      start_waiting();
      end_those_over();
      if (std::exchange(has_results, false)) wake_loop();
      sleep_until_something();
    }
    for (const Child& child : children) child.kill_group();
    for (const Child& child : children) static_cast<void>(child.program.reap());
  }

  void start_waiting() {
    // What was killed and clings to life (in the kernel, on a dead disk) holds its place: the bound is on processes.
    std::map<std::vector<std::string>, std::size_t> running;
    if (!queue.empty())
      for (const Child& child : children) ++running[child.run];
    for (auto next = queue.begin(); next != queue.end() && children.size() < options.max_running;) {
      const auto of_one = running.find(next->command.run);
      if (of_one != running.end() && of_one->second >= options.max_running_of_one) {
        ++next;
        continue;
      }
      const std::size_t before = children.size();
      const std::vector<std::string> run = next->command.run;
      Job job = std::move(*next);
      next = queue.erase(next);
      start(std::move(job));
      if (children.size() > before) ++running[run];
    }
    const nanoseconds at = now();
    std::erase_if(queue, [&](const Job& job) {
      if (job.until > at) return false;
      answer(job.id, {CommandEnd::no_room, 0, "too many programs run already"});
      return true;
    });
  }

  void start(Job job) {
    if (job.until <= now()) return answer(job.id, {CommandEnd::no_room, 0, "too many programs run already"});
    Child child;
    child.run = job.command.run;
    SpawnPlan plan(std::move(job.command.run), std::move(job.command.environment));
    if (const int error = plan.prepare(); error != 0) return answer(job.id, not_started(error));
    // Nothing but the spawn stands behind this look.
    if (job.command.may_start && !job.command.may_start()) return answer(job.id, {CommandEnd::not_allowed, 0, {}});
    if (const int error = plan.start(child.program); error != 0) return answer(job.id, not_started(error));
    child.id = job.id;
    child.to_write = std::move(job.command.input);
    child.until = job.until;
    child.write_input();
    children.push_back(std::move(child));
  }

  void end_those_over() {
    const nanoseconds at = now();
    for (Child& child : children) {
      // Its own end counts, however late this thread comes to see it.
      if (child.is_answered || child.until > at || child.program.has_ended()) continue;
      child.kill_group();
      child.is_answered = true;
      child.program.input.close();
      child.program.output.close();
      answer(child.id, {CommandEnd::ran_over, 0, "ran past its time and was killed"});
    }
  }

  [[nodiscard]] int poll_milliseconds() const {
    std::optional<nanoseconds> first;
    for (const Child& child : children)
      if (!child.program.exit.is_open()) first = now() + looks_every;
    for (const Child& child : children)
      if (!child.is_answered && (!first || child.until < *first)) first = child.until;
    for (const Job& job : queue)
      if (!first || job.until < *first) first = job.until;
    if (!first) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  // Sleeps, then hears whoever has something to say. Three places a child, in the order of the list.
  void sleep_until_something() {
    polled.clear();
    polled.push_back({wakeup.number(), POLLIN, 0});
    for (const Child& child : children) {
      polled.push_back({child.program.exit.number(), POLLIN, 0});
      polled.push_back({child.program.input.number(), POLLOUT, 0});  // a closed one is -1: poll passes over it
      polled.push_back({child.program.output.number(), POLLIN, 0});
    }
    sleep.announce();
    const bool has_work = !jobs.empty() || is_stopping.load(std::memory_order_acquire);
    const int ready = ::poll(polled.data(), polled.size(), has_work ? 0 : poll_milliseconds());
    sleep.cancel();
    if (ready < 0) return;
    if (polled[0].revents != 0) {
      std::uint64_t count = 0;
      while (::read(wakeup.number(), &count, sizeof count) < 0 && errno == EINTR) continue;
    }
    std::size_t place = 1;
    for (auto child = children.begin(); child != children.end(); place += 3) {
      if (polled[place + 1].revents != 0) child->write_input();
      if (polled[place + 2].revents != 0) child->read_output();
      const bool is_heard = child->program.exit.is_open();
      if (is_heard ? polled[place].revents != 0 : child->program.has_ended()) {
        end(*child);
        child = children.erase(child);
      } else {
        ++child;
      }
    }
  }

  void end(Child& child) {
    const int status = child.program.reap();
    if (child.is_answered) return;
    // A grandchild may hold the pipe open: what is in it now is all that is waited for.
    if (child.program.output.is_open()) child.read_output();
    CommandResult result;
    result.end = WIFEXITED(status) ? CommandEnd::exited : CommandEnd::died;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    result.detail = last_line(child.kept);
    answer(child.id, std::move(result));
  }
};

CommandRunner::CommandRunner(const roused::Clock& clock, std::function<void()> wake, CommandRunnerOptions options)
    : internals_(std::make_unique<Internals>(clock, std::move(wake), options)) {
  internals_->thread = begin_thread([this] { internals_->run(); });
}

CommandRunner::~CommandRunner() {
  internals_->is_stopping.store(true, std::memory_order_release);
  internals_->wake_thread();
  internals_->thread.join();
}

void CommandRunner::submit(Command command, std::function<void(CommandResult)> done) {
  const auto of_one = pending_of_one_.try_emplace(command.run).first;
  if (waiting_.size() >= internals_->options.max_pending || of_one->second >= internals_->options.max_pending_of_one) {
    if (of_one->second == 0) pending_of_one_.erase(of_one);
    return done({CommandEnd::no_room, 0, "too many programs run already"});
  }
  const std::uint64_t id = next_id_++;
  const nanoseconds until = internals_->now() + command.limit;
  ++of_one->second;
  waiting_.emplace(id, Waiting{std::move(done), of_one});
  // Every job in the ring is in waiting_, which is no longer than the ring: there is room.
  if (!internals_->jobs.try_push_priority(Job{id, std::move(command), until}, 1)) std::abort();
  if (internals_->sleep.must_wake()) internals_->wake_thread();
}

bool CommandRunner::deliver() {
  bool had_any = false;
  while (std::optional<Ended> ended = internals_->results.try_pop()) {
    had_any = true;
    const auto found = waiting_.find(ended->id);
    const std::function<void(CommandResult)> done = std::move(found->second.done);
    if (const auto of_one = found->second.of_one; --of_one->second == 0) pending_of_one_.erase(of_one);
    waiting_.erase(found);
    done(std::move(ended->result));
  }
  return had_any;
}

}  // namespace channels
