#include "rules/deadlines.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace rules {
namespace {

// Ticks order as instants do, those before 1970 included.
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

std::uint64_t tick_of(Instant instant) {
  return static_cast<std::uint64_t>(instant.time_since_epoch().count()) ^ sign_bit;
}

Instant instant_of(std::uint64_t tick) {
  return Instant{Duration{static_cast<Duration::rep>(tick ^ sign_bit)}};
}

struct Place {
  unsigned level;
  unsigned slot;
};

// Where a tick at or after the cursor belongs.
Place place_of(std::uint64_t tick, std::uint64_t cursor, unsigned bits_per_level) {
  const std::uint64_t difference = tick ^ cursor;
  const unsigned level = difference == 0 ? 0 : (static_cast<unsigned>(std::bit_width(difference)) - 1) / bits_per_level;
  const std::uint64_t digit = (tick >> (level * bits_per_level)) & ((std::uint64_t{1} << bits_per_level) - 1);
  return {level, static_cast<unsigned>(digit)};
}

unsigned lowest_bit(std::uint64_t mask) {
  return static_cast<unsigned>(std::countr_zero(mask));
}

}  // namespace

Deadlines::Deadlines() {
  for (auto& level : roots_) level.fill(nowhere);
}

DeadlineId Deadlines::arm(Instant due, DeadlineKind kind, std::uint64_t target, std::uint32_t detail) {
  return insert({due, next_armed_++, kind, target, detail});
}

DeadlineId Deadlines::restore(const Deadline& deadline) {
  next_armed_ = std::max(next_armed_, deadline.armed + 1);
  return insert(deadline);
}

bool Deadlines::disarm(DeadlineId id) {
  if (!names_armed(id)) return false;
  remove(id.slot);
  free_record(id.slot);
  return true;
}

std::optional<Deadline> Deadlines::find(DeadlineId id) const {
  if (!names_armed(id)) return std::nullopt;
  return deadline_of(record(id.slot));
}

std::optional<Instant> Deadlines::next() const {
  const std::uint32_t index = earliest();
  if (index == nowhere) return std::nullopt;
  return instant_of(record(index).tick);
}

std::optional<Deadline> Deadlines::take_due(Instant until) {
  const std::uint64_t limit = tick_of(until);
  const std::uint32_t index = earliest();
  if (index == nowhere || record(index).tick > limit) {
    advance(limit);
    return std::nullopt;
  }
  advance(record(index).tick);
  const Deadline taken = deadline_of(record(index));
  remove(index);
  free_record(index);
  return taken;
}

std::size_t Deadlines::bytes() const {
  std::size_t total = sizeof *this + chunks_.capacity() * sizeof chunks_.front();
  for (const std::vector<Record>& chunk : chunks_) total += chunk.capacity() * sizeof(Record);
  return total;
}

std::vector<Deadline> Deadlines::in_order() const {
  std::vector<Deadline> result;
  result.reserve(size_);
  for (std::uint32_t index = 0; index < records_used_; ++index) {
    if (record(index).is_armed) result.push_back(deadline_of(record(index)));
  }
  std::ranges::sort(result, [](const Deadline& one, const Deadline& other) {
    return one.due != other.due ? one.due < other.due : one.armed < other.armed;
  });
  return result;
}

Deadline Deadlines::deadline_of(const Record& record) {
  return {instant_of(record.tick), record.armed, record.kind, record.target, record.detail};
}

bool Deadlines::names_armed(DeadlineId id) const {
  return id.slot < records_used_ && record(id.slot).is_armed && record(id.slot).generation == id.generation;
}

std::uint32_t Deadlines::take_record() {
  if (first_free_ != nowhere) {
    const std::uint32_t index = first_free_;
    first_free_ = record(index).next;
    return index;
  }
  if ((records_used_ & ((1U << chunk_bits) - 1)) == 0) chunks_.emplace_back(std::size_t{1} << chunk_bits);
  return records_used_++;
}

void Deadlines::free_record(std::uint32_t index) {
  Record& freed = record(index);
  freed.is_armed = false;
  if (++freed.generation == 0) freed.generation = 1;
  freed.next = first_free_;
  first_free_ = index;
  --size_;
}

DeadlineId Deadlines::insert(const Deadline& deadline) {
  const std::uint32_t index = take_record();
  Record& armed = record(index);
  armed.tick = tick_of(deadline.due);
  armed.armed = deadline.armed;
  armed.target = deadline.target;
  armed.detail = deadline.detail;
  armed.kind = deadline.kind;
  armed.is_armed = true;
  ++size_;
  place(index);
  return {index, armed.generation};
}

// ---- heaps ----

