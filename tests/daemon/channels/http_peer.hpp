// An HTTP server of a test on a thread of its own: what comes is kept, and answered as the test says.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/net/server.hpp"
#include "tests/daemon/net/support.hpp"

namespace channels::testing {

struct PeerRequest {
  std::string method;
  std::string target;  // path and query
  std::string authorization;
  std::string content_type;
  std::string body;
};

class HttpPeer {
 public:
  using Decide = std::function<net::Response(const PeerRequest&)>;

  // `decide` is called on the peer's thread; a response with status 0 is never sent.
  explicit HttpPeer(Decide decide, const net::ServerOptions& options = {})
      : decide_(std::move(decide)),
        server_(loop_.loop(), options, [this](net::Request&& request, net::Responder responder) {
          take(request, std::move(responder));
        }) {
    const tl::expected<std::string, std::string> address = server_.listen("127.0.0.1:0");
    if (!address) throw std::runtime_error(address.error());
    url_ = (options.tls ? "https://" : "http://") + *address;
    loop_.start();
  }
  ~HttpPeer() { loop_.stop(); }
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::vector<PeerRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // From now on.
  void answer(Decide decide) {
    const std::lock_guard lock(mutex_);
    decide_ = std::move(decide);
  }

 private:
  void take(const net::Request& request, net::Responder responder) {
    PeerRequest made{request.method,
                     request.path + (request.query.empty() ? "" : "?" + request.query),
                     std::string(request.headers.find("Authorization").value_or("")),
                     std::string(request.headers.find("Content-Type").value_or("")),
                     std::string(request.body)};
    net::Response response;
    {
      const std::lock_guard lock(mutex_);
      response = decide_(made);
      requests_.push_back(std::move(made));
    }
    if (response.status != 0) return responder.send(std::move(response));
    unanswered_.push_back(std::move(responder));
  }

  mutable std::mutex mutex_;
  Decide decide_;
  std::vector<PeerRequest> requests_;
  std::string url_;
  std::vector<net::Responder> unanswered_;
  net::testing::LoopThread loop_;
  net::Server server_;
};

inline net::Response json_answer(unsigned status, std::string body) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace channels::testing
