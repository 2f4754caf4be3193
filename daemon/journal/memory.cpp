#include "daemon/journal/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "daemon/journal/seal.hpp"

namespace journal {

namespace {

struct DiskRow {
  Row row;
  std::uint64_t previous_digest{};
  std::size_t encoded_size{};
};

constexpr std::size_t header_size = 8 + 4 + 8 + 8 + 8;

// Nothing: the bytes are cut short, or not what was written.
std::optional<DiskRow> decode(std::string_view bytes) {
  if (bytes.size() < header_size) return std::nullopt;
  DiskRow decoded;
  decoded.row.sequence = read_number<std::uint64_t>(bytes);
  decoded.row.behaviour_version = read_number<std::uint32_t>(bytes.substr(8));
  decoded.previous_digest = read_number<std::uint64_t>(bytes.substr(12));
  const auto length = read_number<std::uint64_t>(bytes.substr(20));
  const auto checksum = read_number<std::uint64_t>(bytes.substr(28));
  if (length > bytes.size() - header_size) return std::nullopt;
  decoded.row.body = bytes.substr(header_size, length);
  decoded.encoded_size = header_size + decoded.row.body.size();
  if (checksum !=
      row_checksum(decoded.row.sequence, decoded.row.behaviour_version, decoded.previous_digest, decoded.row.body)) {
    return std::nullopt;
  }
  return decoded;
}

}  // namespace

std::string MemoryJournal::encode(std::uint64_t sequence, const PendingAppend& pending) const {
  std::string bytes;
  append_number(bytes, sequence);
  append_number(bytes, pending.behaviour_version);
  append_number(bytes, pending.previous_digest);
  append_number(bytes, std::uint64_t{pending.body.size()});
  append_number(bytes, row_checksum(sequence, pending.behaviour_version, pending.previous_digest, pending.body));
  bytes += pending.body;
  return bytes;
}

void MemoryJournal::start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) {
  if (pending_) {
    std::fputs("journal: an append was started before the last was taken\n", stderr);
    std::abort();
  }
  pending_.emplace();
  pending_->body = std::move(body);
  pending_->behaviour_version = behaviour_version;
  pending_->previous_digest = previous_digest;
  pending_->plan = usual_;
  if (!plans_.empty()) {
    pending_->plan = plans_.front();
    plans_.pop_front();
  }
  DiskPlan& plan = pending_->plan;
  if (ended_) plan.outcome = *ended_;
  const bool is_unresolved = plan.outcome == Outcome::failed || plan.outcome == Outcome::unknown;
  // From here on a power cut may keep some of it, whatever the answer will be.
  if (!ended_ && (plan.outcome == Outcome::committed || (is_unresolved && plan.is_written_when_unresolved))) {
    const std::string bytes = encode(last_ + 1, *pending_);
    pending_->encoded_size = bytes.size();
    written_ += bytes;
  }
}

std::optional<Appended> MemoryJournal::take_result() {
  ++progress_;
  if (!pending_) return std::nullopt;
  if (pending_->plan.polls > 0) {
    --pending_->plan.polls;
    return std::nullopt;
  }
  PendingAppend done = std::move(*pending_);
  pending_.reset();
  Appended result;
  result.sequence = last_ + 1;
  result.outcome = done.plan.outcome;
  result.commit_duration = done.plan.duration;
  if (result.outcome == Outcome::committed) {
    ++last_;
    if (done.plan.is_synced) {
      // A sync covers all that was written before.
      synced_ += std::exchange(written_, {});
    }
  } else {
    result.detail = fmt::format("the disk answers as planned: {}", to_string(result.outcome));
    if (result.outcome == Outcome::failed || result.outcome == Outcome::fenced) {
      ended_ = result.outcome;
    } else if (result.outcome == Outcome::unknown) {
      // What follows would stand on a row that may not be there: only a reopening can tell.
      ended_ = Outcome::failed;
    }
  }
  result.body = std::move(done.body);
  return result;
}

