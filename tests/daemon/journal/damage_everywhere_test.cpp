// Every file of a store cut at every byte, and a bit flipped in every byte. What is promised, exactly:
//
// 1. Of a process that died, or ended in good order, and one damaged file: every acknowledged row and the state come
//    back byte for byte; or the start is refused, with the command that mends the store; or the state comes back and
//    only the reading of rows that a snapshot covers is refused. A damaged snapshot is complained of and done without.
// 2. After a power cut the note beside the database may be older than the last row, by what was acknowledged since its
//    last sync (about a second's rows). The rows that it names are as safe as in 1. Damage to the log before its last
//    two rows is refused, too, since the commits behind it prove it; damage in these two looks like a commit that the
//    power cut stopped, and so does a log that is merely shorter: then what is believed is the beginning of what was
//    written, without a gap and byte for byte, and nobody can tell the rest.
// 3. Never a row that nobody wrote.
#include <algorithm>
#include <chrono>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/journal/database.hpp"
#include "daemon/journal/repair.hpp"
#include "tests/daemon/journal/crash_history.hpp"
#include "tests/daemon/journal/odd_sqlite.hpp"
#include "tests/support/figures.hpp"

namespace crash {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t rows = 4;

const Story& short_story() {
  static const Story story(rows, 0);
  return story;
}

struct Store {
  Image died;            // the log has the rows
  Image rested;          // the database has them
  std::string old_note;  // that names the row before the last three
};

// Small pages are quick to try whole, and full of structure; those of the product are sampled unless there is time.
Store make_store(std::string_view page_size, bool has_snapshots) {
  const OddSqlite odd(fmt::format("PRAGMA page_size = {}", page_size), "");
  journal::SqliteJournal::Options options;
  options.idle_after = 1h;
  journal::DiskStore disk(std::move(options));
  Store store;
  short_story().append_to(disk, 1);
  store.old_note = journal::bytes_of(disk.directory() / "last-synced");
  short_story().append_to(disk, 3);
  if (has_snapshots) {
    Story::snapshot(disk, 2);
    Story::snapshot(disk, 3);
  }
  short_story().append_to(disk, rows);
  store.died = image_of(disk.directory());
  disk.close();
  store.rested = image_of(disk.directory());
  return store;
}

struct Tried {
  std::uint64_t cuts = 0;
  std::uint64_t flips = 0;
  std::uint64_t refused = 0;
  std::uint64_t repaired = 0;
  std::uint64_t complained = 0;
  std::uint64_t history_refused = 0;
  std::uint64_t behind = 0;    // recoveries that end before the last row and say nothing
  std::uint64_t lost = 0;      // rows promised and not there, in silence
  std::uint64_t wrong = 0;     // rows believed that nobody wrote
  std::uint64_t wrong_at = 0;  // the count of images at the first of them
  std::string first;           // of what must not be

  [[nodiscard]] std::uint64_t images() const { return cuts + flips; }
  void note(std::string what) {
    if (first.empty()) first = std::move(what);
  }

  void judge(const Found& found, std::uint64_t promised, const std::string& where) {
    std::string what;
    wrong += found.wrong_rows;
    if (found.wrong_rows > 0) what = "rows are believed that nobody wrote";
    if (!found.refusal.empty()) {
      ++refused;
      const bool is_helpful =
          found.refusal.find("--repair") != std::string::npos || found.refusal.find("run a newer") != std::string::npos;
      if (!is_helpful) what = "no way out is told: " + found.refusal;
    } else {
      if (!found.complaints.empty()) ++complained;
      if (!found.refused_history.empty()) ++history_refused;
      if (found.last < rows) ++behind;
      if (found.last < promised) {
        lost += promised - found.last;
        what = fmt::format("it ends at row {} in silence", found.last);
      }
      if (!found.is_state_right) what = fmt::format("the state is not that of row {}", found.last);
      if (found.is_new_identity) what = "the store was made anew";
    }
    if (wrong > 0 && wrong_at == 0) wrong_at = images();
    if (!what.empty()) note(where + ": " + what);
  }
};

struct Part {
  std::size_t begin = 0;
  std::size_t end = ~std::size_t{0};
};

// Every `step`th byte of one file or a part of it, beginning at one that chance chooses.
class Spoiler {
 public:
  using Reader = std::function<Found(const std::filesystem::path&)>;

