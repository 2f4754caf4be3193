// What senders get wrong, as a table and as promises. The contract: bad input is a 400 in plain words or is taken with
// its oddities counted; nothing of it ends the process, and no page is lost over an accent.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

using rules::ReportStatus;
using testing::HasSubstr;
using testing::Not;

enum class Format { webhook, list };

tl::expected<Parsed, Refused> parse(Format format, std::string_view body, const Context& context = {}) {
  Parser parser;
  bodies::Fenced memory{body.size()};
  const Body held = memory.hold(body);
  return format == Format::webhook ? parser.alertmanager(held, context) : parser.api_v2(held, context);
}

Parsed taken(Format format, std::string_view body, const Context& context = {}) {
  auto parsed = parse(format, body, context);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().why);
  return parsed ? std::move(*parsed) : Parsed{};
}

// The one alert of a webhook with these members.
rules::Report alert(std::string_view members, Oddities* oddities = nullptr, const Context& context = {}) {
  const std::string body = R"({"version":"4","alerts":[{"status":"firing",)" + std::string{members} + "}]}";
  Parsed parsed = taken(Format::webhook, body, context);
  EXPECT_EQ(parsed.event.reports.size(), 1U) << members;
  if (oddities != nullptr) *oddities = parsed.oddities;
  return parsed.event.reports.empty() ? rules::Report{} : std::move(parsed.event.reports.front());
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t round = 0; round < times; ++round) all += text;
  return all;
}

constexpr auto webhook = Format::webhook;
constexpr auto list = Format::list;

struct Row {
  Format format;
  std::string body;
  int status;
  std::string why;  // part of the words for a refusal
  std::size_t accepted{};
  std::size_t rejected{};
};

const std::string good = R"({"status":"firing","labels":{"alertname":"A"}})";

