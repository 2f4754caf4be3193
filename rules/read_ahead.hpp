// What comes next, brought closer: with a million open alerts each step from a report to its alert waits for memory,
// and alone waits for it several times in turn. For many reports at once those waits are one.
//
// Nothing is decided and nothing changed by it; a state that has never been read ahead behaves the same.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "rules/event.hpp"
#include "rules/state.hpp"

namespace rules {

inline constexpr std::size_t read_ahead_at_once = 64;

// For apply() alone: the first of the reports of one event, read_ahead_at_once of them.
void read_ahead(const State& state, std::span<const Report> reports);

// Events with fewer reports are read ahead together, by whoever has many of them to apply; with more, each by itself.
inline constexpr std::size_t reads_ahead_itself = 8;

// For whoever applies many events in turn: before each, before(state, index, count, event_of).
class ReadAhead {
 public:
  // `event_of(i)` is the Event of index i. Looks at the next ones when those before have been applied.
  template <class EventOf>
  void before(const State& state, std::size_t index, std::size_t count, EventOf event_of) {
    if (index < next_) return;
    std::size_t size = 0;
    for (next_ = index; next_ < count && size + reads_ahead_itself <= read_ahead_at_once; ++next_) {
      const auto* arrived = std::get_if<ReportsArrived>(&event_of(next_));
      if (arrived == nullptr || arrived->reports.size() >= reads_ahead_itself) continue;
      for (const Report& report : arrived->reports) reports_[size++] = &report;
    }
    if (size > 1) read(state, std::span{reports_}.first(size));
  }

 private:
  static void read(const State& state, std::span<const Report* const> reports);
  std::array<const Report*, read_ahead_at_once> reports_{};
  std::size_t next_{};
};

}  // namespace rules
