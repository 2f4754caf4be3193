#include "tests/support/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

std::runtime_error failure(const std::string& what) {
  return std::runtime_error(what + ": " + std::strerror(errno));
}

// Between fork and exec only what is safe in a signal handler: this process has threads.
[[noreturn]] void become(
    char* const* arguments, char* const* environment, int output, pid_t parent, const Launch& launch) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (const auto& [resource, value] : launch.limits) {
    const rlimit limit{value, value};
    if (setrlimit(resource, &limit) != 0) _exit(125);
  }
  if (!launch.folder.empty() && chdir(launch.folder.c_str()) != 0) _exit(125);
  execvpe(arguments[0], arguments, environment);
  const char* const why = std::strerror(errno);
  static_cast<void>(!write(STDERR_FILENO, why, std::strlen(why)));
  _exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Process::Process(const Launch& launch) {
  std::vector<std::string> arguments = launch.arguments;
  std::vector<std::string> environment;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry{*one};
    const bool is_replaced = std::any_of(launch.environment.begin(), launch.environment.end(), [&](const auto& own) {
      return entry.starts_with(own.first + "=");
    });
    if (!is_replaced) environment.emplace_back(entry);
  }
  for (const auto& [name, value] : launch.environment) {
    std::string entry = name;
    entry += '=';
    entry += value;
    environment.push_back(std::move(entry));
  }
  std::vector<char*> argument_pointers = pointers(arguments);
  std::vector<char*> environment_pointers = pointers(environment);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw failure("pipe");
  const pid_t parent = getpid();
  id_ = fork();
  if (id_ == 0) become(argument_pointers.data(), environment_pointers.data(), ends[1], parent, launch);
  ::close(ends[1]);
  if (id_ < 0) {
    ::close(ends[0]);
    throw failure("fork");
  }
  setpgid(id_, id_);  // both sides, so that it holds whoever comes first
  handle_ = static_cast<int>(syscall(SYS_pidfd_open, id_, 0));
  if (handle_ < 0) {
    ::kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
    ::close(ends[0]);
    throw failure("pidfd_open");
  }
  reader_ = std::thread{[this, descriptor = ends[0]] { read_output(descriptor); }};
}

Process::~Process() {
  kill();
  reader_.join();
  ::close(handle_);
}

void Process::read_output(int descriptor) {
  char bytes[4096];
  for (;;) {
    const ssize_t count = read(descriptor, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    const std::lock_guard lock{mutex_};
    if (count <= 0) {
      is_output_over_ = true;
      said_.notify_all();
      break;
    }
    output_.append(bytes, static_cast<std::size_t>(count));
    said_.notify_all();
  }
  ::close(descriptor);
}

void Process::signal(int number) {
  const std::lock_guard lock{mutex_};
  if (!code_) ::kill(id_, number);
}

std::optional<std::string> Process::wait_for_line(std::string_view part, std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  const Clock::time_point end = Clock::now() + limit;
  std::size_t begin = 0;
  for (;;) {
    for (std::size_t line_end; (line_end = output_.find('\n', begin)) != std::string::npos; begin = line_end + 1) {
      const std::string_view line{output_.data() + begin, line_end - begin};
      if (line.find(part) != std::string_view::npos) return std::string{line};
    }
    if (is_output_over_ || said_.wait_until(lock, end) == std::cv_status::timeout) return std::nullopt;
  }
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
  {
    const std::lock_guard lock{mutex_};
    if (code_) return code_;
  }
  const Clock::time_point end = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    pollfd over{.fd = handle_, .events = POLLIN, .revents = 0};
    const int ready = poll(&over, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready > 0) break;
    if (ready < 0 && errno == EINTR) continue;
    return std::nullopt;
  }
  const std::lock_guard lock{mutex_};
  if (code_) return code_;
  int status{};
  while (waitpid(id_, &status, 0) < 0 && errno == EINTR) continue;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

int Process::kill() {
  {
    const std::lock_guard lock{mutex_};
    // A leader that is not reaped keeps the group's number; one that is may have left others behind, or nobody.
    if (!code_) ::kill(-id_, SIGKILL);
  }
  return wait(std::chrono::hours{1}).value_or(-1);
}

std::string Process::output() const {
  const std::lock_guard lock{mutex_};
  return output_;
}

Finished run(const Launch& launch, std::chrono::milliseconds limit) {
  Process process{launch};
  const std::optional<int> code = process.wait(limit);
  if (!code) {
    process.kill();
    return Finished{.code = 124, .output = process.output()};
  }
  // The last words may still be in the pipe.
  static_cast<void>(process.wait_for_line("\n", std::chrono::seconds{5}));
  return Finished{.code = *code, .output = process.output()};
}

}  // namespace support
