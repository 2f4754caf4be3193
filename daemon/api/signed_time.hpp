// The time that a sender has signed: seconds since 1970 in digits. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "rules/time.hpp"

namespace api {

// Nothing when the text is anything else, or no time that a clock can show.
[[nodiscard]] std::optional<rules::Instant> instant_of_seconds(std::string_view text);

}  // namespace api
