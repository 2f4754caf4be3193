#include "rules/reload.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/calendar.hpp"
#include "rules/climb.hpp"
#include "rules/desk.hpp"
#include "rules/episode.hpp"
#include "rules/finish.hpp"
#include "rules/grouping.hpp"
#include "rules/heartbeat.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hours.hpp"
#include "rules/mutant.hpp"
#include "rules/turn_notice.hpp"

namespace rules {
namespace {

struct Leading {
  const Episode* episode{};
  const Variant* variant{};
};

// The alert that an incident is routed by: its first of the highest severity that fires, else its first.
Leading leading_alert(const State& state, const Incident& incident) {
  Leading leading;
  for (const EpisodeId id : incident.episodes) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end()) continue;
    for (const Variant& variant : episode->second.variants) {
      const bool better = leading.variant == nullptr || (variant.firing && !leading.variant->firing) ||
                          (variant.firing && variant.severity > leading.variant->severity);
      if (better) leading = Leading{.episode = &episode->second, .variant = &variant};
    }
    if (leading.variant != nullptr && leading.variant->firing && leading.variant->severity == incident.severity) break;
  }
  return leading;
}

// The alert that opened it: the key is of its route and group.
Leading opening_alert(const State& state, const Incident& incident) {
  const auto episode = state.episodes.find(incident.episodes.front());
  if (episode == state.episodes.end()) return {};
  return Leading{.episode = &episode->second, .variant = &episode->second.variants.front()};
}

// Where the step stands in the new tree: by its target, else at the same position.
std::uint32_t place_of_step(const Incident& incident, const CallTree& tree) {
  const auto found = std::find_if(tree.steps.begin(), tree.steps.end(), [&](const Step& step) {
    return step.targets == incident.climb.step_targets;
  });
  if (found == tree.steps.end() || incident.climb.step_targets.empty()) return incident.climb.step;
  // A tree may call the same target twice; the one at the same position is meant.
  if (incident.climb.step < tree.steps.size() &&
      tree.steps[incident.climb.step].targets == incident.climb.step_targets) {
    return incident.climb.step;
  }
  return static_cast<std::uint32_t>(found - tree.steps.begin());
}

std::string print_place(const std::string& tree, const Climb& climb, std::uint32_t step) {
  switch (climb.phase) {
    case ClimbPhase::idle:
      return fmt::format("call tree {}", tree);
    case ClimbPhase::climbing:
      return fmt::format("call tree {}, step {}", tree, step + 1);
    case ClimbPhase::last_resort:
      return fmt::format("call tree {}, last_resort", tree);
    case ClimbPhase::begins_again:
      return fmt::format("call tree {}, beginning again", tree);
  }
  return tree;
}

// The route that the incident has from now on, when it fits the alert that it is routed by: its tree belongs to its
// route. Else the one that the alert gives it.
const Route& leading_route(const State& state,
                           const Leading& leading,
                           const Incident& incident,
                           const std::string& path,
                           const std::vector<const Route*>& routes) {
  const auto own = std::find_if(routes.begin(), routes.end(), [&](const Route* route) { return route->path == path; });
  const IncidentIds& others = leading.episode->incidents;
  const bool is_taken = std::any_of(others.begin(), others.end(), [&](IncidentId id) {
    const Incident* other = find_incident(state, id);
    return id != incident.id && other != nullptr && other->route == path;
  });
  if (own != routes.end() && !is_taken) return **own;
  return route_of(state, *leading.episode, incident.id, routes);
}

Move move_of(const State& state, const Incident& incident, const Policy& policy) {
  Move move;
  move.incident = incident.id;
  move.call_tree = incident.call_tree;
  move.urgency = incident.urgency;
  move.route = incident.route;
  move.key = incident.key;
  move.step = incident.climb.step;
  move.from = print_place(incident.call_tree, incident.climb, incident.climb.step);
  const Leading opening = opening_alert(state, incident);
  const bool is_own = opening.episode != nullptr && opening.episode->own;  // it takes no route of the policy
  if (is_own && policy.call_tree(incident.call_tree) == nullptr) move.call_tree = policy.route.call_tree;
  if (opening.variant != nullptr && !is_own) {
    const Labels labels = state.dictionary.labels(opening.variant->labels);
    const Route& route = route_of(state, *opening.episode, incident.id, matching_routes(policy.route, labels));
    move.route = route.path;
    move.key = group_key(route, labels, policy, state.seed);
  }
  if (const Leading leading = leading_alert(state, incident); leading.variant != nullptr && !is_own) {
    const Labels labels = state.dictionary.labels(leading.variant->labels);
    const Route& route = leading_route(state, leading, incident, move.route, matching_routes(policy.route, labels));
    move.call_tree = route.call_tree;
    move.urgency =
        std::max(urgency_at(policy, route, state.last.wall), incident.urgency);  // never falls while it is open
  }
  const CallTree* tree = policy.call_tree(move.call_tree);
  move.starts_anew = move.call_tree != incident.call_tree || move.urgency != incident.urgency;
  if (move.starts_anew) {
    move.step = 0;
  } else if (tree != nullptr && incident.climb.phase == ClimbPhase::climbing) {
    move.step = place_of_step(incident, *tree);
  }
  if (incident.state == IncidentState::acknowledged) {
    move.to = print_place(move.call_tree, incident.climb, move.step) + ", stays acknowledged";
  } else if (move.starts_anew) {
    move.to = fmt::format("call tree {}, step 1", move.call_tree);
  } else {
    move.to = print_place(move.call_tree, incident.climb, move.step);
  }
  return move;
}