std::vector<Row> rows() {
  using std::string_literals::operator""s;
  return {
      // not JSON
      {webhook, "", 400, "empty"},
      {list, "", 400, "empty"},
      {webhook, "  \n\t ", 400, "empty"},
      {webhook, "hello", 400, "not JSON"},
      {webhook, "<html></html>", 400, "not JSON"},
      {webhook, "\0\0\0"s, 400, "not JSON"},
      {webhook, "{", 400, "not JSON"},
      {webhook, "}", 400, "not JSON"},
      {list, "[", 400, "not JSON"},
      {list, "]", 400, "not JSON"},
      {webhook, R"({"alerts":[)" + good + "]", 400, "not closed"},
      {webhook, R"({"alerts":[)" + good, 400, "not JSON"},
      {webhook, R"({"alerts":[{"labels":{"a":"b)", 400, "a string is not closed"},
      {webhook, R"({"alerts":[],})", 400, "not JSON"},
      {webhook, R"({"alerts":[)" + good + ",]}", 400, "not JSON"},
      {list, "[" + good + " " + good + "]", 400, "not JSON"},
      {list, R"([{"labels" {"a":"b"}}])", 400, "not JSON"},
      {list, R"([{labels:{"a":"b"}}])", 400, "not JSON"},
      {list, R"([{'labels':{'a':'b'}}])", 400, "not JSON"},
      {list, R"([{"labels":{"a":"b"}}}])", 400, "not JSON"},
      {list, R"([{"labels":{"a":"b"}]])", 400, "not JSON"},
      {list, R"([{"labels":{"a":tru}}])", 400, "true, false and null"},
      {list, R"([{"labels":{"a":nil}}])", 400, "true, false and null"},
      {list, R"([{"labels":{"a":01}}])", 400, "number"},
      {list, R"([{"labels":{"a":-}}])", 400, "number"},
      {list, R"([{"labels":{"a":1.}}])", 400, "number"},
      {list, R"([{"labels":{"a":.5}}])", 400, "not JSON"},
      {list, R"([{"labels":{"a":1e}}])", 400, "number"},
      {list, R"([{"labels":{"a":0x10}}])", 400, "number"},
      {list, R"([{"labels":{"a":NaN}}])", 400, "not JSON"},
      {list, R"([{"labels":{"a":"\q"}}])", 400, "escape"},
      {list, R"([{"labels":{"a":"\u12"}}])", 400, "escape"},
      {list, "[{\"labels\":{\"a\":\"line\nbreak\"}}]", 400, "control character"},
      {list, "[" + good + "] x", 400, "follows"},
      {list, "[" + good + "][]", 400, "follows"},
      {webhook, R"({"alerts":[)" + good + "]}{}", 400, "follows"},
      {webhook, R"({"unknown":"\q","alerts":[)" + good + "]}", 400, "escape"},
      {webhook, R"({"unknown":[1,{"x":tru}],"alerts":[)" + good + "]}", 400, "true, false and null"},
      // not this format
      {webhook, "[]", 400, "not an object"},
      {webhook, "[" + good + "]", 400, "not an object"},
      {webhook, "5", 400, "not an object"},
      {webhook, "null", 400, "not an object"},
      {webhook, R"("alerts")", 400, "not an object"},
      {list, "{}", 400, "not an array"},
      {list, R"({"alerts":[)" + good + "]}", 400, "not an array"},
      {list, "null", 400, "not an array"},
      {webhook, "{}", 400, "`alerts` is missing"},
      {webhook, R"({"alerts":null})", 400, "`alerts` is missing"},
      {webhook, R"({"alerts":{}})", 400, "`alerts` is not an array"},
      {webhook, R"({"alerts":"none"})", 400, "`alerts` is not an array"},
      {webhook, R"({"Alerts":[)" + good + "]}", 400, "`alerts` is missing"},
      {webhook, R"({"alerts":[)" + good + R"(],"alerts":7})", 400, "`alerts` is not an array"},
      // nesting
      {list, nested(100'000), 400, "deeper than 32"},
      {webhook, R"({"alerts":)" + nested(100'000) + "}", 400, "deeper than 32"},
      {list, std::string(100'000, '['), 400, "not JSON"},
      {webhook, repeated(R"({"alerts":)", 50'000) + "1" + std::string(50'000, '}'), 400, "deeper than 32"},
      {list, R"([{"labels":{"a":)" + nested(30) + "}}]", 400, "deeper than 32"},
      {list, R"([{"labels":{"a":)" + nested(29) + "}}]", 200, "", 1},
      {webhook, R"({"unknown":)" + nested(32) + R"(,"alerts":[]})", 400, "deeper than 32"},
      {webhook, R"({"unknown":)" + nested(31) + R"(,"alerts":[]})", 200, ""},
      // nothing to take
      {webhook, R"({"alerts":[]})", 200, ""},
      {list, "[]", 200, ""},
      {webhook, R"({"alerts":[{}]})", 400, "no alert of 1 can be used; the first: labels are missing"},
      {webhook, R"({"alerts":[{"labels":null}]})", 400, "labels are missing"},
      {webhook, R"({"alerts":[{"labels":{}}]})", 400, "no label has a value"},
      {webhook, R"({"alerts":[{"labels":{"a":""}}]})", 400, "no label has a value"},
      {webhook, R"({"alerts":[{"labels":{"a":null,"":"b"}}]})", 400, "no label has a value"},
      {webhook, R"({"alerts":[{"labels":["a"]}]})", 400, "labels are not an object"},
      {webhook, R"({"alerts":[{"labels":"a=b"}]})", 400, "labels are not an object"},
      {webhook, R"({"alerts":[1,null,"x",[]]})", 400, "no alert of 4 can be used; the first: not an object"},
      {list, R"([{"labels":{"a":"b"},"labels":null}])", 400, "labels are missing"},
      // some of it
      {webhook, R"({"alerts":[{},)" + good + "]}", 200, "", 1, 1},
      {webhook, R"({"alerts":[)" + good + R"(,{"labels":{}},7,)" + good + "]}", 200, "", 2, 2},
      {list, "[null," + good + "]", 200, "", 1, 1},
      {list, "[[[]],{\"labels\":[{}]}," + good + "]", 200, "", 1, 2},
      // odd, but taken
      {list, "[" + repeated(good + ",", 49'999) + good + "]", 200, "", 50'000},
      {webhook, "\xEF\xBB\xBF{\"alerts\":[" + good + "]}", 200, "", 1},
      {webhook, " \r\n{ \"alerts\" : [ " + good + " ] } \n\n", 200, "", 1},
      {webhook, R"({"version":"99","alerts":[)" + good + "]}", 200, "", 1},
      {webhook, R"({"version":4,"alerts":[)" + good + "]}", 200, "", 1},
      {webhook, R"({"alerts":[{"labels":{"a":1e999999,"b":123456789012345678901234567890}}]})", 200, "", 1},
      {webhook, R"({"alerts":[{"labels":{"a":"\ud800"}}]})", 200, "", 1},
      {webhook, "{\"alerts\":[{\"labels\":{\"a\":\"\xFF\"}}]}", 200, "", 1},
      {webhook, R"({"alerts":[{"labels":{"a":"b"},"startsAt":"yesterday","endsAt":5}]})", 200, "", 1},
      {webhook, R"({"alerts":[{"labels":{"a":"b"},"annotations":[1,2],"generatorURL":{}}]})", 200, "", 1},
      {webhook, R"({"alerts":[{"labels":{"a":"{{ .Labels }} ${x} <script>"}}]})", 200, "", 1},
  };
}

TEST(BadInput, IsAnsweredAsTheTableSays) {
  for (const Row& row : rows()) {
    const std::string shown = row.body.substr(0, 80);
    const auto parsed = parse(row.format, row.body);
    if (row.status == 200) {
      ASSERT_TRUE(parsed) << shown << ": " << parsed.error().why;
      EXPECT_EQ(parsed->event.reports.size(), row.accepted) << shown;
      EXPECT_EQ(parsed->rejected_count, row.rejected) << shown;
      EXPECT_EQ(parsed->rejected.size(), row.rejected) << shown;
      EXPECT_EQ(parsed->total, row.accepted + row.rejected) << shown;
    } else {
      ASSERT_FALSE(parsed) << shown;
      EXPECT_EQ(parsed.error().status, row.status) << shown;
      EXPECT_THAT(parsed.error().why, HasSubstr(row.why)) << shown;
    }
  }
  EXPECT_GE(rows().size(), 45U);
}

TEST(BadInput, LeavesTheNextGoodBodyUnharmed) {
  Parser parser;
  const std::string body = R"({"version":"4","alerts":[)" + good + "]}";
  for (const Row& row : rows()) {
    static_cast<void>(row.format == webhook ? parser.alertmanager(std::string_view{row.body}, {})
                                            : parser.api_v2(std::string_view{row.body}, {}));
    const auto parsed = parser.alertmanager(std::string_view{body}, {});
    ASSERT_TRUE(parsed) << "after " << row.body.substr(0, 80);
    ASSERT_EQ(parsed->event.reports.size(), 1U);
    ASSERT_EQ(parsed->oddities, Oddities{});
  }
}

TEST(BadInput, IsNeverEchoedInTheReason) {
  for (const std::string body : {R"({"alerts":[{"secret":"hunter2","labels":{"hunter2":tru}}]})",
                                 R"({"alerts":[{"secret":"hunter2"}]})",
                                 R"({"hunter2":1})",
                                 R"(hunter2)",
                                 R"({"alerts":["hunter2"]} hunter2)"}) {
    const auto parsed = parse(webhook, body);
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().why, Not(HasSubstr("hunter2")));
  }
}

TEST(BadInput, IsShownWhereItIsWrong) {
  const auto why = [](std::string_view body) {
    const auto parsed = parse(list, body);
    return parsed ? std::string{"taken"} : parsed.error().why;
  };
  EXPECT_THAT(why(R"([{"labels":{"a":tru}}])"), HasSubstr("near byte 16"));
  EXPECT_THAT(why("[{\"labels\":{\"a\":\"x\ny\"}}]"), HasSubstr("near byte 18"));
  EXPECT_THAT(why(R"([{"labels":{"a":"x)"), HasSubstr("near byte 18"));
  EXPECT_THAT(why("[] []"), HasSubstr("near byte 3"));
  EXPECT_THAT(why("\xEF\xBB\xBF[] []"), HasSubstr("near byte 6"));
  EXPECT_THAT(why("[] x"), Not(HasSubstr("near byte")));  // no place is better than a wrong one
  EXPECT_THAT(why(nested(33)), HasSubstr("near byte 32"));
}

TEST(BadInput, LargerThanTheLimitIsA413) {
  Context context;
  context.limits.body_bytes = 100;
  const auto parsed = parse(list, std::string(101, ' '), context);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().status, 413);
}

TEST(RejectedAlerts, AreNamedByTheirPlaceWithTheReasonAndHowTheyBegan) {
  const Parsed parsed =
      taken(list, "[" + good + R"(, {"labels" : {}, "x" : "\u202e"} ,)" + "\t5 , [ 1 ] ," + good + "]");
  ASSERT_EQ(parsed.rejected.size(), 3U);
  EXPECT_EQ(parsed.rejected[0].index, 1U);
  EXPECT_EQ(parsed.rejected[0].why, "no label has a value");
  EXPECT_EQ(parsed.rejected[0].excerpt, R"({"labels" : {}, "x" : "\u202e"})");
  EXPECT_EQ(parsed.rejected[1].index, 2U);
  EXPECT_EQ(parsed.rejected[1].excerpt, "5");
  EXPECT_EQ(parsed.rejected[2].index, 3U);
  EXPECT_EQ(parsed.rejected[2].excerpt, "[ 1 ]");
}

TEST(RejectedAlerts, AreListedAndShownWithinBounds) {
  const std::string bad = R"({"x":")" + repeated("\xE2\x80\xAE\xC3\xA9", 1000) + "\"}";
  const Parsed parsed = taken(list, "[" + good + "," + repeated(bad + ",", 1999) + bad + "]");
  EXPECT_EQ(parsed.rejected_count, 2000U);
  ASSERT_EQ(parsed.rejected.size(), 1000U);
  EXPECT_LE(parsed.rejected[0].excerpt.size(), 512U);
  EXPECT_THAT(parsed.rejected[0].excerpt, Not(HasSubstr("\xE2\x80\xAE")));
}

TEST(RejectedAlerts, StayToBeLookedAtWhenNoneCouldBeTaken) {
  const auto parsed = parse(list, R"([{"labels":{}},5])");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().total, 2U);
  ASSERT_EQ(parsed.error().rejected.size(), 2U);
  EXPECT_EQ(parsed.error().rejected[1].excerpt, "5");
}

TEST(Values, ThatAreNoTextBecomeText) {
  Oddities oddities;
  const rules::Report report =
      alert(R"("labels":{"n":1.0,"e":-1E+05,"big":123456789012345678901234567890,"t":true,"f":false,"z":null,)"
            R"("o":{ "a" : [ 1 , "x y\" ]" ] },"l":[ ],"s":"text"},"annotations":{"v":0.50,"gone":null})",
            &oddities);
  EXPECT_EQ(report.labels.find("n"), "1.0");
  EXPECT_EQ(report.labels.find("e"), "-1E+05");
  EXPECT_EQ(report.labels.find("big"), "123456789012345678901234567890");
  EXPECT_EQ(report.labels.find("t"), "true");
  EXPECT_EQ(report.labels.find("f"), "false");
  EXPECT_FALSE(report.labels.contains("z"));
  EXPECT_EQ(report.labels.find("o"), R"({"a":[1,"x y\" ]"]})");
  EXPECT_EQ(report.labels.find("l"), "[]");
  EXPECT_EQ(report.labels.size(), 8U);
  EXPECT_EQ(report.annotations.find("v"), "0.50");
  EXPECT_EQ(report.annotations.size(), 1U);
  EXPECT_EQ(oddities.non_string_values, 10U);
}

