#include "daemon/journal/sqlite.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/daemon/journal/conformance.hpp"
#include "tests/daemon/journal/disk_store.hpp"
#include "tests/daemon/journal/fault_vfs.hpp"

namespace journal {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, JournalConformance, DiskStore);

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

TEST(SqliteJournal, OnlyItsOwnerCanReadIt) {
  DiskStore store;
  store.append_numbered(2);
  ASSERT_TRUE(store.journal().write_snapshot(2, "state"));
  EXPECT_EQ(mode_of(store.directory()), 0700U);
  for (const char* name :
       {"journal.db", "journal.db-wal", "journal.db-shm", "last-synced", "snapshot-2", "lock", "reserve"}) {
    EXPECT_EQ(mode_of(store.directory() / name), 0600U) << name;
  }
}

TEST(SqliteJournal, ASecondDaemonIsRefusedByNameOfTheFirst) {
  DiskStore store;
  SqliteJournal::Options options;
  options.directory = store.directory();
  const auto second = SqliteJournal::open(std::move(options));
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr("in use by another roused (process " + std::to_string(::getpid())));
}

TEST(SqliteJournal, TheLockIsFreeAgainAfterTheEnd) {
  DiskStore store;
  store.reopen();
  EXPECT_TRUE(store.is_open()) << store.error;
}

TEST(SqliteJournal, TheIdentityIsDrawnOnceAndKept) {
  DiskStore store;
  const StoreId id = store.journal().store_id();
  EXPECT_EQ(id[1], 18);
  store.append_numbered(1);
  store.reopen();
  store.reopen();
  EXPECT_EQ(store.journal().store_id(), id);
  EXPECT_EQ(store.random_asked, 1);
}

TEST(SqliteJournal, WhatIsAcknowledgedIsThereAfterTheDeathOfTheProcess) {
  SqliteJournal::Options options;
  options.idle_after = 1h;  // nothing is tidied up, all is in the log
  DiskStore store(options);
  for (std::uint64_t rows = 1; rows <= 20; ++rows) {
    store.append_numbered(1);
    store.copy_to(store.folder() / "image");
    SqliteJournal::Options of_image;
    of_image.directory = store.folder() / "image";
    const auto image = SqliteJournal::open(std::move(of_image));
    ASSERT_TRUE(image) << image.error();
    EXPECT_EQ(bodies_from(**image, 1), bodies_from(store.journal(), 1));
    EXPECT_EQ((*image)->last_sequence(), rows);
  }
}

TEST(SqliteJournal, ACreationThatWasInterruptedIsCompleted) {
  DiskStore store;
  const StoreId id = store.journal().store_id();
  store.close();
  std::filesystem::remove(store.database());
  std::filesystem::remove(store.directory() / "journal.db-wal");
  store.open();
  ASSERT_TRUE(store.is_open()) << store.error;
  EXPECT_EQ(store.journal().store_id(), id);
  store.close();
  put_bytes(store.database(), "");
  store.open();
  ASSERT_TRUE(store.is_open()) << store.error;
  EXPECT_EQ(store.journal().store_id(), id);
}

TEST(SqliteJournal, AStoreOfANewerFormatIsLeftAlone) {
  DiskStore store;
  store.append_numbered(1);
  store.close();
  run_sql(store.database(), "PRAGMA user_version = 2");
  store.open();
  ASSERT_FALSE(store.is_open());
  EXPECT_THAT(store.error, HasSubstr("journal.db has format 2, this roused reads up to 1: run a newer roused"));
  EXPECT_THAT(store.error, testing::Not(HasSubstr("--repair")));
}

TEST(SqliteJournal, AnIdleJournalMovesItsLogIntoTheDatabase) {
  FaultVfs vfs;
  SqliteJournal::Options options;
  options.vfs = vfs.name();
  options.idle_after = 1ms;
  DiskStore store(options);
  const std::uint64_t before = vfs.database_writes;
  store.append("row");
  DiskStore::await([&] { return vfs.database_writes > before; });
  EXPECT_GT(vfs.database_writes, before);
}