tl::expected<void, std::string> MemoryJournal::replay(std::uint64_t from_sequence,
                                                      const std::function<bool(const Row&)>& callback) {
  const std::uint64_t from = from_sequence == 0 ? first_sequence() : from_sequence;
  if (from < first_sequence()) {
    return tl::unexpected(fmt::format("row {} is pruned, the oldest is {}", from, first_sequence()));
  }
  const std::string disk = synced_ + written_;
  std::string_view rest = disk;
  std::optional<Row> waiting;
  while (auto decoded = decode(rest)) {
    rest.remove_prefix(decoded->encoded_size);
    if (decoded->row.sequence > last_) break;
    if (decoded->row.sequence < from) continue;
    if (waiting) {
      if (decoded->previous_digest != unknown_digest) waiting->digest = decoded->previous_digest;
      if (!callback(*waiting)) return {};
    }
    waiting = std::move(decoded->row);
  }
  if (waiting) callback(*waiting);
  return {};
}

void MemoryJournal::prune(std::uint64_t up_to_sequence) {
  if (snapshots_.size() < 2) return;
  const std::uint64_t allowed = std::min({up_to_sequence, snapshots_.front().snapshot.sequence, last_});
  while (base_ < allowed) {
    const auto decoded = decode(synced_);
    if (!decoded) return;  // the rest was never synced
    synced_.erase(0, decoded->encoded_size);
    base_ = decoded->row.sequence;
  }
}

tl::expected<void, std::string> MemoryJournal::write_snapshot(std::uint64_t sequence, std::string_view bytes) {
  if (sequence > last_) {
    return tl::unexpected(fmt::format("a snapshot at row {} of a journal that ends at {}", sequence, last_));
  }
  const auto is_damaged = [](const HeldSnapshot& held) {
    return held.checksum != record_checksum(held.snapshot.bytes);
  };
  std::erase_if(snapshots_, is_damaged);
  if (!snapshots_.empty() && snapshots_.back().snapshot.sequence > sequence) {
    return tl::unexpected(fmt::format(
        "a snapshot at row {} is older than the newest, at {}", sequence, snapshots_.back().snapshot.sequence));
  }
  if (!snapshots_.empty() && snapshots_.back().snapshot.sequence == sequence) snapshots_.pop_back();
  snapshots_.push_back({{sequence, std::string(bytes)}, record_checksum(bytes)});
  if (snapshots_.size() > 2) snapshots_.erase(snapshots_.begin());
  return {};
}

tl::expected<RecoveryStart, std::string> MemoryJournal::read_snapshot() {
  RecoveryStart start;
  for (auto held = snapshots_.rbegin(); held != snapshots_.rend(); ++held) {
    if (held->checksum != record_checksum(held->snapshot.bytes)) {
      start.complaints.push_back(fmt::format("the snapshot at row {} is damaged", held->snapshot.sequence));
      continue;
    }
    if (held->snapshot.sequence > last_) {
      return tl::unexpected(fmt::format(
          "the journal ends at row {}, but a snapshot was made after row {}", last_, held->snapshot.sequence));
    }
    if (held->snapshot.sequence < base_) continue;
    start.replay_from = held->snapshot.sequence + 1;
    start.snapshot = held->snapshot;
    return start;
  }
  if (base_ != 0)
    return tl::unexpected(fmt::format("the journal begins at row {} and no snapshot reaches it", base_ + 1));
  return start;
}

std::unique_ptr<MemoryJournal> MemoryJournal::crash(std::uint64_t surviving_unsynced_bytes) const {
  auto found = std::make_unique<MemoryJournal>(id_);
  found->base_ = base_;
  found->last_ = base_;
  found->snapshots_ = snapshots_;
  const std::string disk = synced_ + written_.substr(0, surviving_unsynced_bytes);
  std::string_view rest = disk;
  // A row that does not follow is a remainder that a later write did not cover.
  for (auto decoded = decode(rest); decoded && decoded->row.sequence == found->last_ + 1; decoded = decode(rest)) {
    rest.remove_prefix(decoded->encoded_size);
    ++found->last_;
  }
  found->synced_ = disk.substr(0, disk.size() - rest.size());
  return found;
}

void MemoryJournal::damage_newest_snapshot() {
  if (snapshots_.empty()) return;
  std::string& bytes = snapshots_.back().snapshot.bytes;
  if (bytes.empty()) {
    snapshots_.back().checksum ^= 1U;
  } else {
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  }
}

}  // namespace journal
