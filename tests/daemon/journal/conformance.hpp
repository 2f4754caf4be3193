// What every journal promises, whatever it is made of. An implementation brings a `Store`:
//   Store();                              a new, empty store
//   Journal& journal();
//   Appended append(body, behaviour_version, previous_digest);   starts, waits, takes
//   void reopen();                        ends the journal in good order and opens it again
//   void damage_newest_snapshot();
//   void await_prune(first_sequence);     until first_sequence() is that
// and: INSTANTIATE_TYPED_TEST_SUITE_P(Name, JournalConformance, Store);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/journal/journal.hpp"

namespace journal {

inline std::vector<Row> rows_from(Journal& journal, std::uint64_t from) {
  std::vector<Row> rows;
  const auto done = journal.replay(from, [&rows](const Row& row) {
    rows.push_back(row);
    return true;
  });
  EXPECT_TRUE(done) << done.error();
  return rows;
}

inline std::vector<std::string> bodies_from(Journal& journal, std::uint64_t from) {
  std::vector<std::string> bodies;
  for (Row& row : rows_from(journal, from)) bodies.push_back(std::move(row.body));
  return bodies;
}

template <class Store>
class JournalConformance : public testing::Test {
 protected:
  void append_numbered(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string body = "row " + std::to_string(store.journal().last_sequence() + 1);
      const Appended appended = store.append(body, 1, unknown_digest);
      ASSERT_EQ(appended.outcome, Outcome::committed) << appended.detail;
    }
  }

  Store store;
};

TYPED_TEST_SUITE_P(JournalConformance);

TYPED_TEST_P(JournalConformance, ANewStoreHasNoRowsAndNeedsNoSnapshot) {
  Journal& journal = this->store.journal();
  EXPECT_EQ(journal.last_sequence(), 0U);
  EXPECT_EQ(journal.first_sequence(), 1U);
  EXPECT_EQ(journal.repairs(), 0U);
  EXPECT_TRUE(rows_from(journal, 1).empty());
  const auto start = journal.read_snapshot();
  ASSERT_TRUE(start) << start.error();
  EXPECT_FALSE(start->snapshot);
  EXPECT_EQ(start->replay_from, 1U);
}

TYPED_TEST_P(JournalConformance, RowsAreNumberedFromOneAndTheBodyComesBack) {
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const std::string body = "body " + std::to_string(sequence);
    const Appended appended = this->store.append(body, 7, unknown_digest);
    EXPECT_EQ(appended.outcome, Outcome::committed);
    EXPECT_EQ(appended.sequence, sequence);
    EXPECT_EQ(appended.body, body);
    EXPECT_EQ(this->store.journal().last_sequence(), sequence);
  }
}

TYPED_TEST_P(JournalConformance, AResultIsTakenOnce) {
  this->append_numbered(1);
  EXPECT_FALSE(this->store.journal().take_result());
}

TYPED_TEST_P(JournalConformance, CommittedRowsSurviveAReopening) {
  const std::string odd("\0\xff\n'\"", 5);
  this->store.append(odd, 3, unknown_digest);
  this->store.append("", 4, unknown_digest);
  this->store.append(std::string(300'000, 'x'), 5, unknown_digest);
  const StoreId id = this->store.journal().store_id();
  this->store.reopen();
  EXPECT_EQ(this->store.journal().store_id(), id);
  EXPECT_EQ(this->store.journal().last_sequence(), 3U);
  const std::vector<Row> rows = rows_from(this->store.journal(), 1);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].body, odd);
  EXPECT_EQ(rows[0].behaviour_version, 3U);
  EXPECT_EQ(rows[1].body, "");
  EXPECT_EQ(rows[2].body, std::string(300'000, 'x'));
  EXPECT_EQ(rows[2].sequence, 3U);
  EXPECT_EQ(this->store.append("next", 5, unknown_digest).sequence, 4U);
}

TYPED_TEST_P(JournalConformance, TheDigestOfARowArrivesWithTheRowAfterIt) {
  this->store.append("a", 1, unknown_digest);
  this->store.append("b", 1, 0xaaaaaaaaaaaaaaaaU);
  this->store.append("c", 1, unknown_digest);
  const std::vector<Row> rows = rows_from(this->store.journal(), 1);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].digest, 0xaaaaaaaaaaaaaaaaU);
  EXPECT_EQ(rows[1].digest, std::nullopt);
  EXPECT_EQ(rows[2].digest, std::nullopt);
}

