// Reports become episodes: identity, variants, duplicates, ends, late firings set aside, and expiry.
#pragma once

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

inline constexpr Duration end_is_remembered{std::chrono::minutes{2}};
inline constexpr Duration api_v2_lasts{std::chrono::minutes{5}};  // an API v2 alert without endsAt
inline constexpr Duration not_judged_after_start{std::chrono::minutes{5}};

void on_reports(Moment& moment, const ReportsArrived& arrived);

// Deadlines.
void on_expiry_due(Moment& moment, EpisodeId id, std::uint32_t variant_index);
void on_set_aside_due(Moment& moment, const Deadline& deadline);

// After a reload that changed what identity ignores: every open episode under its new key.
void rekey_episodes(State& state, const Policy& policy);

}  // namespace rules
