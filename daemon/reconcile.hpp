// Asks the senders that the policy names for what they have, so that a gap (roused was away, a webhook left alerts out,
// a notification was lost) closes by itself: GET /api/v2/alerts of each Alertmanager among `sources`, at start, every
// `every`, and at once when the engine asks for it. What to make of an answer is for the rules: rules::Reconciled.
//
// Belongs to one I/O thread's loop. Each source has a clock and a connection of its own, so one that is dead or slow
// holds no other up; none is asked twice at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/api.hpp"
#include "daemon/api/metrics.hpp"
#include "daemon/clock.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/net/client.hpp"
#include "daemon/net/loop.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"

namespace roused {

struct ReconcilerOptions {
  std::chrono::milliseconds limit{10'000};       // for both requests of one source
  std::size_t max_answer_bytes{64U << 20U};      // more is no answer
  std::chrono::milliseconds least_pause{1'000};  // between two starts for one source, however often it is asked for
};

class Reconciler {
 public:
  struct Makings {
    const Clock& clock;
    net::Loop& loop;
    // For the engine, with about its bytes. False: there is no room; the next round says it again.
    std::function<bool(rules::Event, std::size_t)> tell;
    // After each round.
    std::function<void(const std::string& source, api::Reconciliation outcome)> count;
    // Before count(), when the outcome is another than the last time: with why it failed, in words.
    std::function<void(const std::string& source, api::Reconciliation outcome, const std::string& why)> changed;
  };
  explicit Reconciler(Makings makings, ReconcilerOptions options = {});

  // Sources that are new, or are elsewhere, are asked at the next turn; those that are gone no more.
  void follow(std::shared_ptr<const rules::Policy> policy, std::uint64_t key_seed);

  // As soon as may be; a source that is unknown, or has no Alertmanager, is left alone.
  void ask(std::string_view source);

  // Asks those whose time has come.
  void turn();
  // How long until turn() has something to do by itself.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_timer() const;

  // From here on nobody is asked any more, and answers count for nothing.
  void stop();

 private:
  struct Round {
    std::uint64_t number{};  // 0 = none is under way
    std::chrono::nanoseconds began{};
    std::chrono::nanoseconds answered{};
    std::string alerts;  // the body
  };
  struct Source {
    std::string url;
    std::chrono::nanoseconds every{};
    std::chrono::nanoseconds due{};
    std::optional<std::chrono::nanoseconds> last;  // when the last round began
    bool again{};                                  // asked for while one was under way
    Round round;
    std::optional<api::Reconciliation> outcome;  // of the last round
  };

  void begin(const std::string& name, Source& source);
  void get(const std::string& name,
           const Source& source,
           std::string_view path,
           void (Reconciler::*heard)(const std::string&, Source&, net::ClientResult));
  void heard_alerts(const std::string& name, Source& source, net::ClientResult result);
  void heard_status(const std::string& name, Source& source, net::ClientResult result);
  void end(const std::string& name, Source& source, api::Reconciliation outcome, const std::string& why);

  Makings makings_;
  ReconcilerOptions options_;
  net::Client client_;
  intake::Parser parser_;
  api::Services services_;  // for the context of intake, made of the policy
  std::map<std::string, Source, std::less<>> sources_;
  std::uint64_t rounds_{};
  bool is_stopped_{};
};

// How long an Alertmanager had been up `before` its answer to GET /api/v2/status was sent: `date` is the answer's
// header, by the same clock as the `uptime` of its body; without one `wall` has to do. At least 1 ms; 0 = it does not
// say.
[[nodiscard]] rules::Duration up_for(std::string_view status_body,
                                     std::optional<std::string_view> date,
                                     rules::Instant wall,
                                     rules::Duration before);

}  // namespace roused
