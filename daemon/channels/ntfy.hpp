// The `ntfy` provider: push notifications by ntfy's HTTP (publish as JSON), to a topic or to the full URL of one.
//
// A page has the highest priority (5) when it is urgent, a notice the lowest that makes no sound (2). What ntfy calls
// the sequence of a message is its idempotency key: the same one again changes the notification on the phone in place,
// and so does a notice about a page, whose reference is that sequence ("TOPIC/SEQUENCE"). Servers before 2.16 ignore
// it and show a second notification, so keys count as not honoured; look_up() reads what the server keeps of the topic
// (poll=1) instead. A message and its JSON are kept below the 4096 bytes above which ntfy makes a file of it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"
#include "daemon/net/client.hpp"
#include "rules/policy.hpp"

namespace channels {

// The link in this message by which this person does this ("ack") to this incident with one POST; "" = none.
using SignLink = std::function<std::string(
    const std::string& person, rules::IncidentId incident, rules::MessageId message, std::string_view action)>;

struct NtfySettings {
  std::string url{"https://ntfy.sh"};  // of the server, without a slash at its end
  std::string authorization;           // the header's value; "" = none
  std::chrono::milliseconds timeout{5'000};
  std::string public_url;                    // for links in messages; "" = none
  std::vector<rules::Template> templates{};  // of the policy
  SignLink sign_link{};                      // for the button; may be empty
};

// Reads the files of secrets. An error says what is wrong, without what is in them.
[[nodiscard]] tl::expected<NtfySettings, std::string> ntfy_settings(const rules::Provider& provider,
                                                                    std::string_view public_url);

// Asks how it is; everybody may.
[[nodiscard]] net::ClientRequest ntfy_probe(const NtfySettings& settings);

class NtfyProvider final : public Provider {
 public:
  // The client and the clock outlive the provider and every try.
  NtfyProvider(net::Client& client, const roused::Clock& clock, NtfySettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  void look_up(const rules::Send& send, std::chrono::milliseconds limit, std::function<void(TryResult)> done) override;

  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  net::Client& client_;
  const roused::Clock& clock_;
  NtfySettings settings_;
};

}  // namespace channels
