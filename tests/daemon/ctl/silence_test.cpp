// rousectl silence and rousectl maintenance against a daemon on loopback.
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/ctl/support.hpp"

namespace ctl::testing {
namespace {

namespace json = boost::json;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// One alert fires: ApiDown of checkout. It is 17:00 in UTC.
class Silences : public ::testing::Test {
 protected:
  Silences() {
    daemon_.serve(desk_);
    daemon_.report("ApiDown");
  }
  json::array list(const std::string& kind, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{kind, "list", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = desk_.run(arguments);
    EXPECT_EQ(ended.code, 0) << ended.error;
    return json::parse(ended.out).at(kind == "silence" ? "silences" : kind).as_array();
  }
  FakeDaemon daemon_;
  Desk desk_;
};

TEST_F(Silences, AddSaysWhatIsKeptBackAndUntilWhen) {
  const Ended added = desk_.run({"silence", "add", "ApiDown", "service=checkout", "--for", "2h10m", "--comment", "x"});
  EXPECT_EQ(added.code, 0) << added.error;
  EXPECT_THAT(
      added.out,
      MatchesRegex(
          "silence [0-9a-f]{8}: \\{alertname=\"ApiDown\", service=\"checkout\"\\} until 19:10:00 \\(in 2h 10m\\), by "
          "olga\n"));
  const json::array silences = list("silence");
  ASSERT_EQ(silences.size(), 1U);
  EXPECT_EQ(silences[0].at("comment").as_string(), "x");
  EXPECT_EQ(silences[0].at("alerts").to_number<int>(), 1);
}

TEST_F(Silences, TheListIsATableInTheReadersZone) {
  EXPECT_EQ(desk_.run({"silence"}).out, "There is no silence.\n");
  ASSERT_EQ(desk_.run({"silence", "add", "ApiDown", "--for", "2h", "--comment", "disks", "--by", "sam"}).code, 0);
  ASSERT_EQ(desk_.run({"silence", "add", "a=b", "--from", "2026-03-04T18:00", "--until", "2026-03-04T19:00"}).code, 0);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"silence"}, std::vector<std::string>{"silence", "list"}}) {
    const Ended listed = desk_.run(words);
    EXPECT_EQ(listed.code, 0) << listed.error;
    EXPECT_THAT(listed.out, StartsWith("ID "));
    EXPECT_THAT(listed.out, AllOf(HasSubstr("until 19:00:00 (in 2h)"), HasSubstr("sam"), HasSubstr("disks")));
    EXPECT_THAT(listed.out, HasSubstr("from 18:00:00 (in 1h) until 19:00:00"));
    EXPECT_THAT(listed.out, HasSubstr("1 alert"));
  }
}

TEST_F(Silences, ExpireTakesAnIdOrItsBeginning) {
  ASSERT_EQ(desk_.run({"silence", "add", "ApiDown", "--for", "2h"}).code, 0);
  ASSERT_EQ(desk_.run({"silence", "add", "DiskFull", "--for", "2h"}).code, 0);
  const json::array silences = list("silence");
  ASSERT_EQ(silences.size(), 2U);
  const std::string first = silences[0].at("id").as_string().c_str();
  const std::string second = silences[1].at("id").as_string().c_str();
  const Ended ended = desk_.run({"silence", "expire", first.substr(0, 8), second});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_THAT(ended.out, HasSubstr("silence " + first.substr(0, 8) + " has ended; what still fires is paged\n"));
  EXPECT_THAT(list("silence"), IsEmpty());
  EXPECT_EQ(list("silence", {"--expired"}).size(), 2U);
  EXPECT_THAT(desk_.run({"silence", "list", "--expired"}).out, HasSubstr("ended 17:00:00 (now)"));
  EXPECT_THAT(desk_.run({"silence", "--expired"}).out, HasSubstr("expired"));
  const Ended again = desk_.run({"silence", "expire", first});
  EXPECT_EQ(again.code, refused);
  EXPECT_THAT(again.error, HasSubstr("`rousectl silence` lists them"));
}

