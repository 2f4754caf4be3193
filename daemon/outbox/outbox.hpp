// Performs each send that the engine released: makes tries with its provider until the outcome is known, and answers
// exactly one rules::SendEnded. Which provider is next, and whether a page goes on, is the rules' decision.
//
//   accepted   -> accepted
//   refused    -> refused
//   transient  -> again, after a wait that doubles from 0.5 s (each drawn between half and one and a half of it), while
//                 the 15 s last; then refused
//   unanswered -> again under the same key, marked as a possible duplicate, when the provider honours keys; else the
//                 provider is asked whether it has it, at once and again: accepted when it does, unanswered when the
//                 15 s are over. Once one try was unanswered the outcome is accepted or unanswered: it may have
//                 arrived.
//   withdrawn  -> withdrawn, or unanswered when an earlier try was
//
// A provider that failed lately is passed over while a later one works (daemon/outbox/circuits.hpp): refused, without a
// try.
//
// The 15 s are of the boot clock and begin with the first try, which every send gets. The withdrawn flag is looked at
// before each try here, and once more by the provider right before the message begins to leave.
//
// One thread: the loop's. No thread, socket or timer of its own, so a simulator can drive it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"
#include "daemon/lane.hpp"
#include "daemon/outbox/circuits.hpp"
#include "rules/event.hpp"

namespace outbox {

inline constexpr std::chrono::seconds tries_last{15};
inline constexpr std::chrono::milliseconds first_wait{500};
// A try that ends with less than this left is the last one, and a try has at least a quarter of it.
inline constexpr std::chrono::milliseconds least_left{1'000};
// Between two questions whether a provider has a message after all; doubles.
inline constexpr std::chrono::milliseconds first_look_wait{1'000};
// The first of these questions has this long, however little is left.
inline constexpr std::chrono::milliseconds least_look{2'000};
// A provider that has not answered this long after its limit is taken to have failed: no send waits for ever.
inline constexpr std::chrono::seconds overrun_grace{5};
inline constexpr std::size_t detail_bytes = 200;

struct Counters {
  std::uint64_t performed{};  // orders taken
  std::uint64_t tries{};
  std::uint64_t tries_transient{};
  std::uint64_t tries_unanswered{};
  std::uint64_t looks{};     // questions whether a provider has a message after all
  std::uint64_t accepted{};  // outcomes
  std::uint64_t refused{};
  std::uint64_t unanswered{};
  std::uint64_t withdrawn{};
  std::uint64_t overrun{};      // tries that a provider never answered in time
  std::uint64_t passed_over{};  // messages that found a circuit open, and were refused
};

class Outbox {
 public:
  // Null when the channel has no such provider. Asked before each try; the provider is used during that call only.
  using FindProvider = std::function<channels::Provider*(const std::string& channel, std::uint32_t index)>;
  // May call back into this outbox.
  using Ended = std::function<void(rules::SendEnded)>;

  // The clock and the random outlive the outbox. Answers of providers that come after its end go nowhere.
  Outbox(const roused::Clock& clock, roused::Random& random, FindProvider find, Ended ended);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // At the start and after each reload: whose failures are remembered. Before it every message is tried. `can_work` is
  // asked later, too.
  void follow(const std::vector<rules::Channel>& channels, Circuits::CanWork can_work = {});

  // The first try begins with the next turn(). A message that is under way already waits until that has ended; it then
  // shares the outcome when it names the same provider, and is sent when it names another. That one is not waited for
  // while a provider is only asked what became of an earlier try: who orders it knows.
  void perform(roused::SendOrder order);

  // Begins the tries that are due, a bounded number. True: more are due, call again.
  bool turn();

  // How long until turn() has something to do; zero when it has now, nothing when it waits for answers alone.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_timer() const;

  // Graceful stop: no try begins any more. What is under way ends, and is reported when that is its end; what went
  // unanswered and would be asked about ends as that; all else is reported by nobody: the next start issues it again.
  void stop_starting();

  // Nothing is under way, and nothing waits that will still be begun.
  [[nodiscard]] bool is_idle() const;

  // Orders that have not been answered.
  [[nodiscard]] std::size_t pending() const { return deliveries_.size() + held_back_; }

  struct ProviderHealth {
    std::string channel;
    std::uint32_t index{};
    rules::ProviderKind kind{};
    std::shared_ptr<const Health> health;
  };
  // Of all that are followed. Any thread; a mutex that is taken here and at a reload.
  [[nodiscard]] std::vector<ProviderHealth> health() const;

  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  // One order on its way. `number` tells it from all others, so that a late answer finds nothing.
  struct Delivery {
    roused::SendOrder order;
    std::chrono::nanoseconds due{};                    // of the next try, or of the answer to the one under way
    std::optional<std::chrono::nanoseconds> deadline;  // set when the first try begins
    std::uint32_t tries{};
    std::uint32_t doublings{};
    bool is_under_way{};
    bool honours_keys{};  // the provider of the last try
    bool was_unanswered{};
    bool is_looking{};  // what is due is no try but a question what became of one
    std::uint32_t looks{};
    std::string unanswered_detail;
    std::shared_ptr<Line> line;  // whose provider it is; null before the first try, and when none is followed
    Sign sign{};                 // what the last try said about it
    bool is_probe{};
    std::chrono::nanoseconds begun{};  // the try that is under way
  };
  using Deliveries = std::map<std::uint64_t, Delivery>;

  [[nodiscard]] std::chrono::nanoseconds now() const { return clock_.read().boot; }
  void take(roused::SendOrder order);
  void begin_try(Deliveries::iterator delivery, std::chrono::nanoseconds at);
  void answered(std::uint64_t number, std::uint32_t of_try, channels::TryResult result);
  void judge(Deliveries::iterator delivery, channels::TryResult result);
  void look(Deliveries::iterator delivery, std::chrono::nanoseconds at);
  void look_again(Deliveries::iterator delivery);
  [[nodiscard]] bool is_overtaken(const Delivery& delivery) const;
  void try_again(Deliveries::iterator delivery, channels::TryResult result);
  void schedule(Deliveries::iterator delivery, std::chrono::nanoseconds due);
  void end(Deliveries::iterator delivery, rules::SendOutcome outcome, std::string detail, std::string reference = {});
  void hear(Delivery& delivery, rules::SendOutcome outcome, const std::string& detail);
  std::size_t go_on_after(const rules::SendEnded& ended);
  void report(const rules::SendEnded& ended);
  [[nodiscard]] std::chrono::nanoseconds drawn_wait(std::uint32_t doublings, std::chrono::nanoseconds left);

  const roused::Clock& clock_;
  roused::Random& random_;
  const FindProvider find_;
  const Ended ended_;
  std::shared_ptr<Outbox*> self_;  // what an answer finds this outbox by, as long as there is one
  Deliveries deliveries_;          // by number, in order of arrival
  std::set<std::pair<std::chrono::nanoseconds, std::uint64_t>> due_;  // (due, number) of what turn() will look at
  // Messages on their way, each with the orders that wait for its end.
  std::map<rules::MessageId, std::vector<roused::SendOrder>> messages_;
  std::uint64_t next_number_ = 0;
  std::size_t held_back_ = 0;  // orders in messages_
  std::size_t under_way_ = 0;
  bool is_stopping_ = false;
  Circuits circuits_;
  mutable std::mutex health_mutex_;
  std::vector<ProviderHealth> health_;
  Counters counters_;
};

}  // namespace outbox
