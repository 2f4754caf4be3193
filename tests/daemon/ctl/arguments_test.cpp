// How rousectl is asked: help, wrong usage, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/ctl/support.hpp"

namespace ctl::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Command {
  const char* name;
  std::vector<std::string> options;
};

class Help : public ::testing::TestWithParam<Command> {};

TEST_P(Help, NamesItsOptionsAndHasAnExample) {
  Desk desk;
  const Ended ended = desk.run({GetParam().name, "--help"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.error, IsEmpty());
  EXPECT_THAT(ended.out, HasSubstr(std::string{"rousectl "} + GetParam().name));
  EXPECT_THAT(ended.out, HasSubstr("Example: rousectl "));
  EXPECT_THAT(ended.out, HasSubstr("--output"));
  for (const std::string& option : GetParam().options) EXPECT_THAT(ended.out, HasSubstr(option));
}

INSTANTIATE_TEST_SUITE_P(
    EachCommand,
    Help,
    ::testing::Values(
        Command{"check", {"FILE", "--horizon", "--from", "--online", "--url"}},
        Command{"test", {"FILE", "--junit", "--filter"}},
        Command{"simulate", {"EVENTS", "--config", "--until", "--key-seed"}},
        Command{"status", {"--url"}},
        Command{"incidents", {"--state", "--service", "--since", "--limit", "--url"}},
        Command{"show", {"ID", "--watch", "--url"}},
        Command{"oncall", {"--at", "--url"}},
        Command{"reachability", {"WHO", "--url"}},
        Command{"ack", {"ID", "--by", "--url"}},
        Command{"escalate", {"ID", "--by", "--url"}},
        Command{"snooze", {"ID", "--for", "--by", "--url"}},
        Command{"resolve", {"ID", "--by", "--url"}},
        Command{"call", {"ID", "WHO", "--by", "--url"}},
        Command{"note", {"ID", "TEXT", "--by", "--url"}},
        Command{"send", {"--alertname", "--label", "--annotation", "--severity", "--resolved", "--wait", "--url"}},
        Command{"reload", {"--dry-run", "--url"}}),
    [](const auto& tested) { return std::string{tested.param.name}; });

TEST(Usage, HelpListsEveryCommand) {
  Desk desk;
  const Ended ended = desk.run({"--help"});
  EXPECT_EQ(ended.code, 0);
  for (const char* name : {"check", "test", "simulate", "status", "incidents", "show", "ack", "send", "reload"}) {
    EXPECT_THAT(ended.out, HasSubstr(name));
  }
}

TEST(Usage, TheVersionIsPrinted) {
  Desk desk;
  const Ended ended = desk.run({"--version"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "rousectl " ROUSE_VERSION "\n");
}

TEST(Usage, WithoutACommandItPrintsHelpAsAnError) {
  Desk desk;
  const Ended ended = desk.run({});
  EXPECT_EQ(ended.code, wrong_usage);
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_THAT(ended.error, HasSubstr("Usage: rousectl"));
}

TEST(Usage, AMisspeltCommandGetsTheNearestOne) {
  Desk desk;
  const Ended ended = desk.run({"--url", "http://127.0.0.1:1", "shw", "R-1"});
  EXPECT_EQ(ended.code, wrong_usage);
  EXPECT_THAT(ended.error, HasSubstr("did you mean `show`?"));
}

TEST(Usage, WhatIsAskedWronglyEndsWithTwoAndNamesTheHelp) {
  Desk desk;
  const std::vector<std::vector<std::string>> wrong = {{"ack"},
                                                       {"ack", "R-1", "--frobnicate"},
                                                       {"snooze", "R-1"},
                                                       {"call", "R-1"},
                                                       {"note", "R-1"},
                                                       {"check"},
                                                       {"test"},
                                                       {"simulate", "events.jsonl"},
                                                       {"simulate", "--config", "rouse.yml", "e", "--key-seed", "x"},
                                                       {"incidents", "--state", "closed"},
                                                       {"incidents", "--limit", "0"},
                                                       {"status", "--output", "xml"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const Ended ended = desk.run(arguments);
    EXPECT_EQ(ended.code, wrong_usage) << arguments.front() << ": " << ended.error;
    EXPECT_THAT(ended.error, HasSubstr("rousectl " + arguments.front() + " --help"));
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(Usage, AValueThatMeansNothingEndsWithTwoAndSaysHowToWriteIt) {
  Desk desk;
  desk.variables["ROUSE_URL"] = "http://127.0.0.1:1";
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"show", "incident"}, "R-12"},
      {{"ack", "R-0"}, "R-12"},
      {{"snooze", "R-1", "--for", "a while"}, "--for"},
      {{"check", "rouse.yml", "--horizon", "long"}, "--horizon"},
      {{"check", "rouse.yml", "--from", "yesterday"}, "2026-03-04T09:00:00Z"},
      {{"oncall", "--at", "noon"}, "2026-03-04T09:00:00Z"},
      {{"incidents", "--since", "noon"}, "2h"},
      {{"send", "--label", "service"}, "NAME=VALUE"},
      {{"status", "--url", "ftp://example.org"}, "http://HOST:PORT"}};
  for (const auto& [arguments, hint] : wrong) {
    const Ended ended = desk.run(arguments);
    EXPECT_EQ(ended.code, wrong_usage) << arguments.front();
    EXPECT_THAT(ended.error, HasSubstr(hint)) << arguments.front();
  }
}

TEST(Usage, ADaemonThatIsNotThereEndsWithThreeAndSaysWhatToDo) {
  Desk desk;
  // Port 1 of loopback: nobody listens there, and nobody may without being root.
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"status"},
                                                                                         {"incidents"},
                                                                                         {"show", "R-1"},
                                                                                         {"oncall"},
                                                                                         {"ack", "R-1"},
                                                                                         {"note", "R-1", "x"},
                                                                                         {"send"},
                                                                                         {"reload"}}) {
    std::vector<std::string> whole{"--url", "http://127.0.0.1:1"};
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    const Ended ended = desk.run(whole);
    EXPECT_EQ(ended.code, unreachable) << arguments.front() << ": " << ended.error;
    EXPECT_THAT(ended.error,
                HasSubstr("cannot reach roused at http://127.0.0.1:1: Connection refused; is it running?"));
    EXPECT_THAT(ended.error, HasSubstr("--url"));
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST(Usage, TheDaemonIsWhereTheArgumentSaysElseWhereTheVariableSays) {
  Desk desk;
  desk.variables["ROUSE_URL"] = "http://127.0.0.1:1/";
  EXPECT_THAT(desk.run({"status"}).error, HasSubstr("http://127.0.0.1:1:"));
  EXPECT_THAT(desk.run({"status", "--url", "http://127.0.0.1:2"}).error, HasSubstr("http://127.0.0.1:2:"));
  desk.variables.clear();
  desk.environment.call = [](const Call& call) -> tl::expected<Answer, std::string> {
    return tl::unexpected(call.url);
  };
  EXPECT_THAT(desk.run({"oncall"}).error, HasSubstr("http://127.0.0.1:9911/v1/oncall"));
  EXPECT_THAT(desk.run({"oncall", "--url", "unix:/run/rouse.sock"}).error,
              HasSubstr("unix:/run/rouse.sock:/v1/oncall"));
}

TEST(ReaderZone, IsThatOfTz) {
  const rules::Instant summer = *rules::parse_rfc3339("2026-07-01T12:00:00Z");
  EXPECT_EQ(reader_zone("America/Vancouver", {}).offset_at(summer).abbreviation, "PDT");
  EXPECT_EQ(reader_zone(":Europe/Bucharest", {}).offset_at(summer).abbreviation, "EEST");
  EXPECT_EQ(reader_zone("EET-2EEST,M3.5.0/3,M10.5.0/4", {}).offset_at(summer).seconds, 3 * 3600);
  EXPECT_EQ(reader_zone("", {}).offset_at(summer).seconds, 0);
  EXPECT_EQ(reader_zone("No/Such_Zone", {}).offset_at(summer).seconds, 0);
}

}  // namespace
}  // namespace ctl::testing
