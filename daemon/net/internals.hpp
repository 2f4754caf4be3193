// Asio as this folder uses it. Included by the sources of daemon/net alone: it is the one header here that costs
// seconds.
//
// No coroutine here ever changes its thread, so the executor is the io_context's own type (no type erasure, no
// strands).
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/net/loop.hpp"

namespace net {

namespace asio = boost::asio;
using boost::system::error_code;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
using UseTask = asio::use_awaitable_t<Executor>;
inline constexpr UseTask use_task{};

using Steady = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

struct Loop::Internals {
  Internals();

  asio::io_context context;
  Descriptor wake_descriptor;
  Descriptor timer_descriptor;
  int wake_fd;   // owned by wake_descriptor
  int timer_fd;  // owned by timer_descriptor
  std::uint64_t wake_count = 0;
  std::uint64_t timer_count = 0;
  std::function<void()> on_wake;
  std::function<bool()> turn;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> progress{0};

  void wait_for_wake();
  void wait_for_timer();
};

}  // namespace net
