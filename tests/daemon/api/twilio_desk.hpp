// A desk whose people are reached by Twilio: its secrets, and callbacks as Twilio makes them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/api/twilio_paths.hpp"
#include "daemon/api/twilio_signature.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {

inline constexpr std::string_view twilio_token = "12345";

struct TwilioDesk : Desk {
  static constexpr std::string_view public_url = "https://rouse.example.org";

  TwilioDesk() {
    auto settings = std::make_shared<config::Settings>();
    settings->access.emplace();
    services.settings = std::move(settings);
    services.read_secrets = [](const std::string&) {
      return std::vector<std::string>{"67890", std::string(twilio_token)};
    };
    auto policy = std::make_shared<rules::Policy>(*scene::policy());
    policy->public_url = public_url;
    rules::Provider provider;
    provider.kind = rules::ProviderKind::twilio;
    provider.settings = {{"account_sid", "AC1"}, {"auth_token_file", "twilio.token"}};
    policy->channels.push_back({"voice", {provider}});
    policy->channels.front().providers = {provider};
    services.use(std::move(policy), world.state().seed);
  }

  // A callback to "path?query", through a proxy, signed with this token.
  net::Request callback(const std::string& target, const net::Form& form, std::string_view token = twilio_token) {
    return callback(target, net::print_form(form), twilio_signature(token, std::string(public_url) + target, form));
  }
  net::Request callback(const std::string& target, std::string body, std::string_view signature) {
    net::Request made = request("POST", target, std::move(body));
    made.headers.clear();
    made.headers.add("Host", "10.0.0.7");
    made.headers.add("Content-Type", "application/x-www-form-urlencoded");
    made.headers.add("X-Twilio-Signature", signature);
    return made;
  }
  Call call(const net::Request& made) { return handle_twilio(made, services).value(); }
  Call call(const std::string& target, const net::Form& form) { return call(callback(target, form)); }
};

}  // namespace api
