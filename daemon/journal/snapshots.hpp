// Snapshots as files of the data directory: snapshot-SEQUENCE, each with a header and a checksum over all of it. Two
// are kept. No state: whoever calls sees to it that only one call runs at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/journal/files.hpp"
#include "daemon/journal/journal.hpp"

namespace journal {

std::filesystem::path snapshot_path(const std::filesystem::path& directory, std::uint64_t sequence);

// The sequences in the names of the snapshot files there, newest first, believable or not.
std::vector<std::uint64_t> list_snapshots(const std::filesystem::path& directory);

struct StoredSnapshot {
  StoreId store{};
  Snapshot snapshot;
};

// Error: damaged, of a newer format, or not readable, naming the file.
[[nodiscard]] tl::expected<StoredSnapshot, std::string> read_snapshot_file(const std::filesystem::path& path);

// Durable when it returns. Nothing else is touched.
[[nodiscard]] Done write_snapshot_file(const std::filesystem::path& directory,
                                       const StoreId& store,
                                       std::uint64_t sequence,
                                       std::string_view bytes,
                                       const SyncFile& sync);

// Keeps `newest` and the newest believable one before it, removes the others. The sequence of the older one kept; 0:
// none.
std::uint64_t drop_old_snapshots(const std::filesystem::path& directory, const StoreId& store, std::uint64_t newest);

}  // namespace journal
