#include "rules/calendar.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "rules/climb.hpp"
#include "rules/grouping.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hold/silence.hpp"
#include "rules/hours.hpp"
#include "rules/mutant.hpp"
#include "rules/test_page.hpp"
#include "rules/turn_notice.hpp"
#include "rules/view.hpp"

namespace rules {
namespace {

// Never longer than this without looking: a boundary that calendar arithmetic cannot see is not missed for long.
constexpr Duration look_at_least_every{std::chrono::hours{24}};

template <class Visit>
void for_each_route(const Route& route, Visit& visit) {
  visit(route);
  for (const Route& child : route.routes) for_each_route(child, visit);
}

std::map<std::string_view, const Route*> routes_with_intervals(const Policy& policy) {
  std::map<std::string_view, const Route*> found;
  auto visit = [&found](const Route& route) {
    if (!route.active.empty()) found.emplace(route.path, &route);
  };
  for_each_route(policy.route, visit);
  return found;
}

std::optional<Instant> next_interval_edge(const Policy& policy, Instant wall) {
  std::optional<Instant> next;
  const auto consider = [&](const std::string& interval) {
    const std::optional<Instant> edge = next_edge_after(policy, interval, wall);
    if (edge && (!next || *edge < *next)) next = edge;
  };
  auto visit = [&](const Route& route) { std::for_each(route.active.begin(), route.active.end(), consider); };
  for_each_route(policy.route, visit);
  std::set<std::string> of_services;
  for (const Service& service : policy.services)
    of_services.insert(service.maintenance.begin(), service.maintenance.end());
  std::for_each(of_services.begin(), of_services.end(), consider);
  return next;
}

// An open incident rises when its interval begins; it never falls.
void raise_incidents(Moment& moment) {
  const auto routes = routes_with_intervals(moment.policy);
  if (routes.empty() || ROUSE_MUTANT("interval-raises-nothing")) return;
  for (auto& [id, incident] : moment.state.incidents) {
    if (!is_open(incident)) continue;
    const auto route = routes.find(incident.route);
    if (route == routes.end()) continue;
    const Urgency now = urgency_at(moment.policy, *route->second, moment.now.wall);
    if (now <= incident.urgency) continue;
    std::string intervals;
    for (const std::string& one : route->second->active) intervals += (intervals.empty() ? "" : ", ") + one;
    because(moment,
            incident,
            ReasonKind::interval_began,
            intervals,
            fmt::format("urgency {} -> {}", to_text(incident.urgency), to_text(now)));
    raise_urgency(moment, incident, now, fmt::format("{} has begun", intervals));
  }
}

}  // namespace

void set_calendar(Moment& moment) {
  State& state = moment.state;
  state.deadlines.disarm(state.calendar);
  state.calendar = DeadlineId{};
  std::optional<Instant> next = next_silence_edge(state, moment.now.wall);
  if (const auto edge = next_interval_edge(moment.policy, moment.now.wall); edge && (!next || *edge < *next)) {
    next = edge;
  }
  if (const auto test = next_test_page(state, moment.policy); test && (!next || *test < *next)) next = test;
  if (!next) return;
  const Duration away = std::clamp(*next - moment.now.wall, Duration{0}, look_at_least_every);
  state.calendar = state.deadlines.arm(moment.at() + away, DeadlineKind::calendar, 0, 0);
}

void turn_calendar(Moment& moment) {
  turn_silences(moment);
  raise_incidents(moment);
  send_due_test_pages(moment);
  look_at_doubts(moment);
  set_calendar(moment);
}

}  // namespace rules
