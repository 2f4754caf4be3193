// What a deadline's half of a key finds.
#include "rules/key_map.hpp"

#include <string>

#include <gtest/gtest.h>

namespace rules {
namespace {

constexpr auto any = [](const std::string&) { return true; };

TEST(KeyMap, IsFoundByHalfOfItsKey) {
  KeyMap<std::string> map;
  map[{1, 2}] = "one";
  map[{3, 4}] = "three";
  const auto found = find_by_half(map, HighHalf{3}, any);
  ASSERT_NE(found, map.end());
  EXPECT_EQ(found->second, "three");
  EXPECT_EQ(find_by_half(map, HighHalf{4}, any), map.end());
}

// Keys are hashes: two of one half are not met, and yet neither may be lost.
TEST(KeyMap, TellsTwoOfOneHalfApart) {
  KeyMap<std::string> map;
  for (std::uint64_t low = 0; low < 5; ++low) map[{7, low}] = std::to_string(low);
  for (std::uint64_t low = 0; low < 5; ++low) {
    const std::string wanted = std::to_string(low);
    const auto found = find_by_half(map, HighHalf{7}, [&](const std::string& value) { return value == wanted; });
    ASSERT_NE(found, map.end());
    EXPECT_EQ(found->first, (Key128{7, low}));
  }
  EXPECT_EQ(find_by_half(map, HighHalf{7}, [](const std::string& value) { return value == "5"; }), map.end());
  EXPECT_EQ(map.find(Key128{7, 9}), map.end());
}

}  // namespace
}  // namespace rules
