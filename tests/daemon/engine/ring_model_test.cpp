// The ring and its wake-up in every order that two threads can run in, with every value that a load may see. Small
// exchanges, completely tried; what planted flaws show is that the model would see them.
#include <cstdint>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/ring.hpp"
#include "tests/daemon/engine/memory_model.hpp"
#include "tests/support/figures.hpp"

namespace {

using model::Flaw;
using model::World;

// A value whose every use of its memory is looked at.
class Touched {
 public:
  explicit Touched(std::uint64_t number) : number_{number} { touch(); }
  Touched(Touched&& other) noexcept : number_{other.number_} {
    other.touch();
    touch();
  }
  ~Touched() { touch(); }
  Touched(const Touched&) = delete;
  Touched& operator=(const Touched&) = delete;
  Touched& operator=(Touched&&) = delete;
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  void touch() const { World::current->touch(this); }
  std::uint64_t number_;
};

using Ring = roused::Ring<Touched, model::Memory>;
using SleepFlag = roused::BasicSleepFlag<model::Memory>;

constexpr std::size_t slots = 8;  // the smallest ring there is

// A ring that is all but full, and goes round: the producer gets its values in only where the consumer made room.
void exchange_when_full(World& world) {
  std::optional<Ring> ring;
  std::uint64_t pushed = 0, popped = 0;
  World::Scenario scenario;
  scenario.set_up = [&] {
    ring.emplace(slots, 1000);
    pushed = popped = 0;
    for (; pushed < slots - 1; ++pushed) world.expect(ring->try_push_priority(Touched{pushed}, 1), "no room at first");
  };
  scenario.run[0] = [&] {
    for (int again = 0; again < 4; ++again) pushed += ring->try_push_priority(Touched{pushed}, 1) ? 1U : 0U;
  };
  scenario.run[1] = [&] {
    const auto take = [&](Touched&& value) { world.expect(value.number() == popped++, "a value is not the next one"); };
    for (int again = 0; again < 2; ++again) {
      if (std::optional<Touched> value = ring->try_pop()) take(std::move(*value));
    }
    ring->drain(2, take);
  };
  scenario.tear_down = [&] {
    while (std::optional<Touched> value = ring->try_pop()) {
      world.expect(value->number() == popped++, "a value is not the next one");
    }
    world.expect(popped == pushed, "a value is lost");
    ring.reset();
  };
  world.explore(scenario);
}

// Two pushes to a consumer that sleeps whenever it finds nothing.
void exchange_with_sleeps(World& world, std::uint64_t pushes) {
  std::optional<Ring> ring;
  std::optional<SleepFlag> flag;
  std::uint64_t popped = 0;
  World::Scenario scenario;
  scenario.set_up = [&] {
    ring.emplace(slots, 1000);
    flag.emplace();
    popped = 0;
  };
  scenario.run[0] = [&] {
    for (std::uint64_t number = 0; number < pushes; ++number) {
      world.expect(ring->try_push(Touched{number}, 1), "no room");
      if (flag->must_wake()) world.wake();
    }
  };
  scenario.run[1] = [&] {
    while (popped < pushes) {
      const std::size_t taken = ring->drain(
          8, [&](Touched&& value) { world.expect(value.number() == popped++, "a value is not the next one"); });
      if (taken > 0) continue;
      flag->announce();
      if (ring->empty()) world.sleep();
      flag->cancel();
    }
  };
  scenario.tear_down = [&] {
    flag.reset();
    ring.reset();
  };
  world.explore(scenario);
}

TEST(RingModel, NoOrderAndNoOldValueLosesAValueOrGivesASlotToBoth) {
  World world{Flaw::none};
  exchange_when_full(world);
  EXPECT_EQ(world.failure(), "");
  EXPECT_GT(world.tried(), 100U);
  support::figure("ring", "ways of an exchange through a full ring", world.tried());
}

TEST(RingModel, NoOrderAndNoOldValueSleepsThroughAPush) {
  for (const std::uint64_t pushes : {1U, 2U}) {
    World world{Flaw::none};
    exchange_with_sleeps(world, pushes);
    EXPECT_EQ(world.failure(), "") << pushes << " pushes";
    EXPECT_GT(world.tried(), 20U);
    support::figure("ring", "ways of pushes to a consumer that goes to sleep", world.tried());
  }
}

TEST(RingModel, WouldSeeAStoreThatPublishesNothing) {
  World world{Flaw::relaxed_stores};
  exchange_when_full(world);
  EXPECT_EQ(world.failure(), "both threads use one slot at once");
}

TEST(RingModel, WouldSeeALoadThatAcquiresNothing) {
  World world{Flaw::relaxed_loads};
  exchange_when_full(world);
  EXPECT_EQ(world.failure(), "both threads use one slot at once");
}

TEST(RingModel, WouldSeeAWakeUpWithoutItsFences) {
  World world{Flaw::no_fences};
  exchange_with_sleeps(world, 1);
  EXPECT_EQ(world.failure(), "a thread sleeps, and nobody will wake it");
}

}  // namespace
