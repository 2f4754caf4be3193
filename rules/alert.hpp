// What a monitoring system reports: one alert, firing or resolved, as intake understood it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/ids.hpp"
#include "rules/labels.hpp"
#include "rules/time.hpp"

namespace rules {

enum class ReportStatus : std::uint8_t { firing, resolved };

struct Report {
  ReportStatus status{ReportStatus::firing};
  Labels labels;  // never empty
  Labels annotations;
  std::optional<Instant>
      starts_at;  // the sender's clock: data, never our time; absent when missing, zero or unreadable
  std::optional<Instant> ends_at;
  std::string generator_url;
  AlertKey key;               // computed off the engine; valid when keyed_for equals the policy's identity
  std::string native_key;     // the sender's own name of the problem, where labels are not its identity; "" = none
  std::uint64_t keyed_for{};  // identity_of(Identity) of the policy it was computed with; 0 = not computed
  bool operator==(const Report&) const = default;
};

// How the sender speaks, because the same words mean different things.
enum class ReportForm : std::uint8_t {
  webhook,  // Alertmanager's webhook: `status` of each alert decides, no report ever expires
  api_v2,   // Alertmanager's API v2: firing until endsAt; each post is a refresh
  own,      // the router's own: a heartbeat missed, reports refused; no sender's, ended by the router alone
};

}  // namespace rules
