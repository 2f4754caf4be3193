#include "daemon/worker.hpp"

#include <atomic>
#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace roused {
namespace {

TEST(Worker, DoesWhatItWasOfferedInOrder) {
  std::vector<int> done;
  Worker worker{100};
  for (int number = 0; number < 100; ++number) {
    while (!worker.offer([&done, number] { done.push_back(number); })) continue;
  }
  worker.finish();
  ASSERT_EQ(done.size(), 100U);
  for (int number = 0; number < 100; ++number) EXPECT_EQ(done[static_cast<std::size_t>(number)], number);
  EXPECT_FALSE(worker.offer([] {})) << "it has finished";
}

TEST(Worker, TakesNoMoreThanItHasRoomFor) {
  std::promise<void> begun;
  std::promise<void> go_on;
  Worker worker{2};
  ASSERT_TRUE(worker.offer([&] {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::atomic<int> done{0};
  EXPECT_TRUE(worker.offer([&] { ++done; }));
  EXPECT_TRUE(worker.offer([&] { ++done; }));
  EXPECT_FALSE(worker.offer([&] { ++done; }));
  go_on.set_value();
  worker.finish();
  EXPECT_EQ(done.load(), 2);
}

}  // namespace
}  // namespace roused
