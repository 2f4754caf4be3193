// Names to addresses, off the loop's thread. Internal to daemon/net.
//
// Asio's resolver is not to be used with BOOST_ASIO_CONCURRENCY_HINT_UNSAFE (its thread would post into the loop), so
// threads of ours call getaddrinfo. Questions and answers of each cross by two rings; the answers' eventfd wakes the
// loop. There are several because a name whose servers are dead takes longer than a page has time, and must not hold up
// the others; each is made when all before it are busy.
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

// Loop thread only. A getaddrinfo that hangs cannot be interrupted: its thread is left behind, not joined, and shares
// nothing but the rings with anybody.
class Resolver {
 public:
  Resolver(asio::io_context& context, std::function<void(Resolved)> answered);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `answered` is called once, later, for every question taken. False when too many wait, or no thread can be made.
  [[nodiscard]] bool ask(const std::string& host, const std::string& port);

 private:
  struct Shared;
  class Thread;
  Thread* least_busy();

  asio::io_context& context_;
  std::function<void(Resolved)> answered_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace net
