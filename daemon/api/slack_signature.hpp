// The signature of Slack's callbacks: "v0=" and HMAC-SHA256 of "v0:TIMESTAMP:BODY" in hex, over the bytes as they came.
// A timestamp that is more than five minutes away from our clock is not believed, so that what somebody recorded cannot
// be played again later. Pure; takes the same time whatever part of a signature is wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/api/grafana_signature.hpp"
#include "daemon/net/http.hpp"
#include "rules/time.hpp"

namespace api {

// A Slack app that the policy sends by: one `slack` provider.
struct SlackApp {
  std::string channel;               // of the configuration: by which its users are somebody's contact
  std::vector<std::string> secrets;  // any of them, so that one can be replaced; empty = they cannot be read
  std::string bot_token;             // for what is written back; "" = nothing can be
  std::string api;                   // without a slash at its end
};

// A Mattermost whose buttons come back: one `mattermost` provider with a callback_secret_file.
struct MattermostApp {
  std::string channel;
  std::vector<std::string> secrets;  // any of them; the first one signs
};

// What Slack writes into X-Slack-Signature.
[[nodiscard]] std::string slack_signature(std::string_view secret, std::string_view timestamp, std::string_view body);

// The apps whose secret signed the request, in order: one app may be the provider of several channels. Never empty.
[[nodiscard]] tl::expected<std::vector<const SlackApp*>, NotSigned> slack_apps_of(const std::vector<SlackApp>& apps,
                                                                                  const net::Headers& headers,
                                                                                  std::string_view body,
                                                                                  rules::Instant now);

}  // namespace api