TEST(Values, OfANameThatComesTwiceTheLastWins) {
  Oddities oddities;
  const rules::Report report = alert(
      R"("labels":{"b":"1","a":"first","b":"2","a":"last","c":"x","c":"","d":"x","d":null,"e":"","e":"y"})", &oddities);
  EXPECT_EQ(report.labels.find("a"), "last");
  EXPECT_EQ(report.labels.find("b"), "2");
  EXPECT_FALSE(report.labels.contains("c"));
  EXPECT_FALSE(report.labels.contains("d"));
  EXPECT_EQ(report.labels.find("e"), "y");
  EXPECT_EQ(oddities.duplicate_names, 5U);
}

TEST(Values, OfAFieldThatComesTwiceTheLastWins) {
  Oddities oddities;
  const rules::Report report =
      alert(R"("status":"resolved","labels":{"a":"1","gone":"1"},"labels":{"a":"2"},)"
            R"("annotations":{"x":"1"},"annotations":{},)"
            R"("startsAt":"2026-01-01T00:00:00Z","startsAt":null,"generatorURL":"http://a","generatorURL":"http://b")",
            &oddities);
  EXPECT_EQ(report.status, ReportStatus::resolved);
  EXPECT_EQ(report.labels.size(), 1U);
  EXPECT_EQ(report.labels.find("a"), "2");
  EXPECT_TRUE(report.annotations.empty());
  EXPECT_FALSE(report.starts_at);
  EXPECT_EQ(report.generator_url, "http://b");
  EXPECT_EQ(oddities.duplicate_names, 5U);
}

