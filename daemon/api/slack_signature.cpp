#include "daemon/api/slack_signature.hpp"

#include <optional>

#include <fmt/format.h>

#include "daemon/api/signed_time.hpp"
#include "daemon/net/hmac.hpp"

namespace api {

std::string slack_signature(std::string_view secret, std::string_view timestamp, std::string_view body) {
  return "v0=" + net::hmac_sha256(secret, fmt::format("v0:{}:{}", timestamp, body));
}

tl::expected<std::vector<const SlackApp*>, NotSigned> slack_apps_of(const std::vector<SlackApp>& apps,
                                                                    const net::Headers& headers,
                                                                    std::string_view body,
                                                                    rules::Instant now) {
  if (apps.empty()) return tl::unexpected{NotSigned{401, "no `slack` provider has a signing_secret_file"}};
  const std::string_view signature = headers.find("X-Slack-Signature").value_or(std::string_view());
  const std::string_view timestamp = headers.find("X-Slack-Request-Timestamp").value_or(std::string_view());
  if (signature.empty() || timestamp.empty())
    return tl::unexpected{
        NotSigned{401, "the headers X-Slack-Signature and X-Slack-Request-Timestamp are not both there"}};
  const std::optional<rules::Instant> instant = instant_of_seconds(timestamp);
  if (!instant) return tl::unexpected{NotSigned{401, "X-Slack-Request-Timestamp is no number of seconds"}};
  if (*instant < now - signature_age || *instant > now + signature_age)
    return tl::unexpected{
        NotSigned{401, "X-Slack-Request-Timestamp is more than 5 minutes away from this machine's clock"}};
  std::vector<const SlackApp*> signers;
  bool all_read = true;
  for (const SlackApp& app : apps) {
    all_read = all_read && !app.secrets.empty();
    bool fits = false;
    for (const std::string& secret : app.secrets)
      fits |= net::equal_in_constant_time(slack_signature(secret, timestamp, body), signature);
    if (fits) signers.push_back(&app);
  }
  if (!signers.empty()) return signers;
  if (!all_read)
    return tl::unexpected{NotSigned{503, "a signing secret cannot be read, so no signature can be checked"}};
  return tl::unexpected{NotSigned{401, "the signature in X-Slack-Signature does not fit the body"}};
}

}  // namespace api
