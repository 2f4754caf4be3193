#include "daemon/api/slack_paths.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/api/access.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/thread_look.hpp"
#include "daemon/net/client.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/slack.hpp"
#include "rules/reply.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::string_view slack_path = "/v1/callbacks/slack";
constexpr std::size_t longest_body_bytes = std::size_t{512} << 10;  // a press brings its whole message along
constexpr std::size_t most_challenge_bytes = 1'000;
constexpr std::size_t event_bytes = 512;
constexpr std::size_t name_bytes = 64;
constexpr std::size_t written_characters = 3'000;
constexpr std::chrono::seconds call_timeout{10};

using Apps = std::vector<const SlackApp*>;

// ---- reading --------------------------------------------------------------------------------------------------------

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

const json::object* object_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::object* first_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_array() || value->get_array().empty()) return nullptr;
  return value->get_array().front().if_object();
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string name_from(std::string_view text) {
  return words::shorten(words::visible(text), name_bytes);
}

// What somebody has typed: Slack's three entities undone, mentions gone, of a link what is seen of it.
std::string typed(std::string_view text) {
  std::string result;
  for (std::size_t index = 0; index < text.size();) {
    if (text[index] == '<') {
      const std::size_t end = text.find('>', index);
      if (end == std::string_view::npos) break;
      const std::string_view inside = text.substr(index + 1, end - index - 1);
      const bool is_mention = inside.starts_with('@') || inside.starts_with('#') || inside.starts_with('!');
      if (!is_mention) {
        const std::size_t bar = inside.find('|');
        result += bar == std::string_view::npos ? inside : inside.substr(bar + 1);
      }
      index = end + 1;
      continue;
    }
    const std::string_view rest = text.substr(index);
    if (rest.starts_with("&amp;")) {
      result += '&';
      index += 5;
    } else if (rest.starts_with("&lt;")) {
      result += '<';
      index += 4;
    } else if (rest.starts_with("&gt;")) {
      result += '>';
      index += 4;
    } else {
      result += text[index++];
    }
  }
  std::string line = words::visible(result);
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  line = line.substr(first, line.find_last_not_of(' ') - first + 1);
  return words::shorten(line, rules::reply_limit_bytes);
}

// By which channel this user is somebody's contact; the first one when nobody is: the rules then know a stranger.
const SlackApp& app_of(const Apps& apps, const rules::Policy& policy, std::string_view user) {
  for (const SlackApp* const app : apps)
    if (rules::person_at(policy, app->channel, user) != nullptr) return *app;
  return *apps.front();
}

// ---- writing back ---------------------------------------------------------------------------------------------------

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

// Where something is written back, by value: it is used when the engine has answered.
struct Place {
  SlackApp app;
  std::string user;
  std::string channel;
  std::string thread;  // "" = none
};

void call_slack(const Services& services, const SlackApp& app, std::string_view method, const json::object& body) {
  if (!services.call || app.bot_token.empty()) return;
  net::ClientRequest request;
  request.url = fmt::format("{}/{}", app.api, method);
  request.timeout = call_timeout;
  request.headers.add("Authorization", "Bearer " + app.bot_token);
  request.headers.add("Content-Type", "application/json; charset=utf-8");
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  request.body = json::serialize(body);
  services.call(std::move(request));
}

json::object words_to(const Place& place, std::string_view text) {
  json::object body{{"channel", json_text(place.channel)},
                    {"text", json_text(words::slack_shortened(words::escaped_for_slack(text), written_characters))},
                    {"unfurl_links", false},
                    {"unfurl_media", false}};
  if (!place.thread.empty()) body["thread_ts"] = json_text(place.thread);
  return body;
}

void write(const Services& services, const Place& place, std::string_view text) {
  call_slack(services, place.app, "chat.postMessage", words_to(place, text));
}

// Only the user sees it, and only now.
void whisper(const Services& services, const Place& place, std::string_view text) {
  json::object body = words_to(place, text);
  body["user"] = json_text(place.user);
  call_slack(services, place.app, "chat.postEphemeral", body);
}

std::string said_back(const roused::Reply& reply) {
  if (!reply.verdict || reply.verdict->text.empty()) return {};
  if (reply.durability == roused::Durability::memory)
    return reply.verdict->text + " (It counts, but is not on disk yet.)";
  return reply.verdict->text;
}