TEST(Values, OfTheBatchThatComesTwiceTheLastWins) {
  const Parsed parsed = taken(webhook,
                              R"({"version":"4","alerts":[{"labels":{"a":"1"}},7],)"
                              R"("alerts":[{"status":"firing","labels":{"a":"2"}}]})");
  ASSERT_EQ(parsed.event.reports.size(), 1U);
  EXPECT_EQ(parsed.event.reports[0].labels.find("a"), "2");
  EXPECT_EQ(parsed.total, 1U);
  EXPECT_EQ(parsed.rejected_count, 0U);
  EXPECT_EQ(parsed.oddities.duplicate_names, 1U);
}

TEST(Values, WithoutANameAreLeftOutAndCounted) {
  Oddities oddities;
  const rules::Report report = alert(R"("labels":{"":"x","a":"b"},"annotations":{"":"y"})", &oddities);
  EXPECT_EQ(report.labels.size(), 1U);
  EXPECT_TRUE(report.annotations.empty());
  EXPECT_EQ(oddities.unnamed_values, 2U);
}

TEST(Values, MayHaveAnyNameAndAnyCharacter) {
  const rules::Report report = alert(R"("labels":{"größe.🔥 x":"\u0000\u0007\u001b\r\n\u202e\ud83d\ude00"})");
  EXPECT_EQ(report.labels.find("größe.🔥 x"), (std::string_view{"\0\a\x1b\r\n\xE2\x80\xAE\xF0\x9F\x98\x80", 12}));
}

