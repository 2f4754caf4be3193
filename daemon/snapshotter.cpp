#include "daemon/snapshotter.hpp"

#include <fmt/format.h>

#include "daemon/recovery.hpp"
#include "rules/codec/codec.hpp"

namespace roused {

Snapshotter::Snapshotter(journal::Journal& journal,
                         const Clock& clock,
                         SnapshotOptions options,
                         std::function<std::uint64_t()> applied,
                         std::function<std::uint64_t()> bytes,
                         std::function<void(const std::string&)> complain,
                         const SetAside* set_aside)
    : journal_{journal},
      clock_{clock},
      options_{options},
      applied_{std::move(applied)},
      bytes_{std::move(bytes)},
      complain_{std::move(complain)},
      set_aside_{set_aside},
      last_sequence_{journal.last_sequence()},
      last_time_{clock.read().boot} {}

Snapshotter::~Snapshotter() {
  stop();
}

void Snapshotter::start() {
  thread_ = std::thread{[this] { run(); }};
}

void Snapshotter::stop() {
  stopping_.store(true);
  wakeup_.wake();
  if (thread_.joinable()) thread_.join();
}

void Snapshotter::run() {
  while (!stopping_.load()) {
    look();
    wakeup_.wait([this] { return stopping_.load(); }, std::chrono::seconds{1});
  }
}

void Snapshotter::look() {
  const std::uint64_t applied = applied_();
  if (applied <= last_sequence_) return;
  const bool much = bytes_() - last_bytes_ >= options_.after_bytes;
  const bool long_ago = clock_.read().boot - last_time_ >= options_.after_time;
  if (much || long_ago) make(applied);
}

void Snapshotter::make_now() {
  const std::uint64_t applied = applied_();
  if (applied > last_sequence_) make(applied);
}

void Snapshotter::make(std::uint64_t up_to) {
  last_bytes_ = bytes_();
  last_time_ = clock_.read().boot;
  tl::expected<Recovered, std::string> recovered =
      recover(journal_, up_to, Replay{.set_aside = set_aside_, .mark = nullptr});
  if (!recovered) {
    complain_("no snapshot was made: " + recovered.error());
    return;
  }
  for (const std::string& complaint : recovered->complaints) complain_(complaint);
  const tl::expected<void, std::string> written =
      journal_.write_snapshot(recovered->sequence, codec::encode_state(recovered->state));
  if (!written) {
    complain_("no snapshot was written: " + written.error());
    return;
  }
  last_sequence_ = recovered->sequence;
  prune();
}

// Rows older than they must be kept for replay: found by halving, since they stand in the order of time.
void Snapshotter::prune() {
  const rules::Instant oldest = clock_.read().wall - options_.keep_rows;
  std::uint64_t low = journal_.first_sequence();
  std::uint64_t high = last_sequence_;
  std::uint64_t may_go = 0;
  while (low <= high) {
    const std::uint64_t middle = low + (high - low) / 2;
    bool is_old = false;
    const auto look_at = [&](const journal::Row& row) {
      const auto batch = codec::decode_batch(row.body);
      is_old = batch && !batch->empty() && batch->front().stamp.wall < oldest;
      return false;
    };
    if (!journal_.replay(middle, look_at)) return;
    if (is_old) {
      may_go = middle;
      low = middle + 1;
    } else {
      if (middle == 0) return;
      high = middle - 1;
    }
  }
  if (may_go > 0) journal_.prune(may_go);
}

}  // namespace roused
