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
  alert_fires,     // subject = group, object = member
  alert_ends,      // subject = group, object = member
  severity_rises,  // subject = group, object = member
  sender_dies,     // subject = group; the sender is away for `length`, then tells what is true; object = 1: it has
                   // forgotten what it has told
  crash,           // away for `length`; object (a Disk::Unsynced) = what becomes of bytes not yet synced
  crash_at,        // at the object-th passage of the Place `subject`, counted from `at`; away for `length`
  stop,            // gracefully, away for `length`
  upgrade,     // stop (object = 1: killed), then a daemon of the other version, with the other policy if subject = 1
  pause,       // the process stands still for `length`; object = 1: the whole machine, which nobody reaches then
  stall,       // one thread alone does; subject = 0: the engine's, 1: the first I/O thread
  stall_at,    // at the object-th passage of the Place `subject`, counted from `at`, for `length`
  wall_step,   // by `length`, which may be negative
  wall_drift,  // `object` parts in a million from now on; as a signed number
  disk_full,   // for `length`; object > 0: and once more when that many rows have found room
  disk_slow,   // for `length`
  disk_fails,  // the next append; object bit 0: the bytes are there all the same; bit 1: nobody knows how it ended
  snapshot,    // one is made now
  snapshot_fails,    // the next one cannot be written
  snapshot_damaged,  // the newest one
  mood,             // the provider `subject` (of three; of six when people are reached) is object (a Mood) for `length`
  reload,           // another policy; object = 1: over HTTP, else by signal
  reload_mistaken,  // a file that cannot be loaded; object as above
  look,             // somebody reads the board, metrics, one incident: what is said is looked through
  person_acts,      // the person `subject` does the Verb `object` to an incident that was shown, or has just ended
  silence_set,      // for `length`; subject = a group, or of a service its place in correlated_services; object % 3 =
                    // what (a SilenceOf), object / 3 = minutes until it begins
  silence_ends,     // somebody ends the object-th of those that there are
  beat,             // of the heartbeat by HTTP; object = 1: by an alert
  batch_refused,    // the sender of the group `subject` says something that nobody can read
  reply_comes,      // of the person `subject`, as object (a ReplyOf) says
  test_page,        // to the person `subject`
  update_written,   // by the person `subject`, of an incident that was shown
  updates_wanted,   // by the person `subject`, of such an incident; object = 1: no longer
};
inline constexpr std::size_t action_kinds = static_cast<std::size_t>(ActionKind::updates_wanted) + 1;
enum class SilenceOf : std::uint8_t { service, alertname, maintenance };
enum class ReplyOf : std::uint8_t {
  nonsense,      // eight times in a row
  wrong_number,  // of no incident
  what_never_was,
  stranger,
  key_of_nobody,  // pressed on the telephone, one that means nothing
  bare_word,      // about the latest page
};
inline constexpr std::size_t reply_kinds = static_cast<std::size_t>(ReplyOf::bare_word) + 1;

// Where the daemon stands between two of its steps that belong together.
enum class Place : std::uint8_t {
  push_and_gather,    // a request is in the ring
  append_and_result,  // a row is on its way to the disk
  commit_and_apply,   // it is there, and the engine has not heard of it
  apply_and_release,  // the engine has applied it, and nobody has heard
  replies_and_sends,  // answers have left, sends have not
  send_and_outcome,   // a provider is at it
  in_recovery,
  before_first_row,  // the row that says it has started
  in_snapshot,
  stop_and_end,  // it was told to stop
};
inline constexpr std::size_t places = static_cast<std::size_t>(Place::stop_and_end) + 1;

// How a provider is.
enum class Mood : std::uint8_t {
  works,
  refuses,      // 4xx
  busy,         // 5xx
  limited,      // 429 with Retry-After
  mute,         // takes the request, perhaps delivers it, never answers
  slow,         // delivers, and answers late
  unreachable,  // no connection
  drops,        // accepts, and nothing ever rings
  tardy,        // its answers come after the limit, and some after the grace
  stutters,     // says everything twice, the second time otherwise
};
inline constexpr std::size_t moods = static_cast<std::size_t>(Mood::stutters) + 1;

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
  bool twin{};      // webhook: another Alertmanager says all of it once more, later
  bool warns{};     // fires as a warning, which `severity_rises` makes critical
  Time interval{};  // webhook: group_interval; API v2: between two evaluations
  Time repeats{};   // webhook: repeat_interval
  bool operator==(const GroupPlan&) const = default;
};

struct Plan {
  std::uint64_t seed{};
  bool tight_budget{};
  bool small_backlog{};     // little may be taken in memory while the disk is full
  bool one_thread{};        // engine and I/O take turns on one thread; else each has its own pace
  bool people_react{true};  // to what rings
  bool correlated{};        // the team of that name, and of the next
  bool hearts{};
  bool reaching{};  // several providers a channel, which tell later what became of a message; people write back
  std::vector<GroupPlan> groups;
  std::vector<Action> actions;  // by time
  bool operator==(const Plan&) const = default;
};

inline constexpr Time faulty_for = std::chrono::minutes{110};
inline constexpr Time quiet_for = std::chrono::minutes{35};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);
// From now on plans are drawn in which services depend on each other, people silence, alerts flap and storms rise, and
// heartbeats are awaited. What else a seed draws stays as it is.
void let_plans_correlate();
[[nodiscard]] std::string_view name_of(ActionKind kind);
[[nodiscard]] std::string_view name_of(Place place);
[[nodiscard]] std::string_view name_of(Mood mood);
[[nodiscard]] std::string print(const Action& action);  // one line of a table

}  // namespace simulation
