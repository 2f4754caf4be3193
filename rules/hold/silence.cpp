#include "rules/hold/silence.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/calendar.hpp"
#include "rules/hours.hpp"
#include "rules/mutant.hpp"

namespace rules {
namespace {

void answer(Moment& moment, VerdictCode code, std::string text) {
  if (code != VerdictCode::done) ++moment.state.counters.verbs_refused;
  moment.ask(Verdict{.code = code, .incident = {}, .text = std::move(text)});
}

// Looks like a UUID, as Alertmanager's do; no other store gives the same.
std::string make_id(State& state) {
  std::array<std::uint8_t, 24> seed{};
  std::copy(state.store.begin(), state.store.end(), seed.begin());
  const std::uint64_t number = ++state.last_silence;
  for (std::size_t index = 0; index < 8; ++index) seed[16 + index] = static_cast<std::uint8_t>(number >> (8 * index));
  const XXH128_hash_t hash = XXH3_128bits_withSeed(seed.data(), seed.size(), 0x53494c);
  const std::uint64_t high = (hash.high64 & ~0xF000ULL) | 0x8000ULL;
  const std::uint64_t low = (hash.low64 & ~(3ULL << 62U)) | (2ULL << 62U);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                     high >> 32U,
                     (high >> 16U) & 0xFFFFU,
                     high & 0xFFFFU,
                     low >> 48U,
                     low & 0xFFFFFFFFFFFFULL);
}

bool stored_match(const State& state, const std::vector<Matcher>& matchers, const StoredLabels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
    return matcher.matches_value(state.dictionary.find(labels, matcher.name()));
  });
}

bool holds_all_variants(const State& state, const std::vector<Matcher>& matchers, const Episode& episode) {
  return std::all_of(episode.variants.begin(), episode.variants.end(), [&](const Variant& variant) {
    return !variant.firing || stored_match(state, matchers, variant.labels);
  });
}

void look_at_matching(Moment& moment, const Silence& silence) {
  for (auto& [id, episode] : moment.state.episodes) {
    if (episode.open && holds_all_variants(moment.state, silence.matchers, episode)) look(moment, episode);
  }
}

void look_at_silenced(Moment& moment, const std::string& id) {
  const auto silenced = moment.state.links.silenced.find(id);
  if (silenced == moment.state.links.silenced.end()) return;
  for (const EpisodeId alert : silenced->second.in_order()) {
    const auto episode = moment.state.episodes.find(alert);
    if (episode != moment.state.episodes.end()) look(moment, episode->second);
  }
}

void activate(Moment& moment, const std::string& id, Silence& silence) {
  silence.active = true;
  moment.state.links.silences.add(silence.matchers, &id);
  look_at_matching(moment, silence);
}

void deactivate(Moment& moment, const std::string& id, Silence& silence) {
  silence.active = false;
  moment.state.links.silences.remove(silence.matchers, &id);
  look_at_silenced(moment, id);
}

bool is_due(const Silence& silence, Instant wall) {
  return silence.from <= wall && wall < silence.to;
}

// What is wrong with it; "" = nothing.
std::string problem_of(const Moment& moment, const SilenceSet& verb) {
  if (verb.by.empty()) return "a silence needs an author: say who you are";
  if (verb.matchers.empty()) return "a silence needs a matcher";
  const bool hides_everything =
      std::all_of(verb.matchers.begin(), verb.matchers.end(), [](const Matcher& one) { return one.matches_value(""); });
  if (hides_everything) return "a silence needs a matcher that does not match the empty string";
  if (verb.to <= verb.from) return "a silence ends after it starts";
  if (verb.to <= moment.now.wall) return "the end of this silence has passed";
  if (verb.to - std::max(verb.from, moment.now.wall) > longest_silence) return "a silence lasts at most 30d";
  return "";
}

std::string recurring_id(const Service& service) {
  return "maintenance:" + service.id;
}

// Maintenance by the time intervals of the configuration.
void turn_recurring(Moment& moment) {
  State& state = moment.state;
  for (const Service& service : moment.policy.services) {
    if (service.maintenance.empty() || ROUSE_MUTANT("maintenance-never-comes")) continue;
    const auto current =
        std::find_if(service.maintenance.begin(), service.maintenance.end(), [&](const std::string& interval) {
          return is_within(moment.policy, interval, moment.now.wall);
        });
    const auto known = state.silences.find(recurring_id(service));
    if (current == service.maintenance.end()) {
      if (known != state.silences.end()) known->second.to = std::min(known->second.to, moment.now.wall);
      continue;
    }
    const std::optional<Instant> ends = next_edge_after(moment.policy, *current, moment.now.wall);
    const Instant to = ends.value_or(moment.now.wall + longest_silence);
    if (known != state.silences.end() && known->second.active) {
      // It goes on, also when the clock was set back to before it was first seen.
      known->second.from = std::min(known->second.from, moment.now.wall);
      known->second.to = to;
      continue;
    }
    Silence silence;
    silence.id = recurring_id(service);
    silence.kind = SilenceKind::maintenance;
    tl::expected<Matcher, std::string> matcher =
        Matcher::make(moment.policy.service_label, MatchOperator::equal, service.id);
    if (!matcher) continue;
    silence.matchers.push_back(*std::move(matcher));
    silence.from = moment.now.wall;
    silence.to = to;
    silence.by = "the configuration";
    silence.comment = *current;
    silence.updated_at = moment.now.wall;
    silence.recurring = true;
    state.silences[silence.id] = std::move(silence);
  }
  // Services that are gone, or have maintenance no longer.
  for (auto& [id, silence] : state.silences) {
    if (!silence.recurring || silence.to <= moment.now.wall) continue;
    const bool is_configured =
        std::any_of(moment.policy.services.begin(), moment.policy.services.end(), [&id](const Service& service) {
          return !service.maintenance.empty() && recurring_id(service) == id;
        });
    if (!is_configured) silence.to = moment.now.wall;
  }
}

}  // namespace

