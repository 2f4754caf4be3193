#include "daemon/net/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/net/head.hpp"
#include "daemon/net/internals.hpp"
#include "daemon/net/listener.hpp"
#include "daemon/net/resolver.hpp"

namespace net {

namespace ssl = asio::ssl;

namespace {

constexpr std::size_t answer_head_limit_bytes = 32 * 1024;
// Whoever hears of the end of its time this late stood still: stopped, or on a machine that was. What came meanwhile is
// then read first: an answer that is there counts.
constexpr std::chrono::milliseconds stood_still{100};
constexpr std::chrono::milliseconds to_catch_up{250};
constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::string_view token_marks = "!#$%&'*+-.^_`|~";

struct Target {
  bool is_tls = false;
  bool is_unix = false;
  bool is_literal = false;  // the host is a number
  std::string host;         // or the path of a Unix socket
  std::string port;
  std::string host_field;
  std::string resource;
  std::string key;   // what shares connections and the limit
  std::string name;  // for people: no path, no query
};

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           token_marks.find(letter) != std::string_view::npos;
  });
}

bool breaks_lines(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

tl::expected<Target, std::string> parse_url(std::string_view text) {
  Target target;
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    const std::size_t colon = text.find(":/");
    target.is_unix = true;
    target.host = text.substr(0, colon);
    target.resource = colon == std::string_view::npos ? "/" : text.substr(colon + 1);
    target.host_field = "localhost";
    target.name = "unix:" + target.host;
    target.key = target.name;
    if (target.host.empty() || target.host.front() != '/' || target.host.size() >= sizeof sockaddr_un{}.sun_path)
      return tl::unexpected(std::string("a Unix socket is given as unix:/path/of.sock:/resource"));
    // Everything else goes through the URL parser, which refuses what does not belong into a request line.
    if (!boost::urls::parse_relative_ref(target.resource))
      return tl::unexpected(std::string("what follows the socket's path is no resource"));
    return target;
  }
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!parsed) return tl::unexpected(std::string("not a URL"));
  const boost::urls::url_view& url = *parsed;
  target.is_tls = url.scheme_id() == boost::urls::scheme::https;
  if (!target.is_tls && url.scheme_id() != boost::urls::scheme::http)
    return tl::unexpected(std::string("a URL begins with http:// or https://"));
  if (url.has_userinfo()) return tl::unexpected(std::string("a URL with a name or password is not taken"));
  target.host = url.host();
  if (target.host.empty()) return tl::unexpected(std::string("the URL has no host"));
  if (target.host.front() == '[') target.host = target.host.substr(1, target.host.size() - 2);
  if (url.has_port() && !url.port().empty() && url.port_number() == 0)
    return tl::unexpected(std::string("the URL's port is no port"));
  target.port = url.has_port() && !url.port().empty() ? std::string(url.port()) : target.is_tls ? "443" : "80";
  error_code error;
  asio::ip::make_address(target.host, error);
  target.is_literal = !error;
  if (breaks_lines(target.host)) return tl::unexpected(std::string("the URL's host is malformed"));
  target.host_field = std::string(url.encoded_host_and_port());
  target.resource = std::string(url.encoded_path());
  if (target.resource.empty()) target.resource = "/";
  if (url.has_query())
    target.resource += fmt::format("?{}", std::string_view(url.encoded_query().data(), url.encoded_query().size()));
  target.name = fmt::format("{}://{}", target.is_tls ? "https" : "http", target.host_field);
  target.key = fmt::format("{}://{}:{}", target.is_tls ? "https" : "http", target.host, target.port);
  return target;
}

struct Link {
  explicit Link(asio::io_context& context) : socket(context), attempt(context) {}
  void close() {
    error_code ignored;
    socket.close(ignored);
    attempt.cancel();
  }
  Socket socket;
  std::optional<ssl::stream<Socket&>> tls;
  Timer attempt;  // limits one connect
  bool is_connecting = false;
  Steady::time_point kept_since;
};

struct Job {
  Job(asio::io_context& context, ClientRequest asked, std::function<void(ClientResult)> called)
      : request(std::move(asked)), done(std::move(called)), event(context), limit(context) {}
  ClientRequest request;
  std::function<void(ClientResult)> done;
  Timer event;  // cancelled when something that the job waits for has happened
  Timer limit;
  std::shared_ptr<Link> link;
  bool is_expired = false;
  bool has_slot = false;
  bool has_stood_still = false;
};

