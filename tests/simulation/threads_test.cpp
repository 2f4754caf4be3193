// I10: how many threads the daemon has decides nothing.
#include <map>
#include <tuple>

#include <gtest/gtest.h>

#include "rules/view.hpp"
#include "tests/simulation/run.hpp"

namespace simulation {
namespace {

using Rung = std::tuple<std::string, std::string, std::string, std::string, std::uint32_t, std::uint32_t>;

// Who was paged for which problem, why, at which step of which round: and how often.
std::map<Rung, int> pages_of(const RunResult& result) {
  std::map<Rung, int> pages;
  for (const Row& row : result.rows) {
    const auto* reached = std::get_if<Reached>(&row.what);
    if (reached == nullptr) continue;
    for (const rules::PageFacts& page : reached->send->pages) {
      ++pages[Rung{page.incident.summary,
                   reached->send->person,
                   reached->send->contact,
                   std::string{rules::to_text(page.reason)},
                   page.step,
                   page.round}];
    }
  }
  return pages;
}

TEST(Threads, OneThreadAndSeveralPageTheSamePeopleForTheSameProblems) {
  int compared = 0;
  for (std::uint64_t seed = 1; compared < 20; ++seed) {
    // Problems alone: whatever goes wrong goes wrong at another instant with other threads. And so few of them that no
    // page waits behind another until its problem is over, or not quite.
    Plan plan = draw_plan(seed);
    if (plan.groups.size() > 12) continue;
    ++compared;
    plan.tight_budget = false;
    plan.people_react = false;
    std::erase_if(plan.actions, [](const Action& action) {
      return action.kind != ActionKind::alert_fires && action.kind != ActionKind::alert_ends &&
             action.kind != ActionKind::severity_rises;
    });
    plan.one_thread = true;
    const RunResult one = run(plan, {.until = {}, .keep_rows = true});
    plan.one_thread = false;
    const RunResult several = run(plan, {.until = {}, .keep_rows = true});
    EXPECT_FALSE(one.violation) << one.violation->text;
    EXPECT_FALSE(several.violation) << several.violation->text;
    const std::map<Rung, int> pages = pages_of(one);
    EXPECT_FALSE(pages.empty());
    EXPECT_EQ(pages, pages_of(several)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace simulation
