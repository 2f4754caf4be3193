// The end of every event, whatever it was: what it may have changed is judged once, what is due leaves the desk, and
// readers are told.
#pragma once

#include "rules/effect.hpp"
#include "rules/moment.hpp"

namespace rules {

// Takes the effects out of the moment, which is over with it.
[[nodiscard]] Effects finish(Moment& moment);

}  // namespace rules
