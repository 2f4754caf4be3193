#include "tests/support/slack.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/net/client.hpp"
#include "daemon/net/hmac.hpp"
#include "tests/daemon/net/support.hpp"

namespace support {
namespace {

namespace json = boost::json;

constexpr std::size_t most_blocks = 50;
constexpr std::size_t most_in_all_blocks = 10'000;
constexpr std::size_t longest_text = 40'000;

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string{value->get_string()};
}

const json::object* object_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char one) { return (static_cast<unsigned char>(one) & 0xC0U) != 0x80U; }));
}

// A text object of one of these types, of 1 to `most` characters.
std::string wrong_with_text(const json::object* text, std::string_view types, std::size_t most, std::size_t& all) {
  if (text == nullptr) return "a text is missing";
  const std::string type = text_in(*text, "type");
  if (type.empty() || types.find(type) == std::string_view::npos) return "a text of type " + type;
  if (type == "plain_text" && text->contains("verbatim")) return "verbatim is for mrkdwn";
  if (type == "mrkdwn" && text->contains("emoji")) return "emoji is for plain_text";
  const std::size_t count = characters(text_in(*text, "text"));
  all += count;
  if (count < 1 || count > most) return fmt::format("a text of {} characters, at most {}", count, most);
  return {};
}

std::string wrong_with_button(const json::object& button, std::set<std::string>& names, std::size_t& all) {
  if (text_in(button, "type") != "button") return "no button";
  if (std::string wrong = wrong_with_text(object_in(button, "text"), "plain_text", 75, all); !wrong.empty())
    return wrong;
  const std::string name = text_in(button, "action_id");
  if (name.empty() || name.size() > 255 || !names.insert(name).second) return "action_id " + name;
  if (text_in(button, "value").size() > 2000) return "the value is too long";
  const std::string style = text_in(button, "style");
  if (button.contains("style") && style != "primary" && style != "danger") return "style " + style;
  if (const json::object* const confirm = object_in(button, "confirm")) {
    std::size_t aside = 0;
    for (const auto& [part, most] : {std::pair{"title", 100U}, {"text", 300U}, {"confirm", 30U}, {"deny", 30U}}) {
      const std::string_view types = std::string_view(part) == "text" ? "plain_text mrkdwn" : "plain_text";
      if (std::string wrong = wrong_with_text(object_in(*confirm, part), types, most, aside); !wrong.empty())
        return wrong;
    }
  }
  return {};
}

