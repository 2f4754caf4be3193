// A library to preload (LD_PRELOAD) into a daemon under test: the calls of libc that its store, its clocks and its ways
// to people are made of, with faults as orders.hpp says. Without orders every call is passed on as it is.
//
// The calls are libc's functions, so what the kernel's vdso does for clock_gettime is passed by as well. No memory is
// taken and nothing is thrown here: these functions are called from everywhere.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

// What of the ways out is open, by its number: the process's own, made since they were counted.
constexpr int most_descriptors = 4096;
std::atomic<support::WayOut> opened[most_descriptors];

void note(int descriptor, support::WayOut way) {
  if (descriptor >= 0 && descriptor < most_descriptors) opened[descriptor].store(way, std::memory_order_relaxed);
}

support::WayOut way_of(int descriptor) {
  return descriptor >= 0 && descriptor < most_descriptors ? opened[descriptor].load(std::memory_order_relaxed)
                                                          : support::WayOut::none;
}

bool is_counted(support::WayOut way) {
  const BadLuckOrders* const luck = orders();
  return luck != nullptr && way != support::WayOut::none && luck->way_out.load() == way;
}

// Counts it. Whether it is to fail.
bool is_out_of_luck(support::Operation operation) {
  BadLuckOrders& luck = *orders();
  if (luck.is_spared.load()) return false;
  const std::uint64_t number = luck.operations.fetch_add(1) + 1;
  const std::uint64_t bad = luck.fail_at.load();
  if (bad == 0 || number < bad || (number > bad && !luck.fails_from_there_on.load())) return false;
  if (number == bad) luck.first_failed.store(operation);
  luck.failed_operations.fetch_add(1);
  return true;
}

// An operation that has not been made yet. False with errno when it fails.
bool may(support::WayOut way, support::Operation operation, int error) {
  if (!is_counted(way) || !is_out_of_luck(operation)) return true;
  errno = error;
  return false;
}

bool may_send(int descriptor) {
  const support::WayOut way = way_of(descriptor);
  return way == support::WayOut::programs ? may(way, support::Operation::write_to_it, EPIPE)
                                          : may(way, support::Operation::send, EPIPE);
}

// RTP with a frame of G.711, as opposed to keys (RFC 4733), reports (RTCP) and SIP.
bool is_speech(const void* bytes, std::size_t size) {
  constexpr std::size_t header = 12;
  if (size < header) return false;
  const auto* const octets = static_cast<const unsigned char*>(bytes);
  const unsigned type = octets[1] & 0x7fU;
  return (octets[0] >> 6U) == 2 && (type == 0 || type == 8);
}

bool is_telephone(int descriptor) {
  const BadLuckOrders* const luck = orders();
  return luck != nullptr && luck->is_telephone.load() && is_counted(way_of(descriptor));
}

// Of a telephone, by datagram.
bool may_send_datagram(int descriptor, const void* bytes, std::size_t size) {
  if (!is_speech(bytes, size)) return may(way_of(descriptor), support::Operation::send, ENETUNREACH);
  BadLuckOrders& luck = *orders();
  if (luck.is_spared.load()) return true;
  const std::uint64_t number = luck.frames.fetch_add(1) + 1;
  const std::uint64_t mute = luck.mute_from.load();
  const std::uint64_t bad = luck.fail_at.load();
  const bool is_cut = luck.fails_from_there_on.load() && bad != 0 && luck.operations.load() >= bad;
  const bool is_mute = mute != 0 && number >= mute;
  if (!is_cut && !is_mute) return true;
  if (is_mute && luck.failed_operations.fetch_add(1) == 0) luck.first_failed.store(support::Operation::sound);
  luck.lost_frames.fetch_add(1);
  errno = ENETUNREACH;
  return false;
}

// An operation that has been made: one that has to wait is none yet.
ssize_t received(int descriptor, ssize_t result, const void* bytes = nullptr) {
  const support::WayOut way = way_of(descriptor);
  // What a telephone hears but does not understand is of no matter.
  if (result > 0 && bytes != nullptr && is_telephone(descriptor) && is_speech(bytes, static_cast<std::size_t>(result)))
    return result;
  if (way == support::WayOut::none || (result < 0 && (errno == EAGAIN || errno == EINTR))) return result;
  // That a caller has gone is heard at any time later.
  if (way == support::WayOut::callers && result == 0) return result;
  const int error = errno;
  const bool is_good = way == support::WayOut::programs ? may(way, support::Operation::read_from_it, EIO)
                                                        : may(way, support::Operation::receive, ECONNRESET);
  if (!is_good) return -1;
  errno = error;
  return result;
}

}  // namespace