TEST(Status, OtherThanResolvedIsFiringAndCounted) {
  for (const std::string_view status : {R"("status":"RESOLVED")",
                                        R"("status":"ok")",
                                        R"("status":null)",
                                        R"("status":5)",
                                        R"("status":["resolved"])"}) {
    Oddities oddities;
    EXPECT_EQ(alert(std::string{status} + R"(,"labels":{"a":"b"})", &oddities).status, ReportStatus::firing) << status;
    EXPECT_EQ(oddities.unknown_status, 1U) << status;
  }
  const Parsed without = taken(webhook, R"({"alerts":[{"labels":{"a":"b"}}]})");
  EXPECT_EQ(without.oddities.unknown_status, 1U);
  const Parsed resolved = taken(webhook, R"({"status":"firing","alerts":[{"status":"resolved","labels":{"a":"b"}}]})");
  EXPECT_EQ(resolved.event.reports.at(0).status, ReportStatus::resolved);
  EXPECT_EQ(resolved.oddities.unknown_status, 0U);
}

TEST(Status, OfTheGroupSaysNothing) {
  const Parsed parsed = taken(webhook, R"({"status":"resolved","alerts":[{"status":"firing","labels":{"a":"b"}}]})");
  EXPECT_EQ(parsed.event.reports.at(0).status, ReportStatus::firing);
}

