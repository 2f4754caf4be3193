// The bodies that senders get for what was taken. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "daemon/intake/intake.hpp"

namespace intake {

// {"status":"ok","accepted":2,"rejected":[{"index":1,"reason":"..."}]}. When more were rejected than are listed,
// "rejected_total" says how many.
[[nodiscard]] std::string alertmanager_answer(const Parsed& parsed);

// Empty, as Alertmanager answers, unless alerts were rejected: then the same as above.
[[nodiscard]] std::string api_v2_answer(const Parsed& parsed);

// PagerDuty's words: {"status":"success","message":"Event processed","dedup_key":"..."}, and of what was refused
// {"status":"invalid event","message":"...","errors":["..."]}.
[[nodiscard]] std::string pagerduty_answer(std::string_view dedup_key);
[[nodiscard]] std::string pagerduty_refusal(const Refused& refused);

}  // namespace intake
