// check, test and simulate: everything from files.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/ctl/support.hpp"

namespace ctl::testing {
namespace {

namespace json = boost::json;

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "rousectl-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const std::string file = path(name);
    std::ofstream stream{file, std::ios::binary};
    stream << text;
    return file;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string read(const std::string& file) {
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> policy_tests() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator{source + "/tests/policies"}) {
    if (entry.path().extension() == ".yml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

const std::string outage = source + "/tests/policies/teams/outage.yml";

// ---- check ----

TEST(Check, OfAGoodConfigurationEndsWithZero) {
  Desk desk;
  const Ended ended = desk.run({"check", outage});
  EXPECT_EQ(ended.code, 0) << ended.out << ended.error;
  EXPECT_THAT(ended.out, HasSubstr("outage.yml: 0 errors, "));
  EXPECT_THAT(ended.out, HasSubstr("on-call looked at for 90d"));
}

TEST(Check, ListsEveryErrorWithItsPlaceAndEndsWithOne) {
  Folder folder;
  const std::string file = folder.write("rouse.yml", "rouse: 1\npeple: {}\nroute: { call_tree: nobody }\n");
  Desk desk;
  const Ended ended = desk.run({"check", file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr(file + ":2:1: "));
  EXPECT_THAT(ended.out, HasSubstr(file + ":3:"));
  EXPECT_THAT(ended.out, HasSubstr("on-call was not looked at"));
}

TEST(Check, FindsAStepWithNobodyAndSaysSinceWhen) {
  Desk desk;
  const Ended ended =
      desk.run({"check", source + "/tests/policies/teams/on_call.yml", "--from", "2026-01-01T00:00:00Z"});
  EXPECT_THAT(ended.out, HasSubstr("call tree"));
  EXPECT_THAT(ended.out, HasSubstr("nobody from 2026-"));
}

TEST(Check, AsJsonSaysTheSame) {
  Folder folder;
  const std::string file = folder.write("rouse.yml", "rouse: 1\npeple: {}\n");
  Desk desk;
  const Ended ended = desk.run({"check", file, "--output", "json"});
  EXPECT_EQ(ended.code, refused);
  const json::value whole = json::parse(ended.out);
  EXPECT_EQ(whole.at("version").as_int64(), 1);
  EXPECT_GE(whole.at("errors").to_number<int>(), 1);
  const json::value& first = whole.at("problems").as_array().at(0);
  EXPECT_EQ(first.at("file").as_string(), file.c_str());
  EXPECT_TRUE(first.at("line").is_int64());
}

TEST(Check, AFileThatIsNotThereIsAnError) {
  Desk desk;
  const Ended ended = desk.run({"check", "/nonexistent/rouse.yml"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr("/nonexistent/rouse.yml"));
}

// ---- test ----

TEST(PolicyTests, AllOfTheTreePass) {
  std::vector<std::string> arguments = policy_tests();
  ASSERT_GE(arguments.size(), 10U);
  arguments.insert(arguments.begin(), "test");
  Desk desk;
  const Ended ended = desk.run(arguments);
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("under 3 key seeds"));
  EXPECT_THAT(ended.out, ::testing::ContainsRegex("\n[0-9]+ passed, 0 failed\n$"));
}

struct Wrong {
  const char* file;
  std::vector<std::string> difference;
};

class WrongExpectation : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongExpectation, FailsAndTheDifferenceIsNamed) {
  Desk desk;
  const Ended ended = desk.run({"test", source + "/tests/policies/wrong/" + GetParam().file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out,
              HasSubstr(std::string{"FAILED  "} + source + "/tests/policies/wrong/" + GetParam().file + ":5"));
  for (const std::string& part : GetParam().difference) EXPECT_THAT(ended.out, HasSubstr(part));
  EXPECT_THAT(ended.out, EndsWith("\n0 passed, 1 failed\n"));
}

INSTANTIATE_TEST_SUITE_P(
    EachFile,
    WrongExpectation,
    ::testing::Values(Wrong{"missing_page.yml", {"expected at 3m: page to omar", "R-1", "no such page left"}},
                      Wrong{"unlisted_page.yml", {"not expected: at 5m: page to sam by sms for R-1"}},
                      Wrong{"wrong_person.yml",
                            {"expected at 0s: page to omar by sms for R-1", "at 0s: page to olga by sms for R-1"}},
                      Wrong{"wrong_state.yml", {"R-1: expected state acknowledged, is triggered"}},
                      Wrong{"wrong_time.yml",
                            {"expected at 5m4s: page to sam by sms for R-1", "left at 5m: page to sam by sms"}}),
    [](const auto& tested) {
      const std::string name = tested.param.file;
      return name.substr(0, name.find('.'));
    });

TEST(PolicyTests, EveryFileOfTheWrongOnesIsTested) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{source + "/tests/policies/wrong"}) {
    files += entry.path().extension() == ".yml" ? 1U : 0U;
  }
  EXPECT_EQ(files, 5U);
}

TEST(PolicyTests, StepsThatNoTestReachedAreListed) {
  Desk desk;
  const Ended ended = desk.run({"test", source + "/tests/policies/wrong/missing_page.yml"});
  EXPECT_THAT(ended.out, HasSubstr("outage.yml: no test reached\n        call tree outage step 2\n"));
}

TEST(PolicyTests, AFileThatCannotBeRunFailsWithItsProblems) {
  Folder folder;
  const std::string file = folder.write(
      "broken.yml", fmt::format("policy: {}\ntests:\n  - nme: x\n    events: [ {{ at: soon }} ]\n", outage));
  Desk desk;
  const Ended ended = desk.run({"test", file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr(file + ":3:"));
  EXPECT_THAT(ended.out, HasSubstr(file + ":4:"));
  EXPECT_THAT(ended.out, HasSubstr("FAILED  " + file + ": cannot be run\n"));
  EXPECT_THAT(ended.out, EndsWith("\n0 passed, 1 failed\n"));
  EXPECT_EQ(desk.run({"test", "/nonexistent.yml"}).code, refused);
}

TEST(PolicyTests, AFilterRunsThoseThatContainIt) {
  Desk desk;
  const std::string file = source + "/tests/policies/restart.yml";
  const Ended ended = desk.run({"test", file, "--filter", "does not put off the next step"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, EndsWith("\n1 passed, 0 failed\n"));
  EXPECT_THAT(ended.out, Not(HasSubstr("no test reached")));
  const Ended none = desk.run({"test", file, "--filter", "no such name"});
  EXPECT_EQ(none.code, refused);
  EXPECT_THAT(none.error, HasSubstr("no test's name contains `no such name`"));
}

// Tags closed in the order of opening, and nothing that must be escaped left bare.
void expect_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while ((at = xml.find('<', at)) != std::string::npos) {
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos);
    at = end + 1;
    if (tag.starts_with('?') || tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  EXPECT_THAT(open, IsEmpty());
  for (at = xml.find('&'); at != std::string::npos; at = xml.find('&', at + 1)) {
    const std::string entity = xml.substr(at, xml.find(';', at) - at + 1);
    EXPECT_THAT(entity, ::testing::AnyOf("&amp;", "&lt;", "&gt;", "&quot;"));
  }
}

TEST(PolicyTests, JunitIsWellFormedAndCountsTheFailures) {
  Folder folder;
  const std::string file = folder.write("odd.yml",
                                        fmt::format("policy: {}\ntests:\n  - name: \"a <b> & \\\"c\\\"\"\n    "
                                                    "expect:\n      - {{ at: 0m, page: {{ to: \"<olga>\" }} "
                                                    "}}\n  - name: nothing happens\n",
                                                    outage));
  Desk desk;
  const std::string junit = folder.path("out.xml");
  EXPECT_EQ(desk.run({"test", file, "--junit", junit}).code, refused);
  const std::string xml = read(junit);
  expect_well_formed(xml);
  EXPECT_THAT(xml, HasSubstr("tests=\"2\" failures=\"1\""));
  EXPECT_THAT(xml, HasSubstr("a &lt;b&gt; &amp; &quot;c&quot;"));
  EXPECT_EQ(desk.run({"test", file, "--junit", "/nonexistent/out.xml"}).code, refused);
}

TEST(PolicyTests, AsJsonSayTheSame) {
  Desk desk;
  const Ended ended = desk.run({"test", source + "/tests/policies/wrong/wrong_state.yml", "-o", "json"});
  EXPECT_EQ(ended.code, refused);
  const json::value whole = json::parse(ended.out);
  EXPECT_EQ(whole.at("failed").to_number<int>(), 1);
  EXPECT_EQ(whole.at("key_seeds").to_number<int>(), 3);
  const json::value& test = whole.at("tests").as_array().at(0);
  EXPECT_FALSE(test.at("passed").as_bool());
  EXPECT_EQ(test.at("differences").as_array().at(0).as_string(), "R-1: expected state acknowledged, is triggered");
}

// ---- simulate ----

constexpr const char* events = R"({"at": "2026-03-04T09:00:00Z", "alert": {"labels": {"alertname": "ApiDown", )"
                               R"("service": "checkout", "severity": "critical"}}})"
                               "\n"
                               R"({"at": "2026-03-04T09:06:00Z", "ack": {"incident": "R-1", "by": "sam"}})"
                               "\n"
                               R"({"at": "2026-03-04T09:09:00Z", "resolved": {"labels": {"alertname": "ApiDown", )"
                               R"("service": "checkout", "severity": "critical"}}})"
                               "\n";

TEST(Simulate, PrintsPagesAndClimbWithTheirTimesInTheReadersZone) {
  Folder folder;
  const std::string file = folder.write("events.jsonl", events);
  Desk desk;
  desk.environment.zone = reader_zone("America/Vancouver", {});
  const Ended ended = desk.run({"simulate", "--config", outage, file});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(ended.out,
            "2026-03-04 01:00:00 PST  R-1     triggered, step 1, round 1: ApiDown\n"
            "2026-03-04 01:00:00 PST  R-1       page to olga by sms, step 1, round 1: a new incident\n"
            "2026-03-04 01:05:00 PST  R-1     triggered, step 2, round 1: ApiDown\n"
            "2026-03-04 01:05:00 PST  R-1       page to sam by sms, step 2, round 1: nobody has acknowledged yet\n"
            "2026-03-04 01:06:00 PST  R-1     acknowledged by sam: ApiDown\n"
            "2026-03-04 01:09:00 PST  R-1     resolved: ApiDown\n"
            "3 events, 1 incident, 2 pages, from 2026-03-04 01:00:00 PST to 2026-03-04 02:09:00 PST\n");
}

TEST(Simulate, AsJsonPrintsAnObjectALineInTheOrderOfTime) {
  Folder folder;
  const std::string file = folder.write("events.jsonl", events);
  Desk desk;
  const Ended ended = desk.run({"simulate", "--config", outage, file, "--output", "json"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  std::istringstream stream{ended.out};
  std::vector<std::string> story;
  std::string before;
  for (std::string line; std::getline(stream, line);) {
    const json::value value = json::parse(line);
    EXPECT_EQ(value.at("version").as_int64(), 1);
    const std::string at{value.at("at").as_string().c_str()};
    EXPECT_LE(before, at);
    before = at;
    if (const json::value* page = value.as_object().if_contains("page")) {
      for (const char* field : {"id",
                                "incident",
                                "to",
                                "by",
                                "address",
                                "step",
                                "round",
                                "reason",
                                "text",
                                "possible_duplicate",
                                "idempotency_key"}) {
        EXPECT_TRUE(page->as_object().contains(field)) << field;
      }
      story.push_back(at + " " + page->at("to").as_string().c_str() + " " + page->at("incident").as_string().c_str());
    } else if (const json::value* incident = value.as_object().if_contains("incident")) {
      story.push_back(at + " " + incident->at("id").as_string().c_str() + " " +
                      incident->at("state").as_string().c_str());
    }
  }
  EXPECT_THAT(story,
              ::testing::ElementsAre("2026-03-04T09:00:00.000Z R-1 triggered",
                                     "2026-03-04T09:00:00.000Z olga R-1",
                                     "2026-03-04T09:05:00.000Z R-1 triggered",
                                     "2026-03-04T09:05:00.000Z sam R-1",
                                     "2026-03-04T09:06:00.000Z R-1 acknowledged",
                                     "2026-03-04T09:09:00.000Z R-1 resolved"));
}

TEST(Simulate, AsJsonPrintsAHold) {
  Folder folder;
  const std::string file = folder.write("events.jsonl", events);
  Desk desk;
  const Ended ended =
      desk.run({"simulate", "--config", source + "/tests/policies/teams/group_wait.yml", file, "--output", "json"});
  EXPECT_THAT(ended.out, HasSubstr(R"("held":{"incident":"R-1","because":"group_wait )"));
}

TEST(Simulate, TheKeySeedChangesKeysAndNothingElse) {
  Folder folder;
  const std::string file = folder.write("events.jsonl", events);
  Desk desk;
  const std::string one = desk.run({"simulate", "--config", outage, file}).out;
  EXPECT_EQ(one, desk.run({"simulate", "--config", outage, file, "--key-seed", "77"}).out);
  EXPECT_NE(desk.run({"simulate", "--config", outage, file, "-o", "json"}).out,
            desk.run({"simulate", "--config", outage, file, "-o", "json", "--key-seed", "77"}).out);
}

TEST(Simulate, MistakesInTheEventsAreToldWithTheirLinesAndNothingRuns) {
  Folder folder;
  const std::string file = folder.write("events.jsonl", std::string{events} + "{\"at\": 1}\n{\"nothing\": 1}\n");
  Desk desk;
  const Ended ended = desk.run({"simulate", "--config", outage, file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_THAT(ended.error, AllOf(HasSubstr(file + ":4:"), HasSubstr(file + ":5:")));
}

TEST(Simulate, AConfigurationWithErrorsIsRefusedWithThem) {
  Folder folder;
  const std::string config = folder.write("rouse.yml", "rouse: 1\n");
  const std::string file = folder.write("events.jsonl", events);
  Desk desk;
  const Ended ended = desk.run({"simulate", "--config", config, file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.error, HasSubstr(config + ":1:"));
  EXPECT_EQ(desk.run({"simulate", "--config", outage, "/nonexistent.jsonl"}).code, refused);
}

TEST(Simulate, ShowsAProgressBarOnATerminalAloneAndTakesItAway) {
  Folder folder;
  std::string many;
  for (int alert = 0; alert < 1000; ++alert) {
    many += fmt::format(R"({{"at": "2026-03-04T09:{:02}:{:02}Z", "alert": {{"labels": {{"alertname": "A{}"}}}}}})"
                        "\n",
                        alert / 20,
                        alert % 20,
                        alert);
  }
  const std::string file = folder.write("events.jsonl", many);
  Desk desk;
  EXPECT_THAT(desk.run({"simulate", "--config", outage, file}).error, IsEmpty());
  desk.environment.error_is_terminal = true;
  const Ended ended = desk.run({"simulate", "--config", outage, file});
  EXPECT_THAT(ended.error, HasSubstr("%"));
  EXPECT_THAT(ended.error, EndsWith("\r\x1b[K"));
}

}  // namespace
}  // namespace ctl::testing
