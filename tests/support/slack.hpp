// A stand-in for Slack: its Web API as the documentation has it, with what the real one refuses (wrong tokens, unknown
// and archived conversations, blocks that break its rules, texts that are too long, threads that are not there), and
// people who press buttons and write, which it signs and posts to the daemon. Loopback, a port of its own. All public
// functions: any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "daemon/net/server.hpp"
#include "tests/support/roused.hpp"

namespace net::testing {
class LoopThread;
}

namespace support {

// A message as it stands in its conversation now.
struct SlackPost {
  std::string channel;
  std::string ts;
  std::string thread;  // "" = none
  std::string user;    // of an ephemeral one: who sees it
  std::string text;
  boost::json::array blocks;
  std::string key;  // in its metadata
  bool is_broadcast{};
  int updates{};

  [[nodiscard]] bool has_button(std::string_view action_id) const;
  // All that it says, blocks included, as one text.
  [[nodiscard]] std::string all() const;
};

struct SlackCall {
  std::string method;
  std::string body;
  std::string error;  // what it was answered; "" = ok
  unsigned status{};
};

// What a call is answered in place of what Slack would.
struct SlackTrouble {
  std::string error;  // with 200: {"ok": false, "error": ...}
  unsigned status{200};
  std::chrono::seconds retry_after{0};
  bool is_taken{};    // it has its effect all the same
  bool never{};       // no answer at all
  std::string bytes;  // the body in place of JSON
};

class Slack {
 public:
  Slack();
  ~Slack();
  Slack(const Slack&) = delete;
  Slack& operator=(const Slack&) = delete;

  static constexpr std::string_view token = "xoxb-1234-5678-tulip";
  static constexpr std::string_view secret = "8f742231b10e8888abcd99yyyzzz85a5";
  static constexpr std::string_view bot_user = "UBOT";
  [[nodiscard]] const std::string& url() const { return url_; }  // http://127.0.0.1:PORT/api

  void add_user(const std::string& user);  // whose direct conversation is "D" and the rest of the name
  void add_channel(const std::string& channel);
  void archive(const std::string& channel);
  // Looks at each call before it is answered.
  void trouble(std::function<std::optional<SlackTrouble>(const SlackCall&)> decide);

  [[nodiscard]] std::vector<SlackPost> posts() const;
  [[nodiscard]] std::vector<SlackCall> calls() const;
  [[nodiscard]] bool wait_until(const std::function<bool(const std::vector<SlackPost>&)>& holds,
                                std::chrono::milliseconds limit) const;

  // ---- what Slack posts to the daemon

  struct Signed {
    std::string body;
    std::string content_type;
    std::string timestamp;
    std::string signature;
  };
  // Signed now, or that long ago.
  [[nodiscard]] static Signed sign(std::string body, std::string content_type, std::chrono::seconds age = {});
  [[nodiscard]] static Answer deliver(const std::string& roused, const Signed& request);

  // `user` presses a button of this message; the body as Slack posts it.
  [[nodiscard]] Signed press(const SlackPost& post, const std::string& user, std::string_view action_id);
  // `user` writes; in a thread when it has a name.
  [[nodiscard]] Signed write(const std::string& channel,
                             const std::string& user,
                             const std::string& text,
                             const std::string& thread = {},
                             std::string_view type = "message");

 private:
  void take(net::Request&& request, net::Responder responder);
  std::string judge(const SlackCall& call, const net::Request& request, boost::json::object& answer);
  std::string post(const boost::json::object& body, bool is_ephemeral, boost::json::object& answer);
  std::string update(const boost::json::object& body, boost::json::object& answer);
  std::string list(const SlackCall& call, boost::json::object& answer);
  std::string next_ts();

  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<SlackPost> posts_;
  std::vector<SlackCall> calls_;
  std::set<std::string> users_;
  std::set<std::string> channels_;
  std::set<std::string> archived_;
  std::function<std::optional<SlackTrouble>(const SlackCall&)> decide_;
  long last_ts_{};
  std::string url_;
  std::vector<net::Responder> unanswered_;  // of the loop's thread
  std::unique_ptr<net::testing::LoopThread> thread_;
  std::unique_ptr<net::Server> server_;
};

// What is wrong with these blocks by Slack's rules; "" = nothing.
[[nodiscard]] std::string wrong_with_blocks(const boost::json::array& blocks);

}  // namespace support
