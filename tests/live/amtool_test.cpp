// Debian's amtool, unchanged, against the daemon: everything that its manual names but checking a file.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

std::string team(const support::Sink& phones) {
  return small_team(phones) +
         "time_intervals:\n"
         "  office: { days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\" }\n"
         "inhibit_rules:\n"
         "  - { name: cluster, source: [ alertname = ClusterDown ], target: [ severity = warning ], equal: [cluster] "
         "}\n";
}

class Amtool : public testing::Test {
 protected:
  void SetUp() override {
    if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
    house.roused.start();
  }
  void TearDown() override {
    if (support::peers().programs.empty()) return;
    EXPECT_EQ(house.roused.stop(), 0);
    support::figure("amtool", "amtool commands that worked unchanged", worked);
  }

  // What it prints; it must succeed.
  std::string amtool(const std::vector<std::string>& arguments) {
    const support::Finished ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << fmt::format("amtool {}\n", fmt::join(arguments, " ")) << ended.output;
    if (ended.code == 0) ++worked;
    return ended.output;
  }

  support::Finished run(const std::vector<std::string>& arguments) {
    // The two versions differ by nature, and amtool would say so each time.
    std::vector<std::string> all{(support::peers().programs / "amtool").string(),
                                 "--alertmanager.url=" + house.roused.url(),
                                 "--no-version-check"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return support::run({.arguments = all});
  }

  void fire(const Labels& labels) { ASSERT_EQ(house.roused.post(webhook_path, webhook_of(labels)).status, 200U); }

  House house{team};
  int worked = 0;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

json::array list_of(const std::string& text) {
  json::error_code error;
  const json::value value = json::parse(text, error);
  EXPECT_TRUE(!error && value.is_array()) << text;
  return value.is_array() ? value.get_array() : json::array{};
}

TEST_F(Amtool, QueriesAlertsWithEveryFilterAndFormat) {
  fire({{"alertname", "ClusterDown"}, {"cluster", "eu"}, {"service", "a"}, {"severity", "critical"}});
  fire({{"alertname", "Slow"}, {"cluster", "eu"}, {"service", "a"}, {"severity", "warning"}});
  fire({{"alertname", "DiskFull"}, {"service", "checkout"}, {"severity", "critical"}});
  const std::string all = amtool({"alert"});
  EXPECT_TRUE(has(all, "ClusterDown") && has(all, "DiskFull") && !has(all, "Slow")) << all;
  EXPECT_TRUE(has(amtool({"alert", "query", "--inhibited"}), "Slow"));
  const std::string named = amtool({"alert", "query", "DiskFull"});
  EXPECT_TRUE(has(named, "DiskFull") && !has(named, "ClusterDown")) << named;
  const std::string matched = amtool({"alert", "query", "alertname=~Disk.*", "service!=search"});
  EXPECT_TRUE(has(matched, "DiskFull") && !has(matched, "ClusterDown")) << matched;
  EXPECT_FALSE(has(amtool({"alert", "query", "--unprocessed"}), "DiskFull"));
  EXPECT_TRUE(has(amtool({"alert", "query", "--receiver", "outage"}), "DiskFull"));
  EXPECT_FALSE(has(amtool({"alert", "query", "--receiver", "nobody"}), "DiskFull"));
  const std::string extended = amtool({"alert", "query", "DiskFull", "-o", "extended"});
  EXPECT_TRUE(has(extended, "checkout") && has(extended, "active")) << extended;
  const json::array listed = list_of(amtool({"alert", "query", "DiskFull", "-o", "json"}));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("labels").at("service").as_string(), "checkout");

  ASSERT_EQ(run({"silence", "add", "DiskFull", "--comment=disks"}).code, 0);
  EXPECT_FALSE(has(amtool({"alert", "query"}), "DiskFull"));
  EXPECT_TRUE(has(amtool({"alert", "query", "--silenced"}), "DiskFull"));
  EXPECT_TRUE(has(amtool({"alert", "query", "--active", "--silenced"}), "DiskFull"));
  const support::Finished bad = run({"alert", "query", "--receiver", "("});
  EXPECT_NE(bad.code, 0);
  EXPECT_TRUE(has(bad.output, "bad receiver")) << bad.output;
}

TEST_F(Amtool, AddsChangesAndEndsASilence) {
  const std::string id = first_line(amtool({"silence",
                                            "add",
                                            "DiskFull",
                                            "service=~check.*",
                                            "severity!=info",
                                            "--author=olga",
                                            "--comment=disks",
                                            "-d",
                                            "2h"}));
  EXPECT_EQ(id.size(), 36U) << id;
  fire({{"alertname", "DiskFull"}, {"service", "checkout"}, {"severity", "critical"}});
  const json::object held = house.incident("R-1");
  EXPECT_TRUE(has(field(held, "held"), "silence")) << json::serialize(held);

  const std::string listed = amtool({"silence", "query"});
  EXPECT_TRUE(has(listed, id) && has(listed, "olga") && has(listed, "disks")) << listed;
  EXPECT_TRUE(has(amtool({"silence", "query", "alertname=DiskFull"}), id));
  EXPECT_FALSE(has(amtool({"silence", "query", "alertname=Other"}), id));
  EXPECT_TRUE(has(amtool({"silence", "query", "--created-by=olga", "-o", "extended"}), id));
  EXPECT_EQ(amtool({"silence", "query", "-q"}), id + "\n");
  EXPECT_TRUE(has(amtool({"silence", "query", "--within", "3h"}), id));
  EXPECT_FALSE(has(amtool({"silence", "query", "--within", "1h"}), id));

  const std::string updated = amtool({"silence", "update", "-d", "4h", "-c", "more disks", id});
  EXPECT_TRUE(has(updated, id) && has(updated, "more disks")) << updated;
  EXPECT_FALSE(has(amtool({"silence", "query", "--within", "3h"}), id));

  amtool({"silence", "expire", id});
  EXPECT_FALSE(has(amtool({"silence", "query"}), id));
  EXPECT_TRUE(has(amtool({"silence", "query", "--expired"}), id));
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << "what still fires at its end is paged";
}

TEST_F(Amtool, SaysWhyASilenceIsRefused) {
  const support::Finished too_long = run({"silence", "add", "DiskFull", "--comment=x", "-d", "31d"});
  EXPECT_NE(too_long.code, 0);
  EXPECT_TRUE(has(too_long.output, "at most 30d")) << too_long.output;
  const support::Finished everything = run({"silence", "add", "alertname=~.*", "--comment=x"});
  EXPECT_NE(everything.code, 0);
  EXPECT_TRUE(has(everything.output, "empty string")) << everything.output;
  const support::Finished unknown = run({"silence", "expire", "00000000-0000-4000-8000-000000000000"});
  EXPECT_NE(unknown.code, 0);
}

TEST_F(Amtool, ImportsWhatItHasExported) {
  amtool({"silence", "add", "DiskFull", "--comment=one"});
  amtool({"silence", "add", "ApiDown", "service=a", "--comment=two"});
  const std::string exported = amtool({"silence", "query", "-o", "json"});
  ASSERT_EQ(list_of(exported).size(), 2U);
  support::write_file(house.folder / "silences.json", exported);
  // Known ids are changed in place.
  amtool({"silence", "import", (house.folder / "silences.json").string()});
  EXPECT_EQ(list_of(amtool({"silence", "query", "-o", "json"})).size(), 2U);
  amtool({"silence", "import", "--force", (house.folder / "silences.json").string()});
  EXPECT_EQ(list_of(amtool({"silence", "query", "-o", "json"})).size(), 4U);

  // A house that knows none of them makes them anew.
  House other{team};
  other.roused.start();
  const support::Finished moved = support::run({.arguments = {(support::peers().programs / "amtool").string(),
                                                              "--alertmanager.url=" + other.roused.url(),
                                                              "--no-version-check",
                                                              "silence",
                                                              "import",
                                                              (house.folder / "silences.json").string()}});
  EXPECT_EQ(moved.code, 0) << moved.output;
  const json::object silences = parse_object(other.roused.get("/v1/silences").body);
  EXPECT_EQ(silences.at("silences").as_array().size(), 2U);
  EXPECT_EQ(other.roused.stop(), 0);
}

TEST_F(Amtool, ReadsTheRoutesAndSaysWhereAnAlertGoes) {
  const std::string shown = amtool({"config", "routes", "show"});
  EXPECT_TRUE(has(shown, "default-route  receiver: outage")) << shown;
  EXPECT_TRUE(has(shown, "{severity=\"info\"}  receiver: outage")) << shown;
  EXPECT_EQ(first_line(amtool({"config", "routes", "test", "severity=warning"})), "outage");
  EXPECT_EQ(run({"config", "routes", "test", "--verify.receivers=outage", "severity=warning"}).code, 0);
  EXPECT_NE(run({"config", "routes", "test", "--verify.receivers=other", "severity=warning"}).code, 0);
  EXPECT_TRUE(has(amtool({"config", "routes", "test", "--tree", "severity=info"}), "severity=\"info\""));
  EXPECT_TRUE(has(amtool({"config", "show"}), "receiver: \"outage\""));
  // The file that it shows is one that it takes.
  const json::object status = parse_object(house.roused.get("/api/v2/status").body);
  support::write_file(house.folder / "alertmanager.yml", status.at("config").at("original").as_string().c_str());
  EXPECT_TRUE(has(amtool({"check-config", (house.folder / "alertmanager.yml").string()}), "SUCCESS"));
}

TEST_F(Amtool, ShowsThatThereIsNoCluster) {
  const std::string shown = amtool({"cluster", "show"});
  EXPECT_TRUE(has(shown, "disabled")) << shown;
}

}  // namespace
}  // namespace live
