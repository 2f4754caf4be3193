// Times and lengths in texts that people read or hear: as far away as they are, and no finer than anybody needs.
#pragma once

#include <string>

#include "rules/time.hpp"
#include "rules/zone.hpp"

namespace rules {

// For who reads it at `now`, in this zone: "17:08 UTC" of the same day, "Monday 09:00 PST" of the six days after it,
// else "9 March 09:00 PST", with the year when it is another.
[[nodiscard]] std::string tell_time(const Zone& zone, Instant instant, Instant now);

// How long something took: whole seconds, the two greatest units: "2m 10s".
[[nodiscard]] std::string tell_length(Duration duration);

}  // namespace rules
