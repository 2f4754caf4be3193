#include "daemon/api/grafana_signature.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "daemon/api/signed_time.hpp"
#include "daemon/net/hmac.hpp"

namespace api {
namespace {

std::string lower(std::string_view hex) {
  std::string result{hex};
  std::transform(result.begin(), result.end(), result.begin(), [](char digit) {
    return digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
  });
  return result;
}

// Empty when the body is this signer's, else why it is not.
std::string why_not(const GrafanaSigner& signer,
                    const net::Headers& headers,
                    std::string_view body,
                    rules::Instant now) {
  const std::optional<std::string_view> said = headers.find(signer.header);
  if (!said || said->empty()) return fmt::format("the header {} is missing", signer.header);
  std::string text;
  std::string_view is_signed = body;
  if (!signer.timestamp_header.empty()) {
    const std::optional<std::string_view> timestamp = headers.find(signer.timestamp_header);
    if (!timestamp || timestamp->empty()) return fmt::format("the header {} is missing", signer.timestamp_header);
    const std::optional<rules::Instant> instant = instant_of_seconds(*timestamp);
    if (!instant) return fmt::format("the header {} is no number of seconds", signer.timestamp_header);
    if (*instant < now - signature_age || *instant > now + signature_age) {
      return fmt::format("the header {} is more than 5 minutes away from this machine's clock",
                         signer.timestamp_header);
    }
    text = fmt::format("{}:{}", *timestamp, body);
    is_signed = text;
  }
  const std::string signature = lower(*said);
  bool fits = false;
  for (const std::string& secret : signer.secrets) {
    fits |= net::equal_in_constant_time(net::hmac_sha256(secret, is_signed), signature);
  }
  return fits ? std::string{} : fmt::format("the signature in the header {} does not fit the body", signer.header);
}

}  // namespace

tl::expected<std::string, NotSigned> grafana_signer_of(const std::vector<GrafanaSigner>& signers,
                                                       const net::Headers& headers,
                                                       std::string_view body,
                                                       rules::Instant now) {
  NotSigned refusal;
  for (const GrafanaSigner& signer : signers) {
    if (signer.secrets.empty()) {
      refusal = {
          503,
          fmt::format("the secret of the source {} cannot be read, so no signature can be checked", signer.source)};
      continue;
    }
    std::string why = why_not(signer, headers, body, now);
    if (why.empty()) return signer.source;
    if (refusal.why.empty()) refusal.why = std::move(why);
  }
  return tl::unexpected{std::move(refusal)};
}

}  // namespace api
