#include "tests/simulation/plan_file.hpp"

#include <gtest/gtest.h>

namespace simulation {
namespace {

using namespace std::chrono_literals;

TEST(PlanFile, WhateverASeedDrawsIsReadAsItWasWritten) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Plan plan = draw_plan(seed);
    const auto read = parse_plan(print_plan(plan, "two\nlines"));
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error();
    EXPECT_EQ(*read, plan) << "seed " << seed;
  }
}

TEST(PlanFile, TimesAreExactToTheNanosecond) {
  for (const Time time : {Time{0}, Time{1}, Time{-1}, Time{90'500'000'000}, Time{-7'323'000'000'001}}) {
    EXPECT_EQ(parse_exactly(print_exactly(time)), time) << time.count();
  }
  EXPECT_EQ(parse_exactly("1:30"), Time{90s});
  EXPECT_EQ(parse_exactly("0:02:03.25"), Time{123'250ms});
  EXPECT_EQ(print_exactly(123'250ms), "0:02:03.25");
}

TEST(PlanFile, WhatIsNotUnderstoodIsNamedByItsLine) {
  const auto error_of = [](const char* text) {
    const auto plan = parse_plan(text);
    return plan ? "read" : plan.error();
  };
  EXPECT_EQ(error_of("seed 1\n0:00:01 explodes\n"), "line 2: there is no such action: 0:00:01 explodes");
  EXPECT_EQ(error_of("0:00:01 crash length=soon\n"),
            "line 1: length: soon is no time: h:mm:ss, or seconds: 0:00:01 crash length=soon");
  EXPECT_EQ(error_of("group pay members=many\n"), "line 1: members is no number: group pay members=many");
  EXPECT_EQ(error_of("tight-budgets\n"), "line 1: it begins neither with a known word nor with a time: tight-budgets");
  EXPECT_EQ(error_of("0:00:01 crash colour=red\n"), "line 1: colour is not understood: 0:00:01 crash colour=red");
}

TEST(PlanFile, ActionsComeInTheOrderOfTime) {
  const auto plan = parse_plan("seed 3\nnobody-reacts\n0:00:05 crash length=1  # later\n2 snapshot\n");
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_EQ(plan->seed, 3U);
  EXPECT_FALSE(plan->people_react);
  ASSERT_EQ(plan->actions.size(), 2U);
  EXPECT_EQ(plan->actions[0].kind, ActionKind::snapshot);
  EXPECT_EQ(plan->actions[1].length, Time{1s});
}

}  // namespace
}  // namespace simulation
