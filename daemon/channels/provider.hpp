// The Net seam of the outbox: one way to hand one message to somebody who brings it to a person.
//
// A provider makes one try and says what came of it. When to try again, for how long, and which provider comes next is
// decided elsewhere (outbox, rules). Simulation puts its own providers here. No socket and no Asio type in this header.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rules/effect.hpp"

namespace channels {

enum class TryOutcome : std::uint8_t {
  accepted,
  refused,     // for good; the same try would fail again
  transient,   // certain that nothing was taken, and it may work later
  unanswered,  // handed over, no answer: it may have arrived
  withdrawn,   // may_leave() said no: nothing left
};

struct TryResult {
  TryOutcome outcome = TryOutcome::refused;
  std::string detail;                                    // for people, journaled: short, no secret, no path of a URL
  std::optional<std::chrono::milliseconds> retry_after;  // with `transient`: what the other side asked for
  // With `accepted`: what the provider calls it (a SID, a channel and a timestamp); "" = nothing.
  std::string reference{};
};

// All calls, and `done`, are on one thread: the loop's. A provider may be destroyed (at a reload) while a try is under
// way; the try then goes on and `done` is still called.
class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  // Makes one try that is over within `limit`. `may_leave` is asked right before the message begins to leave, on
  // whatever thread that happens. `done` is called exactly once, at once or later. `send` lives during the call only.
  virtual void attempt(const rules::Send& send,
                       std::chrono::milliseconds limit,
                       std::function<bool()> may_leave,
                       std::function<void(TryResult)> done) = 0;

  // After a try that went unanswered: asks the other side whether it has the message after all (it lists what it was
  // given lately). `done` is called exactly once: accepted, or unanswered when that is not known. By default nobody can
  // be asked.
  virtual void look_up(const rules::Send& send, std::chrono::milliseconds limit, std::function<void(TryResult)> done);

  // Whether the same idempotency key twice reaches the person once: only then is an unanswered try made again.
  [[nodiscard]] virtual bool honours_keys() const = 0;
};

// Refuses everything, saying why: stands in for a provider that could not be made, so that its messages go on to the
// next one at once.
[[nodiscard]] std::unique_ptr<Provider> refusing_provider(std::string why);

}  // namespace channels
