// simulation: runs seeds, replays one, or shows that planted bugs are found. Exit 0: all as it must be; 1: not; 2:
// usage.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "tests/simulation/planted.hpp"
#include "tests/simulation/run.hpp"

namespace {

using simulation::RunResult;

constexpr std::size_t rows_before = 60;

void print_failure(std::uint64_t seed, const RunResult& result) {
  const simulation::Violation& violation = *result.violation;
  fmt::print("seed {}: {} does not hold: {}\n", seed, violation.invariant, violation.text);
  const std::size_t first = violation.row > rows_before ? violation.row - rows_before : 0;
  for (std::size_t index = first; index < result.rows.size() && index <= violation.row + 5; ++index) {
    fmt::print("{}  {}\n", index == violation.row ? '>' : ' ', simulation::print(result.rows[index]));
  }
  fmt::print("replay: tests/simulation/simulation --seed {}\n\n", seed);
}

class Progress {
 public:
  explicit Progress(std::uint64_t total) : total_{total}, is_shown_{isatty(STDERR_FILENO) == 1} {}
  ~Progress() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(std::uint64_t done, std::uint64_t failed) const {
    if (!is_shown_) return;
    constexpr std::uint64_t width = 40;
    const auto filled = static_cast<std::size_t>(done * width / total_);
    std::fputs(
        fmt::format("\r[{:<{}}] {}/{} seeds, {} failed", std::string(filled, '#'), width, done, total_, failed).c_str(),
        stderr);
  }

 private:
  std::uint64_t total_;
  bool is_shown_;
};

int run_seeds(std::uint64_t first,
              std::uint64_t count,
              const simulation::RunOptions& options,
              std::size_t most_printed) {
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t failed = 0;
  std::uint64_t rows = 0;
  std::uint64_t starts = 0;
  std::uint64_t rung = 0;
  std::uint64_t marked = 0;
  simulation::Time simulated{};
  {
    const Progress progress{count};
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      const RunResult result = simulation::run(seed, options);
      rows += result.figures.rows;
      starts += result.figures.starts;
      rung += result.figures.pages_rung;
      marked += result.figures.marked;
      simulated += result.simulated;
      if (result.violation && failed++ < most_printed) print_failure(seed, result);
      progress.show(seed - first + 1, failed);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} simulated hours, {} rows, {} starts, {} messages rang ({} marked as possible duplicates), {:.1f} s\n",
             simulated / std::chrono::hours{1},
             rows,
             starts,
             rung,
             marked,
             took.count());
  fmt::print("{} passed, {} failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}

int replay(std::uint64_t seed, simulation::RunOptions options) {
  options.keep_rows = true;
  const RunResult result = simulation::run(seed, options);
  for (std::size_t index = 0; index < result.rows.size(); ++index) {
    const bool is_it = result.violation && result.violation->row == index;
    fmt::print("{}  {}\n", is_it ? '>' : ' ', simulation::print(result.rows[index]));
  }
  if (result.violation) {
    fmt::print("{} does not hold: {}\n", result.violation->invariant, result.violation->text);
  }
  fmt::print("{} passed, {} failed\n", result.violation ? 0 : 1, result.violation ? 1 : 0);
  return result.violation ? 1 : 0;
}

int find_mutants(const std::vector<std::string>& names, std::uint64_t first, std::uint64_t most) {
  std::size_t missed = 0;
  for (const std::string& name : names) {
    simulation::plant(name);
    std::optional<RunResult> found;
    std::uint64_t seed = first;
    for (; seed < first + most && !found; ++seed) {
      RunResult result = simulation::run(seed, {});
      if (result.violation) found = std::move(result);
    }
    simulation::plant("");
    if (!found) {
      ++missed;
      fmt::print("{:<24} NOT found in {} seeds\n", name, most);
      continue;
    }
    fmt::print("{:<24} found after {} seeds, by {}: {}\n",
               name,
               seed - first,
               found->violation->invariant,
               found->violation->text);
  }
  fmt::print("{} passed, {} failed\n", names.size() - missed, missed);
  return missed == 0 ? 0 : 1;
}

// "1:30:00", "90m" would need a parser of its own; seconds or hh:mm:ss will do.
std::optional<simulation::Time> parse_time(const std::string& text) {
  std::int64_t seconds = 0;
  std::int64_t part = 0;
  for (const char letter : text) {
    if (letter == ':') {
      seconds = (seconds + part) * 60;
      part = 0;
    } else if (letter >= '0' && letter <= '9' && part < 10'000'000) {
      part = part * 10 + (letter - '0');
    } else {
      return std::nullopt;
    }
  }
  return std::chrono::seconds{seconds + part};
}

}  // namespace

int main(int count, char** values) {
  CLI::App app{"Runs the daemon's engine, recovery and outbox against a simulated world, one seed at a time."};
  std::uint64_t seeds = 500;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  std::string until;
  std::string mutant;
  bool mutants = false;
  std::size_t most_printed = 3;
  app.add_option("--seeds", seeds, "how many seeds to run")->capture_default_str();
  app.add_option("--first", first, "the first of them")->capture_default_str();
  CLI::Option* const one = app.add_option("--seed", seed, "runs this one and prints its trace as a table");
  app.add_option("--until", until, "stops at this time of the run: seconds, or hh:mm:ss");
  app.add_option("--mutant", mutant, "plants this bug");
  app.add_flag("--mutants", mutants, "shows that each planted bug (or the one that --mutant names) is found");
  app.add_option("--print", most_printed, "failures printed with their rows")->capture_default_str();
  CLI11_PARSE(app, count, values);

  simulation::RunOptions options;
  if (!until.empty()) {
    options.until = parse_time(until);
    if (!options.until) {
      fmt::print(stderr, "--until {}: seconds, or hh:mm:ss\n", until);
      return 2;
    }
  }
  if (!mutant.empty() &&
      std::find(simulation::mutants.begin(), simulation::mutants.end(), mutant) == simulation::mutants.end()) {
    fmt::print(stderr, "--mutant {}: there are {}\n", mutant, fmt::join(simulation::mutants, ", "));
    return 2;
  }
  if (mutants) {
    std::vector<std::string> names{simulation::mutants.begin(), simulation::mutants.end()};
    if (!mutant.empty()) names = {mutant};
    return find_mutants(names, first, seeds == 500 ? 3000 : seeds);
  }
  simulation::plant(mutant);
  if (one->count() > 0) return replay(seed, options);
  return run_seeds(first, seeds, options, most_printed);
}