std::string wrong_with_block(const json::object& block, std::size_t& all) {
  const std::string type = text_in(block, "type");
  if (type == "header") return wrong_with_text(object_in(block, "text"), "plain_text", 150, all);
  if (type == "section") return wrong_with_text(object_in(block, "text"), "plain_text mrkdwn", 3000, all);
  if (type != "context" && type != "actions") return "a block of type " + type;
  const json::value* const elements = block.if_contains("elements");
  if (elements == nullptr || !elements->is_array() || elements->get_array().empty()) return "no elements";
  if (elements->get_array().size() > (type == "context" ? 10U : 25U)) return "too many elements";
  std::set<std::string> names;
  for (const json::value& element : elements->get_array()) {
    std::string wrong = type == "context"     ? wrong_with_text(element.if_object(), "plain_text mrkdwn", 2000, all)
                        : element.is_object() ? wrong_with_button(element.get_object(), names, all)
                                              : "no object";
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string direct_of(const std::string& user) {
  return "D" + user.substr(1);
}

// "blocks" of a call; empty when there are none.
json::array blocks_in(const json::object& body) {
  const json::value* const blocks = body.if_contains("blocks");
  return blocks != nullptr && blocks->is_array() ? blocks->get_array() : json::array{};
}

void add_texts(const json::value& value, std::string& text) {
  if (const json::array* const array = value.if_array()) {
    for (const json::value& one : *array) add_texts(one, text);
  } else if (const json::object* const object = value.if_object()) {
    if (const std::string own = text_in(*object, "text"); !own.empty()) text += own + "\n";
    for (const auto& [name, one] : *object)
      if (name != "confirm") add_texts(one, text);
  }
}

}  // namespace

std::string wrong_with_blocks(const json::array& blocks) {
  if (blocks.size() > most_blocks) return "too many blocks";
  std::set<std::string> names;
  std::size_t all = 0;
  for (const json::value& block : blocks) {
    if (!block.is_object()) return "a block is no object";
    const std::string name = text_in(block.get_object(), "block_id");
    if (name.size() > 255 || (!name.empty() && !names.insert(name).second)) return "block_id " + name;
    if (std::string wrong = wrong_with_block(block.get_object(), all); !wrong.empty()) return wrong;
  }
  return all > most_in_all_blocks ? "msg_blocks_too_long" : "";
}

bool SlackPost::has_button(std::string_view action_id) const {
  return json::serialize(blocks).find(fmt::format("\"action_id\":\"{}\"", action_id)) != std::string::npos;
}

std::string SlackPost::all() const {
  std::string result = text + "\n";
  add_texts(blocks, result);
  return result;
}

Slack::Slack() : thread_{std::make_unique<net::testing::LoopThread>()} {
  last_ts_ = static_cast<long>(std::time(nullptr)) * 1000;
  server_ = std::make_unique<net::Server>(
      thread_->loop(), net::ServerOptions{}, [this](net::Request&& request, net::Responder responder) {
        take(std::move(request), std::move(responder));
      });
  const tl::expected<std::string, std::string> address = server_->listen("127.0.0.1:0");
  if (!address) throw std::runtime_error(address.error());
  url_ = "http://" + *address + "/api";
  thread_->start();
}

Slack::~Slack() {
  thread_->stop();
  server_.reset();
  unanswered_.clear();
}

void Slack::add_user(const std::string& user) {
  const std::lock_guard lock{mutex_};
  users_.insert(user);
  channels_.insert(direct_of(user));
}

void Slack::add_channel(const std::string& channel) {
  const std::lock_guard lock{mutex_};
  channels_.insert(channel);
}

void Slack::archive(const std::string& channel) {
  const std::lock_guard lock{mutex_};
  archived_.insert(channel);
}

void Slack::trouble(std::function<std::optional<SlackTrouble>(const SlackCall&)> decide) {
  const std::lock_guard lock{mutex_};
  decide_ = std::move(decide);
}

std::vector<SlackPost> Slack::posts() const {
  const std::lock_guard lock{mutex_};
  return posts_;
}

std::vector<SlackCall> Slack::calls() const {
  const std::lock_guard lock{mutex_};
  return calls_;
}

bool Slack::wait_until(const std::function<bool(const std::vector<SlackPost>&)>& holds,
                       std::chrono::milliseconds limit) const {
  std::unique_lock lock{mutex_};
  return came_.wait_for(lock, limit, [&] { return holds(posts_); });
}

std::string Slack::next_ts() {
  ++last_ts_;
  return fmt::format("{}.{:06}", last_ts_ / 1000, last_ts_ % 1000);
}

std::string Slack::post(const json::object& body, bool is_ephemeral, json::object& answer) {
  SlackPost made;
  made.channel = text_in(body, "channel");
  if (users_.contains(made.channel)) made.channel = direct_of(made.channel);
  if (!channels_.contains(made.channel)) return "channel_not_found";
  if (archived_.contains(made.channel)) return "is_archived";
  made.text = text_in(body, "text");
  made.blocks = blocks_in(body);
  if (made.text.empty() && made.blocks.empty()) return "no_text";
  if (characters(made.text) > longest_text) return "msg_too_long";
  if (const std::string wrong = wrong_with_blocks(made.blocks); !wrong.empty())
    return wrong == "msg_blocks_too_long" ? wrong : "invalid_blocks";
  made.thread = text_in(body, "thread_ts");
  const bool has_thread =
      made.thread.empty() || std::any_of(posts_.begin(), posts_.end(), [&made](const SlackPost& one) {
        return one.channel == made.channel && one.ts == made.thread;
      });
  if (!has_thread && !is_ephemeral && made.thread.find('.') == std::string::npos) return "thread_not_found";
  if (is_ephemeral) {
    made.user = text_in(body, "user");
    if (!users_.contains(made.user)) return "user_not_in_channel";
  }
  if (const json::object* const metadata = object_in(body, "metadata")) {
    const json::object* const payload = object_in(*metadata, "event_payload");
    if (text_in(*metadata, "event_type").empty() || payload == nullptr) return "invalid_metadata_format";
    made.key = text_in(*payload, "key");
  }
  const json::value* const broadcast = body.if_contains("reply_broadcast");
  made.is_broadcast = broadcast != nullptr && broadcast->is_bool() && broadcast->get_bool();
  made.ts = next_ts();
  answer["channel"] = made.channel;
  answer[is_ephemeral ? "message_ts" : "ts"] = made.ts;
  posts_.push_back(std::move(made));
  return {};
}

std::string Slack::update(const json::object& body, json::object& answer) {
  const std::string channel = text_in(body, "channel");
  const std::string ts = text_in(body, "ts");
  if (!channels_.contains(channel)) return "channel_not_found";
  const auto found = std::find_if(posts_.begin(), posts_.end(), [&](const SlackPost& one) {
    return one.channel == channel && one.ts == ts && one.user.empty();
  });
  if (found == posts_.end()) return "message_not_found";
  if (const std::string wrong = wrong_with_blocks(blocks_in(body)); !wrong.empty()) return "invalid_blocks";
  found->text = text_in(body, "text");
  found->blocks = blocks_in(body);
  ++found->updates;
  answer["channel"] = channel;
  answer["ts"] = ts;
  return {};
}

// conversations.history and .replies, newest first; by form, as all methods that only read.
std::string Slack::list(const SlackCall& call, json::object& answer) {
  std::string channel;
  std::string thread;
  for (const auto& [name, value] : net::parse_form(call.body)) {
    if (name == "channel") channel = value;
    if (name == "ts") thread = value;
  }
  if (!channels_.contains(channel)) return "channel_not_found";
  json::array messages;
  for (auto one = posts_.rbegin(); one != posts_.rend(); ++one) {
    if (one->channel != channel || !one->user.empty()) continue;
    if (thread.empty() ? !one->thread.empty() && !one->is_broadcast : one->thread != thread) continue;
    messages.emplace_back(json::object{
        {"type", "message"},
        {"ts", one->ts},
        {"text", one->text},
        {"metadata",
         json::object{{"event_type", "rouse_message"}, {"event_payload", json::object{{"key", one->key}}}}}});
  }
  answer["messages"] = std::move(messages);
  answer["has_more"] = false;
  return {};
}

std::string Slack::judge(const SlackCall& call, const net::Request& request, json::object& answer) {
  const std::string_view authorization = request.headers.find("Authorization").value_or("");
  if (authorization.empty()) return "not_authed";
  if (authorization != fmt::format("Bearer {}", token)) return "invalid_auth";
  const std::string_view type = request.headers.find("Content-Type").value_or("");
  if (call.method == "auth.test") {
    answer["user_id"] = bot_user;
    return {};
  }
  if (call.method == "conversations.open") {
    for (const auto& [name, value] : net::parse_form(call.body)) {
      if (name != "users") continue;
      if (!users_.contains(value)) return "user_not_found";
      answer["channel"] = json::object{{"id", direct_of(value)}};
      return {};
    }
    return "users_list_not_supplied";
  }
  if (call.method == "conversations.history" || call.method == "conversations.replies") return list(call, answer);
  // Without the type of JSON the body is read as a form, in which there is no channel.
  if (!type.starts_with("application/json")) return "channel_not_found";
  json::error_code error;
  const json::value body = json::parse(call.body, error);
  if (error || !body.is_object()) return "invalid_json";
  if (call.method == "chat.postMessage") return post(body.get_object(), false, answer);
  if (call.method == "chat.postEphemeral") return post(body.get_object(), true, answer);
  if (call.method == "chat.update") return update(body.get_object(), answer);
  return "unknown_method";
}

void Slack::take(net::Request&& request, net::Responder responder) {
  SlackCall call;
  call.method = request.path.starts_with("/api/") ? request.path.substr(5) : request.path;
  call.body = std::string{request.body};
  net::Response response;
  bool is_answered = true;
  {
    const std::lock_guard lock{mutex_};
    const std::optional<SlackTrouble> trouble = decide_ ? decide_(call) : std::nullopt;
    json::object answer;
    call.status = 200;
    if (!trouble || trouble->is_taken) call.error = judge(call, request, answer);
    if (trouble) {
      call.status = trouble->status;
      if (!trouble->error.empty()) call.error = trouble->error;
      if (trouble->retry_after.count() > 0)
        response.headers.add("Retry-After", std::to_string(trouble->retry_after.count()));
      is_answered = !trouble->never;
    }
    answer["ok"] = call.error.empty();
    if (!call.error.empty()) answer["error"] = call.error;
    response.status = call.status;
    response.body = trouble && !trouble->bytes.empty() ? trouble->bytes : json::serialize(answer);
    calls_.push_back(std::move(call));
    came_.notify_all();
  }
  if (is_answered) return responder.send(std::move(response));
  unanswered_.push_back(std::move(responder));
}

// ---- what Slack posts -----------------------------------------------------------------------------------------------

Slack::Signed Slack::sign(std::string body, std::string content_type, std::chrono::seconds age) {
  Signed made;
  made.timestamp = std::to_string(static_cast<long>(std::time(nullptr)) - age.count());
  made.signature = "v0=" + net::hmac_sha256(secret, fmt::format("v0:{}:{}", made.timestamp, body));
  made.body = std::move(body);
  made.content_type = std::move(content_type);
  return made;
}

Answer Slack::deliver(const std::string& roused, const Signed& request) {
  net::ClientRequest made;
  made.url = roused + "/v1/callbacks/slack";
  made.body = request.body;
  made.timeout = patience;
  made.headers.add("Content-Type", request.content_type);
  made.headers.add("X-Slack-Request-Timestamp", request.timestamp);
  made.headers.add("X-Slack-Signature", request.signature);
  made.headers.add("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)");
  const auto result = net::http_call(std::move(made));
  if (!result) return {0, result.error()};
  return {result->status, result->body};
}

Slack::Signed Slack::press(const SlackPost& post, const std::string& user, std::string_view action_id) {
  json::object action;
  for (const json::value& block : post.blocks) {
    const json::value* const elements = block.as_object().if_contains("elements");
    if (elements == nullptr) continue;
    for (const json::value& element : elements->as_array()) {
      if (text_in(element.as_object(), "action_id") != action_id) continue;
      action = element.as_object();
      action["block_id"] = text_in(block.as_object(), "block_id");
    }
  }
  if (action.empty()) throw std::runtime_error("the message has no such button");
  action.erase("confirm");
  json::object message{{"bot_id", "B0BOT"},
                       {"type", "message"},
                       {"text", post.text},
                       {"user", bot_user},
                       {"ts", post.ts},
                       {"blocks", post.blocks}};
  if (!post.thread.empty()) message["thread_ts"] = post.thread;
  const std::lock_guard lock{mutex_};
  action["action_ts"] = next_ts();
  const json::object payload{
      {"type", "block_actions"},
      {"user", json::object{{"id", user}, {"username", "olga"}, {"name", "olga"}, {"team_id", "T9TK3CUKW"}}},
      {"api_app_id", "A0TULIP"},
      {"token", "Shh_its_a_seekrit"},
      {"container",
       json::object{
           {"type", "message"}, {"message_ts", post.ts}, {"channel_id", post.channel}, {"is_ephemeral", false}}},
      {"trigger_id", "13345224609.738474920.8088930838d88f008e0"},
      {"team", json::object{{"id", "T9TK3CUKW"}, {"domain", "example"}}},
      {"enterprise", nullptr},
      {"is_enterprise_install", false},
      {"channel", json::object{{"id", post.channel}, {"name", "directmessage"}}},
      {"message", std::move(message)},
      {"state", json::object{{"values", json::object{}}}},
      {"response_url", "https://hooks.slack.com/actions/T9TK3CUKW/1/tulip"},
      {"actions", json::array{std::move(action)}}};
  return sign(net::print_form({{"payload", json::serialize(payload)}}), "application/x-www-form-urlencoded");
}

Slack::Signed Slack::write(const std::string& channel,
                           const std::string& user,
                           const std::string& text,
                           const std::string& thread,
                           std::string_view type) {
  const std::lock_guard lock{mutex_};
  const std::string ts = next_ts();
  json::object event{{"type", type},
                     {"user", user},
                     {"text", text},
                     {"ts", ts},
                     {"channel", channel},
                     {"event_ts", ts},
                     {"client_msg_id", "a5a1b2c3-0000-4000-8000-000000000000"}};
  if (type == "message") event["channel_type"] = channel.starts_with('D') ? "im" : "channel";
  if (!thread.empty()) {
    event["thread_ts"] = thread;
    event["parent_user_id"] = bot_user;
  }
  const json::object envelope{
      {"token", "Shh_its_a_seekrit"},
      {"team_id", "T9TK3CUKW"},
      {"api_app_id", "A0TULIP"},
      {"event", std::move(event)},
      {"type", "event_callback"},
      {"event_id", "Ev" + ts},
      {"event_time", last_ts_ / 1000},
      {"authorizations", json::array{json::object{{"team_id", "T9TK3CUKW"}, {"user_id", bot_user}, {"is_bot", true}}}}};
  return sign(json::serialize(envelope), "application/json");
}

}  // namespace support
