#include "daemon/rehearse/simulate.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"
#include "tests/daemon/rehearse/policy_of.hpp"

namespace rehearse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::shared_ptr<const rules::Policy> policy_of(const std::string& name) {
  return rehearse::policy_of(config::load_file(ROUSE_SOURCE_DIR "/tests/policies/teams/" + name));
}

std::vector<std::string> printed(const std::vector<config::Problem>& problems) {
  std::vector<std::string> lines;
  for (const config::Problem& problem : problems) lines.push_back(config::print(problem));
  return lines;
}

EventLines sound(std::string_view text) {
  EventLines lines = read_event_lines(text, "events.jsonl");
  EXPECT_THAT(printed(lines.problems), IsEmpty());
  return lines;
}

// Each happening as one short line, its time counted from the first event in seconds.
std::vector<std::string> story(std::string_view text,
                               const SimulationOptions& options = {},
                               const std::string& policy = "outage.yml") {
  const EventLines lines = sound(text);
  std::vector<std::string> told;
  const auto happened = [&](const World&, const Happening& happening) {
    const auto at = [&lines](rules::Instant instant) {
      return std::chrono::duration_cast<std::chrono::seconds>(instant - lines.events.front().at).count();
    };
    if (const auto* moved = std::get_if<IncidentMoved>(&happening)) {
      told.push_back(fmt::format("{} {} {} {}.{}",
                                 at(moved->at),
                                 rules::print_incident(moved->incident),
                                 rules::to_text(moved->state),
                                 moved->round,
                                 moved->step));
    } else if (const auto* held = std::get_if<HeldRecord>(&happening)) {
      told.push_back(fmt::format("{} {} held {}", at(held->at), rules::print_incident(held->incident), held->because));
    } else if (const auto* left = std::get_if<LeftPage>(&happening)) {
      told.push_back(fmt::format(
          "{} {} to {}", at(left->at), rules::print_incident(left->page.incident.id), left->message.person));
    } else if (const auto* remark = std::get_if<Remark>(&happening)) {
      told.push_back(fmt::format("{} line {}: {}", at(remark->at), remark->place.line, remark->text));
    }
  };
  static_cast<void>(simulate(policy_of(policy), lines.events, options, happened, {}));
  return told;
}

constexpr std::string_view outage =
    R"({"at": "2026-03-04T09:00:00Z", "alert": {"labels": {"alertname": "ApiDown", "service": "checkout"}}})"
    "\n";

TEST(EventLines, ReadAnEventALineWithEmptyLinesBetween) {
  const EventLines lines = sound(std::string{outage} + "\n  \r\n" +
                                 R"({"at": "2026-03-04T10:02:00+01:00", "ack": {"incident": "R-1", "by": "olga"}})"
                                 "\r\n");
  ASSERT_EQ(lines.events.size(), 2U);
  EXPECT_EQ(lines.events[0].place.line, 1);
  EXPECT_EQ(lines.events[1].place.line, 4);
  EXPECT_EQ(lines.events[1].text, "ack");
  EXPECT_EQ(rules::print_rfc3339(lines.events[1].at), "2026-03-04T09:02:00.000Z");
}

TEST(EventLines, EveryMistakeIsToldWithItsLine) {
  const EventLines lines = read_event_lines(
      "{\"at\": \"2026-03-04T09:00:00Z\", \"alrt\": {}}\n"
      "{\"at\": \"noon\", \"ack\": {\"incident\": \"R-1\"}}\n"
      "{\"at\": \"2026-03-04T09:00:00Z\", \"ack\": {\"incident\": \"R-1\"}}\n"
      "{\"at\": \"2026-03-04T08:00:00Z\", \"ack\": {\"incident\": \"R-1\"}}\n"
      "[1, 2]\n"
      "{\"at\": \n",
      "events.jsonl");
  std::set<int> wrong;
  for (const config::Problem& problem : lines.problems) {
    EXPECT_EQ(problem.file, "events.jsonl");
    wrong.insert(problem.line);
  }
  EXPECT_THAT(wrong, ElementsAre(1, 2, 4, 5, 6)) << ::testing::PrintToString(printed(lines.problems));
}

TEST(EventLines, HoldPagerDutysEventsAsItsClientsSendThem) {
  constexpr std::string_view trigger = R"("routing_key": "r", "dedup_key": "k", )"
                                       R"("payload": {"summary": "down", "source": "db1", "severity": "critical"})";
  const auto line = [](std::string_view members) {
    return fmt::format("{{\"at\": \"2026-03-04T09:00:00Z\", \"pagerduty\": {{{}}}}}\n", members);
  };
  const EventLines lines = sound(line(fmt::format(R"("event_action": "trigger", {})", trigger)) +
                                 line(R"("event_action": "acknowledge", "routing_key": "r", "dedup_key": "k")") +
                                 line(R"("event_action": "resolve", "routing_key": "r", "dedup_key": "k")"));
  ASSERT_EQ(lines.events.size(), 3U);
  const rules::Report& triggered = std::get<Told>(lines.events[0].what).reports.reports.at(0);
  EXPECT_EQ(triggered.labels.find("alertname"), "down");
  const auto& said = std::get<rules::SenderAcknowledged>(std::get<rules::Event>(lines.events[1].what));
  EXPECT_THAT(said.native_keys, ElementsAre(triggered.native_key));
  const rules::Report& resolved = std::get<Told>(lines.events[2].what).reports.reports.at(0);
  EXPECT_EQ(resolved.status, rules::ReportStatus::resolved);
  EXPECT_EQ(resolved.native_key, triggered.native_key);

  const EventLines wrong = read_event_lines(line(R"("event_action": "trigger", "routing_key": "r")"), "events.jsonl");
  EXPECT_THAT(printed(wrong.problems), ElementsAre(HasSubstr("'payload' is missing or blank")));
}

