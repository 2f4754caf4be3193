// What a storm has taken is given back. When it is over the state is small again, but what is left of it stands
// scattered over memory that is free for the most part, and an allocator can give back only what is free as a whole.
// Written as for a snapshot and read again by a thread of its own - which has memory of its own - the state is as
// large as what is in it, and the memory that it stood in is free as a whole. Nothing in it decides: a state that was
// read behaves as the one that was written, which every recovery relies on.
//
// Nothing is applied meanwhile: some 10 ms with the 500 incidents of a storm, 150 ms with the 10,000 that are kept at
// most. So it is done when nothing has happened for a second, and never with more alerts than max_compacted. The
// engine's thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "rules/state.hpp"

namespace roused {

class Compaction {
 public:
  static constexpr std::size_t max_compacted = 20'000;
  static constexpr std::chrono::seconds quiet{1};

  // Below `least` alerts at a time, or ends remembered at a time, it is not worth it; with more than `most` alerts in
  // the state, open and ended, it would take long.
  explicit Compaction(std::size_t least, std::size_t most = max_compacted) : least_{least}, most_{most} {}

  // Events were applied. `now`: boot clock.
  void note(const rules::State& state, std::chrono::nanoseconds now) {
    open_.peak = std::max(open_.peak, open_.size(state));
    remembered_.peak = std::max(remembered_.peak, remembered_.size(state));
    last_event_ = now;
  }

  // When it is to be run, unless something happens before; nullopt = not for now.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> due(const rules::State& state) const {
    const bool has_fallen = open_.has_fallen(state, least_) || remembered_.has_fallen(state, least_);
    if (!has_fallen || state.episodes.size() > most_) return std::nullopt;
    return last_event_ + quiet;
  }

  // The state afterwards is the same, also when it fails; then it says why.
  tl::expected<void, std::string> run(rules::State& state);

 private:
  struct Watermark {
    std::size_t (*size)(const rules::State& state);
    std::size_t peak{};

    [[nodiscard]] bool has_fallen(const rules::State& state, std::size_t least) const {
      return peak >= least && size(state) <= peak / 8;
    }
  };

  std::size_t least_;
  std::size_t most_;
  Watermark open_{.size = [](const rules::State& state) { return state.open_episodes.size(); }};
  Watermark remembered_{.size = [](const rules::State& state) { return state.known_ends.size() + state.flaps.size(); }};
  std::chrono::nanoseconds last_event_{};
};

}  // namespace roused
