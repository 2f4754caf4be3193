#include "daemon/channels/slack.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/channels/http_answer.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/slack.hpp"

namespace channels {
namespace {

namespace json = boost::json;

constexpr std::string_view metadata_type = "rouse_message";
constexpr std::size_t plain_characters = 3'000;
constexpr std::size_t detail_bytes = 80;
constexpr int looked_at = 30;  // messages of a conversation that look_up() goes through
constexpr std::chrono::seconds clock_difference{60};

template <std::size_t size>
bool is_one_of(std::string_view word, const std::array<std::string_view, size>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Slack has not taken it, and may do so later.
constexpr std::array<std::string_view, 8> passing{"ratelimited",
                                                  "rate_limited",
                                                  "message_limit_exceeded",
                                                  "internal_error",
                                                  "fatal_error",
                                                  "service_unavailable",
                                                  "request_timeout",
                                                  "team_added_to_org"};

// What Slack minds is not who it is for, but how it is said.
constexpr std::array<std::string_view, 14> about_the_form{"invalid_blocks",
                                                          "invalid_blocks_format",
                                                          "msg_blocks_too_long",
                                                          "msg_too_long",
                                                          "markdown_text_conflict",
                                                          "invalid_metadata_format",
                                                          "invalid_metadata_schema",
                                                          "metadata_too_large",
                                                          "metadata_must_be_sent_from_app",
                                                          "thread_not_found",
                                                          "message_not_found",
                                                          "cannot_reply_to_message",
                                                          "restricted_action_thread_locked",
                                                          "no_text"};

std::string_view text_of(const json::value* value) {
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

const json::object* object_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

// A conversation and a place in it: "C012AB3CD/1503435956.000247", "/bundle" behind it when it is a bundle.
struct Reference {
  std::string channel;
  std::string ts;
  bool is_bundle{};
};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char one) {
    return (one >= 'A' && one <= 'Z') || (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '.' ||
           one == '_';
  });
}

std::optional<Reference> parse_reference(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  Reference reference;
  reference.channel = text.substr(0, slash);
  std::string_view rest = text.substr(slash + 1);
  const std::size_t second = rest.find('/');
  reference.is_bundle = second != std::string_view::npos;
  rest = rest.substr(0, second);
  reference.ts = rest;
  if (!is_word(reference.channel) || !is_word(reference.ts)) return std::nullopt;
  return reference;
}

// How Slack's answer is to be taken; with what it said when it said no.
struct Answer {
  TryResult result;
  std::string error;  // Slack's word; "" = none
  json::object body;
};

Answer judged(net::ClientResult result) {
  if (result.outcome != net::Outcome::answered) return {judged_without_answer(std::move(result)), {}, {}};
  Answer answer;
  json::error_code error;
  json::value body = json::parse(result.body, error);
  if (!error && body.is_object()) answer.body = std::move(body.get_object());
  const json::value* const ok = answer.body.if_contains("ok");
  const std::string_view said = text_of(answer.body.if_contains("error"));
  if (is_word(said)) answer.error = said;
  std::string detail = answer.error.empty() ? "Slack " + answered_in_words(result.status)
                                            : fmt::format("Slack said {}", answer.error.substr(0, detail_bytes));
  if (is_transient(result.status) || is_one_of(answer.error, passing)) {
    answer.result = {TryOutcome::transient, std::move(detail), retry_after(result.headers)};
  } else if (result.status != 200) {
    answer.result = {TryOutcome::refused, std::move(detail), {}};
  } else if (ok == nullptr || !ok->is_bool() || (!ok->get_bool() && answer.error.empty())) {
    // Cut off, or not Slack's word at all: it may have been posted.
    answer.result = {TryOutcome::unanswered, "Slack's answer was not whole", {}};
  } else if (!ok->get_bool()) {
    answer.result = {TryOutcome::refused, std::move(detail), {}};
  } else {
    answer.result = {TryOutcome::accepted, "posted", {}};
  }
  return answer;
}

std::string reference_of(const json::object& body, bool is_bundle) {
  const std::string_view channel = text_of(body.if_contains("channel"));
  const std::string_view ts = text_of(body.if_contains("ts"));
  if (!is_word(channel) || !is_word(ts)) return {};
  return fmt::format("{}/{}{}", channel, ts, is_bundle ? "/bundle" : "");
}

// One call, and how else it may be said when Slack minds the form.
struct Step {
  std::string_view method;
  std::vector<std::string> bodies;  // never empty; later ones when the one before was refused for its form
  bool is_update{};                 // may be repeated, and may fail: what is posted says the same
};

// A try on its way: its steps one after the other. Held by the callback of the call that is under way.
struct Run {
  net::Client& client;
  const roused::Clock& clock;
  std::shared_ptr<const SlackSettings> settings;
  std::chrono::nanoseconds until{};  // boot clock
  std::function<bool()> may_leave;
  std::function<void(TryResult)> done;
  std::vector<Step> steps;
  bool is_bundle{};
  std::size_t step{};
  std::size_t body{};
  bool was_posted{};
  std::string reference;
};

net::ClientRequest request_to(const SlackSettings& settings,
                              std::string_view method,
                              std::chrono::milliseconds timeout) {
  net::ClientRequest request;
  request.url = fmt::format("{}/{}", settings.api, method);
  request.timeout = timeout;
  request.headers.add("Authorization", "Bearer " + settings.bot_token);
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  return request;
}

std::chrono::milliseconds time_left(const Run& run) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(run.until - run.clock.read().boot);
  return std::clamp(left, std::chrono::milliseconds{1}, run.settings->timeout);
}

void go_on(const std::shared_ptr<Run>& run);

void take(const std::shared_ptr<Run>& run, net::ClientResult result) {
  const Step& step = run->steps[run->step];
  Answer answer = judged(std::move(result));
  const bool is_refused = answer.result.outcome == TryOutcome::refused;
  if (is_refused && run->body + 1 < step.bodies.size() && is_one_of(answer.error, about_the_form)) {
    ++run->body;
    return go_on(run);
  }
  if (answer.result.outcome == TryOutcome::accepted) {
    if (!step.is_update) {
      if (!run->was_posted) run->reference = reference_of(answer.body, run->is_bundle);
      run->was_posted = true;
    }
  } else if (!(step.is_update && is_refused) && !run->was_posted) {
    return run->done(std::move(answer.result));
  }
  ++run->step;
  run->body = 0;
  go_on(run);
}

void go_on(const std::shared_ptr<Run>& run) {
  if (run->step >= run->steps.size()) {
    TryResult result{TryOutcome::accepted, "posted", {}};
    result.reference = run->reference;
    return run->done(std::move(result));
  }
  const Step& step = run->steps[run->step];
  net::ClientRequest request = request_to(*run->settings, step.method, time_left(*run));
  request.headers.add("Content-Type", "application/json; charset=utf-8");
  request.body = step.bodies[run->body];
  request.before_first_byte = run->may_leave;
  run->client.send(std::move(request), [run](net::ClientResult result) { take(run, std::move(result)); });
}

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

json::object post_to(std::string_view channel, std::string_view text, const rules::Send& send) {
  json::object body;
  body["channel"] = json_text(channel);
  body["text"] = json_text(text);
  body["unfurl_links"] = false;
  body["unfurl_media"] = false;
  body["metadata"] = {{"event_type", json_text(metadata_type)},
                      {"event_payload", {{"key", json_text(send.key)}, {"message", send.message.value}}}};
  return body;
}

void put_into_thread(json::object& body, const Reference& thread, bool is_shown_outside) {
  body["channel"] = json_text(thread.channel);
  body["thread_ts"] = json_text(thread.ts);
  if (is_shown_outside) body["reply_broadcast"] = true;
}

words::Wording wording_of(const SlackSettings& settings) {
  return {settings.public_url, settings.templates};
}

Step post_page(const rules::Send& send, const SlackSettings& settings) {
  Step step{"chat.postMessage", {}, false};
  const words::SlackMessage message = words::slack_page(wording_of(settings), send);
  json::object body = post_to(send.address, message.text, send);
  body["blocks"] = message.blocks;
  const std::optional<Reference> thread =
      send.pages.size() == 1 ? parse_reference(send.pages.front().thread) : std::nullopt;
  if (thread) {
    json::object inside = body;
    put_into_thread(inside, *thread, true);
    step.bodies.push_back(json::serialize(inside));
  }
  step.bodies.push_back(json::serialize(body));
  std::string lines;
  // Line by line, since a line break is none of what is escaped.
  const std::string text = words::page_text(send, settings.public_url);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (begin > 0) lines += '\n';
    lines += words::escaped_for_slack(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  json::object bare;
  bare["channel"] = json_text(send.address);
  bare["text"] = json_text(words::slack_shortened(lines, plain_characters));
  step.bodies.push_back(json::serialize(bare));
  return step;
}

void add_notice(const rules::Send& send,
                const rules::NoticeFacts& notice,
                const SlackSettings& settings,
                std::vector<Step>& steps) {
  const std::optional<Reference> thread = parse_reference(notice.thread);
  const bool changes_it = notice.kind == rules::NoticeKind::acknowledged || notice.kind == rules::NoticeKind::ended;
  if (thread && changes_it && !thread->is_bundle) {
    const words::SlackMessage restated = words::slack_restated(notice, settings.public_url);
    json::object update;
    update["channel"] = json_text(thread->channel);
    update["ts"] = json_text(thread->ts);
    update["text"] = json_text(restated.text);
    update["blocks"] = restated.blocks;
    steps.push_back({"chat.update", {json::serialize(update)}, true});
  }
  const json::object body = post_to(send.address, words::slack_notice(wording_of(settings), send, notice), send);
  Step post{"chat.postMessage", {}, false};
  if (thread) {
    json::object inside = body;
    // Who follows the conversation and not the thread wants to read what was said to everybody.
    put_into_thread(inside, *thread, !changes_it || send.person.empty());
    post.bodies.push_back(json::serialize(inside));
  }
  post.bodies.push_back(json::serialize(body));
  steps.push_back(std::move(post));
}

// What may be repeated comes first, so that a try that is made again posts nothing twice.
std::vector<Step> steps_of(const rules::Send& send, const SlackSettings& settings) {
  std::vector<Step> steps;
  if (!send.pages.empty()) {
    steps.push_back(post_page(send, settings));
    return steps;
  }
  for (const rules::NoticeFacts& notice : send.notices) add_notice(send, notice, settings, steps);
  std::stable_partition(steps.begin(), steps.end(), [](const Step& step) { return step.is_update; });
  return steps;
}

const json::value* setting_of_message(const json::object& message, std::string_view name) {
  const json::object* const metadata = object_in(message, "metadata");
  const json::object* const payload = metadata == nullptr ? nullptr : object_in(*metadata, "event_payload");
  return payload == nullptr ? nullptr : payload->if_contains(name);
}

TryResult found_in(const Answer& answer, std::string_view channel, std::string_view key, bool is_bundle) {
  const TryResult nothing{TryOutcome::unanswered,
                          answer.error.empty() ? std::string("Slack's list does not have it")
                                               : fmt::format("Slack does not list: {}", answer.error),
                          {}};
  const json::value* const messages = answer.body.if_contains("messages");
  if (answer.result.outcome != TryOutcome::accepted || messages == nullptr || !messages->is_array()) return nothing;
  for (const json::value& one : messages->get_array()) {
    const json::object* const message = one.if_object();
    if (message == nullptr || text_of(setting_of_message(*message, "key")) != key) continue;
    TryResult found{TryOutcome::accepted, "Slack's list has it", {}};
    found.reference = reference_of(
        {{"channel", json_text(channel)}, {"ts", json_text(text_of(message->if_contains("ts")))}}, is_bundle);
    return found;
  }
  return nothing;
}

// A look through a conversation, or a thread of it.
struct Search {
  net::Client& client;
  const roused::Clock& clock;
  std::shared_ptr<const SlackSettings> settings;
  std::chrono::nanoseconds until{};
  std::function<void(TryResult)> done;
  std::string key;
  std::string channel;
  std::string thread;  // "" = the conversation itself
  std::int64_t oldest{};
  bool is_bundle{};
};

net::ClientRequest form_to(const Search& search, std::string_view method, const net::Form& form) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(search.until - search.clock.read().boot);
  net::ClientRequest request =
      request_to(*search.settings, method, std::clamp(left, std::chrono::milliseconds{1}, search.settings->timeout));
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = net::print_form(form);
  return request;
}

void read_conversation(const std::shared_ptr<Search>& search) {
  net::Form form{{"channel", search->channel},
                 {"include_all_metadata", "true"},
                 {"limit", std::to_string(looked_at)},
                 {"oldest", std::to_string(search->oldest)}};
  if (!search->thread.empty()) form.emplace_back("ts", search->thread);
  net::ClientRequest request =
      form_to(*search, search->thread.empty() ? "conversations.history" : "conversations.replies", form);
  search->client.send(std::move(request), [search](net::ClientResult result) {
    search->done(found_in(judged(std::move(result)), search->channel, search->key, search->is_bundle));
  });
}

// The conversation with a user has a name of its own.
void open_conversation(const std::shared_ptr<Search>& search) {
  net::ClientRequest request = form_to(*search, "conversations.open", {{"users", search->channel}});
  search->client.send(std::move(request), [search](net::ClientResult result) {
    const Answer answer = judged(std::move(result));
    const json::object* const channel = object_in(answer.body, "channel");
    const std::string_view id = channel == nullptr ? std::string_view() : text_of(channel->if_contains("id"));
    if (answer.result.outcome != TryOutcome::accepted || !is_word(id))
      return search->done({TryOutcome::unanswered, "Slack does not say which conversation it is", {}});
    search->channel = id;
    read_conversation(search);
  });
}

}  // namespace

