// The durable memory of the daemon: an append-only row of event batches, the snapshots that shorten a recovery, and the
// identity of the store. It stores bytes and knows nothing of what they mean.
//
// One owner (the engine) appends: start_append, take_result and prune belong to the owner's thread and never block on
// the disk. replay, write_snapshot and read_snapshot do block; they may run on another thread (a snapshot is a recovery
// in the background), one of them at a time. Everything else may be called from anywhere.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace journal {

// One row: one batch of encoded events. Sequences start at 1 and have no gaps.
struct Row {
  std::uint64_t sequence{};
  std::string body;
  std::uint32_t behaviour_version{};    // of the build that appended it
  std::optional<std::uint64_t> digest;  // of the effects of this batch; the last row's is not known
};

enum class Outcome : std::uint8_t {
  committed,  // on the disk: it survives a power cut
  full,       // not stored, for want of room; a later append may succeed
  failed,     // a sync or the store failed: it may or may not be there, and no later append will succeed
  unknown,    // a remote store did not say
  fenced,     // another owner has taken over
};

std::string_view to_string(Outcome outcome);

struct Appended {
  std::uint64_t sequence{};  // the row's if committed, else the one it would have had
  Outcome outcome{};
  std::chrono::nanoseconds commit_duration{};
  std::string detail;  // why not, for the log; empty when committed
  std::string body;    // the bytes handed to start_append, given back for reuse or for a backlog
};

// "The digest of the row before is not known."
inline constexpr std::uint64_t unknown_digest = 0;

// Made with the store and kept for its life, through repairs. Hash seeds and message keys come from it.
using StoreId = std::array<std::uint8_t, 16>;

// Fills the bytes; asked only when a store is created.
using RandomSource = std::function<void(StoreId&)>;

struct Snapshot {
  std::uint64_t sequence{};  // the last row whose effects are in it
  std::string bytes;
};

// Where a recovery starts: from the snapshot (or from nothing), then replay(replay_from).
struct RecoveryStart {
  std::optional<Snapshot> snapshot;
  std::uint64_t replay_from{1};
  std::vector<std::string> complaints;  // snapshots that were there but could not be believed, one sentence each
};

class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  // Begins to append one row. At most one append is in flight: ends the process when the last result was not taken.
  // `previous_digest` is the digest of the effects of the row before this one, which were known only after that row was
  // committed and applied.
  virtual void start_append(std::string body,
                            std::uint32_t behaviour_version,
                            std::uint64_t previous_digest = unknown_digest) = 0;

  // The result of the append in flight, once, when it is there. Never blocks.
  [[nodiscard]] virtual std::optional<Appended> take_result() = 0;

  // Hands out the rows from `from_sequence` (0: the first there is) to the last one committed, each checked, in order,
  // until the callback returns false. Errors: damage, or rows that are pruned.
  [[nodiscard]] virtual tl::expected<void, std::string> replay(std::uint64_t from_sequence,
                                                               const std::function<bool(const Row&)>& callback) = 0;

  [[nodiscard]] virtual std::uint64_t last_sequence() const = 0;   // 0: no row yet
  [[nodiscard]] virtual std::uint64_t first_sequence() const = 0;  // of the oldest row that is kept, or will be

  // Rows up to here may go, when there is nothing better to do. Rows that the older of the two kept snapshots does not
  // cover stay: one damaged snapshot must not cost the state. So nothing goes before write_snapshot has seen two.
  virtual void prune(std::uint64_t up_to_sequence) = 0;

  [[nodiscard]] virtual const StoreId& store_id() const = 0;

  // How many repairs of this store gave up rows. Sequences of given up rows are used again; what must not repeat (a key
  // that a provider remembers) mixes this in.
  [[nodiscard]] virtual std::uint32_t repairs() const = 0;

  // Durable when it returns; the newest two believable snapshots are kept. Refused: a sequence that is not committed,
  // or is older than the newest snapshot.
  [[nodiscard]] virtual tl::expected<void, std::string> write_snapshot(std::uint64_t sequence,
                                                                       std::string_view bytes) = 0;

  // The newest believable snapshot that the journal reaches back to. Error: no way to recover without a repair.
  [[nodiscard]] virtual tl::expected<RecoveryStart, std::string> read_snapshot() = 0;

  // Changes at least once a second while the journal does its work, idle or not. Stands still: it is stuck.
  [[nodiscard]] virtual std::uint64_t progress() const = 0;
};

}  // namespace journal
