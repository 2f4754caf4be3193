#include "tests/daemon/journal/file_recorder.hpp"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace crash {

namespace {

constinit std::atomic<FileRecorder*> active = nullptr;

}  // namespace

bool is_left_out(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return name == "lock" || name == "reserve" || name.ends_with("-shm");
}

FileRecorder::FileRecorder(std::filesystem::path root) : root_(std::move(root)) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    const std::string below = entry.path().lexically_relative(root_).string();
    if (entry.is_directory()) {
      record_.start.folders.push_back(below);
    } else if (!is_left_out(below)) {
      std::ifstream file(entry.path(), std::ios::binary);
      record_.start.files[below] = std::string(std::istreambuf_iterator<char>(file), {});
      record_.start_numbers[below] = names_[below] = next_file_++;
    }
  }
  FileRecorder* nobody = nullptr;
  if (!active.compare_exchange_strong(nobody, this)) std::abort();
}

FileRecorder::~FileRecorder() {
  FileRecorder* self = this;
  active.compare_exchange_strong(self, nullptr);
}

Record FileRecorder::stop() {
  active.store(nullptr);
  const std::lock_guard guard(lock_);
  return std::move(record_);
}

void FileRecorder::mark(std::string what, std::uint64_t number) {
  const std::lock_guard guard(lock_);
  add({.kind = Operation::Kind::mark, .path = std::move(what), .offset = number});
}

bool FileRecorder::is_recorded(const char* path, std::string& below) const {
  if (path == nullptr || path[0] != '/') return false;
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  const std::string& root = root_.native();
  if (!normal.starts_with(root)) return false;
  below = normal.substr(root.size());
  if (!below.empty() && below.front() != '/') return false;
  while (below.starts_with('/')) below.erase(0, 1);
  while (below.ends_with('/')) below.pop_back();
  return !is_left_out(below);
}

void FileRecorder::opened(int descriptor, const char* path, bool truncates, bool is_folder) {
  open_.erase(descriptor);
  std::string below;
  if (!is_recorded(path, below)) return;
  if (is_folder) {
    open_[descriptor] = {below, 0, true};
    return;
  }
  const auto [name, is_new] = names_.try_emplace(below, next_file_);
  open_[descriptor] = {below, name->second, false};
  if (is_new) {
    ++next_file_;
    add({.kind = Operation::Kind::create, .path = below, .file = name->second});
  } else if (truncates) {
    add({.kind = Operation::Kind::truncate, .path = below, .file = name->second});
  }
}

void FileRecorder::written(int descriptor, const void* bytes, std::uint64_t size, std::uint64_t offset) {
  const auto found = open_.find(descriptor);
  if (found == open_.end() || size == 0) return;
  add({.kind = Operation::Kind::write,
       .path = found->second.path,
       .file = found->second.file,
       .offset = offset,
       .bytes = std::string(static_cast<const char*>(bytes), size)});
}

void FileRecorder::truncated(int descriptor, std::uint64_t size) {
  const auto found = open_.find(descriptor);
  if (found == open_.end()) return;
  add({.kind = Operation::Kind::truncate, .path = found->second.path, .file = found->second.file, .offset = size});
}

void FileRecorder::synced(int descriptor) {
  const auto found = open_.find(descriptor);
  if (found == open_.end()) return;
  const Open& open = found->second;
  add({.kind = open.is_folder ? Operation::Kind::sync_folder : Operation::Kind::sync,
       .path = open.path,
       .file = open.file});
}

void FileRecorder::renamed(const char* from, const char* to) {
  std::string source;
  std::string target;
  if (!is_recorded(from, source) || !is_recorded(to, target)) return;
  const auto name = names_.find(source);
  if (name == names_.end()) std::abort();  // folders are not renamed by the journal, and so not understood here
  add({.kind = Operation::Kind::rename, .path = source, .target = target, .file = name->second});
  names_[target] = name->second;
  names_.erase(source);
}

void FileRecorder::removed(const char* path) {
  std::string below;
  if (!is_recorded(path, below)) return;
  names_.erase(below);
  add({.kind = Operation::Kind::remove, .path = below});
}

void FileRecorder::made_folder(const char* path) {
  std::string below;
  if (is_recorded(path, below)) add({.kind = Operation::Kind::make_folder, .path = below});
}

namespace {

// The next definition: a sanitizer's if there is one, else the C library's.
template <class Function>
Function next(const char* name, Function of_sanitizer) {
  if (of_sanitizer != nullptr) return of_sanitizer;
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// Under the lock of the recorder, if there is one.
template <class Action>
auto recorded(const Action& action) {
  FileRecorder* const recorder = active.load(std::memory_order_acquire);
  if (recorder == nullptr) return action(recorder);
  const std::lock_guard guard(recorder->lock());
  return action(recorder);
}

}  // namespace
}  // namespace crash

