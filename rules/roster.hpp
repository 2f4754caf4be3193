// Who is on call: rotations with their turns, hours, leave and overrides, specialists and persons, at an instant.
// A pure calculation over a Policy; the Roster only remembers who took which turn, because with leave a turn depends on
// all the turns before it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace rules {

struct OnCall {
  std::string person;
  std::string because;   // "operations: turn 2026-03-04T10:00 to 2026-03-11T10:00 America/Vancouver"
  std::string rotation;  // "" for a person or specialists
  std::string role;
  bool operator==(const OnCall&) const = default;
};

struct TakenTurn {
  std::int64_t index{};
  Instant from;
  Instant to;
  std::string person;  // "" = all on leave
  bool operator==(const TakenTurn&) const = default;
};

class Roster {
 public:
  // Forgets what it remembers; the policy must outlive its use.
  void reset();
  // On call for this target at this wall-clock instant; each person once, in order; empty = nobody.
  [[nodiscard]] std::vector<OnCall> on_call(const Policy& policy, const Target& target, Instant wall);
  // For several targets: each person once, the first because wins.
  [[nodiscard]] std::vector<OnCall> on_call(const Policy& policy, const std::vector<Target>& targets, Instant wall);
  // The turns of a rotation that overlap [from, to), before overrides and hours.
  [[nodiscard]] std::vector<TakenTurn> turns(const Policy& policy, const Rotation& rotation, Instant from, Instant to);
  // The next instant after `wall` at which on_call for this target may differ; nullopt = never again. For coverage and
  // tables.
  [[nodiscard]] std::optional<Instant> next_change(const Policy& policy, const Target& target, Instant wall);

 private:
  std::map<std::string, std::vector<std::int32_t>, std::less<>>
      taken_;  // rotation -> member index of each turn, -1 = nobody
  [[nodiscard]] std::int32_t member_of(const Policy& policy, const Rotation& rotation, std::int64_t turn);
};

}  // namespace rules
