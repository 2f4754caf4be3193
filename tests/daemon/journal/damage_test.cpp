// Nothing damaged is believed, and no loss is silent.
#include <chrono>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/journal/last_synced.hpp"
#include "daemon/journal/repair.hpp"
#include "tests/daemon/journal/conformance.hpp"
#include "tests/daemon/journal/disk_store.hpp"

namespace journal {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::uint64_t rows_written = 12;

std::vector<std::string> expected_bodies(std::uint64_t count) {
  std::vector<std::string> bodies;
  for (std::uint64_t i = 1; i <= count; ++i) bodies.push_back("row " + std::to_string(i));
  return bodies;
}

struct Found {
  bool is_refused = false;
  std::string error;
  std::vector<std::string> bodies;
};

// What a daemon makes of the folder: opens it and reads all rows.
Found look_at(const std::filesystem::path& directory) {
  Found found;
  SqliteJournal::Options options;
  options.directory = directory;
  options.reserve_bytes = 0;
  options.idle_after = 1h;
  options.sync = [](int) { return 0; };
  auto opened = SqliteJournal::open(std::move(options));
  if (!opened) {
    found.is_refused = true;
    found.error = opened.error();
    return found;
  }
  const auto done = (*opened)->replay(0, [&found](const Row& row) {
    found.bodies.push_back(row.body);
    return true;
  });
  if (!done) {
    found.is_refused = true;
    found.error = done.error();
  }
  return found;
}

class Damage : public testing::Test {
 protected:
  Damage() : store_(quiet()) { store_.append_numbered(rows_written); }

  static SqliteJournal::Options quiet() {
    SqliteJournal::Options options;
    options.idle_after = 1h;
    return options;
  }

  Found after_sql(const std::string& sql) {
    store_.close();
    run_sql(store_.database(), sql);
    return look_at(store_.directory());
  }

  void expect_damage(const Found& found, const std::string& what) {
    ASSERT_TRUE(found.is_refused) << found.bodies.size() << " rows were believed";
    EXPECT_THAT(found.error, HasSubstr(what));
    EXPECT_THAT(found.error, HasSubstr("roused --repair " + store_.directory().string()));
  }

  // A copy of the store with the log as the death of the process leaves it.
  std::filesystem::path image() {
    const std::filesystem::path target = store_.folder() / "image";
    store_.copy_to(target);
    return target;
  }

