// The journal of one daemon on one machine: a SQLite database with a write-ahead log that is synced at every commit,
// written by a thread of its own.
//
// The hand-over is one slot with one atomic state, idle -> requested -> answered -> idle. The owner writes the request
// and stores `requested` (release); the journal thread, which has loaded it (acquire), writes the result and stores
// `answered` (release); the owner, which has loaded that (acquire), takes the result and stores `idle`. So each field
// has one writer at a time, and no mutex stands between the two. The journal thread sleeps in poll() on an eventfd.
//
// Files in the data directory: journal.db (with -wal and -shm while open), last-synced, snapshot-N, lock, and reserve,
// which is given up when the disk is full. All are owner-only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <tl/expected.hpp>

#include "daemon/journal/database.hpp"
#include "daemon/journal/files.hpp"
#include "daemon/journal/journal.hpp"
#include "daemon/journal/last_synced.hpp"

namespace journal {

class SqliteJournal final : public Journal {
 public:
  struct Options {
    std::filesystem::path directory;  // created (0700) when absent
    RandomSource random;              // for the identity of a new store
    std::function<void()> wake;       // called on the journal thread after a result was published; may be empty

    std::uint64_t reserve_bytes = 4U << 20U;     // 0: no reserve
    std::uint64_t checkpoint_bytes = 4U << 20U;  // of log, before it is moved into the database between two appends
    std::chrono::milliseconds idle_after{100};   // without an append: then there is time to tidy up

    // For tests: SQLite's file layer, and how the other files are synced.
    std::string vfs;
    SyncFile sync;
  };

  // Blocks on the disk. The error is for the operator: it names the file and, if the store is damaged, the repair
  // command.
  [[nodiscard]] static tl::expected<std::unique_ptr<SqliteJournal>, std::string> open(Options options);

  // Completes the append in flight, moves the log into the database and releases the directory.
  ~SqliteJournal() override;

  void start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) override;
  [[nodiscard]] std::optional<Appended> take_result() override;
  [[nodiscard]] tl::expected<void, std::string> replay(std::uint64_t from_sequence,
                                                       const std::function<bool(const Row&)>& callback) override;
  [[nodiscard]] std::uint64_t last_sequence() const override { return last_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t first_sequence() const override { return base_.load(std::memory_order_acquire) + 1; }
  void prune(std::uint64_t up_to_sequence) override;
  [[nodiscard]] const StoreId& store_id() const override { return record_.id; }
  [[nodiscard]] std::uint32_t repairs() const override { return repairs_; }
  [[nodiscard]] tl::expected<void, std::string> write_snapshot(std::uint64_t sequence, std::string_view bytes) override;
  [[nodiscard]] tl::expected<RecoveryStart, std::string> read_snapshot() override;
  [[nodiscard]] std::uint64_t progress() const override { return progress_.load(std::memory_order_relaxed); }

 private:
  enum class Slot : std::uint8_t { idle, requested, answered };
  struct Request {
    std::string body;
    std::uint32_t behaviour_version{};
    std::uint64_t previous_digest{};
  };

  explicit SqliteJournal(Options options);
  [[nodiscard]] Done open_store();
  [[nodiscard]] tl::expected<SyncedPoint, std::string> open_last_synced();
  [[nodiscard]] Done open_database(const SyncedPoint& synced);
  [[nodiscard]] Done check_end(const SyncedPoint& synced);
  [[nodiscard]] Done settle_log();
  [[nodiscard]] tl::expected<void, SqliteError> run_with_reserve(
      const std::function<tl::expected<void, SqliteError>()>& action);
  [[nodiscard]] tl::expected<StoreRecord, std::string> read_store_record(Database& database);
  [[nodiscard]] std::string damage(std::string_view what) const;
  [[nodiscard]] std::string explain(const SqliteError& error) const;

  void run();
  // True: the bell rang.
  bool sleep(std::chrono::milliseconds at_most);
  void kick();
  [[nodiscard]] bool is_requested() const;
  Appended append(Request request);
  void note_synced();
  // One bounded piece of housekeeping, if any is due. True if there was one.
  bool tidy(bool is_idle);
  [[nodiscard]] bool is_log_long() const;
  void checkpoint(bool truncate);
  void sync_last_synced();
  bool prune_some();
  void fail(std::string why);

  Options options_;
  std::filesystem::path path_;
  Descriptor lock_;
  Descriptor doorbell_;
  Reserve reserve_;
  std::uint32_t repairs_ = 0;

  // Of the journal thread, once it runs.
  Database database_;
  Statement insert_;
  LastSynced last_synced_;
  StoreRecord record_;  // base_* of it; the identity never changes
  std::uint64_t chain_ = 0;
  std::uint64_t page_size_ = 4096;
  std::uint64_t log_pages_ = 0;         // in the write-ahead log
  std::uint64_t moved_pages_ = 0;       // of these, already in the database
  std::uint64_t checkpoint_tried_ = 0;  // log_pages_ at the last checkpoint
  std::chrono::steady_clock::time_point tidied_;
  std::string failure_;  // not empty: nothing is acknowledged any more

  Request request_;
  Appended result_;
  std::atomic<Slot> slot_ = Slot::idle;

  std::atomic<std::uint64_t> last_ = 0;
  std::atomic<std::uint64_t> base_ = 0;
  std::atomic<std::uint64_t> prune_wanted_ = 0;
  std::atomic<std::uint64_t> prune_allowed_ = 0;  // the sequence of the older of the two snapshots
  std::atomic<std::uint64_t> progress_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace journal
