#include "rules/codec/wire.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace codec {
namespace {

std::string written(void (*write)(Writer&)) {
  std::string bytes;
  Writer out{bytes};
  write(out);
  out.finish();
  return bytes;
}

TEST(Wire, NumbersComeBackAtEveryLength) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t number : {std::uint64_t{1} << bit, (std::uint64_t{1} << bit) - 1}) {
      std::string bytes;
      Writer out{bytes};
      out.number(number);
      out.finish();
      Reader in{bytes};
      EXPECT_EQ(in.number(), number);
      EXPECT_EQ(in.remaining(), 0U);
    }
  }
  std::string bytes;
  Writer out{bytes};
  out.number(std::numeric_limits<std::uint64_t>::max());
  out.finish();
  EXPECT_EQ(bytes.size(), 10U);
  Reader in{bytes};
  EXPECT_EQ(in.number(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(in.ok());
}

TEST(Wire, ANumberOfMoreThan64BitsIsAnError) {
  for (const std::string_view last : {"\x02", "\x7F", "\x80", "\xFF"}) {
    const std::string bytes = std::string(9, '\xFF') + std::string{last} + std::string(5, '\1');
    Reader in{bytes};
    EXPECT_EQ(in.number(), 0U);
    EXPECT_FALSE(in.ok());
  }
}

TEST(Wire, AfterTheFirstErrorNothingIsLeftAndTheFirstErrorIsKept) {
  const std::string bytes = "\5ab\1\1\1";
  Reader in{std::string_view{bytes}.substr(0, 3)};
  EXPECT_EQ(in.text(), "");
  const std::string error = in.error();
  EXPECT_EQ(error, "a text is longer than what is left (at byte 1 of 3)");
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ(in.number(), 0U);
  EXPECT_EQ(in.fixed(), 0U);
  EXPECT_EQ(in.count(), 0U);
  EXPECT_EQ(in.error(), error);
}

TEST(Wire, AListCannotClaimMoreThanThereAreBytes) {
  const std::string bytes = written([](Writer& out) {
    out.number(4);
    out.bytes("abc");
  });
  Reader in{bytes};
  EXPECT_EQ(in.count(), 0U);
  EXPECT_FALSE(in.ok());
}

TEST(Wire, WhatIsUnknownIsSteppedOverHoweverItIsWritten) {
  const std::string bytes = written([](Writer& out) {
    out.tag(1, Wire::number);
    out.number(300);
    out.tag(2, Wire::fixed);
    out.fixed(7);
    out.tag(3, Wire::text);
    out.text("text");
    out.tag(4, Wire::record);
    out.tag(1, Wire::record);
    out.end_record();
    out.end_record();
    out.tag(5, Wire::texts);
    out.number(2);
    out.texts("one", "");
    out.tag(6, Wire::numbers);
    out.number(2);
    out.number(1);
    out.number(1000);
    out.tag(7, Wire::records);
    out.number(2);
    out.end_record();
    out.tag(1, Wire::number);
    out.number(1);
    out.end_record();
    out.tag(1000, Wire::text);
    out.text("here");
  });
  Reader in{bytes};
  std::uint32_t field = 0;
  Wire wire{};
  while (in.next_field(field, wire) && field != 1000) in.skip(wire);
  EXPECT_EQ(field, 1000U);
  EXPECT_EQ(in.text(), "here");
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0U);
}

TEST(Wire, AFieldWrittenInAnUnknownWayIsAnError) {
  const std::string bytes{"\x0F\1"};
  Reader in{bytes};
  std::uint32_t field = 0;
  Wire wire{};
  ASSERT_TRUE(in.next_field(field, wire));
  in.skip(wire);
  EXPECT_FALSE(in.ok());
}

TEST(Wire, UnknownRecordsMayNestButNotForEver) {
  for (const int depth : {max_depth, max_depth + 1, 1'000'000}) {
    const auto times = static_cast<std::size_t>(depth);
    const std::string bytes = std::string(times, '\x0B') + std::string(times, '\0');  // field 1, a record, in a record
    Reader reader{bytes};
    std::uint32_t field = 0;
    Wire wire{};
    ASSERT_TRUE(reader.next_field(field, wire));
    reader.skip(wire);
    EXPECT_EQ(reader.ok(), depth <= max_depth) << depth;
  }
}

TEST(Wire, AppendingKeepsWhatStandsThere) {
  std::string bytes = "before";
  Writer out{bytes};
  out.text(std::string(1000, 'x'));
  out.finish();
  EXPECT_EQ(bytes.size(), 6 + 2 + 1000U);
  EXPECT_EQ(bytes.substr(0, 6), "before");
}

}  // namespace
}  // namespace codec
