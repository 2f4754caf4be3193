// What Nagios and Icinga say, and what rouse is told of it.
#include "daemon/ctl/nagios.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/rfc3339.hpp"

namespace ctl::testing {
namespace {

namespace json = boost::json;

using ::testing::HasSubstr;

using Environs = std::map<std::string, std::string>;

Notification read(const Environs& variables, Notification given = {}) {
  return complete(std::move(given), [&variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

const rules::Instant now = *rules::parse_rfc3339("2026-03-04T17:00:00Z");

Told told_of(const Notification& notification, const NagiosOptions& options = {}) {
  tl::expected<Told, std::string> told = tell(notification, options, now);
  if (!told) throw std::runtime_error(told.error());
  return *std::move(told);
}

Notification disk_is(const std::string& type, const std::string& state) {
  Notification notification;
  notification.type = type;
  notification.host = "db1";
  notification.service = "Disk";
  notification.state = state;
  notification.output = "DISK CRITICAL - /data 98%";
  notification.time = "1772643000";
  return notification;
}

// "firing critical", "resolved -", ... in the order of the body.
std::vector<std::string> variants(const Told& told) {
  std::vector<std::string> texts;
  const json::value body = json::parse(told.body);
  for (const json::value& alert : body.at("alerts").as_array()) {
    const json::value* const severity = alert.at("labels").as_object().if_contains("severity");
    texts.push_back(std::string{alert.at("status").as_string()} + " " +
                    (severity == nullptr ? "-" : std::string{severity->as_string()}));
  }
  return texts;
}

TEST(NagiosMacros, OfTheEnvironmentAreReadForAService) {
  const Notification read_one = read({{"NAGIOS_NOTIFICATIONTYPE", "PROBLEM"},
                                      {"NAGIOS_HOSTNAME", "db1"},
                                      {"NAGIOS_HOSTSTATE", "UP"},
                                      {"NAGIOS_HOSTOUTPUT", "ping ok"},
                                      {"NAGIOS_SERVICEDESC", "Disk"},
                                      {"NAGIOS_SERVICESTATE", "CRITICAL"},
                                      {"NAGIOS_SERVICEOUTPUT", "98%"},
                                      {"NAGIOS_LONGSERVICEOUTPUT", "/data 98%\\n/ 10%"},
                                      {"NAGIOS_SERVICEPROBLEMID", "12"},
                                      {"NAGIOS_LASTSERVICEPROBLEMID", "0"},
                                      {"NAGIOS_SERVICENOTIFICATIONNUMBER", "3"},
                                      {"NAGIOS_TIMET", "1772643000"}});
  EXPECT_EQ(read_one.type, "PROBLEM");
  EXPECT_EQ(read_one.host, "db1");
  EXPECT_EQ(read_one.service, "Disk");
  EXPECT_EQ(read_one.state, "CRITICAL");
  EXPECT_EQ(read_one.output, "98%");
  EXPECT_EQ(read_one.problem_id, "12");
  EXPECT_EQ(read_one.last_problem_id, "0");
  EXPECT_EQ(read_one.number, "3");
  EXPECT_EQ(read_one.time, "1772643000");
  const json::value alert = json::parse(told_of(read_one).body).at("alerts").at(0);
  EXPECT_EQ(alert.at("annotations").at("summary").as_string(), "98%");
  EXPECT_EQ(alert.at("annotations").at("description").as_string(), "/data 98%\n/ 10%");
  EXPECT_EQ(alert.at("annotations").at("nagios_problem").as_string(), "12");
  EXPECT_EQ(alert.at("startsAt").as_string(), "2026-03-04T16:50:00.000Z");
}

TEST(NagiosMacros, OfAHostProblemNameNoService) {
  const Notification host = read({{"NAGIOS_NOTIFICATIONTYPE", "PROBLEM"},
                                  {"NAGIOS_HOSTNAME", "db1"},
                                  {"NAGIOS_SERVICEDESC", ""},
                                  {"NAGIOS_HOSTSTATE", "DOWN"},
                                  {"NAGIOS_HOSTOUTPUT", "no answer"}});
  const Told told = told_of(host);
  EXPECT_EQ(told.about, "db1");
  EXPECT_EQ(told.labels, (rules::Labels{{{"alertname", "Host"}, {"host", "db1"}}}));
  EXPECT_EQ(variants(told).front(), "firing critical");
}

TEST(NagiosMacros, OfIcinga2AreReadByTheNamesOfItsScripts) {
  const Notification icinga = read({{"NOTIFICATIONTYPE", "PROBLEM"},
                                    {"HOSTNAME", "db1"},
                                    {"HOSTDISPLAYNAME", "the database"},
                                    {"SERVICENAME", "disk"},
                                    {"SERVICEDISPLAYNAME", "Disk"},
                                    {"SERVICESTATE", "WARNING"},
                                    {"SERVICEOUTPUT", "91%"},
                                    {"NOTIFICATIONAUTHORNAME", "olga"},
                                    {"NOTIFICATIONCOMMENT", "mine"}});
  EXPECT_EQ(icinga.host, "db1");
  EXPECT_EQ(icinga.service, "disk");
  EXPECT_EQ(icinga.state, "WARNING");
  EXPECT_EQ(icinga.output, "91%");
  EXPECT_EQ(icinga.author, "olga");
  EXPECT_EQ(icinga.comment, "mine");
}

TEST(NagiosMacros, TheHostnameOfAContainerIsNoHostOfAnAlert) {
  EXPECT_EQ(read({{"HOSTNAME", "3f2a9c"}}, disk_is("PROBLEM", "CRITICAL")).host, "db1");
  Notification without_host = disk_is("PROBLEM", "CRITICAL");
  without_host.host.clear();
  EXPECT_EQ(read({{"HOSTNAME", "3f2a9c"}}, without_host).host, "");
  EXPECT_FALSE(tell(read({{"HOSTNAME", "3f2a9c"}}, without_host), {}, now));
}

TEST(NagiosMacros, ArgumentsWinAndWhatNobodyExpandedIsNotSaid) {
  Notification given = disk_is("PROBLEM", "CRITICAL");
  given.service = "$SERVICEDESC$";
  given.output = "$5 is what it costs";
  const Notification read_one =
      read({{"NAGIOS_HOSTNAME", "other"}, {"NAGIOS_HOSTSTATE", "UP"}, {"NAGIOS_NOTIFICATIONTYPE", "RECOVERY"}}, given);
  EXPECT_EQ(read_one.host, "db1");
  EXPECT_EQ(read_one.type, "PROBLEM");
  EXPECT_EQ(read_one.service, "");
  EXPECT_EQ(read_one.output, "$5 is what it costs");
}

TEST(NagiosAlerts, FireInTheirStateAndHaveEndedInEveryOther) {
  EXPECT_EQ(variants(told_of(disk_is("PROBLEM", "CRITICAL"))),
            (std::vector<std::string>{"firing critical", "resolved -", "resolved warning"}));
  EXPECT_EQ(variants(told_of(disk_is("PROBLEM", "WARNING"))),
            (std::vector<std::string>{"firing warning", "resolved -", "resolved critical"}));
  EXPECT_EQ(variants(told_of(disk_is("RECOVERY", "OK"))),
            (std::vector<std::string>{"resolved -", "resolved critical", "resolved warning"}));
}

TEST(NagiosAlerts, OfAStateThatNobodyKnowsRankHighest) {
  EXPECT_EQ(variants(told_of(disk_is("PROBLEM", "MELTING"))).front(), "firing -");
}

TEST(NagiosAlerts, TheSeverityOfAStateCanBeSetAndItsRecoveryEndsIt) {
  const NagiosOptions options{.labels = {}, .annotations = {}, .severities = {{"UNKNOWN", "page"}}};
  EXPECT_EQ(variants(told_of(disk_is("PROBLEM", "UNKNOWN"), options)).front(), "firing page");
  EXPECT_THAT(variants(told_of(disk_is("RECOVERY", "OK"), options)), ::testing::Contains("resolved page"));
}

TEST(NagiosAlerts, AnUnreachableHostIsNotToldUnlessItIsAskedFor) {
  Notification host = disk_is("PROBLEM", "UNREACHABLE");
  host.service.clear();
  const Told told = told_of(host);
  EXPECT_EQ(told.kind, Told::Kind::nothing);
  EXPECT_THAT(told.words, HasSubstr("UNREACHABLE"));
  const NagiosOptions options{.labels = {}, .annotations = {}, .severities = {{"UNREACHABLE", "info"}}};
  EXPECT_EQ(variants(told_of(host, options)).front(), "firing info");
}

TEST(NagiosAlerts, KeepTheirIdentityWhateverTheirStateIs) {
  const NagiosOptions options{.labels = {{"service", "checkout"}}, .annotations = {}, .severities = {}};
  const Told problem = told_of(disk_is("PROBLEM", "CRITICAL"), options);
  EXPECT_EQ(
      problem.labels,
      (rules::Labels{{{"alertname", "Disk"}, {"host", "db1"}, {"nagios_service", "Disk"}, {"service", "checkout"}}}));
  EXPECT_EQ(problem.labels, told_of(disk_is("RECOVERY", "OK"), options).labels);
  for (const char* const own : {"alertname", "host", "nagios_service", "severity"}) {
    const NagiosOptions wrong{.labels = {{own, "x"}}, .annotations = {}, .severities = {}};
    EXPECT_FALSE(tell(disk_is("PROBLEM", "CRITICAL"), wrong, now)) << own;
  }
}

TEST(NagiosAlerts, AHostIsNotOneOfItsServices) {
  const rules::Labels host{{{"alertname", "Host"}, {"host", "db1"}}};
  const rules::Labels named_host{{{"alertname", "Host"}, {"host", "db1"}, {"nagios_service", "Host"}}};
  EXPECT_TRUE(is_of_check(rules::Labels{{{"alertname", "Host"}, {"host", "db1"}, {"severity", "critical"}}}, host));
  EXPECT_FALSE(is_of_check(named_host, host));
  EXPECT_FALSE(is_of_check(host, named_host));
  EXPECT_FALSE(is_of_check(rules::Labels{{{"alertname", "Host"}, {"host", "db2"}}}, host));
}

TEST(NagiosWords, AnAcknowledgementCarriesItsAuthorAndComment) {
  Notification notification = disk_is("ACKNOWLEDGEMENT", "CRITICAL");
  notification.author = "Olga P\n";
  notification.comment = "on it\x07";
  const Told told = told_of(notification);
  EXPECT_EQ(told.kind, Told::Kind::acknowledge);
  EXPECT_THAT(told.by, ::testing::StartsWith("Olga P"));
  EXPECT_EQ(told.text, "on it\\x07");
  EXPECT_EQ(told.labels.find("nagios_service"), "Disk");
}

TEST(NagiosWords, FlappingAndDowntimesAreNotRecorded) {
  for (const char* const type : {"FLAPPINGSTART",
                                 "FLAPPINGSTOP",
                                 "FLAPPINGEND",
                                 "FLAPPINGDISABLED",
                                 "DOWNTIMESTART",
                                 "DOWNTIMEEND",
                                 "DOWNTIMECANCELLED",
                                 "DOWNTIMEREMOVED"}) {
    EXPECT_EQ(told_of(disk_is(type, "CRITICAL")).kind, Told::Kind::nothing) << type;
  }
}

TEST(NagiosWords, ACustomNotificationIsANoteWhenItSaysSomething) {
  Notification custom = disk_is("CUSTOM", "CRITICAL");
  EXPECT_EQ(told_of(custom).kind, Told::Kind::nothing);
  custom.comment = "the vendor calls back at 3";
  EXPECT_EQ(told_of(custom).kind, Told::Kind::note);
}

TEST(NagiosWords, WhatIsMissingOrUnknownIsSaid) {
  const tl::expected<Told, std::string> typeless = tell(Notification{}, {}, now);
  ASSERT_FALSE(typeless);
  EXPECT_THAT(typeless.error(), HasSubstr("--type"));
  const tl::expected<Told, std::string> odd = tell(disk_is("SNEEZE", "CRITICAL"), {}, now);
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error(), HasSubstr("SNEEZE"));
}

TEST(NagiosWords, ComeBackFromTheSpoolAsTheyWere) {
  Notification notification = disk_is("PROBLEM", "CRITICAL");
  notification.output = "caf\xe9 \"quoted\" \\ \x01";  // not UTF-8
  Notification acknowledgement = disk_is("ACKNOWLEDGEMENT", "CRITICAL");
  acknowledgement.author = "olga";
  acknowledgement.comment = "mine";
  for (const Told& told : {told_of(notification), told_of(acknowledgement)}) {
    const tl::expected<Told, std::string> again = from_spool(to_spool(told));
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, told);
  }
  for (const char* const broken : {"", "{", "[]", "{\"kind\":\"sing\"}", "\x00"}) EXPECT_FALSE(from_spool(broken));
}

}  // namespace
}  // namespace ctl::testing
