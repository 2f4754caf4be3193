// The `webhook` provider: POSTs the page as JSON, to the configured URL or to the person's own.
//
// 2xx is accepted; 408, 429 and 5xx are transient; every other answer is a refusal, redirects included: a page goes
// where the configuration says. With secrets each request is signed, `X-Rouse-Signature: t=UNIX,v1=HEX`, HMAC-SHA256
// of "t.body"; several secrets give several v1, so that a receiver can change over.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"
#include "daemon/net/client.hpp"

namespace channels {

struct WebhookSettings {
  std::string url;  // "" = the contact's address
  std::chrono::milliseconds timeout{5'000};
  std::vector<std::string> secrets;  // none: not signed
  std::string public_url;            // for links in the page
};

class WebhookProvider final : public Provider {
 public:
  // The client and the clock outlive the provider and every try.
  WebhookProvider(net::Client& client, const roused::Clock& clock, WebhookSettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  // The contract for receivers says so.
  [[nodiscard]] bool honours_keys() const override { return true; }

 private:
  net::Client& client_;
  const roused::Clock& clock_;
  WebhookSettings settings_;
};

// One secret a line; blanks around it and empty lines do not count. An error names the file, never what is in it.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> read_secrets(const std::string& file);

// "t=UNIX,v1=HEX[,v1=HEX...]" over "UNIX.BODY".
[[nodiscard]] std::string signature(const std::vector<std::string>& secrets,
                                    std::chrono::seconds unix_time,
                                    std::string_view body);

}  // namespace channels
