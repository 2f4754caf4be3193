#include "daemon/channels/begin_thread.hpp"

#include <csignal>
#include <utility>

#include <pthread.h>

namespace channels {

std::thread begin_thread(std::function<void()> body) {
  // A thread inherits the mask that it is made under.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, own);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread begun(std::move(body));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return begun;
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace channels
