#include "tests/simulation/failure.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/simulation/apart.hpp"
#include "tests/simulation/plan_file.hpp"
#include "tests/simulation/shrink.hpp"

namespace simulation {
namespace {

constexpr std::chrono::seconds longest_run{60};
constexpr std::chrono::minutes goes_on_for{5};
constexpr std::size_t most_rows_printed = 400;
constexpr std::size_t most_numbers_named = 40;

RunResult run_with_rows(const Plan& plan) {
  RunOptions options;
  options.keep_rows = true;
  return run(plan, options);
}

// Its table, from a process of its own, since the daemon may die in it.
std::string table_of(const Plan& plan) {
  const Done done =
      do_apart(longest_run, plan.seed, [&plan](std::uint64_t) { return print_table(run_with_rows(plan)); });
  return done.died.empty() ? done.result : fmt::format("there is no table: {}\n", done.died);
}

std::string last_rows(const std::string& table) {
  const auto lines = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
  if (lines <= most_rows_printed) return table;
  std::size_t from = 0;
  for (std::size_t skipped = 0; skipped < lines - most_rows_printed; ++skipped) from = table.find('\n', from) + 1;
  return fmt::format("... {} rows before\n{}", lines - most_rows_printed, table.substr(from));
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path} << text;
}

}  // namespace

SeedReport judge_apart(const Plan& plan, const RunOptions& options) {
  const Done done =
      do_apart(longest_run, plan.seed, [&](std::uint64_t) { return pack(report_of(run(plan, options), false)); });
  if (done.died.empty()) return unpack(done.result);
  SeedReport report;
  report.violation = Violation{.invariant = "died", .text = done.died, .row = 0};
  report.violated_at = Time::max();
  return report;
}

Failure explain(const Plan& plan, const SeedReport& report, const FailureOptions& options) {
  const std::string invariant = report.violation->invariant;
  const auto give_up_at = std::chrono::steady_clock::now() + options.shrink_for;
  // What is not broken soon after the instant at which it was will not be: no look takes longer than it must.
  RunOptions look;
  if (report.violated_at < faulty_for) look.until = report.violated_at + goes_on_for;
  const auto breaks_it = [&invariant, &look](const Plan& candidate) {
    const SeedReport other = judge_apart(candidate, look);
    return other.violation && other.violation->invariant == invariant;
  };
  const Shrunk shrunk =
      shrink(plan,
             Shrinking{.still_fails = breaks_it,
                       .has_time = [give_up_at] { return std::chrono::steady_clock::now() < give_up_at; },
                       .violated_at = report.violated_at});
  Failure failure{.plan = shrunk.plan, .text = {}};
  const Violation violation = judge_apart(shrunk.plan).violation.value_or(*report.violation);
  const std::string where = fmt::format("{}/seed-{}", options.folder, plan.seed);
  const std::string title =
      fmt::format("seed {}, commit {}: {} does not hold: {}", plan.seed, commit(), violation.invariant, violation.text);
  std::string text = title + "\n";
  text += fmt::format("{} of {} actions are left after {} looks{}:\n\n",
                      shrunk.plan.actions.size(),
                      plan.actions.size(),
                      shrunk.looks,
                      shrunk.is_minimal ? "; without any of them it holds" : ", when the time for it was over");
  text += print_plan(shrunk.plan, "") + "\n";
  const std::string table = table_of(shrunk.plan);
  std::string replay = fmt::format("replay: tests/simulation/run --plan {}.plan{}\n", where, options.more_options);
  if (shrunk.kept.size() <= most_numbers_named) {
    replay += fmt::format("        tests/simulation/run --seed {} --keep {}{}\n",
                          plan.seed,
                          fmt::join(shrunk.kept, ","),
                          options.more_options);
  }
  replay += fmt::format("        tests/simulation/run --seed {}{}\n", plan.seed, options.more_options);
  failure.text = text + last_rows(table) + replay;
  std::filesystem::create_directories(options.folder);
  write(where + ".txt", text + table + replay);
  write(where + ".plan", print_plan(shrunk.plan, title));
  return failure;
}

std::string print_table(const RunResult& result) {
  std::string text = fmt::format("{:>7}  {:<14} {:<16} {}\n", "row", "time", "who", "what");
  for (std::size_t index = 0; index < result.rows.size(); ++index) {
    const bool is_it = result.violation && result.violation->row == index;
    text += fmt::format("{}{:>6}  {}\n", is_it ? '>' : ' ', index + 1, print(result.rows[index]));
  }
  if (result.violation)
    text += fmt::format("{} does not hold: {}\n", result.violation->invariant, result.violation->text);
  return text;
}

std::string print_actions(const Plan& plan) {
  std::string text;
  for (std::size_t index = 0; index < plan.actions.size(); ++index)
    text += fmt::format("{:>5}  {}\n", index + 1, print(plan.actions[index]));
  return text;
}

std::string commit() {
  const std::string ask = "git -C '" ROUSE_SOURCE_DIR "' describe --always --dirty 2>/dev/null";
  std::string said;
  if (FILE* const pipe = ::popen(ask.c_str(), "r")) {
    char buffer[256];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
    ::pclose(pipe);
  }
  while (said.ends_with('\n')) said.pop_back();
  return said.empty() ? "unknown" : said;
}

}  // namespace simulation
