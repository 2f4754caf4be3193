#include "daemon/journal/log_file.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "daemon/journal/files.hpp"

namespace journal {

namespace {

// The format is SQLite's, and fixed: https://www.sqlite.org/fileformat2.html#walformat
constexpr std::size_t header_size = 32;
constexpr std::size_t frame_header_size = 24;
constexpr std::uint32_t magic = 0x377f0682;  // its last bit: the checksums read big-endian words

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

struct Checksum {
  std::uint32_t first{};
  std::uint32_t second{};
  bool operator==(const Checksum&) const = default;

  static Checksum stored(std::string_view bytes, std::size_t at) {
    return {big_endian(bytes, at), big_endian(bytes, at + 4)};
  }
  // Of so many bytes, a multiple of eight.
  void add(std::string_view bytes, bool is_big_endian) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::uint32_t left = big_endian(bytes, at);
      std::uint32_t right = big_endian(bytes, at + 4);
      if (!is_big_endian) {
        left = __builtin_bswap32(left);
        right = __builtin_bswap32(right);
      }
      first += left + second;
      second += right + first;
    }
  }
};

}  // namespace

std::string damage_in_log(const std::filesystem::path& log) {
  if (!is_there(log)) return {};
  const auto read = read_file(log);
  if (!read) return {};
  const std::string_view bytes = *read;
  if (bytes.substr(0, header_size).find_first_not_of('\0') == std::string_view::npos) return {};
  const std::string wrong_header = fmt::format("the header of {} does not match its checksum", log.string());
  if (bytes.size() < header_size) return wrong_header;
  const std::uint32_t mark = big_endian(bytes, 0);
  const bool is_big_endian = (mark & 1U) != 0;
  Checksum chain;
  chain.add(bytes.substr(0, 24), is_big_endian);
  if ((mark & ~1U) != magic || chain != Checksum::stored(bytes, 24)) return wrong_header;
  const std::size_t page_size = big_endian(bytes, 8);
  const std::string_view salts = bytes.substr(16, 8);

  bool is_whole = true;              // all frames so far
  bool follows_lost_commit = false;  // the frame before ends a transaction that SQLite does not read
  std::uint64_t proofs = 0;
  for (std::size_t at = header_size; at + frame_header_size + page_size <= bytes.size();
       at += frame_header_size + page_size) {
    const std::string_view frame = bytes.substr(at, frame_header_size + page_size);
    const bool is_of_this_log = frame.substr(8, 8) == salts;
    chain.add(frame.substr(0, 8), is_big_endian);
    chain.add(frame.substr(frame_header_size), is_big_endian);
    const Checksum stored = Checksum::stored(frame, 16);
    const bool continues = is_of_this_log && chain == stored;  // from the checksum that the frame before claims
    if (continues && follows_lost_commit) ++proofs;
    is_whole = is_whole && continues;
    follows_lost_commit = !is_whole && is_of_this_log && big_endian(frame, 4) != 0;
    chain = stored;
  }
  if (proofs == 0) return {};
  return fmt::format("{} is damaged: it has commits ({} or more) behind the place where it stops being readable",
                     log.string(),
                     proofs + 1);
}

}  // namespace journal
