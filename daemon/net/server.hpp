// The HTTP/1.1 server of one Loop: keeps senders to their limits, hands complete requests to one handler, and sends the
// answers whenever they come.
//
// Everything here runs on the loop's thread. What cannot be a request for the handler is answered here, as a problem
// document with `connection: close`: 400 malformed, 408 slow, 411 a POST without length, 413 too long (announced or
// counted), 414, 415 a Content-Encoding, 417, 431, 501 a transfer coding, 503 over a budget, 505.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/net/http.hpp"
#include "daemon/net/listener.hpp"
#include "daemon/net/loop.hpp"
#include "daemon/net/tls.hpp"

namespace net {

class Responder;
using Handler = std::function<void(Request&& request, Responder responder)>;

// The bounds are this server's own: several loops each have theirs.
struct ServerOptions {
  std::size_t max_body_bytes = std::size_t{64} << 20;
  std::size_t header_limit_bytes = std::size_t{8} << 10;
  // Body bytes received and not yet answered, over all connections. Beyond it: 503.
  std::size_t body_budget_bytes = std::size_t{256} << 20;
  // Beyond it a new connection takes the place of the one that has been without a complete request for longest; when
  // all are busy it gets a 503.
  std::size_t max_connections = 1000;
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte (or the connection) to the whole head
  std::chrono::milliseconds body_timeout{30'000};    // for the whole body
  std::chrono::milliseconds idle_timeout{60'000};    // between two requests
  std::chrono::milliseconds write_timeout{30'000};   // for the whole answer
  std::chrono::milliseconds linger_timeout{1'000};   // reading on after a refusal, so that the sender gets to see it
  std::shared_ptr<const TlsKeys> tls;                // null: without TLS. Unix sockets never have any
  // Paths on which a POST, PUT or PATCH with neither Content-Length nor chunks is an empty body instead of a 411
  // (`curl -X POST .../-/reload` sends none).
  std::function<bool(std::string_view path)> may_lack_length;
  // A lower limit than max_body_bytes for the bodies of a path; nothing: there is none. May be empty.
  std::function<std::optional<std::size_t>(std::string_view path)> most_body_bytes;
  // Asked, with the head alone, before a body is read that is longer than `ungated_bytes` or of unknown length. 100: it
  // may come, and the body of that answer is whose it is. Anything else is the answer, and ends the connection: who may
  // not send gets nothing buffered. May be empty.
  Handler gate;
  std::size_t ungated_bytes = std::size_t{16} << 10;
};

// The right and the duty to answer one request, exactly once, later, on the loop's thread. One that is dropped without
// an answer answers 503. It may outlive the connection, the server and the loop: the answer then goes nowhere.
class Responder {
 public:
  // For a request that came by no connection: the answer is handed to `answered`, with the same promise.
  explicit Responder(std::function<void(Response)> answered);
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // The request's body is gone after this. A second call does nothing.
  void send(Response response);

  // False when the sender is known to be gone.
  [[nodiscard]] bool is_awaited() const;

  struct Exchange;

 private:
  friend struct Connection;
  explicit Responder(std::shared_ptr<Exchange> exchange);
  std::shared_ptr<Exchange> exchange_;
};

// A request (or connection) that the server answered without the handler. The views live during the call.
struct Refusal {
  unsigned status = 0;
  std::string_view peer;
  std::string_view path;  // empty when the head was not understood
  std::string_view detail;
  std::string_view sender{};  // as the gate has named it; empty when it was not asked
};

class Server {
 public:
  // The handler must not throw; if it does, its request is answered with 500 and nobody else suffers.
  Server(Loop& loop, ServerOptions options, Handler handler);
  // Closes everything at once. Responders that are still held answer nowhere.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens `address` (see Listener::open) and serves it. Answers the address as bound, or what is wrong.
  [[nodiscard]] tl::expected<std::string, std::string> listen(std::string_view address);
  void serve(Listener listener);

  void on_refusal(std::function<void(const Refusal&)> called);

  // For connections that come from here on; null: without TLS.
  void use(std::shared_ptr<const TlsKeys> keys);

  // No new connections. What is queued in the kernel stays there for whoever else holds the listening socket.
  void stop_accepting();

  // Closes idle connections at once, lets requests in flight end (with `connection: close`), closes what is left after
  // `limit`; then calls `done`, once, from the loop.
  void drain(std::chrono::milliseconds limit, std::function<void()> done);

  [[nodiscard]] std::size_t connections() const;
  // Requests that the handler has and has not answered.
  [[nodiscard]] std::size_t requests_in_flight() const;
  [[nodiscard]] std::size_t body_bytes_in_flight() const;

  struct Internals;

 private:
  std::shared_ptr<Internals> internals_;
};

}  // namespace net
