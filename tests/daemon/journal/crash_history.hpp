// What the crash tests have in common: rows as the engine would write them, the state that must come out of them, a
// recorded life of a store, and the judgement on what a recovery makes of an image.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/journal/journal.hpp"
#include "tests/daemon/journal/crash_images.hpp"
#include "tests/daemon/journal/disk_store.hpp"
#include "tests/daemon/journal/file_recorder.hpp"

namespace crash {

// Without limits, for the nights: ROUSE_LONG=1.
bool is_long();
// Under a sanitizer, where a tenth of the work will do.
bool is_slow();
// ROUSE_SEED, else a new one.
std::uint64_t seed();

// Rows 1 to `rows` of one store and the state after each of them, as a recovery from all rows has it.
class Story {
 public:
  // Bodies of up to about `longest` bytes.
  Story(std::uint64_t rows, std::size_t longest);
  [[nodiscard]] std::uint64_t rows() const { return bodies_.size(); }
  [[nodiscard]] const std::string& body(std::uint64_t sequence) const { return bodies_.at(sequence - 1); }
  // 0: the state before the first row.
  [[nodiscard]] std::uint64_t state_after(std::uint64_t sequence) const { return states_.at(sequence); }

  // Appends the rows after the last one up to `last`, with marks for the recorder, if there is one.
  void append_to(journal::DiskStore& store, std::uint64_t last, FileRecorder* recorder = nullptr) const;
  // As the snapshotter does.
  static void snapshot(journal::DiskStore& store, std::uint64_t sequence, FileRecorder* recorder = nullptr);

 private:
  std::vector<std::string> bodies_;
  std::vector<std::uint64_t> digests_;  // of the effects of each row
  std::vector<std::uint64_t> states_;
};

// What the daemon makes of a store: its journal is opened, the state recovered, and the history read from its
// beginning.
struct Found {
  std::string refusal;          // to open, or to recover; empty: neither
  std::string refused_history;  // what reading all rows said, after a recovery that succeeded
  std::uint64_t last = 0;
  std::uint64_t rows = 0;        // that were read
  std::uint64_t wrong_rows = 0;  // with bytes that nobody wrote, or out of order
  bool is_state_right = false;   // that of the story after `last`
  bool is_new_identity = false;  // the store was made anew
  std::uint64_t snapshot = 0;    // that the recovery started from
  std::uint32_t repairs = 0;
  std::vector<std::string> complaints;
  std::string cannot_go_on;  // why the next row could not be added and found again; empty: it could
};

enum class Then : std::uint8_t { stop, go_on };

// Changes the folder, as a start of the daemon does.
Found recover_in(const std::filesystem::path& directory, const Story& story, Then then);

// What the daemon had said by some moment of a record.
struct Promise {
  bool is_open = false;  // the store was there
  std::uint64_t acknowledged = 0;
  std::uint64_t begun = 0;
  std::uint64_t snapshot = 0;

  void note(const Operation& mark);
};

// What is wrong with the recovery after a mere power cut; empty: nothing.
std::string trouble_of(const Found& found, const Promise& promise);

struct Tally {
  std::uint64_t points = 0;
  double possible = 0;
  std::uint64_t tried = 0;      // images, some of them equal to others
  std::uint64_t recovered = 0;  // different ones
  std::uint64_t lost = 0;       // acknowledged rows
  std::uint64_t wrong = 0;      // rows believed that nobody wrote
  std::uint64_t refused = 0;
  std::uint64_t troubles = 0;
  std::uint64_t first_at = 0;  // the count of images at the first trouble
  std::string first;

  void add(const Tally& other);
};

// Cuts the power at each operation of records and judges what each image recovers to.
class Explorer {
 public:
  Explorer(const Story& story, Choice choice, std::uint64_t seed) : story_(story), choice_(choice), random_(seed) {}

  // Where the store lies below the recorded folder.
  std::string store = "data";
  bool stops_at_first_trouble = false;

  Tally explore(const Record& record, const Promise& promise = {}, std::size_t from = 0);

 private:
  const Found& recover(const Image& image);

  const Story& story_;
  Choice choice_;
  Random random_;
  journal::TemporaryFolder folder_;
  std::map<std::uint64_t, Found> known_;  // by the image's digest
};

// The life of a store from its making: rows short and long, checkpoints, snapshots, prunes, an orderly end, a start.
// Recorded below `root`, the store being in root/data.
Record record_life(const std::filesystem::path& root, const Story& story);

// A record as if the process had died after `length` operations, the page cache outliving it, and another had gone on:
// `next` was recorded on Disk's image with everything in it.
Record continued(const Record& record, std::size_t length, const Record& next);

}  // namespace crash