TEST(Status, IsNoPartOfTheListFormat) {
  const Parsed parsed = taken(list, R"([{"status":"resolved","labels":{"a":"b"},"endsAt":"2020-01-01T00:00:00Z"}])");
  EXPECT_EQ(parsed.event.reports.at(0).status, ReportStatus::firing);
  EXPECT_TRUE(parsed.event.reports.at(0).ends_at);
  EXPECT_EQ(parsed.oddities, Oddities{});
}

TEST(Times, ThatCannotBeReadAreAbsentAndCounted) {
  for (const std::string_view time : {R"("soon")", R"("")", "1763787600", "true", "{}", R"("2026-02-30T00:00:00Z")"}) {
    Oddities oddities;
    const rules::Report report = alert(R"("labels":{"a":"b"},"startsAt":)" + std::string{time}, &oddities);
    EXPECT_FALSE(report.starts_at) << time;
    EXPECT_EQ(oddities.unreadable_times, 1U) << time;
  }
}

TEST(Times, OfGosZeroYearAreAbsentAndOrdinary) {
  for (const std::string_view time : {R"("0001-01-01T00:00:00Z")", R"("0001-01-01T00:53:28+00:53")", "null"}) {
    Oddities oddities;
    const rules::Report report = alert(R"("labels":{"a":"b"},"endsAt":)" + std::string{time}, &oddities);
    EXPECT_FALSE(report.ends_at) << time;
    EXPECT_EQ(oddities, Oddities{}) << time;
  }
  EXPECT_TRUE(alert(R"("labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59Z")").ends_at);
}

TEST(Times, ThatEndBeforeTheyStartAreKeptAsTheSenderSaysThem) {
  const rules::Report report =
      alert(R"("labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z")");
  ASSERT_TRUE(report.starts_at && report.ends_at);
  EXPECT_LT(*report.ends_at, *report.starts_at);
}

TEST(Webhook, CountsWhatTheSenderLeftOut) {
  struct Count {
    std::string_view written;
    std::uint64_t truncated;
    std::uint64_t unreadable;
  };
  for (const Count& row : {Count{"0", 0, 0},
                           Count{"3", 3, 0},
                           Count{"3.0", 3, 0},
                           Count{"1e3", 1000, 0},
                           Count{"0.5", 1, 0},
                           Count{"\"7\"", 7, 0},
                           Count{"null", 0, 0},
                           Count{"-1", 0, 1},
                           Count{"1e400", 0, 1},
                           Count{"\"nan\"", 0, 1},
                           Count{"\"inf\"", 0, 1},
                           Count{"\"\"", 0, 1},
                           Count{"\"3 \"", 0, 1},
                           Count{"true", 0, 1},
                           Count{"[3]", 0, 1}}) {
    const Parsed parsed =
        taken(webhook, R"({"version":"4","alerts":[],"truncatedAlerts":)" + std::string{row.written} + "}");
    EXPECT_EQ(parsed.event.truncated, row.truncated) << row.written;
    EXPECT_EQ(parsed.oddities.unreadable_fields, row.unreadable) << row.written;
  }
}

