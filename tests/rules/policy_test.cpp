#include "rules/policy.hpp"

#include <gtest/gtest.h>

namespace rules {
namespace {

TEST(Policy, FindsByIdInItsSortedLists) {
  Policy policy;
  for (const char* id : {"dee", "ivan", "olga"}) policy.people.push_back(Person{.id = id});
  policy.rotations.push_back(Rotation{.id = "operations"});
  policy.specialists.push_back(Specialists{.id = "database"});
  policy.call_trees.push_back(CallTree{.id = "outage"});
  policy.services.push_back(Service{.id = "checkout"});
  policy.channels.push_back(Channel{.name = "sms"});

  for (const char* id : {"dee", "ivan", "olga"}) {
    ASSERT_NE(policy.person(id), nullptr);
    EXPECT_EQ(policy.person(id)->id, id);
  }
  EXPECT_EQ(policy.person("a"), nullptr);
  EXPECT_EQ(policy.person("eve"), nullptr);
  EXPECT_EQ(policy.person("zoe"), nullptr);
  EXPECT_EQ(policy.target("ivan"), (Target{TargetKind::person, "ivan"}));
  EXPECT_EQ(policy.target("operations"), (Target{TargetKind::rotation, "operations"}));
  EXPECT_EQ(policy.target("database"), (Target{TargetKind::specialists, "database"}));
  EXPECT_EQ(policy.target("checkout"), std::nullopt);
  EXPECT_NE(policy.call_tree("outage"), nullptr);
  EXPECT_NE(policy.service("checkout"), nullptr);
  EXPECT_NE(policy.channel("sms"), nullptr);
  EXPECT_EQ(policy.channel("voice"), nullptr);
}

TEST(Policy, AnUnknownZoneIsUtc) {
  Policy policy;
  policy.zones.push_back(Zone{.name = "Europe/Bucharest"});
  EXPECT_EQ(&policy.zone("Europe/Bucharest"), &policy.zones.front());
  EXPECT_EQ(&policy.zone(""), &utc());
  EXPECT_EQ(&policy.zone("Europe/Nowhere"), &utc());
}

TEST(SeverityScale, AnAbsentOrUnknownSeverityRanksAsTheHighest) {
  const SeverityScale scale;
  EXPECT_EQ(scale.rank("info"), 0);
  EXPECT_EQ(scale.rank("warning"), 1);
  EXPECT_EQ(scale.rank("critical"), 2);
  EXPECT_EQ(scale.rank(""), 2);
  EXPECT_EQ(scale.rank("page"), 2);
  EXPECT_TRUE(scale.knows("info"));
  EXPECT_FALSE(scale.knows("page"));
}

TEST(Person, FindsAContactByItsFullName) {
  const Person person{.id = "olga", .contacts = {{"voice", "voice", "+1"}, {"voice.home", "voice", "+2"}}};
  ASSERT_NE(person.contact("voice.home"), nullptr);
  EXPECT_EQ(person.contact("voice.home")->address, "+2");
  EXPECT_EQ(person.contact("sms"), nullptr);
}

TEST(Identity, TwoListsOfIgnoredLabelsHaveDifferentNumbers) {
  const auto number = [](std::vector<std::string> labels) { return identity_of(Identity{std::move(labels)}); };
  EXPECT_EQ(number({"a", "b"}), number({"a", "b"}));
  EXPECT_NE(number({"a", "b"}), number({"ab"}));
  EXPECT_NE(number({"a", "b"}), number({"a"}));
  EXPECT_NE(number({}), 0U);
  EXPECT_NE(number({}), number({""}));
}

}  // namespace
}  // namespace rules
