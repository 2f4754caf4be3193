// What Twilio's error codes mean to whoever configured it or is paged. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace words {

// "this number has sent STOP, ..."; "" = nothing is known of this code but its number.
[[nodiscard]] std::string_view twilio_error_text(std::uint32_t code);

}  // namespace words
