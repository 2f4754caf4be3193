// What a run is made of: everything that will happen to the daemon from outside, as a list that a seed draws and that
// can be shortened. Taking an entry out changes nothing of the others: what an actor draws while the run goes on
// (latencies, reactions) comes from a stream of its own, named by the seed, the actor and what it reacts to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/agenda.hpp"

namespace simulation {

enum class ActionKind : std::uint8_t {
  alert_fires,      // subject = group, object = member
  alert_ends,       // subject = group, object = member
  severity_rises,   // subject = group, object = member
  sender_dies,      // subject = group; the sender is away for `length`, then tells what is true
  crash,            // away for `length`; object = what becomes of bytes not yet synced
  crash_at,         // at the object-th passage of the awkward place `subject`, counted from `at`; away for `length`
  stop,             // gracefully, away for `length`
  upgrade,          // stop, then a daemon of the other version
  pause,            // the process stands still for `length`: SIGSTOP, a suspended machine
  stall,            // the engine's thread alone does
  wall_step,        // by `length`, which may be negative
  wall_drift,       // object parts in a million from now on
  disk_full,        // for `length`
  disk_slow,        // for `length`
  disk_fails,       // the next append's sync: EIO
  snapshot,         // one is made now
  snapshot_fails,   // the next one cannot be written
  mood,             // the provider `subject` is object (a Mood) for `length`
  reload,           // another policy
  reload_mistaken,  // a file that cannot be loaded
  look,             // somebody reads the board, metrics, one incident: what is said is looked through
  person_acts,  // the person `subject` does the verb `object` to an incident that is shown to them, or has just ended
};
inline constexpr std::size_t action_kinds = static_cast<std::size_t>(ActionKind::person_acts) + 1;

struct Action {
  Time at{};
  ActionKind kind{};
  std::uint64_t subject{};
  std::uint64_t object{};
  Time length{};
  bool operator==(const Action&) const = default;
};

enum class SenderForm : std::uint8_t { webhook, api_v2 };

// Alerts of one alertname, told by one sender.
struct GroupPlan {
  std::string service;
  unsigned members{};
  SenderForm form{};
  bool operator==(const GroupPlan&) const = default;
};

struct Plan {
  std::uint64_t seed{};
  bool tight_budget{};
  bool one_thread{};        // engine and I/O take turns on one thread; else each has its own pace
  bool people_react{true};  // to what rings
  std::vector<GroupPlan> groups;
  std::vector<Action> actions;  // by time
  bool operator==(const Plan&) const = default;
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);
[[nodiscard]] std::string_view name_of(ActionKind kind);
[[nodiscard]] std::string print(const Action& action);  // one line of a table

}  // namespace simulation
