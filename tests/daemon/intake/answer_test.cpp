#include "daemon/intake/answer.hpp"

#include <gtest/gtest.h>

namespace intake {
namespace {

Parsed batch(std::string_view body) {
  Parser parser;
  auto parsed = parser.api_v2(body, {});
  EXPECT_TRUE(parsed);
  return parsed ? std::move(*parsed) : Parsed{};
}

TEST(Answer, SaysHowManyWereTakenAndWhichWereNot) {
  const Parsed parsed = batch(R"([{"labels":{"a":"b"}},{"labels":{}},{"labels":{"a":"c"}}])");
  const std::string expected =
      R"({"status":"ok","accepted":2,"rejected":[{"index":1,"reason":"no label has a value"}]})";
  EXPECT_EQ(alertmanager_answer(parsed), expected);
  EXPECT_EQ(api_v2_answer(parsed), expected);
}

TEST(Answer, ToTheListFormatIsEmptyWhenAllWereTaken) {
  const Parsed parsed = batch(R"([{"labels":{"a":"b"}}])");
  EXPECT_EQ(api_v2_answer(parsed), "");
  EXPECT_EQ(alertmanager_answer(parsed), R"({"status":"ok","accepted":1,"rejected":[]})");
}

TEST(Answer, NamesTheTotalWhenNotAllAreListed) {
  Parsed parsed = batch(R"([{"labels":{"a":"b"}},5])");
  parsed.rejected_count = 2000;
  EXPECT_EQ(alertmanager_answer(parsed),
            R"({"status":"ok","accepted":1,"rejected":[{"index":1,"reason":"not an object"}],"rejected_total":2000})");
}

}  // namespace
}  // namespace intake
