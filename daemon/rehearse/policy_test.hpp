// Policy tests: promises about a configuration, kept on the virtual clock by the code that the daemon runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "config/problem.hpp"
#include "rules/time.hpp"

namespace rehearse {

struct TestResult {
  std::string name;
  int line{};
  bool passed{};
  std::vector<std::string> differences;  // each one line: what was expected, what happened
  std::vector<std::string> remarks;      // not failures: a reload that was refused
  double seconds{};
};

// What a test of this policy has met; what remains is listed as never reached.
struct Coverage {
  std::string policy;                            // file name
  std::set<std::string> routes, routes_reached;  // paths
  std::set<std::string> steps, steps_reached;    // "outage step 2"
};

struct TestFile {
  std::string file;
  std::vector<config::Problem> problems;  // the file cannot be run when one is an error
  std::vector<TestResult> tests;
  std::vector<Coverage> coverage;
};

// Every test is run once for each of these key seeds, and must come out the same.
inline constexpr std::uint64_t key_seeds[] = {1, 0x9E3779B97F4A7C15, 0xDEADBEEFCAFEF00D};

[[nodiscard]] TestFile run_test_file(const std::filesystem::path& file);

// JUnit's XML, one suite a file.
[[nodiscard]] std::string to_junit(const std::vector<TestFile>& files);

}  // namespace rehearse
