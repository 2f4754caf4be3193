#include "tests/simulation/disk.hpp"

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

// What another version's effects would have as digests: never ours.
std::uint64_t digest_of(std::uint32_t version, std::uint64_t digest) {
  if (digest == journal::unknown_digest || version == 0) return digest;
  return digest ^ (0x5851F42D4C957F2DULL * version);
}

}  // namespace

std::unique_ptr<journal::MemoryJournal> Disk::crash(Unsynced unsynced) {
  const std::uint64_t bytes = rows_->unsynced_bytes();
  switch (unsynced) {
    case Unsynced::lost:
      return rows_->crash(0);
    case Unsynced::kept:
      return rows_->crash(bytes);
    case Unsynced::any:
      return rows_->crash(chances_.at("disk: power cut", agenda_.now()).below(bytes + 1));
  }
  return rows_->crash(0);
}

bool Disk::damage_newest_snapshot() {
  const tl::expected<journal::RecoveryStart, std::string> start = rows_->read_snapshot();
  if (!start || !start->snapshot || !start->complaints.empty()) return false;
  rows_->damage_newest_snapshot();
  return true;
}

bool Disk::is_full() {
  if (weather_.full > 0 || agenda_.now() < weather_.full_again_until) return true;
  if (weather_.room_for > 0 && --weather_.room_for == 0) {
    weather_.full_again_until = agenda_.now() + weather_.full_again_for;
    trace_.add(Remark{"the disk is full once more"});
    return true;
  }
  return false;
}

void Disk::start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) {
  Chance chance = chances_.of("disk", rows_->last_sequence(), agenda_.now() / 1s);
  Time latency = chance.between(500us, 6ms);
  if (chance.happens(0.002)) latency = chance.between(100ms, 3s);
  if (weather_.slow > 0) latency = chance.between(100ms, 4s);
  journal::DiskPlan plan;
  plan.duration = latency;
  if (weather_.fails_next) {
    weather_.fails_next = false;
    plan.outcome = weather_.failure;
    plan.is_written_when_unresolved = weather_.is_written_all_the_same;
  } else if (is_full()) {
    plan.outcome = journal::Outcome::full;
  }
  rows_->plan(plan);
  ready_at_ = agenda_.now() + latency;
  rows_->start_append(std::move(body), behaviour_version + version_, digest_of(version_, previous_digest));
  trace_.add(AppendBegan{});
  hooks_.begun(*ready_at_);
}

std::optional<journal::Appended> Disk::take_result() {
  if (!ready_at_ || agenda_.now() < *ready_at_) return std::nullopt;
  ready_at_.reset();
  std::optional<journal::Appended> result = rows_->take_result();
  if (!result) return result;
  if (result->outcome == journal::Outcome::committed) {
    tl::expected<std::vector<codec::StampedEvent>, std::string> events = codec::decode_batch(result->body);
    trace_.add(Committed{.sequence = result->sequence,
                         .found = false,
                         .events = std::make_shared<const std::vector<codec::StampedEvent>>(std::move(*events))});
  } else {
    trace_.add(DiskRefused{result->outcome});
  }
  return result;
}

// As this version reads: its own rows are of the version that it calls its own, with the digests that it wrote.
tl::expected<void, std::string> Disk::replay(std::uint64_t from_sequence,
                                             const std::function<bool(const journal::Row&)>& callback) {
  return rows_->replay(from_sequence, [&](const journal::Row& row) {
    const bool is_own = row.behaviour_version == rules::behaviour_version + version_;
    if (is_own && version_ == 0) return callback(row);
    journal::Row read = row;
    read.behaviour_version = is_own ? rules::behaviour_version : rules::behaviour_version + 1;
    if (is_own && read.digest) read.digest = digest_of(version_, *read.digest);
    return callback(read);
  });
}

tl::expected<void, std::string> Disk::write_snapshot(std::uint64_t sequence, std::string_view bytes) {
  if (weather_.snapshot_fails_next) {
    weather_.snapshot_fails_next = false;
    return tl::unexpected<std::string>{"the disk did not take it"};
  }
  if (hooks_.dies_in_snapshot()) {
    // Written under another name and renamed: it is there, or it is not.
    if (chances_.at("disk: snapshot", agenda_.now()).happens(0.5)) (void)rows_->write_snapshot(sequence, bytes);
    return tl::unexpected<std::string>{"killed"};
  }
  return rows_->write_snapshot(sequence, bytes);
}

}  // namespace simulation
