// The `mattermost` provider: posts by a bot, in the direct channel of a user or in a channel, with buttons when presses
// can come back (public_url and a callback secret).
//
// A contact is a user's id (26 letters and digits), "@name" or "channel:ID". A page is POST /api/v4/posts; its
// reference is "CHANNEL/POST". Later pages about the incident go into that post's thread, and so do notices, which
// change the first post in place besides (PUT /api/v4/posts/ID/patch). A bundle is never changed
// ("CHANNEL/POST/bundle").
//
// Keys are honoured: a post whose pending_post_id the server has seen within 30 s is the one that it has made already,
// and the tries of one message last 15. (In a cluster without sticky connections each server remembers its own.)
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"
#include "daemon/net/client.hpp"
#include "rules/policy.hpp"

namespace channels {

struct MattermostSettings {
  std::string url;  // of the server, without a slash at its end
  std::string bot_token;
  std::string callback_secret;  // signs what the buttons bring back; "" = no buttons
  std::chrono::milliseconds timeout{5'000};
  std::string public_url;                    // for links and buttons; "" = none
  std::vector<rules::Template> templates{};  // of the policy
};

// Reads the files of secrets. An error says what is wrong, without what is in them.
[[nodiscard]] tl::expected<MattermostSettings, std::string> mattermost_settings(const rules::Provider& provider,
                                                                                std::string_view public_url);

// Asks who the bot is.
[[nodiscard]] net::ClientRequest mattermost_probe(const MattermostSettings& settings);

class MattermostProvider final : public Provider {
 public:
  // The client and the clock outlive the provider and every try.
  MattermostProvider(net::Client& client, const roused::Clock& clock, MattermostSettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  [[nodiscard]] bool honours_keys() const override { return true; }

  struct Shared;

 private:
  net::Client& client_;
  const roused::Clock& clock_;
  std::shared_ptr<Shared> shared_;  // settings, and the direct channels that were found: tries under way have it, too
};

}  // namespace channels
