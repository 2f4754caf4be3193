#include "daemon/net/loop.hpp"

#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "daemon/net/internals.hpp"

namespace net {
namespace {

int checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return descriptor;
}

}  // namespace

Loop::Internals::Internals()
    : context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE), wake_descriptor(context), timer_descriptor(context) {
  wake_fd = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  wake_descriptor.assign(wake_fd);
  timer_fd = checked(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create");
  timer_descriptor.assign(timer_fd);
  // Both wait from here on, so the context never runs out of work and run_one() really sleeps.
  wait_for_wake();
  wait_for_timer();
}

void Loop::Internals::wait_for_wake() {
  wake_descriptor.async_read_some(asio::buffer(&wake_count, sizeof wake_count), [this](error_code error, std::size_t) {
    if (error == asio::error::operation_aborted) return;
    wait_for_wake();
    if (on_wake) on_wake();
  });
}

void Loop::Internals::wait_for_timer() {
  timer_descriptor.async_read_some(asio::buffer(&timer_count, sizeof timer_count),
                                   [this](error_code error, std::size_t) {
                                     // Nothing else to do: a turn follows every run of handlers.
                                     if (error != asio::error::operation_aborted) wait_for_timer();
                                   });
}

Loop::Loop() : internals_(std::make_unique<Internals>()) {}
Loop::~Loop() = default;

void Loop::run() {
  Internals& loop = *internals_;
  while (!loop.stopping.load(std::memory_order_acquire)) {
    loop.progress.fetch_add(1, std::memory_order_relaxed);
    const bool has_more = loop.turn && loop.turn();
    if (loop.stopping.load(std::memory_order_acquire)) return;
    int handlers = 0;
    if (!has_more) handlers += static_cast<int>(loop.context.run_one());
    // Not poll(): handlers that post themselves again would keep it for ever.
    while (handlers < handlers_a_turn && !loop.stopping.load(std::memory_order_relaxed) && loop.context.poll_one() > 0)
      ++handlers;
  }
}

void Loop::stop() {
  internals_->stopping.store(true, std::memory_order_release);
  wake();
}

void Loop::wake() {
  const std::uint64_t one = 1;
  // A full counter (EAGAIN) already wakes; nothing else can fail on a valid eventfd.
  while (::write(internals_->wake_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

void Loop::on_wake(std::function<void()> called) {
  internals_->on_wake = std::move(called);
}
void Loop::set_turn(std::function<bool()> turn) {
  internals_->turn = std::move(turn);
}

void Loop::set_timer(std::chrono::nanoseconds from_now) {
  const std::int64_t nanoseconds = from_now.count() < 1 ? 1 : from_now.count();  // 0 would disarm
  itimerspec time{};
  time.it_value.tv_sec = nanoseconds / 1'000'000'000;
  time.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  ::timerfd_settime(internals_->timer_fd, 0, &time, nullptr);
}

void Loop::clear_timer() {
  const itimerspec never{};
  ::timerfd_settime(internals_->timer_fd, 0, &never, nullptr);
}

void Loop::post(std::function<void()> called) {
  asio::post(internals_->context, std::move(called));
}

std::uint64_t Loop::progress() const {
  return internals_->progress.load(std::memory_order_relaxed);
}

}  // namespace net
