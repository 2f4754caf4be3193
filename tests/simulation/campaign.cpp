#include "tests/simulation/campaign.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <unistd.h>

#include "tests/simulation/apart.hpp"
#include "tests/simulation/plan_file.hpp"
#include "tests/simulation/planted.hpp"
#include "tests/support/figures.hpp"

namespace simulation {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t without_end = std::numeric_limits<std::uint64_t>::max() / 4;
constexpr std::uint64_t seeds_that_meet_all = 2000;
constexpr std::uint64_t seeds_that_meet_all_holds = 500;  // of plans in which services depend on each other
constexpr std::uint64_t most_seeds_for_a_mutant = 20'000;
constexpr std::size_t most_failures_named = 50;

double seconds_since(SteadyClock::time_point began) {
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

void print_now(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int close_with(std::uint64_t passed, std::uint64_t failed, std::uint64_t skipped = 0) {
  print_now(fmt::format("{} passed, {} failed, {} skipped\n", passed, failed, skipped));
  return failed == 0 ? 0 : 1;
}

// A bar on a terminal; a line each half minute elsewhere.
class Progress {
 public:
  explicit Progress(const char* what) : what_{what}, is_terminal_{isatty(STDERR_FILENO) == 1} {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // `part` is between 0 and 1.
  void show(double part, const std::string& about) {
    const auto now = SteadyClock::now();
    if (now - shown_ < (is_terminal_ ? std::chrono::milliseconds{200} : std::chrono::milliseconds{30'000})) return;
    shown_ = now;
    const double took = seconds_since(began_);
    const auto left = part > 0 ? static_cast<std::uint64_t>(took / part - took) : 0;
    constexpr double width = 30;
    const auto filled = static_cast<std::size_t>(std::min(part, 1.0) * width);
    const std::string text =
        fmt::format("{:3.0f} %  {}, {}:{:02} left", 100 * std::min(part, 1.0), about, left / 60, left % 60);
    if (is_terminal_) {
      std::fputs(fmt::format("\r{} [{:<30}] {}\033[K", what_, std::string(filled, '#'), text).c_str(), stderr);
    } else {
      std::fputs(fmt::format("{} {}\n", what_, text).c_str(), stderr);
    }
  }
  void clear() const {
    if (is_terminal_) std::fputs("\r\033[K", stderr);
  }

 private:
  const char* what_;
  bool is_terminal_;
  SteadyClock::time_point began_{SteadyClock::now()};
  SteadyClock::time_point shown_{began_};
};

SeedReport report_of_seed(std::uint64_t seed, const Done& done) {
  if (done.died.empty()) return unpack(done.result);
  SeedReport report;
  report.violation = Violation{.invariant = "died", .text = fmt::format("seed {}: {}", seed, done.died), .row = 0};
  report.violated_at = Time::max();
  return report;
}

std::string judge_seed(std::uint64_t seed) {
  return pack(report_of(run(seed, {}), false));
}

struct Totals {
  std::uint64_t seeds{};
  std::uint64_t failed{};
  std::uint64_t rows{};
  std::uint64_t marked{};
  Time simulated{};
  Coverage coverage;

  void add(const SeedReport& report) {
    ++seeds;
    if (report.violation) ++failed;
    rows += report.rows;
    marked += report.marked;
    simulated += report.simulated;
    coverage.add(report.coverage);
  }
  [[nodiscard]] std::uint64_t hours() const { return static_cast<std::uint64_t>(simulated / std::chrono::hours{1}); }
  [[nodiscard]] std::uint64_t crashes() const {
    constexpr std::size_t crash = static_cast<std::size_t>(ActionKind::crash);
    std::uint64_t sum = coverage.happened.at(crash);
    for (const std::uint64_t count : coverage.crashes) sum += count;
    return sum;
  }
};

// How much of what was asked for is done; 1 = all.
double part_done(const Totals& totals, const CampaignOptions& options) {
  if (options.seeds) return static_cast<double>(totals.seeds) / static_cast<double>(*options.seeds);
  double part = 1;
  if (options.hours > 0)
    part = std::min(part, static_cast<double>(totals.hours()) / static_cast<double>(options.hours));
  if (options.incidents > 0)
    part = std::min(part, static_cast<double>(totals.coverage.incidents) / static_cast<double>(options.incidents));
  return part;
}

void write_figures(const Totals& totals, const CampaignOptions& options, double seconds) {
  const char* const part = options.correlated ? "simulation-correlated"
                           : options.seeds    ? "simulation"
                                              : "simulation-long";
  support::figure(part, "seeds", totals.seeds);
  support::figure(part, "simulated hours", totals.hours());
  support::figure(part, "simulated incidents", totals.coverage.incidents);
  support::figure(part, "requests", totals.coverage.requests);
  support::figure(part, "messages that rang", totals.coverage.messages_rung);
  support::figure(part, "of them marked as possible duplicates", totals.marked);
  support::figure(part, "rows committed", totals.rows);
  support::figure(part, "faults", totals.coverage.faults());
  support::figure(part, "crashes and stalls at awkward places", totals.crashes());
  support::figure(part, "starts of the daemon", totals.coverage.starts);
  for (const auto& [what, count] : totals.coverage.holds) support::figure(part, fmt::format("met: {}", what), count);
  support::figure(part, "violations", totals.failed);
  support::figure(part, "seconds", fmt::format("{:.0f}", seconds));
  support::figure(part, "commit", commit());
}

}  // namespace

int run_seeds(const CampaignOptions& options) {
  const auto began = SteadyClock::now();
  Totals totals;
  std::vector<std::pair<std::uint64_t, SeedReport>> failures;
  Progress progress{"simulation"};
  const auto show = [&] {
    progress.show(part_done(totals, options),
                  fmt::format("{} seeds, {} h, {} incidents, {} failed",
                              totals.seeds,
                              totals.hours(),
                              totals.coverage.incidents,
                              totals.failed));
  };
  do_apart(Apart{.workers = options.jobs, .now_and_then = show},
           options.first,
           options.seeds.value_or(without_end),
           judge_seed,
           [&](const Done& done) {
             SeedReport report = report_of_seed(done.job, done);
             totals.add(report);
             if (report.violation && failures.size() < most_failures_named) failures.emplace_back(done.job, report);
             return options.seeds.has_value() || part_done(totals, options) < 1;
           });
  progress.clear();
  const double seconds = seconds_since(began);
  for (std::size_t index = 0; index < failures.size(); ++index) {
    const auto& [seed, report] = failures[index];
    if (index < options.most_explained) {
      print_now(explain(draw_plan(seed), report, options.failures).text + "\n");
    } else {
      print_now(
          fmt::format("seed {}: {} does not hold: {}\n", seed, report.violation->invariant, report.violation->text));
    }
  }
  print_now(print(totals.coverage));
  std::uint64_t missing = 0;
  if (totals.seeds >= (options.correlated ? seeds_that_meet_all_holds : seeds_that_meet_all)) {
    for (const std::string& what : never_met(totals.coverage)) {
      ++missing;
      print_now(fmt::format("NEVER MET: {}\n", what));
    }
  }
  print_now(
      fmt::format("{} seeds, {} simulated hours, {} incidents, {} messages rang ({} marked as possible duplicates), "
                  "{} rows, {} faults, {:.1f} s, commit {}\n",
                  totals.seeds,
                  totals.hours(),
                  totals.coverage.incidents,
                  totals.coverage.messages_rung,
                  totals.marked,
                  totals.rows,
                  totals.coverage.faults(),
                  seconds,
                  commit()));
  write_figures(totals, options, seconds);
  return close_with(totals.seeds - totals.failed, totals.failed + missing);
}

int find_mutants(const std::vector<std::string>& names, const CampaignOptions& options) {
  const char* const part = options.correlated ? "mutants-correlated" : "mutants";
  const auto began = SteadyClock::now();
  std::uint64_t failed = 0;
  const std::uint64_t most = options.seeds.value_or(most_seeds_for_a_mutant);
  Progress progress{"mutants"};
  for (std::size_t index = 0; index < names.size(); ++index) {
    const Mutant& mutant = *find_mutant(names[index]);
    plant(mutant.name);
    std::optional<Violation> violation;
    std::uint64_t seeds = 0;
    // A seed that fails without the bug proves nothing.
    const auto is_its_doing = [&mutant](std::uint64_t seed) {
      plant("");
      const bool holds = !judge_apart(draw_plan(seed)).violation;
      plant(mutant.name);
      return holds;
    };
    const auto show = [&] {
      progress.show((static_cast<double>(index) + 0.5) / static_cast<double>(names.size()),
                    fmt::format("{}: {} seeds", mutant.name, seeds));
    };
    do_apart(
        Apart{.workers = options.jobs, .now_and_then = show}, options.first, most, judge_seed, [&](const Done& done) {
          ++seeds;
          violation = report_of_seed(done.job, done).violation;
          if (violation && !is_its_doing(done.job)) violation.reset();
          return !violation;
        });
    plant("");
    progress.clear();
    if (!violation) {
      ++failed;
      print_now(fmt::format("{:<32} NOT FOUND in {} seeds: {}\n", mutant.name, most, mutant.bug));
      continue;
    }
    const std::string fitting = fmt::format(" {} ", mutant.breaks);
    const bool fits = fitting.find(" " + violation->invariant + " ") != std::string::npos;
    if (!fits) ++failed;
    print_now(fmt::format("{:<32} {:>5} seeds, {}{}: {}\n",
                          mutant.name,
                          seeds,
                          violation->invariant,
                          fits ? "" : fmt::format(", which DOES NOT FIT ({})", mutant.breaks),
                          violation->text));
    support::figure(part, mutant.name, fmt::format("{} seeds, by {}", seeds, violation->invariant));
  }
  support::figure(part, "planted bugs", names.size());
  support::figure(part, "planted bugs found", names.size() - failed);
  support::figure(part, "seconds", fmt::format("{:.0f}", seconds_since(began)));
  return close_with(names.size() - failed, failed);
}

int run_named(const std::string& folder, const CampaignOptions& options) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator{folder})
      if (entry.path().extension() == ".plan") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::uint64_t failed = 0;
  for (const std::filesystem::path& file : files) {
    const std::string name = file.stem().string();
    const tl::expected<Plan, std::string> plan = read_plan(file.string());
    if (!plan) {
      ++failed;
      print_now(plan.error() + "\n");
      continue;
    }
    const SeedReport report = judge_apart(*plan);
    if (!report.violation) {
      print_now(fmt::format("{:<60} holds\n", name));
      continue;
    }
    ++failed;
    print_now(fmt::format("{}:\n{}\n", name, explain(*plan, report, options.failures).text));
  }
  return close_with(files.size() - failed, failed);
}

int show_determinism(const CampaignOptions& options) {
  const std::uint64_t count = options.seeds.value_or(30);
  const auto hash_of = [](std::uint64_t seed) {
    RunOptions keeps;
    keeps.keep_rows = true;
    return pack(report_of(run(seed, keeps), true));
  };
  // Once among others in as many processes as there are jobs, once each in a process of its own, and there twice.
  std::vector<std::uint64_t> first;
  do_apart(Apart{.workers = options.jobs, .now_and_then = {}}, options.first, count, hash_of, [&](const Done& done) {
    first.push_back(done.died.empty() ? unpack(done.result).trace : 0);
    return true;
  });
  std::uint64_t failed = 0;
  for (std::uint64_t index = 0; index < count; ++index) {
    const std::uint64_t seed = options.first + index;
    const auto twice = [&hash_of](std::uint64_t of) {
      (void)hash_of(of);
      return hash_of(of);
    };
    const Done again = do_apart(std::chrono::seconds{120}, seed, twice);
    if (first.at(index) != 0 && again.died.empty() && unpack(again.result).trace == first.at(index)) continue;
    ++failed;
    print_now(fmt::format("seed {} gave other rows when it was run again\n", seed));
  }
  return close_with(count - failed, failed);
}

}  // namespace simulation
