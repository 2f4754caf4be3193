// Promises about the texts that reasons are made of.
#include "rules/moment.hpp"

#include <string>

#include <gtest/gtest.h>

namespace rules {
namespace {

TEST(InShort, CutsLongValuesBetweenTwoCharacters) {
  const std::string long_value = std::string(79, 'x') + "\u00fc and more";
  EXPECT_EQ(in_short(Labels{{{"a", long_value}}}), "a=" + std::string(79, 'x'));
}

TEST(BeginningOf, HasWholeCharactersOnly) {
  EXPECT_EQ(beginning_of("a\u4e2d", 4), "a\u4e2d");
  EXPECT_EQ(beginning_of("a\u4e2d", 3), "a");
  EXPECT_EQ(beginning_of("a\u4e2d", 2), "a");
  EXPECT_EQ(beginning_of("\u4e2d", 1), "");
  EXPECT_EQ(beginning_of("abc", 2), "ab");
  EXPECT_EQ(beginning_of("", 0), "");
}

}  // namespace
}  // namespace rules
