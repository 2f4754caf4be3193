#include "daemon/net/server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/head.hpp"
#include "daemon/net/internals.hpp"
#include "daemon/net/tls_internals.hpp"

namespace net {

namespace ssl = asio::ssl;

namespace {

// One read fetches a whole small request, head and body.
constexpr std::size_t input_bytes = 16 * 1024;
// A body buffer starts with what was announced up to this, then doubles as bytes really come.
constexpr std::size_t first_reserve_bytes = std::size_t{1} << 20;
// What an idle connection keeps; 1000 of them keep 64 MB.
constexpr std::size_t kept_body_bytes = 64 * 1024;
// One read takes no more than this, so that a fast sender does not hold the loop.
constexpr std::size_t read_limit_bytes = 256 * 1024;
// A refused sender's further bytes are read over up to here, then the connection is cut.
constexpr std::size_t linger_limit_bytes = std::size_t{16} << 20;
// Answers up to this are copied behind their head and leave in one piece.
constexpr std::size_t joined_answer_bytes = 16 * 1024;
// Out of descriptors: nothing frees one faster than time does.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr int accepts_a_turn = 64;

enum class Phase { handshake, idle, head, body, handling, writing, lingering };

bool wants_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

bool is_the_servers_own(std::string_view name) {
  for (const std::string_view own : {"content-length", "content-type", "connection", "date", "transfer-encoding"})
    if (equal_ignoring_case(name, own)) return true;
  return false;
}

void append_clean(std::string& out, std::string_view text) {
  for (const char letter : text) out += letter == '\r' || letter == '\n' || letter == '\0' ? ' ' : letter;
}

}  // namespace

struct Connection;

// What a connection and the holder of its current Responder share. The body lives here, so that a handler that still
// has its Responder can read it even when the connection was cut.
struct Responder::Exchange {
  Connection* connection = nullptr;              // null once the connection is gone
  std::function<void(Response)> instead_of_one;  // of a request that came by none
  bool is_answered = false;
  Response response;
  PaddedBuffer body;
};

struct Server::Internals : std::enable_shared_from_this<Server::Internals> {
  struct Acceptor {
    Acceptor(Listener taken, asio::io_context& context)
        : listener(std::move(taken)), descriptor(context), pause(context) {
      descriptor.assign(listener->descriptor());
    }
    ~Acceptor() { close(); }
    void close() {
      if (descriptor.is_open()) descriptor.release();  // the listener closes it
      listener.reset();
      pause.cancel();
    }
    std::optional<Listener> listener;  // nothing once closed
    Descriptor descriptor;
    Timer pause;
  };

  Internals(asio::io_context& used, ServerOptions chosen, Handler called)
      : context(used), options(std::move(chosen)), handler(std::move(called)), sweeper(used), drain_limit(used) {
    const auto shortest = std::min({options.header_timeout,
                                    options.body_timeout,
                                    options.idle_timeout,
                                    options.write_timeout,
                                    options.linger_timeout});
    sweep_every = std::clamp(shortest / 8, std::chrono::milliseconds(2), std::chrono::milliseconds(250));
  }

  asio::io_context& context;
  ServerOptions options;
  Handler handler;
  std::function<void(const Refusal&)> on_refusal;
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  std::vector<Connection*> connections;  // each lives in its coroutine's frame
  std::size_t starting = 0;              // accepted, their coroutine has not begun yet
  std::size_t in_flight = 0;
  std::size_t body_bytes = 0;
  bool is_closed = false;
  bool is_draining = false;
  std::function<void()> drained;
  Timer sweeper;
  Timer drain_limit;
  std::chrono::milliseconds sweep_every{};
  bool is_sweeping = false;
  std::time_t date_second = 0;
  std::string date;

