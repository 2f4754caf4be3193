// The routes of a policy in the words of Alertmanager's configuration: what amtool reads to show and to test them.
#pragma once

#include <string>

#include "rules/policy.hpp"

namespace api {

// YAML that Alertmanager 0.22 and later load. Call trees stand as receivers, without any integration; what has no word
// there (names, urgency, time intervals) stands in comments. Pure; any thread.
[[nodiscard]] std::string alertmanager_config(const rules::Policy& policy);

}  // namespace api