net::Response taken() {
  return {};
}

Tell tell_of(rules::Replied reply) {
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes + reply.text.size();
  tell.event = std::move(reply);
  return tell;
}

// ---- a button -------------------------------------------------------------------------------------------------------

// The message that was pressed, as Slack gave it.
struct Pressed {
  std::string ts;
  std::string text;
  json::array blocks;
  words::SlackPress press;
};

std::string name_of(const rules::Policy& policy, const std::string& id) {
  const rules::Person* const person = policy.person(id);
  return person == nullptr ? id : person->name;
}

// The incident as it is now, in the message that was pressed. True when the message shows what became of it.
bool restate(const Services& services, const Place& place, Pressed pressed, const roused::Reply& reply) {
  rules::IncidentState state = rules::IncidentState::acknowledged;
  std::string by;
  if (pressed.press.incident.value != 0) {
    if (reply.incident == nullptr || reply.incident->facts.id != pressed.press.incident) return false;
    state = reply.incident->facts.state;
    by = name_of(*services.policy(), reply.incident->by);
  } else if (const rules::Person* const person = rules::person_at(*services.policy(), place.app.channel, place.user)) {
    by = person->name;
  }
  if (!words::slack_restate(pressed.blocks, pressed.press.incident, state, by)) return false;
  call_slack(services,
             place.app,
             "chat.update",
             {{"channel", json_text(place.channel)},
              {"ts", json_text(pressed.ts)},
              {"text", json_text(pressed.text)},
              {"blocks", std::move(pressed.blocks)}});
  return true;
}

void answer_press(const Services& services, const Place& place, const Pressed& pressed, const roused::Reply& reply) {
  const std::string text = said_back(reply);
  if (text.empty()) return;
  // Between the app and one person there is nobody else who is told: the message and its thread say it then. Others get
  // a notice, which changes their message.
  const bool is_direct = place.channel.starts_with('D');
  const bool has_acted = reply.verdict->code == rules::VerdictCode::done && !pressed.press.text.starts_with("why");
  const bool is_over = reply.verdict->code == rules::VerdictCode::already_resolved;
  if (is_direct && (has_acted || is_over)) restate(services, place, pressed, reply);
  if (is_direct && has_acted) return write(services, place, text);
  whisper(services, place, text);
}

Call button_pressed(const json::object& payload, const Apps& apps, const Services& services) {
  const json::object* const action = first_in(payload, "actions");
  const json::object* const user = object_in(payload, "user");
  const json::object* const channel = object_in(payload, "channel");
  const json::object* const message = object_in(payload, "message");
  const json::object* const container = object_in(payload, "container");
  if (action == nullptr || user == nullptr) return net::problem(400, "the payload has no action or no user");
  Pressed pressed;
  const std::optional<words::SlackPress> press =
      words::slack_press(text_in(*action, "action_id"), text_in(*action, "value"));
  if (!press) return taken();  // no button of ours, or one of a version to come
  pressed.press = *press;
  Place place;
  place.user = name_from(text_in(*user, "id"));
  if (place.user.empty()) return net::problem(400, "the payload does not say who pressed");
  if (channel != nullptr) place.channel = name_from(text_in(*channel, "id"));
  if (place.channel.empty() && container != nullptr) place.channel = name_from(text_in(*container, "channel_id"));
  if (message != nullptr) {
    pressed.ts = name_from(text_in(*message, "ts"));
    pressed.text = text_in(*message, "text");
    if (const json::value* const blocks = message->if_contains("blocks"); blocks != nullptr && blocks->is_array())
      pressed.blocks = blocks->get_array();
    place.thread = name_from(text_in(*message, "thread_ts"));
    if (place.thread.empty()) place.thread = pressed.ts;
  }
  place.app = app_of(apps, *services.policy(), place.user);
  rules::Replied reply;
  reply.channel = place.app.channel;
  reply.address = place.user;
  reply.text = pressed.press.text;
  reply.about = pressed.press.about;
  const std::string when = name_from(text_in(*action, "action_ts"));
  reply.id = fmt::format(
      "slack:{}/{}/{}", place.channel, pressed.ts, when.empty() ? name_from(text_in(payload, "trigger_id")) : when);
  Tell tell = tell_of(std::move(reply));
  tell.render = [&services, place = std::move(place), pressed = std::move(pressed)](const roused::Reply& said) {
    if (said.durability == roused::Durability::refused) return overloaded();
    answer_press(services, place, pressed, said);
    return taken();
  };
  return tell;
}