  void refused(unsigned status,
               std::string_view peer,
               std::string_view path,
               std::string_view detail,
               std::string_view sender = {}) {
    if (on_refusal) on_refusal(Refusal{status, peer, path, detail, sender});
  }
  void add(Connection* connection);
  void remove(Connection* connection);
  void forget(std::size_t index);
  void sweep();
  bool close_longest_waiting();
  void close_all();
  void finish_drain_when_empty();
  const std::string& date_now();
};

// One connection, from accept to close. It lives in the frame of its serve_connection.
struct Connection {
  Connection(std::shared_ptr<Server::Internals> owner, Socket&& accepted, PeerName name, Transport kind)
      : server(std::move(owner)),
        socket(std::move(accepted)),
        answered(server->context),
        peer(std::move(name)),
        transport(kind),
        exchange(std::make_shared<Responder::Exchange>()),
        input(std::max(input_bytes, server->options.header_limit_bytes + 4096)) {
    if (kind == Transport::tls) tls.emplace(socket, server->options.tls->internals().context);
    exchange->connection = this;
    server->add(this);
  }
  ~Connection() {
    exchange->connection = nullptr;
    release_body();
    server->remove(this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void enter(Phase next, std::chrono::milliseconds limit) {
    phase = next;
    phase_began = Steady::now();
    deadline = phase_began + limit;
    is_expired = false;
  }
  void enter_without_limit(Phase next) {
    phase = next;
    phase_began = Steady::now();
    deadline = Steady::time_point::max();
    is_expired = false;
  }
  // Ends whatever the coroutine waits for; it then finds is_cut.
  void cut() {
    is_cut = true;
    error_code ignored;
    socket.close(ignored);
    answered.cancel();
  }
  void expire() {
    is_expired = true;
    if (phase == Phase::head || phase == Phase::body) {
      error_code ignored;
      socket.cancel(ignored);  // the coroutine still wants to say 408
    } else {
      cut();
    }
  }
  void charge_body() {
    server->body_bytes += exchange->body.size() - charged_bytes;
    charged_bytes = exchange->body.size();
  }
  void release_body() {
    server->body_bytes -= charged_bytes;
    charged_bytes = 0;
  }
  [[nodiscard]] bool is_over_budget() const { return server->body_bytes > server->options.body_budget_bytes; }
  [[nodiscard]] std::string_view unread() const { return {input.data() + input_begin, input_end - input_begin}; }
  Responder make_responder() { return Responder(exchange); }

  std::shared_ptr<Server::Internals> server;
  Socket socket;
  std::optional<ssl::stream<Socket&>> tls;
  Timer answered;  // never ends by itself: cancelled when the answer is there
  PeerName peer;
  std::vector<std::string> certificate_names;
  std::string sender;  // of the request that is being read, as the gate has named it
  Transport transport;
  std::shared_ptr<Responder::Exchange> exchange;
  std::vector<char> input;
  std::size_t input_begin = 0;
  std::size_t input_end = 0;
  RequestHead head;
  Request request;
  std::string output;
  std::size_t charged_bytes = 0;
  Phase phase = Phase::idle;
  Steady::time_point phase_began;
  Steady::time_point deadline = Steady::time_point::max();
  bool is_expired = false;
  bool is_cut = false;
  bool is_listed = false;
};

Responder::Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

Responder::Responder(std::function<void(Response)> answered) : exchange_(std::make_shared<Exchange>()) {
  exchange_->instead_of_one = std::move(answered);
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    if (exchange_) send(problem(503, "the request was dropped without an answer; send it again"));
    exchange_ = std::move(other.exchange_);
  }
  return *this;
}

Responder::~Responder() {
  if (exchange_) send(problem(503, "the request was dropped without an answer; send it again"));
}

void Responder::send(Response response) {
  const std::shared_ptr<Exchange> exchange = std::move(exchange_);
  if (!exchange || exchange->is_answered) return;
  exchange->is_answered = true;
  if (exchange->instead_of_one) return exchange->instead_of_one(std::move(response));
  exchange->response = std::move(response);
  if (exchange->connection != nullptr) exchange->connection->answered.cancel();
}

bool Responder::is_awaited() const {
  if (!exchange_) return false;
  if (exchange_->instead_of_one) return true;
  return exchange_->connection != nullptr && !exchange_->connection->is_cut;
}

void Server::Internals::add(Connection* connection) {
  connections.push_back(connection);
  connection->is_listed = true;
  if (!is_sweeping) {
    is_sweeping = true;
    sweep();
  }
}

void Server::Internals::forget(std::size_t index) {
  connections[index]->is_listed = false;
  connections[index] = connections.back();
  connections.pop_back();
}

void Server::Internals::remove(Connection* connection) {
  if (connection->is_listed)
    forget(
        static_cast<std::size_t>(std::find(connections.begin(), connections.end(), connection) - connections.begin()));
  finish_drain_when_empty();
}

// One timer for all connections: setting a deadline is a store, and no request arms or cancels a timer of its own.
void Server::Internals::sweep() {
  if (connections.empty() || is_closed) {
    is_sweeping = false;
    return;
  }
  const Steady::time_point now = Steady::now();
  for (Connection* connection : connections)
    if (now >= connection->deadline) connection->expire();
  sweeper.expires_after(sweep_every);
  sweeper.async_wait([self = weak_from_this()](error_code error) {
    if (const auto alive = self.lock(); alive && !error) alive->sweep();
  });
}

bool Server::Internals::close_longest_waiting() {
  std::size_t longest = connections.size();
  const auto rank = [](const Connection& connection) {
    // Idle ones go first, then those whose head is still to come.
    return std::pair(connection.phase == Phase::idle ? 0 : 1, connection.phase_began);
  };
  for (std::size_t index = 0; index < connections.size(); ++index) {
    const Connection& candidate = *connections[index];
    if (candidate.phase != Phase::idle && candidate.phase != Phase::head && candidate.phase != Phase::handshake)
      continue;
    if (longest == connections.size() || rank(candidate) < rank(*connections[longest])) longest = index;
  }
  if (longest == connections.size()) return false;
  Connection* const closed = connections[longest];
  forget(longest);  // its coroutine takes a moment to end; its place is free at once
  closed->cut();
  return true;
}

void Server::Internals::close_all() {
  for (Connection* connection : connections) connection->cut();
}

void Server::Internals::finish_drain_when_empty() {
  if (!is_draining || !connections.empty() || !drained) return;
  drain_limit.cancel();
  asio::post(context, std::exchange(drained, nullptr));
}

const std::string& Server::Internals::date_now() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second) {
    date_second = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                       days[static_cast<std::size_t>(parts.tm_wday)],
                       parts.tm_mday,
                       months[static_cast<std::size_t>(parts.tm_mon)],
                       parts.tm_year + 1900,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec);
  }
  return date;
}

