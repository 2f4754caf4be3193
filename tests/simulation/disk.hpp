// The disk under the journal: a MemoryJournal whose answers take time, which may be full for a while, and may fail a
// sync. What it acknowledged survives; of what it did not, a crash keeps as many bytes as chance says. Belongs to one
// life of the daemon, and writes down which version of it that is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/journal/memory.hpp"
#include "tests/simulation/agenda.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

// How the disk behaves now; set by whoever makes the faults, outlives every life.
struct DiskWeather {
  int full{};                // how many reasons there are for it to be full
  std::uint64_t room_for{};  // rows that fit when it is full no more; 0 = any number
  Time full_again_for{};     // when they have been written
  Time full_again_until{-1};
  int slow{};
  bool fails_next{};
  journal::Outcome failure{journal::Outcome::failed};
  bool is_written_all_the_same{};
  bool snapshot_fails_next{};
};

class Disk final : public journal::Journal {
 public:
  enum class Unsynced : std::uint8_t { lost, kept, any };  // what a power cut makes of bytes not yet acknowledged
  struct Hooks {
    std::function<void(Time ready_at)> begun;  // an append: its result is there then
    std::function<bool()> dies_in_snapshot;
  };

  Disk(std::unique_ptr<journal::MemoryJournal> rows,
       std::uint32_t version,
       Agenda& agenda,
       const Chances& chances,
       Trace& trace,
       DiskWeather& weather,
       Hooks hooks)
      : rows_{std::move(rows)},
        version_{version},
        agenda_{agenda},
        chances_{chances},
        trace_{trace},
        weather_{weather},
        hooks_{std::move(hooks)} {}

  // When the append in flight has its result; nullopt = there is none.
  [[nodiscard]] std::optional<Time> ready_at() const { return ready_at_; }
  [[nodiscard]] std::unique_ptr<journal::MemoryJournal> crash(Unsynced unsynced);
  // False: it is damaged already, or there is none.
  bool damage_newest_snapshot();

  void start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) override;
  [[nodiscard]] std::optional<journal::Appended> take_result() override;
  [[nodiscard]] tl::expected<void, std::string> replay(
      std::uint64_t from_sequence, const std::function<bool(const journal::Row&)>& callback) override;
  [[nodiscard]] std::uint64_t last_sequence() const override { return rows_->last_sequence(); }
  [[nodiscard]] std::uint64_t first_sequence() const override { return rows_->first_sequence(); }
  void prune(std::uint64_t up_to_sequence) override { rows_->prune(up_to_sequence); }
  [[nodiscard]] const journal::StoreId& store_id() const override { return rows_->store_id(); }
  [[nodiscard]] std::uint32_t repairs() const override { return rows_->repairs(); }
  [[nodiscard]] tl::expected<void, std::string> write_snapshot(std::uint64_t sequence, std::string_view bytes) override;
  [[nodiscard]] tl::expected<journal::RecoveryStart, std::string> read_snapshot() override {
    return rows_->read_snapshot();
  }
  [[nodiscard]] std::uint64_t progress() const override { return rows_->progress(); }

 private:
  [[nodiscard]] bool is_full();

  std::unique_ptr<journal::MemoryJournal> rows_;
  std::uint32_t version_;  // 0 = this build's; another's rows carry another number, and digests of their own
  Agenda& agenda_;
  const Chances& chances_;
  Trace& trace_;
  DiskWeather& weather_;
  Hooks hooks_;
  std::optional<Time> ready_at_;
};

}  // namespace simulation
