#include "daemon/journal/memory.hpp"

#include <gtest/gtest.h>

#include "tests/daemon/journal/conformance.hpp"

namespace journal {
namespace {

class MemoryStore {
 public:
  Journal& journal() { return *journal_; }
  Appended append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) {
    journal_->start_append(std::move(body), behaviour_version, previous_digest);
    return journal_->take_result().value();
  }
  void reopen() { journal_ = journal_->crash(0); }
  void damage_newest_snapshot() { journal_->damage_newest_snapshot(); }
  void await_prune(std::uint64_t first_sequence) { EXPECT_EQ(journal_->first_sequence(), first_sequence); }

 private:
  std::unique_ptr<MemoryJournal> journal_ = std::make_unique<MemoryJournal>(StoreId{1, 2, 3});
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, JournalConformance, MemoryStore);

Appended append(MemoryJournal& journal, std::string body) {
  journal.start_append(std::move(body), 1, unknown_digest);
  for (;;) {
    if (auto result = journal.take_result()) return std::move(*result);
  }
}

TEST(FakeDisk, AResultTakesAsManyPollsAsPlanned) {
  MemoryJournal journal;
  journal.plan({.polls = 2, .duration = std::chrono::milliseconds(3)});
  journal.start_append("a", 1, unknown_digest);
  EXPECT_FALSE(journal.take_result());
  EXPECT_FALSE(journal.take_result());
  EXPECT_EQ(journal.last_sequence(), 0U);
  const auto result = journal.take_result();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->commit_duration, std::chrono::milliseconds(3));
  EXPECT_EQ(journal.last_sequence(), 1U);
}

TEST(FakeDisk, ARowInFlightMaySurviveACrashWholeOrNotAtAllButNeverInPart) {
  MemoryJournal journal;
  append(journal, "acknowledged");
  journal.start_append("in flight", 1, unknown_digest);
  const std::uint64_t unsynced = journal.unsynced_bytes();
  ASSERT_GT(unsynced, 0U);
  for (std::uint64_t bytes = 0; bytes < unsynced; ++bytes) {
    EXPECT_EQ(bodies_from(*journal.crash(bytes), 1), (std::vector<std::string>{"acknowledged"})) << bytes;
  }
  const auto survivor = journal.crash(unsynced);
  EXPECT_EQ(bodies_from(*survivor, 1), (std::vector<std::string>{"acknowledged", "in flight"}));
  EXPECT_EQ(survivor->last_sequence(), 2U);
  append(*survivor, "next");
  EXPECT_EQ(bodies_from(*survivor->crash(0), 3), (std::vector<std::string>{"next"}));
}

TEST(FakeDisk, AFullDiskStoresNothingAndLetsTheNextAppendThrough) {
  MemoryJournal journal;
  journal.plan({.outcome = Outcome::full});
  const Appended refused = append(journal, "a");
  EXPECT_EQ(refused.outcome, Outcome::full);
  EXPECT_EQ(refused.body, "a");
  EXPECT_EQ(journal.unsynced_bytes(), 0U);
  EXPECT_EQ(append(journal, "b").outcome, Outcome::committed);
  EXPECT_EQ(bodies_from(*journal.crash(0), 1), (std::vector<std::string>{"b"}));
}

TEST(FakeDisk, AFailedSyncIsForGoodAndTheRowMayOrMayNotBeThereAfterwards) {
  MemoryJournal journal;
  journal.plan({.outcome = Outcome::failed});
  EXPECT_EQ(append(journal, "a").outcome, Outcome::failed);
  EXPECT_EQ(append(journal, "b").outcome, Outcome::failed);
  EXPECT_TRUE(bodies_from(journal, 1).empty());
  EXPECT_TRUE(bodies_from(*journal.crash(0), 1).empty());
  const auto survivor = journal.crash(journal.unsynced_bytes());
  EXPECT_EQ(bodies_from(*survivor, 1), (std::vector<std::string>{"a"}));
  EXPECT_EQ(append(*survivor, "c").outcome, Outcome::committed);
}

TEST(FakeDisk, AFencedJournalStoresNothingAnyMore) {
  MemoryJournal journal;
  journal.plan({.outcome = Outcome::fenced});
  EXPECT_EQ(append(journal, "a").outcome, Outcome::fenced);
  EXPECT_EQ(append(journal, "b").outcome, Outcome::fenced);
  EXPECT_EQ(journal.unsynced_bytes(), 0U);
}

TEST(FakeDisk, ALyingDiskLosesWhatItAcknowledged) {
  MemoryJournal journal;
  journal.plan_usually({.is_synced = false});
  EXPECT_EQ(append(journal, "a").outcome, Outcome::committed);
  EXPECT_EQ(append(journal, "b").outcome, Outcome::committed);
  EXPECT_EQ(bodies_from(journal, 1).size(), 2U);
  EXPECT_TRUE(bodies_from(*journal.crash(0), 1).empty());
  EXPECT_EQ(bodies_from(*journal.crash(journal.unsynced_bytes() - 1), 1), (std::vector<std::string>{"a"}));
}

}  // namespace
}  // namespace journal