bool is_a_change(const Incident& incident, const Move& move) {
  if (ROUSE_MUTANT("reload-restarts-the-step") && incident.climb.running) return true;
  return move.starts_anew || move.step != incident.climb.step || move.route != incident.route ||
         move.key != incident.key;
}

// Before any takes a new key: one may take what another gives up.
void give_up_key(State& state, const Incident& incident, const Move& move) {
  if (!incident.keyed || move.key == incident.key) return;
  const auto keyed = state.incident_by_key.find(incident.key);
  if (keyed != state.incident_by_key.end() && keyed->second == incident.id) state.incident_by_key.erase(keyed);
}

// One that had lost its key to another gets the new one when that is free: a reload that is taken back parts what it
// had brought together.
void take_key(State& state, Incident& incident, Key128 key) {
  incident.key = key;
  const auto [keyed, is_free] = state.incident_by_key.emplace(key, incident.id);
  if (is_free) {
    incident.keyed = true;
    return;
  }
  Incident* holder = find_incident(state, keyed->second);
  incident.keyed = holder == nullptr || !is_open(*holder);
  if (!incident.keyed) return;  // of two that are open the older is joined
  if (holder != nullptr) holder->keyed = false;
  keyed->second = incident.id;
}

void carry_out(Moment& moment, Incident& incident, const Move& move) {
  State& state = moment.state;
  if (move.key != incident.key) take_key(state, incident, move.key);
  incident.route = move.route;
  const bool differs = move.starts_anew;
  incident.call_tree = move.call_tree;
  if (incident.urgency != move.urgency) {
    incident.urgency = move.urgency;
    count_anew(moment, incident);
    on_standing(moment, incident);
  }
  if (!differs) {
    incident.climb.step = move.step;
    if (ROUSE_MUTANT("reload-restarts-the-step") && incident.climb.running) {
      trigger_again(moment, incident, PageReason::step, "", false);
    }
    return;
  }
  because(moment, incident, ReasonKind::reloaded, move.from, move.to);
  if (incident.state == IncidentState::acknowledged) {
    incident.climb.phase = ClimbPhase::idle;  // should it be triggered again, the new tree begins at step 1
    let_acknowledgement_run_out(moment, incident);
    return;
  }
  if (is_held(incident)) {
    incident.climb_due = true;  // it starts when nothing holds it any more
    return;
  }
  start_climb(moment, incident, PageReason::step, "its route gives another call tree since the reload");
}

}  // namespace

std::vector<Move> moves(const State& state, const Policy& policy) {
  std::vector<Move> found;
  for (const auto& [id, incident] : state.incidents) {
    if (!is_open(incident)) continue;
    Move move = move_of(state, incident, policy);
    if (is_a_change(incident, move)) found.push_back(std::move(move));
  }
  return found;
}

namespace {

// Other rules, services and time intervals may keep back other alerts.
void look_at_all(Moment& moment) {
  for (auto& [id, episode] : moment.state.episodes) look(moment, episode);
  for (const auto& [id, incident] : moment.state.incidents) {
    if (is_open(incident)) moment.to_judge.insert(id);
  }
}

}  // namespace

Effects load_policy(State& state, const std::shared_ptr<const Policy>& policy, Stamp now) {
  const std::shared_ptr<const Policy> before = state.policy;
  state.policy = policy;
  state.roster.reset();
  const std::uint64_t identity = identity_of(policy->identity);
  Moment moment{.state = state, .policy = *policy, .now = now};
  state.links.ready = false;
  make_links(moment);
  if (before != nullptr) {
    if (identity != state.identity) rekey_episodes(state, *policy);
    const std::vector<Move> found = moves(state, *policy);
    for (const Move& move : found) {
      if (const Incident* incident = find_incident(state, move.incident)) give_up_key(state, *incident, move);
    }
    for (const Move& move : found) {
      if (Incident* incident = find_incident(state, move.incident)) carry_out(moment, *incident, move);
    }
    // Another budget may let a queue go sooner.
    for (const auto& [address, queue] : state.contacts) {
      if (!queue.pages.empty() || !queue.notices.empty()) state.touched.insert(address);
    }
  }
  state.identity = identity;
  if (before != nullptr) look_at_all(moment);
  await_heartbeats(moment);
  turn_calendar(moment);
  return finish(moment);
}

}  // namespace rules
