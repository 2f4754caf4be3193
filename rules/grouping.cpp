#include "rules/grouping.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/climb.hpp"
#include "rules/desk.hpp"
#include "rules/duration.hpp"
#include "rules/flapping.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hold/storm.hpp"
#include "rules/hours.hpp"
#include "rules/mutant.hpp"
#include "rules/publish.hpp"
#include "rules/reply.hpp"
#include "rules/told_time.hpp"
#include "rules/view.hpp"

namespace rules {
namespace {

// A ULID: 48 bits of the opening's milliseconds, 80 bits that no other incident of any store has.
std::string make_uid(const State& state, IncidentId id, Instant opened) {
  std::array<std::uint8_t, 24> seed{};
  std::copy(state.store.begin(), state.store.end(), seed.begin());
  for (std::size_t index = 0; index < 8; ++index) seed[16 + index] = static_cast<std::uint8_t>(id.value >> (8 * index));
  const XXH128_hash_t hash = XXH3_128bits_withSeed(seed.data(), seed.size(), 0x554c4944);
  const auto milliseconds = static_cast<std::uint64_t>(opened.time_since_epoch().count());
  constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string text(26, '0');
  for (std::size_t index = 0; index < 10; ++index) text[9 - index] = alphabet[(milliseconds >> (5 * index)) & 31U];
  for (std::size_t index = 0; index < 8; ++index) text[25 - index] = alphabet[(hash.low64 >> (5 * index)) & 31U];
  for (std::size_t index = 0; index < 8; ++index) text[17 - index] = alphabet[(hash.high64 >> (5 * index)) & 31U];
  return text;
}

std::string summary_of(const Labels& labels, const Labels& annotations) {
  constexpr std::size_t longest = 300;
  std::string text{labels.find("alertname")};
  if (text.empty()) text = "unnamed";
  std::string_view more = annotations.find("summary");
  if (more.empty()) more = annotations.find("description");
  if (!more.empty()) {
    text += ": ";
    text += beginning_of(more, longest);
    if (more.size() > longest) text += "...";
  }
  return text;
}

std::string describe(const Route& route, Urgency urgency) {
  return fmt::format("call tree {}, urgency {}", route.call_tree, to_text(urgency));
}

// The route with a fixed urgency, at least this one.
Route at_least(const Moment& moment, const Route& route, Urgency urgency) {
  Route taken = route;
  taken.urgency = std::max(urgency_at(moment.policy, route, moment.now.wall), urgency);
  taken.active.clear();
  taken.group_wait = Duration::zero();
  return taken;
}

// How many incidents a source has open, for its cap: the source is the one that reported the first alert.
void count_open(Moment& moment, const Incident& incident, bool opens) {
  if (incident.sources.empty()) return;
  const auto source = moment.state.sources.find(incident.sources.front());
  if (source == moment.state.sources.end()) return;
  if (opens) {
    ++source->second.open_incidents;
  } else if (source->second.open_incidents > 0) {
    --source->second.open_incidents;
  }
}

// Opens or reopens: the climb begins now, or after group_wait.
void begin(Moment& moment,
           Incident& incident,
           Episode& episode,
           const Route& route,
           PageReason reason,
           std::string because_text) {
  incident.began_at = moment.at();
  incident.early_turns.clear();
  incident.waived = false;
  incident.anybody_called = false;
  incident.late_acknowledgement = false;
  incident.limit_reached = false;
  incident.told_holds.clear();
  look(moment, episode);
  if (incident.firing > 1) {
    // It comes back, and others of it have fired all along: they wait from now on, too.
    const std::vector<EpisodeId> alerts = incident.episodes;
    for (const EpisodeId id : alerts) {
      const auto other = moment.state.episodes.find(id);
      if (id != episode.id && other != moment.state.episodes.end() && other->second.open) look(moment, other->second);
    }
  }
  on_standing(moment, incident);
  const Duration wait = route.group_wait;
  if (wait > Duration::zero() && incident.urgency != Urgency::none) {
    incident.wait_until = moment.at() + wait;
    incident.group_wait =
        moment.state.deadlines.arm(*incident.wait_until, DeadlineKind::group_wait, incident.id.value, 0);
    because(moment, incident, ReasonKind::held, "group_wait", fmt::format("for {}", print_duration(wait)));
    moment.ask(Held{.incident = incident.id, .because = fmt::format("group_wait {}", print_duration(wait))});
  }
  begin_climb(moment, incident, reason, std::move(because_text));
}

void reopen(Moment& moment, Incident& incident, Episode& episode, const Route& route, const std::string& what) {
  const std::string holder = incident.by;
  const bool by_hand = incident.by_hand;
  const Duration away = moment.at() - incident.resolved_at;
  const bool was_acknowledged = ROUSE_MUTANT("reopened-stays-acknowledged") && incident.ever_acknowledged;
  incident.state = was_acknowledged ? IncidentState::acknowledged : IncidentState::triggered;
  incident.triggered_at = moment.at();
  incident.by.clear();
  incident.by_hand = false;
  incident.unheard = false;
  incident.snoozed = false;
  keep_numbers(moment, incident);
  for (const Paged& paged : incident.paged) {
    const bool is_known =
        std::find(incident.numbered.begin(), incident.numbered.end(), paged.person) != incident.numbered.end();
    if (!is_known) incident.numbered.push_back(paged.person);
  }
  incident.paged.clear();
  if (const Urgency urgency = urgency_at(moment.policy, route, moment.now.wall); urgency != incident.urgency) {
    incident.urgency = urgency;
    count_anew(moment, incident);
  }
  incident.call_tree = route.call_tree;
  count_open(moment, incident, true);
  ++moment.state.counters.incidents_reopened;
  std::string text =
      fmt::format("came back at {} after {}", tell_time(utc(), moment.now.wall, moment.now.wall), tell_length(away));
  if (!holder.empty()) text += fmt::format("; {} {} it", holder, by_hand ? "had resolved" : "had");
  because(moment, incident, ReasonKind::reopened, what, text);
  incident.climb = Climb{.last_call = incident.climb.last_call, .entry = incident.climb.entry};
  begin(moment, incident, episode, route, PageReason::reopened, text);
}

Incident& open_incident(Moment& moment, const Route& route, const Labels& labels, Key128 key) {
  State& state = moment.state;
  const IncidentId id{++state.last_incident};
  Incident& incident = state.incidents[id];
  incident.id = id;
  incident.uid = make_uid(state, id, moment.now.wall);
  incident.key = key;
  incident.keyed = true;
  incident.route = route.path;
  incident.call_tree = route.call_tree;
  incident.urgency = urgency_at(moment.policy, route, moment.now.wall);
  incident.service = labels.find(moment.policy.service_label);
  incident.opened_at = moment.at();
  incident.triggered_at = moment.at();
  state.incident_by_key[key] = id;
  ++state.counters.incidents_opened;
  std::string group;
  if (route.group_by_all) {
    group = "every label";
  } else {
    bool lacks_one = false;
    for (const std::string& name : route.group_by) {
      const std::string_view value = labels.find(name);
      lacks_one = lacks_one || value.empty();
      if (!group.empty()) group += ", ";
      group += fmt::format("{}={}", name, beginning_of(value, 80));
    }
    if (lacks_one) ++state.counters.missing_group_label;
  }
  because(moment, incident, ReasonKind::opened, route.path, group);
  because(moment, incident, ReasonKind::routed, route.path, describe(route, incident.urgency));
  return incident;
}

// What its pages say beside the summary: text of the first alert, cut.
void describe_incident(
    const Moment& moment, Incident& incident, const Route& route, const Labels& labels, const Labels& annotations) {
  constexpr std::size_t description_bytes = 400;
  constexpr std::size_t link_bytes = 500;
  constexpr std::size_t where_bytes = 200;
  incident.description = beginning_of(annotations.find("description"), description_bytes);
  const std::string_view link = annotations.find("runbook_url");
  if (link.size() <= link_bytes) incident.runbook = link;
  if (incident.runbook.empty()) {
    if (const Service* service = moment.policy.service(incident.service)) {
      for (const auto& [name, value] : service->contract)
        if (name == "documentation" && value.size() <= link_bytes) incident.runbook = value;
    }
  }
  if (route.group_by_all) return;
  for (const std::string& name : route.group_by) {
    if (name == "alertname" || name == moment.policy.service_label) continue;
    const std::string_view value = labels.find(name);
    if (value.empty() || incident.where.size() >= where_bytes) continue;
    incident.where += fmt::format("{}{}={}", incident.where.empty() ? "" : ", ", name, beginning_of(value, 80));
  }
}

// Why an acknowledgement no longer covers what is there; empty = it does. Its age counts when something has just joined
// or risen.
std::string outgrown(const Moment& moment, const Incident& incident, bool has_news) {
  const bool has_risen = incident.severity > incident.severity_at_acknowledgement;
  if (has_risen && !ROUSE_MUTANT("rise-stays-acknowledged")) return "the severity is above what was acknowledged";
  if (incident.firing > 2 * incident.firing_at_acknowledgement) {
    return fmt::format(
        "{} alerts fire, more than twice the {} acknowledged", incident.firing, incident.firing_at_acknowledgement);
  }
  if (has_news && !incident.snoozed && moment.at() - incident.acknowledged_at > acknowledgement_is_old) {
    return "the acknowledgement is older than 1h";
  }
  return "";
}

// An alert joined, or rose in, an acknowledged incident; or a hold ended during which that may have happened.
void judge_acknowledgement(Moment& moment, Incident& incident, bool from_step_1, bool has_news = true) {
  if (is_held(incident)) return;  // it stays acknowledged through the hold and is judged at its end
  const std::string why = outgrown(moment, incident, has_news);
  if (why.empty()) return;
  const std::string holder = incident.by;
  because(moment, incident, ReasonKind::acknowledgement_outgrown, holder, why);
  const bool rose = incident.severity > incident.severity_at_acknowledgement;
  trigger_again(moment, incident, rose ? PageReason::severity_rise : PageReason::ack_timeout, holder, from_step_1);
}

// The episode belongs to the incident no longer; nobody else's are forgotten.
void take_from(State& state, EpisodeId id, IncidentId incident) {
  const auto episode = state.episodes.find(id);
  if (episode == state.episodes.end()) return;
  IncidentIds& its = episode->second.incidents;
  its.erase(std::remove(its.begin(), its.end(), incident), its.end());
  if (!its.empty()) return;
  for (const Variant& variant : episode->second.variants) {
    state.dictionary.release(variant.labels);
    state.dictionary.release(variant.source);
  }
  state.episodes.erase(episode);
}

// What comes back for months must not grow for months: the oldest that ended go, a tenth at a time. The first stays,
// since the incident's key and route are its.
void forget_oldest_ended(Moment& moment, Incident& incident) {
  if (incident.episodes.size() <= incident.firing + max_ended_kept) return;
  std::size_t left = max_ended_kept / 10;
  const auto is_forgotten = [&](EpisodeId id) {
    const auto episode = moment.state.episodes.find(id);
    if (left == 0 || (episode != moment.state.episodes.end() && episode->second.open)) return false;
    --left;
    ++incident.forgotten;
    take_from(moment.state, id, incident.id);
    return true;
  };
  incident.episodes.erase(std::remove_if(incident.episodes.begin() + 1, incident.episodes.end(), is_forgotten),
                          incident.episodes.end());
}

void add_to(Moment& moment, Incident& incident, Episode& episode) {
  forget_oldest_ended(moment, incident);
  incident.episodes.push_back(episode.id);
  episode.incidents.push_back(incident.id);
  ++incident.firing;
  count_in(incident, episode);
}

void forget_incident(Moment& moment, IncidentId id) {
  State& state = moment.state;
  const auto found = state.incidents.find(id);
  if (found == state.incidents.end()) return;
  Incident& incident = found->second;
  for (const EpisodeId episode_id : incident.episodes) take_from(state, episode_id, id);
  if (incident.keyed) {
    const auto keyed = state.incident_by_key.find(incident.key);
    if (keyed != state.incident_by_key.end() && keyed->second == id) state.incident_by_key.erase(keyed);
  }
  state.incidents.erase(found);
}

// What stays of an incident that is long over: that it was, who was called and what they did, and its first alert.
// False when there is more to drop than one event should.
bool cut_down(Moment& moment, Incident& incident) {
  constexpr std::size_t most = 2'000;
  const State& state = moment.state;
  const std::size_t after_first = incident.episodes.size() - 1;
  const auto first = incident.episodes.begin() + 1;
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(most, after_first));
  // An alert that flaps keeps an incident open that comes back, also when it has just ended.
  const auto is_forgotten = [&](EpisodeId id) {
    const auto episode = state.episodes.find(id);
    const bool stays =
        episode != state.episodes.end() && (episode->second.open || flapping_episode(state, episode->second.key) == id);
    if (stays) return false;
    ++incident.forgotten;
    take_from(moment.state, id, incident.id);
    return true;
  };
  incident.episodes.erase(std::remove_if(first, last, is_forgotten), last);
  if (after_first > most) return false;
  if (incident.episodes.size() - 1 == after_first) return true;
  incident.episodes.shrink_to_fit();
  incident.timeline.keep([](ReasonKind kind) {
    return kind != ReasonKind::alert_joined && kind != ReasonKind::alert_ended && kind != ReasonKind::alert_expired;
  });
  return true;
}

// A storm leaves thousands of alerts that ended: those of what was resolved last are what people still ask about. The
// first alert of each incident is not counted, since it stays.
void cut_down_oldest(Moment& moment) {
  State& state = moment.state;
  constexpr std::size_t most_looks = 8;  // enough to keep up
  for (std::size_t looks = 0; looks < most_looks && !state.detailed.empty(); ++looks) {
    const std::size_t ended = state.episodes.size() - state.open_episodes.size();
    const bool are_many = ended > max_ended_in_all + state.incidents.size();
    if (!are_many && state.detailed.size() <= max_resolved_kept) return;
    Incident* incident = find_incident(state, state.detailed.front());
    // What was reopened, or fires on though somebody resolved it, stands here again when it is over.
    const bool is_over = incident != nullptr && !is_open(*incident) && incident->firing == 0;
    if (is_over && incident->resolved_at == moment.at()) return;  // still in use
    if (is_over && !cut_down(moment, *incident)) return;
    state.detailed.pop_front();
  }
}

// Resolved incidents stay for readers, up to a bound; one whose alerts still fire is never forgotten.
void forget_oldest_resolved(Moment& moment) {
  State& state = moment.state;
  // A few looks for each that is added: enough to keep up, and ten thousand that may all reopen cost no more. What has
  // been resolved at this instant stays: it is still in use, and may stand further ahead from an earlier time.
  constexpr std::size_t most_looks = 8;
  std::size_t looks = std::min(most_looks, state.resolved.size() - 1);
  while (state.resolved.size() > max_resolved_kept && looks-- > 0) {
    const IncidentId id = state.resolved.front();
    state.resolved.pop_front();
    const Incident* incident = find_incident(state, id);
    if (incident == nullptr || is_open(*incident)) continue;
    const bool may_reopen =
        incident->firing > 0 || moment.at() <= incident->resolved_at + moment.policy.correlation.reopen_within;
    if (may_reopen) {
      state.resolved.push_back(id);
    } else {
      forget_incident(moment, id);
    }
  }
}

void note_sources(Moment& moment, Incident& incident, const Episode& episode) {
  for (const Variant& variant : episode.variants) {
    note_source(moment, incident, moment.state.dictionary.text(variant.source));
  }
}

// One route that matches gives the episode one incident, opened, joined or reopened.
void place_on(Moment& moment, Episode& episode, const Variant& variant, const Labels& labels, const Route& route) {
  State& state = moment.state;
  const Key128 key = group_key(route, labels, moment.policy, state.seed);
  const auto keyed = state.incident_by_key.find(key);
  Incident* incident = keyed == state.incident_by_key.end() ? nullptr : find_incident(state, keyed->second);
  const bool joins =
      incident != nullptr &&
      (is_open(*incident) || moment.at() < incident->resolved_at + moment.policy.correlation.reopen_within);
  if (!joins) {
    std::optional<Instant> last_time;
    if (incident != nullptr) {
      incident->keyed = false;
      last_time = incident->began_at;
    }
    Incident& opened = open_incident(moment, route, labels, key);
    opened.last_time = last_time;
    describe_incident(moment, opened, route, labels, variant.annotations);
    opened.sources.emplace_back(state.dictionary.text(variant.source));
    count_open(moment, opened, true);
    add_to(moment, opened, episode);
    opened.severity = variant.severity;
    opened.severity_text = labels.find(moment.policy.severity.label);
    opened.summary = summary_of(labels, variant.annotations);
    begin(moment, opened, episode, route, PageReason::first, "");
    note_sources(moment, opened, episode);
    return;
  }
  if (std::find(episode.incidents.begin(), episode.incidents.end(), incident->id) != episode.incidents.end()) {
    return;  // two routes of one path and group
  }
  if (!is_open(*incident)) {
    add_to(moment, *incident, episode);
    // What was resolved by hand may still fire, and be worse than what brings it back.
    if (variant.severity > incident->severity || incident->firing == 1) {
      incident->severity = variant.severity;
      incident->severity_text = labels.find(moment.policy.severity.label);
    }
    if (incident->firing > 1) refresh_facts(moment, *incident);
    reopen(moment, *incident, episode, route, in_short(labels));
    note_sources(moment, *incident, episode);
    return;
  }
  add_to(moment, *incident, episode);
  because(moment, *incident, ReasonKind::alert_joined, labels.find("alertname"), in_short(labels));
  note_sources(moment, *incident, episode);
  // Only this alert is new: a walk over a thousand others would say the same.
  if (variant.severity > incident->severity || incident->firing == 1) {
    incident->severity = variant.severity;
    incident->severity_text = labels.find(moment.policy.severity.label);
  }
  judge_later(moment, *incident);
  look(moment, episode);
  if (incident->state != IncidentState::acknowledged) return;
  // What flaps begins again and again: that alone calls nobody.
  const bool says_nothing_new =
      is_flapping(state, episode.key) && incident->severity <= incident->severity_at_acknowledgement;
  if (!says_nothing_new) judge_acknowledgement(moment, *incident, false);
}

struct Routed {
  std::vector<std::pair<IncidentId, const Route*>> incidents;  // which route each incident of the episode has now
  std::vector<const Route*> others;                            // those that no incident of it has
};

// An incident keeps the route of its own path while that matches. One whose path no longer does takes a route that no
// other incident of the episode has, the most urgent when there are more of them.
Routed route_again(const State& state, const Episode& episode, const std::vector<const Route*>& routes) {
  Routed routed;
  routed.others = routes;
  std::vector<IncidentId> without;
  for (const IncidentId id : episode.incidents) {
    const Incident* incident = find_incident(state, id);
    if (incident == nullptr) continue;
    const auto own = std::find_if(
        routed.others.begin(), routed.others.end(), [&](const Route* route) { return route->path == incident->route; });
    if (own == routed.others.end()) {
      without.push_back(id);
      continue;
    }
    routed.incidents.emplace_back(id, *own);
    routed.others.erase(own);
  }
  const auto is_more_urgent = [](const Route* left, const Route* right) { return left->urgency > right->urgency; };
  if (without.size() < routed.others.size()) {
    std::stable_sort(routed.others.begin(), routed.others.end(), is_more_urgent);
  }
  for (const IncidentId id : without) {
    if (routed.others.empty()) {
      routed.incidents.emplace_back(id, *std::min_element(routes.begin(), routes.end(), is_more_urgent));
    } else {
      routed.incidents.emplace_back(id, routed.others.front());
      routed.others.erase(routed.others.begin());
    }
  }
  return routed;
}

const Variant& highest_variant(const Episode& episode) {
  const Variant* highest = &episode.variants.front();
  for (const Variant& variant : episode.variants) {
    if (!variant.firing) continue;
    if (!highest->firing || variant.severity > highest->severity) highest = &variant;
  }
  return *highest;
}

}  // namespace