TEST(Webhook, OfAnotherVersionIsTakenAndCounted) {
  for (const std::string_view members :
       {R"("version":"1",)", R"("version":4,)", R"("version":null,)", R"("version":{"a":[]},)", ""}) {
    const Parsed parsed = taken(webhook, "{" + std::string{members} + R"("alerts":[)" + good + "]}");
    EXPECT_EQ(parsed.event.reports.size(), 1U) << members;
    EXPECT_EQ(parsed.oddities.unknown_version, 1U) << members;
  }
}

TEST(Caps, CutAnAnnotationAtACodePointAndMarkIt) {
  for (const std::size_t lead : {0U, 1U, 2U, 3U}) {
    Oddities oddities;
    const std::string text = std::string(lead, 'x') + repeated("🔥", 300'000);
    const rules::Report report = alert(R"("labels":{"a":"b"},"annotations":{"long":")" + text + "\"}", &oddities);
    const std::string_view kept = report.annotations.find("long");
    EXPECT_LE(kept.size(), 4096U);
    EXPECT_GT(kept.size(), 4096U - 8);
    ASSERT_TRUE(kept.ends_with("…"));
    EXPECT_TRUE(text.starts_with(kept.substr(0, kept.size() - 3)));
    EXPECT_TRUE(kept.substr(0, kept.size() - 3).ends_with("🔥"));
    EXPECT_EQ(oddities.truncated_values, 1U);
  }
  EXPECT_EQ(alert(R"("labels":{"a":"b"},"annotations":{"x":")" + std::string(4096, 'x') + "\"}").annotations.bytes(),
            4097U);
}

TEST(Caps, KeepTwoLabelsThatDifferBehindTheCutApart) {
  Oddities oddities;
  const std::string beginning(std::size_t{64} << 10, 'x');
  const rules::Report one = alert(R"("labels":{"a":")" + beginning + "1\"}", &oddities);
  const rules::Report two = alert(R"("labels":{"a":")" + beginning + "2\"}");
  EXPECT_EQ(oddities.truncated_values, 1U);
  EXPECT_EQ(one.labels.find("a").size(), beginning.size());
  EXPECT_NE(one.labels, two.labels);
  EXPECT_NE(one.key, two.key);
  EXPECT_EQ(alert(R"("labels":{"a":")" + beginning + "\"}").labels.find("a"), beginning);
}

