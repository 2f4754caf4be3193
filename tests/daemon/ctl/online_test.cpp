// The commands that ask a daemon: the real HTTP interface on loopback, over a rehearsed world.
#include <fstream>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/ctl/support.hpp"

namespace ctl::testing {
namespace {

namespace json = boost::json;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// One open incident, R-1, at step 1 of 3: olga was called.
class Online : public ::testing::Test {
 protected:
  Online() {
    daemon_.serve(desk_);
    daemon_.report("ApiDown");
  }
  std::string state(const std::string& id) {
    return json::parse(desk_.run({"show", id, "-o", "json"}).out).at("state").as_string().c_str();
  }
  FakeDaemon daemon_;
  Desk desk_;
};

TEST_F(Online, AckSaysThatTheClimbHasStoppedAndWhenItRunsOut) {
  const Ended ended = desk_.run({"ack", "R-1"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(ended.out, "R-1 acknowledged by olga; the climb has stopped; the acknowledgement runs out in 30m\n");
  EXPECT_EQ(state("R-1"), "acknowledged");
  EXPECT_THAT(daemon_.requests(), Contains("POST /v1/incidents/R-1/ack"));
}

TEST_F(Online, ByNamesWhoActed) {
  EXPECT_THAT(desk_.run({"ack", "r1", "--by", "sam"}).out, StartsWith("R-1 acknowledged by sam;"));
  const json::value shown = json::parse(desk_.run({"show", "1", "-o", "json"}).out);
  EXPECT_EQ(shown.at("by").as_string(), "sam");
}

TEST_F(Online, EscalateSaysWhoIsCalledNowAndWhenItGoesOn) {
  const Ended ended = desk_.run({"escalate", "R-1", "--by", "olga"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(ended.out, "R-1 escalated by olga; now at step 2 of 3, round 1 of 2: sam; it climbs on in 5m\n");
}

TEST_F(Online, SnoozeSaysWhenPeopleAreCalledAgain) {
  const Ended ended = desk_.run({"snooze", "R-1", "--for", "2h"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(ended.out,
            "R-1 snoozed by olga for 2h; the climb has stopped; people are called again in 2h, at 19:00:00\n");
}

TEST_F(Online, ResolveClosesAndWhatFollowsIsRefused) {
  EXPECT_EQ(desk_.run({"resolve", "R-1"}).out, "R-1 resolved by olga; nobody is called any more\n");
  const Ended again = desk_.run({"ack", "R-1"});
  EXPECT_EQ(again.code, refused);
  EXPECT_EQ(again.error, "rousectl: R-1: already resolved\n");
  EXPECT_THAT(again.out, IsEmpty());
}

TEST_F(Online, CallAndNoteSayWhatWasDone) {
  EXPECT_EQ(desk_.run({"call", "R-1", "database"}).out, "R-1: database is being called, asked for by olga\n");
  EXPECT_EQ(desk_.run({"note", "R-1", "the", "disk is full"}).out, "R-1: noted by olga\n");
  EXPECT_THAT(desk_.run({"show", "R-1"}).out, HasSubstr("the disk is full"));
  EXPECT_EQ(desk_.run({"call", "R-1", "nobody-known"}).code, refused);
}

TEST_F(Online, AVerbAsJsonIsTheIncident) {
  const Ended ended = desk_.run({"ack", "R-1", "--output", "json"});
  EXPECT_EQ(json::parse(ended.out).at("state").as_string(), "acknowledged");
}

TEST_F(Online, AnIncidentThatDoesNotExistGetsTheNearestOpenOnes) {
  daemon_.report("DiskFull");
  daemon_.report("QueueLong");
  daemon_.report("QueueLong", rules::ReportStatus::resolved);
  for (const char* command : {"show", "ack"}) {
    const Ended ended = desk_.run({command, "R-7"});
    EXPECT_EQ(ended.code, refused);
    EXPECT_EQ(ended.error, "rousectl: there is no R-7; the nearest open ones are R-2 (DiskFull) and R-1 (ApiDown)\n");
  }
}

TEST_F(Online, WhenNothingIsOpenAnUnknownIncidentIsToldSo) {
  daemon_.report("ApiDown", rules::ReportStatus::resolved);
  EXPECT_EQ(desk_.run({"ack", "R-7"}).error, "rousectl: there is no R-7; no incident is open\n");
}

TEST_F(Online, ShowDrawsTheCallTreeAndWhatHappensNext) {
  const Ended ended = desk_.run({"show", "R-1"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("R-1"), HasSubstr("olga"), HasSubstr("sam"), HasSubstr("in 5m")));
  EXPECT_THAT(ended.out, Not(HasSubstr("\x1b")));
}

TEST_F(Online, ColourIsForTerminalsAndNotAgainstNoColor) {
  desk_.environment.out_is_terminal = true;
  EXPECT_THAT(desk_.run({"show", "R-1"}).out, HasSubstr("\x1b["));
  desk_.variables["NO_COLOR"] = "1";
  EXPECT_THAT(desk_.run({"show", "R-1"}).out, Not(HasSubstr("\x1b[")));
}

TEST_F(Online, ALocaleWithoutUtf8GetsPlainAscii) {
  desk_.variables["LANG"] = "C";
  const std::string out = desk_.run({"show", "R-1"}).out;
  EXPECT_TRUE(std::all_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) << out;
}

TEST_F(Online, WatchDrawsAgainUntilItIsInterrupted) {
  daemon_.serve(desk_, 2);
  const Ended ended = desk_.run({"show", "R-1", "--watch"});
  EXPECT_EQ(ended.code, 0);
  const std::vector<std::string> requests = daemon_.requests();
  EXPECT_EQ(std::count(requests.begin(), requests.end(), "GET /v1/incidents/R-1"), 3);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("in 5m"), HasSubstr("in 4m 58s")));
}

TEST_F(Online, IncidentsListsThemNewestFirstAndPassesTheFilters) {
  daemon_.report("DiskFull");
  const Ended ended = desk_.run({"incidents"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_LT(ended.out.find("R-2"), ended.out.find("R-1"));
  EXPECT_EQ(desk_.run({"incidents", "--state", "all", "--service", "a b", "--since", "2h", "--limit", "7"}).code, 0);
  EXPECT_THAT(daemon_.requests(),
              Contains("GET /v1/incidents?state=all&service=a%20b&since=2026-03-04T15%3A00%3A00.000Z&limit=7"));
  EXPECT_THAT(desk_.run({"incidents", "--limit", "1"}).out, HasSubstr("there are older ones: --after R-2\n"));
  EXPECT_THAT(desk_.run({"incidents", "--after", "R-2"}).out, AllOf(HasSubstr("R-1"), Not(HasSubstr("R-2"))));
  EXPECT_EQ(desk_.run({"incidents", "--after", "two"}).code, 2);
  EXPECT_EQ(json::parse(desk_.run({"incidents", "-o", "json"}).out).at("incidents").as_array().size(), 2U);
}

TEST_F(Online, StatusCountsByStateAndSaysWhoIsOnCall) {
  daemon_.report("DiskFull");
  EXPECT_EQ(desk_.run({"ack", "R-1"}).code, 0);
  const Ended ended = desk_.run({"status"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_THAT(ended.out, StartsWith("roused " ROUSE_VERSION " at " + daemon_.url() + ": ready\n"));
  EXPECT_THAT(ended.out, HasSubstr("2 open: 1 triggered, 1 acknowledged; 0 unheard, 0 held back\n"));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("database"), HasSubstr("dee")));
}

TEST_F(Online, StatusCountsTheUnheard) {
  daemon_.pass(std::chrono::minutes{41});
  EXPECT_THAT(desk_.run({"status"}).out, HasSubstr("1 unheard"));
}

TEST_F(Online, StatusOfADaemonThatIsNotReadyFailsAndSaysWhy) {
  daemon_.why_not_ready = "the journal is full";
  const Ended ended = desk_.run({"status"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr("not ready: the journal is full\n"));
  const json::value whole = json::parse(desk_.run({"status", "-o", "json"}).out);
  EXPECT_FALSE(whole.at("ready").as_bool());
  EXPECT_EQ(whole.at("why_not_ready").as_string(), "the journal is full");
}

TEST_F(Online, StatusShowsHowEachProviderDoes) {
  daemon_.providers = {{.channel = "sms",
                        .number = 1,
                        .kind = "twilio",
                        .tries = {7, 1, 2, 3, 0},
                        .is_open = true,
                        .last_success = daemon_.now() - std::chrono::minutes{3},
                        .answers = 13,
                        .seconds_sum = 2.6},
                       {.channel = "sms", .number = 2, .kind = "command"}};
  const Ended ended = desk_.run({"status"});
  EXPECT_EQ(ended.code, 0) << "a later provider works";
  EXPECT_THAT(ended.out, ::testing::ContainsRegex("sms +1 +twilio +OPEN +13 +1 +2 +3 +200ms +16:57:00 .3m ago."));
  EXPECT_THAT(ended.out, ::testing::ContainsRegex("sms +2 +command +closed +0 +0 +0 +0 +- +never"));
  EXPECT_THAT(ended.out, HasSubstr("by stage: step 1: 1\n"));
  const json::value whole = json::parse(desk_.run({"status", "-o", "json"}).out);
  EXPECT_EQ(whole.at("providers").at(0).at("circuit").as_string(), "open");
  EXPECT_EQ(whole.at("providers").at(0).at("failures").to_number<int>(), 6);
  EXPECT_EQ(whole.at("incidents").at("stages").at(0).at("stage").as_string(), "step 1");
  EXPECT_EQ(whole.at("url").as_string(), daemon_.url());
}

TEST_F(Online, ContactsThatFailedAreShownWithWhoeverIsOnCall) {
  daemon_.fail("sms");
  EXPECT_EQ(desk_.run({"page", "test", "dee"}).code, 0);
  EXPECT_EQ(desk_.run({"page", "test", "ivan"}).code, 0);
  for (const char* command : {"oncall", "status"}) {
    const Ended ended = desk_.run({command});
    EXPECT_THAT(ended.out, ::testing::ContainsRegex("dee +sms +specialist for database +failed now")) << command;
    EXPECT_THAT(ended.out, ::testing::ContainsRegex("ivan +sms +- +failed now")) << command;
    EXPECT_THAT(ended.out, HasSubstr("rousectl page test WHO")) << command;
  }
}

TEST_F(Online, ReachabilityShowsWhoWasHeardByWhat) {
  EXPECT_EQ(desk_.run({"page", "test", "sam"}).code, 0);
  const Ended ended = desk_.run({"reachability"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_THAT(ended.out, ::testing::ContainsRegex("sam +sms +0% .0 of 1. +0% .0 of 1. +never +works"));
  EXPECT_THAT(ended.out, ::testing::ContainsRegex("dee +sms +- +- +never +never tried"));
  EXPECT_THAT(desk_.run({"reachability", "sam"}).out, Not(HasSubstr("dee")));
  EXPECT_EQ(desk_.run({"reachability", "batman"}).error, "rousectl: nobody in the configuration is called that\n");
  EXPECT_EQ(json::parse(desk_.run({"reachability", "sam", "-o", "json"}).out).at("contacts").as_array().size(), 1U);
}

TEST_F(Online, CheckAsksTheDaemonWhetherItCanPage) {
  const Ended well = desk_.run({"check", "--online"});
  EXPECT_EQ(well.code, 0) << well.error;
  EXPECT_THAT(well.out, EndsWith(daemon_.url() + ": 0 errors, 2 warnings\n")) << "dee and sam were never tried";
  daemon_.why_not_ready = "the journal failed";
  daemon_.providers = {{.channel = "sms", .number = 1, .kind = "webhook", .tries = {0, 4, 0, 0, 0}, .answers = 4}};
  const Ended ended = desk_.run({"check", "--online"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr("error: roused: it is not ready: the journal failed\n"));
  EXPECT_THAT(ended.out, HasSubstr("error: channel sms: none of its providers has taken anything since the start\n"));
}

TEST_F(Online, CheckComparesTheFileWithWhatTheDaemonRuns) {
  const std::string teams = source + "/tests/policies/teams/";
  EXPECT_THAT(desk_.run({"check", "--online", teams + "outage.yml"}).out, Not(HasSubstr("another configuration")));
  EXPECT_THAT(desk_.run({"check", "--online", teams + "desk.yml"}).out, HasSubstr("another configuration"));
}

TEST_F(Online, CheckOfADaemonThatIsNotThereStillPrintsWhatTheFileHas) {
  desk_.variables["ROUSE_URL"] = "http://127.0.0.1:1";
  const Ended ended = desk_.run({"check", "--online", source + "/tests/policies/teams/outage.yml"});
  EXPECT_EQ(ended.code, unreachable);
  EXPECT_THAT(ended.out, HasSubstr("on-call looked at for 90d"));
}

// The file has one webhook, at a port of loopback that nobody listens at.
TEST_F(Online, CheckTriesTheProvidersOfTheFile) {
  desk_.environment.probe = probe_providers;
  const std::string file = source + "/tests/policies/teams/outage.yml";
  const Ended ended = desk_.run({"check", "--online", file});
  EXPECT_EQ(ended.code, refused);
  EXPECT_THAT(ended.out, HasSubstr("\nsms 1 (webhook): FAILED: "));
  EXPECT_THAT(ended.out, HasSubstr(": 1 error, "));
  const json::value body = json::parse(desk_.run({"check", "--online", file, "-o", "json"}).out);
  const json::object& probe = body.at("probes").at(0).as_object();
  EXPECT_EQ(probe.at("channel"), "sms");
  EXPECT_EQ(probe.at("works"), false);
  EXPECT_THAT(desk_.run({"check", file}).out, Not(HasSubstr("(webhook)"))) << "only when it is asked for";
}

TEST_F(Online, CheckSaysHowLongAProviderTookAndWhatWasNotTried) {
  desk_.environment.probe = [](const std::vector<rules::Channel>& channels,
                               const std::vector<std::string>& /*allowed*/,
                               rules::Duration limit) {
    EXPECT_EQ(limit, std::chrono::seconds{10});
    return std::vector<channels::Probed>{{.channel = channels.front().name,
                                          .number = 1,
                                          .kind = "webhook",
                                          .works = true,
                                          .detail = "nothing was asked of it",
                                          .took = std::chrono::milliseconds{230}}};
  };
  const Ended ended = desk_.run({"check", "--online", source + "/tests/policies/teams/outage.yml"});
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("\nsms 1 (webhook): ok, 230 ms; nothing was asked of it\n"));
}

TEST_F(Online, OnCallAsksForTheTimeInTheReadersZone) {
  desk_.environment.zone = reader_zone("Europe/Bucharest", {});
  EXPECT_EQ(desk_.run({"oncall", "--at", "2026-12-24 23:00"}).code, 0);
  EXPECT_THAT(daemon_.requests(), Contains("GET /v1/oncall?at=2026-12-24T21%3A00%3A00.000Z"));
  const Ended now = desk_.run({"oncall"});
  EXPECT_THAT(now.out, HasSubstr("database"));
  EXPECT_THAT(desk_.run({"oncall", "-o", "json"}).out, HasSubstr("\"on_call\""));
}

TEST_F(Online, SendSaysWhichIncidentTheAlertBecameAndHowToFollowIt) {
  const Ended ended = desk_.run(
      {"send", "--alertname", "Probe", "-l", "service=search", "--label", "team=a=b", "--severity", "warning"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_THAT(ended.out, StartsWith("Probe is in R-2 (triggered, urgency high)\n"));
  EXPECT_THAT(ended.out, HasSubstr("rousectl show R-2 --watch"));
  const json::value shown = json::parse(desk_.run({"show", "R-2", "-o", "json"}).out);
  const json::value& labels = shown.at("alert_list").as_array().at(0).at("labels");
  EXPECT_EQ(labels.at("team").as_string(), "a=b");
  EXPECT_EQ(labels.at("severity").as_string(), "warning");
}

TEST_F(Online, SendResolvedEndsTheAlertAndNamesItsIncident) {
  EXPECT_EQ(desk_.run({"send", "--alertname", "Probe"}).code, 0);
  const Ended ended = desk_.run({"send", "--alertname", "Probe", "--resolved"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(ended.out, "Probe has ended in R-2 (resolved, urgency high)\n");
  EXPECT_EQ(desk_.run({"send", "--alertname", "Never", "--resolved"}).out,
            "Told that Never has ended; no incident had it.\n");
}

TEST_F(Online, SendAsJsonNamesTheFingerprintAndTheIncidents) {
  const json::value whole = json::parse(desk_.run({"send", "--alertname", "Probe", "-o", "json"}).out);
  EXPECT_EQ(whole.at("incidents").as_array().at(0).as_string(), "R-2");
  EXPECT_EQ(whole.at("fingerprint").as_string().size(), 16U);
}

TEST_F(Online, SendAndWaitTellsTheTimelineUntilSomebodyHasHeard) {
  int pauses = 0;
  desk_.environment.pause = [this, &pauses](rules::Duration) {
    if (++pauses == 3) daemon_.tell(rules::Acknowledge{.incident = rules::IncidentId{2}, .by = "sam"});
    daemon_.pass(std::chrono::minutes{2});
    return pauses < 10;
  };
  const Ended ended = desk_.run({"send", "--alertname", "Probe", "--wait"});
  EXPECT_EQ(ended.code, 0) << ended.error;
  EXPECT_EQ(pauses, 3);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("olga"), HasSubstr("sam")));
}

TEST_F(Online, SendAndWaitThatIsInterruptedSaysThatNobodyHasHeard) {
  const Ended ended = desk_.run({"send", "--alertname", "Probe", "--wait"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_EQ(ended.error, "rousectl: nobody has acknowledged R-2 yet\n");
}

TEST_F(Online, ReloadTellsWhatMovedAndARehearsalOnlyAsks) {
  EXPECT_EQ(desk_.run({"reload"}).out, "R-1 moved\n");
  EXPECT_EQ(desk_.run({"reload", "--dry-run"}).out, "R-1 would move\n");
  EXPECT_THAT(daemon_.requests(), Contains("POST /-/reload?dry_run=true"));
  EXPECT_EQ(json::parse(desk_.run({"reload", "-o", "json"}).out).at("status").as_string(), "ok");
}

TEST_F(Online, ARefusedReloadPrintsEveryErrorOnItsLine) {
  daemon_.reload_trouble = "rouse.yml:1:1: no\nrouse.yml:2:1: neither";
  const Ended ended = desk_.run({"reload"});
  EXPECT_EQ(ended.code, refused);
  EXPECT_EQ(ended.error, "rousectl: nothing has changed: rouse.yml:1:1: no\nrouse.yml:2:1: neither\n");
}

TEST_F(Online, TheTokenOfTheFileIsSentAndNeverPrinted) {
  std::string file = ::testing::TempDir() + "token-XXXXXX";
  const int descriptor = ::mkstemp(file.data());
  ASSERT_GE(descriptor, 0);
  ::close(descriptor);
  std::ofstream{file} << "s3cret-token\r\n";
  desk_.variables["ROUSE_TOKEN_FILE"] = file;
  const Ended ended = desk_.run({"ack", "R-99"});
  EXPECT_THAT(daemon_.tokens(), Contains("Bearer s3cret-token"));
  EXPECT_THAT(ended.out + ended.error, Not(HasSubstr("s3cret")));
  ::unlink(file.c_str());
  EXPECT_EQ(desk_.run({"status"}).code, wrong_usage);
  EXPECT_THAT(desk_.run({"status"}).error, HasSubstr("ROUSE_TOKEN_FILE names " + file));
}

TEST(Answers, ThatAreNotTheDaemonsAreSaidToBeUnreadable) {
  Desk desk;
  desk.environment.call = [](const Call&) -> tl::expected<Answer, std::string> {
    return Answer{.status = 200, .body = "<html>\x1b[31m"};
  };
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"status"}, {"incidents"}, {"show", "R-1"}, {"oncall"}, {"reachability"}, {"ack", "R-1"}, {"send"}}) {
    const Ended ended = desk.run(arguments);
    EXPECT_EQ(ended.code, refused) << arguments.front();
    EXPECT_THAT(ended.error, HasSubstr("cannot be read")) << arguments.front();
  }
}

TEST(Answers, RefusalsSayWhatToDo) {
  Desk desk;
  unsigned status = 0;
  desk.environment.call = [&status](const Call&) -> tl::expected<Answer, std::string> {
    return Answer{.status = status, .body = "go \x1b[31maway"};
  };
  const std::vector<std::pair<unsigned, std::string>> hints = {
      {401, "ROUSE_TOKEN_FILE"}, {403, "ROUSE_TOKEN_FILE"}, {503, "try again"}, {500, "roused answered 500"}};
  for (const auto& [answered, hint] : hints) {
    status = answered;
    const Ended ended = desk.run({"ack", "R-1"});
    EXPECT_EQ(ended.code, refused);
    EXPECT_THAT(ended.error, HasSubstr(hint));
    EXPECT_THAT(ended.error, Not(HasSubstr("\x1b")));
  }
}

}  // namespace
}  // namespace ctl::testing
