// Mends a damaged store: keeps what can be believed, says exactly what it gives up, and puts the damaged files aside.
//
// Rows are believable from the beginning of the journal, or from a snapshot, as long as checksum and chain are right.
// Of these runs the one that ends last is kept, so damage in old rows that a snapshot covers costs no recent ones. The
// kept rows are copied into a new database; the old one, with its log, is moved to damaged-1, damaged-2, ... A repair
// that is itself interrupted can be run again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/journal/files.hpp"

namespace journal {

// Present while a repair exchanges the files; names the folder that has the old ones.
inline constexpr std::string_view repair_marker_name = "repairing";

// For whoever meets the damage: what it is and the command that mends it.
std::string damage_message(const std::filesystem::path& directory, std::string_view what);

struct RepairReport {
  bool is_damaged = false;
  std::vector<std::string> findings;  // what is wrong, one sentence each
  std::vector<std::string> given_up;  // what is lost, one sentence each
  std::filesystem::path backup;       // the folder with the damaged files
  std::uint64_t first_sequence{};     // of the rows that are there afterwards; greater than the last if there are none
  std::uint64_t last_sequence{};

  [[nodiscard]] std::string to_text() const;  // several lines, for the terminal
};

// Error: the store is in use, of a newer format, or nothing about it can be believed; then nothing was changed.
[[nodiscard]] tl::expected<RepairReport, std::string> repair(const std::filesystem::path& directory,
                                                             SyncFile sync = {});

}  // namespace journal
