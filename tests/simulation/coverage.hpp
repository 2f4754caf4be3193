// What many runs met, for people: how often each fault, awkward place, mood, reason, answer and verb, and which of
// those that should be met never was. And what one run gave, as bytes between processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/run.hpp"

namespace simulation {

// What one seed gave, without its rows.
struct SeedReport {
  std::optional<Violation> violation;
  Time violated_at{};
  Time simulated{};
  std::uint64_t rows{};    // that the disk committed
  std::uint64_t marked{};  // messages that rang as possible duplicates
  std::uint64_t trace{};   // a hash of all rows as they are printed, when they were kept
  Coverage coverage;
};

[[nodiscard]] SeedReport report_of(const RunResult& result, bool hashes_rows);
[[nodiscard]] std::string pack(const SeedReport& report);
[[nodiscard]] SeedReport unpack(std::string_view bytes);

[[nodiscard]] std::string print(const Coverage& coverage);  // a table
// What 2,000 seeds must have met and these did not.
[[nodiscard]] std::vector<std::string> never_met(const Coverage& coverage);

}  // namespace simulation