TEST_F(Silences, LessThanFourLettersOfAnIdEndNothing) {
  ASSERT_EQ(desk_.run({"silence", "add", "A", "--for", "2h"}).code, 0);
  const std::string id = std::string{list("silence").at(0).at("id").as_string()};
  for (const std::string& name : {std::string{}, id.substr(0, 1), id.substr(0, 3)}) {
    const Ended ended = desk_.run({"silence", "expire", name});
    EXPECT_EQ(ended.code, refused) << name;
    EXPECT_THAT(ended.error, HasSubstr("too short")) << name;
  }
  EXPECT_EQ(list("silence").size(), 1U);
  EXPECT_EQ(desk_.run({"silence", "expire", id.substr(0, 4)}).code, 0);
}

TEST_F(Silences, ABeginningOfSeveralIdsEndsNone) {
  ASSERT_EQ(desk_.run({"silence", "add", "A", "--for", "2h"}).code, 0);
  ASSERT_EQ(desk_.run({"silence", "add", "B", "--for", "2h"}).code, 0);
  const Ended ended = desk_.run({"silence", "expire", ""});
  EXPECT_EQ(ended.code, refused);
  EXPECT_EQ(list("silence").size(), 2U);
}

TEST_F(Silences, WrongWordsAreWrongUsageAndAskNobody) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table = {
      {{"silence", "add", "ApiDown"}, "say when it ends"},
      {{"silence", "add", "ApiDown", "--for", "2h", "--until", "2026-03-04T19:00"}, "say when it ends"},
      {{"silence", "add", "ApiDown", "--for", "soon"}, "--for"},
      {{"silence", "add", "ApiDown", "--until", "soon"}, "--until"},
      {{"silence", "add", "ApiDown", "--for", "1h", "--from", "soon"}, "--from"},
      {{"silence", "add", "a=~(", "--for", "1h"}, "bad pattern"},
      {{"silence", "add", "--for", "1h"}, "MATCHERS"},
      {{"silence", "expire"}, "ID"},
      {{"silence", "nonsense"}, "nonsense"},
      {{"maintenance", "add", "--for", "1h"}, "SERVICE"},
  };
  for (const auto& [arguments, why] : table) {
    const Ended ended = desk_.run(arguments);
    EXPECT_EQ(ended.code, wrong_usage) << why;
    EXPECT_THAT(ended.error, HasSubstr(why));
  }
  EXPECT_THAT(daemon_.requests(), IsEmpty());
}

TEST_F(Silences, WhatTheDaemonRefusesIsSaid) {
  const Ended ended = desk_.run({"silence", "add", "ApiDown", "--for", "31d"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.error, HasSubstr("at most 30d"));
}

TEST_F(Silences, MaintenanceIsPlannedListedAndEndedByItsService) {
  const Ended added =
      desk_.run({"maintenance", "add", "checkout", "--from", "2026-03-04T22:00:00Z", "--for", "2h", "--comment", "up"});
  EXPECT_EQ(added.code, 0) << added.error;
  EXPECT_THAT(added.out, HasSubstr(": checkout from 22:00:00 (in 5h) until "));
  const json::array planned = list("maintenance");
  ASSERT_EQ(planned.size(), 1U);
  EXPECT_EQ(planned[0].at("service").as_string(), "checkout");
  EXPECT_EQ(planned[0].at("state").as_string(), "pending");
  EXPECT_THAT(desk_.run({"maintenance"}).out, AllOf(HasSubstr("SERVICE"), HasSubstr("checkout"), HasSubstr("up")));
  EXPECT_THAT(list("silence"), IsEmpty());
  const Ended ended = desk_.run({"maintenance", "end", "checkout", "-o", "json"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(json::parse(ended.out).at("ended").as_array().size(), 1U);
  EXPECT_THAT(list("maintenance"), IsEmpty());
}

TEST_F(Silences, WhoEndsItIsSaid) {
  ASSERT_EQ(desk_.run({"silence", "add", "ApiDown", "--for", "2h"}).code, 0);
  const std::string id = list("silence").at(0).at("id").as_string().c_str();
  ASSERT_EQ(desk_.run({"silence", "expire", id, "--by", "Sam Two"}).code, 0);
  EXPECT_THAT(daemon_.requests(), Contains("DELETE /v1/silences/" + id + "?by=Sam%20Two"));
}

}  // namespace
}  // namespace ctl::testing
