#include "config/scalar.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "config/words.hpp"

namespace config {
namespace {

using namespace std::chrono_literals;

TEST(Words, SuggestWhatCanBeSeen) {
  EXPECT_EQ(did_you_mean("outage", {"out\u202aage"}), "; did you mean `out\\u202aage`?");
}

TEST(Scalar, TakesNoNameThatCannotBeSeen) {
  EXPECT_EQ(parse_name("olga").value_or(""), "olga");
  EXPECT_EQ(parse_name("\u00f6lga").value_or(""), "\u00f6lga");
  EXPECT_FALSE(parse_name("ol\x07ga"));
  EXPECT_FALSE(parse_name("ol\u200bga"));
  EXPECT_FALSE(parse_name(std::string_view{"\0", 1}));
}

TEST(Scalar, ReadsTheFormsOfTheContract) {
  EXPECT_EQ(*parse_wait("90s"), 90s);
  EXPECT_EQ(*parse_wait("1h30m"), 90min);
  EXPECT_EQ(*parse_wait("1w"), 7 * 24h);
  EXPECT_EQ(*parse_wait("0"), 0s);
  EXPECT_EQ(*parse_size("64MiB"), 64U * 1024 * 1024);
  EXPECT_EQ(*parse_size("5kB"), 5000U);
  EXPECT_EQ(*parse_size("7B"), 7U);
  EXPECT_EQ(*parse_date("2028-02-29"), 2028y / 2 / 29);
  EXPECT_EQ(*parse_local_time("2026-01-07T10:00"), std::chrono::local_days(2026y / 1 / 7) + 10h);
  EXPECT_EQ(*parse_local_time("2026-01-07 10:00:59"), std::chrono::local_days(2026y / 1 / 7) + 10h + 59s);
  EXPECT_EQ(*parse_time_of_day("00:00"), 0min);
  EXPECT_EQ(*parse_time_of_day("24:00"), 24h);
  EXPECT_EQ(*parse_weekday("sun"), 6);
  EXPECT_EQ(*parse_turn("12h"), (rules::TurnLength{12, rules::TurnUnit::hours}));
  EXPECT_EQ(*parse_turn("1mo"), (rules::TurnLength{1, rules::TurnUnit::months}));
  EXPECT_EQ(*parse_pointer(""), "");
  EXPECT_EQ(*parse_pointer("/a~1b/0"), "/a~1b/0");
  EXPECT_EQ(*parse_network("::1/128"), "::1/128");
  EXPECT_EQ(*parse_url("http://[::1]:8080/x?y", {"http"}), "http://[::1]:8080/x?y");
}

TEST(Scalar, RefusesWhatDoesNotExist) {
  for (const char* const text : {"2026-02-29", "2026-13-01", "2026-1-1", "2026-01-00", "20260101", "", "2026-01-01x"})
    EXPECT_FALSE(parse_date(text)) << text;
  for (const char* const text : {"2026-01-07",
                                 "2026-01-07T24:00",
                                 "2026-01-07T10:60",
                                 "2026-01-07T1:00",
                                 "2026-01-07T10:00Z",
                                 "2026-01-07T10:00+02:00",
                                 "2026-01-07T10:00:",
                                 "2026-01-07T10:00:60"})
    EXPECT_FALSE(parse_local_time(text)) << text;
  for (const char* const text : {"24:01", "8:00", "08:60", "08-00", "", "08:00:00"})
    EXPECT_FALSE(parse_time_of_day(text)) << text;
  for (const char* const text : {"", "5", "-5m", "m", "1.5h", "5 m", "99999999999999999999w"})
    EXPECT_FALSE(parse_wait(text)) << text;
  for (const char* const text : {"", "1", "0d", "1x", "-1d", "1.5d", "99999999999d", "1d12h"})
    EXPECT_FALSE(parse_turn(text)) << text;
  for (const char* const text : {"", "MiB", "64", "1.5MiB", "-1B", "20000000000000000000B", "18014398509481984KiB"})
    EXPECT_FALSE(parse_size(text)) << text;
  for (const char* const text : {"a", "/a~", "/a~2", "a/b"}) EXPECT_FALSE(parse_pointer(text)) << text;
  for (const char* const text : {"10.0.0.0/33", "10.0.0/8", "::1/129", "x", "1.2.3.4/", "1.2.3.4/-1"})
    EXPECT_FALSE(parse_network(text)) << text;
  for (const char* const text :
       {"http://", "http:///x", "http://h:0/", "http://h:65536/", "http://u:p@h/", "http://a b/", "https://h/"})
    EXPECT_FALSE(parse_url(text, {"http"})) << text;
  for (const char* const text : {"", "a b", "a/b", "a\"b", "{a}", "a,b"}) EXPECT_FALSE(parse_name(text)) << text;
}

TEST(Endpoint, KnowsWhatIsLoopback) {
  for (const char* const text : {"127.0.0.1:9911", "127.9.9.9:1", "[::1]:0", "localhost:80", "unix:/run/rouse.sock"})
    EXPECT_TRUE(parse_endpoint(text)->is_loopback()) << text;
  for (const char* const text :
       {":9911", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.example.org:1", "rouse.example.org:1"})
    EXPECT_FALSE(parse_endpoint(text)->is_loopback()) << text;
  for (const char* const text : {"",
                                 "9911",
                                 "127.0.0.1",
                                 "127.0.0.1:x",
                                 "127.0.0.1:65536",
                                 "::1:80",
                                 "[::1]",
                                 "[x]:1",
                                 "unix:",
                                 "unix:x",
                                 "http://h:1"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(Words, FindTheNearest) {
  EXPECT_EQ(nearest("grup_by", {"group_wait", "group_by"}), "group_by");
  EXPECT_EQ(nearest("operatons", {"olga", "operations"}), "operations");
  EXPECT_EQ(nearest("OUTAGE", {"outage"}), "outage");
  EXPECT_EQ(nearest("hihg", {"none", "low", "high"}), "high");
  EXPECT_EQ(nearest("vancouver", {"America/Toronto", "America/Vancouver"}), "America/Vancouver");
  EXPECT_EQ(nearest("page", {"flag", "owner"}), "");
  EXPECT_EQ(nearest("x", {"a", "b"}), "");
  EXPECT_EQ(nearest("", {"a"}), "");
}

TEST(Words, ShowTextOfAFileSafely) {
  EXPECT_EQ(shown("a\nb\x1b[0m"), "`a b [0m`");
  EXPECT_EQ(shown("\u200fevery"), "`\\u200fevery`");
  EXPECT_EQ(shown("\u009b31m\ufeffa\u061c\u2066"), "`\\u009b31m\\ufeffa\\u061c\\u2066`");
  EXPECT_EQ(shown("\u2014ü"), "`\u2014ü`");
  EXPECT_EQ(shown(std::string(79, 'x') + "ü"), "`" + std::string(79, 'x') + "...`");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace config