TEST(EventLines, HoldBeatsByTheirHeartbeatsName) {
  const EventLines lines = sound(R"({"at": "2026-03-04T09:00:00Z", "beat": "nightly-backup"})");
  ASSERT_EQ(lines.events.size(), 1U);
  EXPECT_EQ(std::get<BeatCall>(lines.events[0].what).heartbeat, "nightly-backup");
}

TEST(EventLines, ACharacterThatJsonWritesAsASurrogatePairIsOneCharacter) {
  const EventLines lines =
      sound(R"({"at": "2026-03-04T09:00:00Z", "alert": {"labels": {"alertname": "\ud83d\ude80 \\ud83d\u00e9 \/"}}})");
  ASSERT_EQ(lines.events.size(), 1U);
  const auto& told = std::get<Told>(lines.events[0].what);
  EXPECT_EQ(told.reports.reports.at(0).labels.find("alertname"), "\xF0\x9F\x9A\x80 \\ud83d\xC3\xA9 /");
}

TEST(EventLines, BytesOfAnyShapeAreRefusedAndNothingElse) {
  for (const std::string_view text : {std::string_view{"\0\0\0", 3},
                                      std::string_view{"\xff\xfe{"},
                                      std::string_view{"{\"at\": \"\\ud83d\"}"},
                                      std::string_view{"{\"a\": \"\\u"},
                                      std::string_view{"\\"},
                                      std::string_view{"*a\n&a [*a]\n"}}) {
    EXPECT_FALSE(read_event_lines(text, "events.jsonl").problems.empty());
  }
}

TEST(Simulation, TellsTheClimbInTheOrderOfTime) {
  EXPECT_THAT(
      story(
          std::string{outage} +
          R"({"at": "2026-03-04T09:07:00Z", "ack": {"incident": "R-1", "by": "sam"}})"
          "\n"
          R"({"at": "2026-03-04T09:10:00Z", "resolved": {"labels": {"alertname": "ApiDown", "service": "checkout"}}})"),
      ElementsAre("0 R-1 triggered 1.1",
                  "0 R-1 to olga",
                  "300 R-1 triggered 1.2",
                  "300 R-1 to sam",
                  "420 R-1 acknowledged 0.0",
                  "600 R-1 resolved 0.0"));
}

TEST(Simulation, EndsAnHourAfterTheLastEventOrWhenItIsToldTo) {
  const std::vector<std::string> whole = story(outage);
  EXPECT_EQ(whole.back().substr(0, whole.back().find(' ')), "2400") << whole.back();
  SimulationOptions options;
  options.until = rules::parse_rfc3339("2026-03-04T09:05:00Z");
  EXPECT_THAT(story(outage, options),
              ElementsAre("0 R-1 triggered 1.1", "0 R-1 to olga", "300 R-1 triggered 1.2", "300 R-1 to sam"));
}

TEST(Simulation, TellsAHoldBeforeThePagesThatItKeepsBack) {
  const std::vector<std::string> told = story(outage, {}, "group_wait.yml");
  ASSERT_GE(told.size(), 2U);
  EXPECT_THAT(told[1], HasSubstr("R-1 held group_wait"));
}

TEST(Simulation, AVerbThatIsRefusedIsRemarkedWithItsLine) {
  EXPECT_THAT(story(std::string{outage} + R"({"at": "2026-03-04T09:01:00Z", "ack": {"incident": "R-9", "by": "sam"}})"),
              ::testing::Contains("60 line 2: `ack` was refused: there is no incident R-9"));
}

TEST(Simulation, ABeatOfAHeartbeatThatIsNotThereIsRemarkedWithItsLine) {
  EXPECT_THAT(story(std::string{outage} + R"({"at": "2026-03-04T09:01:00Z", "beat": "bakcup"})"),
              ::testing::Contains("60 line 2: no heartbeat is called bakcup: the daemon would answer 404"));
}

TEST(Simulation, IsTheSameUnderAnyKeySeed) {
  SimulationOptions other;
  other.key_seed = 0xDEADBEEFCAFEF00D;
  EXPECT_EQ(story(outage), story(outage, other));
}

TEST(Simulation, OfNoEventsIsNothing) {
  const SimulationFigures figures = simulate(policy_of("outage.yml"), {}, {}, {}, {});
  EXPECT_EQ(figures.events, 0U);
  EXPECT_EQ(figures.pages, 0U);
}

TEST(Simulation, ProgressGoesFromNothingToTheWholeAndNeverBack) {
  std::string text;
  for (int minute = 0; minute < 50; ++minute) {
    for (int alert = 0; alert < 20; ++alert) {
      text += fmt::format(R"({{"at": "2026-03-04T09:{:02}:00Z", "alert": {{"labels": {{"alertname": "A{}"}}}}}})"
                          "\n",
                          minute,
                          alert + minute);
    }
  }
  const EventLines lines = sound(text);
  std::vector<double> parts;
  static_cast<void>(
      simulate(policy_of("outage.yml"), lines.events, {}, {}, [&parts](double part) { parts.push_back(part); }));
  ASSERT_GT(parts.size(), 2U);
  EXPECT_TRUE(std::is_sorted(parts.begin(), parts.end()));
  EXPECT_GE(parts.front(), 0.0);
  EXPECT_LE(parts.back(), 1.0);
}

}  // namespace
}  // namespace rehearse