TYPED_TEST_P(JournalConformance, ReplayBeginsWhereItIsToldAndStopsWhenItIsTold) {
  this->append_numbered(700);
  EXPECT_EQ(bodies_from(this->store.journal(), 699), (std::vector<std::string>{"row 699", "row 700"}));
  EXPECT_TRUE(bodies_from(this->store.journal(), 701).empty());
  EXPECT_EQ(rows_from(this->store.journal(), 0).size(), 700U);
  std::vector<std::uint64_t> seen;
  const auto done = this->store.journal().replay(1, [&seen](const Row& row) {
    seen.push_back(row.sequence);
    return seen.size() < 2;
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2}));
}

TYPED_TEST_P(JournalConformance, ASnapshotComesBackAsItWasWritten) {
  this->append_numbered(5);
  const std::string state("state\0with bytes", 16);
  ASSERT_TRUE(this->store.journal().write_snapshot(4, state));
  this->store.reopen();
  const auto start = this->store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  ASSERT_TRUE(start->snapshot);
  EXPECT_EQ(start->snapshot->sequence, 4U);
  EXPECT_EQ(start->snapshot->bytes, state);
  EXPECT_EQ(start->replay_from, 5U);
  EXPECT_TRUE(start->complaints.empty());
}

TYPED_TEST_P(JournalConformance, ADamagedSnapshotIsReportedAndTheOneBeforeItIsUsed) {
  this->append_numbered(6);
  ASSERT_TRUE(this->store.journal().write_snapshot(2, "two"));
  ASSERT_TRUE(this->store.journal().write_snapshot(4, "four"));
  this->store.damage_newest_snapshot();
  const auto start = this->store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  ASSERT_TRUE(start->snapshot);
  EXPECT_EQ(start->snapshot->bytes, "two");
  EXPECT_EQ(start->replay_from, 3U);
  EXPECT_EQ(start->complaints.size(), 1U);
}

TYPED_TEST_P(JournalConformance, WithoutABelievableSnapshotAWholeJournalIsReplayedFromItsBeginning) {
  this->append_numbered(3);
  ASSERT_TRUE(this->store.journal().write_snapshot(2, "two"));
  this->store.damage_newest_snapshot();
  const auto start = this->store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  EXPECT_FALSE(start->snapshot);
  EXPECT_EQ(start->replay_from, 1U);
  EXPECT_EQ(start->complaints.size(), 1U);
}

TYPED_TEST_P(JournalConformance, ADamagedSnapshotDoesNotCrowdOutTheGoodOne) {
  this->append_numbered(6);
  ASSERT_TRUE(this->store.journal().write_snapshot(2, "two"));
  ASSERT_TRUE(this->store.journal().write_snapshot(4, "four"));
  this->store.damage_newest_snapshot();
  ASSERT_TRUE(this->store.journal().write_snapshot(6, "six"));
  this->store.damage_newest_snapshot();
  const auto start = this->store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  ASSERT_TRUE(start->snapshot);
  EXPECT_EQ(start->snapshot->bytes, "two");
}

TYPED_TEST_P(JournalConformance, ASnapshotOfWhatIsNotCommittedOrOfThePastIsRefused) {
  this->append_numbered(3);
  EXPECT_FALSE(this->store.journal().write_snapshot(4, "the future"));
  ASSERT_TRUE(this->store.journal().write_snapshot(3, "three"));
  EXPECT_FALSE(this->store.journal().write_snapshot(2, "the past"));
  EXPECT_TRUE(this->store.journal().write_snapshot(3, "three again"));
  EXPECT_EQ(this->store.journal().read_snapshot()->snapshot->bytes, "three again");
}

