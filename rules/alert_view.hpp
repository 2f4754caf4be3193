// Alerts and silences as readers of Alertmanager's API want them: every variant that fires, whatever incident it is in,
// and what keeps it back. Copies, taken by the one writer between two events, as view.hpp's.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/matcher.hpp"
#include "rules/state.hpp"

namespace rules {

// Alertmanager's words. Unprocessed: no incident has been made of it.
enum class AlertState : std::uint8_t { active, suppressed, unprocessed };

// Patterns in it must be the asker's own, compiled for this one question: RE2 locks when two threads share one.
struct AlertFilter {
  std::vector<Matcher> matchers;    // all must match the labels
  std::optional<Matcher> receiver;  // must match the name of a call tree that it is on
  bool active{true};                // false leaves those out
  bool silenced{true};
  bool inhibited{true};
  bool unprocessed{true};
};

// One variant that fires.
struct OpenAlert {
  Fingerprint fingerprint;
  Labels labels;
  Labels annotations;
  Instant starts_at;                      // the sender's word, else when it came
  std::optional<Instant> ends_at;         // when it ends unless it is reported again; none = by a report alone
  Instant updated_at;                     // its last report
  std::string source;                     // who reported it last
  AlertState state{};                     //
  std::vector<std::string> silenced_by;   // ids of silences and maintenance
  std::vector<std::string> inhibited_by;  // fingerprints of the alerts that keep it back, or the id of their incident
  std::vector<std::uint32_t> held_by;     // what keeps it back, as places in OpenAlerts::held_by
  std::vector<IncidentId> incidents;      // those open, else all that it is in; keys of OpenAlerts::incidents
};

// What readers call a group: an incident with the labels that its route groups by.
struct AlertGroup {
  Labels labels;
  std::string receiver;  // its call tree
};

// All alerts that match, gathered in steps, so that nobody waits for the whole of a long list.
struct OpenAlerts {
  std::vector<OpenAlert> alerts;
  std::map<IncidentId, AlertGroup> incidents;  // of these alerts
  std::vector<std::string> held_by;            // in words, each once
  bool too_many{};                             // there are more than most_alerts_read; the rest was not looked for

  // Of the steps.
  EpisodeId after;
  std::map<HoldName, std::uint32_t> place_of_hold;
  std::map<IncidentId, std::string> names_of_holders;
};

// A step looks at so many alerts.
inline constexpr std::size_t alerts_a_step = 1000;
inline constexpr std::size_t most_alerts_read = 250'000;

// One step. True: there is more to look at. Alerts that come and go between two steps may be missing.
[[nodiscard]] bool read_open_alerts(const State& state, const AlertFilter& filter, OpenAlerts& found);

enum class SilenceState : std::uint8_t { active, pending, expired };
[[nodiscard]] SilenceState state_of(const Silence& silence, Instant wall);
[[nodiscard]] std::string_view to_text(SilenceState state);
[[nodiscard]] std::string_view to_text(SilenceKind kind);
[[nodiscard]] std::string_view to_text(AlertState state);

struct SilenceView {
  Silence silence;
  std::uint64_t alerts{};  // that it keeps back now
};
struct SilenceFilter {
  std::optional<SilenceKind> kind;
  std::vector<Matcher> matchers;  // each must be one of the silence's own: same name, operator and value
  bool expired{true};             // false leaves those out
};
// Active ones first, then pending, then expired; of the active the next to end is first, of the pending the next to
// begin, of the expired the last that ended.
[[nodiscard]] std::vector<SilenceView> list_silences(const State& state, const SilenceFilter& filter, Instant wall);
[[nodiscard]] std::optional<SilenceView> view_silence(const State& state, const std::string& id);

}  // namespace rules
