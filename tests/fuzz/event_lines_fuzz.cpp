// Events of `rousectl simulate`, one JSON object a line.
#include "daemon/rehearse/simulate.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  // A line may name a file of the machine.
  if (text.find("_file") != std::string_view::npos) return 0;
  const rehearse::EventLines lines = rehearse::read_event_lines(text, "events.jsonl");
  for (const config::Problem& problem : lines.problems) {
    claim(problem.line >= 1 && !problem.message.empty(), "a problem at line {} without a word", problem.line);
    fuzz::claim_clean(config::print(problem), "a problem");
  }
  const bool has_errors = std::any_of(lines.problems.begin(), lines.problems.end(), [](const config::Problem& problem) {
    return problem.severity == config::Severity::error;
  });
  claim(has_errors || std::is_sorted(lines.events.begin(),
                                     lines.events.end(),
                                     [](const auto& left, const auto& right) { return left.at < right.at; }),
        "the events are out of order");
  const rehearse::EventLines again = rehearse::read_event_lines(text, "events.jsonl");
  claim(again.events.size() == lines.events.size() && again.problems == lines.problems,
        "the same lines, something else");
  return 0;
}
