#include "daemon/journal/seal.hpp"

#include <xxhash.h>

namespace journal {

std::string_view as_bytes(const StoreId& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

std::uint64_t record_checksum(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t row_checksum(std::uint64_t sequence,
                           std::uint32_t behaviour_version,
                           std::uint64_t previous_digest,
                           std::string_view body) {
  std::string numbers;
  numbers.reserve(20);
  append_number(numbers, sequence);
  append_number(numbers, behaviour_version);
  append_number(numbers, previous_digest);
  return XXH3_64bits_withSeed(body.data(), body.size(), record_checksum(numbers));
}

std::uint64_t first_chain(const StoreId& id, std::uint64_t base_sequence) {
  std::string bytes(as_bytes(id));
  append_number(bytes, base_sequence);
  return record_checksum(bytes);
}

std::uint64_t next_chain(std::uint64_t previous_chain, std::uint64_t checksum) {
  std::string bytes;
  bytes.reserve(16);
  append_number(bytes, previous_chain);
  append_number(bytes, checksum);
  return record_checksum(bytes);
}

}  // namespace journal
