// After a power cut nothing that was acknowledged is lost, nothing is invented and nobody is alarmed: shown on images
// of the real journal's files, one for each thing that could be on the disk, recovered by the real recovery. And bugs
// that are planted are found, so the images are worth looking at.
#include <algorithm>
#include <chrono>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/journal/repair.hpp"
#include "tests/daemon/journal/crash_history.hpp"
#include "tests/daemon/journal/odd_sqlite.hpp"
#include "tests/support/figures.hpp"

namespace crash {
namespace {

using namespace std::chrono_literals;
using Kind = Operation::Kind;
using Operations = std::vector<Operation>;

const Story& long_story() {
  static const Story story(30, 9'000);
  return story;
}

Choice usual_choice() {
  if (is_long() && !is_slow()) return {.all_up_to = 512, .samples = 100};
  if (is_slow()) return {.all_up_to = 8, .samples = 6};
  return {.all_up_to = 64, .samples = 24};
}

Choice short_choice() {
  return {.all_up_to = 8, .samples = 7};
}

// What the page cache has after the first `length` operations of a record.
Image with_everything(const Record& record, std::size_t length) {
  Disk disk(record);
  for (std::size_t i = 0; i < length; ++i) disk.apply(record.operations[i]);
  std::vector<std::uint32_t> outcomes;
  for (const Disk::Thing& thing : disk.undecided()) outcomes.push_back(thing.versions - 1);
  return disk.after_power_cut(outcomes, true);
}

Promise promise_after(const Record& record, std::size_t length) {
  Promise promise;
  for (std::size_t i = 0; i < length; ++i) promise.note(record.operations[i]);
  return promise;
}

class CrashImages : public testing::Test {
 protected:
  void expect_nothing_lost(const Tally& tally) {
    EXPECT_EQ(tally.troubles, 0U) << tally.first << "\nROUSE_SEED=" << seed_;
    EXPECT_GT(tally.recovered, 20U);
    support::figure("crash-images", "crash images", tally.tried);
    support::figure("crash-images", "crash images that differ, each recovered", tally.recovered);
    support::figure("crash-images", "moments of power cuts", tally.points);
    support::figure("crash-images", "acknowledged rows lost", tally.lost);
    support::figure("crash-images", "wrong rows believed", tally.wrong);
    support::figure("crash-images", "stores refused after a mere power cut", tally.refused);
    fmt::print("{} moments, {} images of {:.3g} possible, {} different ones recovered, seed {}\n",
               tally.points,
               tally.tried,
               tally.possible,
               tally.recovered,
               seed_);
  }

  Record record_one_life() { return record_life(root_.path(), long_story()); }

  std::uint64_t seed_ = seed();
  Random random_{seed_};
  journal::TemporaryFolder root_;
};

TEST_F(CrashImages, TheRecordHasEveryChangeOfTheStore) {
  FileRecorder recorder(root_.path());
  journal::SqliteJournal::Options options;
  options.directory = root_.path() / "data";
  journal::DiskStore store(options);
  long_story().append_to(store, 12);
  Story::snapshot(store, 8);
  store.close();
  journal::run_sql(root_.path() / "data/journal.db", "UPDATE journal SET body = x'00' WHERE sequence = 10");
  ASSERT_TRUE(journal::repair(root_.path() / "data"));
  const Record record = recorder.stop();
  const Image seen = image_of(root_.path());
  const Image built = with_everything(record, record.operations.size());
  EXPECT_EQ(built.folders, seen.folders);
  ASSERT_EQ(built.files.size(), seen.files.size());
  for (const auto& [name, bytes] : seen.files) {
    ASSERT_TRUE(built.files.contains(name)) << name;
    EXPECT_TRUE(built.files.at(name) == bytes) << name;
  }
  EXPECT_GE(seen.files.size(), 6U);
}

TEST_F(CrashImages, APowerCutAtAnyMomentLosesNothingAcknowledgedAndRaisesNoFalseAlarm) {
  Explorer explorer(long_story(), usual_choice(), seed_);
  expect_nothing_lost(explorer.explore(record_one_life()));
}

TEST_F(CrashImages, APowerCutDuringTheStartAfterAPowerCutLosesNothingEither) {
  const Record first = record_one_life();
  Tally tally;
  const int times = is_long() ? 300 : 8;
  for (int time = 0; time < times; ++time) {
    const std::size_t cut = random_() % (first.operations.size() + 1);
    Disk disk(first);
    for (std::size_t i = 0; i < cut; ++i) disk.apply(first.operations[i]);
    const Selection left = images_of(disk, {.all_up_to = 0, .samples = 10}, random_);
    const journal::TemporaryFolder again;
    left.images[random_() % left.images.size()].put_into(again.path());
    Promise promise = promise_after(first, cut);
    FileRecorder recorder(again.path());
    journal::SqliteJournal::Options options;
    options.directory = again.path() / "data";
    options.reserve_bytes = 0;
    options.idle_after = 1h;
    journal::DiskStore store(options);
    ASSERT_TRUE(store.is_open()) << store.error;
    promise.begun = std::max(promise.begun, store.journal().last_sequence());
    recorder.mark("begun", promise.begun);
    // What a start has recovered it acts on: from here on it must stay.
    recorder.mark("acknowledged", store.journal().last_sequence());
    long_story().append_to(store, store.journal().last_sequence() + 2, &recorder);
    const Record second = recorder.stop();
    Explorer explorer(long_story(), short_choice(), random_());
    tally.add(explorer.explore(second, promise));
  }
  expect_nothing_lost(tally);
}

TEST_F(CrashImages, APowerCutSoonAfterTheDeathOfTheProcessLosesNothingEither) {
  // The page cache outlives the process: the next one reads what may not be on the disk yet, and builds on it.
  const Record first = record_one_life();
  Tally tally;
  // While the folder and the first files are made each death is another world; later ones are much alike.
  constexpr std::size_t early = 8;
  const std::size_t times = early + (is_long() ? 300 : 6);
  for (std::size_t time = 0; time < times; ++time) {
    const std::size_t death = time < early ? time : random_() % (first.operations.size() + 1);
    const journal::TemporaryFolder again;
    with_everything(first, death).put_into(again.path());
    FileRecorder recorder(again.path());
    journal::SqliteJournal::Options options;
    options.directory = again.path() / "data";
    options.reserve_bytes = 0;
    options.idle_after = 1h;
    journal::DiskStore store(options);
    ASSERT_TRUE(store.is_open()) << store.error;
    recorder.mark("begun", store.journal().last_sequence());
    recorder.mark("acknowledged", store.journal().last_sequence());
    long_story().append_to(store, store.journal().last_sequence() + 2, &recorder);
    Explorer explorer(long_story(), short_choice(), random_());
    tally.add(explorer.explore(continued(first, death, recorder.stop()), {}, death));
  }
  expect_nothing_lost(tally);
}

TEST_F(CrashImages, APowerCutDuringARepairLeavesItToBeRunAgainAndKeepsTheEvidence) {
  const std::filesystem::path directory = root_.path() / "data";
  {
    journal::SqliteJournal::Options options;
    options.directory = directory;
    options.idle_after = 1h;
    options.reserve_bytes = 0;
    journal::DiskStore store(options);
    long_story().append_to(store, 12);
    Story::snapshot(store, 4);
    Story::snapshot(store, 8);
    store.damage_newest_snapshot();
  }
  journal::run_sql(directory / "journal.db", "UPDATE journal SET body = x'00' WHERE sequence = 11");
  const std::string evidence = journal::bytes_of(directory / "journal.db");
  FileRecorder recorder(root_.path());
  ASSERT_TRUE(journal::repair(directory));
  const Record record = recorder.stop();

  Disk disk(record);
  const journal::TemporaryFolder again;
  const std::filesystem::path store = again.path() / "data";
  Tally tally;
  std::set<std::uint64_t> known;
  for (std::size_t point = 0; point <= record.operations.size(); ++point) {
    if (point > 0) disk.apply(record.operations[point - 1]);
    ++tally.points;
    const Selection selection = images_of(disk, usual_choice(), random_);
    tally.possible += selection.possible;
    for (const Image& image : selection.images) {
      ++tally.tried;
      if (!known.insert(image.digest()).second) continue;
      ++tally.recovered;
      SCOPED_TRACE(fmt::format("after operation {} of {}, ROUSE_SEED={}", point, record.operations.size(), seed_));
      image.put_into(again.path());
      Found found = recover_in(store, long_story(), Then::stop);
      ASSERT_EQ(found.wrong_rows, 0U);
      if (!found.refusal.empty()) {
        ASSERT_NE(found.refusal.find("--repair"), std::string::npos) << found.refusal;
        const auto report = journal::repair(store, [](int) { return 0; });
        ASSERT_TRUE(report) << report.error();
        found = recover_in(store, long_story(), Then::stop);
      }
      ASSERT_EQ(found.refusal, "");
      ASSERT_EQ(found.last, 10U);
      ASSERT_EQ(found.rows, 10U);
      ASSERT_EQ(found.wrong_rows, 0U);
      ASSERT_EQ(found.snapshot, 4U);
      ASSERT_EQ(found.repairs, 1U);
      ASSERT_FALSE(found.is_new_identity);
      const Image after = image_of(store);
      ASSERT_TRUE(std::ranges::any_of(after.files, [&](const auto& file) {
        return file.first.starts_with("damaged-") && file.second == evidence;
      })) << "the damaged database is gone";
    }
  }
  expect_nothing_lost(tally);
}

// ---- bugs that are planted: the record becomes what a journal with that bug would have written

bool is_snapshot(const Operation& operation) {
  return operation.path.find("snapshot-") != std::string::npos;
}

class PlantedBug : public CrashImages {
 protected:
  void expect_caught(const std::string& bug, const Record& record, const std::string& as = "") {
    Explorer explorer(long_story(), usual_choice(), seed_);
    explorer.stops_at_first_trouble = true;
    const Tally tally = explorer.explore(record);
    EXPECT_EQ(tally.troubles, 1U) << bug << " was not noticed in " << tally.tried << " images, ROUSE_SEED=" << seed_;
    EXPECT_NE(tally.first.find(as), std::string::npos) << tally.first;
    fmt::print("{}: {}\n", bug, tally.first);
    support::figure("crash-images", "planted bugs caught", tally.troubles);
    support::figure("crash-images", bug + ", caught after (images)", tally.first_at);
  }

  static Record without(Record record, const std::function<bool(const Operations&, std::size_t)>& is_dropped) {
    Operations kept;
    for (std::size_t i = 0; i < record.operations.size(); ++i) {
      if (!is_dropped(record.operations, i)) kept.push_back(record.operations[i]);
    }
    EXPECT_LT(kept.size(), record.operations.size());
    record.operations = std::move(kept);
    return record;
  }
};

TEST_F(PlantedBug, NoSyncAtAllIsCaught) {
  expect_caught("no sync", without(record_one_life(), [](const Operations& all, std::size_t i) {
                  return all[i].kind == Kind::sync || all[i].kind == Kind::sync_folder;
                }));
}

TEST_F(PlantedBug, SynchronousOffIsCaught) {
  const OddSqlite odd("PRAGMA synchronous = OFF", "synchronous");
  expect_caught("synchronous = OFF", record_one_life());
}

TEST_F(PlantedBug, SynchronousNormalIsCaught) {
  const OddSqlite odd("PRAGMA synchronous = NORMAL", "synchronous");
  expect_caught("synchronous = NORMAL", record_one_life());
}

TEST_F(PlantedBug, ACheckpointThatDoesNotSyncTheDatabaseIsCaught) {
  expect_caught("checkpoint without sync of the database",
                without(record_one_life(), [](const Operations& all, std::size_t i) {
                  return all[i].kind == Kind::sync && all[i].path.ends_with("journal.db");
                }));
}

TEST_F(PlantedBug, AStoreWhoseFolderIsNotSyncedIsCaught) {
  expect_caught("folder not synced", without(record_one_life(), [](const Operations& all, std::size_t i) {
                  return all[i].kind == Kind::sync_folder;
                }));
}

TEST_F(PlantedBug, ASnapshotThatIsNotSyncedIsCaught) {
  expect_caught("snapshot not synced", without(record_one_life(), [](const Operations& all, std::size_t i) {
                  return all[i].kind == Kind::sync && is_snapshot(all[i]);
                }));
}

TEST_F(PlantedBug, ASnapshotThatIsRenamedBeforeItsSyncIsCaught) {
  Record record = record_one_life();
  int swapped = 0;
  for (std::size_t i = 0; i + 1 < record.operations.size(); ++i) {
    Operation& now = record.operations[i];
    Operation& next = record.operations[i + 1];
    if (now.kind == Kind::sync && next.kind == Kind::rename && is_snapshot(next)) {
      std::swap(now, next);
      ++swapped;
    }
  }
  EXPECT_GT(swapped, 2);
  expect_caught("snapshot renamed before its sync", record, "a false alarm");
}

TEST_F(PlantedBug, ASnapshotWhoseFolderIsNotSyncedIsCaught) {
  expect_caught("snapshot's folder not synced", without(record_one_life(), [](const Operations& all, std::size_t i) {
                  return i > 0 && all[i].kind == Kind::sync_folder && all[i - 1].kind == Kind::rename &&
                         is_snapshot(all[i - 1]);
                }));
}

TEST_F(PlantedBug, ANoteOfARowThatIsNotCommittedYetIsCaught) {
  Record record = record_one_life();
  Operations& all = record.operations;
  int moved = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const bool follows_commit = all[i - 1].kind == Kind::sync && all[i - 1].path.ends_with("-wal");
    if (follows_commit && all[i].kind == Kind::write && all[i].path.ends_with("last-synced")) {
      std::swap(all[i - 1], all[i]);
      ++moved;
    }
  }
  EXPECT_GT(moved, 10);
  expect_caught("note written before the commit", record, "refused");
}

}  // namespace
}  // namespace crash
