// Reports become episodes: identity, variants, duplicates, ends, late firings set aside, and expiry.
#pragma once

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

inline constexpr Duration end_is_remembered{std::chrono::minutes{2}};
inline constexpr Duration api_v2_lasts{std::chrono::minutes{5}};  // an API v2 alert without endsAt
inline constexpr Duration not_judged_after_start{std::chrono::minutes{5}};

// Beyond these, new alerts of a source are not taken; one incident says so.
inline constexpr std::size_t max_open_alerts = 2'000'000;
inline constexpr std::uint64_t max_open_incidents_a_source = 100'000;

void on_reports(Moment& moment, const ReportsArrived& arrived);
void on_sender_acknowledged(Moment& moment, const SenderAcknowledged& said);

// A new open episode of this key, which takes no route yet.
Episode& open_episode(Moment& moment, const Report& report, AlertKey key, const std::string& source, ReportForm form);
// Every variant of it that fires has ended.
void end_episode(Moment& moment, Episode& episode, const std::string& who_said_so);
// One variant has ended, because its source does not list it any more.
void end_listed(Moment& moment, Episode& episode, std::size_t variant, const std::string& who_said_so);

// Deadlines.
void on_expiry_due(Moment& moment, EpisodeId id, std::uint32_t variant_index);
void on_set_aside_due(Moment& moment, const Deadline& deadline);

// After a reload that changed what identity ignores: every open episode under its new key.
void rekey_episodes(State& state, const Policy& policy);

}  // namespace rules