namespace {

Task<std::size_t> read_some(Connection& connection, char* to, std::size_t size, error_code& error) {
  std::size_t count = 0;
  if (connection.is_cut) {
    error = asio::error::operation_aborted;
    co_return count;
  }
  const asio::mutable_buffer space(to, size);
  if (connection.tls)
    count = co_await connection.tls->async_read_some(space, asio::redirect_error(use_task, error));
  else
    count = co_await connection.socket.async_read_some(space, asio::redirect_error(use_task, error));
  co_return count;
}

Task<> write_all(Connection& connection, asio::const_buffer first, asio::const_buffer second, error_code& error) {
  if (connection.is_cut) {
    error = asio::error::operation_aborted;
    co_return;
  }
  const std::array<asio::const_buffer, 2> buffers{first, second};
  if (connection.tls)
    co_await asio::async_write(*connection.tls, buffers, asio::redirect_error(use_task, error));
  else
    co_await asio::async_write(connection.socket, buffers, asio::redirect_error(use_task, error));
}

// Sends `response`; false when the connection is of no more use.
Task<bool> write_response(Connection& connection, const Response& response, bool is_head, bool keep_alive) {
  Server::Internals& server = *connection.server;
  connection.enter(Phase::writing, server.options.write_timeout);
  const bool may_have_body = response.status >= 200 && response.status != 204 && response.status != 304;
  std::string& out = connection.output;
  out.clear();
  fmt::format_to(std::back_inserter(out),
                 "HTTP/1.1 {} {}\r\nDate: {}\r\n",
                 response.status,
                 reason_phrase(response.status),
                 server.date_now());
  if (may_have_body && !response.body.empty() && !response.content_type.empty()) {
    out += "Content-Type: ";
    append_clean(out, response.content_type);
    out += "\r\n";
  }
  if (may_have_body) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  for (std::size_t index = 0; index < response.headers.size(); ++index) {
    const auto [name, value] = response.headers.at(index);
    if (is_the_servers_own(name)) continue;
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
  }
  if (!keep_alive)
    out += "Connection: close\r\n";
  else if (connection.head.is_http_1_0)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
  std::string_view body = response.body;
  if (is_head || !may_have_body) body = {};
  if (body.size() <= joined_answer_bytes) {
    out += body;
    body = {};
  }
  const asio::const_buffer first(out.data(), out.size());
  const asio::const_buffer second(body.data(), body.size());
  error_code error;
  co_await write_all(connection, first, second, error);
  co_return !error;
}

// Closing a socket with unread bytes resets it, and the sender may never see the answer: so the rest is read over.
Task<> linger(Connection& connection) {
  connection.enter(Phase::lingering, connection.server->options.linger_timeout);
  error_code error;
  connection.socket.shutdown(asio::socket_base::shutdown_send, error);
  error.clear();
  std::size_t total = 0;
  while (!error && total < linger_limit_bytes && !connection.is_cut) {
    const asio::mutable_buffer space(connection.input.data(), connection.input.size());
    total += co_await connection.socket.async_read_some(space, asio::redirect_error(use_task, error));
  }
}

Task<> refuse(Connection& connection, unsigned status, std::string_view detail) {
  connection.server->refused(status, connection.peer.text, connection.head.path, detail, connection.sender);
  Response response = problem(status, detail);
  if (status == 415) response.headers.add("Accept-Encoding", "identity");
  if (status == 503) response.headers.add("Retry-After", "1");
  connection.release_body();  // what came of it is not kept while the sender reads the answer
  connection.exchange->body.shrink(kept_body_bytes);
  const bool was_head = connection.head.method == "HEAD";
  const bool is_written = co_await write_response(connection, response, was_head, false);
  if (is_written) co_await linger(connection);
}

enum class Got { whole, ended, refused };

// Reads until `input` begins with a whole head and parses it.
Task<Got> read_head(Connection& connection) {
  const ServerOptions& options = connection.server->options;
  const std::size_t limit = options.header_limit_bytes;
  std::size_t searched = 0;
  for (;;) {
    // RFC 9112 section 2.2: empty lines before a request are read over.
    while (connection.unread().starts_with("\r\n")) connection.input_begin += 2, searched = 0;
    const std::string_view bytes = connection.unread();
    const std::optional<std::size_t> end = head_end(bytes, searched);
    if (end.value_or(bytes.size()) > limit) {
      const bool is_target = bytes.substr(0, limit).find("\r\n") == std::string_view::npos;
      connection.head.path.clear();
      if (is_target)
        co_await refuse(connection, 414, "the request target is too long");
      else
        co_await refuse(connection, 431, "the head of the request is too long");
      co_return Got::refused;
    }
    if (end) {
      const Refused refused = connection.head.parse(bytes.substr(0, *end));
      connection.input_begin += *end;
      if (refused.status == 0) co_return Got::whole;
      co_await refuse(connection, refused.status, refused.detail);
      co_return Got::refused;
    }
    if (!bytes.empty() && connection.phase == Phase::idle) connection.enter(Phase::head, options.header_timeout);
    // A byte that begins no method: TLS on a plain port, or noise. Waiting for its end would only take 10 s.
    if (!bytes.empty() && bytes.front() != '\r' && (bytes.front() <= ' ' || bytes.front() >= 0x7f)) {
      connection.head.path.clear();
      co_await refuse(connection, 400, "this is no HTTP request");
      co_return Got::refused;
    }
    if (connection.input_begin > 0) {
      std::memmove(connection.input.data(), connection.input.data() + connection.input_begin, bytes.size());
      connection.input_end -= connection.input_begin;
      connection.input_begin = 0;
    }
    error_code error;
    char* const space = connection.input.data() + connection.input_end;
    const std::size_t room = connection.input.size() - connection.input_end;
    const std::size_t count = co_await read_some(connection, space, room, error);
    connection.input_end += count;
    if (connection.is_expired && !connection.is_cut && connection.phase == Phase::head) {
      connection.head.path.clear();
      co_await refuse(connection, 408, "the head of the request came too slowly");
      co_return Got::refused;
    }
    if (error || connection.is_cut) co_return Got::ended;
  }
}

std::size_t most_body(const ServerOptions& options, std::string_view path) {
  const std::optional<std::size_t> most = options.most_body_bytes ? options.most_body_bytes(path) : std::nullopt;
  return std::min(most.value_or(options.max_body_bytes), options.max_body_bytes);
}

// Reads the body that the head announced into the exchange's buffer.
Task<Got> read_body(Connection& connection) {
  Server::Internals& server = *connection.server;
  const RequestHead& head = connection.head;
  PaddedBuffer& body = connection.exchange->body;
  body.clear();
  if (head.framing == Framing::none && wants_body(head.method) &&
      !(server.options.may_lack_length && server.options.may_lack_length(head.path))) {
    co_await refuse(connection, 411, "a body needs Content-Length or chunks");
    co_return Got::refused;
  }
  const std::size_t max_body = most_body(server.options, head.path);
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(head.length, std::uint64_t{1} << 62));
  if (length > max_body) {
    co_await refuse(connection, 413, "the body is too long");
    co_return Got::refused;
  }
  if (head.framing != Framing::none &&
      (connection.is_over_budget() || server.options.body_budget_bytes - server.body_bytes < length)) {
    co_await refuse(connection, 503, "too many bodies are on their way; send it again");
    co_return Got::refused;
  }
  connection.enter(Phase::body, server.options.body_timeout);
  error_code error;
  if (head.expects_continue && head.framing != Framing::none && connection.unread().empty()) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const asio::const_buffer line(go_on.data(), go_on.size());
    const asio::const_buffer nothing;
    co_await write_all(connection, line, nothing, error);
    if (error) co_return Got::ended;
  }
  ChunkDecoder chunks;
  if (head.framing == Framing::length) {
    body.reserve(std::min(length, first_reserve_bytes));
    const std::string_view here = connection.unread().substr(0, length);
    body.append(here);
    connection.input_begin += here.size();
    connection.charge_body();
  }
  for (;;) {
    if (head.framing == Framing::none || (head.framing == Framing::length && body.size() == length)) break;
    std::size_t count = 0;
    if (head.framing == Framing::length) {
      // Straight into the body's own buffer, and not a byte of what follows it.
      if (body.size() == body.capacity()) body.reserve(std::min(length, 2 * body.capacity()));
      const std::size_t room = std::min({length, body.capacity(), body.size() + read_limit_bytes}) - body.size();
      count = co_await read_some(connection, body.data() + body.size(), room, error);
      body.grow_by(count);
    } else {
      connection.input_begin += chunks.read(connection.unread(), body);
      connection.charge_body();
      if (body.size() > max_body || chunks.announced() > max_body - body.size()) {
        co_await refuse(connection, 413, "the body is too long");
        co_return Got::refused;
      }
      if (chunks.state() == ChunkDecoder::State::done) break;
      if (chunks.state() == ChunkDecoder::State::bad) {
        co_await refuse(connection, 400, "the chunks of the body are malformed");
        co_return Got::refused;
      }
      if (!connection.is_over_budget()) {
        connection.input_begin = 0;
        connection.input_end = 0;
        count = co_await read_some(connection, connection.input.data(), connection.input.size(), error);
        connection.input_end = count;
      }
    }
    connection.charge_body();
    if (connection.is_over_budget()) {
      co_await refuse(connection, 503, "too many bodies are on their way; send it again");
      co_return Got::refused;
    }
    if (connection.is_expired && !connection.is_cut) {
      co_await refuse(connection, 408, "the body of the request came too slowly");
      co_return Got::refused;
    }
    if (error || connection.is_cut) co_return Got::ended;
  }
  body.finish();
  co_return Got::whole;
}

