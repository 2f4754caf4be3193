// simulation: runs seeds, replays one, or shows that planted bugs are found. tests/simulation/run builds and starts it,
// and says how it is used. Exit 0: all as it must be; 1: not; 2: usage.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/simulation/campaign.hpp"
#include "tests/simulation/plan_file.hpp"
#include "tests/simulation/planted.hpp"
#include "tests/simulation/shrink.hpp"

namespace {

constexpr int usage_error = 2;

struct Usage {
  simulation::CampaignOptions campaign;
  std::uint64_t seeds{2000};
  std::uint64_t seed{};
  std::vector<std::size_t> keep;
  std::string plan_file;
  std::string until;
  std::string save;
  bool shrinks{};
  bool shows_plan{};
  std::string mutant;
  std::vector<std::string> mutants;
  bool named{};
  bool determinism{};
};

int complain(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  return usage_error;
}

int save(const simulation::Plan& plan, const std::string& name, const std::string& comment) {
  const std::string path = fmt::format("{}/tests/simulation/seeds/{}.plan", ROUSE_SOURCE_DIR, name);
  std::ofstream{path} << simulation::print_plan(plan, comment);
  fmt::print("written: {}; say in its first lines what it once showed\n", path);
  return 0;
}

// One plan: its trace as a table, or made short, or saved.
int replay(simulation::Plan plan, const Usage& usage) {
  if (!usage.keep.empty()) plan = simulation::keep(plan, usage.keep);
  if (usage.shows_plan) {
    fmt::print("{}", simulation::print_actions(plan));
    return 0;
  }
  if (usage.shrinks || !usage.save.empty()) {
    const simulation::SeedReport report = simulation::judge_apart(plan);
    if (report.violation) {
      const simulation::Failure failure = simulation::explain(plan, report, usage.campaign.failures);
      fmt::print("{}", failure.text);
      plan = failure.plan;
    }
    if (!usage.save.empty()) return save(plan, usage.save, report.violation ? report.violation->text : "it holds");
    fmt::print("{} passed, {} failed, 0 skipped\n", report.violation ? 0 : 1, report.violation ? 1 : 0);
    return report.violation ? 1 : 0;
  }
  simulation::RunOptions options;
  options.keep_rows = true;
  if (!usage.until.empty()) {
    const auto until = simulation::parse_exactly(usage.until);
    if (!until) return complain("--until " + until.error());
    options.until = *until;
  }
  const simulation::RunResult result = simulation::run(plan, options);
  fmt::print("{}", simulation::print_table(result));
  fmt::print("{} passed, {} failed, 0 skipped\n", result.violation ? 0 : 1, result.violation ? 1 : 0);
  return result.violation ? 1 : 0;
}

int find_mutants(const Usage& usage) {
  if (!simulation::can_plant())
    return complain(
        "nothing can be planted in this program: simulation_mutants is the one that tests/simulation/run takes");
  std::vector<std::string> names = usage.mutants;
  std::erase(names, "");  // which stands for none
  if (names.empty()) {
    for (const simulation::Mutant& mutant : simulation::mutants()) {
      if (mutant.correlated == usage.campaign.correlated) names.emplace_back(mutant.name);
    }
  }
  for (const std::string& name : names) {
    if (simulation::find_mutant(name) == nullptr) return complain(fmt::format("no planted bug is called {}", name));
  }
  return simulation::find_mutants(names, usage.campaign);
}

}  // namespace

int main(int count, char** values) {
  CLI::App app{"Runs the daemon against a simulated world, one seed at a time."};
  Usage usage;
  usage.campaign.jobs = std::max(std::thread::hardware_concurrency(), 1U);
  usage.campaign.failures.folder = ROUSE_SOURCE_DIR "/build/simulation";
  app.add_option("--seeds", usage.seeds, "how many seeds to run")->capture_default_str();
  app.add_option("--first", usage.campaign.first, "the first of them")->capture_default_str();
  app.add_option("--hours", usage.campaign.hours, "as many seeds as it takes for so many simulated hours");
  app.add_option("--incidents", usage.campaign.incidents, "as many seeds as it takes for so many incidents");
  app.add_option("--jobs", usage.campaign.jobs, "processes at work; what comes out does not depend on it")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--print", usage.campaign.most_explained, "failures that are made short and printed")
      ->capture_default_str();
  CLI::Option* const one = app.add_option("--seed", usage.seed, "runs this one and prints its trace as a table");
  app.add_option("--plan", usage.plan_file, "runs the plan of this file and prints its trace")->excludes(one);
  app.add_option("--until", usage.until, "ends the run at this time: h:mm:ss, or seconds");
  app.add_option("--keep", usage.keep, "keeps these actions of the plan alone: 3,7,12")->delimiter(',');
  app.add_flag("--shrink", usage.shrinks, "makes the plan short, when it fails, and prints what is left");
  app.add_flag("--show-plan", usage.shows_plan, "prints the actions, numbered, and runs nothing");
  app.add_option("--save", usage.save, "makes the plan short and keeps it as a named test of tests/simulation/seeds");
  app.add_option("--mutant", usage.mutant, "plants this bug");
  CLI::Option* const mutants =
      app.add_option("--mutants", usage.mutants, "shows that each planted bug, or each of these, is found")
          ->expected(0, 1000);
  app.add_flag("--named", usage.named, "runs the named tests of tests/simulation/seeds");
  app.add_flag("--correlated", usage.campaign.correlated, "draws plans in which services depend on each other");
  app.add_flag("--determinism", usage.determinism, "shows that a seed gives the same rows each time");
  CLI11_PARSE(app, count, values);
  if (usage.campaign.correlated) {
    simulation::let_plans_correlate();
    usage.campaign.failures.more_options += " --correlated";
  }

  const bool has_seeds = app.get_option("--seeds")->count() > 0;
  const bool is_open_ended = usage.campaign.hours > 0 || usage.campaign.incidents > 0;
  if (has_seeds && is_open_ended) return complain("--seeds says how many; --hours and --incidents do, too");
  if (has_seeds) usage.campaign.seeds = usage.seeds;
  if (mutants->count() > 0) return find_mutants(usage);
  if (!usage.mutant.empty()) {
    if (!simulation::can_plant()) return complain("nothing can be planted in this program: see simulation_mutants");
    if (simulation::find_mutant(usage.mutant) == nullptr) {
      std::vector<std::string_view> names;
      for (const simulation::Mutant& mutant : simulation::mutants()) names.push_back(mutant.name);
      return complain(fmt::format("--mutant {}: there are {}", usage.mutant, fmt::join(names, ", ")));
    }
    simulation::plant(usage.mutant);
    usage.campaign.failures.more_options += " --mutant " + usage.mutant;
  }
  if (usage.named) return simulation::run_named(ROUSE_SOURCE_DIR "/tests/simulation/seeds", usage.campaign);
  if (usage.determinism) return simulation::show_determinism(usage.campaign);
  if (!usage.plan_file.empty()) {
    tl::expected<simulation::Plan, std::string> plan = simulation::read_plan(usage.plan_file);
    if (!plan) return complain(plan.error());
    return replay(std::move(*plan), usage);
  }
  if (one->count() > 0) return replay(simulation::draw_plan(usage.seed), usage);
  if (!is_open_ended) usage.campaign.seeds = usage.seeds;
  return simulation::run_seeds(usage.campaign);
}
