#include "config/problem.hpp"

#include <fmt/format.h>

#include "config/words.hpp"

namespace config {

std::string print(const Problem& problem) {
  // The name of a file may come from inside another file, and what a library or a matcher says of a text may quote it.
  return fmt::format("{}:{}:{}: {}{}",
                     is_seen(problem.file) ? problem.file : shown(problem.file),
                     problem.line,
                     problem.column,
                     problem.severity == Severity::warning ? "warning: " : "",
                     all_seen(problem.message));
}

std::string print(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += print(problem) + "\n";
  return text;
}

}  // namespace config
