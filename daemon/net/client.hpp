// Outbound HTTP/1.1 calls of one Loop: to providers, and for the command line tool.
//
// What a caller has to know about a call that went wrong is whether the other side may have acted on it; so the outcome
// says exactly that. Redirects are not followed: a page goes where the configuration says.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/net/http.hpp"
#include "daemon/net/loop.hpp"
#include "daemon/net/outbound.hpp"

namespace net {

struct ClientRequest {
  std::string method = "POST";
  // "http://host:port/path?query", "https://...", or "unix:/path/of.sock:/path?query".
  std::string url;
  Headers headers;  // Host, Content-Length and Connection are the client's own
  std::string body;
  std::chrono::milliseconds timeout{5'000};  // for everything, from send() on, queue and DNS included
  // Asked once, right before the first byte of the request is written (connected, TLS done). False: not a byte leaves.
  std::function<bool()> before_first_byte;
};

enum class Outcome {
  not_sent,           // certain: not one byte of the request has left
  written_no_answer,  // the other side may have acted: cut, timed out, or answered with nonsense after we wrote
  answered,           // a whole response head came
};

enum class Trouble { none, bad_request, resolve, connect, tls, withdrawn, timeout, connection_lost, overloaded };

struct ClientResult {
  Outcome outcome = Outcome::not_sent;
  Trouble trouble = Trouble::none;  // with `answered`: none, or why the body is not whole
  std::string detail;               // for people; without the URL's path and query, which may hold secrets
  unsigned status = 0;
  Headers headers;
  std::string body;  // at most ClientOptions::max_answer_bytes
  bool is_body_whole = false;
};

struct ClientOptions {
  std::size_t max_answer_bytes = std::size_t{64} << 10;
  std::size_t max_concurrent_per_host = 64;  // more wait, first come, first served
  std::size_t max_waiting = 10'000;          // over all hosts; more are not_sent, overloaded
  std::size_t max_waiting_per_host = 2'500;  // so that one that answers nobody leaves room for the others
  std::size_t max_kept_per_host = 8;         // open connections without a call
  std::chrono::milliseconds kept_for{30'000};
  std::chrono::milliseconds connect_timeout{3'000};  // for one address of a host
  std::string authority_file;                        // PEM; empty: the system's
  OutboundRules outbound;                            // what the addresses of a name may be
  // An address is believed for `name_fresh`. Older ones are asked for again, and used up to `name_stale` when no answer
  // comes within `name_patience`.
  std::chrono::milliseconds name_fresh{60'000};
  std::chrono::milliseconds name_stale{3'600'000};
  std::chrono::milliseconds name_patience{1'000};
};

class Client {
 public:
  // Throws std::runtime_error when the authority file cannot be used.
  explicit Client(Loop& loop, ClientOptions options = {});
  // What is on its way is cut; its callbacks are not called.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Calls `done` exactly once, later, from the loop. Loop thread only.
  void send(ClientRequest request, std::function<void(ClientResult)> done);

  // For the names that are looked up from here on. Loop thread only.
  void use(OutboundRules rules);

  // Calls that have not ended, waiting ones included.
  [[nodiscard]] std::size_t pending() const;

  struct Internals;

 private:
  std::shared_ptr<Internals> internals_;
};

// One call from a thread that has no loop: blocks for at most `request.timeout`. Anything but an answer is an error, in
// words for people. The default bound suits the command line tool, which reads whole lists.
[[nodiscard]] tl::expected<ClientResult, std::string> http_call(ClientRequest request,
                                                                ClientOptions options = {
                                                                    .max_answer_bytes = std::size_t{256} << 20});

}  // namespace net
