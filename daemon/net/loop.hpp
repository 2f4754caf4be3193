// One I/O thread's world: the sockets of one thread, one timer, and the turns that others take on the same thread.
//
// Everything on a Loop (Server, Client, handlers, the turn) runs on the thread inside run(). Only wake(), stop() and
// progress() may be called from elsewhere. Servers and clients of a loop are destroyed before it, when run() is over or
// from its own thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace net {

class Loop {
 public:
  // Throws std::system_error when the kernel gives no epoll, eventfd or timerfd.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Blocks the calling thread until stop(). What a handler or the turn throws comes out of here.
  void run();

  // Any thread. run() returns after the handler that is running; a run() that begins later returns at once.
  void stop();

  // Any thread, and cheap (one write to an eventfd): on_wake is called soon, once for any number of wakes.
  void wake();
  void on_wake(std::function<void()> called);

  // Called between bounded runs of handlers (at most `handlers_a_turn`) and before the loop would sleep. True: it has
  // more to do at once, so the loop only looks at its sockets and comes back. False: the loop may sleep until a socket,
  // the timer or a wake. To hear other threads it must be woken (see roused::SleepFlag).
  void set_turn(std::function<bool()> turn);
  static constexpr int handlers_a_turn = 32;

  // One coarse timer, of boot time (it goes on while the machine is suspended): a turn is taken when it ends. A later
  // call replaces it; clear_timer() takes it back. Zero or less: at once.
  void set_timer(std::chrono::nanoseconds from_now);
  void clear_timer();

  // Calls later, from run(), never from here.
  void post(std::function<void()> called);

  // Any thread. Grows with each round of the loop. An idle loop stands still: a watchdog calls wake() and expects this
  // to have moved some time later.
  [[nodiscard]] std::uint64_t progress() const;

  struct Internals;
  [[nodiscard]] Internals& internals() { return *internals_; }

 private:
  std::unique_ptr<Internals> internals_;
};

}  // namespace net
