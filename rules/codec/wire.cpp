#include "rules/codec/wire.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace codec {

void Writer::grow(std::size_t room) {
  constexpr std::size_t least = 256;
  const auto used = static_cast<std::size_t>(cursor_ - out_.data());
  out_.resize(std::max({used + room, 2 * used, least}));
  cursor_ = out_.data() + used;
  limit_ = out_.data() + out_.size();
}

void Reader::fail(std::string_view what) {
  if (error_.empty()) error_ = fmt::format("{} (at byte {} of {})", what, cursor_ - begin_, end_ - begin_);
  cursor_ = end_;
}

std::uint64_t Reader::long_number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (cursor_ == end_) {
      fail("a number is cut short");
      return 0;
    }
    const auto byte = static_cast<unsigned char>(*cursor_++);
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  fail("a number is too large");
  return 0;
}

std::uint64_t Reader::fixed() {
  if (remaining() < sizeof(std::uint64_t)) {
    fail("a number is cut short");
    return 0;
  }
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 8)
    value |= std::uint64_t{static_cast<unsigned char>(*cursor_++)} << shift;
  return value;
}

std::size_t Reader::count() {
  const std::uint64_t count = number();
  if (count <= remaining()) return static_cast<std::size_t>(count);
  fail("a list is longer than what is left");
  return 0;
}

std::size_t Reader::bytes_of_texts(std::size_t texts) const {
  const char* at = cursor_;
  std::size_t bytes = 0;
  for (std::size_t text = 0; text < texts && at != end_; ++text) {
    std::uint64_t size = 0;
    for (unsigned shift = 0; at != end_ && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      size |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    if (size > static_cast<std::size_t>(end_ - at)) break;
    at += size;
    bytes += static_cast<std::size_t>(size);
  }
  return bytes;
}

void Reader::skip_record() {
  std::uint32_t field = 0;
  Wire wire{};
  if (!enter()) return;
  while (next_field(field, wire)) skip(wire);
  leave();
}

void Reader::skip(Wire wire) {
  switch (wire) {
    case Wire::number:
      number();
      return;
    case Wire::fixed:
      fixed();
      return;
    case Wire::text:
      text();
      return;
    case Wire::record:
      skip_record();
      return;
    case Wire::texts:
      for (std::size_t left = count(); left > 0 && ok(); --left) text();
      return;
    case Wire::numbers:
      for (std::size_t left = count(); left > 0 && ok(); --left) number();
      return;
    case Wire::records:
      for (std::size_t left = count(); left > 0 && ok(); --left) skip_record();
      return;
  }
  fail("a field is written in an unknown way");
}

}  // namespace codec
