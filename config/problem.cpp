#include "config/problem.hpp"

#include <fmt/format.h>

namespace config {

std::string print(const Problem& problem) {
  return fmt::format("{}:{}:{}: {}{}",
                     problem.file,
                     problem.line,
                     problem.column,
                     problem.severity == Severity::warning ? "warning: " : "",
                     problem.message);
}

std::string print(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += print(problem) + "\n";
  return text;
}

}  // namespace config
