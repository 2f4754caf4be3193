#include "daemon/channels/mattermost.hpp"

#include <algorithm>
#include <map>
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
#include "daemon/words/mattermost.hpp"

namespace channels {

struct MattermostProvider::Shared {
  MattermostSettings settings;
  words::MattermostButtons buttons;
  std::string own_id;                           // of the bot; "" = not known yet
  std::map<std::string, std::string> channels;  // address -> channel; of users
};

namespace {

namespace json = boost::json;

using Shared = MattermostProvider::Shared;

constexpr std::string_view channel_prefix = "channel:";
constexpr std::size_t detail_bytes = 120;
constexpr std::size_t most_channels_kept = 10'000;

bool is_id(std::string_view text) {
  constexpr std::size_t id_letters = 26;
  return text.size() == id_letters && std::all_of(text.begin(), text.end(), [](char one) {
           return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9');
         });
}

bool is_user_name(std::string_view text) {
  constexpr std::size_t most_letters = 64;
  return !text.empty() && text.size() <= most_letters && std::all_of(text.begin(), text.end(), [](char one) {
    return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '.' || one == '-' || one == '_';
  });
}

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

struct Reference {
  std::string channel;
  std::string post;
  bool is_bundle{};
};

std::optional<Reference> parse_reference(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  Reference reference{std::string(text.substr(0, slash)), {}, false};
  const std::string_view rest = text.substr(slash + 1);
  reference.post = rest.substr(0, rest.find('/'));
  reference.is_bundle = rest.find('/') != std::string_view::npos;
  if (!is_id(reference.channel) || !is_id(reference.post)) return std::nullopt;
  return reference;
}

struct Answer {
  TryResult result;
  unsigned status{};  // 0 = none
  json::object body;
};

// Posts are answered by the post (201), changes by it, too (200): what else has no id was not whole.
Answer judged(net::ClientResult result) {
  if (result.outcome != net::Outcome::answered) return {judged_without_answer(std::move(result)), 0, {}};
  Answer answer;
  answer.status = result.status;
  json::error_code error;
  json::value body = json::parse(result.body, error);
  if (!error && body.is_object()) answer.body = std::move(body.get_object());
  std::string detail = "Mattermost " + answered_in_words(result.status);
  if (is_transient(result.status)) {
    answer.result = {TryOutcome::transient, std::move(detail), retry_after(result.headers)};
  } else if (result.status < 200 || result.status >= 300) {
    const std::string_view why = text_in(answer.body, "message");
    if (!why.empty()) detail += ": " + words::shorten(words::visible(why), detail_bytes);
    answer.result = {TryOutcome::refused, std::move(detail), {}};
  } else if (!is_id(text_in(answer.body, "id"))) {
    answer.result = {TryOutcome::unanswered, "Mattermost's answer was not whole", {}};
  } else {
    answer.result = {TryOutcome::accepted, "posted", {}};
  }
  return answer;
}

struct Step {
  std::string method;  // of HTTP
  std::string path;
  json::object body;    // of a post without channel_id, when it goes where the address says
  std::string root;     // of a thread that the post goes into; "" = none
  std::string channel;  // of the thread
  bool is_update{};
};

struct Run {
  net::Client& client;
  const roused::Clock& clock;
  std::shared_ptr<Shared> shared;
  std::chrono::nanoseconds until{};
  std::function<bool()> may_leave;
  std::function<void(TryResult)> done;
  std::string address;
  std::string user;     // of a direct channel that is being looked for
  std::string channel;  // that the address means; "" = not known yet
  std::vector<Step> steps;
  bool is_bundle{};
  std::size_t step{};
  bool was_posted{};
  std::string reference;
};

using Taken = std::function<void(Answer)>;

net::ClientRequest request_to(const MattermostSettings& settings, std::string_view path) {
  net::ClientRequest request;
  request.url = fmt::format("{}/api/v4/{}", settings.url, path);
  request.timeout = settings.timeout;
  request.headers.add("Authorization", "Bearer " + settings.bot_token);
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  return request;
}

void call(const std::shared_ptr<Run>& run,
          std::string method,
          std::string_view path,
          std::string body,
          bool is_message,
          Taken taken) {
  const MattermostSettings& settings = run->shared->settings;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(run->until - run->clock.read().boot);
  net::ClientRequest request = request_to(settings, path);
  request.method = std::move(method);
  request.timeout = std::clamp(left, std::chrono::milliseconds{1}, settings.timeout);
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  if (is_message) request.before_first_byte = run->may_leave;
  run->client.send(std::move(request),
                   [taken = std::move(taken)](net::ClientResult result) { taken(judged(std::move(result))); });
}

void go_on(const std::shared_ptr<Run>& run);

void take(const std::shared_ptr<Run>& run, Answer answer) {
  Step& step = run->steps[run->step];
  const bool is_refused = answer.result.outcome == TryOutcome::refused;
  if (is_refused && !step.root.empty() && !step.is_update && (answer.status == 400 || answer.status == 404)) {
    step.root.clear();  // what it was to be put beneath is gone: it is said all the same
    step.channel.clear();
    return go_on(run);
  }
  if (answer.result.outcome == TryOutcome::accepted) {
    if (!step.is_update) {
      const std::string_view channel = text_in(answer.body, "channel_id");
      if (!run->was_posted && is_id(channel))
        run->reference = fmt::format("{}/{}{}", channel, text_in(answer.body, "id"), run->is_bundle ? "/bundle" : "");
      run->was_posted = true;
    }
  } else if (!(step.is_update && is_refused) && !run->was_posted) {
    return run->done(std::move(answer.result));
  }
  ++run->step;
  go_on(run);
}

// Nothing has been posted yet, so an answer that did not come leaves nothing unknown.
bool is_found(const std::shared_ptr<Run>& run, Answer& answer) {
  if (answer.result.outcome == TryOutcome::accepted) return true;
  if (answer.result.outcome == TryOutcome::unanswered) answer.result.outcome = TryOutcome::transient;
  run->done(std::move(answer.result));
  return false;
}

void open_channel(const std::shared_ptr<Run>& run) {
  const std::string body = json::serialize(json::array{json_text(run->shared->own_id), json_text(run->user)});
  call(run, "POST", "channels/direct", body, false, [run](Answer answer) {
    if (!is_found(run, answer)) return;
    run->channel = text_in(answer.body, "id");
    if (run->shared->channels.size() >= most_channels_kept) run->shared->channels.clear();
    run->shared->channels[run->address] = run->channel;
    go_on(run);
  });
}

void find_user(const std::shared_ptr<Run>& run) {
  if (is_id(run->address)) {
    run->user = run->address;
    return open_channel(run);
  }
  call(run, "GET", "users/username/" + run->address.substr(1), {}, false, [run](Answer answer) {
    if (!is_found(run, answer)) return;
    run->user = text_in(answer.body, "id");
    open_channel(run);
  });
}

void find_channel(const std::shared_ptr<Run>& run) {
  if (run->address.starts_with(channel_prefix)) {
    run->channel = run->address.substr(channel_prefix.size());
    return go_on(run);
  }
  if (const auto known = run->shared->channels.find(run->address); known != run->shared->channels.end()) {
    run->channel = known->second;
    return go_on(run);
  }
  if (!run->shared->own_id.empty()) return find_user(run);
  call(run, "GET", "users/me", {}, false, [run](Answer answer) {
    if (!is_found(run, answer)) return;
    run->shared->own_id = text_in(answer.body, "id");
    find_user(run);
  });
}

void go_on(const std::shared_ptr<Run>& run) {
  if (run->step >= run->steps.size()) {
    TryResult result{TryOutcome::accepted, "posted", {}};
    result.reference = run->reference;
    return run->done(std::move(result));
  }
  const Step& step = run->steps[run->step];
  json::object body = step.body;
  if (!step.is_update) {
    if (step.root.empty() && run->channel.empty()) return find_channel(run);
    body["channel_id"] = json_text(step.root.empty() ? run->channel : step.channel);
    if (!step.root.empty()) body["root_id"] = json_text(step.root);
  }
  call(
      run, step.method, step.path, json::serialize(body), true, [run](Answer answer) { take(run, std::move(answer)); });
}

Step post_of(std::string_view message, json::array attachments, const std::string& key) {
  Step step{"POST", "posts", {}, {}, {}, false};
  step.body["message"] = json_text(message);
  step.body["pending_post_id"] = json_text(key);
  if (!attachments.empty()) step.body["props"] = json::object{{"attachments", std::move(attachments)}};
  return step;
}

void put_into_thread(Step& step, const std::optional<Reference>& thread) {
  if (!thread) return;
  step.root = thread->post;
  step.channel = thread->channel;
}

std::vector<Step> steps_of(const rules::Send& send, const Shared& shared, rules::Instant now) {
  const std::string& public_url = shared.settings.public_url;
  words::MattermostButtons buttons = shared.buttons;
  buttons.until = now + words::mattermost_button_life;
  if (!send.address.starts_with(channel_prefix)) buttons.person = send.person;
  const words::Wording wording{public_url, shared.settings.templates};
  std::vector<Step> steps;
  if (!send.pages.empty()) {
    words::MattermostMessage page = words::mattermost_page(wording, send, buttons);
    steps.push_back(post_of(page.message, std::move(page.attachments), send.key));
    if (send.pages.size() == 1) put_into_thread(steps.back(), parse_reference(send.pages.front().thread));
    return steps;
  }
  std::map<rules::IncidentId, std::size_t> posts;
  for (const rules::NoticeFacts& notice : send.notices) {
    const std::optional<Reference> thread = parse_reference(notice.thread);
    const bool changes_it = notice.kind == rules::NoticeKind::acknowledged || notice.kind == rules::NoticeKind::ended;
    if (thread && changes_it && !thread->is_bundle) {
      words::MattermostMessage restated = words::mattermost_restated(notice, public_url, buttons);
      Step update{"PUT", fmt::format("posts/{}/patch", thread->post), {}, {}, {}, true};
      update.body["message"] = json_text(restated.message);
      update.body["props"] = json::object{{"attachments", std::move(restated.attachments)}};
      steps.push_back(std::move(update));
    }
    // Each post has a key of its own, also when several are about one incident, or about none.
    std::string key = fmt::format("{}-{}", send.key, notice.incident.id.value);
    if (const std::size_t before = ++posts[notice.incident.id]; before > 1) key += fmt::format("-{}", before);
    steps.push_back(post_of(words::mattermost_notice(wording, send, notice), {}, key));
    put_into_thread(steps.back(), thread);
  }
  std::stable_partition(steps.begin(), steps.end(), [](const Step& step) { return step.is_update; });
  return steps;
}

bool is_address(std::string_view address) {
  if (address.starts_with(channel_prefix)) return is_id(address.substr(channel_prefix.size()));
  return is_id(address) || (address.starts_with('@') && is_user_name(address.substr(1)));
}

}  // namespace

tl::expected<MattermostSettings, std::string> mattermost_settings(const rules::Provider& provider,
                                                                  std::string_view public_url) {
  MattermostSettings settings;
  settings.url = provider.url;
  settings.timeout = provider.timeout;
  settings.public_url = public_url;
  while (settings.url.ends_with('/')) settings.url.pop_back();
  for (const auto& [key, value] : provider.settings) {
    if (key != "bot_token_file" && key != "callback_secret_file") continue;
    tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(value);
    if (!secrets) return tl::unexpected(std::move(secrets.error()));
    (key == "bot_token_file" ? settings.bot_token : settings.callback_secret) = std::move(secrets->front());
  }
  if (settings.url.empty()) return tl::unexpected(std::string("there is no url"));
  if (settings.bot_token.empty()) return tl::unexpected(std::string("there is no bot_token_file"));
  return settings;
}

net::ClientRequest mattermost_probe(const MattermostSettings& settings) {
  net::ClientRequest request = request_to(settings, "users/me");
  request.method = "GET";
  return request;
}

MattermostProvider::MattermostProvider(net::Client& client, const roused::Clock& clock, MattermostSettings settings)
    : client_(client), clock_(clock), shared_(std::make_shared<Shared>()) {
  if (!settings.public_url.empty() && !settings.callback_secret.empty()) {
    shared_->buttons.url = settings.public_url + "/v1/callbacks/mattermost";
    shared_->buttons.sign = [secret = settings.callback_secret](std::string_view text) {
      return net::hmac_sha256(secret, text);
    };
  }
  shared_->settings = std::move(settings);
}

void MattermostProvider::attempt(const rules::Send& send,
                                 std::chrono::milliseconds limit,
                                 std::function<bool()> may_leave,
                                 std::function<void(TryResult)> done) {
  if (!is_address(send.address))
    return done(
        {TryOutcome::refused, "the contact is no user (an id of 26 letters and digits, @name) or channel:ID", {}});
  const auto run = std::make_shared<Run>(Run{client_,
                                             clock_,
                                             shared_,
                                             clock_.read().boot + limit,
                                             std::move(may_leave),
                                             std::move(done),
                                             send.address,
                                             {},
                                             {},
                                             steps_of(send, *shared_, clock_.read().wall),
                                             send.pages.size() > 1,
                                             0,
                                             false,
                                             {}});
  if (run->steps.empty()) return run->done({TryOutcome::refused, "there is nothing to say", {}});
  go_on(run);
}

}  // namespace channels
