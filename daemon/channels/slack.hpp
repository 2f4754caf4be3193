// The `slack` provider: messages with buttons by Slack's Web API, to a user (U...) or a channel (C...).
//
// A page is a chat.postMessage; what it was posted as, "CHANNEL/TS", is the reference of the message. Further pages
// about the same incident go into that message's thread, and are shown in the conversation, too. When somebody has it,
// or it is over, the first message is changed in place (chat.update, which may be repeated) and the thread gets a line:
// the thread is the timeline. A bundle is about several incidents, so it is never changed ("CHANNEL/TS/bundle").
//
// Slack answers most errors with 200 and {"ok": false, "error": ...}: what speaks of load or of trouble at Slack is
// transient, everything else a refusal. A page that Slack refuses because of its thread or its blocks is said again
// without them, so that no page is lost for its looks.
//
// Keys are not honoured: the documentation of chat.postMessage has errors that speak of a client_msg_id, but no such
// argument and no promise about one. The key is in the message's metadata instead, which is documented, and by which
// look_up() finds a message whose try went unanswered (with the scopes *:history).
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

struct SlackSettings {
  std::string api{"https://slack.com/api"};  // without a slash at its end
  std::string bot_token;
  std::chrono::milliseconds timeout{5'000};  // of one call
  std::string public_url;                    // for links in messages; "" = none
  std::vector<rules::Template> templates{};  // of the policy
};

// Reads the token's file. An error says what is wrong, without what is in it.
[[nodiscard]] tl::expected<SlackSettings, std::string> slack_settings(const rules::Provider& provider,
                                                                      std::string_view public_url);

// Asks whose token it is, which is written nowhere.
[[nodiscard]] net::ClientRequest slack_probe(const SlackSettings& settings);

class SlackProvider final : public Provider {
 public:
  // The client and the clock outlive the provider and every try.
  SlackProvider(net::Client& client, const roused::Clock& clock, SlackSettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  void look_up(const rules::Send& send, std::chrono::milliseconds limit, std::function<void(TryResult)> done) override;

  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  net::Client& client_;
  const roused::Clock& clock_;
  std::shared_ptr<const SlackSettings> settings_;
};

}  // namespace channels
