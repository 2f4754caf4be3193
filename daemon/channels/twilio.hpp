// The `twilio` provider: text messages and telephone calls by Twilio's REST API (2010-04-01).
//
// On the channel `voice` a message is a call, whose words and keys are at public_url (daemon/api/twilio_paths); on
// every other channel it is a text message. Both carry a callback URL with the message's id and key, by which Twilio
// says later what became of it. 2xx is accepted; 429 and 5xx are transient; everything else is a refusal, said in
// words.
//
// Twilio knows no idempotency key, so a try that got no answer is looked for in Twilio's list of what it was given.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"
#include "daemon/net/client.hpp"
#include "rules/policy.hpp"

namespace channels {

struct TwilioSettings {
  std::string api{"https://api.twilio.com"};  // without a slash at its end
  std::string account_sid;
  std::vector<std::string> auth_tokens;  // the first one is used to send; any of them may sign callbacks
  std::string api_key_sid;               // "" = the account's own credentials are used
  std::string api_key_secret;
  std::string from;                   // a number; for texts also a short code or a name
  std::string messaging_service_sid;  // texts, in place of `from`
  std::uint32_t segments{3};          // of a text, at most
  std::chrono::milliseconds timeout{5'000};
  std::string public_url;                  // without a slash at its end; "" = Twilio can call nothing back
  std::vector<rules::Template> templates;  // of the policy
};

// Reads the secrets. An error says what is wrong, in words, without secrets.
[[nodiscard]] tl::expected<TwilioSettings, std::string> twilio_settings(const rules::Provider& provider,
                                                                        std::string_view public_url);

// Reads something of the account and sends nothing: 401 when the credentials are wrong.
[[nodiscard]] net::ClientRequest twilio_probe(const TwilioSettings& settings);

class TwilioProvider final : public Provider {
 public:
  // The client and the clock outlive the provider and every try.
  TwilioProvider(net::Client& client, const roused::Clock& clock, TwilioSettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  // Whether Twilio lists a message or call to this number, with this text, that is no older than the try was.
  void look_up(const rules::Send& send, std::chrono::milliseconds limit, std::function<void(TryResult)> done) override;

  [[nodiscard]] bool honours_keys() const override { return false; }

  struct Begun;  // the tries that may have to be looked for

 private:
  TwilioSettings settings_;
  net::Client& client_;
  const roused::Clock& clock_;
  std::shared_ptr<Begun> begun_;
};

// The path below public_url, with the message's id and key and the provider's place: what a callback says, of which
// message, and whose word it is.
[[nodiscard]] std::string twilio_callback(std::string_view what, const rules::Send& send);

}  // namespace channels
