// One event that the daemon dies of must not keep everybody else's pages back.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/live/live.hpp"

namespace live {
namespace {

using namespace std::chrono_literals;

// Starts it, as the unit does, until it stays up; how often it died before it listened.
int start_until_it_stays(support::Roused& roused) {
  for (int deaths = 0; deaths < 10; ++deaths) {
    try {
      roused.start();
      return deaths;
    } catch (const std::runtime_error&) {
      // It died of the event while it recovered.
    }
  }
  return -1;
}

TEST(Poison, AnEventThatTheDaemonDiesOfTwiceIsSetAsideAndLastResortIsTold) {
  House house;
  house.roused.setting().environment.emplace_back("LD_PRELOAD", ROUSE_POISON);
  house.roused.start();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of({{"alertname", "Before"}, {"service", "a"}})).status, 200U);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience));

  // It is journaled, and the process dies of it before anybody is answered.
  EXPECT_EQ(house.roused.post(webhook_path, webhook_of({{"alertname", "Poison"}, {"service", "b"}})).status, 0U);
  ASSERT_TRUE(house.roused.process().wait());
  house.roused.kill_hard();
  EXPECT_EQ(start_until_it_stays(house.roused), 1) << house.roused.output();

  // What was open is known, what comes is paged, and a person has heard of what is missing.
  ASSERT_TRUE(house.sink.wait_until(
      [](const std::vector<support::Message>& all) {
        return std::any_of(all.begin(), all.end(), [](const support::Message& one) {
          return one.body.find("EventSetAside") != std::string::npos && one.body.find("Poison") != std::string::npos;
        });
      },
      support::patience))
      << house.roused.output();
  EXPECT_EQ(house.incidents().size(), 1U);
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of({{"alertname", "After"}, {"service", "c"}})).status, 200U);
  EXPECT_EQ(house.incidents().size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(house.folder / "store" / "set-aside"));

  // A later start neither dies nor tells anybody again.
  EXPECT_EQ(house.roused.stop(), 0);
  const std::size_t told = house.sink.messages().size();
  EXPECT_EQ(start_until_it_stays(house.roused), 0) << house.roused.output();
  EXPECT_EQ(house.incidents().size(), 2U);
  EXPECT_EQ(house.roused.stop(), 0);
  const std::vector<support::Message> all = house.sink.messages();
  for (std::size_t index = told; index < all.size(); ++index) {
    EXPECT_EQ(all[index].body.find("EventSetAside"), std::string::npos);
  }
}

}  // namespace
}  // namespace live