Key128 group_key(const Route& route, const Labels& labels, const Policy& policy, std::uint64_t seed) {
  std::string text = route.path;
  const auto add = [&text](std::string_view name, std::string_view value) {
    text += '\xFF';
    text += name;
    text += '\xFE';
    text += value;
  };
  if (route.group_by_all) {
    const std::vector<std::string>& ignored = policy.identity.ignore_labels;
    for (std::size_t index = 0; index < labels.size(); ++index) {
      const LabelView label = labels[index];
      if (std::find(ignored.begin(), ignored.end(), label.name) == ignored.end()) add(label.name, label.value);
    }
  } else {
    for (const std::string& name : route.group_by) add(name, labels.find(name));
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed);
  return Key128{.high = hash.high64, .low = hash.low64};
}

void note_source(Moment& moment, Incident& incident, std::string_view source) {
  if (incident.sources.size() >= max_sources_named) return;
  if (std::find(incident.sources.begin(), incident.sources.end(), source) != incident.sources.end()) return;
  incident.sources.emplace_back(source);
  because(moment, incident, ReasonKind::also_reported, source, "");
}

std::uint8_t severity_of(const Episode& episode) {
  std::uint8_t highest = 0;
  for (const Variant& variant : episode.variants) {
    if (variant.firing) highest = std::max(highest, variant.severity);
  }
  return highest;
}