// Joins two heaps; both are roots without siblings.
std::uint32_t Deadlines::meld(std::uint32_t one, std::uint32_t other) {
  Record* parent = &record(one);
  Record* child = &record(other);
  if (child->tick < parent->tick || (child->tick == parent->tick && child->armed < parent->armed)) {
    std::swap(parent, child);
    std::swap(one, other);
  }
  child->previous = one;
  child->next = parent->child;
  if (parent->child != nowhere) record(parent->child).previous = other;
  parent->child = other;
  return one;
}

// Joins a list of siblings into one heap: in pairs from the first on, then the pairs from the last back.
std::uint32_t Deadlines::meld_siblings(std::uint32_t first) {
  const auto detach = [this](std::uint32_t index) {
    Record& detached = record(index);
    const std::uint32_t following = detached.next;
    detached.next = nowhere;
    detached.previous = nowhere;
    return following;
  };
  std::uint32_t pairs = nowhere;
  while (first != nowhere) {
    std::uint32_t pair = first;
    first = detach(pair);
    if (first != nowhere) {
      const std::uint32_t second = first;
      first = detach(second);
      pair = meld(pair, second);
    }
    record(pair).next = pairs;
    pairs = pair;
  }
  std::uint32_t result = nowhere;
  while (pairs != nowhere) {
    const std::uint32_t pair = pairs;
    pairs = detach(pair);
    result = result == nowhere ? pair : meld(result, pair);
  }
  return result;
}

// ---- wheel ----

std::uint32_t Deadlines::earliest() const {
  if (late_ != nowhere || occupied_levels_ == 0) return late_;
  const unsigned level = lowest_bit(occupied_levels_);
  return roots_[level][lowest_bit(occupied_[level])];
}

// Puts a deadline where it belongs; its links are overwritten.
void Deadlines::place(std::uint32_t index) {
  Record& placed = record(index);
  placed.child = nowhere;
  placed.next = nowhere;
  placed.previous = nowhere;
  if (placed.tick < cursor_) {
    late_ = late_ == nowhere ? index : meld(late_, index);
    return;
  }
  const Place at = place_of(placed.tick, cursor_, bits_per_level);
  std::uint32_t& root = roots_[at.level][at.slot];
  root = root == nowhere ? index : meld(root, index);
  occupied_[at.level] |= std::uint64_t{1} << at.slot;
  occupied_levels_ |= 1U << at.level;
}

// Takes a deadline out of its heap. Its children are no earlier than it was, so they may stand in its place.
void Deadlines::remove(std::uint32_t index) {
  const Record& removed = record(index);
  const std::uint32_t heir = removed.child == nowhere ? nowhere : meld_siblings(removed.child);
  if (removed.previous != nowhere) {
    const std::uint32_t next = removed.next;
    if (heir != nowhere) {
      record(heir).previous = removed.previous;
      record(heir).next = next;
    }
    if (next != nowhere) record(next).previous = heir != nowhere ? heir : removed.previous;
    Record& before = record(removed.previous);
    (before.child == index ? before.child : before.next) = heir != nowhere ? heir : next;
    return;
  }
  if (removed.tick < cursor_) {
    late_ = heir;
    return;
  }
  const Place at = place_of(removed.tick, cursor_, bits_per_level);
  assert(roots_[at.level][at.slot] == index);
  roots_[at.level][at.slot] = heir;
  if (heir != nowhere) return;
  occupied_[at.level] &= ~(std::uint64_t{1} << at.slot);
  if (occupied_[at.level] == 0) occupied_levels_ &= ~(1U << at.level);
}

// Moves the cursor on to a tick before which the wheel holds nothing. So only the slot that the cursor enters, at the
// highest level at which it moves, has deadlines that belong elsewhere afterwards.
void Deadlines::advance(std::uint64_t tick) {
  if (tick <= cursor_) return;
  const Place entered = place_of(tick, cursor_, bits_per_level);
  cursor_ = tick;
  if (entered.level == 0) return;
  std::uint32_t pending = roots_[entered.level][entered.slot];
  if (pending == nowhere) return;
  roots_[entered.level][entered.slot] = nowhere;
  occupied_[entered.level] &= ~(std::uint64_t{1} << entered.slot);
  if (occupied_[entered.level] == 0) occupied_levels_ &= ~(1U << entered.level);
  // The heap is taken apart from its root, through a list of what is still to be placed.
  while (pending != nowhere) {
    const std::uint32_t index = pending;
    pending = record(index).next;
    for (std::uint32_t child = record(index).child; child != nowhere;) {
      const std::uint32_t following = record(child).next;
      record(child).next = pending;
      pending = child;
      child = following;
    }
    place(index);
  }
}

}  // namespace rules
