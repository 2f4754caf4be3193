// The small file beside the database that says how far the journal has certainly come.
//
// A flipped bit in SQLite's write-ahead log can reopen as fewer rows without any error. So after each commit has
// returned, its sequence and chain are written here, without a sync of their own; the file is synced when the journal
// is idle, at checkpoints, about once a second and at the end. What that guarantees:
// - it never claims a row that was not durable before, so a journal shorter than the file says has lost something;
// - after the death of the process it names the last acknowledged row exactly: the page cache outlives the process;
// - after a power cut it may name an older row, at worst that of its last sync: a loss among the rows since then goes
//   unnoticed here only if the medium has also damaged the log behind a sync that it had acknowledged. Most of that
//   the log itself betrays: log_file.hpp.
// Two slots in two sectors are written in turn, so that one torn write leaves the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/journal/files.hpp"
#include "daemon/journal/journal.hpp"

namespace journal {

struct SyncedPoint {
  StoreId store{};
  std::uint64_t sequence{};
  std::uint64_t chain{};
};

class LastSynced {
 public:
  static constexpr std::string_view file_name = "last-synced";

  // Error: no slot can be believed, or the file is of a newer format.
  [[nodiscard]] static tl::expected<SyncedPoint, std::string> read(const std::filesystem::path& directory);
  // Replaces the file, durably.
  [[nodiscard]] static Done create(const std::filesystem::path& directory,
                                   const SyncedPoint& point,
                                   const SyncFile& sync);
  [[nodiscard]] static tl::expected<LastSynced, std::string> open(const std::filesystem::path& directory);

  // 0, or errno.
  int write(const SyncedPoint& point);
  int sync(const SyncFile& sync);
  [[nodiscard]] bool is_dirty() const { return is_dirty_; }

 private:
  Descriptor file_;
  unsigned next_slot_ = 1;  // create() has filled slot 0
  bool is_dirty_ = false;
};

}  // namespace journal