std::string many_labels(std::size_t count, std::string_view value_of_the_last = "v") {
  std::string members;
  for (std::size_t index = 0; index < count; ++index) {
    const std::string number = std::to_string(100'000 + index);
    members += "\"l" + number + "\":\"" + (index + 1 == count ? std::string{value_of_the_last} : "v") + "\",";
  }
  members.pop_back();
  return "\"labels\":{" + members + "}";
}

TEST(Caps, KeepTheFirstLabelsByNameAndThoseThatRoute) {
  Context context;
  context.routing_labels = {"l100900", "absent"};
  Oddities oddities;
  const rules::Report report = alert(many_labels(1000), &oddities, context);
  EXPECT_EQ(report.labels.size(), 66U);
  EXPECT_TRUE(report.labels.contains("l100063"));
  EXPECT_FALSE(report.labels.contains("l100064"));
  EXPECT_TRUE(report.labels.contains("l100900"));
  EXPECT_TRUE(report.labels.find(left_out_label).starts_with("935 "));
  EXPECT_EQ(oddities.truncated_sets, 1U);
  EXPECT_EQ(alert(many_labels(64)).labels.size(), 64U);
}

TEST(Caps, KeepAlertsApartThatDifferInALabelThatWasLeftOut) {
  const rules::Report one = alert(many_labels(1000, "1"));
  const rules::Report two = alert(many_labels(1000, "2"));
  EXPECT_NE(one.key, two.key);
  EXPECT_EQ(one.key, alert(many_labels(1000, "1")).key);
}

TEST(Caps, LeaveOutALinkThatIsTooLong) {
  Oddities oddities;
  const std::string link = "http://" + std::string(20'000, 'x');
  EXPECT_EQ(alert(R"("labels":{"a":"b"},"generatorURL":")" + link + "\"", &oddities).generator_url, "");
  EXPECT_EQ(oddities.truncated_values, 1U);
}

TEST(Repair, OfBadBytesKeepsEveryAlertOfTheBody) {
  std::string body = bodies::captured("alertmanager-0.25/04-firing-group-of-3.json");
  const Parsed whole = taken(webhook, body);
  const std::size_t place = body.find("summary\":\"") + 10;
  body[place] = '\xC3';  // a sequence that is cut off
  const Parsed repaired = taken(webhook, body);
  ASSERT_EQ(repaired.event.reports.size(), whole.event.reports.size());
  EXPECT_EQ(repaired.oddities.repaired_utf8, 1U);
  EXPECT_TRUE(repaired.event.reports[0].annotations.find("summary").starts_with("\xEF\xBF\xBD"));
  for (std::size_t index = 0; index < whole.event.reports.size(); ++index) {
    EXPECT_EQ(repaired.event.reports[index].labels, whole.event.reports[index].labels);
    EXPECT_EQ(repaired.event.reports[index].key, whole.event.reports[index].key);
  }
}

TEST(Repair, PutsOneMarkForEachByteAsGoDoes) {
  struct Sequence {
    std::string bytes;
    std::string repaired;
    std::uint64_t replaced;
  };
  const std::string mark = "\xEF\xBF\xBD";
  for (const Sequence& row : {Sequence{"a\xFFz", "a" + mark + "z", 1},
                              Sequence{"\xC3\xA9", "\xC3\xA9", 0},
                              Sequence{"\xC0\x80", mark + mark, 2},
                              Sequence{"\xE2\x82", mark + mark, 2},
                              Sequence{"\xED\xA0\x80", mark + mark + mark, 3},
                              Sequence{"\xF4\x90\x80\x80", mark + mark + mark + mark, 4},
                              Sequence{"\xF0\x9F\x94\xA5\x80", "\xF0\x9F\x94\xA5" + mark, 1},
                              Sequence{R"(\ud800)", mark, 1},
                              Sequence{R"(\udc00)", mark, 1},
                              Sequence{R"(\uD83D\uDE00)", "\xF0\x9F\x98\x80", 0},
                              Sequence{R"(\ud83d\ud83d\ude00)", mark + "\xF0\x9F\x98\x80", 1},
                              Sequence{R"(\ud800\u0041)", mark + "A", 1},
                              Sequence{R"(\ud800\n)", mark + "\n", 1},
                              Sequence{R"(\udc00\ud800)", mark + mark, 2},
                              Sequence{R"(\\ud800)", R"(\ud800)", 0},
                              Sequence{R"(\\\ud800)", "\\" + mark, 1}}) {
    Oddities oddities;
    const rules::Report report = alert("\"labels\":{\"a\":\"" + row.bytes + "\"}", &oddities);
    EXPECT_EQ(report.labels.find("a"), row.repaired) << row.bytes;
    EXPECT_EQ(oddities.repaired_utf8, row.replaced) << row.bytes;
  }
}

TEST(Repair, DoesNotMakeJsonOfWhatIsNone) {
  const auto parsed = parse(list, "[{\"labels\":{\"a\":\"\xFF\"}}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().status, 400);
  EXPECT_THAT(parsed.error().why, Not(HasSubstr("near byte")));
}

}  // namespace
}  // namespace intake