TYPED_TEST_P(JournalConformance, NothingIsPrunedThatTheOlderSnapshotDoesNotCover) {
  this->append_numbered(400);
  ASSERT_TRUE(this->store.journal().write_snapshot(200, "first"));
  this->store.journal().prune(400);
  this->append_numbered(1);
  EXPECT_EQ(this->store.journal().first_sequence(), 1U);
  ASSERT_TRUE(this->store.journal().write_snapshot(300, "second"));
  this->store.journal().prune(400);
  this->store.await_prune(201);
  EXPECT_FALSE(this->store.journal().replay(200, [](const Row&) { return true; }));
  EXPECT_EQ(bodies_from(this->store.journal(), 201).size(), 201U);
  this->store.damage_newest_snapshot();
  const auto start = this->store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  EXPECT_EQ(start->replay_from, 201U);
}

TYPED_TEST_P(JournalConformance, APrunedJournalReopensAndGoesOn) {
  this->append_numbered(10);
  ASSERT_TRUE(this->store.journal().write_snapshot(8, "older"));
  ASSERT_TRUE(this->store.journal().write_snapshot(10, "newer"));
  this->store.journal().prune(8);
  this->store.await_prune(9);
  this->store.reopen();
  EXPECT_EQ(this->store.journal().first_sequence(), 9U);
  EXPECT_EQ(this->store.journal().last_sequence(), 10U);
  this->append_numbered(1);
  EXPECT_EQ(bodies_from(this->store.journal(), 0), (std::vector<std::string>{"row 9", "row 10", "row 11"}));
}

TYPED_TEST_P(JournalConformance, APrunedJournalSurvivesADamagedSnapshotAndItsReplacement) {
  this->append_numbered(10);
  ASSERT_TRUE(this->store.journal().write_snapshot(8, "older"));
  ASSERT_TRUE(this->store.journal().write_snapshot(10, "newer"));
  this->store.journal().prune(8);
  this->store.await_prune(9);
  this->store.damage_newest_snapshot();
  EXPECT_EQ(this->store.journal().read_snapshot()->replay_from, 9U);
  ASSERT_TRUE(this->store.journal().write_snapshot(10, "newer"));
  EXPECT_EQ(this->store.journal().read_snapshot()->replay_from, 11U);
}

TYPED_TEST_P(JournalConformance, ProgressMovesWithTheWork) {
  const std::uint64_t before = this->store.journal().progress();
  this->append_numbered(1);
  EXPECT_NE(this->store.journal().progress(), before);
}

TYPED_TEST_P(JournalConformance, ASecondAppendBeforeTheResultIsTakenEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        this->store.journal().start_append("a", 1, unknown_digest);
        this->store.journal().start_append("b", 1, unknown_digest);
      },
      "before the last was taken");
}

REGISTER_TYPED_TEST_SUITE_P(JournalConformance,
                            ANewStoreHasNoRowsAndNeedsNoSnapshot,
                            RowsAreNumberedFromOneAndTheBodyComesBack,
                            AResultIsTakenOnce,
                            CommittedRowsSurviveAReopening,
                            TheDigestOfARowArrivesWithTheRowAfterIt,
                            ReplayBeginsWhereItIsToldAndStopsWhenItIsTold,
                            ASnapshotComesBackAsItWasWritten,
                            ADamagedSnapshotIsReportedAndTheOneBeforeItIsUsed,
                            WithoutABelievableSnapshotAWholeJournalIsReplayedFromItsBeginning,
                            ADamagedSnapshotDoesNotCrowdOutTheGoodOne,
                            ASnapshotOfWhatIsNotCommittedOrOfThePastIsRefused,
                            NothingIsPrunedThatTheOlderSnapshotDoesNotCover,
                            APrunedJournalReopensAndGoesOn,
                            APrunedJournalSurvivesADamagedSnapshotAndItsReplacement,
                            ProgressMovesWithTheWork,
                            ASecondAppendBeforeTheResultIsTakenEndsTheProcess);

}  // namespace journal
