#include "rules/read_ahead.hpp"

#include <algorithm>

#include "rules/moment.hpp"

namespace rules {
namespace {

constexpr std::size_t line = 64;  // of the processor's cache, in bytes

void bring(const void* what, std::size_t bytes) {
  asm volatile("");  // a function that only prefetches has no effect, says GCC, and leaves it out with its caller
  const char* const first = static_cast<const char*>(what);
  for (std::size_t at = 0; at < bytes; at += line) __builtin_prefetch(first + at, 1);
}

// Each round asks for what the round before has found; by then it is there.
template <class ReportOf>
void read_some(const State& state, std::size_t count, ReportOf report_of) {
  std::array<const Episode*, read_ahead_at_once> episodes{};
  std::array<const Episode*, read_ahead_at_once> ending{};
  std::size_t found = 0;
  std::size_t ends = 0;
  for (std::size_t index = 0; index < count; ++index) {
    const Report& report = report_of(index);
    if (report.keyed_for == 0 || report.keyed_for != state.identity || !report.native_key.empty()) continue;
    const auto open = state.open_episodes.find(report.key);
    if (open == state.open_episodes.end()) continue;
    episodes[found++] = open->second;
    if (report.status == ReportStatus::resolved) ending[ends++] = open->second;
  }
  const std::span<const Episode* const> those = std::span{episodes}.first(found);
  for (const Episode* episode : those) bring(episode, sizeof(Episode));
  for (const Episode* episode : those) {
    const StoredLabels& labels = episode->variants.front().labels;
    bring(labels.data(), labels.size() * sizeof(StoredLabels::value_type));
  }
  // A repeat leaves its incident alone.
  for (const Episode* episode : std::span{ending}.first(ends)) {
    const Incident* incident = episode->incidents.empty() ? nullptr : find_incident(state, episode->incidents.front());
    if (incident != nullptr) bring(incident, sizeof(Incident));
  }
}

}  // namespace

void read_ahead(const State& state, std::span<const Report> reports) {
  read_some(state, std::min(reports.size(), read_ahead_at_once), [&](std::size_t index) -> const Report& {
    return reports[index];
  });
}

void ReadAhead::read(const State& state, std::span<const Report* const> reports) {
  read_some(state, reports.size(), [&](std::size_t index) -> const Report& { return *reports[index]; });
}

}  // namespace rules