tl::expected<SlackSettings, std::string> slack_settings(const rules::Provider& provider, std::string_view public_url) {
  SlackSettings settings;
  settings.timeout = provider.timeout;
  settings.public_url = public_url;
  for (const auto& [key, value] : provider.settings) {
    if (key == "api") settings.api = value;
    if (key == "bot_token_file") {
      tl::expected<std::vector<std::string>, std::string> tokens = read_secrets(value);
      if (!tokens) return tl::unexpected(std::move(tokens.error()));
      settings.bot_token = std::move(tokens->front());
    }
  }
  while (settings.api.ends_with('/')) settings.api.pop_back();
  if (settings.bot_token.empty()) return tl::unexpected(std::string("there is no bot_token_file"));
  return settings;
}

net::ClientRequest slack_probe(const SlackSettings& settings) {
  return request_to(settings, "auth.test", settings.timeout);
}

SlackProvider::SlackProvider(net::Client& client, const roused::Clock& clock, SlackSettings settings)
    : client_(client), clock_(clock), settings_(std::make_shared<const SlackSettings>(std::move(settings))) {}

void SlackProvider::attempt(const rules::Send& send,
                            std::chrono::milliseconds limit,
                            std::function<bool()> may_leave,
                            std::function<void(TryResult)> done) {
  if (send.address.empty()) return done({TryOutcome::refused, "the contact is no Slack user (U...) or channel", {}});
  const auto run = std::make_shared<Run>(Run{client_,
                                             clock_,
                                             settings_,
                                             clock_.read().boot + limit,
                                             std::move(may_leave),
                                             std::move(done),
                                             steps_of(send, *settings_),
                                             send.pages.size() > 1,
                                             0,
                                             0,
                                             false,
                                             {}});
  if (run->steps.empty()) return run->done({TryOutcome::refused, "there is nothing to say", {}});
  go_on(run);
}

void SlackProvider::look_up(const rules::Send& send,
                            std::chrono::milliseconds limit,
                            std::function<void(TryResult)> done) {
  const auto composed = std::chrono::floor<std::chrono::seconds>(send.composed_at.time_since_epoch());
  const std::string first = !send.pages.empty()     ? send.pages.front().thread
                            : !send.notices.empty() ? send.notices.front().thread
                                                    : std::string();
  const std::optional<Reference> thread = send.pages.size() > 1 ? std::nullopt : parse_reference(first);
  const auto search = std::make_shared<Search>(Search{client_,
                                                      clock_,
                                                      settings_,
                                                      clock_.read().boot + limit,
                                                      std::move(done),
                                                      send.key,
                                                      thread ? thread->channel : send.address,
                                                      thread ? thread->ts : std::string(),
                                                      (composed - clock_difference).count(),
                                                      send.pages.size() > 1});
  const bool is_user = search->channel.starts_with('U') || search->channel.starts_with('W');
  return is_user ? open_conversation(search) : read_conversation(search);
}

}  // namespace channels
