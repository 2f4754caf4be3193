#include "daemon/api/signed_time.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace api {

std::optional<rules::Instant> instant_of_seconds(std::string_view text) {
  constexpr std::int64_t most = 100'000'000'000;
  std::int64_t count{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || rest != end || count < 0 || count > most) return std::nullopt;
  return rules::Instant{std::chrono::seconds{count}};
}

}  // namespace api