void refresh_facts(Moment& moment, Incident& incident) {
  const State& state = moment.state;
  const Variant* leading = nullptr;
  for (const EpisodeId id : incident.episodes) {
    const auto episode = state.episodes.find(id);
    if (episode == state.episodes.end()) continue;
    for (const Variant& variant : episode->second.variants) {
      if (!variant.firing) continue;
      if (leading == nullptr || variant.severity > leading->severity) leading = &variant;
    }
    if (leading != nullptr && leading->severity >= incident.severity) break;  // none that fires can be above it
  }
  if (leading == nullptr) return;  // it keeps what fired last
  incident.severity = leading->severity;
  incident.severity_text = state.dictionary.find(leading->labels, moment.policy.severity.label);
  moment.changed.insert(incident.id);
}

void place_episode(Moment& moment, Episode& episode, const Labels& labels) {
  for (const Route* route : matching_routes(moment.policy.route, labels)) {
    place_on(moment, episode, episode.variants.front(), labels, *route);
  }
}

void place_on_route(Moment& moment, Episode& episode, const Labels& labels, const Route& route) {
  place_on(moment, episode, episode.variants.front(), labels, route);
}

void raise_urgency(Moment& moment, Incident& incident, Urgency urgency, const std::string& why) {
  incident.urgency = urgency;
  count_anew(moment, incident);
  on_standing(moment, incident);
  if (incident.state == IncidentState::acknowledged) {
    let_acknowledgement_run_out(moment, incident);
    return;
  }
  begin_climb(moment, incident, PageReason::hold_end, why);
}