  DiskStore store_;
};

TEST_F(Damage, AnEditedBodyIsRefused) {
  expect_damage(after_sql("UPDATE journal SET body = CAST('raw 5' AS BLOB) WHERE sequence = 5"),
                "row 5 does not match");
}

TEST_F(Damage, AnEditedNumberBesideTheBodyIsRefused) {
  expect_damage(after_sql("UPDATE journal SET behaviour_version = 2 WHERE sequence = 5"), "row 5 does not match");
}

TEST_F(Damage, AnEditedDigestIsRefused) {
  expect_damage(after_sql("UPDATE journal SET previous_digest = 2 WHERE sequence = 5"), "row 5 does not match");
}

TEST_F(Damage, SwappedRowsAreRefused) {
  expect_damage(after_sql("UPDATE journal SET sequence = 99 WHERE sequence = 5;"
                          "UPDATE journal SET sequence = 5 WHERE sequence = 6;"
                          "UPDATE journal SET sequence = 6 WHERE sequence = 99;"),
                "row 5 does not match");
}

TEST_F(Damage, AMissingRowInTheMiddleIsRefused) {
  expect_damage(after_sql("DELETE FROM journal WHERE sequence = 5"), "row 5 is missing");
}

TEST_F(Damage, MissingFirstRowsAreRefused) {
  expect_damage(after_sql("DELETE FROM journal WHERE sequence < 5"), "row 1 is missing");
}

TEST_F(Damage, MissingLastRowsAreRefused) {
  expect_damage(after_sql("DELETE FROM journal WHERE sequence > 10"),
                "ends at row 10, but row 12 was committed (it says in " + store_.directory().string() +
                    "/last-synced): 2 rows are lost");
}

TEST_F(Damage, AMissingDatabaseIsRefused) {
  store_.close();
  std::filesystem::remove(store_.database());
  expect_damage(look_at(store_.directory()), "journal.db is missing or empty, though row 12 was committed");
  EXPECT_FALSE(std::filesystem::exists(store_.database()));
}

TEST_F(Damage, AFileThatIsNoDatabaseIsRefused) {
  store_.close();
  put_bytes(store_.database(), std::string(8192, 'z'));
  expect_damage(look_at(store_.directory()), "journal.db: file is not a database");
}

TEST_F(Damage, AnEditedRecordOfTheStoreIsRefused) {
  expect_damage(after_sql("UPDATE store SET store_id = randomblob(16)"), "the record of the store");
}

TEST_F(Damage, AMissingNoteOfWhatIsSyncedIsRefused) {
  store_.close();
  std::filesystem::remove(store_.directory() / "last-synced");
  expect_damage(look_at(store_.directory()), "last-synced is missing");
}

TEST_F(Damage, AnOlderCopyOfTheDatabaseIsRefused) {
  store_.reopen();
  const std::string older = bytes_of(store_.database());
  store_.append_numbered(1);
  store_.close();
  put_bytes(store_.database(), older);
  expect_damage(look_at(store_.directory()), "ends at row 12, but row 13 was committed");
}

TEST_F(Damage, TheDatabaseOfAnotherHistoryIsRefused) {
  DiskStore other(quiet());  // of the same identity, for the tests' random source is no such thing
  for (std::uint64_t i = 0; i < rows_written + 3; ++i) other.append("another history");
  other.close();
  store_.close();
  put_bytes(store_.database(), bytes_of(other.database()));
  expect_damage(look_at(store_.directory()), "row 12 is not the row that was committed");
}

TEST_F(Damage, OneTornRecordOfWhatIsSyncedIsSurvived) {
  for (const std::size_t slot : {std::size_t{0}, std::size_t{512}}) {
    const std::filesystem::path directory = image();
    flip_bit(directory / "last-synced", slot + 35);
    const Found found = look_at(directory);
    EXPECT_FALSE(found.is_refused) << found.error;
    EXPECT_EQ(found.bodies, expected_bodies(rows_written));
  }
}

TEST_F(Damage, TwoTornRecordsOfWhatIsSyncedAreRefused) {
  const std::filesystem::path directory = image();
  flip_bit(directory / "last-synced", 35);
  flip_bit(directory / "last-synced", 512 + 35);
  const Found found = look_at(directory);
  ASSERT_TRUE(found.is_refused);
  EXPECT_THAT(found.error, HasSubstr("neither of its records can be believed"));
}

TEST_F(Damage, RefusingChangesNoFile) {
  const std::filesystem::path directory = image();
  flip_bit(directory / "journal.db-wal", 5000);
  const std::string log = bytes_of(directory / "journal.db-wal");
  const std::string database = bytes_of(directory / "journal.db");
  ASSERT_TRUE(look_at(directory).is_refused);
  EXPECT_EQ(bytes_of(directory / "journal.db-wal"), log);
  EXPECT_EQ(bytes_of(directory / "journal.db"), database);
}

// As after a power cut: the note is older than the rows that follow.
class DamagedLogUnderAnOldNote : public Damage {
 protected:
  static constexpr std::size_t frame = 24 + 4096;  // each of these rows is one

