// A library to preload (LD_PRELOAD) into a daemon under test: the calls of libc that its store and its clocks are made
// of, with faults as orders.hpp says. Without orders every call is passed on as it is.
//
// The calls are libc's functions, so what the kernel's vdso does for clock_gettime is passed by as well. No memory is
// taken and nothing is thrown here: these functions are called from everywhere.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/bad_luck/orders.hpp"

namespace {

using support::BadLuckOrders;

BadLuckOrders* open_orders() {
  const char* const path = std::getenv(support::bad_luck_variable);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (path == nullptr) return nullptr;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const bytes = ::mmap(nullptr, sizeof(BadLuckOrders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return bytes == MAP_FAILED ? nullptr : static_cast<BadLuckOrders*>(bytes);
}

std::atomic<BadLuckOrders*> found_orders{nullptr};

// Before the constructor below has run there are none: nothing that early is worth a fault.
BadLuckOrders* orders() {
  return found_orders.load(std::memory_order_acquire);
}

// Looking a name up frees memory, and a sanitizer looks at the clock while it does: until this one is known, the kernel
// is asked.
std::atomic<void*> next_clock{nullptr};

int real_clock(clockid_t clock, timespec* time) {
  void* const known = next_clock.load(std::memory_order_acquire);
  if (known == nullptr) return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  return reinterpret_cast<decltype(&::clock_gettime)>(known)(clock, time);
}

[[gnu::constructor]] void begin() {
  next_clock.store(::dlsym(RTLD_NEXT, "clock_gettime"), std::memory_order_release);
  found_orders.store(open_orders(), std::memory_order_release);
}

// The call that would have been made without this library.
#define NEXT(name)                                      \
  ([]() -> decltype(&::name) {                          \
    static std::atomic<void*> known{nullptr};           \
    void* symbol = known.load();                        \
    if (symbol == nullptr) {                            \
      symbol = ::dlsym(RTLD_NEXT, #name);               \
      known.store(symbol);                              \
    }                                                   \
    return reinterpret_cast<decltype(&::name)>(symbol); \
  }())

// Whether the descriptor is a regular file (or, for syncs, a folder) below the folder of the orders. errno is kept.
bool is_concerned(const BadLuckOrders& luck, int descriptor) {
  const int error = errno;
  struct stat status{};
  bool is_below = false;
  if (::fstat(descriptor, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
    char name[64] = "/proc/self/fd/";
    char digits[16];
    int count = 0;
    for (int rest = descriptor; rest > 0 || count == 0; rest /= 10)
      digits[count++] = static_cast<char>('0' + rest % 10);
    char* end = name + std::strlen(name);
    while (count > 0) *end++ = digits[--count];
    *end = '\0';
    char path[1024];
    const ssize_t size = ::readlink(name, path, sizeof path - 1);
    if (size > 0) {
      path[size] = '\0';
      const std::size_t length = std::strlen(luck.folder);
      is_below = length > 0 && std::strncmp(path, luck.folder, length) == 0;
    }
  }
  errno = error;
  return is_below;
}

// Every n-th, counted over the whole process.
bool is_turn(std::atomic<std::uint64_t>& counter, const std::atomic<std::uint64_t>& every) {
  const std::uint64_t number = counter.fetch_add(1) + 1;
  const std::uint64_t period = every.load();
  return period != 0 && number % period == 0;
}

bool is_interrupted(BadLuckOrders& luck) {
  if (!is_turn(luck.transfers, luck.interrupt_every)) return false;
  luck.interruptions.fetch_add(1);
  errno = EINTR;
  return true;
}

// What a write of `size` bytes may write; -1 with errno when it fails.
ssize_t allowed(int descriptor, std::size_t size) {
  BadLuckOrders* const luck = orders();
  if (luck == nullptr || !is_concerned(*luck, descriptor)) return static_cast<ssize_t>(size);
  if (is_interrupted(*luck)) return -1;
  if (const int error = luck->write_error.load(); error != 0) {
    luck->failed_writes.fetch_add(1);
    errno = error;
    return -1;
  }
  if (is_turn(luck->writes, luck->short_write_every) && size > 1) {
    luck->short_writes.fetch_add(1);
    return static_cast<ssize_t>(size / 2);
  }
  return static_cast<ssize_t>(size);
}

bool may_read(int descriptor) {
  BadLuckOrders* const luck = orders();
  return luck == nullptr || luck->interrupt_every.load() == 0 || !is_concerned(*luck, descriptor) ||
         !is_interrupted(*luck);
}

bool may_sync(int descriptor) {
  BadLuckOrders* const luck = orders();
  if (luck == nullptr || !is_concerned(*luck, descriptor)) return true;
  luck->syncs.fetch_add(1);
  if (luck->syncs_hang.load()) {
    luck->hanging_syncs.fetch_add(1);
    while (luck->syncs_hang.load()) ::poll(nullptr, 0, 1);
  }
  const int error = luck->sync_error.load();
  if (error == 0) return true;
  luck->failed_syncs.fetch_add(1);
  errno = error;
  return false;
}

std::int64_t ahead(clockid_t clock) {
  BadLuckOrders* const luck = orders();
  if (luck == nullptr) return 0;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    luck->wall_looks.fetch_add(1, std::memory_order_relaxed);
    return luck->wall_ahead.load();
  }
  return clock == CLOCK_BOOTTIME ? luck->boot_ahead.load() : 0;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  const ssize_t some = allowed(descriptor, size);
  return some < 0 ? some : NEXT(write)(descriptor, bytes, static_cast<std::size_t>(some));
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  const ssize_t some = allowed(descriptor, size);
  return some < 0 ? some : NEXT(pwrite)(descriptor, bytes, static_cast<std::size_t>(some), offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  const ssize_t some = allowed(descriptor, size);
  return some < 0 ? some : NEXT(pwrite64)(descriptor, bytes, static_cast<std::size_t>(some), offset);
}

// A stream writes with this; one buffer of it is enough for a short one.
ssize_t writev(int descriptor, const iovec* buffers, int count) {
  std::size_t size = 0;
  for (int index = 0; index < count; ++index) size += buffers[index].iov_len;
  const ssize_t some = allowed(descriptor, size);
  if (some < 0) return some;
  if (static_cast<std::size_t>(some) == size) return NEXT(writev)(descriptor, buffers, count);
  for (int index = 0; index < count; ++index) {
    if (buffers[index].iov_len > 0)
      return NEXT(write)(descriptor, buffers[index].iov_base, (buffers[index].iov_len + 1) / 2);
  }
  return 0;
}

ssize_t read(int descriptor, void* bytes, std::size_t size) {
  return may_read(descriptor) ? NEXT(read)(descriptor, bytes, size) : -1;
}

ssize_t pread(int descriptor, void* bytes, std::size_t size, off_t offset) {
  return may_read(descriptor) ? NEXT(pread)(descriptor, bytes, size, offset) : -1;
}

ssize_t pread64(int descriptor, void* bytes, std::size_t size, off64_t offset) {
  return may_read(descriptor) ? NEXT(pread64)(descriptor, bytes, size, offset) : -1;
}

int fsync(int descriptor) {
  return may_sync(descriptor) ? NEXT(fsync)(descriptor) : -1;
}

int fdatasync(int descriptor) {
  return may_sync(descriptor) ? NEXT(fdatasync)(descriptor) : -1;
}

int clock_gettime(clockid_t clock, timespec* time) {
  constexpr std::int64_t second = 1'000'000'000;
  const int result = real_clock(clock, time);
  const std::int64_t offset = ahead(clock);
  if (result != 0 || offset == 0) return result;
  std::int64_t nanoseconds = time->tv_nsec + offset % second;
  time->tv_sec += offset / second;
  if (nanoseconds < 0) {
    nanoseconds += second;
    --time->tv_sec;
  } else if (nanoseconds >= second) {
    nanoseconds -= second;
    ++time->tv_sec;
  }
  time->tv_nsec = nanoseconds;
  return 0;
}

int gettimeofday(timeval* __restrict time, void* __restrict) {
  timespec precise{};
  if (::clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  *time = timeval{.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
  return 0;
}

std::time_t time(std::time_t* place) {
  timespec precise{};
  if (::clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  if (place != nullptr) *place = precise.tv_sec;
  return precise.tv_sec;
}

}  // extern "C"
