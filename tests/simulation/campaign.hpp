// Many seeds, on all cores: how many, what they add up to, and what is said of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/failure.hpp"

namespace simulation {

struct CampaignOptions {
  std::uint64_t first{1};
  std::optional<std::uint64_t> seeds;  // so many; or else
  std::uint64_t hours{};               // as many as it takes for so many simulated hours
  std::uint64_t incidents{};           // and so many incidents
  bool correlated{};                   // of plans in which services depend on each other: its figures are its own
  unsigned jobs{1};
  std::size_t most_explained{3};
  FailureOptions failures;
};

// All return what the program exits with; each closes with the count line.
[[nodiscard]] int run_seeds(const CampaignOptions& options);
// Each of them planted, until a seed shows it.
[[nodiscard]] int find_mutants(const std::vector<std::string>& names, const CampaignOptions& options);
// Every plan of the folder; each once showed a bug, and none may any more.
[[nodiscard]] int run_named(const std::string& folder, const CampaignOptions& options);
// Every seed gives the same rows each time, in whatever process and behind whatever other.
[[nodiscard]] int show_determinism(const CampaignOptions& options);

}  // namespace simulation
