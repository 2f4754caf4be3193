// The engine on a virtual clock: what test, simulate and explain drive. It is rules::apply() and nothing else that
// decides; the world only stands in for what is outside: time, providers, restarts. Months take milliseconds.
//
// Order at one instant: events as given, what providers say, then deadlines; as the daemon does it.
// Single-threaded; owns its State.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/apply.hpp"
#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/state.hpp"

namespace rehearse {

// How a provider behaves from now on. Nothing leaves the machine.
enum class Behaviour : std::uint8_t {
  works,     // accepts at once
  fails,     // refuses at once, as a 4xx
  busy,      // 5xx until 15 s have passed, then refused
  time_out,  // written, no answer: unanswered after 15 s
};

// A page that left for its person: once, whichever provider carried it, and once for each incident of a bundle.
struct LeftPage {
  rules::Instant at;
  rules::Send message;  // without its pages: a bundle of thousands would be kept once for each of them
  rules::PageFacts page;
};

struct StateChange {
  rules::Instant at;
  rules::IncidentId incident;
  rules::IncidentState state{};
};

struct HeldRecord {
  rules::Instant at;
  rules::IncidentId incident;
  std::string because;
};

// A notice that left.
struct LeftNotice {
  rules::Instant at;
  rules::Send message;
};

class World {
 public:
  // The seed makes the store's id and with it every key; pages must not depend on it.
  World(std::shared_ptr<const rules::Policy> policy, rules::Instant start, std::uint64_t key_seed);

  // Goes on from a state of somebody else's making, at the instant of its last event. Providers accept what it has
  // under way. The wall clock stays as far from `at` as it was.
  explicit World(rules::State state);

  // In `at`, as deadlines have it.
  [[nodiscard]] rules::Instant now() const { return now_; }
  [[nodiscard]] rules::Duration wall_ahead() const { return wall_ahead_; }

  // Everything due up to and including this instant happens; then it is that instant. Never back.
  void advance_to(rules::Instant instant);
  // What is due before `at` happens, then this event, then what providers say of it at once. For a verb: its verdict.
  std::optional<rules::Verdict> tell(rules::Instant at, const rules::Event& event);
  // The daemon is away for this long: nothing is sent, nothing fires. The state goes through its encoded form.
  void restart(rules::Instant at, rules::Duration down);
  void behave(const std::string& channel, std::uint32_t provider, Behaviour behaviour);

  // What has left so far, in the order of leaving. Pages whose carrying provider is still undecided are not in it yet.
  [[nodiscard]] const std::vector<LeftPage>& pages() const { return pages_; }
  [[nodiscard]] const std::vector<LeftNotice>& notices() const { return notices_; }
  [[nodiscard]] const std::vector<StateChange>& changes() const { return changes_; }
  [[nodiscard]] const std::vector<HeldRecord>& holds() const { return holds_; }
  // The ids of silences and maintenance, in the order in which they were first set.
  [[nodiscard]] const std::vector<std::string>& silences() const { return silences_; }
  [[nodiscard]] const rules::State& state() const { return state_; }
  [[nodiscard]] rules::State& state() { return state_; }
  // The next instant at which something is due; nullopt = nothing is.
  [[nodiscard]] std::optional<rules::Instant> next_due() const;

 private:
  struct Pending {  // a send under way
    rules::Instant ends;
    rules::SendOutcome outcome{};
    rules::Send send;
    rules::Instant sent;
  };
  std::optional<rules::Verdict> apply(const rules::Event& event);
  void perform(const rules::Send& send);
  void record(const rules::Send& send, rules::Instant at);
  bool settle_providers();  // one outcome that is due now; false when there is none
  [[nodiscard]] std::optional<rules::Instant> next_outcome() const;

  rules::State state_;
  rules::Instant now_;
  rules::Duration wall_ahead_{};
  std::map<std::pair<std::string, std::uint32_t>, Behaviour> behaviours_;
  std::vector<Pending> pending_;  // in the order in which they were sent
  std::map<rules::PageId, bool> listed_;
  std::map<rules::MessageId, bool> listed_notices_;
  std::vector<LeftPage> pages_;
  std::vector<LeftNotice> notices_;
  std::vector<StateChange> changes_;
  std::vector<HeldRecord> holds_;
  std::vector<std::string> silences_;
};

// A state as a store begins with: no policy yet. The id decides every message key and the seed of the alert keys.
[[nodiscard]] rules::State new_state(const rules::StoreId& store);

}  // namespace rehearse