struct Host {
  std::size_t active = 0;
  std::deque<Job*> waiting;
  std::vector<std::shared_ptr<Link>> kept;
};

struct Name {
  std::vector<Endpoint> endpoints;
  Steady::time_point at;
  bool is_asking = false;
  std::string error;
  std::vector<Job*> waiting;
};

ssl::context client_context(const std::string& authority_file) {
  ssl::context context(ssl::context::tls_client);
  context.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.set_verify_mode(ssl::verify_peer);
  error_code error;
  if (authority_file.empty())
    context.set_default_verify_paths(error);
  else
    context.load_verify_file(authority_file, error);
  if (error)
    throw std::runtime_error(fmt::format("TLS: cannot use {}: {}",
                                         authority_file.empty() ? "the system's authorities" : authority_file,
                                         error.message()));
  return context;
}

}  // namespace

struct Client::Internals : std::enable_shared_from_this<Client::Internals> {
  Internals(asio::io_context& used, ClientOptions chosen)
      : context(used), options(std::move(chosen)), tls(client_context(options.authority_file)), sweeper(used) {}

  asio::io_context& context;
  ClientOptions options;
  ssl::context tls;
  std::optional<Resolver> resolver;  // made with the first name, so that a client of numbers has no thread
  std::map<std::string, Host> hosts;
  std::map<std::string, Name> names;
  std::vector<std::shared_ptr<Job>> jobs;
  std::size_t waiting = 0;
  Timer sweeper;
  bool is_sweeping = false;
  bool is_closed = false;

  [[nodiscard]] bool is_over(const Job& job) const { return job.is_expired || is_closed; }
  void resolved(Resolved answer);
  bool ask(const Target& target);
  void leave(Host& host);
  std::shared_ptr<Link> take_kept(Host& host);
  void keep(Host& host, std::shared_ptr<Link> link);
  void sweep();
};

void Client::Internals::resolved(Resolved answer) {
  Name& name = names[answer.host + " " + answer.port];
  name.is_asking = false;
  name.error = answer.error;
  if (!answer.endpoints.empty()) {
    name.endpoints = std::move(answer.endpoints);
    name.at = Steady::now();
  }
  for (Job* job : name.waiting) job->event.cancel();
}

bool Client::Internals::ask(const Target& target) {
  if (!resolver) {
    const auto answered = [this](Resolved answer) { resolved(std::move(answer)); };
    resolver.emplace(context, answered);
  }
  return resolver->ask(target.host, target.port);
}

// A slot of this host is free: it goes to whoever has waited longest.
void Client::Internals::leave(Host& host) {
  if (host.waiting.empty() || is_closed) {
    --host.active;
    return;
  }
  Job* const next = host.waiting.front();
  host.waiting.pop_front();
  --waiting;
  next->has_slot = true;
  next->event.cancel();
}

// A kept connection that shows bytes or its end has been closed by the other side (or is out of step): not used. The
// look cannot see a close that is still on its way; such a call ends as written_no_answer.
std::shared_ptr<Link> Client::Internals::take_kept(Host& host) {
  while (!host.kept.empty()) {
    const std::shared_ptr<Link> link = std::move(host.kept.back());
    host.kept.pop_back();
    char byte = 0;
    const auto seen = ::recv(link->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && errno == EAGAIN && Steady::now() - link->kept_since < options.kept_for) return link;
  }
  return nullptr;
}

void Client::Internals::keep(Host& host, std::shared_ptr<Link> link) {
  if (is_closed || host.kept.size() >= options.max_kept_per_host) return;
  link->kept_since = Steady::now();
  host.kept.push_back(std::move(link));
  if (is_sweeping) return;
  is_sweeping = true;
  sweep();
}

void Client::Internals::sweep() {
  const Steady::time_point oldest = Steady::now() - options.kept_for;
  bool has_any = false;
  for (auto& [key, host] : hosts) {
    std::erase_if(host.kept, [oldest](const std::shared_ptr<Link>& link) { return link->kept_since <= oldest; });
    has_any = has_any || !host.kept.empty();
  }
  is_sweeping = has_any && !is_closed;
  if (!is_sweeping) return;
  sweeper.expires_after(options.kept_for / 2);
  sweeper.async_wait([self = weak_from_this()](error_code error) {
    if (const auto alive = self.lock(); alive && !error) alive->sweep();
  });
}

