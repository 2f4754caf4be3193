#include "tests/simulation/disk.hpp"

#include <utility>

#include "rules/codec/codec.hpp"

namespace simulation {

using namespace std::chrono_literals;

std::unique_ptr<journal::MemoryJournal> Disk::crash(Unsynced unsynced) {
  const std::uint64_t bytes = rows_->unsynced_bytes();
  switch (unsynced) {
    case Unsynced::lost:
      return rows_->crash(0);
    case Unsynced::kept:
      return rows_->crash(bytes);
    case Unsynced::any:
      return rows_->crash(chance_.below(bytes + 1));
  }
  return rows_->crash(0);
}

void Disk::start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) {
  Time latency = chance_.between(500us, 6ms);
  if (weather_.slow) latency = chance_.between(100ms, 4s);
  journal::DiskPlan plan;
  plan.duration = latency;
  if (weather_.fails_next) {
    weather_.fails_next = false;
    plan.outcome = journal::Outcome::failed;
    plan.is_written_when_unresolved = chance_.happens(0.5);
  } else if (weather_.full) {
    plan.outcome = journal::Outcome::full;
  }
  rows_->plan(plan);
  ready_at_ = agenda_.now() + latency;
  rows_->start_append(std::move(body), behaviour_version, previous_digest);
  trace_.add(AppendBegan{});
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

}  // namespace simulation
