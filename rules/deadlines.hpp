// Every due instant of the router, in one hierarchical timing wheel: the engine's only timer asks it for the earliest.
//
// 64 slots a level, ticks of 1 ms, as many levels as 64 bits need: nothing is too far away. A slot holds its
// deadlines in an intrusive pairing heap by (due, armed), so the earliest is exact at any time without a scan, equal
// instants come out in the order in which they were armed, and draining a slot in order costs log n, not n.
//
// Deadlines live in a slab of equal records (48 bytes) that ids point into. Nothing but due instants and armed numbers
// decides what comes out when: a decoded copy behaves as the original does, though its ids differ.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/time.hpp"

namespace rules {

enum class DeadlineKind : std::uint8_t {
  step_wait,
  personal_rule,
  acknowledge_timeout,
  snooze_end,
  last_resort,
  restart_climb,
  group_wait,
  desk_flush,
  report_expiry,
  set_aside,
  reopen_window,
  number_release,
  incident_retention,
  shift_boundary,  // a turn comes near
  calendar,        // the next start or end of a silence, or boundary of a time interval
  alert_hold,      // target: episode; a hold of it that has an end
  holder_limit,    // target: incident that keeps others back; 1h after it began
  flap_calm,       // target: high half of the alert key
  storm_check,     // target: hash of the call tree's name
  heartbeat,       // target: hash of its name
  own_calm,        // target: episode of the router's own that ends when nothing renews it
};

struct Deadline {
  Instant due;
  std::uint64_t armed{};  // counts arm() calls: the order among equal instants
  DeadlineKind kind{};
  std::uint64_t target{};
  std::uint32_t detail{};
  bool operator==(const Deadline&) const = default;
};

/// Names an armed deadline until it is taken or disarmed; afterwards, and by default, it names nothing.
struct DeadlineId {
  std::uint32_t slot{};
  std::uint32_t generation{};  // 0: names nothing
  bool operator==(const DeadlineId&) const = default;
};

/// Not thread-safe; copyable (ids are good for the copy, too).
class Deadlines {
 public:
  Deadlines();

  /// A due instant in the past is fine: it is taken at once, in order. At most 2^32 - 1 are armed at a time.
  DeadlineId arm(Instant due, DeadlineKind kind, std::uint64_t target, std::uint32_t detail);

  /// False, and nothing happens, when the id names no armed deadline.
  bool disarm(DeadlineId id);

  [[nodiscard]] std::optional<Deadline> find(DeadlineId id) const;

  [[nodiscard]] std::optional<Instant> next() const;

  /// Takes the earliest by (due, armed) of those due at or before `until`.
  std::optional<Deadline> take_due(Instant until);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t bytes() const;  // memory held, this object included

  /// Calls visit(const Deadline&) in order of (due, armed). Sorts a copy: for codecs and reports.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Deadline& deadline : in_order()) visit(deadline);
  }
  [[nodiscard]] std::vector<Deadline> in_order() const;

  /// Arms with the armed number that the deadline carries, which none other has. The number that the next arm() gives
  /// is moved past it, never back.
  DeadlineId restore(const Deadline& deadline);

  [[nodiscard]] std::uint64_t next_armed() const { return next_armed_; }
  void set_next_armed(std::uint64_t number) { next_armed_ = number; }

 private:
  static constexpr std::uint32_t nowhere = 0xffff'ffff;
  static constexpr unsigned bits_per_level = 6;
  static constexpr unsigned slots_per_level = 1U << bits_per_level;
  static constexpr unsigned levels = 11;  // 66 bits, so a level for each bit in which two ticks may differ
  static constexpr unsigned chunk_bits = 12;

  // One deadline and its place in the heap of its slot: `child` is the first child, `next` the next sibling, `previous`
  // the sibling before or, of a first child, the parent; a root has none. Free records are linked by `next`.
  struct Record {
    std::uint64_t tick{};
    std::uint64_t armed{};
    std::uint64_t target{};
    std::uint32_t detail{};
    std::uint32_t generation{1};
    std::uint32_t child{nowhere};
    std::uint32_t next{nowhere};
    std::uint32_t previous{nowhere};
    DeadlineKind kind{};
    bool is_armed{};
  };
  static_assert(sizeof(Record) == 48);

  [[nodiscard]] Record& record(std::uint32_t index) {
    return chunks_[index >> chunk_bits][index & ((1U << chunk_bits) - 1)];
  }
  [[nodiscard]] const Record& record(std::uint32_t index) const {
    return chunks_[index >> chunk_bits][index & ((1U << chunk_bits) - 1)];
  }
  [[nodiscard]] static Deadline deadline_of(const Record& record);
  [[nodiscard]] bool names_armed(DeadlineId id) const;

  std::uint32_t take_record();
  void free_record(std::uint32_t index);

  [[nodiscard]] std::uint32_t meld(std::uint32_t one, std::uint32_t other);
  [[nodiscard]] std::uint32_t meld_siblings(std::uint32_t first);
  [[nodiscard]] std::uint32_t earliest() const;
  DeadlineId insert(const Deadline& deadline);
  void place(std::uint32_t index);
  void remove(std::uint32_t index);
  void advance(std::uint64_t tick);

  // 1. Every deadline at or after the cursor is in the wheel, at the level of the highest digit in which its tick
  //    differs from the cursor and in the slot of that digit; so lower levels and slots are always earlier.
  // 2. Every deadline before the cursor (armed for the past, or after the clock stepped back) is in `late_`.
  // 3. The cursor never moves back.
  std::uint64_t cursor_ = 0;
  std::uint32_t late_ = nowhere;
  std::uint32_t occupied_levels_ = 0;
  std::array<std::uint64_t, levels> occupied_{};
  std::array<std::array<std::uint32_t, slots_per_level>, levels> roots_;

  std::vector<std::vector<Record>> chunks_;
  std::uint32_t records_used_ = 0;  // records beyond have never been taken
  std::uint32_t first_free_ = nowhere;
  std::size_t size_ = 0;
  std::uint64_t next_armed_ = 0;
};

}  // namespace rules
