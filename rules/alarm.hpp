// What the daemon itself has to tell a person when it can no longer promise anything: outside every incident, decided
// from the state as it is, journaled by nobody.
#pragma once

#include <string>
#include <vector>

#include "rules/effect.hpp"
#include "rules/state.hpp"

namespace rules {

// One message to every contact of the high rules of everybody whom last_resort of any call tree names (the default when
// it names nobody). Keys are derived from the store, the run and the alarm's name, so that a second try is the same
// page.
[[nodiscard]] std::vector<Send> alarm_last_resort(State& state,
                                                  const std::string& name,
                                                  const std::string& text,
                                                  Stamp now);

}  // namespace rules