// Calls one of the handlers with what was read; what it throws becomes a 500.
void hand_over(Connection& connection, const Handler& handler, std::string_view body) {
  Server::Internals& server = *connection.server;
  Responder::Exchange& exchange = *connection.exchange;
  Request& request = connection.request;
  const RequestHead& head = connection.head;
  request.method = head.method == "HEAD" ? "GET" : head.method;
  request.path = head.path;
  request.query = head.query;
  request.body = body;
  request.peer = connection.peer.text;
  request.is_loopback = connection.peer.is_loopback;
  request.transport = connection.transport;
  request.certificate_names = connection.certificate_names;
  request.sender.clear();
  request.user.clear();
  exchange.is_answered = false;
  try {
    handler(std::move(request), connection.make_responder());
  } catch (const std::exception& error) {
    server.refused(500, connection.peer.text, head.path, error.what());
    exchange.is_answered = true;
    exchange.response = problem(500, "something went wrong while the request was handled");
  }
}

// Counts a request in flight for as long as its frame waits, however that ends.
struct InFlight {
  explicit InFlight(Server::Internals& counted) : server(counted) { ++server.in_flight; }
  ~InFlight() { --server.in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  Server::Internals& server;
};

// Waits for the answer that hand_over() has asked for.
Task<> wait_for_answer(Connection& connection) {
  const InFlight counted(*connection.server);
  while (!connection.exchange->is_answered && !connection.is_cut) {
    connection.answered.expires_at(Steady::time_point::max());
    error_code woken;
    co_await connection.answered.async_wait(asio::redirect_error(use_task, woken));
  }
}

// Whether the body may come; what is against it has been answered.
Task<bool> pass_gate(Connection& connection) {
  const ServerOptions& options = connection.server->options;
  const RequestHead& head = connection.head;
  const bool is_short =
      head.framing == Framing::none || (head.framing == Framing::length && head.length <= options.ungated_bytes);
  if (!options.gate || is_short) co_return true;
  connection.enter_without_limit(Phase::handling);
  connection.request.headers = head.headers;
  hand_over(connection, options.gate, {});
  co_await wait_for_answer(connection);
  if (connection.is_cut) co_return false;
  Response response = std::move(connection.exchange->response);
  if (response.status == 100) {
    connection.sender = std::move(response.body);
    co_return true;
  }
  const bool is_written = co_await write_response(connection, response, head.method == "HEAD", false);
  if (is_written) co_await linger(connection);
  co_return false;
}

// One request and its answer; false when the connection is over.
Task<bool> serve_request(Connection& connection) {
  Server::Internals& server = *connection.server;
  connection.sender.clear();
  const Got head = co_await read_head(connection);
  if (head != Got::whole) co_return false;
  const bool may_come = co_await pass_gate(connection);
  if (!may_come || connection.is_cut || server.is_closed) co_return false;
  const Got body = co_await read_body(connection);
  if (body != Got::whole) co_return false;
  if (connection.is_cut || server.is_closed) co_return false;
  connection.enter_without_limit(Phase::handling);
  std::swap(connection.request.headers, connection.head.headers);
  hand_over(connection, server.handler, connection.exchange->body.view());
  co_await wait_for_answer(connection);
  connection.release_body();
  if (connection.is_cut) co_return false;
  connection.exchange->body.shrink(kept_body_bytes);
  const Response response = std::move(connection.exchange->response);
  const bool is_head = connection.head.method == "HEAD";
  const bool keep_alive = connection.head.keep_alive && !server.is_draining;
  const bool is_written = co_await write_response(connection, response, is_head, keep_alive);
  if (!is_written) co_return false;
  if (keep_alive && !server.is_draining) co_return true;
  co_await linger(connection);
  co_return false;
}

// Whoever speaks HTTP where TLS is spoken is told so in the language they know.
Task<> refuse_plain(Connection& connection) {
  constexpr std::string_view detail = "this address speaks HTTPS";
  connection.server->refused(400, connection.peer.text, "", detail);
  connection.tls.reset();
  const Response response = problem(400, detail);
  const bool is_written = co_await write_response(connection, response, false, false);
  if (is_written) co_await linger(connection);
}

Task<> serve_connection(std::shared_ptr<Server::Internals> server, Socket socket, PeerName peer, Transport transport) {
  --server->starting;
  if (server->is_closed) co_return;
  Connection connection(server, std::move(socket), std::move(peer), transport);
  if (connection.tls) {
    connection.enter(Phase::handshake, server->options.header_timeout);
    error_code error;
    co_await connection.tls->async_handshake(ssl::stream_base::server, asio::redirect_error(use_task, error));
    if (error) {
      if (is_plain_http(error) && !connection.is_cut) co_await refuse_plain(connection);
      co_return;
    }
    connection.certificate_names = peer_names(connection.tls->native_handle());
  }
  // A connection that says nothing at all is given the time of a head, one that has been served the idle time.
  connection.enter(Phase::idle, server->options.header_timeout);
  for (;;) {
    const bool goes_on = co_await serve_request(connection);
    if (!goes_on) co_return;
    connection.enter(Phase::idle, server->options.idle_timeout);
  }
}

void turn_away(Server::Internals& server, int descriptor, const PeerName& peer, Transport transport) {
  server.refused(503, peer.text, "", "all connections are busy");
  if (transport != Transport::tls) {
    constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
    // Best effort: what does not fit into a fresh socket's buffer at once is not worth waiting for.
    std::array<char, 4096> unread;
    if (::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
      ::shutdown(descriptor, SHUT_WR);
      while (::recv(descriptor, unread.data(), unread.size(), MSG_DONTWAIT) > 0) continue;
    }
  }
  ::close(descriptor);
}

void admit(const std::shared_ptr<Server::Internals>& server,
           int descriptor,
           const sockaddr_storage& address,
           socklen_t size) {
  PeerName peer = peer_name(&address, size);
  const bool is_unix = address.ss_family == AF_UNIX;
  const Transport transport = is_unix               ? Transport::unix_socket
                              : server->options.tls ? Transport::tls
                                                    : Transport::plain;
  if (server->connections.size() + server->starting >= server->options.max_connections &&
      !server->close_longest_waiting()) {
    turn_away(*server, descriptor, peer, transport);
    return;
  }
  const int on = 1;
  if (!is_unix) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Socket socket(server->context);
  error_code error;
  const asio::generic::stream_protocol protocol(address.ss_family, is_unix ? 0 : IPPROTO_TCP);
  socket.assign(protocol, descriptor, error);
  if (error) {
    ::close(descriptor);
    return;
  }
  const auto ended = [server, text = peer.text](const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {  // out of memory: one connection is lost, the others are not
      server->refused(500, text, "", failure.what());
    }
  };
  ++server->starting;
  asio::co_spawn(
      server->context.get_executor(), serve_connection(server, std::move(socket), std::move(peer), transport), ended);
}

Task<> accept_connections(std::shared_ptr<Server::Internals> server,
                          std::shared_ptr<Server::Internals::Acceptor> acceptor) {
  while (acceptor->descriptor.is_open()) {
    error_code error;
    co_await acceptor->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                             asio::redirect_error(use_task, error));
    if (error) co_return;
    bool must_pause = false;
    for (int accepted = 0; accepted < accepts_a_turn && acceptor->descriptor.is_open(); ++accepted) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      const int descriptor = ::accept4(
          acceptor->listener->descriptor(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (descriptor >= 0) {
        admit(server, descriptor, address, size);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // EAGAIN: all are accepted. Anything else is a lack (descriptors, memory) or a network error that came with the
      // connection; the socket stays readable, so without a pause this would spin.
      must_pause = errno != EAGAIN;
      break;
    }
    if (!must_pause) continue;
    server->refused(503, "", "", "accepting failed, probably for lack of descriptors");
    server->close_longest_waiting();
    acceptor->pause.expires_after(accept_pause);
    co_await acceptor->pause.async_wait(asio::redirect_error(use_task, error));
  }
}

}  // namespace

Server::Server(Loop& loop, ServerOptions options, Handler handler)
    : internals_(std::make_shared<Internals>(loop.internals().context, std::move(options), std::move(handler))) {}

Server::~Server() {
  internals_->is_closed = true;
  internals_->drained = nullptr;
  internals_->on_refusal = nullptr;
  stop_accepting();
  internals_->close_all();
  internals_->sweeper.cancel();
  internals_->drain_limit.cancel();
}

tl::expected<std::string, std::string> Server::listen(std::string_view address) {
  tl::expected<Listener, std::string> listener = Listener::open(address);
  if (!listener) return tl::unexpected(listener.error());
  std::string bound = listener->address();
  serve(std::move(*listener));
  return bound;
}

void Server::serve(Listener listener) {
  const auto acceptor = std::make_shared<Internals::Acceptor>(std::move(listener), internals_->context);
  internals_->acceptors.push_back(acceptor);
  const auto ended = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // a server that cannot accept is no server: out of Loop::run()
  };
  asio::co_spawn(internals_->context.get_executor(), accept_connections(internals_, acceptor), ended);
}

void Server::on_refusal(std::function<void(const Refusal&)> called) {
  internals_->on_refusal = std::move(called);
}

void Server::use(std::shared_ptr<const TlsKeys> keys) {
  internals_->options.tls = std::move(keys);
}

void Server::stop_accepting() {
  for (const auto& acceptor : internals_->acceptors) acceptor->close();
  internals_->acceptors.clear();
}

void Server::drain(std::chrono::milliseconds limit, std::function<void()> done) {
  stop_accepting();
  internals_->is_draining = true;
  internals_->drained = std::move(done);
  for (Connection* connection : internals_->connections)
    if (connection->phase == Phase::idle || connection->phase == Phase::handshake) connection->cut();
  internals_->drain_limit.expires_after(limit);
  internals_->drain_limit.async_wait([self = std::weak_ptr(internals_)](error_code error) {
    if (const auto alive = self.lock(); alive && !error) alive->close_all();
  });
  internals_->finish_drain_when_empty();
}

std::size_t Server::connections() const {
  return internals_->connections.size();
}
std::size_t Server::requests_in_flight() const {
  return internals_->in_flight;
}
std::size_t Server::body_bytes_in_flight() const {
  return internals_->body_bytes;
}

}  // namespace net
