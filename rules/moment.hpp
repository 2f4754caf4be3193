// What every part of the engine is handed while one event is applied: the state it may change, the policy it reads, the
// instant it is, and where effects and reasons go. Lives for one apply().
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/effect.hpp"
#include "rules/state.hpp"
#include "rules/time.hpp"

namespace rules {

struct Moment {
  State& state;
  const Policy& policy;
  Stamp now;
  Effects effects{};
  std::set<IncidentId> changed{};                       // told to readers once, at the end
  std::set<IncidentId> to_judge{};                      // what holds them may have changed
  std::map<IncidentId, std::vector<HoldName>> freed{};  // of those: what a ring had freed them of until then
  std::set<IncidentId>
      stale_facts{};  // an alert of theirs ended: looked at once, at the end, not for each of thousands
  std::map<ContactAddress, bool> reached{};  // something was said of these contacts; true = it is proved that they work

  [[nodiscard]] Instant at() const { return now.at; }
  void ask(Effect effect) { effects.push_back(std::move(effect)); }
};

// Whether what lasts until then is over, its end being a deadline: not yet for the events of that very instant.
[[nodiscard]] inline bool is_over(const Moment& moment, Instant until) {
  return until < moment.at() || (until == moment.at() && until <= moment.state.fired_at);
}

// Leaves a because on the incident and marks it as changed.
void because(Moment& moment, Incident& incident, ReasonKind kind, std::string_view rule, std::string_view saw);

[[nodiscard]] Incident* find_incident(State& state, IncidentId id);
[[nodiscard]] const Incident* find_incident(const State& state, IncidentId id);
// Whether an incident of this alert is open; one that somebody resolved while it fires is not.
[[nodiscard]] bool is_of_open_incident(const State& state, const Episode& episode);

// With what it keeps back, as its pages say it.
[[nodiscard]] IncidentFacts facts_of(const State& state, const Incident& incident);

// The beginning of UTF-8 text, at most so many bytes, whole characters only: what is cut within one is no text any
// more.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t bytes);

// "alertname=ApiDown, service=checkout": labels in one line, cut when long.
[[nodiscard]] std::string in_short(const Labels& labels);
[[nodiscard]] std::string in_short(const Dictionary& dictionary, const StoredLabels& labels);

// "software, database": what a step calls, in one line.
[[nodiscard]] std::string names_of(const std::vector<Target>& targets);

[[nodiscard]] std::string print_incident(IncidentId id);

}  // namespace rules
