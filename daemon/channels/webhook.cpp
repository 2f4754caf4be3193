#include "daemon/channels/webhook.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "daemon/channels/http_answer.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/page.hpp"

namespace channels {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

TryResult judged_answer(const net::ClientResult& result) {
  std::string detail = answered_in_words(result.status);
  const unsigned status = result.status;
  if (status >= 200 && status < 300) return {TryOutcome::accepted, std::move(detail), {}};
  if (is_transient(status)) return {TryOutcome::transient, std::move(detail), retry_after(result.headers)};
  return {TryOutcome::refused, std::move(detail), {}};
}

TryResult judged(net::ClientResult result) {
  if (result.outcome == net::Outcome::answered) return judged_answer(result);
  return judged_without_answer(std::move(result));
}

}  // namespace

tl::expected<std::vector<std::string>, std::string> read_secrets(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return tl::unexpected(fmt::format("cannot read the secret file {}", file));
  std::vector<std::string> secrets;
  for (std::string line; std::getline(stream, line);)
    if (const std::string_view secret = trimmed(line); !secret.empty()) secrets.emplace_back(secret);
  if (stream.bad()) return tl::unexpected(fmt::format("cannot read the secret file {}", file));
  if (secrets.empty()) return tl::unexpected(fmt::format("the secret file {} holds no secret", file));
  return secrets;
}

std::string signature(const std::vector<std::string>& secrets, std::chrono::seconds unix_time, std::string_view body) {
  const std::string text = fmt::format("{}.{}", unix_time.count(), body);
  std::string field = fmt::format("t={}", unix_time.count());
  for (const std::string& secret : secrets) field += ",v1=" + net::hmac_sha256(secret, text);
  return field;
}

WebhookProvider::WebhookProvider(net::Client& client, const roused::Clock& clock, WebhookSettings settings)
    : client_(client), clock_(clock), settings_(std::move(settings)) {}

void WebhookProvider::attempt(const rules::Send& send,
                              std::chrono::milliseconds limit,
                              std::function<bool()> may_leave,
                              std::function<void(TryResult)> done) {
  const std::string& url = settings_.url.empty() ? send.address : settings_.url;
  if (url.empty()) return done({TryOutcome::refused, "neither the provider nor the contact has a URL", {}});
  net::ClientRequest request;
  request.url = url;
  request.body = words::page_json(send, settings_.public_url);
  request.timeout = std::min(settings_.timeout, limit);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  request.headers.add("Idempotency-Key", send.key);
  if (!settings_.secrets.empty()) {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.read().wall.time_since_epoch());
    request.headers.add("X-Rouse-Signature", signature(settings_.secrets, now, request.body));
  }
  request.before_first_byte = std::move(may_leave);
  client_.send(std::move(request),
               [done = std::move(done)](net::ClientResult result) { done(judged(std::move(result))); });
}

}  // namespace channels
