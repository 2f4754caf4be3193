#include "daemon/journal/last_synced.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>

#include "daemon/journal/seal.hpp"

namespace journal {

namespace {

constexpr std::string_view magic = "rousesyn";
constexpr std::uint32_t format = 1;
constexpr std::size_t slot_distance = 512;  // one sector
constexpr std::size_t file_size = 4096;     // one block, allocated once: later writes change no metadata but times
constexpr std::size_t sealed_size = 8 + 4 + 4 + 16 + 8 + 8;
constexpr std::size_t slot_size = sealed_size + 8;

std::string encode(const SyncedPoint& point) {
  std::string bytes(magic);
  append_number(bytes, format);
  append_number(bytes, std::uint32_t{0});
  bytes += as_bytes(point.store);
  append_number(bytes, point.sequence);
  append_number(bytes, point.chain);
  append_number(bytes, record_checksum(bytes));
  return bytes;
}

bool is_sealed(std::string_view slot) {
  return slot.size() >= slot_size && slot.starts_with(magic) &&
         read_number<std::uint64_t>(slot.substr(sealed_size)) == record_checksum(slot.substr(0, sealed_size));
}

}  // namespace

tl::expected<SyncedPoint, std::string> LastSynced::read(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / file_name;
  const auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  std::optional<SyncedPoint> best;
  for (const std::size_t offset : {std::size_t{0}, slot_distance}) {
    if (bytes->size() < offset + slot_size) continue;
    const std::string_view slot = std::string_view(*bytes).substr(offset, slot_size);
    if (!is_sealed(slot)) continue;
    if (const auto found = read_number<std::uint32_t>(slot.substr(8)); found > format) {
      return tl::unexpected(
          fmt::format("{} has format {}, this roused reads up to {}: run a newer one", path.string(), found, format));
    }
    SyncedPoint point;
    std::copy_n(slot.begin() + 16, point.store.size(), reinterpret_cast<char*>(point.store.data()));
    point.sequence = read_number<std::uint64_t>(slot.substr(32));
    point.chain = read_number<std::uint64_t>(slot.substr(40));
    if (!best || point.sequence >= best->sequence) best = point;
  }
  if (!best) return tl::unexpected(fmt::format("{} is damaged: neither of its records can be believed", path.string()));
  return *best;
}

Done LastSynced::create(const std::filesystem::path& directory, const SyncedPoint& point, const SyncFile& sync) {
  std::string bytes = encode(point);
  bytes.resize(file_size);
  return replace_file(directory / file_name, {bytes}, sync);
}

tl::expected<LastSynced, std::string> LastSynced::open(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / file_name;
  LastSynced opened;
  opened.file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened.file_.is_open()) return tl::unexpected(cannot("open", path, errno));
  return opened;
}

int LastSynced::write(const SyncedPoint& point) {
  const int error = write_all(file_.number(), encode(point), next_slot_ * slot_distance);
  if (error == 0) {
    next_slot_ ^= 1U;
    is_dirty_ = true;
  }
  return error;
}

int LastSynced::sync(const SyncFile& sync) {
  if (sync(file_.number()) != 0) return errno;
  is_dirty_ = false;
  return 0;
}

}  // namespace journal
