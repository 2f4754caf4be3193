// All that two processors may do with a few atomics, one possibility after the other: every order of the operations of
// two threads, and for every load every value that C++ allows it to see, old ones too.
//
// Memory is as in the usual operational model of C++20's release and acquire: a place keeps all values that were ever
// stored in it, each with what its storer had seen; a thread may read any value that is not older than what it has seen
// of that place; an acquire that reads a release sees what the storer saw, and full fences have one order, each seeing
// what those before it saw. New values come last in a place's order, which is all there is when a place is written by
// one thread, or written by others only by exchange.
//
// Two orders that differ only in neighbours which do not touch each other are tried once (sleep sets).
// Everything runs on the caller's thread; the threads of the model are contexts that are switched by hand.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ucontext.h>

namespace model {

inline constexpr std::size_t threads = 2;
inline constexpr std::size_t places = 4;

// What is planted, to see that the model would find it.
enum class Flaw { none, no_fences, relaxed_stores, relaxed_loads };

// How far somebody has seen: of each place the newest value, of each thread how much it had done.
struct View {
  std::array<std::size_t, places> newest{};
  std::array<std::uint64_t, threads> done{};
  void join(const View& other) {
    for (std::size_t place = 0; place < places; ++place) newest[place] = std::max(newest[place], other.newest[place]);
    for (std::size_t thread = 0; thread < threads; ++thread) done[thread] = std::max(done[thread], other.done[thread]);
  }
};

// Thrown through a thread of the model when nothing new can come of this order.
struct Abandoned {};

class World {
 public:
  // Runs `set_up`, then the two threads, again and again until every possibility was tried. `set_up` may use the
  // atomics without any choice. The first failure ends it.
  struct Scenario {
    std::function<void()> set_up;
    std::array<std::function<void()>, threads> run;
    std::function<void()> tear_down;
  };
  explicit World(Flaw flaw) : flaw_{flaw} { current = this; }
  ~World() { current = nullptr; }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void explore(const Scenario& scenario) {
    do {
      run_once(scenario);
      ++tried_;
    } while (failure_.empty() && next_choices());
  }

  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::uint64_t tried() const { return tried_; }

  void fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  void expect(bool holds, const char* what) {
    if (!holds) fail(what);
  }

  // The operations of the atomics.
  std::size_t new_place(std::uint64_t value) {
    values_.at(used_places_).assign(1, Stored{value, {}});
    return used_places_++;
  }
  std::uint64_t load(std::size_t place, std::memory_order order) {
    wait_for_turn({place, false});
    std::vector<Stored>& stored = values_[place];
    Seen& me = self();
    const std::size_t oldest = me.view.newest[place];
    const std::size_t index = is_running_ ? stored.size() - 1 - choose(stored.size() - oldest) : stored.size() - 1;
    me.view.newest[place] = index;
    read(me, stored[index], order);
    return stored[index].value;
  }
  void store(std::size_t place, std::uint64_t value, std::memory_order order) {
    wait_for_turn({place, true});
    append(place, value, order, {});
  }
  std::uint64_t exchange(std::size_t place, std::uint64_t value, std::memory_order order) {
    wait_for_turn({place, true});
    const Stored before = values_[place].back();
    Seen& me = self();
    me.view.newest[place] = values_[place].size() - 1;
    read(me, before, order);
    append(place, value, order, before.view);
    return before.value;
  }
  void full_fence() {
    if (flaw_ == Flaw::no_fences) return;
    wait_for_turn({fences, true});
    Seen& me = self();
    me.view.join(me.read_relaxed);
    me.view.join(fenced_);
    fenced_ = me.view;
    me.at_fence = me.view;
  }

  // An eventfd: a kernel's object, of which nobody sees an old value. What it orders between the threads is not counted
  // on.
  void wake() {
    wait_for_turn({event, true});
    is_woken_ = true;
  }
  void sleep() {
    wait_for_turn({event, true, true});
    is_woken_ = false;
  }

  // A use of memory that is no atomic's: it must come after the last one by the other thread.
  void touch(const void* where) {
    if (!is_running_) return;
    const auto [last, is_first] = touched_.try_emplace(where, running_, self().view.done[running_]);
    if (!is_first && last->second.first != running_ && self().view.done[last->second.first] < last->second.second) {
      fail("both threads use one slot at once");
    }
    last->second = {running_, self().view.done[running_]};
  }
  void forget_touches() { touched_.clear(); }

  static inline World* current = nullptr;

 private:
  static constexpr std::size_t fences = places;     // as the place of an operation
  static constexpr std::size_t event = places + 1;  // as the place of an operation
  static constexpr std::size_t main_thread = threads;
  static constexpr std::size_t stack_bytes = std::size_t{256} << 10U;

  struct Stored {
    std::uint64_t value{};
    View view;  // what an acquire that reads it sees
  };
  struct Seen {
    View view;
    View read_relaxed;  // what a fence would make seen
    View at_fence;      // what a relaxed store publishes
  };
  struct Operation {
    std::size_t place{};
    bool writes{};
    bool sleeps{};
  };
  struct Thread {
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack{std::make_unique<std::byte[]>(stack_bytes)};
    Operation next;
    bool is_over{};
  };
  struct Choice {
    std::size_t taken{};
    std::size_t count{};
  };

  Seen& self() { return is_running_ ? seen_[running_] : setting_up_; }

  static bool touch_each_other(const Operation& one, const Operation& other) {
    return one.place == other.place && (one.writes || other.writes);
  }

