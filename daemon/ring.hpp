// How two threads hand things over without a lock: a bounded ring, and a way to sleep without missing a push.
//
// Ring<T> has exactly one producer thread and one consumer thread for its whole life (the names below say which call
// is whose). Every call is wait-free: no loop waits for the other side. Wakeup may have many producers and one sleeper.
//
// The namespace is `roused`, not `daemon`: <unistd.h>, which libstdc++'s <atomic> includes, declares ::daemon().
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace roused {

// One x86 or ARM line. A constant of our own: GCC warns that the standard's may differ between translation units.
inline constexpr std::size_t cache_line_bytes = 64;

// What the indices and the flag are made of. A test puts a model in its place that shows all a processor may do.
struct RealMemory {
  template <class Value>
  using Atomic = std::atomic<Value>;
  static void full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
};

// A bounded single-producer, single-consumer queue of move-only values, bounded in slots and in bytes.
//
// An ordinary push may fill 7/8 of the slots and of the bytes; the last eighth is kept for priority pushes (what people
// say, outcomes of sends, heartbeats), so that a flood of reports cannot shut them out.
//
// Who writes, who reads, in which order:
//  1. `tail_` is written by the producer alone, `head_` by the consumer alone. Both only grow; slot = index & mask_.
//     Slots [head_, tail_) hold values, all others are raw storage.
//  2. The producer builds the value in slot tail_, then stores tail_ + 1 with release. The consumer loads tail_ with
//     acquire before it touches the slot: the value's construction happens before its use.
//  3. The consumer moves the value out and destroys it, then stores head_ + 1 with release. The producer loads head_
//     with acquire before it builds in a slot again: the end of the old value happens before the new one's
//     construction.
//  4. Each side keeps a private copy of the other's index and looks again only when the copy says full or empty. An
//     old copy errs on the safe side: the producer sees too many slots taken, the consumer too few.
//  5. The byte count is the producer's alone: it remembers what each push weighed (`weights_`) and takes the weights of
//     the consumed slots off when it looks at head_. The consumer never touches it, so it needs no atomic.
//  6. Between two threads relaxed is used only where a thread reads an index that it alone writes.
template <class T, class Memory = RealMemory>
class Ring {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "a value that throws halfway would leave a slot neither full nor empty");

 public:
  // `slots` is rounded up to a power of two, at least 8. `bytes` is the sum of the weights that may be queued.
  Ring(std::size_t slots, std::size_t bytes)
      : mask_(std::bit_ceil(std::max<std::size_t>(slots, 8)) - 1),
        byte_limit_(bytes),
        slots_(std::make_unique<Slot[]>(mask_ + 1)),
        weights_(mask_ + 1) {}

  ~Ring() {
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    for (std::size_t index = head_.load(std::memory_order_acquire); index != tail; ++index) std::destroy_at(at(index));
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Producer. False when there is no room; `value` is then untouched and still the caller's.
  [[nodiscard]] bool try_push(T&& value, std::size_t bytes) {
    return push_within(std::move(value), bytes, slots() - slots() / 8, byte_limit_ - byte_limit_ / 8);
  }

  // Producer. As try_push, with the eighth that is kept for what must still get through.
  [[nodiscard]] bool try_push_priority(T&& value, std::size_t bytes) {
    return push_within(std::move(value), bytes, slots(), byte_limit_);
  }

  // Consumer. The oldest value, or nothing when the ring is empty.
  [[nodiscard]] std::optional<T> try_pop() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (available_from(head) == 0) return std::nullopt;
    T* const slot = at(head);
    std::optional<T> value(std::move(*slot));
    std::destroy_at(slot);
    head_.store(head + 1, std::memory_order_release);
    return value;
  }

  // Consumer. Hands up to `limit` values to `consume(T&&)`, oldest first, and gives their slots back together: one
  // store for the whole batch. Answers how many there were. `consume` must not call this ring.
  template <class Consume>
  std::size_t drain(std::size_t limit, Consume&& consume) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    std::size_t count = available_from(head);
    // A private copy that lags would make batches small, so a drain looks afresh unless it is full already.
    if (count < limit) {
      known_tail_ = tail_.load(std::memory_order_acquire);
      count = known_tail_ - head;
    }
    count = std::min(count, limit);
    if (count == 0) return 0;
    struct GiveBack {  // also when `consume` throws: the values it was handed are gone
      Ring& ring;
      std::size_t head;
      ~GiveBack() { ring.head_.store(head, std::memory_order_release); }
    } give_back{*this, head};
    for (std::size_t done = 0; done < count; ++done) {
      T* const slot = at(give_back.head);
      T value(std::move(*slot));
      std::destroy_at(slot);
      ++give_back.head;
      consume(std::move(value));
    }
    return count;
  }

  // Consumer. True when nothing that was published is left. Always looks at the producer's index: this is the look that
  // a consumer takes between announcing its sleep and sleeping.
  [[nodiscard]] bool empty() const {
    return tail_.load(std::memory_order_acquire) == head_.load(std::memory_order_relaxed);
  }

  // Any thread; a figure for metrics, out of date as soon as it is read.
  [[nodiscard]] std::size_t approximate_size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - head;
  }

  [[nodiscard]] std::size_t slots() const { return mask_ + 1; }
  [[nodiscard]] std::size_t byte_limit() const { return byte_limit_; }

 private:
  struct Slot {
    alignas(T) std::byte storage[sizeof(T)];
  };

  T* at(std::size_t index) { return std::launder(reinterpret_cast<T*>(slots_[index & mask_].storage)); }

  std::size_t available_from(std::size_t head) {
    if (known_tail_ == head) known_tail_ = tail_.load(std::memory_order_acquire);
    return known_tail_ - head;
  }

  [[nodiscard]] bool fits(std::size_t tail, std::size_t bytes, std::size_t slot_limit, std::size_t byte_limit) const {
    return tail - known_head_ < slot_limit && bytes <= byte_limit && queued_bytes_ <= byte_limit - bytes;
  }

  [[nodiscard]] bool push_within(T&& value, std::size_t bytes, std::size_t slot_limit, std::size_t byte_limit) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (!fits(tail, bytes, slot_limit, byte_limit)) {
      // At most slots() steps, each slot once in its life: bounded here, constant on average.
      const std::size_t head = head_.load(std::memory_order_acquire);
      for (; known_head_ != head; ++known_head_) queued_bytes_ -= weights_[known_head_ & mask_];
      if (!fits(tail, bytes, slot_limit, byte_limit)) return false;
    }
    ::new (static_cast<void*>(slots_[tail & mask_].storage)) T(std::move(value));
    weights_[tail & mask_] = bytes;
    queued_bytes_ += bytes;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Written by nobody after construction.
  const std::size_t mask_;
  const std::size_t byte_limit_;
  const std::unique_ptr<Slot[]> slots_;
  // The producer's line: what it alone reads and writes, and the index that the consumer reads. The vector's own three
  // pointers never change; what they point to is the producer's.
  alignas(cache_line_bytes) typename Memory::template Atomic<std::size_t> tail_{0};
  std::size_t known_head_ = 0;
  std::size_t queued_bytes_ = 0;
  std::vector<std::size_t> weights_;
  // The consumer's line. The alignment of the class keeps whatever follows a ring off it.
  alignas(cache_line_bytes) typename Memory::template Atomic<std::size_t> head_{0};
  std::size_t known_tail_ = 0;
};

