#include "rules/finish.hpp"

#include <utility>

#include "rules/desk.hpp"
#include "rules/grouping.hpp"
#include "rules/hold/hold.hpp"
#include "rules/turn_notice.hpp"

namespace rules {

Effects finish(Moment& moment) {
  judge_all(moment);
  for (const IncidentId id : moment.stale_facts) {
    if (Incident* incident = find_incident(moment.state, id)) refresh_facts(moment, *incident);
  }
  settle_desk(moment);
  tell_of_doubts(moment);
  for (const IncidentId id : moment.changed) {
    if (const Incident* incident = find_incident(moment.state, id)) {
      moment.ask(Changed{.incident = id, .state = incident->state});
    }
  }
  return std::move(moment.effects);
}

}  // namespace rules
