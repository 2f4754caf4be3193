// What makes a row believable: a checksum over all that is in it, and a chain over the rows before it. Against damage
// and mix-ups, not against malice. Also the little-endian numbers of the journal's own files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "daemon/journal/journal.hpp"

namespace journal {

template <class Number>
void append_number(std::string& bytes, Number number) {
  static_assert(std::is_unsigned_v<Number>);
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(number >> (8 * i))));
  }
}

// `bytes` holds the whole number.
template <class Number>
Number read_number(std::string_view bytes) {
  static_assert(std::is_unsigned_v<Number>);
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>(number | (static_cast<Number>(static_cast<unsigned char>(bytes[i])) << (8 * i)));
  }
  return number;
}

std::string_view as_bytes(const StoreId& id);

// Over the body and the numbers beside it.
std::uint64_t row_checksum(std::uint64_t sequence,
                           std::uint32_t behaviour_version,
                           std::uint64_t previous_digest,
                           std::string_view body);

// The chain before the first row after `base_sequence`, in a store that has no older rows.
std::uint64_t first_chain(const StoreId& id, std::uint64_t base_sequence);
std::uint64_t next_chain(std::uint64_t previous_chain, std::uint64_t checksum);

// Over a short record.
std::uint64_t record_checksum(std::string_view bytes);

}  // namespace journal
