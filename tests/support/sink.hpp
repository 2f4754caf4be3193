// The phones of a test: an HTTP server that takes what the webhook provider posts, remembers it with the time of its
// arrival, and answers as the test wants. Loopback, a port of its own. All public functions: any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/net/server.hpp"

namespace net::testing {
class LoopThread;
}

namespace support {

// One request as it came; of a bundle the page's fields are those of its first.
struct Message {
  std::chrono::steady_clock::time_point at;
  std::string path;        // who was paged, as the test's configuration says: "/olga"
  std::string header_key;  // the header Idempotency-Key
  std::string body;
  bool is_page{};  // else a notice, or nothing that the provider sends
  bool is_notice{};
  std::string key;                                       // in the body
  std::string id, incident, to, by, reason, text, kind;  // kind: of a notice
  long step{}, round{};
  bool possible_duplicate{};
  std::vector<std::string> incidents;  // all that it is about, R-1, ...
  unsigned answered{};                 // the status; 0: never
};

class Sink {
 public:
  static constexpr unsigned never = 0;

  Sink();
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // "http://127.0.0.1:PORT"
  [[nodiscard]] const std::string& url() const { return url_; }

  // Decides what a message is answered: a status, or `never`. It is called when the message has come and before it is
  // answered, on the sink's thread; the default is 200.
  void answer(std::function<unsigned(const Message&)> decide);

  // Answers other than a 2xx say Retry-After with this from now on; 0: they do not.
  void ask_to_retry_after(std::chrono::seconds wait);

  // Everything so far, in the order of arrival.
  [[nodiscard]] std::vector<Message> messages() const;
  [[nodiscard]] std::vector<Message> pages() const;

  // True as soon as `holds` says so of messages(); false when it does not within `limit`.
  [[nodiscard]] bool wait_until(const std::function<bool(const std::vector<Message>&)>& holds,
                                std::chrono::milliseconds limit) const;
  // A page about this incident, for anybody, within `limit`.
  [[nodiscard]] bool wait_for_page(std::string_view incident, std::chrono::milliseconds limit) const;

 private:
  void take(net::Request&& request, net::Responder responder);

  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<Message> messages_;
  std::function<unsigned(const Message&)> decide_;
  std::chrono::seconds retry_after_{0};
  std::string url_;
  std::vector<net::Responder> unanswered_;  // of the loop's thread
  std::unique_ptr<net::testing::LoopThread> thread_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace support