// ---- a text ---------------------------------------------------------------------------------------------------------

// As whom the app is in this workspace; "" = not said.
std::string_view own_user(const json::object& envelope) {
  const json::object* const bot = first_in(envelope, "authorizations");
  return bot == nullptr ? std::string_view() : text_in(*bot, "user_id");
}

bool is_own_thread(const json::object& envelope, const json::object& event) {
  const std::string_view parent = text_in(event, "parent_user_id");
  return !parent.empty() && parent == own_user(envelope);
}

// Whether somebody said this to us.
bool is_for_us(const json::object& envelope, const json::object& event) {
  const std::string_view type = text_in(event, "type");
  if (type != "message" && type != "app_mention") return false;
  const std::string_view subtype = text_in(event, "subtype");
  if (!subtype.empty() && subtype != "thread_broadcast") return false;
  if (event.contains("bot_id") || event.contains("edited") || text_in(event, "user").empty()) return false;
  if (type == "app_mention" || text_in(event, "channel_type") == "im") return true;
  return is_own_thread(envelope, event);
}

bool is_mentioned(const json::object& envelope, const json::object& event) {
  if (text_in(event, "type") == "app_mention") return true;
  const std::string_view id = own_user(envelope);
  return !id.empty() && text_in(event, "text").find(fmt::format("<@{}", id)) != std::string_view::npos;
}

// People talk with each other in the threads of a channel: only what is understood is for us, or what names us; and
// what does not say of which incident is not taken for another one.
PassOver pass_over_in_channel(const Services& services, Place place, bool is_mention) {
  return [&services, place = std::move(place), is_mention](ThreadReply seen) -> std::optional<net::Response> {
    if (seen.is_understood ? seen.says_of_what : is_mention) return std::nullopt;
    const bool is_known = rules::person_at(*services.policy(), place.app.channel, place.user) != nullptr;
    if (is_mention && is_known)
      write(services, place, "Which incident is meant? This thread is about none that is known; name it: ack R-12");
    return taken();
  };
}

Call event_came(const json::object& envelope, const Apps& apps, const Services& services) {
  const json::object* const event = object_in(envelope, "event");
  if (event == nullptr) return net::problem(400, "the callback has no event");
  if (!is_for_us(envelope, *event)) return taken();
  Place place;
  place.user = name_from(text_in(*event, "user"));
  place.channel = name_from(text_in(*event, "channel"));
  const std::string ts = name_from(text_in(*event, "ts"));
  const std::string thread = name_from(text_in(*event, "thread_ts"));
  if (place.channel.empty() || ts.empty()) return net::problem(400, "the event does not say where it happened");
  const bool is_direct = text_in(*event, "channel_type") == "im" || place.channel.starts_with('D');
  place.thread = !thread.empty() || is_direct ? thread : ts;
  place.app = app_of(apps, *services.policy(), place.user);
  rules::Replied reply;
  reply.channel = place.app.channel;
  reply.address = place.user;
  reply.text = typed(text_in(*event, "text"));
  if (reply.text.empty()) return taken();
  // A mention in a thread comes as two events, and each may come again: it is the same message.
  reply.id = fmt::format("slack:{}/{}", place.channel, ts);
  Tell tell = tell_of(std::move(reply));
  const std::string reference = fmt::format("{}/{}", place.channel, thread);
  PassOver pass_over = [](ThreadReply) { return std::nullopt; };
  if (!is_direct) pass_over = pass_over_in_channel(services, place, is_mentioned(envelope, *event));
  tell.render = [&services, place = std::move(place)](const roused::Reply& said) {
    if (said.durability == roused::Durability::refused) return overloaded();
    if (const std::string text = said_back(said); !text.empty()) write(services, place, text);
    return taken();
  };
  if (thread.empty()) return tell;
  return tell_in_thread(reference, std::move(tell), std::move(pass_over));
}

// ---- the slash command ----------------------------------------------------------------------------------------------

std::string field(const net::Form& form, std::string_view name) {
  const auto found = std::find_if(form.begin(), form.end(), [name](const auto& one) { return one.first == name; });
  return found == form.end() ? std::string() : found->second;
}

