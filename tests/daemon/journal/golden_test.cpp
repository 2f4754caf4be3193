// The store's format, pinned: files that an earlier build wrote are opened by today's.
//
// golden/1 holds three rows and a snapshot of the second. Until the first release it may be written anew with
// ROUSE_WRITE_GOLDEN=1 journal_tests --gtest_filter='GoldenStore.*'; after it, a new format is a new folder.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/daemon/journal/disk_store.hpp"

namespace journal {
namespace {

const std::filesystem::path golden = std::filesystem::path{ROUSE_SOURCE_DIR} / "tests/daemon/journal/golden/1";

TEST(GoldenStore, OfTheFirstFormatOpensWithItsRowsItsSnapshotAndItsIdentity) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread runs yet
  if (std::getenv("ROUSE_WRITE_GOLDEN") != nullptr) {
    DiskStore store;
    store.append("the first row", 1, 0);
    store.append("the second row", 1, 0x1111);
    store.append("the third row", 2, 0x2222);
    ASSERT_TRUE(store.journal().write_snapshot(2, "a state after the second row"));
    store.close();
    store.copy_to(golden);
  }
  TemporaryFolder folder;
  SqliteJournal::Options options;
  options.directory = folder.path() / "data";
  std::filesystem::copy(golden, options.directory);
  DiskStore store{std::move(options)};
  ASSERT_TRUE(store.is_open()) << store.error;
  EXPECT_EQ(store.random_asked, 0) << "the identity is the store's own";
  EXPECT_EQ(store.journal().store_id()[1], 18);

  std::vector<Row> rows;
  const auto replayed = store.journal().replay(1, [&](const Row& row) {
    rows.push_back(row);
    return true;
  });
  ASSERT_TRUE(replayed) << replayed.error();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].body, "the first row");
  EXPECT_EQ(rows[0].digest, 0x1111U);
  EXPECT_EQ(rows[1].body, "the second row");
  EXPECT_EQ(rows[1].digest, 0x2222U);
  EXPECT_EQ(rows[2].body, "the third row");
  EXPECT_EQ(rows[2].behaviour_version, 2U);

  const auto start = store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  ASSERT_TRUE(start->snapshot);
  EXPECT_EQ(start->snapshot->sequence, 2U);
  EXPECT_EQ(start->snapshot->bytes, "a state after the second row");
  EXPECT_EQ(start->replay_from, 3U);
  EXPECT_EQ(store.append("a fourth").sequence, 4U);
}

}  // namespace
}  // namespace journal
