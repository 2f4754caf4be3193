// The whole way of one alert, as a rehearsal found it: what it is taken for, where it goes, what keeps it back, and who
// would be called when if nobody answered. Facts; words/ makes text and JSON of them. Instants are the wall clock's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/effect.hpp"
#include "rules/ids.hpp"
#include "rules/labels.hpp"
#include "rules/time.hpp"
#include "rules/view.hpp"

namespace rules {

// A route that was looked at, in the order in which routes are.
enum class RouteFate : std::uint8_t {
  taken,           // it gives the alert an incident
  passed_through,  // it matches, and one below it was taken
  no_match,
  not_asked,  // an earlier one beside it matched and does not continue
};
struct RouteLook {
  std::string path;
  std::uint32_t depth{};              // 0 = the root
  std::vector<std::string> matchers;  // all must match; empty = always
  RouteFate fate{};
  std::string failed;  // no_match: the first matcher that did not
};

// A time interval of a route.
struct IntervalLook {
  std::string id;
  bool holds{};                       // at the instant that is explained
  std::optional<Instant> changes_at;  // nullopt = never
};

struct CallLook {
  Instant at;
  std::string person;
  std::string contact;
  PageReason reason{};
  std::uint32_t step{};   // 1-based; 0 = last_resort
  std::uint32_t round{};  // 1-based
  std::string because;
};

enum class IncidentFate : std::uint8_t {
  opens,
  joins,
  reopens,
  refreshes,  // the alert fires there already: this report is a duplicate
};

// What one route makes of the alert.
struct IncidentLook {
  IncidentFate fate{};
  IncidentId id;  // 0 when it opens: its number is given when it does
  std::string route;
  std::string call_tree;
  std::vector<std::pair<std::string, std::string>> group;  // group_by: what it has
  std::vector<std::string> absent;                         // group_by: labels that it lacks
  bool every_label{};                                      // grouped by all labels
  Urgency urgency{};                                       // then
  std::vector<IntervalLook> intervals;
  Urgency otherwise{};  // outside of all intervals
  IncidentState state{};
  std::string by;                   // who has acknowledged it
  std::vector<HoldView> holds;      // what keeps it back then
  std::optional<Instant> pages_at;  // held: when somebody is called as things stand; nullopt = never
  std::vector<CallLook> calls;      // in order
  bool more_calls{};                // there were more than are listed
  std::optional<Instant> last_resort;
  std::string quiet;  // why nobody is called; "" when somebody is
};

struct Explanation {
  Instant at;
  Fingerprint fingerprint;
  Labels labels;
  std::vector<std::string> identity;  // names of the labels that make it this alert and no other
  std::vector<std::string> ignored;   // names of those that do not
  std::string severity;               // "" = it has none
  bool severity_known{};
  std::string service;
  bool service_known{};
  std::string owner;                 // of the service; "" = nobody
  std::string heartbeat;             // it is the beat of this one, and opens nothing
  std::optional<Instant> set_aside;  // older than its known end: believed then
  std::vector<RouteLook> routes;
  std::uint64_t routes_left_out{};
  std::vector<IncidentLook> incidents;
  Instant until;  // to when the clock ran
  bool cut{};     // there was more to happen than an explanation may take
};

[[nodiscard]] std::string_view to_text(RouteFate fate);     // taken, passed_through, no_match, not_asked
[[nodiscard]] std::string_view to_text(IncidentFate fate);  // opens, joins, reopens, refreshes

}  // namespace rules
