// Dependencies: what is behind a service that has failed is explained by it.
//
// An open incident of high urgency is a parent for every alert of a service that depends on its service, however far.
// It holds alerts of incidents that began at most 5m before it (folding those that nobody had acknowledged then) and up
// to 1h after it began; later ones page, and name it. When it ends they wait for recovery_grace.
// Source of the 5m, and of the grace: what Icinga's and Alertmanager's users asked for when a host comes back.
#pragma once

#include <string>

#include "rules/hold/hold.hpp"

namespace rules {

inline constexpr Duration folds_what_began_before{std::chrono::minutes{5}};
inline constexpr Duration holds_what_begins_within{std::chrono::hours{1}};

void find_parents(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found);

// The alert is of a service that depends on others: it is looked at when one of them begins or ends.
void register_dependent(Moment& moment, const HeldAlert& alert);
void forget_dependent(Moment& moment, const Episode& episode);

// Somebody acknowledges the incident, or it is triggered again: a parent folds what nobody had when it began.
void on_turn(Moment& moment, Incident& incident, bool is_acknowledged);

// The incident may have become a parent, or be one no longer.
void on_parent_standing(Moment& moment, Incident& incident);

// Which open parents do not explain this incident, and why; "" when there is none.
[[nodiscard]] std::string name_passed_parents(Moment& moment, const Incident& incident);

// Alerts of services behind this incident's that are open and not held by it, for its pages.
[[nodiscard]] std::size_t count_unexplained(const State& state, const Incident& parent);

// The services that this one depends on, however far, the nearest first, and the open parents there: at most so many.
struct Above {
  std::vector<std::string> services;
  std::vector<IncidentId> parents;
};
[[nodiscard]] Above above(const State& state, std::string_view service, std::size_t most_parents);

// For make_links().
void link_services(Moment& moment);
void link_parent(Moment& moment, const Incident& incident);

// Whether alerts with these labels wait for a parent: their service depends on others. Its name; "" = they do not.
[[nodiscard]] std::string dependent_service(const State& state, const Labels& labels);

}  // namespace rules
