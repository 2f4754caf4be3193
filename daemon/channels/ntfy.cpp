#include "daemon/channels/ntfy.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/channels/http_answer.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/message.hpp"
#include "daemon/words/page.hpp"
#include "rules/moment.hpp"

namespace channels {
namespace {

namespace json = boost::json;

constexpr std::size_t title_bytes = 200;
constexpr std::size_t longest_name = 64;  // of a topic, and of a sequence
constexpr std::size_t detail_bytes = 120;
constexpr int priority_of_urgent = 5;
constexpr int priority_of_others = 3;
constexpr int priority_of_notices = 2;
constexpr std::chrono::seconds clock_difference{60};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [](char one) {
    return (one >= 'A' && one <= 'Z') || (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '-' ||
           one == '_';
  });
}

// The server and the topic that an address names: "TOPIC", or "https://ntfy.example.org/TOPIC".
struct Topic {
  std::string server;
  std::string name;
  bool is_elsewhere{};  // not the configured server: it does not get its credentials
};

std::optional<Topic> topic_of(const NtfySettings& settings, std::string_view address) {
  Topic topic{settings.url, std::string(address), false};
  if (address.starts_with("https://") || address.starts_with("http://")) {
    const std::size_t slash = address.rfind('/');
    topic.server = address.substr(0, slash);
    topic.name = address.substr(slash + 1);
    topic.is_elsewhere = topic.server != settings.url;
  }
  if (!is_name(topic.name) || topic.server.size() < std::string_view("http://a").size()) return std::nullopt;
  return topic;
}

std::string sequence_of(std::string_view key) {
  return is_name(key) ? std::string(key) : net::sha256(key).substr(0, longest_name);
}

// Of "TOPIC/SEQUENCE" the sequence, when it is of this topic.
std::optional<std::string> sequence_in(std::string_view reference, std::string_view topic) {
  const std::size_t slash = reference.find('/');
  if (slash == std::string_view::npos || reference.substr(0, slash) != topic) return std::nullopt;
  const std::string_view sequence = reference.substr(slash + 1);
  if (!is_name(sequence)) return std::nullopt;
  return std::string(sequence);
}

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

const rules::IncidentFacts* incident_of(const rules::Send& send) {
  if (!send.pages.empty()) return &send.pages.front().incident;
  return send.notices.empty() ? nullptr : &send.notices.front().incident;
}

int priority_of(const rules::Send& send) {
  if (send.pages.empty()) return priority_of_notices;
  const bool is_urgent = std::any_of(send.pages.begin(), send.pages.end(), [](const rules::PageFacts& page) {
    return page.incident.urgency == rules::Urgency::high || page.reason == rules::PageReason::test;
  });
  return is_urgent ? priority_of_urgent : priority_of_others;
}

// The message changes the one that it is about only when that is all that it is about.
std::string sequence_for(const rules::Send& send, std::string_view topic) {
  if (send.pages.empty() && send.notices.size() == 1) {
    if (std::optional<std::string> first = sequence_in(send.notices.front().thread, topic)) return *std::move(first);
  }
  return sequence_of(send.key);
}

std::string body_of(const rules::Send& send, const Topic& topic, const NtfySettings& settings) {
  json::object body;
  body["topic"] = json_text(topic.name);
  body["title"] = json_text(words::shorten(words::subject(send), title_bytes));
  const rules::IncidentFacts* const incident = incident_of(send);
  std::string acknowledge;
  if (incident != nullptr && incident->id.value != 0 && send.pages.size() == 1 && settings.sign_link)
    acknowledge = settings.sign_link(send.person, incident->id, send.message, "ack");
  words::Links links;
  if (!acknowledge.empty())
    links.push_back({.incident = incident->id, .acknowledge = acknowledge, .escalate = {}, .close = {}});
  body["message"] = json_text(words::push_text({settings.public_url, settings.templates}, send, links));
  body["priority"] = priority_of(send);
  body["tags"] = json::array{send.pages.empty() ? "information_source" : "rotating_light"};
  body["sequence_id"] = json_text(sequence_for(send, topic.name));
  if (incident != nullptr && incident->id.value != 0) {
    const std::string url = words::incident_url(incident->id, settings.public_url);
    if (!url.empty()) body["click"] = json_text(url);
    if (!acknowledge.empty())
      body["actions"] = json::array{json::object{{"action", "http"},
                                                 {"label", "Acknowledge"},
                                                 {"url", json_text(acknowledge)},
                                                 {"method", "POST"},
                                                 {"clear", true}}};
  }
  return json::serialize(body);
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

TryResult judged(net::ClientResult result, std::string reference) {
  if (result.outcome != net::Outcome::answered) return judged_without_answer(std::move(result));
  std::string detail = fmt::format("ntfy answered {}", result.status);
  if (is_transient(result.status)) return {TryOutcome::transient, std::move(detail), retry_after(result.headers)};
  const std::optional<json::object> body = parse_object(result.body);
  if (result.status != 200) {
    // {"code":40301,"http":403,"error":"forbidden"}
    const std::string_view why = body ? text_in(*body, "error") : std::string_view();
    if (!why.empty()) detail += ": " + words::shorten(words::visible(why), detail_bytes);
    return {TryOutcome::refused, std::move(detail), {}};
  }
  if (!body || text_in(*body, "id").empty()) return {TryOutcome::unanswered, "ntfy's answer was not whole", {}};
  TryResult accepted{TryOutcome::accepted, "published", {}};
  accepted.reference = std::move(reference);
  return accepted;
}

net::ClientRequest request_to(const NtfySettings& settings, const Topic& topic, std::chrono::milliseconds limit) {
  net::ClientRequest request;
  request.timeout = std::min(settings.timeout, limit);
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  if (!settings.authorization.empty() && !topic.is_elsewhere)
    request.headers.add("Authorization", settings.authorization);
  return request;
}

// One JSON object a line: what the server keeps of the topic.
TryResult found_in(const net::ClientResult& result, const std::string& sequence, const std::string& reference) {
  if (result.outcome != net::Outcome::answered || result.status != 200)
    return {TryOutcome::unanswered, "ntfy does not say what it has", {}};
  for (std::string_view rest = result.body; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::optional<json::object> line = parse_object(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line || text_in(*line, "event") != "message" || text_in(*line, "sequence_id") != sequence) continue;
    TryResult found{TryOutcome::accepted, "ntfy has it", {}};
    found.reference = reference;
    return found;
  }
  return {TryOutcome::unanswered, "ntfy does not list it", {}};
}

}  // namespace

tl::expected<NtfySettings, std::string> ntfy_settings(const rules::Provider& provider, std::string_view public_url) {
  NtfySettings settings;
  settings.timeout = provider.timeout;
  settings.public_url = public_url;
  if (!provider.url.empty()) settings.url = provider.url;
  while (settings.url.ends_with('/')) settings.url.pop_back();
  std::string username;
  for (const auto& [key, value] : provider.settings)
    if (key == "username") username = value;
  for (const auto& [key, value] : provider.settings) {
    if (key != "token_file" && key != "password_file") continue;
    tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(value);
    if (!secrets) return tl::unexpected(std::move(secrets.error()));
    settings.authorization = key == "token_file"
                                 ? "Bearer " + secrets->front()
                                 : "Basic " + net::base64(fmt::format("{}:{}", username, secrets->front()));
  }
  return settings;
}

net::ClientRequest ntfy_probe(const NtfySettings& settings) {
  net::ClientRequest request;
  request.method = "GET";
  request.url = settings.url + "/v1/health";
  request.timeout = settings.timeout;
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  if (!settings.authorization.empty()) request.headers.add("Authorization", settings.authorization);
  return request;
}

NtfyProvider::NtfyProvider(net::Client& client, const roused::Clock& clock, NtfySettings settings)
    : client_(client), clock_(clock), settings_(std::move(settings)) {}

void NtfyProvider::attempt(const rules::Send& send,
                           std::chrono::milliseconds limit,
                           std::function<bool()> may_leave,
                           std::function<void(TryResult)> done) {
  const std::optional<Topic> topic = topic_of(settings_, send.address);
  if (!topic) return done({TryOutcome::refused, "the contact is no topic of ntfy (letters, digits, - and _)", {}});
  net::ClientRequest request = request_to(settings_, *topic, limit);
  request.url = topic->server;
  request.headers.add("Content-Type", "application/json");
  request.body = body_of(send, *topic, settings_);
  request.before_first_byte = std::move(may_leave);
  const std::string reference = fmt::format("{}/{}", topic->name, sequence_for(send, topic->name));
  client_.send(std::move(request), [done = std::move(done), reference](net::ClientResult result) {
    done(judged(std::move(result), reference));
  });
}

void NtfyProvider::look_up(const rules::Send& send,
                           std::chrono::milliseconds limit,
                           std::function<void(TryResult)> done) {
  const std::optional<Topic> topic = topic_of(settings_, send.address);
  if (!topic) return done({TryOutcome::unanswered, "the contact is no topic of ntfy", {}});
  const auto since = std::chrono::floor<std::chrono::seconds>(send.composed_at.time_since_epoch()) - clock_difference;
  net::ClientRequest request = request_to(settings_, *topic, limit);
  request.method = "GET";
  request.url = fmt::format("{}/{}/json?poll=1&since={}", topic->server, topic->name, since.count());
  const std::string sequence = sequence_for(send, topic->name);
  const std::string reference = fmt::format("{}/{}", topic->name, sequence);
  client_.send(std::move(request), [done = std::move(done), sequence, reference](const net::ClientResult& result) {
    done(found_in(result, sequence, reference));
  });
}

}  // namespace channels
