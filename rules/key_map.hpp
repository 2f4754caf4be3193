// What is remembered of alerts by their keys, for minutes, of each that ends: one look in memory to find, to add and to
// forget, however many there are. It has no order, so nothing that leaves the engine may depend on walking it; the
// codec writes it in order of keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <boost/unordered/unordered_flat_map.hpp>

#include "rules/ids.hpp"

namespace rules {

// The half of a key that a deadline has room for.
struct HighHalf {
  std::uint64_t high{};
};

struct HighHalfHash {
  using is_avalanching = void;  // keys are hashes
  using is_transparent = void;
  std::size_t operator()(const Key128& key) const noexcept { return key.high; }
  std::size_t operator()(HighHalf half) const noexcept { return half.high; }
};
struct HighHalfEqual {
  using is_transparent = void;
  bool operator()(const Key128& left, const Key128& right) const noexcept { return left == right; }
  bool operator()(HighHalf left, const Key128& right) const noexcept { return left.high == right.high; }
  bool operator()(const Key128& left, HighHalf right) const noexcept { return left.high == right.high; }
};

template <class Value>
using KeyMap = boost::unordered_flat_map<Key128, Value, HighHalfHash, HighHalfEqual>;

/// The one whose key has this half and of which the predicate is true; end() when there is none.
template <class Value, class Predicate>
[[nodiscard]] typename KeyMap<Value>::iterator find_by_half(KeyMap<Value>& map, HighHalf half, Predicate is_it) {
  const auto first = map.find(half);
  if (first == map.end() || is_it(first->second)) return first;
  // Two keys of one half: hashes being what they are, this is not met. Nothing is lost if it is.
  return std::find_if(
      map.begin(), map.end(), [&](const auto& one) { return one.first.high == half.high && is_it(one.second); });
}

}  // namespace rules