void on_hold_end_acknowledged(Moment& moment, Incident& incident) {
  judge_acknowledgement(moment, incident, true, false);
}

const Route& route_of(const State& state,
                      const Episode& episode,
                      IncidentId id,
                      const std::vector<const Route*>& routes) {
  for (const auto& [incident, route] : route_again(state, episode, routes).incidents) {
    if (incident == id) return *route;
  }
  return *routes.front();
}

void on_severity_rise(Moment& moment, Episode& episode, const Variant& variant, const Labels& labels) {
  const Routed routed = route_again(moment.state, episode, matching_routes(moment.policy.route, labels));
  for (const IncidentId id : IncidentIds{episode.incidents}) {
    Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr) continue;
    const auto own = std::find_if(
        routed.incidents.begin(), routed.incidents.end(), [id](const auto& pair) { return pair.first == id; });
    if (own == routed.incidents.end()) continue;
    const Route& route = *own->second;
    const std::string from = incident->severity_text;
    const std::uint8_t severity_before = incident->severity;
    if (variant.severity >= incident->severity) {
      incident->severity = variant.severity;
      incident->severity_text = labels.find(moment.policy.severity.label);
    }
    because(moment,
            *incident,
            ReasonKind::alert_rose,
            labels.find("alertname"),
            fmt::format("{} -> {}", from, labels.find(moment.policy.severity.label)));
    const Urgency urgency = urgency_at(moment.policy, route, moment.now.wall);
    const bool urgency_rises = urgency > incident->urgency;
    const bool tree_differs = route.call_tree != incident->call_tree;
    if (urgency_rises || tree_differs) {
      because(moment, *incident, ReasonKind::routed, route.path, describe(route, urgency));
    }
    if (!is_open(*incident)) {
      // Resolved by hand while it fired: a higher severity brings it back at once.
      reopen(moment, *incident, episode, at_least(moment, route, incident->urgency), in_short(labels));
      continue;
    }
    if (tree_differs) incident->call_tree = route.call_tree;
    if (urgency_rises) {
      incident->urgency = urgency;
      count_anew(moment, *incident);
      on_standing(moment, *incident);
    }
    if (severity_before < incident->severity) leave_storm(moment, *incident);
    if (incident->state == IncidentState::acknowledged) {
      judge_acknowledgement(moment, *incident, urgency_rises || tree_differs);
      if (urgency_rises || tree_differs) let_acknowledgement_run_out(moment, *incident);
      continue;
    }
    const std::string why = severity_before < incident->severity
                                ? fmt::format("severity rose from {} to {}", from, incident->severity_text)
                                : "an alert's severity rose";
    const bool was_held = is_held(*incident);
    if (was_held && (urgency_rises || tree_differs)) incident->climb_due = true;  // though it was told once before
    const PageReason reason_before = incident->climb_reason;
    const std::string because_before = incident->climb_because;
    if (was_held && !incident->wait_until) {
      // Risen, it may be held no longer; then this is why people are called.
      incident->climb_reason = PageReason::severity_rise;
      incident->climb_because = why;
    }
    if (was_held) judge(moment, *incident);
    if (is_held(*incident) && incident->climb_reason == PageReason::severity_rise) {
      incident->climb_reason = reason_before;
      incident->climb_because = because_before;
    }
    if (was_held || is_held(*incident)) continue;  // it starts, so raised, when nothing holds it
    if ((urgency_rises || tree_differs) && incident->urgency != Urgency::none) {
      start_climb(moment, *incident, PageReason::severity_rise, why);
    }
  }
  // At this severity it matches a route that it did not match before.
  for (const Route* route : routed.others) place_on(moment, episode, variant, labels, *route);
}

