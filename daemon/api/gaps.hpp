// For how long nobody would be called. Pure; any thread; computed when a policy is loaded, not at each scrape.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace api {

struct OnCallGap {
  std::string call_tree;
  std::uint32_t step{};  // 1-based
  rules::Duration length{};
  bool operator==(const OnCallGap&) const = default;
};

// For every step of every call tree: how much of [from, from + span) has nobody on call for it.
[[nodiscard]] std::vector<OnCallGap> on_call_gaps(const rules::Policy& policy,
                                                  rules::Instant from,
                                                  rules::Duration span = std::chrono::hours{24 * 7});

}  // namespace api
