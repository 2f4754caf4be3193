// Policy tests, as `rousectl test` reads and runs them.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "daemon/rehearse/policy_test.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

// A test may ask for years of virtual time, which take as long as they take; and it may name files of the machine.
bool is_too_much(std::string_view text) {
  if (text.find('/') != std::string_view::npos || text.find("_file") != std::string_view::npos) return true;
  std::size_t digits = 0;
  for (const char letter : text) {
    const bool is_digit = letter >= '0' && letter <= '9';
    if (digits > 0 && (letter == 'w' || letter == 'd' || letter == 'h')) return true;
    digits = is_digit ? digits + 1 : 0;
    if (digits > 4) return true;
  }
  return false;
}

// Goes with the process.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rouse-fuzz-XXXXXX").string();
    claim(mkdtemp(name.data()) != nullptr, "no folder can be made");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  if (fuzz::is_too_much(text)) return 0;
  static const fuzz::Folder folder;
  const std::filesystem::path path = folder.path() / "test.yml";
  std::ofstream{path, std::ios::binary} << text;
  const rehearse::TestFile file = rehearse::run_test_file(path);
  for (const config::Problem& problem : file.problems) {
    claim(problem.line >= 1 && !problem.message.empty(), "a problem at line {} without a word", problem.line);
    fuzz::claim_clean(config::print(problem), "a problem");
  }
  for (const rehearse::TestResult& result : file.tests) {
    claim(result.passed == result.differences.empty(),
          "{} passed: {}, with {} differences",
          result.name,
          result.passed,
          result.differences.size());
    for (const std::string& difference : result.differences) fuzz::claim_clean(difference, "a difference");
  }
  const std::string junit = rehearse::to_junit({file});
  claim(fuzz::is_utf8(junit) && !fuzz::misleads(junit, true), "the report for machines is no XML");
  return 0;
}
