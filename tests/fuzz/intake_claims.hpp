// What must hold of whatever a monitoring system posts, in any format.
#pragma once

#include <string_view>

#include "rules/event.hpp"

namespace fuzz {

// The first byte chooses limits; the rest is the body.
void check_body(std::string_view input, rules::ReportForm form);

// The same of Grafana's webhook, of JSON that a map reads, and of PagerDuty's events.
void check_grafana(std::string_view input);
void check_mapped(std::string_view input);
void check_pagerduty(std::string_view input);

}  // namespace fuzz
