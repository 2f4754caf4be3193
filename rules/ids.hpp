// Numbers that cannot be mistaken for another kind of number.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace rules {

template <class Tag>
struct Id {
  std::uint64_t value{};
  auto operator<=>(const Id&) const = default;
};

using IncidentId = Id<struct IncidentTag>;      // the n of R-n: grows, may have gaps, never reused
using EpisodeId = Id<struct EpisodeTag>;        // one alert key from firing to resolved
using PageId = Id<struct PageTag>;              // one page: a person, a contact, an incident, a reason
using MessageId = Id<struct MessageTag>;        // what leaves as one message; carries one page or a bundle of them
using Fingerprint = Id<struct FingerprintTag>;  // Alertmanager's 64-bit FNV-1a over the sorted labels
using StoreId = std::array<std::uint8_t, 16>;   // made once with the store; every message key is derived from it

// 128 bits that stand for a set of labels or a group; seeded by the store, so nobody outside can aim for a collision.
struct Key128 {
  std::uint64_t high{};
  std::uint64_t low{};
  auto operator<=>(const Key128&) const = default;
};
using AlertKey = Key128;

struct Key128Hash {
  using is_avalanching = void;
  std::size_t operator()(const Key128& key) const noexcept { return key.low; }
};

}  // namespace rules