namespace {

using Shared = std::shared_ptr<Client::Internals>;

// Gives the slot back however the call ends.
struct Slot {
  Slot(Client::Internals& owner, Host& of) : internals(owner), host(of) {}
  ~Slot() { internals.leave(host); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  Client::Internals& internals;
  Host& host;
};

Task<> wait_until(Job& job, Steady::time_point until) {
  error_code woken;
  job.event.expires_at(until);
  co_await job.event.async_wait(asio::redirect_error(use_task, woken));
}

// True when the job has a slot of its host.
Task<bool> wait_for_slot(Client::Internals& internals, Host& host, Job& job) {
  if (host.active < internals.options.max_concurrent_per_host) {
    ++host.active;
    co_return true;
  }
  host.waiting.push_back(&job);
  ++internals.waiting;
  while (!job.has_slot && !internals.is_over(job)) co_await wait_until(job, Steady::time_point::max());
  if (!job.has_slot) {
    std::erase(host.waiting, &job);
    --internals.waiting;
  }
  co_return job.has_slot;
}

// Those of a name's addresses that may be called, and no others are connected to; when none is left the call is refused
// for good, since no try mends it.
std::vector<Endpoint> allowed_of(const std::vector<Endpoint>& found,
                                 const OutboundRules& rules,
                                 const Target& target,
                                 ClientResult& result) {
  std::vector<Endpoint> allowed;
  for (const Endpoint& endpoint : found) {
    const std::string address = peer_name(endpoint.data(), endpoint.size()).text;
    const std::string_view why = why_not_outbound(rules, target.host, address);
    if (why.empty()) {
      allowed.push_back(endpoint);
    } else if (result.detail.empty()) {
      result.detail = not_outbound(target.name, address, why);
    }
  }
  if (allowed.empty())
    result.trouble = Trouble::bad_request;
  else
    result.detail.clear();
  return allowed;
}

// The addresses of the target; empty with result.detail when there are none.
Task<std::vector<Endpoint>> find_addresses(Client::Internals& internals,
                                           const Target& target,
                                           Job& job,
                                           ClientResult& result) {
  std::vector<Endpoint> endpoints;
  if (target.is_unix) {
    const asio::local::stream_protocol::endpoint path(target.host);
    endpoints.emplace_back(path);
    co_return endpoints;
  }
  if (target.is_literal) {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(target.host, error);
    const auto port = static_cast<unsigned short>(std::stoul(target.port));
    const asio::ip::tcp::endpoint endpoint(address, port);
    endpoints.emplace_back(endpoint);
    co_return endpoints;
  }
  const ClientOptions& options = internals.options;
  Name& name = internals.names[target.host + " " + target.port];
  const auto is_younger_than = [&name](std::chrono::milliseconds age) {
    return !name.endpoints.empty() && Steady::now() - name.at <= age;
  };
  if (!is_younger_than(options.name_fresh)) {
    if (!name.is_asking) {
      name.is_asking = internals.ask(target);
      if (!name.is_asking) name.error = "too many names wait to be looked up";
    }
    Steady::time_point until = Steady::time_point::max();
    if (is_younger_than(options.name_stale)) until = Steady::now() + options.name_patience;
    name.waiting.push_back(&job);
    while (name.is_asking && !internals.is_over(job) && Steady::now() < until) co_await wait_until(job, until);
    std::erase(name.waiting, &job);
  }
  if (is_younger_than(options.name_stale))
    endpoints = allowed_of(name.endpoints, options.outbound, target, result);
  else
    result.detail = fmt::format(
        "the name of {} was not resolved: {}", target.name, name.is_asking ? "no answer in time" : name.error);
  co_return endpoints;
}

// Connects job.link to the first address that answers, TLS included. False with trouble and detail.
Task<bool> connect(Client::Internals& internals, const Target& target, Job& job, ClientResult& result) {
  result.trouble = Trouble::resolve;
  const std::vector<Endpoint> endpoints = co_await find_addresses(internals, target, job, result);
  error_code error;
  bool is_connected = false;
  for (const Endpoint& endpoint : endpoints) {
    if (internals.is_over(job)) break;
    result.trouble = Trouble::connect;
    const auto link = std::make_shared<Link>(internals.context);
    job.link = link;
    link->socket.open(endpoint.protocol(), error);
    if (error) continue;
    link->is_connecting = true;
    link->attempt.expires_after(internals.options.connect_timeout);
    const auto give_up = [weak = std::weak_ptr(link)](error_code cancelled) {
      if (const auto alive = weak.lock(); alive && !cancelled && alive->is_connecting) alive->close();
    };
    link->attempt.async_wait(give_up);
    co_await link->socket.async_connect(endpoint, asio::redirect_error(use_task, error));
    link->is_connecting = false;
    link->attempt.cancel();
    is_connected = !error && link->socket.is_open();
    if (is_connected) break;
  }
  if (!is_connected) {
    if (result.trouble == Trouble::connect) {
      // A connect that ran into one of our own limits ends as aborted.
      const bool is_late = error == asio::error::operation_aborted || error == asio::error::bad_descriptor;
      result.detail =
          fmt::format("{} cannot be reached: {}", target.name, is_late ? "no answer in time" : error.message());
    }
    co_return false;
  }
  Link& link = *job.link;
  if (!target.is_unix) {
    const int on = 1;
    ::setsockopt(link.socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (target.is_tls) {
    result.trouble = Trouble::tls;
    link.tls.emplace(link.socket, internals.tls);
    // A number is not a name for SNI (RFC 6066); the certificate is held against it all the same.
    // (SSL_set_tlsext_host_name is a macro with a C cast; this is what it expands to.)
    std::string server_name = target.host;
    if (!target.is_literal)
      ::SSL_ctrl(
          link.tls->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, server_name.data());
    const ssl::host_name_verification verification(target.host);
    link.tls->set_verify_callback(verification, error);
    co_await link.tls->async_handshake(ssl::stream_base::client, asio::redirect_error(use_task, error));
    if (error) {
      result.detail = fmt::format("TLS with {} failed: {}", target.name, error.message());
      co_return false;
    }
  }
  result.trouble = Trouble::none;
  co_return true;
}

Task<std::size_t> read_some(Link& link, std::string& input, error_code& error) {
  const std::size_t before = input.size();
  input.resize(before + read_bytes);
  const asio::mutable_buffer space(input.data() + before, read_bytes);
  std::size_t count = 0;
  if (link.tls)
    count = co_await link.tls->async_read_some(space, asio::redirect_error(use_task, error));
  else
    count = co_await link.socket.async_read_some(space, asio::redirect_error(use_task, error));
  input.resize(before + count);
  co_return count;
}

std::string request_head(const Target& target, const ClientRequest& request) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, target.resource, target.host_field);
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto [name, value] = request.headers.at(index);
    head += fmt::format("{}: {}\r\n", name, value);
  }
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE"))
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  head += "\r\n";
  return head;
}

bool is_own_field(std::string_view name) {
  for (const std::string_view own : {"host", "content-length", "connection", "transfer-encoding"})
    if (equal_ignoring_case(name, own)) return true;
  return false;
}

// What would make the request another one than was meant; empty when nothing would.
std::string_view why_not(const ClientRequest& request) {
  if (!is_token(request.method)) return "the method is no method";
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto [name, value] = request.headers.at(index);
    if (!is_token(name) || breaks_lines(value)) return "a header field has a name or a value that HTTP cannot carry";
    if (is_own_field(name)) return "Host, Content-Length, Connection and Transfer-Encoding are not the caller's to set";
  }
  return {};
}

