// `rousectl send --nagios` against the real HTTP interface, and against a daemon that is away.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/spool.hpp"
#include "tests/daemon/ctl/support.hpp"
#include "tests/support/folder.hpp"

namespace ctl::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class NagiosCommand : public ::testing::Test {
 protected:
  NagiosCommand() {
    daemon_.serve(desk_);
    desk_.variables["ROUSE_SPOOL"] = spool_folder();
  }
  std::string spool_folder() { return (folder_ / "spool").string(); }
  std::size_t waiting() { return Spool::open(spool_folder())->waiting(); }

  Ended notify(const std::string& type, const std::string& state, std::vector<std::string> more = {}) {
    desk_.variables["NAGIOS_NOTIFICATIONTYPE"] = type;
    desk_.variables["NAGIOS_HOSTNAME"] = "db1";
    desk_.variables["NAGIOS_SERVICEDESC"] = "Disk";
    desk_.variables["NAGIOS_SERVICESTATE"] = state;
    desk_.variables["NAGIOS_SERVICEOUTPUT"] = "98%";
    std::vector<std::string> arguments{"send", "--nagios", "--label", "service=checkout"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return desk_.run(std::move(arguments));
  }
  void go_away() {
    desk_.variables["ROUSE_URL"] = "http://127.0.0.1:1";  // nobody listens there
  }
  void come_back() { desk_.variables["ROUSE_URL"] = daemon_.url(); }
  std::string state() {
    const Ended shown = desk_.run({"show", "R-1", "-o", "json"});
    if (shown.code != 0) return shown.error;
    return boost::json::parse(shown.out).at("state").as_string().c_str();
  }

  support::TemporaryFolder folder_;
  FakeDaemon daemon_;
  Desk desk_;
};

TEST_F(NagiosCommand, AProblemOpensAnIncidentAndItsRecoveryEndsIt) {
  const Ended problem = notify("PROBLEM", "CRITICAL");
  EXPECT_EQ(problem.code, 0) << problem.error;
  EXPECT_EQ(problem.out, "PROBLEM of db1!Disk (CRITICAL): roused has it\n");
  EXPECT_EQ(state(), "triggered");
  EXPECT_EQ(notify("RECOVERY", "OK").code, 0);
  EXPECT_EQ(state(), "resolved");
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(NagiosCommand, AStateThatChangesIsTheSameProblem) {
  ASSERT_EQ(notify("PROBLEM", "WARNING").code, 0);
  ASSERT_EQ(notify("PROBLEM", "CRITICAL").code, 0);
  ASSERT_EQ(notify("PROBLEM", "WARNING").code, 0);
  EXPECT_THAT(desk_.run({"incidents", "--state", "all"}).out, AllOf(HasSubstr("R-1"), Not(HasSubstr("R-2"))));
  ASSERT_EQ(notify("RECOVERY", "OK").code, 0);
  EXPECT_EQ(state(), "resolved");
}

TEST_F(NagiosCommand, AnAcknowledgementStopsTheClimbInTheNameOfItsAuthor) {
  ASSERT_EQ(notify("PROBLEM", "CRITICAL").code, 0);
  desk_.variables["NAGIOS_NOTIFICATIONAUTHOR"] = "sam";
  desk_.variables["NAGIOS_NOTIFICATIONCOMMENT"] = "I have it";
  const Ended acknowledged = notify("ACKNOWLEDGEMENT", "CRITICAL");
  EXPECT_EQ(acknowledged.code, 0) << acknowledged.error;
  EXPECT_THAT(acknowledged.out, HasSubstr("R-1 acknowledged by sam"));
  EXPECT_EQ(state(), "acknowledged");
  EXPECT_THAT(desk_.run({"show", "R-1"}).out, HasSubstr("I have it"));
}

TEST_F(NagiosCommand, AnAcknowledgementOfAnotherCheckTouchesNothing) {
  ASSERT_EQ(notify("PROBLEM", "CRITICAL").code, 0);
  const Ended other = notify("ACKNOWLEDGEMENT", "CRITICAL", {"--service", "Load", "--author", "sam"});
  EXPECT_EQ(other.code, 0) << other.error;
  EXPECT_THAT(other.out, HasSubstr("no open incident has db1!Load"));
  EXPECT_EQ(state(), "triggered");
}

TEST_F(NagiosCommand, WhileTheDaemonIsAwayItWaitsAndExitsWell) {
  go_away();
  const Ended problem = notify("PROBLEM", "CRITICAL");
  EXPECT_EQ(problem.code, 0);
  EXPECT_THAT(problem.out, IsEmpty());
  EXPECT_THAT(problem.error, AllOf(HasSubstr("waits in " + spool_folder()), HasSubstr("cannot reach roused")));
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(notify("RECOVERY", "OK").code, 0);
  EXPECT_EQ(waiting(), 2U);
}

TEST_F(NagiosCommand, TheNextRunSendsWhatWaitedFirst) {
  go_away();
  ASSERT_EQ(notify("PROBLEM", "CRITICAL").code, 0);
  come_back();
  const Ended recovery = notify("RECOVERY", "OK");
  EXPECT_EQ(recovery.code, 0) << recovery.error;
  EXPECT_EQ(state(), "resolved");  // and not open, as it were had the recovery overtaken its problem
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(NagiosCommand, FlushSendsWhatWaits) {
  go_away();
  ASSERT_EQ(notify("PROBLEM", "CRITICAL").code, 0);
  const Ended in_vain = desk_.run({"send", "--flush"});
  EXPECT_EQ(in_vain.code, unreachable);
  EXPECT_THAT(in_vain.error, HasSubstr("1 notification waits"));
  come_back();
  const Ended flushed = desk_.run({"send", "--flush"});
  EXPECT_EQ(flushed.code, 0) << flushed.error;
  EXPECT_EQ(flushed.out, "1 notification sent\n");
  EXPECT_EQ(state(), "triggered");
  EXPECT_THAT(desk_.run({"send", "--flush"}).out, IsEmpty());
}

TEST_F(NagiosCommand, APoisonousFileIsSetAsideAndHoldsNothingUp) {
  ASSERT_TRUE(Spool::open(spool_folder()));
  const Spool spool = *Spool::open(spool_folder());
  ASSERT_TRUE(spool.put("not what rousectl writes", rules::Instant{}));
  ASSERT_TRUE(spool.put(R"({"version":1,"kind":"alert","about":"db1!x","words":"PROBLEM of db1!x","body":"nonsense"})",
                        rules::Instant{}));
  const Ended problem = notify("PROBLEM", "CRITICAL");
  EXPECT_EQ(problem.code, 0) << problem.error;
  EXPECT_THAT(problem.error, AllOf(HasSubstr("PROBLEM of db1!x was refused"), HasSubstr("refused/")));
  EXPECT_EQ(state(), "triggered");
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{spool.folder() / "refused"}, {}), 2);
}

TEST_F(NagiosCommand, ARefusedTokenKeepsTheNotification) {
  desk_.environment.call = [](const Call&) -> tl::expected<Answer, std::string> {
    return Answer{.status = 401, .body = {}};
  };
  const Ended problem = notify("PROBLEM", "CRITICAL");
  EXPECT_EQ(problem.code, 0);
  EXPECT_THAT(problem.error, HasSubstr("ROUSE_TOKEN_FILE"));
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(NagiosCommand, WithoutASpoolItIsSentAllTheSameAndWhatIsLostIsSaid) {
  support::write_file(folder_ / "spool", "a file is in the way");
  const Ended problem = notify("PROBLEM", "CRITICAL");
  EXPECT_EQ(problem.code, 0) << problem.error;
  EXPECT_THAT(problem.error, HasSubstr("sending without a spool"));
  EXPECT_EQ(state(), "triggered");
  go_away();
  const Ended lost = notify("RECOVERY", "OK");
  EXPECT_EQ(lost.code, unreachable);
  EXPECT_THAT(lost.error, HasSubstr("RECOVERY of db1!Disk (OK) is lost"));
}

TEST_F(NagiosCommand, WhatChangesNothingIsSaidAndExitsWell) {
  const Ended flapping = notify("FLAPPINGSTART", "CRITICAL");
  EXPECT_EQ(flapping.code, 0) << flapping.error;
  EXPECT_THAT(flapping.out, HasSubstr("FLAPPINGSTART of db1!Disk"));
  EXPECT_THAT(daemon_.requests(), IsEmpty());
}

TEST_F(NagiosCommand, ArgumentsDoWithoutTheEnvironment) {
  const Ended problem = desk_.run({"send",
                                   "--nagios",
                                   "--type=PROBLEM",
                                   "--host=web",
                                   "--service=",
                                   "--state=DOWN",
                                   "--number=2",
                                   "--plugin-output=-1 packets came back",
                                   "--time=1772643000"});
  EXPECT_EQ(problem.code, 0) << problem.error;
  EXPECT_EQ(problem.out, "PROBLEM of web (DOWN): roused has it\n");
  EXPECT_THAT(desk_.run({"show", "R-1"}).out, HasSubstr("-1 packets came back"));
}

TEST_F(NagiosCommand, WhatAPluginPrintsIsNeverTakenForAnOption) {
  for (const char* const output : {"--wait", "-o json", "--resolved=", "--", ""}) {
    const Ended problem = desk_.run({"send",
                                     "--nagios",
                                     "--type",
                                     "PROBLEM",
                                     "--service",
                                     "",
                                     "--plugin-output",
                                     output,
                                     "--host",
                                     "web",
                                     "--state",
                                     "DOWN"});
    EXPECT_EQ(problem.code, 0) << output << ": " << problem.error;
    EXPECT_EQ(problem.out, "PROBLEM of web (DOWN): roused has it\n") << output;
  }
}

TEST_F(NagiosCommand, WrongUsageIsToldApart) {
  EXPECT_EQ(desk_.run({"send", "--nagios"}).code, wrong_usage);
  EXPECT_EQ(desk_.run({"send", "--nagios", "--flush"}).code, wrong_usage);
  EXPECT_EQ(desk_.run({"send", "--nagios", "--wait"}).code, wrong_usage);
  EXPECT_EQ(desk_.run({"send", "--host", "db1"}).code, wrong_usage);
  EXPECT_EQ(notify("SNEEZE", "CRITICAL").code, wrong_usage);
  EXPECT_EQ(notify("PROBLEM", "CRITICAL", {"--state-severity", "CRITICAL"}).code, wrong_usage);
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(NagiosCommand, AsJsonItSaysWhatBecameOfIt) {
  const Ended sent = notify("PROBLEM", "CRITICAL", {"-o", "json"});
  EXPECT_EQ(boost::json::parse(sent.out).at("outcome").as_string(), "sent");
  go_away();
  const Ended spooled = notify("RECOVERY", "OK", {"-o", "json"});
  EXPECT_EQ(boost::json::parse(spooled.out).at("outcome").as_string(), "spooled");
  EXPECT_EQ(boost::json::parse(spooled.out).at("waiting").as_int64(), 1);
}

}  // namespace
}  // namespace ctl::testing
