// What the wall clock brings about: silences begin and end, time intervals of routes and of maintenance begin and end.
// One deadline for the next of them. Waits of rouse follow boot time; these follow the wall clock, so a step of it sets
// the deadline anew.
#pragma once

#include "rules/moment.hpp"

namespace rules {

// Does what is due on the wall clock, and sets the deadline of what comes next. After a reload, a start and a step of
// the clock, and when the deadline is due.
void turn_calendar(Moment& moment);

// Only sets the deadline.
void set_calendar(Moment& moment);

}  // namespace rules
