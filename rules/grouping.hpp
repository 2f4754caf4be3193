// Episodes become incidents: which incident an episode joins, when one reopens, when it ends.
#pragma once

#include <string>
#include <string_view>

#include "rules/moment.hpp"
#include "rules/route.hpp"

namespace rules {

inline constexpr Duration hand_resolve_rests{std::chrono::hours{1}};
inline constexpr Duration acknowledgement_is_old{std::chrono::hours{1}};

// The incident key: the route's path and its group_by values; an absent label is the empty string.
[[nodiscard]] Key128 group_key(const Route& route, const Labels& labels, const Policy& policy, std::uint64_t seed);

// Somebody reports an alert of the incident; one who has not before is worth a line.
void note_source(Moment& moment, Incident& incident, std::string_view source);

// A new episode takes its routes: each gives it one incident, opened, joined or reopened.
void place_episode(Moment& moment, Episode& episode, const Labels& labels);

// The episode's highest firing severity went up: its incidents are routed again.
void on_severity_rise(Moment& moment, Episode& episode, const Variant& variant, const Labels& labels);

// Which of the routes that match an episode now is this incident's: never one that another incident of it has.
[[nodiscard]] const Route& route_of(const State& state,
                                    const Episode& episode,
                                    IncidentId id,
                                    const std::vector<const Route*>& routes);

// No variant of the episode fires any more.
void on_episode_end(Moment& moment, Episode& episode, const std::string& who_said_so);

// A refresh of an episode one of whose incidents was resolved by hand.
void on_watched_refresh(Moment& moment, Episode& episode, const Route* own = nullptr);

// Takes severity, summary and service from what fires.
void refresh_facts(Moment& moment, Incident& incident);

// The incident is over: the climb stops, pages are taken back, whoever was paged is told.
void close_incident(Moment& moment, Incident& incident, bool by_hand, const std::string& by);

// Ends the acknowledgement's clock.
void disarm_acknowledgement(Moment& moment, Incident& incident);

// An acknowledgement that never runs out (of low urgency, of another call tree) does from now on, when the incident is
// of high urgency and its tree says so.
void let_acknowledgement_run_out(Moment& moment, Incident& incident);

// group_wait is over.
void on_group_wait_over(Moment& moment, IncidentId id);

// An own alert takes a route of its own.
void place_on_route(Moment& moment, Episode& episode, const Labels& labels, const Route& route);

// The incident's urgency is higher from now on, for a reason that has been recorded: its climb starts at step 1.
void raise_urgency(Moment& moment, Incident& incident, Urgency urgency, const std::string& why);

// What held an acknowledged incident is over: whether the acknowledgement still covers what is there.
void on_hold_end_acknowledged(Moment& moment, Incident& incident);

// The highest rank among the firing variants; 0 when none fires.
[[nodiscard]] std::uint8_t severity_of(const Episode& episode);

}  // namespace rules
