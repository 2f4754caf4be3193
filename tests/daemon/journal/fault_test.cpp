// Disks that are full and disks that fail, under the real journal.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "tests/daemon/journal/conformance.hpp"
#include "tests/daemon/journal/disk_store.hpp"
#include "tests/daemon/journal/fault_vfs.hpp"

namespace journal {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

SqliteJournal::Options on(const FaultVfs& vfs, std::chrono::milliseconds idle_after = 1h) {
  SqliteJournal::Options options;
  options.vfs = vfs.name();
  options.idle_after = idle_after;
  return options;
}

TEST(FailedSync, IsAnsweredFailedAndNothingIsAcknowledgedAnyMore) {
  FaultVfs vfs;
  DiskStore store(on(vfs));
  store.append_numbered(3);
  vfs.syncs_to_fail = 1;
  const Appended failed = store.append("lost");
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.body, "lost");
  EXPECT_THAT(failed.detail, HasSubstr("journal.db"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(store.append("after").outcome, Outcome::failed);
  EXPECT_EQ(store.journal().last_sequence(), 3U);
  store.reopen();
  ASSERT_TRUE(store.is_open()) << store.error;
  const std::vector<std::string> bodies = bodies_from(store.journal(), 1);
  ASSERT_GE(bodies.size(), 3U);
  EXPECT_EQ(bodies[2], "row 3");
  EXPECT_EQ(std::ranges::count(bodies, "after"), 0);
  EXPECT_EQ(store.append("again").outcome, Outcome::committed);
}

TEST(FailedSync, OfACheckpointIsAnsweredByTheNextAppend) {
  FaultVfs vfs;
  DiskStore store(on(vfs, 1ms));
  store.append_numbered(1);
  vfs.syncs_to_fail = 1000;
  Appended last;
  DiskStore::await([&] {
    last = store.append("row");
    return last.outcome != Outcome::committed;
  });
  EXPECT_EQ(last.outcome, Outcome::failed);
}

TEST(FailedSync, OfTheNoteOfWhatIsSyncedIsAnsweredByTheNextAppend) {
  std::atomic<bool> is_failing = false;
  SqliteJournal::Options options;
  options.idle_after = 1ms;
  options.sync = [&is_failing](int descriptor) {
    if (!is_failing) return ::fsync(descriptor);
    errno = EIO;
    return -1;
  };
  DiskStore store(options);
  store.append_numbered(1);
  is_failing = true;
  Appended last;
  DiskStore::await([&] {
    last = store.append("row");
    return last.outcome != Outcome::committed;
  });
  EXPECT_EQ(last.outcome, Outcome::failed);
  EXPECT_THAT(last.detail, HasSubstr("last-synced: Input/output error"));
}

TEST(FailedSync, OfASnapshotLeavesTheOneBefore) {
  std::atomic<int> good_syncs = 1'000'000;
  SqliteJournal::Options options;
  options.idle_after = 1h;
  options.sync = [&good_syncs](int descriptor) {
    if (--good_syncs >= 0) return ::fsync(descriptor);
    errno = EIO;
    return -1;
  };
  DiskStore store(options);
  store.append_numbered(2);
  ASSERT_TRUE(store.journal().write_snapshot(1, "one"));
  good_syncs = 0;
  const auto refused = store.journal().write_snapshot(2, "two");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("cannot sync"));
  good_syncs = 1'000'000;
  const auto start = store.journal().read_snapshot();
  ASSERT_TRUE(start);
  EXPECT_EQ(start->snapshot->bytes, "one");
}

TEST(FailedWrite, ThatIsNotForWantOfRoomIsForGood) {
  FaultVfs vfs;
  DiskStore store(on(vfs));
  store.append_numbered(1);
  vfs.writes_to_fail = 1;
  EXPECT_EQ(store.append("lost").outcome, Outcome::failed);
  EXPECT_EQ(store.append("after").outcome, Outcome::failed);
  store.reopen();
  EXPECT_EQ(bodies_from(store.journal(), 1), (std::vector<std::string>{"row 1"}));
}

TEST(FullDisk, TheReserveIsGivenUpForTheRowThatDidNotFitAndMadeAgainLater) {
  FaultVfs vfs;
  DiskStore store(on(vfs, 1ms));
  const std::filesystem::path reserve = store.directory() / "reserve";
  ASSERT_TRUE(std::filesystem::exists(reserve));
  struct ::stat status{};
  ASSERT_EQ(::stat(reserve.c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, status.st_size);  // really written
  store.append_numbered(1);
  // All is moved and synced: the next write is the append's.
  const auto synced = [&] {
    vfs.full_writes = 1;
    return store.append("row");
  }();
  EXPECT_EQ(synced.outcome, Outcome::committed) << synced.detail;
  DiskStore::await([&] { return std::filesystem::exists(reserve); });
  EXPECT_TRUE(std::filesystem::exists(reserve));
}

TEST(FullDisk, AnswersFullAndTakesRowsAgainWhenThereIsRoom) {
  FaultVfs vfs;
  DiskStore store(on(vfs));
  store.append_numbered(2);
  vfs.is_disk_full = true;
  for (int i = 0; i < 3; ++i) {
    const Appended full = store.append("does not fit");
    EXPECT_EQ(full.outcome, Outcome::full) << full.detail;
    EXPECT_EQ(full.body, "does not fit");
    EXPECT_THAT(full.detail, HasSubstr("full"));
  }
  EXPECT_FALSE(std::filesystem::exists(store.directory() / "reserve"));
  EXPECT_EQ(rows_from(store.journal(), 1).size(), 2U);  // reading goes on
  vfs.is_disk_full = false;
  store.append_numbered(1);
  store.reopen();
  EXPECT_EQ(bodies_from(store.journal(), 1), (std::vector<std::string>{"row 1", "row 2", "row 3"}));
}

class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    is_mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=8m") == 0;
    if (!is_mounted_) reason_ = std::strerror(errno);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::filesystem::path path_;
  bool is_mounted_ = false;
  std::string reason_;
};

TEST(FullDisk, OfEightMegabytesFillsRefusesRecoversAndReopens) {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path() / "disk");
  if (!disk.is_mounted()) GTEST_SKIP() << "cannot mount a small tmpfs here: " << disk.reason();
  SqliteJournal::Options options;
  options.directory = folder.path() / "disk" / "data";
  options.idle_after = 5ms;
  DiskStore store(options);
  ASSERT_TRUE(store.is_open()) << store.error;
  const std::filesystem::path ballast = folder.path() / "disk" / "ballast";
  put_bytes(ballast, std::string(1'000'000, 'b'));

  const std::string body(51'000, 'x');
  std::uint64_t committed = 0;
  Appended last;
  while ((last = store.append(body)).outcome == Outcome::committed) {
    ++committed;
    ASSERT_LT(committed, 1'000U);
  }
  EXPECT_EQ(last.outcome, Outcome::full) << last.detail;
  EXPECT_GT(committed, 10U);
  EXPECT_FALSE(std::filesystem::exists(store.directory() / "reserve"));

  // A daemon that is started on the full disk comes up with everything.
  store.reopen();
  ASSERT_TRUE(store.is_open()) << store.error;
  EXPECT_EQ(rows_from(store.journal(), 1).size(), committed);

  std::filesystem::remove(ballast);
  EXPECT_EQ(store.append("small").outcome, Outcome::committed);
  store.reopen();
  ASSERT_TRUE(store.is_open()) << store.error;
  EXPECT_EQ(rows_from(store.journal(), 1).size(), committed + 1);
}

}  // namespace
}  // namespace journal
