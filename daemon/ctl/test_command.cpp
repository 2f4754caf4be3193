#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/ctl/session.hpp"
#include "daemon/rehearse/policy_test.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

struct Arguments {
  std::vector<std::string> files;
  std::string junit;
  std::string filter;
};

bool cannot_run(const rehearse::TestFile& file) {
  return std::any_of(file.problems.begin(), file.problems.end(), [](const config::Problem& problem) {
    return problem.severity == config::Severity::error;
  });
}

// One policy may serve many files: a route is unreached when no test of any of them reached it.
std::map<std::string, rehearse::Coverage> merged_coverage(const std::vector<rehearse::TestFile>& files) {
  std::map<std::string, rehearse::Coverage> merged;
  for (const rehearse::TestFile& file : files) {
    const std::filesystem::path folder = std::filesystem::path{file.file}.parent_path();
    for (const rehearse::Coverage& coverage : file.coverage) {
      const bool is_inline = coverage.policy.starts_with("inline ");
      const std::string name = is_inline ? fmt::format("{}, {}", file.file, coverage.policy)
                                         : (folder / coverage.policy).lexically_normal().string();
      rehearse::Coverage& one = merged[name];
      one.policy = name;
      one.routes.insert(coverage.routes.begin(), coverage.routes.end());
      one.routes_reached.insert(coverage.routes_reached.begin(), coverage.routes_reached.end());
      one.steps.insert(coverage.steps.begin(), coverage.steps.end());
      one.steps_reached.insert(coverage.steps_reached.begin(), coverage.steps_reached.end());
    }
  }
  return merged;
}

std::vector<std::string> unreached(const std::set<std::string>& all, const std::set<std::string>& reached) {
  std::vector<std::string> missing;
  std::set_difference(all.begin(), all.end(), reached.begin(), reached.end(), std::back_inserter(missing));
  return missing;
}

json::array to_array(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.push_back(json::value(json::string(text)));
  return array;
}

struct Totals {
  std::size_t passed{};
  std::size_t failed{};
};

std::string to_json(const std::vector<rehearse::TestFile>& files, const Totals& totals, bool with_coverage) {
  json::array tests;
  json::array problems;
  for (const rehearse::TestFile& file : files) {
    for (const config::Problem& problem : file.problems) {
      problems.push_back(json::value(json::string(config::print(problem))));
    }
    for (const rehearse::TestResult& test : file.tests) {
      json::object one{{"file", file.file},
                       {"line", test.line},
                       {"name", test.name},
                       {"passed", test.passed},
                       {"seconds", test.seconds}};
      one["differences"] = to_array(test.differences);
      one["remarks"] = to_array(test.remarks);
      tests.push_back(std::move(one));
    }
  }
  json::object whole{{"version", 1},
                     {"passed", totals.passed},
                     {"failed", totals.failed},
                     {"key_seeds", std::size(rehearse::key_seeds)}};
  whole["problems"] = std::move(problems);
  whole["tests"] = std::move(tests);
  if (with_coverage) {
    json::array coverage;
    for (const auto& [name, one] : merged_coverage(files)) {
      json::object object{{"policy", name}};
      object["routes"] = to_array(unreached(one.routes, one.routes_reached));
      object["steps"] = to_array(unreached(one.steps, one.steps_reached));
      coverage.push_back(std::move(object));
    }
    whole["unreached"] = std::move(coverage);
  }
  return json::serialize(whole);
}

void print(std::ostream& out, const rehearse::TestFile& file) {
  out << config::print(file.problems);
  if (cannot_run(file)) out << fmt::format("FAILED  {}: cannot be run\n", file.file);
  for (const rehearse::TestResult& test : file.tests) {
    if (!test.passed) {
      out << fmt::format("FAILED  {}:{}: {}\n", file.file, test.line, test.name);
      for (const std::string& difference : test.differences) out << "        " << difference << "\n";
      for (const std::string& remark : test.remarks) out << "        note: " << remark << "\n";
    }
  }
}

void print_unreached(std::ostream& out, const std::vector<rehearse::TestFile>& files) {
  for (const auto& [name, coverage] : merged_coverage(files)) {
    const std::vector<std::string> routes = unreached(coverage.routes, coverage.routes_reached);
    const std::vector<std::string> steps = unreached(coverage.steps, coverage.steps_reached);
    if (routes.empty() && steps.empty()) continue;
    out << fmt::format("{}: no test reached\n", name);
    for (const std::string& route : routes) out << "        route " << route << "\n";
    for (const std::string& step : steps) out << "        call tree " << step << "\n";
  }
}

int test(const Session& session, const Arguments& arguments) {
  const bool is_filtered = !arguments.filter.empty();
  std::vector<rehearse::TestFile> files;
  Totals totals;
  double seconds = 0;
  for (const std::string& name : arguments.files) {
    rehearse::TestFile file = rehearse::run_test_file(name);
    std::erase_if(file.tests, [&arguments](const rehearse::TestResult& result) {
      return result.name.find(arguments.filter) == std::string::npos;
    });
    if (cannot_run(file)) ++totals.failed;
    for (const rehearse::TestResult& result : file.tests) {
      ++(result.passed ? totals.passed : totals.failed);
      seconds += result.seconds;
    }
    if (!session.is_json()) print(session.out, file);
    files.push_back(std::move(file));
  }
  if (!arguments.junit.empty()) {
    std::ofstream stream{arguments.junit, std::ios::binary};
    stream << rehearse::to_junit(files);
    stream.close();
    if (!stream) return session.fail(refused, fmt::format("cannot write {}", arguments.junit));
  }
  if (session.is_json()) {
    session.out << to_json(files, totals, !is_filtered) << "\n";
  } else {
    if (!is_filtered) print_unreached(session.out, files);
    session.out << fmt::format(
        "Each test ran under {} key seeds, in {:.2f} s.\n", std::size(rehearse::key_seeds), seconds);
    session.out << fmt::format("{} passed, {} failed\n", totals.passed, totals.failed);
  }
  if (totals.passed + totals.failed == 0) {
    return session.fail(refused,
                        is_filtered ? fmt::format("no test's name contains `{}`", arguments.filter)
                                    : std::string{"there is no test in these files"});
  }
  return totals.failed == 0 ? done : refused;
}

}  // namespace

void add_test(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("test", "Policy tests: promises about a configuration, on a virtual clock")
          ->group(offline_group);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("FILE", arguments->files, "files of policy tests")->required()->expected(1, -1);
  command->add_option("--junit", arguments->junit, "write the results there as JUnit XML too")->type_name("FILE");
  command->add_option("--filter", arguments->filter, "only the tests whose name contains this text")->type_name("TEXT");
  add_output(*command, session);
  command->footer(
      "Says what differed of each test that failed, and which routes and steps no test reached. Exits 1 when a test\n"
      "fails or a file cannot be run. Nothing leaves the machine.\n\n"
      "Example: rousectl test policies/*.yml --junit results.xml");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return test(session, *arguments); }; });
}

}  // namespace ctl
