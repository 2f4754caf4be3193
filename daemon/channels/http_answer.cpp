#include "daemon/channels/http_answer.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace channels {

std::optional<std::chrono::milliseconds> retry_after(const net::Headers& headers) {
  const std::optional<std::string_view> field = headers.find("Retry-After");
  if (!field) return std::nullopt;
  std::string_view text = *field;
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds{seconds};
}

bool is_transient(unsigned status) {
  return status == 408 || status == 429 || (status >= 500 && status < 600);
}

std::string answered_in_words(unsigned status) {
  const bool is_redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (is_redirect) return fmt::format("answers with a redirect, which is not followed ({})", status);
  return fmt::format("answered {} {}", status, net::reason_phrase(status));
}

TryResult judged_without_answer(net::ClientResult result) {
  if (result.outcome == net::Outcome::written_no_answer) return {TryOutcome::unanswered, std::move(result.detail), {}};
  if (result.trouble == net::Trouble::withdrawn) return {TryOutcome::withdrawn, {}, {}};
  if (result.trouble == net::Trouble::bad_request) return {TryOutcome::refused, std::move(result.detail), {}};
  return {TryOutcome::transient, std::move(result.detail), {}};
}

}  // namespace channels
