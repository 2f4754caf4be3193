// Promises about which incident a report finds after configurations that group or name alerts in another way.
#include "rules/reload.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"

namespace rules {
namespace {

CallTree make_tree(const std::string& id, const std::vector<std::string>& people) {
  CallTree tree;
  tree.id = id;
  for (const std::string& person : people) {
    tree.steps.push_back(
        Step{.targets = {Target{.kind = TargetKind::person, .id = person}}, .wait = std::chrono::minutes{5}});
  }
  return tree;
}

// Olga and Omar; the tree `outage` calls Olga, `database` Omar and then Olga.
std::shared_ptr<Policy> make_policy(std::vector<std::string> group_by, std::vector<std::string> ignored) {
  auto policy = std::make_shared<Policy>();
  for (const char* id : {"olga", "omar"}) {
    Person person;
    person.id = id;
    person.name = id;
    person.contacts.push_back(Contact{.name = "sms", .channel = "sms", .address = "+1"});
    person.high.push_back(NotifyRule{.contact = "sms", .after = {}});
    person.low = person.high;
    policy->people.push_back(std::move(person));
  }
  policy->call_trees = {make_tree("database", {"omar", "olga"}), make_tree("outage", {"olga"})};
  policy->identity.ignore_labels = std::move(ignored);
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.group_by = std::move(group_by);
  policy->channels.push_back(Channel{.name = "sms", .providers = {Provider{}}});
  return policy;
}

class Reload : public ::testing::Test {
 protected:
  Reload() {
    load({"alertname"}, {});
    tell(Started{1});
  }

  void tell(const Event& event) { static_cast<void>(apply(state_, event, Stamp{.at = now_, .wall = now_})); }
  void load(std::vector<std::string> group_by, std::vector<std::string> ignored, std::string tree = "outage") {
    const auto policy = make_policy(std::move(group_by), std::move(ignored));
    policy->route.call_tree = std::move(tree);
    policy_ = policy;
    tell(PolicyLoaded{policy_});
  }
  void report(ReportStatus status, std::vector<std::pair<std::string, std::string>> labels) {
    Report one;
    one.status = status;
    one.labels = Labels{std::move(labels)};
    ReportsArrived arrived;
    arrived.source = "test";
    arrived.reports.push_back(std::move(one));
    tell(arrived);
  }
  void fire(const std::string& alertname, const std::string& instance) {
    report(ReportStatus::firing, {{"alertname", alertname}, {"instance", instance}});
  }
  [[nodiscard]] const Incident& incident(std::uint64_t number) const { return state_.incidents.at(IncidentId{number}); }

  std::shared_ptr<const Policy> policy_;
  State state_;
  Instant now_{std::chrono::sys_days{std::chrono::year{2026} / 3 / 6}};
};

TEST_F(Reload, AGroupingThatIsTakenBackPartsTheIncidentsThatItBroughtTogether) {
  fire("DiskFull", "a");
  fire("ApiDown", "a");
  load({}, {});
  load({"alertname"}, {});
  fire("ApiDown", "b");
  EXPECT_EQ(state_.incidents.size(), 2U);
  EXPECT_EQ(incident(2).firing, 2U);
}

TEST_F(Reload, ASecondLookAtAPolicyThatIsLoadedMovesNothing) {
  fire("DiskFull", "a");
  fire("ApiDown", "a");
  load({}, {});
  load({"alertname"}, {});
  EXPECT_TRUE(moves(state_, *policy_).empty());
}

// Its climb begins at step 1 should it be triggered again: there is no place for a step to be found in.
TEST_F(Reload, AnAcknowledgedIncidentThatHasAnotherTreeMovesOnce) {
  fire("DiskFull", "a");
  tell(Acknowledge{.incident = IncidentId{1}, .by = "olga"});
  load({"alertname"}, {}, "database");
  EXPECT_EQ(incident(1).call_tree, "database");
  EXPECT_TRUE(moves(state_, *policy_).empty());
}

// The first alert fits one of the new routes, the second, which is more severe, both: route and tree come from the one.
TEST_F(Reload, AnIncidentTakesItsTreeFromItsOwnNewRoute) {
  load({}, {});
  report(ReportStatus::firing, {{"alertname", "DiskFull"}, {"tier", "1"}, {"severity", "info"}});
  report(ReportStatus::firing, {{"alertname", "ApiDown"}, {"tier", "1"}, {"service", "db"}, {"severity", "critical"}});
  const auto policy = make_policy({}, {});
  Route database = policy->route;
  database.path = "root/database";
  database.matchers = {Matcher::make("service", MatchOperator::equal, "db").value()};
  database.goes_on = true;
  database.call_tree = "database";
  Route first = policy->route;
  first.path = "root/first";
  first.matchers = {Matcher::make("tier", MatchOperator::equal, "1").value()};
  policy->route.routes = {database, first};
  tell(PolicyLoaded{policy});
  EXPECT_EQ(incident(1).route, "root/first");
  EXPECT_EQ(incident(1).call_tree, "outage");
  EXPECT_TRUE(moves(state_, *policy).empty());
}

TEST_F(Reload, OfTwoProblemsThatBecameOneTheOlderIsFoundAfterARestartToo) {
  fire("DiskFull", "a");
  fire("DiskFull", "b");
  load({"alertname"}, {"instance"});
  auto read = codec::decode_state(codec::encode_state(state_));
  ASSERT_TRUE(read.has_value()) << read.error();
  state_ = *std::move(read);
  fire("DiskFull", "a");
  EXPECT_EQ(state_.episodes.at(EpisodeId{1}).reports, 2U);
  EXPECT_EQ(state_.episodes.at(EpisodeId{2}).reports, 1U);
}

}  // namespace
}  // namespace rules