  void read(Seen& me, const Stored& stored, std::memory_order order) {
    const bool acquires = order != std::memory_order_relaxed && order != std::memory_order_release;
    (acquires && flaw_ != Flaw::relaxed_loads ? me.view : me.read_relaxed).join(stored.view);
  }

  void append(std::size_t place, std::uint64_t value, std::memory_order order, const View& carried_on) {
    Seen& me = self();
    me.view.newest[place] = values_[place].size();
    const bool releases = order != std::memory_order_relaxed && order != std::memory_order_acquire;
    View published = releases && flaw_ != Flaw::relaxed_stores ? me.view : me.at_fence;
    published.newest[place] = values_[place].size();
    published.join(carried_on);
    values_[place].push_back({value, published});
    if (is_running_) ++me.view.done[running_];  // what comes after is not published by this store
  }

  // One of `count`; the first when this has not been tried yet.
  std::size_t choose(std::size_t count) {
    if (count == 1) return 0;
    if (at_ == choices_.size()) choices_.push_back({0, count});
    return choices_[at_++].taken;
  }

  bool next_choices() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count) choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  void wait_for_turn(Operation operation) {
    if (!is_running_) return;
    threads_[running_].next = operation;
    swapcontext(&threads_[running_].context, &main_);
    if (is_abandoned_) throw Abandoned{};
  }

  static void enter() {
    World& world = *current;
    Thread& thread = world.threads_[world.running_];
    try {
      if (world.is_abandoned_) throw Abandoned{};
      (*world.scenario_).run[world.running_]();
    } catch (const Abandoned&) {
    }
    thread.is_over = true;
    swapcontext(&thread.context, &world.main_);
  }

  void resume(std::size_t thread) {
    running_ = thread;
    is_running_ = true;
    swapcontext(&main_, &threads_[thread].context);
    is_running_ = false;
  }

  [[nodiscard]] bool can_run(std::size_t thread) const {
    return !threads_[thread].is_over && (!threads_[thread].next.sleeps || is_woken_);
  }

  void run_once(const Scenario& scenario) {
    scenario_ = &scenario;
    used_places_ = 0;
    at_ = 0;
    fenced_ = {};
    setting_up_ = {};
    is_woken_ = false;
    is_abandoned_ = false;
    touched_.clear();
    scenario.set_up();
    for (std::size_t thread = 0; thread < threads; ++thread) {
      seen_[thread] = setting_up_;  // starting a thread publishes everything
      seen_[thread].view.done[thread] = 1;
      Thread& one = threads_[thread];
      one.is_over = false;
      getcontext(&one.context);
      one.context.uc_stack.ss_sp = one.stack.get();
      one.context.uc_stack.ss_size = stack_bytes;
      one.context.uc_link = nullptr;
      makecontext(&one.context, &World::enter, 0);
      resume(thread);  // up to its first operation
    }
    schedule();
    is_abandoned_ = true;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      while (!threads_[thread].is_over) resume(thread);
    }
    scenario.tear_down();
  }

  void schedule() {
    std::array<bool, threads> asleep{};  // running it here was tried before, and nothing that it touches happened since
    while (failure_.empty()) {
      std::array<std::size_t, threads> awake{};
      std::size_t count = 0;
      bool any = false;
      for (std::size_t thread = 0; thread < threads; ++thread) {
        if (!can_run(thread)) continue;
        any = true;
        if (!asleep[thread]) awake[count++] = thread;
      }
      if (count == 0) {
        if (!any && !std::all_of(threads_.begin(), threads_.end(), [](const Thread& one) { return one.is_over; })) {
          fail("a thread sleeps, and nobody will wake it");
        }
        return;
      }
      const std::size_t chosen = choose(count);
      for (std::size_t earlier = 0; earlier < chosen; ++earlier) asleep[awake[earlier]] = true;
      const Operation operation = threads_[awake[chosen]].next;
      for (std::size_t thread = 0; thread < threads; ++thread) {
        if (touch_each_other(threads_[thread].next, operation)) asleep[thread] = false;
      }
      resume(awake[chosen]);
    }
  }

  const Flaw flaw_;
  const Scenario* scenario_{};
  std::array<Thread, threads> threads_;
  ucontext_t main_{};
  bool is_running_{};
  std::size_t running_{main_thread};
  std::array<std::vector<Stored>, places> values_;
  std::size_t used_places_{};
  std::array<Seen, threads> seen_;
  Seen setting_up_;
  View fenced_;
  bool is_woken_{};
  bool is_abandoned_{};
  std::map<const void*, std::pair<std::size_t, std::uint64_t>> touched_;
  std::vector<Choice> choices_;
  std::size_t at_{};
  std::uint64_t tried_{};
  std::string failure_;
};

template <class Value>
class Atomic {
 public:
  explicit(false) Atomic(Value value) : place_{World::current->new_place(static_cast<std::uint64_t>(value))} {}
  [[nodiscard]] Value load(std::memory_order order) const {
    return static_cast<Value>(World::current->load(place_, order));
  }
  void store(Value value, std::memory_order order) {
    World::current->store(place_, static_cast<std::uint64_t>(value), order);
  }
  Value exchange(Value value, std::memory_order order) {
    return static_cast<Value>(World::current->exchange(place_, static_cast<std::uint64_t>(value), order));
  }

 private:
  std::size_t place_;
};

// In the place of roused::RealMemory.
struct Memory {
  template <class Value>
  using Atomic = model::Atomic<Value>;
  static void full_fence() { World::current->full_fence(); }
};

}  // namespace model