void on_episode_end(Moment& moment, Episode& episode, const std::string& who_said_so) {
  const IncidentIds incidents = episode.incidents;
  for (const IncidentId id : incidents) {
    Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr) continue;
    if (incident->firing > 0) --incident->firing;
    judge_later(moment, *incident);
    count_out(*incident, episode);
    because(moment,
            *incident,
            ReasonKind::alert_ended,
            in_short(moment.state.dictionary, episode.variants.front().labels),
            who_said_so);
    if (!is_open(*incident)) {
      if (incident->firing == 0) moment.state.detailed.push_back(id);
      continue;
    }
    if (incident->firing == 0) {
      if (!is_flapping(moment.state, *incident)) close_incident(moment, *incident, false, "");
    } else {
      moment.stale_facts.insert(id);
    }
  }
}

void on_watched_refresh(Moment& moment, Episode& episode, const Route* own) {
  bool still_watched = false;
  const IncidentIds incidents = episode.incidents;
  for (const IncidentId id : incidents) {
    Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr || is_open(*incident) || !incident->by_hand) continue;
    if (moment.at() < incident->resolved_at + hand_resolve_rests) {
      still_watched = true;
      continue;
    }
    const Labels labels = moment.state.dictionary.labels(highest_variant(episode).labels);
    const Route& route =
        own != nullptr ? *own : route_of(moment.state, episode, id, matching_routes(moment.policy.route, labels));
    refresh_facts(moment, *incident);
    reopen(moment,
           *incident,
           episode,
           at_least(moment, route, incident->urgency),
           "it still fires an hour after it was resolved by hand");
  }
  episode.watched = still_watched;
}

