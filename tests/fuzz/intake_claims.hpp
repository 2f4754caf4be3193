// What must hold of whatever a monitoring system posts, in either of Alertmanager's formats.
#pragma once

#include <string_view>

#include "rules/event.hpp"

namespace fuzz {

// The first byte chooses limits; the rest is the body.
void check_body(std::string_view input, rules::ReportForm form);

}  // namespace fuzz
