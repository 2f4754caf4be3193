// Which routes an alert takes. Alertmanager's rule: depth first, the first child that matches wins unless it says
// `continue`; a route none of whose children match takes the alert itself.
// Source: prometheus/alertmanager dispatch/route.go, Route.Match.
#pragma once

#include <vector>

#include "rules/labels.hpp"
#include "rules/policy.hpp"

namespace rules {

// Never empty when the root matches everything, as the root does. The routes live in the policy.
[[nodiscard]] std::vector<const Route*> matching_routes(const Route& root, const Labels& labels);

}  // namespace rules
