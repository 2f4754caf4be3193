// A thread of a channel's own: no signal of the daemon lands on it, and where a SIGPIPE would come it stays blocked, so
// that write() says EPIPE. What a thread can only do to itself (SIGSEGV and its like) still ends the process.
#pragma once

#include <functional>
#include <thread>

namespace channels {

// The caller joins it. Throws std::system_error when there is no thread to be had.
[[nodiscard]] std::thread begin_thread(std::function<void()> body);

}  // namespace channels