  explicit Spoiler(std::uint64_t chosen) : random_(chosen) {}

  // Up to here rows are promised after a flipped bit, should that be more than is promised after a cut.
  std::uint64_t promised_after_flip = 0;

  // What makes rows of a store; the daemon's recovery, unless a test plants another.
  Reader reader = [](const std::filesystem::path& directory) {
    return recover_in(directory, short_story(), Then::stop);
  };

  void spoil(const Image& whole,
             const std::string& name,
             std::uint64_t promised,
             std::uint64_t step,
             Tried& tried,
             Part part = {}) {
    const std::string& bytes = whole.files.at(name);
    const std::size_t end = std::min(part.end, bytes.size());
    const auto look_at = [&](const Image& image, std::uint64_t expected, const std::string& where) {
      image.put_into(folder_.path());
      const Found found = reader(folder_.path());
      tried.judge(found, expected, where);
      if (found.refusal.find("--repair") != std::string::npos && random_() % 16 == 0) {
        ++tried.repaired;
        expect_way_out(tried, where);
      }
    };
    for (std::size_t length = part.begin + random_() % step; length < end; length += step) {
      Image image = whole;
      image.files[name].resize(length);
      ++tried.cuts;
      look_at(image, promised, fmt::format("{} cut to {} of {} bytes", name, length, bytes.size()));
    }
    for (std::size_t byte = part.begin + random_() % step; byte < end; byte += step) {
      const unsigned one = static_cast<unsigned>(random_() % 8);
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (!is_long() && bit != one) continue;
        Image image = whole;
        image.files[name][byte] = static_cast<char>(static_cast<unsigned char>(bytes[byte]) ^ (1U << bit));
        ++tried.flips;
        look_at(image,
                std::max(promised, promised_after_flip),
                fmt::format("{} with bit {} of byte {} flipped", name, bit, byte));
      }
    }
  }

 private:
  // The command that the refusal names does help: what is there afterwards are rows of the story.
  void expect_way_out(Tried& tried, const std::string& where) const {
    const auto report = journal::repair(folder_.path(), [](int) { return 0; });
    if (!report) {
      tried.note(where + ": the repair failed: " + report.error());
      return;
    }
    const Found found = recover_in(folder_.path(), short_story(), Then::stop);
    if (!found.refusal.empty()) tried.note(where + ": refused after the repair: " + found.refusal);
    if (found.wrong_rows > 0) tried.note(where + ": wrong rows after the repair");
    if (found.last < rows && report->given_up.empty()) tried.note(where + ": the repair lost rows in silence");
  }

  Random random_;
  journal::TemporaryFolder folder_;
};

class DamageEverywhere : public testing::Test {
 protected:
  static std::uint64_t usual(std::uint64_t step) { return is_slow() ? 16 * step : is_long() ? 1 : step; }

  ~DamageEverywhere() override {
    support::figure("crash-images", "files cut short", tried_.cuts);
    support::figure("crash-images", "bits flipped", tried_.flips);
    support::figure("crash-images", "damaged stores refused, with the way to mend them", tried_.refused);
    support::figure("crash-images", "refused stores repaired", tried_.repaired);
    support::figure("crash-images", "acknowledged rows lost in silence after damage", tried_.lost);
    support::figure("crash-images", "wrong rows believed", tried_.wrong);
    fmt::print("cut {} flipped {} refused {} repaired {} complained {} history refused {} behind {}, seed {}\n",
               tried_.cuts,
               tried_.flips,
               tried_.refused,
               tried_.repaired,
               tried_.complained,
               tried_.history_refused,
               tried_.behind,
               seed_);
  }

  void expect_promise_kept() const {
    EXPECT_EQ(tried_.first, "") << "ROUSE_SEED=" << seed_;
    EXPECT_EQ(tried_.lost, 0U);
    EXPECT_EQ(tried_.wrong, 0U);
    EXPECT_GT(tried_.refused, tried_.images() / 20);
  }

  std::uint64_t seed_ = seed();
  Spoiler spoiler_{seed_};
  Tried tried_;
};

TEST_F(DamageEverywhere, InTheLogOfAProcessThatDiedNothingIsBelievedAndNoLossIsSilent) {
  spoiler_.spoil(make_store("512", false).died, "journal.db-wal", rows, usual(1), tried_);
  spoiler_.spoil(make_store("4096", false).died, "journal.db-wal", rows, usual(64), tried_);
  expect_promise_kept();
}

