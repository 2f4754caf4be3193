// The disk under the journal: a MemoryJournal whose answers take time, which may be full for a while, and may fail a
// sync. What it acknowledged survives; of what it did not, a crash keeps as many bytes as chance says.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/journal/memory.hpp"
#include "tests/simulation/agenda.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

// How the disk behaves now; set by whoever makes the faults.
struct DiskWeather {
  bool full{};
  bool slow{};
  bool fails_next{};
};

class Disk final : public journal::Journal {
 public:
  Disk(std::unique_ptr<journal::MemoryJournal> rows, Agenda& agenda, Chance& chance, Trace& trace, DiskWeather& weather)
      : rows_{std::move(rows)}, agenda_{agenda}, chance_{chance}, trace_{trace}, weather_{weather} {}

  // When the append in flight has its result; nullopt = there is none.
  [[nodiscard]] std::optional<Time> ready_at() const { return ready_at_; }
  enum class Unsynced : std::uint8_t { lost, kept, any };  // what a power cut makes of bytes not yet acknowledged
  [[nodiscard]] std::unique_ptr<journal::MemoryJournal> crash(Unsynced unsynced);

  void start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) override;
  [[nodiscard]] std::optional<journal::Appended> take_result() override;
  [[nodiscard]] tl::expected<void, std::string> replay(
      std::uint64_t from_sequence, const std::function<bool(const journal::Row&)>& callback) override {
    return rows_->replay(from_sequence, callback);
  }
  [[nodiscard]] std::uint64_t last_sequence() const override { return rows_->last_sequence(); }
  [[nodiscard]] std::uint64_t first_sequence() const override { return rows_->first_sequence(); }
  void prune(std::uint64_t up_to_sequence) override { rows_->prune(up_to_sequence); }
  [[nodiscard]] const journal::StoreId& store_id() const override { return rows_->store_id(); }
  [[nodiscard]] std::uint32_t repairs() const override { return rows_->repairs(); }
  [[nodiscard]] tl::expected<void, std::string> write_snapshot(std::uint64_t sequence,
                                                               std::string_view bytes) override {
    return rows_->write_snapshot(sequence, bytes);
  }
  [[nodiscard]] tl::expected<journal::RecoveryStart, std::string> read_snapshot() override {
    return rows_->read_snapshot();
  }
  [[nodiscard]] std::uint64_t progress() const override { return rows_->progress(); }

 private:
  std::unique_ptr<journal::MemoryJournal> rows_;
  Agenda& agenda_;
  Chance& chance_;
  Trace& trace_;
  DiskWeather& weather_;
  std::optional<Time> ready_at_;
};

}  // namespace simulation
