#include "daemon/audit_log.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.hpp"

namespace roused {

class AuditLog::File {
 public:
  explicit File(std::size_t most_bytes) : most_bytes_{most_bytes} {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void use(const std::string& name) {
    close();
    name_ = name;
    has_complained_ = false;
    if (!name_.empty()) (void)open();
  }

  void write(std::string_view line) {
    if (name_.empty() || !is_ready()) return;
    while (!line.empty()) {
      const auto count = ::write(descriptor_, line.data(), line.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return complain("a line cannot be written to the audit log");
      bytes_ += static_cast<std::size_t>(count);
      line.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  bool open() {
    descriptor_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (descriptor_ < 0) {
      complain("the audit log cannot be opened");
      return false;
    }
    struct stat found{};
    bytes_ = ::fstat(descriptor_, &found) == 0 ? static_cast<std::size_t>(found.st_size) : 0;
    return true;
  }

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  // Whoever turns logs over may move the file away at any time.
  bool is_ready() {
    struct stat here{};
    struct stat there{};
    const bool is_there = descriptor_ >= 0 && ::fstat(descriptor_, &here) == 0 && ::stat(name_.c_str(), &there) == 0 &&
                          here.st_ino == there.st_ino && here.st_dev == there.st_dev;
    if (is_there && bytes_ < most_bytes_) return true;
    if (is_there && std::rename(name_.c_str(), (name_ + ".1").c_str()) != 0)
      complain("the audit log cannot be renamed");
    close();
    return open();
  }

  void complain(std::string_view what) {
    if (std::exchange(has_complained_, true)) return;
    log(LogLevel::error, what, {{"file", name_}, {"why", std::strerror(errno)}});
  }

  const std::size_t most_bytes_;
  std::string name_;
  int descriptor_{-1};
  std::size_t bytes_{};
  bool has_complained_{};
};

AuditLog::AuditLog(std::size_t most_bytes) : file_{std::make_shared<File>(most_bytes)} {}

AuditLog::~AuditLog() {
  worker_.finish();
}

void AuditLog::use(const std::string& file) {
  const std::lock_guard lock{mutex_};
  is_used_ = !file.empty();
  if (!worker_.offer([to = file_, file] { to->use(file); })) ++lost_;
}

void AuditLog::write(const api::Audited& audited) {
  const std::lock_guard lock{mutex_};
  if (!is_used_) return;
  if (audited.by.empty()) {
    if (audited.at < window_began_ || audited.at >= window_began_ + window) {
      window_began_ = audited.at;
      refusals_ = 0;
    }
    if (++refusals_ > most_refusals) {
      ++lost_;
      return;
    }
  }
  std::string line = api::print_audited(audited);
  if (lost_ > 0) line = fmt::format("{{\"lost_before\":{}}}\n", lost_) + line;
  if (worker_.offer([to = file_, line = std::move(line)] { to->write(line); })) {
    lost_ = 0;
  } else {
    ++lost_;
  }
}

}  // namespace roused
