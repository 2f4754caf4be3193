// What must hold of a state between any two events, whatever they were.
#pragma once

#include "rules/state.hpp"

namespace fuzz {

// What is true only of some stories.
struct Story {
  bool has_no_timeouts{};       // a policy was loaded whose acknowledgements never run out
  bool was_late{};              // deadlines were taken after their time: a suspend, a restart
  bool is_looked_at_closely{};  // with what takes long: what is derived is derived anew
};

// Ends the process with words when something does not hold.
void check_state(const rules::State& state, const Story& story);

}  // namespace fuzz
