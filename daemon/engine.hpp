// The one writer. Takes what has queued, journals it as one row, and when that is durable applies it to the only State
// and lets the effects go. One loop body, turn(), with two arrangements: on a thread of its own, or turned by the only
// I/O thread between runs of its handlers. Everything here belongs to that one thread, but progress() and figures.
//
// Order that makes "nothing leaves before it is durable" true:
//   gather -> start_append -> (committed) -> apply -> set withdrawn flags -> hand out replies and sends.
// Nothing is proposed, so nothing is ever rolled back. What arrives while an append is in flight is the next row.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/clock.hpp"
#include "daemon/compaction.hpp"
#include "daemon/journal/journal.hpp"
#include "daemon/lane.hpp"
#include "daemon/poison.hpp"
#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"
#include "rules/state.hpp"

namespace roused {

struct EngineOptions {
  std::size_t batch_events{4096};  // works gathered into one row, at most
  std::size_t batch_bytes{std::size_t{16} << 20};
  std::size_t backlog_bytes{std::size_t{64} << 20};  // rows kept in memory while the disk is full
  std::chrono::milliseconds full_retry{1000};        // between two tries of a full disk
  bool told_lately{false};                           // a journal failed within the last 30m: nobody is told again
  ApplyMark* mark{};                                 // where it is, for the next start, should it die there
  std::size_t compacts_from{4096};                   // alerts at a time after which memory is given back
};

// What the engine tells the outside about itself; none of it decides anything.
struct EngineHooks {
  std::function<void(std::size_t lane)> wake_lane;  // there are commands for this lane
  std::function<void(const rules::Measured&)> measured;
  std::function<void(std::chrono::nanoseconds)> committed;  // how long an append took
  std::function<void()> failed;                             // the journal failed, and last_resort is being told
  std::function<void(const std::string&)> alarm;            // for the log: the disk is full, a sync failed, ...
};

class Engine {
 public:
  // The state is as recovery left it; `last_digest` is that of the row applied last (0 = none). Lanes, journal and
  // clock outlive the engine. Sends and Reconcile go to lane 0.
  Engine(rules::State state,
         std::uint64_t last_digest,
         journal::Journal& journal,
         const Clock& clock,
         std::vector<Lane*> lanes,
         EngineOptions options,
         EngineHooks hooks);

  // The first events of a run, before anything else: the policy when it differs from the one in the state, and Started.
  void start(std::shared_ptr<const rules::Policy> policy);

  // The daemon's own alarm: a page to everybody whom a last resort names, in no budget and in no incident.
  void tell_last_resort(const std::string& name, const std::string& text);

  // One bounded piece of work. True: there is more to do at once.
  bool turn();

  // How long until turn() has something to do by itself; nullopt = only when something arrives.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_timer() const;
  // Something is queued that turn() would take. For a thread that is about to sleep.
  [[nodiscard]] bool has_work() const;

  // From here on reports are refused; what was accepted is committed. idle() = nothing is queued or under way.
  void stop_taking_reports() { takes_reports_ = false; }
  [[nodiscard]] bool is_idle() const;
  // A sync failed, or the store was taken away: what was due has been released once, marked; the process must end.
  [[nodiscard]] bool has_failed() const { return failed_; }
  [[nodiscard]] bool is_disk_full() const { return !backlog_.empty(); }

  [[nodiscard]] const rules::State& state() const { return state_; }
  // Last row applied: what a snapshot may cover. Any thread.
  [[nodiscard]] std::uint64_t applied_sequence() const { return applied_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t journaled_bytes() const { return journaled_bytes_.load(std::memory_order_relaxed); }
  // Grows with every turn; an idle engine is turned once a second by its timer. Any thread.
  [[nodiscard]] std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {  // who asked for an event of the batch
    std::size_t lane{};
    Ticket ticket{};
  };
  struct Batch {
    std::vector<codec::StampedEvent> events;
    std::vector<Waiting> waiting;  // one for each event
  };
  struct BacklogRow {
    std::string body;
    std::uint64_t digest{};
  };

  [[nodiscard]] rules::Stamp stamp();
  void gather(Batch& batch, bool people_only);
  void take(Work&& work, std::size_t lane, Batch& batch, rules::Stamp now);
  void answer_lookers();
  void append(Batch batch);
  void on_appended(const journal::Appended& result);
  // Applies and lets go. `marked`: pages may repeat ones of a run that never learns of them. `sequence`: of the batch's
  // row; 0 when it is not on the disk.
  void release(Batch& batch, Durability durability, bool marked, std::uint64_t sequence = 0);
  void fail(const std::string& why);
  void work_while_full();
  void command(std::size_t lane, Command&& what);
  void flush_overflow();
  void compact_if_due();
  [[nodiscard]] std::uint64_t digest_for_next_row() const;

  rules::State state_;
  journal::Journal& journal_;
  const Clock& clock_;
  std::vector<Lane*> lanes_;
  EngineOptions options_;
  EngineHooks hooks_;

  Batch in_flight_;
  bool appending_{false};
  std::uint64_t last_digest_{};
  std::deque<BacklogRow> backlog_;  // applied, not yet on disk; appended first when there is room
  std::size_t backlog_bytes_{};
  bool backlog_append_in_flight_{false};
  std::chrono::nanoseconds retry_full_at_{};
  std::vector<std::pair<std::size_t, Work>> lookers_;
  std::vector<std::deque<Command>> overflow_;  // commands that found their ring full, in order
  std::vector<bool> to_wake_;
  std::map<rules::MessageId, std::shared_ptr<std::atomic<bool>>> flags_;
  ClockReading last_reading_;
  rules::Instant last_at_;
  Compaction compaction_;
  bool takes_reports_{true};
  bool failed_{false};
  std::atomic<std::uint64_t> applied_{0};
  std::atomic<std::uint64_t> journaled_bytes_{0};
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace roused