TEST_F(DamageEverywhere, InTheDatabaseAtRestNothingIsBelievedAndNoLossIsSilent) {
  spoiler_.spoil(make_store("512", false).rested, "journal.db", rows, usual(1), tried_);
  spoiler_.spoil(make_store("4096", false).rested, "journal.db", rows, usual(64), tried_);
  expect_promise_kept();
}

TEST_F(DamageEverywhere, InTheDatabaseUnderALogNothingIsBelievedAndNoLossIsSilent) {
  spoiler_.spoil(make_store("512", false).died, "journal.db", rows, usual(8), tried_);
  expect_promise_kept();
}

TEST_F(DamageEverywhere, InTheNoteBesideTheDatabaseNothingIsBelieved) {
  const Image died = make_store("512", false).died;
  spoiler_.spoil(died, "last-synced", rows, usual(1), tried_, {0, 600});
  spoiler_.spoil(died, "last-synced", rows, usual(16), tried_, {600});  // padding
  // One of its two records is enough.
  EXPECT_EQ(tried_.first, "") << "ROUSE_SEED=" << seed_;
  EXPECT_EQ(tried_.lost + tried_.wrong, 0U);
}

TEST_F(DamageEverywhere, OfASnapshotIsComplainedOfAndDoneWithout) {
  const Store store = make_store("512", true);
  spoiler_.spoil(store.died, "snapshot-3", rows, usual(1), tried_);
  spoiler_.spoil(store.rested, "snapshot-3", rows, usual(32), tried_);
  EXPECT_EQ(tried_.complained, tried_.images());
  spoiler_.spoil(store.died, "snapshot-2", rows, usual(8), tried_);  // not even looked at
  EXPECT_EQ(tried_.refused, 0U);
  EXPECT_EQ(tried_.first, "") << "ROUSE_SEED=" << seed_;
  EXPECT_EQ(tried_.lost + tried_.wrong, 0U);
}

TEST_F(DamageEverywhere, UnderASnapshotCostsAtMostTheReadingOfOldRows) {
  const Store store = make_store("512", true);
  spoiler_.spoil(store.rested, "journal.db", rows, usual(8), tried_);
  spoiler_.spoil(store.died, "journal.db-wal", rows, usual(8), tried_);
  EXPECT_GT(tried_.history_refused, 0U);
  expect_promise_kept();
}

TEST_F(DamageEverywhere, AfterAPowerCutAnOlderNoteStillKeepsWhatItNames) {
  Store store = make_store("512", false);
  store.died.files["last-synced"] = store.old_note;
  spoiler_.promised_after_flip = rows - 2;
  spoiler_.spoil(store.died, "journal.db-wal", 1, usual(8), tried_);
  expect_promise_kept();
}

// The rows as SQLite has them: no checksum, no chain, no note.
Found believe_everything(const std::filesystem::path& directory) {
  Found found;
  found.is_state_right = true;
  auto database = journal::Database::open(directory / "journal.db", "", journal::Database::Access::read_only);
  auto every = tl::expected<journal::Statement, journal::SqliteError>(journal::Statement());
  if (database) every = database->prepare(std::string(journal::select_columns) + "ORDER BY sequence");
  if (!database || !every) {
    found.refusal = "run roused --repair";
    return found;
  }
  for (auto has_row = every->step(); has_row && *has_row; has_row = every->step()) {
    const journal::StoredRow row = journal::read_row(*every);
    found.last = row.sequence;
    if (row.sequence < 1 || row.sequence > rows || row.body != short_story().body(row.sequence)) ++found.wrong_rows;
  }
  return found;
}

TEST(PlantedReader, RowsWhoseChecksumNobodyLooksAtAreCaught) {
  Spoiler spoiler(seed());
  spoiler.reader = believe_everything;
  Tried tried;
  spoiler.spoil(make_store("512", false).rested, "journal.db", rows, 4, tried);
  EXPECT_GT(tried.wrong, 0U);
  support::figure("crash-images", "planted bugs caught", tried.wrong > 0 ? 1 : 0);
  support::figure("crash-images", "rows without checksum believed, caught after (images)", tried.wrong_at);
}

}  // namespace
}  // namespace crash
