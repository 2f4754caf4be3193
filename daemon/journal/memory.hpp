// A journal in memory for tests and the simulator, on a disk that can lie, fill up, fail and lose power.
// Single-threaded: the result of an append is there when the owner has polled often enough.
//
// The rows are kept as the bytes that a disk would hold: those that were synced, then those that were only written. A
// crash keeps the synced ones and as many of the others as the caller says, down to a byte, so a row may be torn;
// recovery cuts a torn tail off by its checksum, as a real store does.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/journal/journal.hpp"

namespace journal {

// How the disk treats one append.
struct DiskPlan {
  Outcome outcome = Outcome::committed;
  unsigned polls = 0;                      // that find nothing before the one that finds the result
  std::chrono::nanoseconds duration{};     // that the append claims to have taken
  bool is_synced = true;                   // false: acknowledged, though only written (a lying disk)
  bool is_written_when_unresolved = true;  // failed and unknown: whether the bytes reached the disk's cache
};

// An append that waits for its result.
struct PendingAppend {
  DiskPlan plan;
  std::string body;
  std::uint32_t behaviour_version{};
  std::uint64_t previous_digest{};
  std::size_t encoded_size = 0;  // of it, at the end of written_
};

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(const StoreId& id = {}) : id_(id) {}

  // The next appends go by the queued plans, then by the usual one.
  void plan(DiskPlan next) { plans_.push_back(next); }
  void plan_usually(DiskPlan usual) { usual_ = usual; }

  // Bytes that a power cut now may lose; what crash() takes lies between 0 and this.
  [[nodiscard]] std::uint64_t unsynced_bytes() const { return written_.size(); }
  // What is found after a power cut. Its plans are empty; this journal is not changed.
  [[nodiscard]] std::unique_ptr<MemoryJournal> crash(std::uint64_t surviving_unsynced_bytes) const;
  // Flips a bit in the newest snapshot, as a disk may.
  void damage_newest_snapshot();

  void start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) override;
  [[nodiscard]] std::optional<Appended> take_result() override;
  [[nodiscard]] tl::expected<void, std::string> replay(std::uint64_t from_sequence,
                                                       const std::function<bool(const Row&)>& callback) override;
  [[nodiscard]] std::uint64_t last_sequence() const override { return last_; }
  [[nodiscard]] std::uint64_t first_sequence() const override { return base_ + 1; }
  void prune(std::uint64_t up_to_sequence) override;
  [[nodiscard]] const StoreId& store_id() const override { return id_; }
  [[nodiscard]] std::uint32_t repairs() const override { return 0; }
  [[nodiscard]] tl::expected<void, std::string> write_snapshot(std::uint64_t sequence, std::string_view bytes) override;
  [[nodiscard]] tl::expected<RecoveryStart, std::string> read_snapshot() override;
  [[nodiscard]] std::uint64_t progress() const override { return progress_; }

 private:
  struct HeldSnapshot {
    Snapshot snapshot;
    std::uint64_t checksum{};
  };

  [[nodiscard]] std::string encode(std::uint64_t sequence, const PendingAppend& pending) const;

  StoreId id_;
  std::deque<DiskPlan> plans_;
  DiskPlan usual_;
  std::string synced_;   // encoded rows that survive
  std::string written_;  // encoded rows that may not
  std::uint64_t base_ = 0;
  std::uint64_t last_ = 0;  // acknowledged
  std::optional<PendingAppend> pending_;
  std::optional<Outcome> ended_;         // failed and fenced are for good
  std::vector<HeldSnapshot> snapshots_;  // oldest first, two at most
  std::uint64_t progress_ = 0;
};

}  // namespace journal
