#include "daemon/intake/text.hpp"

namespace intake {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view ellipsis = "\xE2\x80\xA6";     // U+2026

std::uint8_t byte_at(std::string_view text, std::size_t position) {
  return static_cast<std::uint8_t>(text[position]);
}

bool is_continuation(std::uint8_t byte) {
  return (byte & 0xC0U) == 0x80U;
}

// The length of the well-formed sequence that begins here (Unicode, table 3-7), 0 when there is none.
std::size_t sequence_at(std::string_view text, std::size_t position) {
  const std::uint8_t lead = byte_at(text, position);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t second_from = 0x80;
  std::uint8_t second_to = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) second_from = 0xA0;
    if (lead == 0xED) second_to = 0x9F;  // what follows would be a surrogate
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) second_from = 0x90;
    if (lead == 0xF4) second_to = 0x8F;
  } else {
    return 0;
  }
  if (text.size() - position < length) return 0;
  const std::uint8_t second = byte_at(text, position + 1);
  if (second < second_from || second > second_to) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!is_continuation(byte_at(text, position + i))) return 0;
  }
  return length;
}

constexpr std::uint32_t no_escape = 0xFFFFFFFF;

// The code unit of a \uXXXX that begins here.
std::uint32_t escape_at(std::string_view text, std::size_t position) {
  if (text.size() - position < 6 || text[position] != '\\' || text[position + 1] != 'u') return no_escape;
  std::uint32_t unit = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    const char digit = text[position + i];
    unit <<= 4U;
    if (digit >= '0' && digit <= '9') {
      unit |= static_cast<std::uint32_t>(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
      unit |= static_cast<std::uint32_t>(digit - 'a' + 10);
    } else if (digit >= 'A' && digit <= 'F') {
      unit |= static_cast<std::uint32_t>(digit - 'A' + 10);
    } else {
      return no_escape;
    }
  }
  return unit;
}

bool is_high_surrogate(std::uint32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low_surrogate(std::uint32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

// What a terminal or a log reader would act on instead of showing it.
bool is_unsafe(std::string_view sequence) {
  if (sequence.size() == 1) return byte_at(sequence, 0) < 0x20 || byte_at(sequence, 0) == 0x7F;
  if (sequence.size() == 2) return sequence[0] == '\xC2' && byte_at(sequence, 1) < 0xA0;  // C1 controls
  if (sequence.size() != 3 || sequence[0] != '\xE2') return false;
  const std::uint8_t last = byte_at(sequence, 2);
  if (sequence[1] == '\x80') return last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE);
  return sequence[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
}

}  // namespace

std::uint64_t repair(std::string_view json, std::string& repaired) {
  repaired.clear();
  repaired.reserve(json.size() + json.size() / 8);
  std::uint64_t replaced = 0;
  std::size_t copied = 0;  // all before it is in `repaired`
  const auto replace = [&](std::size_t position, std::size_t length) {
    repaired.append(json.substr(copied, position - copied)).append(replacement);
    copied = position + length;
    ++replaced;
    return copied;
  };
  std::size_t position = 0;
  while (position < json.size()) {
    if (json[position] != '\\') {
      const std::size_t length = sequence_at(json, position);
      position = length == 0 ? replace(position, 1) : position + length;
      continue;
    }
    const std::uint32_t unit = escape_at(json, position);
    if (unit == no_escape) {
      // Past the escaped character too, so that the u of \\ud800 is not taken for an escape.
      const bool escapes_ascii = position + 1 < json.size() && byte_at(json, position + 1) < 0x80;
      position += escapes_ascii ? 2 : 1;
    } else if (is_low_surrogate(unit)) {
      position = replace(position, 6);
    } else if (!is_high_surrogate(unit)) {
      position += 6;
    } else if (position + 6 < json.size() && is_low_surrogate(escape_at(json, position + 6))) {
      position += 12;
    } else {
      position = replace(position, 6);
    }
  }
  repaired.append(json.substr(copied));
  return replaced;
}

std::string_view beginning_of(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && is_continuation(byte_at(text, end))) --end;
  return text.substr(0, end);
}

std::string compact(std::string_view json) {
  std::string compacted;
  compacted.reserve(json.size());
  bool within_string = false;
  for (std::size_t position = 0; position < json.size(); ++position) {
    const char character = json[position];
    if (within_string) {
      compacted += character;
      if (character == '\\' && position + 1 < json.size()) compacted += json[++position];
      if (character == '"') within_string = false;
    } else if (character != ' ' && character != '\t' && character != '\n' && character != '\r') {
      compacted += character;
      within_string = character == '"';
    }
  }
  return compacted;
}

std::string excerpt_of(std::string_view text, std::size_t limit) {
  const bool whole = text.size() <= limit;
  const std::size_t room = whole || limit < ellipsis.size() ? limit : limit - ellipsis.size();
  const std::string_view beginning = beginning_of(text, room);
  std::string excerpt;
  excerpt.reserve(limit);
  for (std::size_t position = 0; position < beginning.size();) {
    const std::size_t length = sequence_at(beginning, position);
    if (length == 0) {
      excerpt += '?';
      ++position;
      continue;
    }
    const std::string_view sequence = beginning.substr(position, length);
    if (is_unsafe(sequence)) {
      excerpt += ' ';
    } else {
      excerpt += sequence;
    }
    position += length;
  }
  if (!whole && room != limit) excerpt += ellipsis;
  return excerpt;
}

}  // namespace intake
