// The feed of outages is Atom that any reader takes, whatever people and alerts wrote.
#include "daemon/api/outages.hpp"

#include <sstream>

#include <boost/property_tree/xml_parser.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/rfc3339.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

namespace tree = boost::property_tree;

tree::ptree parse(const std::string& feed) {
  std::istringstream stream(feed);
  tree::ptree read;
  tree::read_xml(stream, read);
  return read;
}

std::vector<tree::ptree> entries_of(const tree::ptree& feed) {
  std::vector<tree::ptree> entries;
  for (const auto& [name, value] : feed.get_child("feed"))
    if (name == "entry") entries.push_back(value);
  return entries;
}

rules::Instant at(std::string_view text) {
  return rules::parse_rfc3339(text).value();
}

Outage outage() {
  Outage made;
  made.incident.facts.id.value = 12;
  made.incident.facts.uid = "01J00000000000000000000000";
  made.incident.facts.severity = "critical";
  made.incident.facts.service = "checkout";
  made.incident.facts.summary = "ApiDown: <script>&\"'\x01\n]]>\xEF\xBF\xBF";
  made.incident.opened_at = at("2026-03-04T09:00:00Z");
  made.incident.resolved_at = at("2026-03-04T10:00:00Z");
  made.incident.timeline.push_back(
      {at("2026-03-04T09:30:00Z"), rules::ReasonKind::updated, "olga", "a database is <down>"});
  made.incident.timeline.push_back({at("2026-03-04T09:40:00Z"), rules::ReasonKind::noted, "olga", "between us"});
  return made;
}

TEST(OutageFeed, HasTheOutageItsUpdatesAndItsEndNewestFirstAndNoNotes) {
  const std::string feed = atom_feed({outage()}, "https://rouse.example.org", {});
  const std::vector<tree::ptree> entries = entries_of(parse(feed));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_THAT(entries[0].get<std::string>("title"), testing::StartsWith("Over: R-12: ApiDown"));
  EXPECT_EQ(entries[1].get<std::string>("content"), "a database is <down> (olga)");
  EXPECT_EQ(entries[2].get<std::string>("id"), "urn:rouse:01J00000000000000000000000");
  EXPECT_EQ(entries[2].get<std::string>("updated"), "2026-03-04T09:00:00.000Z");
  EXPECT_EQ(entries[2].get<std::string>("link.<xmlattr>.href"), "https://rouse.example.org/v1/incidents/R-12");
  EXPECT_EQ(parse(feed).get<std::string>("feed.updated"), "2026-03-04T10:00:00.000Z");
  EXPECT_THAT(feed, testing::Not(testing::HasSubstr("between us")));
}

TEST(OutageFeed, HoldsNoMarkupAndNoCharacterThatXmlDoesNotKnow) {
  const std::string feed = atom_feed({outage()}, "https://rouse.example.org", {});
  EXPECT_THAT(feed, testing::Not(testing::HasSubstr("<script>")));
  for (const char one : feed) EXPECT_TRUE(one < 0 || one >= 0x20 || one == '\n');
  EXPECT_THAT(feed, testing::Not(testing::HasSubstr("\xEF\xBF\xBF")));
}

TEST(OutageFeed, WithoutOutagesIsAFeedAllTheSame) {
  Desk desk;
  const net::Response response = desk.answer("GET", "/v1/outages.atom");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "application/atom+xml; charset=utf-8");
  const tree::ptree feed = parse(response.body);
  EXPECT_FALSE(feed.get<std::string>("feed.id").empty());
  EXPECT_FALSE(feed.get<std::string>("feed.updated").empty());
  EXPECT_TRUE(entries_of(feed).empty());
  EXPECT_EQ(desk.answer("POST", "/v1/outages.atom", "{}").status, 405U);
}

}  // namespace
}  // namespace api
