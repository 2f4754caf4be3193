// A stand-in for Twilio, as its documentation says it behaves: the REST API that takes texts and calls (basic
// authentication, forms, errors as JSON, lists), and the other half: it calls back what became of them, brings texts
// that people send, fetches a call's TwiML, follows it, and presses keys. Its callbacks are signed over the public URL
// that it was given, and go to where the test says that URL is.
//
// Loopback, a port of its own. All public functions: any thread; those that call back block until they are answered.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/net/http.hpp"
#include "daemon/net/listener.hpp"

namespace support {

// What it was asked to send, and took.
struct TwilioItem {
  std::string sid;
  bool is_call{};
  net::Form form;
  std::chrono::system_clock::time_point created;
  std::string status{"queued"};

  [[nodiscard]] std::string field(std::string_view name) const;
};

struct TwilioAnswer {
  unsigned status{};  // 0: none
  std::string body;   // without an answer: why
};

// Where a call stands after a TwiML document was followed as far as it goes without a key.
struct TwilioCall {
  std::string sid;
  std::string said;    // by the last document, up to the first question or the end
  std::string action;  // of the question that waits for a key; "" = none does
  bool is_over{};      // hung up, or the document ended
  unsigned status{};   // of the last answer
};

class Twilio {
 public:
  static constexpr std::string_view account = "AC0123456789abcdef0123456789abcdef";
  static constexpr std::string_view token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

  // Numbers that are answered as Twilio's own test numbers are.
  static constexpr std::string_view not_a_number = "+15005550001";
  static constexpr std::string_view not_reachable = "+15005550002";  // from this sender
  static constexpr std::string_view not_allowed = "+15005550003";    // geographic permissions
  static constexpr std::string_view opted_out = "+15005550004";      // sent STOP
  static constexpr std::string_view no_mobile = "+15005550009";

  Twilio();
  ~Twilio();
  Twilio(const Twilio&) = delete;
  Twilio& operator=(const Twilio&) = delete;

  // "http://127.0.0.1:PORT", for the setting `api`.
  [[nodiscard]] const std::string& url() const { return url_; }

  // What becomes of the next requests that would send something, one each; afterwards what always() said, which is
  // to take them.
  enum class Mood {
    takes,
    busy,              // 429, 20429, Retry-After: 1
    broken,            // 503, not JSON
    silent,            // taken, and never answered
    cut,               // taken, and the connection closed without an answer
    cut_in_body,       // taken, and closed in the middle of the answer
    refuses_silently,  // not taken, and the connection closed without an answer
    hangs,             // not taken, and never answered
  };
  void next(std::vector<Mood> moods);
  void always(Mood mood);
  // Credentials that it takes from now on; the name may be an API key's.
  void use_credentials(std::string name, std::string secret);

  [[nodiscard]] std::vector<TwilioItem> items() const;
  // So much later: what it was given until then is that much older in its lists.
  void make_older(std::chrono::seconds by);
  // What its lists say of one.
  void set_status(std::string_view sid, std::string status);
  [[nodiscard]] std::size_t requests() const;
  // True as soon as there are that many texts and calls with this number.
  [[nodiscard]] bool wait_for(std::string_view to, std::size_t count, std::chrono::milliseconds limit) const;
  // The newest one to this number that is a call, or is none.
  [[nodiscard]] TwilioItem newest(std::string_view to, bool is_call) const;

  // Callbacks to URLs that begin with `public_url` go to `there`, as a proxy in front of the daemon would bring them.
  void find(std::string public_url, std::string there);
  // What callbacks are signed with from now on.
  void sign_with(std::string auth_token);
  // What becomes of callbacks on their way: each gets to the daemon whole, none gets there at all, or each is cut off
  // in the middle of its form.
  enum class Line { carries, is_dead, is_cut };
  void line(Line line);
  // A callback without an answer comes again so many times, as the connection overrides `#rc=N&rp=all` of a URL ask
  // for. Without them Twilio comes again only when it could not connect, and once.
  void try_again(unsigned times);

  // A callback to any path below the public URL. `signature` in place of the right one.
  TwilioAnswer call_back(const std::string& url, const net::Form& form, std::optional<std::string> signature = {});
  // How many callbacks got an answer from the daemon.
  [[nodiscard]] std::size_t answered() const;
  [[nodiscard]] std::string signature_of(const std::string& url, const net::Form& form) const;
  // The form that comes with a status callback of this text or call.
  [[nodiscard]] static net::Form status_form(const TwilioItem& item,
                                             std::string_view status,
                                             const net::Form& more = {});
  // What became of it: to its StatusCallback.
  TwilioAnswer report(const TwilioItem& item, std::string_view status, const net::Form& more = {});

  // A person writes to us. The text that is answered, "" = none; nothing when the answer was no TwiML.
  std::optional<std::string> text_from(std::string_view from, std::string_view body, const net::Form& more = {});
  [[nodiscard]] static net::Form text_form(std::string_view from, std::string_view body, std::string_view sid);

  // Somebody, or a machine, picks the telephone up: "human", "machine_start".
  TwilioCall pick_up(const TwilioItem& item, std::string_view answered_by = "human");
  TwilioCall press(const TwilioItem& item, const TwilioCall& call, std::string_view key);

 private:
  struct Connection;
  struct Request {
    std::string method, path, query, body;
    std::map<std::string, std::string> headers;  // names in lower case
  };
  void accept();
  void serve(int connection);
  std::optional<Request> read(int connection) const;
  std::string answer(const Request& request, Mood& mood);
  std::string take(const Request& request, bool is_call, Mood& mood);
  std::string list(const Request& request, bool is_call);
  TwilioCall follow(const TwilioItem& item, const std::string& url, const net::Form& more);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<TwilioItem> items_;
  std::deque<Mood> moods_;
  Mood usual_mood_{Mood::takes};
  std::size_t requests_{};
  std::size_t next_sid_{1};
  std::string name_{account};
  std::string secret_{token};
  std::string signs_with_{token};
  std::string public_url_;
  std::string there_;
  Line line_{Line::carries};
  unsigned times_again_{};
  std::size_t answered_{};
  bool is_stopping_{};

  net::Listener listener_;
  std::string url_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace support
