#include "rules/overview.hpp"

#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace rules {
namespace {

enum class Stage : std::uint8_t {
  held,
  step,
  last_resort,
  begins_again,
  waits,
  told,
  recorded,
  acknowledged,
  snoozed,
};

constexpr std::array<std::string_view, 9> stage_names{
    "held", "step", "last_resort", "begins_again", "waits", "told", "recorded", "acknowledged", "snoozed"};

// With the number of the step, from 1; 0 of every other stage.
std::pair<Stage, std::uint32_t> stage_of(const Incident& incident) {
  if (incident.state == IncidentState::acknowledged)
    return {incident.snoozed ? Stage::snoozed : Stage::acknowledged, 0};
  if (!incident.told_holds.empty()) return {Stage::held, 0};
  if (incident.urgency == Urgency::none) return {Stage::recorded, 0};
  if (incident.urgency == Urgency::low) return {Stage::told, 0};
  if (!incident.climb.running) return {Stage::waits, 0};
  switch (incident.climb.phase) {
    case ClimbPhase::idle:
      return {Stage::waits, 0};
    case ClimbPhase::climbing:
      return {Stage::step, incident.climb.step + 1};
    case ClimbPhase::last_resort:
      return {Stage::last_resort, 0};
    case ClimbPhase::begins_again:
      return {Stage::begins_again, 0};
  }
  return {Stage::waits, 0};
}

}  // namespace

Overview view_overview(const State& state) {
  Overview overview;
  std::map<std::pair<Stage, std::uint32_t>, std::uint64_t> stages;
  for (const auto& [id, incident] : state.incidents) {
    if (!is_open(incident)) continue;
    const bool is_acknowledged = incident.state == IncidentState::acknowledged;
    ++(is_acknowledged ? overview.acknowledged : overview.triggered);
    if (incident.unheard) ++overview.unheard;
    if (!incident.told_holds.empty()) ++overview.held;
    ++stages[stage_of(incident)];
  }
  for (const auto& [stage, count] : stages) {
    const std::string_view name = stage_names[static_cast<std::size_t>(stage.first)];
    overview.stages.push_back(StageCount{
        .stage = stage.second > 0 ? fmt::format("{} {}", name, stage.second) : std::string{name}, .incidents = count});
  }
  overview.open_alerts = state.open_episodes.size();
  overview.open_pages = state.pages.size();
  overview.open_messages = state.messages.size();
  return overview;
}

}  // namespace rules
