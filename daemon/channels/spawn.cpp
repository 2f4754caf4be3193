#include "daemon/channels/spawn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace channels {
namespace {

constexpr std::array shortages{EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY};

// Above 2, so that giving a program its own 0, 1 and 2 never covers an end that is still needed.
std::optional<Descriptor> above_standard(int number) {
  Descriptor given(number);
  if (number > 2) return given;
  const int moved = ::fcntl(number, F_DUPFD_CLOEXEC, 3);
  if (moved < 0) return std::nullopt;
  return Descriptor(moved);
}

// By number: glibc 2.36 declares pidfd_open() without C linkage. The descriptor is close-on-exec by itself.
Descriptor open_process(pid_t process) {
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

// What belongs to the daemon and its supervisor alone, or is said anew for each message.
bool is_inherited(std::string_view entry) {
  for (const std::string_view name : {"ROUSE_", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "CREDENTIALS_DIRECTORY="})
    if (entry.starts_with(name)) return false;
  return true;
}

// Pointers for exec; a NUL inside a value would cut it short, so it becomes a blank.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) {
    std::replace(text.begin(), text.end(), '\0', ' ');
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// What a spawn needs, given back in every case.
class Actions {
 public:
  Actions(const Pipe& input, const Pipe& output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input.read_end.number(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output.write_end.number(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output.write_end.number(), STDERR_FILENO);
    // Everything of ours is close-on-exec; this is for what the daemon was started with.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Actions() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  // 0 or an errno.
  [[nodiscard]] int start(pid_t& process, char* const* run, char* const* environment) const {
    return ::posix_spawnp(&process, run[0], &actions_, &attributes_, run, environment);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  std::optional<Descriptor> read_end = above_standard(ends[0]);
  std::optional<Descriptor> write_end = above_standard(ends[1]);
  if (!read_end || !write_end) return std::nullopt;
  return Pipe{std::move(*read_end), std::move(*write_end)};
}

void make_nonblocking(const Descriptor& descriptor) {
  ::fcntl(descriptor.number(), F_SETFL, ::fcntl(descriptor.number(), F_GETFL) | O_NONBLOCK);
}

bool Spawned::has_ended() const {
  if (!exit.is_open()) {
    siginfo_t ended{};
    return ::waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
  }
  pollfd polled{exit.number(), POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

void Spawned::kill_group(int signal) const {
  ::kill(-process, signal);
}

int Spawned::reap() const {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

SpawnPlan::SpawnPlan(std::vector<std::string> run, std::vector<std::string> environment)
    : run_(std::move(run)), environment_(std::move(environment)) {}

int SpawnPlan::prepare() {
  std::optional<Pipe> input = make_pipe();
  std::optional<Pipe> output = input ? make_pipe() : std::nullopt;
  if (!output) return errno;
  input_ = std::move(*input);
  output_ = std::move(*output);
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (is_inherited(*entry)) environment_.emplace_back(*entry);
  return 0;
}

int SpawnPlan::start(Spawned& spawned) {
  const std::vector<char*> run = pointers_to(run_);
  const std::vector<char*> variables = pointers_to(environment_);
  const Actions actions(input_, output_);
  if (const int error = actions.start(spawned.process, run.data(), variables.data()); error != 0) return error;
  spawned.exit = open_process(spawned.process);
  spawned.input = std::move(input_.write_end);
  spawned.output = std::move(output_.read_end);
  make_nonblocking(spawned.input);
  make_nonblocking(spawned.output);
  return 0;
}

bool is_shortage(int error) {
  return std::find(shortages.begin(), shortages.end(), error) != shortages.end();
}

bool tells_of_shortage(std::string_view line) {
  return std::any_of(shortages.begin(), shortages.end(), [line](int error) { return line.ends_with(in_words(error)); });
}

std::string in_words(int error) {
  return std::generic_category().message(error);
}

}  // namespace channels
