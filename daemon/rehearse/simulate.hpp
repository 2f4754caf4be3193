// Events of a file on the virtual clock, and all that comes of them in the order of time: what `rousectl simulate`
// prints. Months take seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problem.hpp"
#include "daemon/rehearse/script.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/policy.hpp"

namespace rehearse {

struct EventLines {
  std::vector<ScriptEvent> events;        // in the order of time; their places are those in the file
  std::vector<config::Problem> problems;  // all of them; nothing may be simulated when one is an error
};

// One event a line, as a JSON object in the form of a policy test's event with `at` as an RFC 3339 time. Empty lines
// are passed over. Any bytes are safe to pass.
[[nodiscard]] EventLines read_event_lines(std::string_view text, const std::string& file_name);

// An incident came to another state, or its climb to another place.
struct IncidentMoved {
  rules::Instant at;
  rules::IncidentId incident;
  rules::IncidentState state{};
  rules::ClimbPhase phase{};
  std::uint32_t step{};   // 1-based; 0 = not on a step
  std::uint32_t round{};  // 1-based; 0 = not on a step
};

// Not of the rules: an event of the file that did nothing, and why.
struct Remark {
  rules::Instant at;
  config::Place place;
  std::string text;
};

using Happening = std::variant<IncidentMoved, HeldRecord, LeftPage, Remark>;

struct SimulationOptions {
  std::string folder;                   // where relative files of the events are
  std::optional<rules::Instant> until;  // inclusive; default: an hour after the last event
  std::uint64_t key_seed{1};            // makes the store's id, and with it every idempotency key
};

struct SimulationFigures {
  rules::Instant from;  // the first event
  rules::Instant until;
  std::size_t events{};
  std::size_t pages{};
  std::uint64_t incidents{};
};

// `happened` is called in the order of time, with the world as it is right after; at one instant an incident's move
// comes before its hold, and that before its pages. `progressed` is told now and then how far the virtual clock has
// come, 0 to
// 1. Either may be empty.
[[nodiscard]] SimulationFigures simulate(const std::shared_ptr<const rules::Policy>& policy,
                                         const std::vector<ScriptEvent>& events,
                                         const SimulationOptions& options,
                                         const std::function<void(const World&, const Happening&)>& happened,
                                         const std::function<void(double)>& progressed);

}  // namespace rehearse
