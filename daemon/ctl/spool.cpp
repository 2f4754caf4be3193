#include "daemon/ctl/spool.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ctl {
namespace {

constexpr std::size_t digits = 20;
constexpr std::string_view suffix = ".json";
// Whoever writes the next one needs two fsyncs.
constexpr std::chrono::seconds order_patience{3};

std::string error_text(int number) {
  return std::error_code{number, std::generic_category()}.message();
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

enum class Locked { held, busy, failed };

// The lock goes with the descriptor, or with the process. errno says why when it failed.
Locked lock(const Descriptor& file, Spool::Deadline deadline) {
  if (!file.is_open()) return Locked::failed;
  // Whoever has it closes the file in the end: that is what is waited for.
  const Descriptor closings{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  const std::string name = "/proc/self/fd/" + std::to_string(file.number());
  if (!closings.is_open() || ::inotify_add_watch(closings.number(), name.c_str(), IN_CLOSE_WRITE) < 0) {
    return Locked::failed;
  }
  for (;;) {
    if (::flock(file.number(), LOCK_EX | LOCK_NB) == 0) return Locked::held;
    if (errno != EWOULDBLOCK && errno != EINTR) return Locked::failed;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Locked::busy;
    pollfd waiting{.fd = closings.number(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000))) < 0 && errno != EINTR) {
      return Locked::failed;
    }
    std::array<char, 1024> events{};
    while (::read(closings.number(), events.data(), events.size()) > 0) {
    }
  }
}

Descriptor open_lock(const std::filesystem::path& file) {
  return Descriptor{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
}

bool is_entry(const std::string& name) {
  return name.size() == digits + suffix.size() && name.ends_with(suffix) &&
         std::all_of(name.begin(), name.begin() + digits, [](char c) { return c >= '0' && c <= '9'; });
}

// The names of all that wait, oldest first.
std::vector<std::string> entries_of(const std::filesystem::path& folder, std::error_code& error) {
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry{folder, error}, end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (is_entry(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return opened.is_open() && ::fsync(opened.number()) == 0;
}

bool write_whole(const std::filesystem::path& file, std::string_view bytes) {
  const Descriptor opened{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!opened.is_open()) return false;
  while (!bytes.empty()) {
    const ssize_t written = ::write(opened.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(opened.number()) == 0;
}

}  // namespace

tl::expected<Spool, std::string> Spool::open(std::filesystem::path folder) {
  std::error_code error;
  folder = std::filesystem::absolute(folder, error);
  std::vector<std::filesystem::path> missing;
  for (std::filesystem::path part = folder; !std::filesystem::exists(part, error) && part.has_relative_path();
       part = part.parent_path()) {
    missing.push_back(part);
  }
  for (auto part = missing.rbegin(); part != missing.rend(); ++part) {
    if (::mkdir(part->c_str(), 0700) != 0 && errno != EEXIST) {
      return tl::unexpected{fmt::format("{} cannot be made: {}", part->string(), error_text(errno))};
    }
    sync_folder(part->parent_path());
  }
  if (!std::filesystem::is_directory(folder, error)) {
    return tl::unexpected{fmt::format("{} is no folder", folder.string())};
  }
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return tl::unexpected{fmt::format("{} cannot be written to: {}", folder.string(), error_text(errno))};
  }
  return Spool{std::move(folder)};
}

tl::expected<std::string, std::string> Spool::put(std::string_view bytes, rules::Instant now) const {
  const auto failed = [this](std::string_view what) {
    return tl::unexpected{fmt::format("{} in {} failed: {}", what, folder_.string(), error_text(errno))};
  };
  const Descriptor order = open_lock(folder_ / ".order");
  if (!order.is_open()) return failed("opening a file");
  switch (lock(order, std::chrono::steady_clock::now() + order_patience)) {
    case Locked::held:
      break;
    case Locked::busy:
      return tl::unexpected{fmt::format("others write to {} without end", folder_.string())};
    case Locked::failed:
      return failed("locking");
  }
  std::error_code error;
  const std::vector<std::string> waiting = entries_of(folder_, error);
  if (error) return tl::unexpected{fmt::format("{} cannot be read: {}", folder_.string(), error.message())};
  // Whatever a clock that was set back says: behind all that wait.
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  std::uint64_t number = microseconds > 0 ? static_cast<std::uint64_t>(microseconds) : 1;
  if (!waiting.empty()) number = std::max<std::uint64_t>(number, std::stoull(waiting.back().substr(0, digits)) + 1);
  std::string name = fmt::format("{:020}{}", number, suffix);
  const std::filesystem::path scratch = folder_ / ".new";
  if (!write_whole(scratch, bytes)) return failed("writing");
  if (::rename(scratch.c_str(), (folder_ / name).c_str()) != 0) return failed("naming a file");
  if (!sync_folder(folder_)) return failed("syncing");
  return name;
}

bool Spool::drain_once(const Deliver& deliver, Deadline deadline, Drained& drained) const {
  const Descriptor sending = open_lock(folder_ / ".sending");
  switch (lock(sending, deadline)) {
    case Locked::held:
      break;
    case Locked::busy:
      drained.busy = true;
      return false;
    case Locked::failed:
      drained.trouble = fmt::format("{} cannot be locked: {}", folder_.string(), error_text(errno));
      return false;
  }
  std::error_code error;
  const std::vector<std::string> names = entries_of(folder_, error);
  if (error) {
    drained.trouble = fmt::format("{} cannot be read: {}", folder_.string(), error.message());
    return false;
  }
  for (const std::string& name : names) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    const std::filesystem::path file = folder_ / name;
    std::ifstream stream{file, std::ios::binary};
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    if (!stream) {
      drained.trouble = fmt::format("{} cannot be read", file.string());
      return false;
    }
    const Ending ending = deliver(name, bytes.str());
    if (ending == Ending::later) return false;
    int result{};
    if (ending == Ending::delivered) {
      result = ::unlink(file.c_str());
      ++drained.delivered;
    } else {
      const std::filesystem::path aside = folder_ / "refused";
      result =
          ::mkdir(aside.c_str(), 0700) != 0 && errno != EEXIST ? -1 : ::rename(file.c_str(), (aside / name).c_str());
      ++drained.refused;
    }
    if (result != 0) {  // else it would be sent again and again
      drained.trouble = fmt::format("{} cannot be taken away: {}", file.string(), error_text(errno));
      return false;
    }
  }
  return true;
}

Spool::Drained Spool::drain(const Deliver& deliver, Deadline deadline) const {
  Drained drained;
  // Another process that put one in while this one was about to let the lock go may have given up waiting for it: so
  // the folder is looked at once more without the lock.
  while (waiting() > 0 && drain_once(deliver, deadline, drained)) {
  }
  drained.waiting = waiting();
  return drained;
}

std::size_t Spool::waiting() const {
  std::error_code error;
  return entries_of(folder_, error).size();
}

}  // namespace ctl
