#include "rules/hold/waits.hpp"

#include <algorithm>

#include "rules/hold/dependency.hpp"
#include "rules/mutant.hpp"

namespace rules {

void find_waits(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found) {
  const State& state = moment.state;
  const std::string service = dependent_service(state, alert.variants.front());
  if (service.empty()) return;
  std::optional<Instant> began;
  for (const IncidentId id : alert.episode.incidents) {
    const Incident* incident = find_incident(state, id);
    if (incident == nullptr || !is_open(*incident)) continue;
    if (!began || incident->began_at > *began) began = incident->began_at;
  }
  if (!began) return;
  const auto wait = [&](HoldKind kind, Instant until) {
    if (is_over(moment, until)) return;
    found.push_back(
        AlertHold{.name = HoldName{.kind = kind, .rule = service, .by = {}}, .covers = Urgency::high, .until = until});
  };
  const Correlation& correlation = moment.policy.correlation;
  if (!ROUSE_MUTANT("nobody-waits-for-a-parent")) wait(HoldKind::hold, *began + correlation.hold);
  // What waits since an earlier start goes on waiting as long as was said then: neither does another restart end it,
  // nor do restarts, one after the other, put the page off.
  const auto& before = alert.episode.holds;
  const auto waiting = std::find_if(
      before.begin(), before.end(), [](const AlertHold& hold) { return hold.name.kind == HoldKind::startup_grace; });
  if (waiting != before.end() && waiting->until) {
    wait(HoldKind::startup_grace, *waiting->until);
    return;
  }
  const bool is_after_restart = state.run > 1 && !ROUSE_MUTANT("startup-grace-holds-nothing");
  const Instant grace_ends = state.started_at + correlation.startup_grace;
  if (is_after_restart && *began > state.started_at && *began < grace_ends) wait(HoldKind::startup_grace, grace_ends);
}

}  // namespace rules