void disarm_acknowledgement(Moment& moment, Incident& incident) {
  moment.state.deadlines.disarm(incident.acknowledgement);
  incident.acknowledgement = DeadlineId{};
}

void let_acknowledgement_run_out(Moment& moment, Incident& incident) {
  if (incident.state != IncidentState::acknowledged || incident.urgency != Urgency::high) return;
  if (incident.late_acknowledgement || moment.state.deadlines.find(incident.acknowledgement)) return;
  const CallTree* tree = moment.policy.call_tree(incident.call_tree);
  if (tree == nullptr || tree->ack_timeout <= Duration::zero()) return;
  incident.acknowledgement_until = moment.at() + tree->ack_timeout;
  incident.acknowledgement = moment.state.deadlines.arm(
      incident.acknowledgement_until, DeadlineKind::acknowledge_timeout, incident.id.value, 0);
}

void close_incident(Moment& moment, Incident& incident, bool by_hand, const std::string& by) {
  State& state = moment.state;
  because(moment,
          incident,
          by_hand ? ReasonKind::resolved_by_hand : ReasonKind::ended,
          by,
          by_hand ? fmt::format("{} alerts still fire", incident.firing) : "the last alert ended");
  incident.state = IncidentState::resolved;
  incident.resolved_at = moment.at();
  incident.by_hand = by_hand;
  incident.unheard = false;
  incident.snoozed = false;
  if (by_hand) incident.by = by;
  disarm_acknowledgement(moment, incident);
  state.deadlines.disarm(incident.group_wait);
  incident.group_wait = DeadlineId{};
  incident.wait_until.reset();
  incident.told_holds.clear();
  incident.climb_due = false;
  incident.late_acknowledgement = false;
  count_open(moment, incident, false);
  stop_climb(moment, incident, by_hand ? fmt::format("resolved by {}", by) : "it ended");
  tell_paged(moment, incident, NoticeKind::ended, by);
  publish_end(moment, incident, by);
  release_numbers(moment, incident);
  moment.ask(Measured{Measure::time_to_resolve, moment.at() - incident.opened_at});
  if (by_hand) {
    for (const EpisodeId id : incident.episodes) {
      const auto episode = state.episodes.find(id);
      if (episode != state.episodes.end() && episode->second.open) episode->second.watched = true;
    }
  }
  leave_storm(moment, incident);
  on_storm_resolved(moment, incident);
  on_standing(moment, incident);
  state.resolved.push_back(incident.id);
  state.detailed.push_back(incident.id);
  cut_down_oldest(moment);
  forget_oldest_resolved(moment);
}

void on_group_wait_over(Moment& moment, IncidentId id) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr) return;
  incident->group_wait = DeadlineId{};
  incident->wait_until.reset();
  judge(moment, *incident);
}

}  // namespace rules
