// The bytes underneath the codec: numbers, texts, and lists and records of them, each after a tag that says which field
// it is and how it is written, so that a reader can step over what it does not know.
//
//   number   varint (7 bits a byte, lowest first); signed numbers are zigzagged: 0, -1, 1, -2, ...
//   fixed    8 bytes, lowest first: for hashes
//   text     length, bytes
//   record   fields, each a tag and a value; ends with the tag 0
//   texts    count, then that many lengths and bytes
//   numbers  count, then that many numbers
//   records  count, then that many records without tags of their own
//   tag      number of the field * 8 + how it is written, as a varint
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace codec {

enum class Wire : std::uint8_t { number, fixed, text, record, texts, numbers, records };

/// Records within records, known or stepped over. Routes nest in routes; the rest needs less than ten.
inline constexpr int max_depth = 80;

/// Appends to a string that it borrows. The string is valid when finish() has been called.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out), cursor_(out.data() + out.size()), limit_(cursor_) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void finish() { out_.resize(static_cast<std::size_t>(cursor_ - out_.data())); }

  void number(std::uint64_t value) {
    need(most_bytes_of_a_number);
    number_in_room(value);
  }

  void tag(std::uint32_t field, Wire wire) { number(std::uint64_t{field} << 3U | static_cast<std::uint64_t>(wire)); }
  void end_record() { number(0); }

  void fixed(std::uint64_t value) {
    need(sizeof value);
    for (unsigned shift = 0; shift < 64; shift += 8) *cursor_++ = static_cast<char>(value >> shift);
  }

  void text(std::string_view text) {
    need(most_bytes_of_a_number + text.size());
    text_in_room(text);
  }

  /// Two texts at the price of one check.
  void texts(std::string_view one, std::string_view other) {
    need(2 * most_bytes_of_a_number + one.size() + other.size());
    text_in_room(one);
    text_in_room(other);
  }

  void bytes(std::string_view bytes) {
    need(bytes.size());
    copy(bytes);
  }

 private:
  static constexpr std::size_t most_bytes_of_a_number = 10;

  void need(std::size_t room) {
    if (static_cast<std::size_t>(limit_ - cursor_) < room) grow(room);
  }
  void grow(std::size_t room);
  void number_in_room(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) *cursor_++ = static_cast<char>(value | 0x80U);
    *cursor_++ = static_cast<char>(value);
  }
  void text_in_room(std::string_view text) {
    number_in_room(text.size());
    copy(text);
  }
  void copy(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(cursor_, bytes.data(), bytes.size());  // an empty view may point nowhere
    cursor_ += bytes.size();
  }

  std::string& out_;
  char* cursor_;
  char* limit_;
};

/// Reads bytes that it borrows and trusts none of them. After the first error everything reads as zero or empty, and
/// nothing remains: loops end by themselves.
class Reader {
 public:
  explicit Reader(std::string_view bytes)
      : begin_(bytes.data()), cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] bool ok() const { return error_.empty(); }
  [[nodiscard]] const std::string& error() const { return error_; }
  void fail(std::string_view what);

  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - cursor_); }

  std::uint64_t number() {
    if (cursor_ != end_ && static_cast<signed char>(*cursor_) >= 0) return static_cast<unsigned char>(*cursor_++);
    return long_number();
  }
  std::uint64_t fixed();
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > remaining()) {
      fail("a text is longer than what is left");
      return {};
    }
    const std::string_view text{cursor_, static_cast<std::size_t>(size)};
    cursor_ += text.size();
    return text;
  }
  /// Of things of which each takes a byte at least; 0 after an error.
  std::size_t count();
  /// The bytes of all of the next texts, which are not stepped over. For reserving; no error when they are cut short.
  [[nodiscard]] std::size_t bytes_of_texts(std::size_t texts) const;

  /// Of the next field; false at the end of the record or after an error.
  bool next_field(std::uint32_t& field, Wire& wire) {
    const std::uint64_t tag = number();
    if (tag == 0) return false;  // also after an error
    if (tag >> 35U != 0) {
      fail("a tag is too large");
      return false;
    }
    field = static_cast<std::uint32_t>(tag >> 3U);
    wire = static_cast<Wire>(tag & 7U);
    return true;
  }
  void skip(Wire wire);

  /// Around each record: false, and an error, when records nest too deeply.
  bool enter() {
    if (++depth_ <= max_depth) return true;
    fail("records nest too deeply");
    return false;
  }
  void leave() { --depth_; }

 private:
  std::uint64_t long_number();
  void skip_record();

  const char* begin_;
  const char* cursor_;
  const char* end_;
  int depth_ = 0;
  std::string error_;
};

}  // namespace codec