void find_silences(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found) {
  const State& state = moment.state;
  state.links.silences.for_each_match(alert.variants.front(), [&](const std::string* id) {
    const auto silence = state.silences.find(*id);
    if (silence == state.silences.end()) return;
    const bool all = std::all_of(alert.variants.begin() + 1, alert.variants.end(), [&](const Labels& labels) {
      return all_match(silence->second.matchers, labels);
    });
    if (!all) return;
    const HoldKind kind = silence->second.kind == SilenceKind::maintenance ? HoldKind::maintenance : HoldKind::silence;
    found.push_back(AlertHold{
        .name = HoldName{.kind = kind, .rule = *id, .by = {}}, .covers = Urgency::high, .until = std::nullopt});
  });
}

void on_silence_set(Moment& moment, const SilenceSet& verb) {
  State& state = moment.state;
  if (std::string problem = problem_of(moment, verb); !problem.empty()) {
    answer(moment, VerdictCode::refused, std::move(problem));
    return;
  }
  std::string id = verb.id;
  if (!id.empty()) {
    const auto known = state.silences.find(id);
    if (known == state.silences.end()) {
      answer(moment, VerdictCode::refused, fmt::format("there is no silence {}", id));
      return;
    }
    if (known->second.recurring) {
      answer(moment, VerdictCode::refused, "this maintenance is the configuration's: change it there");
      return;
    }
    const bool is_over = known->second.to <= moment.now.wall;
    if (known->second.active) deactivate(moment, known->first, known->second);
    if (is_over) id.clear();  // an ended one stays as it was: the change is a new one
  }
  if (id.empty()) id = make_id(state);
  const auto [place, is_new] = state.silences.try_emplace(id);
  Silence& silence = place->second;
  silence.id = id;
  silence.kind = verb.kind;
  silence.matchers = verb.matchers;
  silence.from = is_new ? std::max(verb.from, moment.now.wall) : verb.from;
  silence.to = verb.to;
  silence.by = verb.by;
  silence.comment = verb.comment;
  silence.updated_at = moment.now.wall;
  if (is_due(silence, moment.now.wall)) activate(moment, place->first, silence);
  set_calendar(moment);
  answer(moment, VerdictCode::done, id);
}

void on_silence_expired(Moment& moment, const SilenceExpired& verb) {
  State& state = moment.state;
  const auto known = state.silences.find(verb.id);
  if (known == state.silences.end()) {
    answer(moment, VerdictCode::refused, fmt::format("there is no silence {}", verb.id));
    return;
  }
  Silence& silence = known->second;
  if (silence.recurring) {
    answer(moment, VerdictCode::refused, "this maintenance is the configuration's: change it there");
    return;
  }
  if (silence.to <= moment.now.wall) {
    answer(moment, VerdictCode::refused, fmt::format("silence {} has ended already", verb.id));
    return;
  }
  silence.to = moment.now.wall;
  silence.from = std::min(silence.from, silence.to);
  silence.updated_at = moment.now.wall;
  if (silence.active) deactivate(moment, known->first, silence);
  set_calendar(moment);
  answer(moment, VerdictCode::done, verb.id);
}

void turn_silences(Moment& moment) {
  State& state = moment.state;
  turn_recurring(moment);
  for (auto one = state.silences.begin(); one != state.silences.end();) {
    Silence& silence = one->second;
    const bool is_active = is_due(silence, moment.now.wall) && !ROUSE_MUTANT("silence-begins-late");
    if (is_active && !silence.active) activate(moment, one->first, silence);
    const bool never_ends = ROUSE_MUTANT("silence-never-ends");
    if (!is_active && silence.active && !never_ends) deactivate(moment, one->first, silence);
    const bool is_old = silence.to + ended_silence_kept <= moment.now.wall;
    one = is_old && !silence.active ? state.silences.erase(one) : std::next(one);
  }
}

std::optional<Instant> next_silence_edge(const State& state, Instant wall) {
  std::optional<Instant> next;
  for (const auto& [id, silence] : state.silences) {
    Instant edge = silence.to + ended_silence_kept;
    if (wall < silence.from) {
      edge = silence.from;
    } else if (wall < silence.to) {
      edge = silence.to;
    }
    if (!next || edge < *next) next = edge;
  }
  return next;
}

}  // namespace rules
