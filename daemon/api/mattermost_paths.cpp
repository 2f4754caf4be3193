#include "daemon/api/mattermost_paths.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/api/access.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/signed_time.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/mattermost.hpp"
#include "daemon/words/slack.hpp"
#include "rules/reply.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::string_view mattermost_path = "/v1/callbacks/mattermost";
constexpr std::size_t longest_body_bytes = std::size_t{64} << 10;
constexpr std::size_t event_bytes = 512;
constexpr std::size_t name_bytes = 64;
constexpr std::size_t written_bytes = 3'000;

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

std::string name_from(std::string_view text) {
  return words::shorten(words::visible(text), name_bytes);
}

// Who presses is somebody's contact by id or by name; by id when by neither.
std::string address_of(const rules::Policy& policy, const std::string& channel, const json::object& body) {
  std::string id = name_from(text_in(body, "user_id"));
  if (rules::person_at(policy, channel, id) != nullptr) return id;
  std::string name = "@" + name_from(text_in(body, "user_name"));
  return rules::person_at(policy, channel, name) != nullptr ? name : id;
}

// The one whose secret signed the button; null when nobody's did.
const MattermostApp* app_of(const Services& services, const json::object& context, const json::object& body) {
  const std::string text = words::mattermost_signed({text_in(context, "action"),
                                                     text_in(context, "value"),
                                                     text_in(context, "person"),
                                                     text_in(context, "until"),
                                                     text_in(context, "message")});
  const MattermostApp* first = nullptr;
  for (const MattermostApp& app : services.mattermost_apps()) {
    bool fits = false;
    for (const std::string& secret : app.secrets)
      fits |= net::equal_in_constant_time(net::hmac_sha256(secret, text), text_in(context, "token"));
    if (!fits) continue;
    const std::string user = address_of(*services.policy(), app.channel, body);
    if (rules::person_at(*services.policy(), app.channel, user) != nullptr) return &app;
    if (first == nullptr) first = &app;
  }
  return first;
}

struct Pressed {
  MattermostApp app;
  words::SlackPress press;
  std::string user;
  std::string message;
  std::string person;    // whom the message went to alone; else ""
  rules::Instant until;  // of the buttons that are left
};

bool has_run_out(std::string_view until, rules::Instant now) {
  const std::optional<rules::Instant> end = instant_of_seconds(until);
  return !end || now >= *end;
}

// By which this person is reached there: theirs whose press it was, if it is one of theirs.
std::string address_of_person(const rules::Person& person, const std::string& channel, std::string said) {
  std::string first;
  for (const rules::Contact& contact : person.contacts) {
    if (contact.channel != channel) continue;
    if (contact.address == said) return said;
    if (first.empty()) first = contact.address;
  }
  return first.empty() ? said : first;
}

// Whether the message is to show how the incident is now: others are told by a notice, which changes theirs.
std::optional<json::array> restated(const Pressed& pressed, const roused::Reply& reply, const rules::Policy& policy) {
  const bool is_about_it =
      reply.verdict->code == rules::VerdictCode::done || reply.verdict->code == rules::VerdictCode::already_resolved;
  if (!is_about_it || pressed.press.text.starts_with("why")) return std::nullopt;
  rules::IncidentState state = rules::IncidentState::acknowledged;
  std::string by;
  if (pressed.press.incident.value == 0) {
    if (const rules::Person* const person = rules::person_at(policy, pressed.app.channel, pressed.user))
      by = person->name;
  } else {
    if (reply.incident == nullptr || reply.incident->facts.id != pressed.press.incident) return std::nullopt;
    state = reply.incident->facts.state;
    const rules::Person* const person = policy.person(reply.incident->by);
    by = person == nullptr ? reply.incident->by : person->name;
  }
  words::MattermostButtons buttons;
  if (!policy.public_url.empty() && !pressed.app.secrets.empty()) {
    buttons.url = policy.public_url + std::string(mattermost_path);
    buttons.sign = [secret = pressed.app.secrets.front()](std::string_view text) {
      return net::hmac_sha256(secret, text);
    };
    buttons.person = pressed.person;
    buttons.until = pressed.until;
  }
  return words::mattermost_state(pressed.press.incident, pressed.press.about, state, by, pressed.message, buttons);
}

net::Response answer_press(const Pressed& pressed, const roused::Reply& reply, const rules::Policy& policy) {
  json::object body;
  if (reply.verdict && !reply.verdict->text.empty()) {
    std::string text = reply.verdict->text;
    if (reply.durability == roused::Durability::memory) text += " (It counts, but is not on disk yet.)";
    body["ephemeral_text"] = json_text(words::shorten(words::mattermost_escaped(text), written_bytes));
    if (std::optional<json::array> attachments = restated(pressed, reply, policy))
      body["update"] = json::object{{"message", json_text(pressed.message)},
                                    {"props", json::object{{"attachments", *std::move(attachments)}}}};
  }
  return ok(json::serialize(body));
}

Call button_pressed(const json::object& body, rules::Instant now, const Services& services) {
  const json::value* const found = body.if_contains("context");
  const json::object* const context = found == nullptr ? nullptr : found->if_object();
  if (context == nullptr || text_in(*context, "token").empty()) return net::problem(401, "the context has no token");
  const MattermostApp* const app = app_of(services, *context, body);
  if (app == nullptr) return net::problem(401, "the token in the context was not signed here");
  if (has_run_out(text_in(*context, "until"), now))
    return ok(json::serialize(json::object{
        {"ephemeral_text",
         "This button was good for a week. A newer message about it has others, and rousectl does it, too."}}));
  std::string user = address_of(*services.policy(), app->channel, body);
  const std::optional<words::SlackPress> press =
      words::slack_press("rouse_" + std::string(text_in(*context, "action")), text_in(*context, "value"));
  if (!press || user.empty()) return net::problem(400, "the context names no button, or nobody pressed it");
  rules::Replied reply;
  reply.person = text_in(*context, "person");
  if (const rules::Person* const person = services.policy()->person(reply.person))
    user = address_of_person(*person, app->channel, std::move(user));
  Pressed pressed{
      *app, *press, user, std::string(text_in(*context, "message")), reply.person, now + words::mattermost_button_life};
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes;
  reply.channel = app->channel;
  reply.address = user;
  reply.text = press->text;
  reply.about = press->about;
  // One press has one trigger.
  if (const std::string trigger = name_from(text_in(body, "trigger_id")); !trigger.empty())
    reply.id = "mattermost:" + net::sha256(text_in(body, "trigger_id"));
  tell.event = std::move(reply);
  tell.render = [pressed = std::move(pressed), policy = services.policy()](const roused::Reply& said) {
    if (said.durability == roused::Durability::refused) return overloaded();
    return answer_press(pressed, said, *policy);
  };
  return tell;
}

}  // namespace

std::optional<Call> handle_mattermost(const net::Request& request, rules::Instant now, const Services& services) {
  if (request.path != mattermost_path) return std::nullopt;
  if (request.method != "POST") return not_allowed("POST");
  if (!services.settings->access)
    return net::problem(403, "callbacks of providers need an `access` section in the configuration");
  if (request.body.size() > longest_body_bytes) return net::problem(413, "a press of a button is not as long as this");
  const std::string_view type = request.headers.find("Content-Type").value_or(std::string_view());
  if (!is_json_type(type)) return net::problem(415, "Mattermost sends JSON");
  json::error_code error;
  const json::value body = json::parse({request.body.data(), request.body.size()}, error);
  if (error || !body.is_object()) return net::problem(400, "the body is not a JSON object");
  return button_pressed(body.get_object(), now, services);
}

}  // namespace api
