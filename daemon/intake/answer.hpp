// The body of the 200 that a sender gets for what was taken. Pure; any thread.
#pragma once

#include <string>

#include "daemon/intake/intake.hpp"

namespace intake {

// {"status":"ok","accepted":2,"rejected":[{"index":1,"reason":"..."}]}. When more were rejected than are listed,
// "rejected_total" says how many.
[[nodiscard]] std::string alertmanager_answer(const Parsed& parsed);

// Empty, as Alertmanager answers, unless alerts were rejected: then the same as above.
[[nodiscard]] std::string api_v2_answer(const Parsed& parsed);

}  // namespace intake