// Reads the answer. True when the connection can serve another call.
Task<bool> read_answer(Client::Internals& internals, const Target& target, Job& job, ClientResult& result) {
  Link& link = *job.link;
  std::string input;
  ResponseHead head;
  error_code error;
  std::size_t searched = 0;
  std::size_t head_bytes = 0;
  for (;;) {
    if (const std::optional<std::size_t> end = head_end(input, searched)) {
      head_bytes += *end;
      const bool is_head = head.parse(std::string_view(input).substr(0, *end));
      input.erase(0, *end);
      searched = 0;
      if (!is_head || head.status == 101) {
        result.trouble = Trouble::connection_lost;
        result.detail = fmt::format("{} answered with something that is no HTTP answer", target.name);
        co_return false;
      }
      if (head.status >= 200) break;
      continue;  // 100 Continue, 103 Early Hints: the answer is still to come
    }
    if (head_bytes + input.size() > answer_head_limit_bytes) {
      result.trouble = Trouble::connection_lost;
      result.detail = fmt::format("{} answered with a head that does not end", target.name);
      co_return false;
    }
    co_await read_some(link, input, error);
    if (error || internals.is_over(job)) {
      result.trouble = job.is_expired ? Trouble::timeout : Trouble::connection_lost;
      result.detail = job.is_expired ? fmt::format("{} did not answer in time", target.name)
                                     : fmt::format("{} closed the connection without an answer", target.name);
      co_return false;
    }
  }
  result.outcome = Outcome::answered;
  result.status = head.status;
  result.headers = head.headers;
  if (job.request.method == "HEAD") head.framing = Framing::none;
  const std::size_t limit = internals.options.max_answer_bytes;
  PaddedBuffer body;
  ChunkDecoder chunks;
  bool is_whole = false;
  for (;;) {
    if (head.framing == Framing::chunked) {
      input.erase(0, chunks.read(input, body));
      is_whole = chunks.state() == ChunkDecoder::State::done;
      if (chunks.state() == ChunkDecoder::State::bad) {
        result.trouble = Trouble::connection_lost;
        break;
      }
    } else {
      const std::uint64_t wanted = head.framing == Framing::none     ? 0
                                   : head.framing == Framing::length ? head.length - body.size()
                                                                     : input.size();
      const std::string_view part =
          std::string_view(input).substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, input.size())));
      body.append(part);
      input.erase(0, part.size());
      is_whole = head.framing == Framing::none || (head.framing == Framing::length && body.size() == head.length);
    }
    if (is_whole || body.size() > limit) break;
    if (error) {
      const bool is_end = error == asio::error::eof || error == ssl::error::stream_truncated;
      is_whole = head.framing == Framing::until_close && is_end && !job.is_expired;
      if (!is_whole) result.trouble = job.is_expired ? Trouble::timeout : Trouble::connection_lost;
      break;
    }
    co_await read_some(link, input, error);
  }
  result.is_body_whole = is_whole && body.size() <= limit;
  result.body = body.view().substr(0, limit);
  co_return result.is_body_whole&& head.keep_alive && !error && input.empty();
}