Call command_came(const net::Form& form, const Apps& apps, const Services& services) {
  const std::string user = name_from(field(form, "user_id"));
  if (user.empty()) return net::problem(400, "the command does not say whose it is");
  rules::Replied reply;
  reply.channel = app_of(apps, *services.policy(), user).channel;
  reply.address = user;
  reply.text = typed(field(form, "text"));
  reply.id = "slack:" + name_from(field(form, "trigger_id"));
  if (reply.text.empty()) return taken();
  Tell tell = tell_of(std::move(reply));
  tell.render = [](const roused::Reply& said) {
    if (said.durability == roused::Durability::refused) return overloaded();
    const std::string text = said_back(said);
    if (text.empty()) return taken();
    return ok(json::serialize(
        json::object{{"response_type", "ephemeral"},
                     {"text", json_text(words::slack_shortened(words::escaped_for_slack(text), written_characters))}}));
  };
  return tell;
}

// ---- the path -------------------------------------------------------------------------------------------------------

Call json_came(std::string_view body, const Apps& apps, const Services& services) {
  const std::optional<json::object> envelope = parse_object(body);
  if (!envelope) return net::problem(400, "the body is not a JSON object");
  const std::string_view type = text_in(*envelope, "type");
  if (type == "event_callback") return event_came(*envelope, apps, services);
  if (type != "url_verification") return taken();
  const std::string_view challenge = text_in(*envelope, "challenge");
  if (challenge.empty() || challenge.size() > most_challenge_bytes) return net::problem(400, "there is no challenge");
  return plain(200, words::visible(challenge));
}

Call form_came(std::string_view body, const Apps& apps, const Services& services) {
  const net::Form form = net::parse_form(body);
  const std::string payload = field(form, "payload");
  if (payload.empty()) {
    if (field(form, "command").empty()) return net::problem(400, "the form has neither a payload nor a command");
    return command_came(form, apps, services);
  }
  const std::optional<json::object> pressed = parse_object(payload);
  if (!pressed) return net::problem(400, "the payload is not a JSON object");
  if (text_in(*pressed, "type") != "block_actions") return taken();
  return button_pressed(*pressed, apps, services);
}

bool is_form(std::string_view content_type) {
  return net::equal_ignoring_case(content_type.substr(0, content_type.find(';')), "application/x-www-form-urlencoded");
}

}  // namespace

void Services::use_chats() {
  slack_apps_.clear();
  mattermost_apps_.clear();
  if (!read_secrets) return;
  for (const rules::Channel& channel : policy_->channels) {
    for (const rules::Provider& provider : channel.providers) {
      if (provider.kind == rules::ProviderKind::mattermost) {
        for (const auto& [name, value] : provider.settings)
          if (name == "callback_secret_file") mattermost_apps_.push_back({channel.name, read_secrets(value)});
      }
      if (provider.kind != rules::ProviderKind::slack) continue;
      SlackApp app{channel.name, {}, {}, "https://slack.com/api"};
      bool is_signed = false;
      for (const auto& [name, value] : provider.settings) {
        if (name == "api") app.api = value;
        if (name == "signing_secret_file") {
          is_signed = true;
          app.secrets = read_secrets(value);
        }
        if (name == "bot_token_file") {
          if (std::vector<std::string> tokens = read_secrets(value); !tokens.empty())
            app.bot_token = std::move(tokens.front());
        }
      }
      while (app.api.ends_with('/')) app.api.pop_back();
      if (is_signed) slack_apps_.push_back(std::move(app));
    }
  }
}

std::optional<Call> handle_slack(const net::Request& request, rules::Instant now, const Services& services) {
  if (request.path != slack_path) return std::nullopt;
  if (request.method != "POST") return not_allowed("POST");
  if (!services.settings->access)
    return net::problem(403, "callbacks of providers need an `access` section in the configuration");
  if (request.body.size() > longest_body_bytes) return net::problem(413, "a callback of Slack is not as long as this");
  const auto apps = slack_apps_of(services.slack_apps(), request.headers, request.body, now);
  if (!apps) return net::problem(apps.error().status, apps.error().why);
  const std::string_view type = request.headers.find("Content-Type").value_or(std::string_view());
  if (is_json_type(type)) return json_came(request.body, *apps, services);
  if (is_form(type)) return form_came(request.body, *apps, services);
  return net::problem(415, "Slack sends JSON or a form");
}

}  // namespace api
