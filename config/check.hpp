// What is allowed in a configuration and yet would leave somebody uncalled: steps with nobody on call, people whom
// nothing reaches, routes that no alert comes to. Pure calculations over a policy.
#pragma once

#include <string>
#include <vector>

#include "config/problem.hpp"
#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace config {

struct Finding {
  Severity severity{Severity::warning};
  std::string where;    // "call tree outage, step 2 (software)"
  std::string message;  // "nobody from 2026-12-24T10:00 to 2026-12-26T10:00 America/Vancouver"
  bool operator==(const Finding&) const = default;
};

/// "warning: WHERE: MESSAGE"
[[nodiscard]] std::string print(const Finding& finding);

/// Coverage is looked at from `from` on for `horizon`. Findings are warnings; a step that nobody ever fills is an
/// error.
[[nodiscard]] std::vector<Finding> check(const rules::Policy& policy, rules::Instant from, rules::Duration horizon);

/// Whether a provider of this kind carries a page to somebody: it is more than a log, and something acts on it.
[[nodiscard]] bool reaches_somebody(const rules::Provider& provider);

/// False when no contact of anybody has a channel with a provider that reaches_somebody(): a daemon with such a
/// policy would be silently useless and refuses to start.
[[nodiscard]] bool can_page_anybody(const rules::Policy& policy);

}  // namespace config
