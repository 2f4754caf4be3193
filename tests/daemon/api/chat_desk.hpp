// A desk whose people are reached by chats: their providers' secrets, and what was written back.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>

#include "daemon/api/mattermost_paths.hpp"
#include "daemon/api/slack_paths.hpp"
#include "tests/daemon/api/desk.hpp"

namespace api {

inline constexpr std::string_view chat_team = R"(
rouse: 1
server: { public_url: "https://rouse.example.org" }
access: {}
people:
  olga: { name: Olga Diaz, contact: { slack: U02OLGA, mattermost: olgaolgaolgaolgaolgaolga22 } }
  ben:  { name: Ben Okri,  contact: { slack: U02BEN } }
call_trees:
  outage: { steps: [ { call: olga, wait: 5m } ] }
route: { call_tree: outage }
channels:
  slack:
    - { slack: { bot_token_file: /slack.token, signing_secret_file: /slack.sign, api: "https://slack.test/api/" } }
  mattermost:
    - { mattermost: { url: "https://chat.test", bot_token_file: /mm.token, callback_secret_file: /mm.sign } }
)";

// Slack's own example has the first one.
inline constexpr std::string_view slack_secret = "8f742231b10e8888abcd99yyyzzz85a5";
inline constexpr std::string_view mattermost_secret = "tulip and daffodil";

struct ChatDesk : Desk {
  explicit ChatDesk(std::string_view team = chat_team) {
    auto settings = std::make_shared<config::Settings>(*services.settings);
    settings->access.emplace();
    services.settings = std::move(settings);
    services.read_secrets = [](const std::string& file) -> std::vector<std::string> {
      if (file == "/slack.sign") return {"an older secret", std::string(slack_secret)};
      if (file == "/mm.sign") return {std::string(mattermost_secret)};
      if (file == "/slack.token") return {"xoxb-tulip"};
      return {"something"};
    };
    services.call = [this](net::ClientRequest request) { calls.push_back(std::move(request)); };
    services.use(scene::policy(team), world.state().seed);
  }

  // What the engine would be told; nothing when it is told nothing, with `response`.
  std::optional<rules::Replied> told(const net::Request& made) {
    std::optional<Call> handled = handle_slack(made, world.now(), services);
    if (!handled) handled = handle_mattermost(made, world.now(), services);
    call = handled ? *std::move(handled) : Call{net::Response{}};
    if (auto* const question = std::get_if<Ask>(&call); question != nullptr && question->then) {
      question->look(world.state());
      call = next_of(*question);
    }
    if (const auto* answer = std::get_if<net::Response>(&call)) {
      response = *answer;
      return std::nullopt;
    }
    return std::get<rules::Replied>(std::get<Tell>(call).event);
  }
  // What the sender is answered when the engine says this.
  net::Response said(rules::VerdictCode code,
                     std::string text,
                     std::shared_ptr<const rules::IncidentView> incident = nullptr,
                     roused::Durability how = roused::Durability::durable) {
    roused::Reply reply;
    reply.durability = how;
    if (how != roused::Durability::refused) reply.verdict = rules::Verdict{code, {}, std::move(text)};
    reply.incident = std::move(incident);
    return std::get<Tell>(call).render(reply);
  }
  [[nodiscard]] boost::json::value body_of_call(std::size_t index) const {
    return boost::json::parse(calls.at(index).body);
  }

  std::vector<net::ClientRequest> calls;
  Call call{net::Response{}};
  net::Response response;
};

}  // namespace api