  std::filesystem::path damaged_at(std::size_t byte) {
    DiskStore half(quiet());
    half.append_numbered(6);
    const std::filesystem::path directory = image();
    put_bytes(directory / "last-synced", bytes_of(half.directory() / "last-synced"));
    EXPECT_EQ(bytes_of(directory / "journal.db-wal").size(), 32 + rows_written * frame);
    flip_bit(directory / "journal.db-wal", byte);
    return directory;
  }
  std::filesystem::path damaged_in_row(std::uint64_t row) { return damaged_at(32 + (row - 1) * frame + 2000); }
};

TEST_F(DamagedLogUnderAnOldNote, IsRefusedWhenCommitsBehindItProveIt) {
  const std::filesystem::path directory = damaged_in_row(8);
  const Found found = look_at(directory);
  ASSERT_TRUE(found.is_refused) << found.bodies.size() << " rows were believed";
  EXPECT_THAT(found.error, HasSubstr("it has commits (5 or more) behind the place where it stops being readable"));
  EXPECT_THAT(found.error, HasSubstr("roused --repair"));
  const auto report = repair(directory);
  ASSERT_TRUE(report) << report.error();
  EXPECT_THAT(report->given_up, testing::ElementsAre(HasSubstr("rows after row 7 that were in the damaged part")));
  const Found mended = look_at(directory);
  EXPECT_FALSE(mended.is_refused) << mended.error;
  EXPECT_EQ(mended.bodies, expected_bodies(7));
}

TEST_F(DamagedLogUnderAnOldNote, LooksLikeACommitThatThePowerCutStoppedWhenItIsTheLast) {
  const Found found = look_at(damaged_in_row(12));
  EXPECT_FALSE(found.is_refused) << found.error;
  EXPECT_EQ(found.bodies, expected_bodies(11));
}

TEST_F(DamagedLogUnderAnOldNote, IsRefusedWhenItIsItsHeader) {
  // The database beside it has rows up to 6, as the note says: without a look at the log nothing would be missing.
  DiskStore half(quiet());
  half.append_numbered(6);
  half.close();
  const std::filesystem::path directory = damaged_at(17);
  put_bytes(directory / "journal.db", bytes_of(half.database()));
  const Found found = look_at(directory);
  ASSERT_TRUE(found.is_refused) << found.bodies.size() << " rows were believed";
  EXPECT_THAT(found.error, HasSubstr("journal.db-wal does not match its checksum"));
  EXPECT_THAT(found.error, HasSubstr("roused --repair"));
}

TEST_F(Damage, ASnapshotTornAtAnyPlaceFallsBackToTheOneBefore) {
  ASSERT_TRUE(store_.journal().write_snapshot(3, "the older state"));
  ASSERT_TRUE(store_.journal().write_snapshot(9, "the newer state"));
  const std::filesystem::path newest = store_.directory() / "snapshot-9";
  const std::string whole = bytes_of(newest);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    put_bytes(newest, whole.substr(0, length));
    const auto start = store_.journal().read_snapshot();
    ASSERT_TRUE(start) << start.error();
    EXPECT_EQ(start->snapshot->bytes, "the older state") << length;
    EXPECT_EQ(start->complaints.size(), 1U);
  }
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    put_bytes(newest, whole);
    flip_bit(newest, byte, 5);
    const auto start = store_.journal().read_snapshot();
    ASSERT_TRUE(start) << start.error();
    EXPECT_EQ(start->snapshot->bytes, "the older state") << byte;
  }
}

TEST_F(Damage, ASnapshotFromBeyondTheEndOfTheJournalIsRefused) {
  ASSERT_TRUE(store_.journal().write_snapshot(9, "state"));
  DiskStore longer(quiet());
  longer.append_numbered(20);
  ASSERT_TRUE(longer.journal().write_snapshot(20, "the future"));
  std::filesystem::copy_file(longer.directory() / "snapshot-20", store_.directory() / "snapshot-20");
  const auto start = store_.journal().read_snapshot();
  ASSERT_FALSE(start);
  EXPECT_THAT(start.error(), HasSubstr("--repair"));
}

TEST_F(Damage, AnUnfinishedSnapshotIsNotLookedAt) {
  ASSERT_TRUE(store_.journal().write_snapshot(9, "state"));
  put_bytes(store_.directory() / "snapshot-10.new", "half of");
  const auto start = store_.journal().read_snapshot();
  ASSERT_TRUE(start);
  EXPECT_EQ(start->snapshot->sequence, 9U);
  EXPECT_TRUE(start->complaints.empty());
}

}  // namespace
}  // namespace journal
