#include "daemon/words/status.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

TEST(Status, SaysWhatRunsWhatIsOpenAndHowProvidersDo) {
  Desk desk;
  desk.metrics.reloaded(scene::start + 1min);
  desk.metrics.journal_is(12, 3456);
  desk.services.providers = [] {
    return std::vector<ProviderFigures>{{.channel = "sms",
                                         .number = 1,
                                         .kind = "webhook",
                                         .tries = {3, 0, 1, 0, 0},
                                         .is_open = false,
                                         .last_success = scene::start,
                                         .answers = 4,
                                         .seconds_sum = 1.0}};
  };
  const json::value status = json::parse(desk.answer("GET", "/v1/status").body);
  EXPECT_EQ(status.at("roused").as_string(), ROUSE_VERSION);
  EXPECT_TRUE(status.at("why_not_ready").is_null());
  EXPECT_EQ(status.at("uptime").as_string(), "6m");
  EXPECT_EQ(status.at("policy").at("hash").as_string().size(), 16U);
  EXPECT_EQ(status.at("policy").at("loaded_at").as_string(), "2026-03-04T17:01:00.000Z");
  EXPECT_EQ(status.at("journal").at("rows").to_number<int>(), 12);
  EXPECT_EQ(json::serialize(status.at("incidents").at("stages")),
            R"([{"stage":"step 2","incidents":1},{"stage":"told","incidents":1}])");
  const json::value& provider = status.at("providers").at(0);
  EXPECT_EQ(provider.at("circuit").as_string(), "closed");
  EXPECT_EQ(provider.at("tries").to_number<int>(), 4);
  EXPECT_EQ(provider.at("failures").to_number<int>(), 1);
  EXPECT_EQ(provider.at("average_try").as_string(), "250ms");
}

TEST(Status, OfADaemonThatIsNotReadySaysWhyAndIsAnAnswer) {
  Desk desk;
  desk.services.why_not_ready = [] { return std::optional<std::string>{"the journal failed"}; };
  const net::Response response = desk.answer("GET", "/v1/status");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(json::parse(response.body).at("why_not_ready").as_string(), "the journal failed");
}

TEST(Status, IsReadBackAsItWasWritten) {
  Desk desk;
  desk.services.providers = [] {
    return std::vector<ProviderFigures>{{.channel = "voice", .number = 2, .kind = "sip", .tries = {1, 2, 3, 4, 5}}};
  };
  const auto sent = desk.world.state().sent.begin();
  ASSERT_NE(sent, desk.world.state().sent.end());
  desk.world.tell(desk.world.now(),
                  rules::DeliveryReported{.message = sent->first,
                                          .key = sent->second.key,
                                          .delivery = rules::Delivery::failed,
                                          .detail = "no such number"});
  const std::string body = desk.answer("GET", "/v1/status").body;
  const auto read = words::parse_status_json(body);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->doubts.size(), 1U);
  EXPECT_EQ(words::status_json(*read), body);
}

}  // namespace
}  // namespace api
