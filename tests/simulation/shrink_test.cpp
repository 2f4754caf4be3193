#include "tests/simulation/shrink.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace simulation {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

bool has(const Plan& plan, ActionKind kind, std::uint64_t subject) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [&](const Action& action) {
    return action.kind == kind && action.subject == subject;
  });
}

Plan large_plan() {
  Plan plan;
  plan.seed = 7;
  plan.tight_budget = true;
  for (int group = 0; group < 6; ++group) {
    plan.groups.push_back(GroupPlan{.service = "pay", .members = 3, .twin = true, .interval = 60s, .repeats = 5min});
  }
  for (std::uint64_t index = 0; index < 120; ++index) {
    const ActionKind kind = index % 2 == 0 ? ActionKind::alert_fires : ActionKind::crash;
    plan.actions.push_back(
        Action{.at = index * 31s + 1ms, .kind = kind, .subject = index / 2 % 6, .object = 0, .length = index * 1s});
  }
  return plan;
}

Shrinking needs(std::function<bool(const Plan&)> still_fails) {
  return Shrinking{.still_fails = std::move(still_fails), .has_time = [] { return true; }};
}

TEST(Shrink, LeavesWhatTheFailureNeedsAndNothingElse) {
  const Plan plan = large_plan();
  const Shrunk shrunk = shrink(plan, needs([](const Plan& one) {
                                 return one.actions.size() >= 2 && has(one, ActionKind::crash, 3) &&
                                        has(one, ActionKind::alert_fires, one.groups.size() - 1);
                               }));
  EXPECT_TRUE(shrunk.is_minimal);
  EXPECT_EQ(shrunk.plan.actions.size(), 2U);
  EXPECT_FALSE(shrunk.plan.tight_budget);
  EXPECT_FALSE(shrunk.plan.groups.front().twin);
  for (const Action& action : shrunk.plan.actions) EXPECT_LE(action.length, Time{1s});
  EXPECT_LE(shrunk.plan.actions.back().at, Time{2s});
}

TEST(Shrink, TheNumbersOfWhatWasKeptNameActionsOfTheFirstPlan) {
  const Plan plan = large_plan();
  const auto is_needed = [&plan](const Plan& one) {
    const auto contains = [&one](const Action& action) {
      return std::any_of(one.actions.begin(), one.actions.end(), [&action](const Action& other) {
        return other.kind == action.kind && other.subject == action.subject && other.length == action.length;
      });
    };
    return contains(plan.actions[16]) && contains(plan.actions[80]);
  };
  const Shrunk shrunk = shrink(plan, needs(is_needed));
  EXPECT_THAT(shrunk.kept, ElementsAre(17, 81));
  EXPECT_TRUE(is_needed(keep(plan, shrunk.kept)));
}

TEST(Shrink, AGroupThatGoesTakesItsActionsAlongAndTheOthersMoveUp) {
  const Plan plan = large_plan();
  const Shrunk shrunk = shrink(plan, needs([](const Plan& one) {
                                 return std::any_of(one.actions.begin(), one.actions.end(), [](const Action& action) {
                                   return action.kind == ActionKind::alert_fires;
                                 });
                               }));
  EXPECT_EQ(shrunk.plan.groups.size(), 1U);
  ASSERT_EQ(shrunk.plan.actions.size(), 1U);
  EXPECT_EQ(shrunk.plan.actions.front().subject, 0U);
}

TEST(Shrink, EndsWhenTheTimeForItIsOver) {
  int looks = 0;
  const Shrunk shrunk = shrink(large_plan(),
                               Shrinking{.still_fails = [](const Plan& one) { return one.actions.size() > 3; },
                                         .has_time = [&looks] { return ++looks < 4; }});
  EXPECT_FALSE(shrunk.is_minimal);
  EXPECT_GT(shrunk.plan.actions.size(), 3U);
}

}  // namespace
}  // namespace simulation
