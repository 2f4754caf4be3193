#include "daemon/net/loop.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

namespace net {
namespace {

TEST(Loop, AWakeFromAnotherThreadCallsOnWake) {
  Loop loop;
  int wakes = 0;
  loop.on_wake([&] {
    ++wakes;
    loop.stop();
  });
  std::thread other([&] { loop.wake(); });
  loop.run();
  other.join();
  EXPECT_EQ(wakes, 1);
}

TEST(Loop, TurnsUntilThereIsNothingMoreToDo) {
  Loop loop;
  int turns = 0;
  loop.set_turn([&] {
    if (++turns == 5) loop.stop();
    return true;
  });
  loop.run();
  EXPECT_EQ(turns, 5);
}

TEST(Loop, HandlersThatPostThemselvesDoNotStarveTheTurn) {
  Loop loop;
  int handlers = 0;
  int turns = 0;
  std::function<void()> again = [&] {
    ++handlers;
    loop.post(again);
  };
  loop.post(again);
  loop.set_turn([&] {
    if (++turns == 10) loop.stop();
    return false;
  });
  loop.run();
  EXPECT_LE(handlers, 10 * Loop::handlers_a_turn);
  EXPECT_GT(handlers, 10);
}

TEST(Loop, ItsTimerEndsTheSleepWithATurn) {
  Loop loop;
  int turns = 0;
  loop.set_timer(std::chrono::hours(1));
  loop.set_turn([&] {
    if (++turns == 1) loop.set_timer(std::chrono::milliseconds(1));
    if (turns == 2) loop.set_timer(std::chrono::nanoseconds(-5));
    if (turns == 3) loop.stop();
    return false;
  });
  loop.run();
  EXPECT_EQ(turns, 3);
}

TEST(Loop, AStopBeforeTheRunIsNotForgotten) {
  Loop loop;
  loop.stop();
  loop.run();
}

TEST(Loop, AWakeMovesTheProgressOfAnIdleLoop) {
  Loop loop;
  std::thread runner([&] { loop.run(); });
  const std::uint64_t before = loop.progress();
  loop.wake();
  while (loop.progress() == before) std::this_thread::yield();
  loop.stop();
  runner.join();
}

}  // namespace
}  // namespace net