// NOLINTBEGIN: names and signatures are the C library's.
using Size = std::size_t;
extern "C" {
#define ROUSE_OF_SANITIZER(name) [[gnu::weak]] decltype(::name) __interceptor_##name
ROUSE_OF_SANITIZER(open);
ROUSE_OF_SANITIZER(open64);
ROUSE_OF_SANITIZER(close);
ROUSE_OF_SANITIZER(write);
ROUSE_OF_SANITIZER(writev);
ROUSE_OF_SANITIZER(pwrite);
ROUSE_OF_SANITIZER(pwrite64);
ROUSE_OF_SANITIZER(fsync);
ROUSE_OF_SANITIZER(fdatasync);
ROUSE_OF_SANITIZER(ftruncate);
ROUSE_OF_SANITIZER(ftruncate64);
ROUSE_OF_SANITIZER(rename);
ROUSE_OF_SANITIZER(unlink);
ROUSE_OF_SANITIZER(rmdir);
ROUSE_OF_SANITIZER(remove);
ROUSE_OF_SANITIZER(mkdir);
ROUSE_OF_SANITIZER(sendfile);
ROUSE_OF_SANITIZER(sendfile64);
#undef ROUSE_OF_SANITIZER
#define ROUSE_NEXT(name) static const auto real = crash::next(#name, &__interceptor_##name)

static int open_recorded(int (*real)(const char*, int, ...), const char* path, int flags, unsigned mode) {
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int descriptor = real(path, flags, mode);
    if (recorder != nullptr && descriptor >= 0) {
      const int error = errno;
      struct stat status{};
      const bool is_folder = ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
      recorder->opened(descriptor, path, (flags & O_TRUNC) != 0, is_folder);
      errno = error;
    }
    return descriptor;
  });
}

static unsigned mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0U;
}

int open(const char* path, int flags, ...) {
  ROUSE_NEXT(open);
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_recorded(real, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  ROUSE_NEXT(open64);
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_recorded(real, path, flags, mode);
}

int close(int descriptor) {
  ROUSE_NEXT(close);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    if (recorder != nullptr) recorder->closed(descriptor);
    return real(descriptor);
  });
}

ssize_t write(int descriptor, const void* bytes, Size size) {
  ROUSE_NEXT(write);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const ssize_t done = real(descriptor, bytes, size);
    if (recorder != nullptr && done > 0) {
      const int error = errno;
      const off_t end = ::lseek(descriptor, 0, SEEK_CUR);  // -1: not a file
      if (end >= done) {
        recorder->written(descriptor, bytes, static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(end - done));
      }
      errno = error;
    }
    return done;
  });
}

// Streams of the standard library write with it.
ssize_t writev(int descriptor, const iovec* parts, int count) {
  ROUSE_NEXT(writev);
  if (crash::active.load(std::memory_order_acquire) == nullptr) return real(descriptor, parts, count);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t done = write(descriptor, parts[i].iov_base, parts[i].iov_len);
    if (done < 0) return all > 0 ? all : done;
    all += done;
    if (static_cast<Size>(done) < parts[i].iov_len) break;
  }
  return all;
}

ssize_t pwrite(int descriptor, const void* bytes, Size size, off_t offset) {
  ROUSE_NEXT(pwrite);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const ssize_t done = real(descriptor, bytes, size, offset);
    if (recorder != nullptr && done > 0) {
      recorder->written(descriptor, bytes, static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(offset));
    }
    return done;
  });
}

ssize_t pwrite64(int descriptor, const void* bytes, Size size, off64_t offset) {
  ROUSE_NEXT(pwrite64);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const ssize_t done = real(descriptor, bytes, size, offset);
    if (recorder != nullptr && done > 0) {
      recorder->written(descriptor, bytes, static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(offset));
    }
    return done;
  });
}

int fsync(int descriptor) {
  ROUSE_NEXT(fsync);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(descriptor);
    if (recorder != nullptr && result == 0) recorder->synced(descriptor);
    return result;
  });
}

int fdatasync(int descriptor) {
  ROUSE_NEXT(fdatasync);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(descriptor);
    if (recorder != nullptr && result == 0) recorder->synced(descriptor);
    return result;
  });
}

int ftruncate(int descriptor, off_t size) noexcept {
  ROUSE_NEXT(ftruncate);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(descriptor, size);
    if (recorder != nullptr && result == 0) recorder->truncated(descriptor, static_cast<std::uint64_t>(size));
    return result;
  });
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  ROUSE_NEXT(ftruncate64);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(descriptor, size);
    if (recorder != nullptr && result == 0) recorder->truncated(descriptor, static_cast<std::uint64_t>(size));
    return result;
  });
}

int rename(const char* from, const char* to) noexcept {
  ROUSE_NEXT(rename);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(from, to);
    if (recorder != nullptr && result == 0) recorder->renamed(from, to);
    return result;
  });
}

int unlink(const char* path) noexcept {
  ROUSE_NEXT(unlink);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(path);
    if (recorder != nullptr && result == 0) recorder->removed(path);
    return result;
  });
}

int rmdir(const char* path) noexcept {
  ROUSE_NEXT(rmdir);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(path);
    if (recorder != nullptr && result == 0) recorder->removed(path);
    return result;
  });
}

// The C library's own goes to its own unlink and rmdir, not to ours.
int remove(const char* path) noexcept {
  ROUSE_NEXT(remove);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(path);
    if (recorder != nullptr && result == 0) recorder->removed(path);
    return result;
  });
}

int mkdir(const char* path, mode_t mode) noexcept {
  ROUSE_NEXT(mkdir);
  return crash::recorded([&](crash::FileRecorder* recorder) {
    const int result = real(path, mode);
    if (recorder != nullptr && result == 0) recorder->made_folder(path);
    return result;
  });
}

// The standard library copies files with it, and falls back to writes when told that it cannot be done.
ssize_t sendfile(int to, int from, off_t* offset, Size size) noexcept {
  ROUSE_NEXT(sendfile);
  if (crash::active.load(std::memory_order_acquire) == nullptr) return real(to, from, offset, size);
  errno = ENOSYS;
  return -1;
}

ssize_t sendfile64(int to, int from, off64_t* offset, Size size) noexcept {
  ROUSE_NEXT(sendfile64);
  if (crash::active.load(std::memory_order_acquire) == nullptr) return real(to, from, offset, size);
  errno = ENOSYS;
  return -1;
}
}
// NOLINTEND