extern "C" {

int socket(int family, int type, int protocol) {
  const bool is_network = family == AF_INET || family == AF_INET6;
  const support::WayOut way =
      is_network && is_counted(support::WayOut::network) ? support::WayOut::network : support::WayOut::none;
  if (!may(way, support::Operation::make_socket, EMFILE)) return -1;
  const int made = NEXT(socket)(family, type, protocol);
  note(made, way);
  return made;
}

int close(int descriptor) {
  note(descriptor, support::WayOut::none);
  return NEXT(close)(descriptor);
}

int connect(int descriptor, const sockaddr* address, socklen_t size) {
  if (!may(way_of(descriptor), support::Operation::connect, ECONNREFUSED)) return -1;
  return NEXT(connect)(descriptor, address, size);
}

int accept4(int descriptor, sockaddr* __restrict address, socklen_t* __restrict size, int flags) {
  const int made = NEXT(accept4)(descriptor, address, size, flags);
  if (made < 0 || !is_counted(support::WayOut::callers)) return made;
  if (!may(support::WayOut::callers, support::Operation::accept, ECONNABORTED)) {
    NEXT(close)(made);
    errno = ECONNABORTED;
    return -1;
  }
  note(made, support::WayOut::callers);
  return made;
}

int getsockopt(int descriptor, int level, int name, void* value, socklen_t* size) {
  const int result = NEXT(getsockopt)(descriptor, level, name, value, size);
  const bool is_told = result == 0 && level == SOL_SOCKET && name == SO_ERROR && *size == sizeof(int);
  if (is_told && !may(way_of(descriptor), support::Operation::hear_of_it, 0)) {
    const int error = ETIMEDOUT;
    std::memcpy(value, &error, sizeof error);
  }
  return result;
}

ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) {
  return may_send(descriptor) ? NEXT(send)(descriptor, bytes, size, flags) : -1;
}

ssize_t sendto(
    int descriptor, const void* bytes, std::size_t size, int flags, const sockaddr* address, socklen_t length) {
  const bool is_allowed = is_telephone(descriptor) ? may_send_datagram(descriptor, bytes, size) : may_send(descriptor);
  return is_allowed ? NEXT(sendto)(descriptor, bytes, size, flags, address, length) : -1;
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  return may_send(descriptor) ? NEXT(sendmsg)(descriptor, message, flags) : -1;
}

ssize_t recv(int descriptor, void* bytes, std::size_t size, int flags) {
  return received(descriptor, NEXT(recv)(descriptor, bytes, size, flags));
}

ssize_t recvfrom(int descriptor,
                 void* __restrict bytes,
                 std::size_t size,
                 int flags,
                 sockaddr* __restrict address,
                 socklen_t* __restrict length) {
  return received(descriptor, NEXT(recvfrom)(descriptor, bytes, size, flags, address, length), bytes);
}

ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
  return received(descriptor, NEXT(recvmsg)(descriptor, message, flags));
}

ssize_t readv(int descriptor, const iovec* buffers, int count) {
  return received(descriptor, NEXT(readv)(descriptor, buffers, count));
}

int getaddrinfo(const char* __restrict host,
                const char* __restrict port,
                const addrinfo* __restrict hints,
                addrinfo** __restrict found) {
  const BadLuckOrders* const luck = orders();
  if (!may(support::WayOut::network, support::Operation::look_up, 0)) return EAI_AGAIN;
  const bool is_home =
      luck != nullptr && host != nullptr && luck->home[0] != '\0' && std::strcmp(host, luck->home) == 0;
  return NEXT(getaddrinfo)(is_home ? "127.0.0.1" : host, port, hints, found);
}

int pipe2(int* ends, int flags) {
  if (!may(support::WayOut::programs, support::Operation::make_pipe, EMFILE)) return -1;
  const int result = NEXT(pipe2)(ends, flags);
  if (result != 0 || !is_counted(support::WayOut::programs)) return result;
  note(ends[0], support::WayOut::programs);
  note(ends[1], support::WayOut::programs);
  return result;
}

int posix_spawnp(pid_t* process,
                 const char* file,
                 const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes,
                 char* const* arguments,
                 char* const* environment) {
  if (!may(support::WayOut::programs, support::Operation::start_program, 0)) return EAGAIN;
  return NEXT(posix_spawnp)(process, file, actions, attributes, arguments, environment);
}

// glibc 2.36 has pidfd_open(), and C++ programs call it by its number.
long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_pidfd_open && !may(support::WayOut::programs, support::Operation::watch_program, EMFILE)) return -1;
  return NEXT(syscall)(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  if (!may_send(descriptor)) return -1;
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
  if (!may_send(descriptor)) return -1;
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

// Of what a program writes a line at most, so that its lines can be counted; what has no end yet is not.
static ssize_t read_line(int descriptor, void* bytes, std::size_t size) {
  char* const begin = static_cast<char*>(bytes);
  std::size_t count = 0;
  ssize_t last = 0;
  while (count < size && (count == 0 || begin[count - 1] != '\n')) {
    last = NEXT(read)(descriptor, begin + count, 1);
    if (last <= 0) break;
    ++count;
  }
  if (count == 0) return received(descriptor, last);
  const auto whole = static_cast<ssize_t>(count);
  return begin[count - 1] == '\n' ? received(descriptor, whole) : whole;
}

ssize_t read(int descriptor, void* bytes, std::size_t size) {
  if (way_of(descriptor) == support::WayOut::programs) return read_line(descriptor, bytes, size);
  return may_read(descriptor) ? received(descriptor, NEXT(read)(descriptor, bytes, size)) : -1;
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
