#include "daemon/journal/snapshots.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <xxhash.h>

#include "daemon/journal/seal.hpp"

namespace journal {

namespace {

constexpr std::string_view name_prefix = "snapshot-";
constexpr std::string_view magic = "rousesnp";
constexpr std::uint32_t format = 1;
// magic, format, header size, store, sequence, length; then the 128 bit checksum of these and of the body.
constexpr std::size_t sealed_size = 8 + 4 + 4 + 16 + 8 + 8;
constexpr std::size_t header_size = sealed_size + 16;

std::string checksum(std::string_view header, std::string_view body) {
  const XXH128_hash_t of_header = XXH3_128bits(header.data(), header.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(body.data(), body.size(), of_header.low64 ^ of_header.high64);
  std::string bytes;
  append_number(bytes, std::uint64_t{hash.low64});
  append_number(bytes, std::uint64_t{hash.high64});
  return bytes;
}

}  // namespace

std::filesystem::path snapshot_path(const std::filesystem::path& directory, std::uint64_t sequence) {
  return directory / fmt::format("{}{}", name_prefix, sequence);
}

std::vector<std::uint64_t> list_snapshots(const std::filesystem::path& directory) {
  std::vector<std::uint64_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(name_prefix)) continue;
    std::uint64_t sequence = 0;
    const char* const last = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + name_prefix.size(), last, sequence);
    if (parsed.ec == std::errc{} && parsed.ptr == last) found.push_back(sequence);
  }
  std::ranges::sort(found, std::greater{});
  return found;
}

tl::expected<StoredSnapshot, std::string> read_snapshot_file(const std::filesystem::path& path) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto damaged = [&path](std::string_view why) {
    return tl::unexpected(fmt::format("{} is damaged: {}", path.string(), why));
  };
  const std::string_view all = *bytes;
  if (all.size() < header_size) return damaged("it is shorter than its header");
  if (!all.starts_with(magic)) return damaged("it does not begin as a snapshot does");
  if (const auto found = read_number<std::uint32_t>(all.substr(8)); found > format) {
    return tl::unexpected(
        fmt::format("{} has format {}, this roused reads up to {}: run a newer one", path.string(), found, format));
  }
  StoredSnapshot stored;
  std::copy_n(all.begin() + 16, stored.store.size(), reinterpret_cast<char*>(stored.store.data()));
  stored.snapshot.sequence = read_number<std::uint64_t>(all.substr(32));
  if (read_number<std::uint64_t>(all.substr(40)) != all.size() - header_size) {
    return damaged("its length is not what its header says");
  }
  if (all.substr(sealed_size, 16) != checksum(all.substr(0, sealed_size), all.substr(header_size))) {
    return damaged("its checksum does not match");
  }
  if (path.filename() != snapshot_path({}, stored.snapshot.sequence).filename()) {
    return damaged("its name and its header disagree");
  }
  bytes->erase(0, header_size);
  stored.snapshot.bytes = std::move(*bytes);
  return stored;
}

Done write_snapshot_file(const std::filesystem::path& directory,
                         const StoreId& store,
                         std::uint64_t sequence,
                         std::string_view bytes,
                         const SyncFile& sync) {
  std::string header(magic);
  append_number(header, format);
  append_number(header, static_cast<std::uint32_t>(header_size));
  header += as_bytes(store);
  append_number(header, sequence);
  append_number(header, std::uint64_t{bytes.size()});
  header += checksum(header, bytes);
  return replace_file(snapshot_path(directory, sequence), {header, bytes}, sync);
}

std::uint64_t drop_old_snapshots(const std::filesystem::path& directory, const StoreId& store, std::uint64_t newest) {
  std::uint64_t previous = 0;
  for (const std::uint64_t sequence : list_snapshots(directory)) {
    if (sequence >= newest) continue;
    const std::filesystem::path path = snapshot_path(directory, sequence);
    if (previous == 0) {
      if (const auto stored = read_snapshot_file(path); stored && stored->store == store) {
        previous = sequence;
        continue;
      }
    }
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  return previous;
}

}  // namespace journal
