// An indexed map and std::map, told the same, say the same.
#include "rules/indexed_map.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace rules {
namespace {

using Indexed = IndexedMap<EpisodeId, std::string>;
using Plain = std::map<EpisodeId, std::string>;

void expect_same(Indexed& indexed, const Plain& plain) {
  ASSERT_EQ(indexed.size(), plain.size());
  ASSERT_EQ(indexed.empty(), plain.empty());
  auto other = plain.begin();
  for (const auto& [id, text] : indexed) {
    ASSERT_EQ(id, other->first);
    ASSERT_EQ(text, other->second);
    ++other;
  }
}

TEST(IndexedMap, SaysWhatAMapSays) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random{seed};
  Indexed indexed;
  Plain plain;
  for (int step = 0; step < 20'000; ++step) {
    const EpisodeId id{random() % 200};
    const std::string text = std::to_string(step);
    switch (random() % 6) {
      case 0:
        ASSERT_EQ(indexed.emplace(id, text).second, plain.emplace(id, text).second);
        break;
      case 1:
        indexed[id] = text;
        plain[id] = text;
        break;
      case 2:
        ASSERT_EQ(indexed.erase(id), plain.erase(id));
        break;
      case 3: {
        const auto found = indexed.find(id);
        ASSERT_EQ(found == indexed.end(), !plain.contains(id));
        ASSERT_EQ(indexed.contains(id), plain.contains(id));
        if (found != indexed.end()) {
          ASSERT_EQ(found->second, plain.at(id));
          ASSERT_EQ(indexed.at(id), plain.at(id));
          // What follows what goes is what follows in a map.
          const auto next = indexed.erase(found);
          const auto other = plain.erase(plain.find(id));
          ASSERT_EQ(next == indexed.end(), other == plain.end());
          if (next != indexed.end()) {
            ASSERT_EQ(next->first, other->first);
          }
        }
        break;
      }
      case 4: {
        const auto bound = indexed.lower_bound(id);
        const auto other = plain.lower_bound(id);
        ASSERT_EQ(bound == indexed.end(), other == plain.end());
        if (bound != indexed.end()) {
          ASSERT_EQ(bound->first, other->first);
        }
        break;
      }
      default:
        if (random() % 100 != 0) break;
        // Moved away and back: nothing stays behind, and what moved is found.
        Indexed moved{std::move(indexed)};
        ASSERT_TRUE(indexed.empty());  // NOLINT(bugprone-use-after-move): that it is so is promised
        ASSERT_FALSE(indexed.contains(id));
        expect_same(moved, plain);
        indexed = std::move(moved);
        ASSERT_EQ(indexed.find(id) != indexed.end(), plain.contains(id));
    }
  }
  expect_same(indexed, plain);
  EXPECT_THROW(static_cast<void>(indexed.at(EpisodeId{1000})), std::out_of_range);
  indexed.clear();
  EXPECT_FALSE(indexed.contains(plain.begin()->first));
}

}  // namespace
}  // namespace rules
