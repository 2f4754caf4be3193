// What a power cut leaves: everything that was synced, and of the rest any sectors, in any mix. The images are built
// from a record of the writes and syncs under the real journal; each is opened by the real journal.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "tests/daemon/journal/conformance.hpp"
#include "tests/daemon/journal/disk_store.hpp"
#include "tests/daemon/journal/fault_vfs.hpp"

namespace journal {
namespace {

using namespace std::chrono_literals;
using Operation = FaultVfs::Operation;
using Random = std::mt19937_64;

constexpr std::size_t sector = 512;

std::string body_of(std::uint64_t sequence) {
  return "row " + std::to_string(sequence) +
         std::string((sequence * 977) % 9'000, static_cast<char>('a' + sequence % 26));
}

void put(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
  std::ranges::copy(bytes, file.begin() + static_cast<std::ptrdiff_t>(offset));
}

// One file as it may be after a power cut at `cut`. With `share` of the unsynced sectors, in percent.
std::string after_power_cut(std::string file,
                            const std::vector<Operation>& operations,
                            std::size_t cut,
                            bool is_database,
                            unsigned share,
                            Random& random) {
  std::size_t synced = 0;
  for (std::size_t i = 0; i < cut; ++i) {
    if (operations[i].is_database == is_database && operations[i].kind == Operation::Kind::sync) synced = i;
  }
  for (std::size_t i = 0; i < cut; ++i) {
    const Operation& operation = operations[i];
    if (operation.is_database != is_database || operation.kind == Operation::Kind::sync) continue;
    const auto survives = [&] { return i < synced || random() % 100 < share; };
    if (operation.kind == Operation::Kind::truncate) {
      if (survives()) file.resize(operation.offset);
      continue;
    }
    for (std::uint64_t at = operation.offset; at < operation.offset + operation.bytes.size();) {
      const std::uint64_t end =
          std::min<std::uint64_t>((at / sector + 1) * sector, operation.offset + operation.bytes.size());
      if (survives()) put(file, at, std::string_view(operation.bytes).substr(at - operation.offset, end - at));
      at = end;
    }
  }
  return file;
}

TEST(PowerCut, LosesNoAcknowledgedRowInventsNoneAndRaisesNoFalseAlarm) {
  struct Acknowledgement {
    std::size_t operations;  // that were done by then
    std::uint64_t sequence;
    std::string last_synced;  // the bytes of the note
  };
  const char* const wanted = std::getenv("ROUSE_SEED");
  const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("ROUSE_SEED=" + std::to_string(seed));
  Random random(seed);

  FaultVfs vfs;
  SqliteJournal::Options options;
  options.vfs = vfs.name();
  options.idle_after = 1ms;
  options.checkpoint_bytes = 60'000;
  DiskStore store(options);
  const std::filesystem::path note = store.directory() / "last-synced";
  const std::string database_before = bytes_of(store.database());
  const std::string log_before = bytes_of(store.directory() / "journal.db-wal");
  std::vector<Acknowledgement> acknowledged{{0, 0, bytes_of(note)}};
  vfs.start_recording();
  constexpr std::uint64_t rows = 120;
  for (std::uint64_t sequence = 1; sequence <= rows; ++sequence) {
    ASSERT_EQ(store.append(body_of(sequence)).outcome, Outcome::committed);
    acknowledged.push_back({vfs.recorded(), sequence, bytes_of(note)});
  }
  store.close();
  const std::vector<Operation> operations = vfs.operations();
  ASSERT_GT(vfs.database_writes, 10U);

  std::uint64_t survivors = 0;
  for (int trial = 0; trial < 600; ++trial) {
    const std::size_t cut = random() % (operations.size() + 1);
    const unsigned share = std::array{0U, 10U, 50U, 90U, 100U}[random() % 5];
    std::uint64_t promised = 0;
    std::size_t known = 0;
    for (std::size_t i = 0; i < acknowledged.size() && acknowledged[i].operations <= cut; ++i) {
      promised = acknowledged[i].sequence;
      known = i;
    }
    const std::filesystem::path image = store.folder() / "image";
    std::filesystem::remove_all(image);
    std::filesystem::create_directories(image);
    put_bytes(image / "journal.db", after_power_cut(database_before, operations, cut, true, share, random));
    put_bytes(image / "journal.db-wal", after_power_cut(log_before, operations, cut, false, share, random));
    // The note has no sync of its own at a commit: any older one may be what is there.
    put_bytes(image / "last-synced", acknowledged[random() % (known + 1)].last_synced);
    SqliteJournal::Options of_image;
    of_image.directory = image;
    of_image.reserve_bytes = 0;
    of_image.sync = [](int) { return 0; };
    const auto opened = SqliteJournal::open(std::move(of_image));
    const std::string where = "cut at " + std::to_string(cut) + " of " + std::to_string(operations.size()) + ", " +
                              std::to_string(share) + " % of the rest";
    ASSERT_TRUE(opened) << where << ": " << opened.error();
    const std::vector<Row> found = rows_from(**opened, 1);
    ASSERT_GE(found.size(), promised) << where;
    ASSERT_LE(found.size(), promised + 1) << where;
    for (const Row& row : found) ASSERT_EQ(row.body, body_of(row.sequence)) << where;
    survivors += found.size();
  }
  EXPECT_GT(survivors, 0U);
}

}  // namespace
}  // namespace journal
