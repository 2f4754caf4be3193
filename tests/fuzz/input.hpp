// Bytes of the fuzzer, read from front to back: what is missing at the end is zero, so that every input means something
// and a byte that is put in or taken out moves what follows and changes nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}

  [[nodiscard]] bool empty() const { return at_ >= size_; }
  [[nodiscard]] std::uint8_t byte() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  [[nodiscard]] std::string_view rest() {
    if (at_ >= size_) return {};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes here
    const std::string_view left{reinterpret_cast<const char*>(data_) + at_, size_ - at_};
    at_ = size_;
    return left;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_{};
};

// The bits of one byte, lowest first, as small choices.
class Bits {
 public:
  explicit Bits(std::uint8_t byte) : left_{byte} {}
  [[nodiscard]] bool flag() { return take(1) != 0; }
  [[nodiscard]] unsigned take(unsigned bits) {
    const unsigned value = left_ & ((1U << bits) - 1);
    left_ >>= bits;
    return value;
  }
  template <class Value>
  [[nodiscard]] const Value& of(const std::array<Value, 2>& choices) {
    return choices[take(1)];
  }
  template <class Value>
  [[nodiscard]] const Value& of(const std::array<Value, 4>& choices) {
    return choices[take(2)];
  }

 private:
  unsigned left_;
};

}  // namespace fuzz
