// explain: of a configuration alone, and of a daemon as it stands.
#include <algorithm>

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/ctl/support.hpp"

namespace ctl::testing {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string outage = source + "/tests/policies/teams/outage.yml";
constexpr std::string_view alert =
    R"({"labels": {"alertname": "ApiDown", "service": "checkout", "severity": "critical"}})";

TEST(ExplainCommand, OfAConfigurationAloneDrawsATree) {
  Desk desk;
  desk.environment.input = [] { return std::string{alert}; };
  const Ended ended = desk.run({"explain", "--config", outage, "--at", "2026-03-04T17:00:00Z", "-"});
  EXPECT_EQ(ended.code, done) << ended.error;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("ApiDown ("),
                    HasSubstr("opens an incident by route root"),
                    HasSubstr("step 1, round 1: a new incident"),
                    HasSubstr("last resort")));
}

TEST(ExplainCommand, TakesAListAndAWebhookToo) {
  Desk desk;
  const std::pair<std::string, int> table[] = {
      {fmt::format("[{}, {}]", alert, R"({"labels": {"alertname": "Other"}})"), 2},
      {fmt::format(R"({{"version": "4", "status": "firing", "alerts": [{}]}})", alert), 1},
  };
  for (const auto& [text, count] : table) {
    desk.environment.input = [&text] { return text; };
    const Ended ended = desk.run({"explain", "--config", outage, "-", "--output", "json"});
    ASSERT_EQ(ended.code, done) << ended.error;
    EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), count);
    const json::value told = json::parse(ended.out.substr(0, ended.out.find('\n')));
    EXPECT_EQ(told.at("at").as_string(), "2026-03-04T17:00:00.000Z");
    EXPECT_EQ(told.at("incidents").at(0).at("fate").as_string(), "opens");
  }
}

TEST(ExplainCommand, OfADaemonSeesWhatIsOpen) {
  FakeDaemon daemon;
  Desk desk;
  daemon.serve(desk);
  daemon.report("ApiDown");
  desk.environment.input = [] { return std::string{alert}; };
  const Ended ended = desk.run({"explain", "-"});
  EXPECT_EQ(ended.code, done) << ended.error;
  EXPECT_THAT(ended.out, HasSubstr("fires in R-1 already"));
  EXPECT_THAT(daemon.requests(), ::testing::Contains("POST /v1/explain"));
  const Ended as_data = desk.run({"explain", "-", "--output", "json"});
  EXPECT_EQ(json::parse(as_data.out).at("incidents").at(0).at("id").as_string(), "R-1");
}

TEST(ExplainCommand, SaysWhatIsWrong) {
  Desk desk;
  desk.environment.input = [] { return std::string{"{}"}; };
  const Ended nothing = desk.run({"explain", "--config", outage, "-"});
  EXPECT_EQ(nothing.code, refused);
  EXPECT_THAT(nothing.error, HasSubstr("it is not an alert"));
  EXPECT_EQ(desk.run({"explain", "--config", outage, "/nowhere/alert.json"}).code, refused);
  EXPECT_EQ(desk.run({"explain", "--config", outage}).code, wrong_usage);
  desk.environment.input = [] { return std::string{alert}; };
  EXPECT_EQ(desk.run({"explain", "--config", outage, "--at", "soon", "-"}).code, wrong_usage);
  EXPECT_EQ(desk.run({"explain", "--config", "/nowhere/rouse.yml", "-"}).code, refused);
  EXPECT_EQ(desk.run({"explain", "--url", "http://127.0.0.1:1", "-"}).code, unreachable);
}

}  // namespace
}  // namespace ctl::testing
