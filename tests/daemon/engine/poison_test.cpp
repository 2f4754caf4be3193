// An event that ends the process: where the process died is known to the next one, and a recovery passes over it.
#include "daemon/poison.hpp"

#include <gtest/gtest.h>

#include "daemon/journal/memory.hpp"
#include "daemon/recovery.hpp"
#include "rules/apply.hpp"
#include "tests/support/folder.hpp"

namespace roused {
namespace {

TEST(ApplyMark, ADeathWhileAnEventIsAppliedIsKnownToTheNextProcess) {
  const support::TemporaryFolder folder;
  {
    ApplyMark{folder / "mark"}.begin({7, 2});
  }  // and it is not heard of again
  const ApplyMark next{folder / "mark"};
  ASSERT_TRUE(next.is_kept());
  ASSERT_TRUE(next.death());
  EXPECT_EQ(next.death()->place, (EventPlace{7, 2}));
  EXPECT_EQ(next.death()->times, 1U);
}

TEST(ApplyMark, TwoDeathsAtOnePlaceAreCountedAndOneElsewhereBeginsAnew) {
  const support::TemporaryFolder folder;
  const auto die_at = [&folder](EventPlace place) { ApplyMark{folder / "mark"}.begin(place); };
  die_at({7, 2});
  die_at({7, 2});
  {
    ApplyMark third{folder / "mark"};
    EXPECT_EQ(third.death()->times, 2U);
    third.begin({7, 3});
  }
  EXPECT_EQ(ApplyMark{folder / "mark"}.death()->times, 1U);
}

TEST(ApplyMark, AnEventThatWasAppliedLeavesNothing) {
  const support::TemporaryFolder folder;
  {
    ApplyMark mark{folder / "mark"};
    mark.begin({7, 2});
    mark.end();
  }
  EXPECT_FALSE(ApplyMark{folder / "mark"}.death());
}

TEST(ApplyMark, AFileThatIsNoneOfItsOwnIsTakenForNothing) {
  const support::TemporaryFolder folder;
  support::write_file(folder / "mark", std::string(4096, '\xA5'));
  EXPECT_FALSE(ApplyMark{folder / "mark"}.death());
}

rules::Event note(const std::string& by) {
  return rules::Note{.incident = {}, .by = by, .text = "text"};
}

class SetAsideEvents : public ::testing::Test {
 protected:
  SetAsideEvents() {
    const rules::Stamp stamp{.at = rules::Instant{std::chrono::hours{400'000}}, .wall = {}};
    for (int row = 0; row < 3; ++row) {
      const std::vector<codec::StampedEvent> batch{{stamp, note("ann")}, {stamp, note("bob")}};
      journal.start_append(codec::encode_batch(batch), rules::behaviour_version, journal::unknown_digest);
      EXPECT_TRUE(journal.take_result());
    }
  }
  support::TemporaryFolder folder;
  journal::MemoryJournal journal;
};

TEST_F(SetAsideEvents, AreNotAppliedByAnyLaterRecovery) {
  SetAside events;
  const auto added = events.add(journal, folder / "set-aside", {2, 1});
  ASSERT_TRUE(added) << added.error();
  EXPECT_EQ(added->text, "a note of R-0 by bob");
  const tl::expected<SetAside, std::string> loaded = SetAside::load(folder / "set-aside");
  ASSERT_TRUE(loaded) << loaded.error();
  for (const SetAside* known : std::initializer_list<const SetAside*>{&events, &*loaded}) {
    const auto recovered = recover(journal, 0, Replay{.set_aside = known, .mark = nullptr});
    ASSERT_TRUE(recovered) << recovered.error();
    EXPECT_EQ(recovered->events, 6U);
    EXPECT_EQ(recovered->set_aside, 1U);
    EXPECT_EQ(recovered->state.counters.events, 5U);
  }
}

TEST_F(SetAsideEvents, AreKnownByTheirBytesAndNotByANumberThatARepairMayGiveAgain) {
  SetAside events;
  ASSERT_TRUE(events.add(journal, folder / "set-aside", {2, 1}));
  const rules::Stamp stamp{.at = rules::Instant{std::chrono::hours{400'000}}, .wall = {}};
  EXPECT_TRUE(events.contains({2, 1}, {stamp, note("bob")}));
  EXPECT_FALSE(events.contains({2, 1}, {stamp, note("cyd")}));
  EXPECT_FALSE(events.contains({2, 0}, {stamp, note("bob")}));
}

TEST_F(SetAsideEvents, APlaceThatIsNotInTheJournalIsAnError) {
  SetAside events;
  EXPECT_FALSE(events.add(journal, folder / "set-aside", {2, 9}));
  EXPECT_FALSE(events.add(journal, folder / "set-aside", {9, 0}));
  EXPECT_TRUE(events.empty());
}

TEST_F(SetAsideEvents, ARecoverySaysWhereItIs) {
  {
    ApplyMark mark{folder / "mark"};
    ASSERT_TRUE(recover(journal, 0, Replay{.set_aside = nullptr, .mark = &mark}));
  }
  EXPECT_FALSE(ApplyMark{folder / "mark"}.death());
}

}  // namespace
}  // namespace roused
