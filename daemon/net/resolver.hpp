// Names to addresses, off the loop's thread. Internal to daemon/net.
//
// Asio's resolver is not to be used with BOOST_ASIO_CONCURRENCY_HINT_UNSAFE (its thread would post into the loop), so
// one thread of ours calls getaddrinfo. Questions and answers cross by two rings; the answers' eventfd wakes the loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/net/internals.hpp"

namespace net {

using Endpoint = asio::generic::stream_protocol::endpoint;

struct Resolved {
  std::string host;
  std::string port;
  std::vector<Endpoint> endpoints;  // empty when it failed
  std::string error;
};

// Loop thread only. A getaddrinfo that hangs cannot be interrupted: the thread is left behind, not joined, and shares
// nothing but the rings with anybody.
class Resolver {
 public:
  Resolver(asio::io_context& context, std::function<void(Resolved)> answered);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `answered` is called once, later, for every question taken. False when too many wait.
  [[nodiscard]] bool ask(const std::string& host, const std::string& port);

 private:
  struct Shared;
  void wait_for_answers();

  std::function<void(Resolved)> answered_;
  std::shared_ptr<Shared> shared_;
  Descriptor answers_;
  std::uint64_t count_ = 0;
};

}  // namespace net