// Whether the consumer of one or several rings sleeps. No push is slept through, and a producer pays for a system call
// only when somebody sleeps.
//
//   consumer: announce(); look at every ring; sleep only if all are empty, else cancel().
//   producer: push; if (must_wake()) wake the consumer.
//
// Why no push is lost: `announce` stores `asleep_`, then has a full fence F1, then the consumer reads the ring's tail.
// The producer stores the tail, then has a full fence F2, then reads `asleep_`. The two seq_cst fences have one total
// order. F1 before F2: the producer's read of `asleep_` comes after the store, it sees true and wakes. F2 before F1:
// the consumer's read of the tail comes after the push, it sees the value and does not sleep. Both miss each other in
// neither case. The pushed value itself is handed over by the ring's release and acquire, not by these fences.
//
// The flag goes back to false by one exchange, so of several producers that find it set exactly one pays for the call.
template <class Memory = RealMemory>
class BasicSleepFlag {
 public:
  // Consumer: from here on a push wakes. The rings must be looked at after this and before sleeping.
  void announce() {
    asleep_.store(true, std::memory_order_relaxed);
    Memory::full_fence();
  }

  // Consumer: awake again, by whatever it was woken.
  void cancel() { asleep_.store(false, std::memory_order_relaxed); }

  // Producer, after its push: true when it is now this producer's duty to wake the consumer.
  [[nodiscard]] bool must_wake() {
    Memory::full_fence();
    return asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false, std::memory_order_relaxed);
  }

 private:
  alignas(cache_line_bytes) typename Memory::template Atomic<bool> asleep_{false};
};
using SleepFlag = BasicSleepFlag<>;

// A sleeping place for a consumer that has a thread of its own: a SleepFlag and the eventfd it sleeps on. Throws
// std::system_error when no eventfd is to be had.
class Wakeup {
 public:
  Wakeup() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Wakeup() { ::close(descriptor_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Producer, after its push. Answers whether it paid for the system call.
  bool notify() {
    if (!flag_.must_wake()) return false;
    wake();
    return true;
  }

  // Any thread: wakes the consumer, or keeps its next sleep from beginning, whether or not anything was pushed.
  void wake() {
    const std::uint64_t one = 1;
    // A full counter (EAGAIN) already wakes; nothing else can fail on a valid eventfd.
    while (::write(descriptor_, &one, sizeof one) < 0 && errno == EINTR) continue;
  }

  // Consumer: sleeps until a push, a wake() or the time limit, unless `has_work()` is true when the sleep is announced.
  // May come back early. Nothing = no time limit.
  template <class HasWork>
  void wait(HasWork&& has_work, std::optional<std::chrono::nanoseconds> limit = std::nullopt) {
    flag_.announce();
    if (!has_work()) {
      pollfd readable{descriptor_, POLLIN, 0};
      timespec time{};
      if (limit) {
        const auto nanoseconds = std::max<std::int64_t>(limit->count(), 0);
        time.tv_sec = nanoseconds / 1'000'000'000;
        time.tv_nsec = nanoseconds % 1'000'000'000;
      }
      ::ppoll(&readable, 1, limit ? &time : nullptr, nullptr);
    }
    flag_.cancel();
    // A wake-up that was written after the look is taken away here; the caller looks at the rings after this call, and
    // the push came before the write, so it is seen.
    std::uint64_t count = 0;
    while (::read(descriptor_, &count, sizeof count) < 0 && errno == EINTR) continue;
  }

 private:
  SleepFlag flag_;
  int descriptor_;
};

}  // namespace roused
