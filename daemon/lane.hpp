// What passes between an I/O thread and the engine, and the two pairs of rings it passes through. One Lane for each I/O
// thread: that thread and the engine are the only two that ever touch it.
//
//   I/O thread --> reports, people --> engine
//   I/O thread <-- replies, sends  <-- engine
//
// `people` carries what must get through when reports do not: verbs, outcomes of sends, beats, questions. It has rings
// of its own and is drained first, so a flood of reports can neither fill it nor stand before it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "daemon/ring.hpp"
#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/state.hpp"
#include "rules/view.hpp"

namespace roused {

// Names a request that waits in its I/O thread; 0 = nobody waits.
using Ticket = std::uint64_t;

// Looks at the state between two events, changes nothing, keeps no reference to it. For reads: never journaled.
using Look = std::function<void(const rules::State&)>;

// For the engine.
struct Work {
  std::variant<rules::Event, Look> what;
  Ticket ticket{};
};

enum class Durability : std::uint8_t {
  durable,  // on disk: answer 2xx
  memory,   // applied, but not on disk: answer 503, so that the sender says it again
  refused,  // not taken: answer 503
};

// For whoever waits in an I/O thread.
struct Reply {
  Ticket ticket{};
  Durability durability{};
  std::optional<rules::Verdict> verdict;                // of a verb
  std::shared_ptr<const rules::IncidentView> incident;  // of a verb that was done
};

// One send for the outbox, with the flag that says it must not begin any more: the engine sets it (release) before it
// lets any reply of that batch go, the outbox looks (acquire) right before the first byte of every try.
struct SendOrder {
  rules::Send send;
  std::shared_ptr<const std::atomic<bool>> withdrawn;
};

using Command = std::variant<Reply, SendOrder, rules::Reconcile>;

struct LaneSizes {
  std::size_t report_slots{4096};
  std::size_t report_bytes{std::size_t{128} << 20};
  std::size_t people_slots{8192};
  std::size_t people_bytes{std::size_t{32} << 20};
  std::size_t command_slots{16384};
};

class Lane {
 public:
  explicit Lane(const LaneSizes& sizes)
      : reports_{sizes.report_slots, sizes.report_bytes},
        people_{sizes.people_slots, sizes.people_bytes},
        commands_{sizes.command_slots, sizes.command_slots} {}

  // I/O thread. False: full, answer 503.
  [[nodiscard]] bool push_reports(Work&& work, std::size_t bytes) { return reports_.try_push(std::move(work), bytes); }
  [[nodiscard]] bool push_people(Work&& work, std::size_t bytes) {
    return people_.try_push_priority(std::move(work), bytes);
  }
  [[nodiscard]] std::optional<Command> pop_command() { return commands_.try_pop(); }

  // Engine.
  Ring<Work>& reports() { return reports_; }
  Ring<Work>& people() { return people_; }
  [[nodiscard]] bool push_command(Command&& command) { return commands_.try_push_priority(std::move(command), 1); }

 private:
  Ring<Work> reports_;
  Ring<Work> people_;
  Ring<Command> commands_;
};

}  // namespace roused