Task<> perform(Client::Internals& internals, Job& job, ClientResult& result) {
  const ClientRequest& request = job.request;
  const tl::expected<Target, std::string> parsed = parse_url(request.url);
  const std::string_view problem = parsed ? why_not(request) : std::string_view(parsed.error());
  if (!problem.empty()) {
    result.trouble = Trouble::bad_request;
    result.detail = problem;
    co_return;
  }
  const Target& target = *parsed;
  Host& host = internals.hosts[target.key];
  const ClientOptions& options = internals.options;
  const bool has_room = internals.waiting < options.max_waiting && host.waiting.size() < options.max_waiting_per_host;
  if (host.active >= options.max_concurrent_per_host && !has_room) {
    result.trouble = Trouble::overloaded;
    result.detail = fmt::format("too many calls wait for {}", target.name);
    co_return;
  }
  const bool has_slot = co_await wait_for_slot(internals, host, job);
  if (!has_slot) {
    result.trouble = Trouble::timeout;
    result.detail = fmt::format("the calls before this one to {} took too long", target.name);
    co_return;
  }
  const Slot slot(internals, host);
  job.link = internals.take_kept(host);
  bool is_ready = job.link != nullptr && !internals.is_over(job);
  if (!is_ready) is_ready = co_await connect(internals, target, job, result);
  if (job.is_expired && result.detail.empty()) result.detail = fmt::format("{} cannot be reached in time", target.name);
  if (!is_ready || internals.is_over(job)) {
    if (job.is_expired) result.trouble = Trouble::timeout;
    co_return;
  }
  const std::string head = request_head(target, request);
  if (request.before_first_byte && !request.before_first_byte()) {
    result.trouble = Trouble::withdrawn;
    result.detail = "withdrawn before the first byte";
    internals.keep(host, std::move(job.link));
    co_return;
  }
  // From here on bytes may have left.
  result.outcome = Outcome::written_no_answer;
  Link& link = *job.link;
  error_code error;
  const std::array<asio::const_buffer, 2> buffers{asio::const_buffer(head.data(), head.size()),
                                                  asio::const_buffer(request.body.data(), request.body.size())};
  std::size_t written = 0;
  if (link.tls)
    written = co_await asio::async_write(*link.tls, buffers, asio::redirect_error(use_task, error));
  else
    written = co_await asio::async_write(link.socket, buffers, asio::redirect_error(use_task, error));
  // Nothing left when the kernel took no byte, as of a connection that was cut meanwhile. (A part of a TLS record says
  // nothing to the other side.)
  if (error && written == 0) result.outcome = Outcome::not_sent;
  // A server that refuses a long body answers before it has read it all, and closes: the answer is worth reading.
  if (job.is_expired || internals.is_closed) {
    result.trouble = Trouble::timeout;
    result.detail = fmt::format("{} did not take the request in time", target.name);
    co_return;
  }
  const bool was_written = !error;
  const bool is_reusable = co_await read_answer(internals, target, job, result);
  if (is_reusable && was_written) internals.keep(host, std::move(job.link));
}