TEST(SqliteJournal, UnderLoadTheLogIsMovedAtItsLimitAndBegunAnew) {
  FaultVfs vfs;
  SqliteJournal::Options options;
  options.vfs = vfs.name();
  options.idle_after = 1h;
  options.checkpoint_bytes = 100'000;
  DiskStore store(options);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(store.append(std::string(6'400, 'x')).outcome, Outcome::committed);
  EXPECT_GT(vfs.database_writes, 100U);
  EXPECT_LT(std::filesystem::file_size(store.directory() / "journal.db-wal"), 600'000U);
  EXPECT_EQ(rows_from(store.journal(), 1).size(), 300U);
}

TEST(SqliteJournal, BelowItsLimitTheLogIsNotMovedBetweenAppends) {
  FaultVfs vfs;
  SqliteJournal::Options options;
  options.vfs = vfs.name();
  options.idle_after = 1h;
  DiskStore store(options);
  const std::uint64_t before = vfs.database_writes;
  store.append_numbered(100);
  EXPECT_EQ(vfs.database_writes, before);
}

TEST(SqliteJournal, AStoreAtRestIsOneSoundDatabase) {
  DiskStore store;
  store.append_numbered(3);
  store.close();
  EXPECT_EQ(std::filesystem::file_size(store.directory() / "journal.db-wal"), 0U);
  EXPECT_THAT(bytes_of(store.database()), HasSubstr("row 3"));
}

TEST(SqliteJournal, AnIdleJournalShowsThatItLives) {
  SqliteJournal::Options options;
  options.idle_after = 1ms;
  DiskStore store(options);
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t before = store.journal().progress();
    DiskStore::await([&] { return store.journal().progress() != before; });
    EXPECT_NE(store.journal().progress(), before);
  }
}

TEST(SqliteJournal, AnAppendInFlightIsCompletedAtTheEnd) {
  DiskStore store;
  store.journal().start_append("last words", 1, unknown_digest);
  store.reopen();
  EXPECT_EQ(bodies_from(store.journal(), 1), (std::vector<std::string>{"last words"}));
}

// Nothing but the slot stands between the two threads here: the owner polls, nobody wakes it.
TEST(SqliteJournal, APollingOwnerGetsEachResultWhole) {
  const TemporaryFolder folder;
  SqliteJournal::Options options;
  options.directory = folder.path() / "data";
  options.random = [](StoreId& id) { id.fill(7); };
  options.reserve_bytes = 0;
  const auto journal = SqliteJournal::open(std::move(options));
  ASSERT_TRUE(journal) << journal.error();
  for (std::uint64_t sequence = 1; sequence <= 1'000; ++sequence) {
    const std::string body(sequence % 97, static_cast<char>('a' + sequence % 26));
    (*journal)->start_append(body, 1, sequence);
    std::optional<Appended> result;
    while (!(result = (*journal)->take_result())) std::this_thread::yield();
    ASSERT_EQ(result->sequence, sequence);
    ASSERT_EQ(result->outcome, Outcome::committed);
    ASSERT_EQ(result->body, body);
    ASSERT_EQ((*journal)->last_sequence(), sequence);
  }
  const std::vector<Row> rows = rows_from(**journal, 1);
  ASSERT_EQ(rows.size(), 1'000U);
  EXPECT_EQ(rows[499].digest, 501U);
}

// The engine appends while a snapshot is made in the background and old rows are pruned.
TEST(SqliteJournal, RecoveryInTheBackgroundAndAppendsDoNotDisturbEachOther) {
  SqliteJournal::Options options;
  options.idle_after = 1ms;
  options.checkpoint_bytes = 100'000;
  DiskStore store(options);
  std::atomic<bool> is_done = false;
  std::thread background([&] {
    while (!is_done) {
      const auto start = store.journal().read_snapshot();
      ASSERT_TRUE(start) << start.error();
      std::string state = start->snapshot ? start->snapshot->bytes : "";
      std::uint64_t at = start->replay_from - 1;
      const auto done = store.journal().replay(start->replay_from, [&](const Row& row) {
        EXPECT_EQ(row.sequence, ++at);
        EXPECT_EQ(row.body, "row " + std::to_string(row.sequence));
        state = row.body;
        return true;
      });
      ASSERT_TRUE(done) << done.error();
      if (at > 0) {
        EXPECT_EQ(state, "row " + std::to_string(at));
        const auto written = store.journal().write_snapshot(at, state);
        ASSERT_TRUE(written) << written.error();
      }
      EXPECT_GE(store.journal().last_sequence(), at);
    }
  });
  for (int i = 0; i < 500; ++i) {
    store.append_numbered(1);
    if (i % 50 == 49) store.journal().prune(store.journal().last_sequence());
  }
  is_done = true;
  background.join();
  store.reopen();
  const auto start = store.journal().read_snapshot();
  ASSERT_TRUE(start) << start.error();
  EXPECT_EQ(store.journal().last_sequence(), 500U);
}

}  // namespace
}  // namespace journal
