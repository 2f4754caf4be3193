// The signature of Twilio's callbacks: base64(HMAC-SHA1(auth token, URL and, of a form, its sorted names and values)).
// The URL is the one that Twilio was given, so it is made of the configured public URL, never of what the request says
// of its host. Pure; takes the same time whatever part of a signature is wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/grafana_signature.hpp"
#include "daemon/net/http.hpp"

namespace api {

// An account by which the policy sends.
struct TwilioAccount {
  std::string account_sid;
  std::vector<std::string> auth_tokens;  // any of them, so that one can be replaced; empty = they cannot be read
  bool operator==(const TwilioAccount&) const = default;
};

// What Twilio writes into X-Twilio-Signature. A field that is there twice with the same value is signed once.
[[nodiscard]] std::string twilio_signature(std::string_view auth_token, std::string_view url, net::Form form);

// The same URL as Twilio may have signed it: without a port, and with the one that its scheme has anyway.
[[nodiscard]] std::vector<std::string> twilio_signed_urls(std::string_view url);

// Why nobody needs to read the form of this request, by its head and size alone, so that what strangers send costs
// nothing; nothing when it may be Twilio's.
[[nodiscard]] std::optional<NotSigned> why_not_read_twilio(const std::vector<TwilioAccount>& accounts,
                                                           std::string_view public_url,
                                                           const net::Request& request);

// Nothing when one of these accounts signed the request. Its path is taken as it stands, so it must be one of ours.
[[nodiscard]] std::optional<NotSigned> why_not_twilio(const std::vector<TwilioAccount>& accounts,
                                                      std::string_view public_url,
                                                      const net::Request& request,
                                                      const net::Form& form);

}  // namespace api