Task<> run(Shared internals, std::shared_ptr<Job> job) {
  ClientResult result;
  co_await perform(*internals, *job, result);
  job->limit.cancel();
  job->link.reset();
  std::erase(internals->jobs, job);
  if (!internals->is_closed && job->done) job->done(std::move(result));
}

}  // namespace

Client::Client(Loop& loop, ClientOptions options)
    : internals_(std::make_shared<Internals>(loop.internals().context, std::move(options))) {}

namespace {

void wait_for_limit(const std::shared_ptr<Job>& job) {
  job->limit.async_wait([weak = std::weak_ptr(job)](error_code error) {
    const std::shared_ptr<Job> late = weak.lock();
    if (!late || error) return;
    if (!late->has_stood_still && Steady::now() - late->limit.expiry() > stood_still) {
      late->has_stood_still = true;
      late->limit.expires_after(to_catch_up);
      wait_for_limit(late);
      return;
    }
    late->is_expired = true;
    late->event.cancel();
    if (late->link) late->link->close();
  });
}

}  // namespace

Client::~Client() {
  Internals& internals = *internals_;
  internals.is_closed = true;
  internals.sweeper.cancel();
  internals.resolver.reset();
  for (auto& [key, host] : internals.hosts) host.kept.clear();
  for (const std::shared_ptr<Job>& job : internals.jobs) {
    job->event.cancel();
    job->limit.cancel();
    if (job->link) job->link->close();
  }
}

void Client::send(ClientRequest request, std::function<void(ClientResult)> done) {
  const auto job = std::make_shared<Job>(internals_->context, std::move(request), std::move(done));
  internals_->jobs.push_back(job);
  job->limit.expires_after(job->request.timeout);
  wait_for_limit(job);
  const auto ended = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // a callback that throws is a bug: out of Loop::run()
  };
  asio::co_spawn(internals_->context.get_executor(), run(internals_, job), ended);
}

void Client::use(OutboundRules rules) {
  internals_->options.outbound = std::move(rules);
}

std::size_t Client::pending() const {
  return internals_->jobs.size();
}

tl::expected<ClientResult, std::string> http_call(ClientRequest request, ClientOptions options) {
  Loop loop;
  ClientResult result;
  try {
    Client client(loop, std::move(options));
    client.send(std::move(request), [&loop, &result](ClientResult ended) {
      result = std::move(ended);
      loop.stop();
    });
    loop.run();
  } catch (const std::exception& error) {
    return tl::unexpected(std::string(error.what()));
  }
  if (result.outcome == Outcome::answered && result.is_body_whole) return result;
  if (result.outcome == Outcome::answered)
    return tl::unexpected(std::string("the answer was cut short or is too long"));
  return tl::unexpected(result.outcome == Outcome::written_no_answer
                            ? result.detail + " (the request may have been acted on)"
                            : result.detail);
}

}  // namespace net
