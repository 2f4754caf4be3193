// Waits of alerts whose service depends on others: `hold`, for a parent to fail, too, and `startup_grace`, after a
// restart, until parents that fired all along have been heard of again.
#pragma once

#include "rules/hold/hold.hpp"

namespace rules {

void find_waits(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found);

}  // namespace rules
