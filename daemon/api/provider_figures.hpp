// How the providers of the channels have done since the start, or since they were configured: plain copies, taken by
// whoever asks on any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/time.hpp"

namespace api {

inline constexpr std::array<std::string_view, 5> try_outcomes{
    "accepted", "refused", "transient", "unanswered", "withdrawn"};

struct ProviderFigures {
  std::string channel;
  std::uint32_t number{};  // its place in the order of preference, from 1
  std::string kind;        // "webhook"
  std::array<std::uint64_t, try_outcomes.size()> tries{};
  bool is_open{};  // its circuit: it is passed over while a later one works
  std::optional<rules::Instant> last_success;
  std::uint64_t answers{};  // tries that took seconds_sum together
  double seconds_sum{};
};

}  // namespace api
