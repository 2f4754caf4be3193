#include "daemon/journal/files.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace journal {

namespace {

Descriptor open_file(const std::filesystem::path& path, int flags) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (number < 0 && errno == EINTR);
  return Descriptor(number);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (number_ >= 0) ::close(number_);
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

std::string cannot(std::string_view verb, const std::filesystem::path& path, int error) {
  return fmt::format("cannot {} {}: {}", verb, path.string(), std::generic_category().message(error));
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

int write_all(int descriptor, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (written == 0) return ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

tl::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  const Descriptor file = open_file(path, O_RDONLY);
  if (!file.is_open()) return tl::unexpected(cannot("open", path, errno));
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return tl::unexpected(cannot("read", path, errno));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(cannot("read", path, errno));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

Done sync_directory(const std::filesystem::path& directory, const SyncFile& sync) {
  const Descriptor folder = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open()) return tl::unexpected(cannot("open", directory, errno));
  if (sync(folder.number()) != 0) return tl::unexpected(cannot("sync", directory, errno));
  return {};
}

Done replace_file(const std::filesystem::path& path,
                  std::initializer_list<std::string_view> parts,
                  const SyncFile& sync) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  const auto give_up = [&temporary](std::string why) {
    ::unlink(temporary.c_str());
    return tl::unexpected(std::move(why));
  };
  {
    const Descriptor file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) return tl::unexpected(cannot("create", temporary, errno));
    std::uint64_t offset = 0;
    for (const std::string_view part : parts) {
      if (const int error = write_all(file.number(), part, offset)) return give_up(cannot("write", temporary, error));
      offset += part.size();
    }
    if (sync(file.number()) != 0) return give_up(cannot("sync", temporary, errno));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up(cannot("rename", temporary, errno));
  return sync_directory(path.parent_path(), sync);
}

Done copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const SyncFile& sync) {
  std::error_code error;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, error);
  if (error) return tl::unexpected(cannot("copy " + from.string() + " to", to, error.value()));
  const Descriptor file = open_file(to, O_RDWR);
  if (!file.is_open()) return tl::unexpected(cannot("open", to, errno));
  if (sync(file.number()) != 0) return tl::unexpected(cannot("sync", to, errno));
  return {};
}

Done make_directory(const std::filesystem::path& directory, const SyncFile& sync) {
  std::error_code ignored;
  const std::filesystem::path parent = std::filesystem::absolute(directory, ignored).parent_path();
  if (std::filesystem::is_directory(directory, ignored)) {
    // Whoever made it may have died before its name was on the disk; what is in it then is lost with it.
    const Descriptor folder = open_file(parent, O_RDONLY | O_DIRECTORY);
    if (folder.is_open() && sync(folder.number()) != 0) return tl::unexpected(cannot("sync", parent, errno));
    return {};
  }
  if (!parent.empty() && parent != directory) {
    if (Done made = make_directory(parent, sync); !made) return made;
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::unexpected(cannot("create directory", directory, errno));
  }
  return sync_directory(parent, sync);
}

tl::expected<Descriptor, std::string> lock_directory(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "lock";
  Descriptor file = open_file(path, O_RDWR | O_CREAT);
  if (!file.is_open()) return tl::unexpected(cannot("open", path, errno));
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return tl::unexpected(cannot("lock", path, errno));
    std::string owner = read_file(path).value_or("");
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    return tl::unexpected(fmt::format("{} is in use by another roused{}: two daemons cannot share a data directory",
                                      directory.string(),
                                      owner.empty() ? "" : " (process " + owner + ")"));
  }
  // The process number only helps whoever reads the message above; the lock is the lock.
  const std::string owner = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.number(), 0) == 0) write_all(file.number(), owner, 0);
  return file;
}

void Reserve::fill_if_there_is_room() {
  if (bytes_ == 0 || is_filled()) return;
  struct statvfs room{};
  if (::statvfs(path_.parent_path().c_str(), &room) != 0) return;
  if (static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize < 2 * bytes_) return;
  const Descriptor file = open_file(path_, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.is_open()) return;
  // Bytes that do not compress: some file systems store zeros as nothing.
  std::uint64_t state = 0x9e3779b97f4a7c15U;
  std::string chunk(64 * 1024, '\0');
  for (std::uint64_t written = 0; written < bytes_;) {
    for (char& byte : chunk) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      byte = static_cast<char>(static_cast<unsigned char>(state));
    }
    const std::uint64_t size = std::min<std::uint64_t>(chunk.size(), bytes_ - written);
    if (write_all(file.number(), std::string_view(chunk).substr(0, size), written) != 0) {
      ::unlink(path_.c_str());
      return;
    }
    written += size;
  }
}

bool Reserve::release() {
  return ::unlink(path_.c_str()) == 0;
}

bool Reserve::is_filled() const {
  struct stat status{};
  return ::stat(path_.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == bytes_;
}

}  // namespace journal
