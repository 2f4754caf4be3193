#include "config/problem.hpp"

#include <fmt/format.h>

#include "config/words.hpp"

namespace config {

std::string print(const Problem& problem) {
  // A name may come from inside another file, with line breaks and worse in it. Messages hold nothing such: whoever
  // reports a problem makes it all seen.
  return fmt::format("{}:{}:{}: {}{}",
                     is_seen(problem.file) ? problem.file : shown(problem.file),
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
