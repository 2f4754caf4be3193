#include "daemon/channels/twilio.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "daemon/channels/http_answer.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/message.hpp"
#include "daemon/words/twilio_errors.hpp"
#include "rules/telephone.hpp"

namespace channels {

// The tries that may still be looked for, by key.
struct TwilioProvider::Begun {
  static constexpr std::size_t most = 10'000;
  static constexpr std::chrono::minutes kept{10};  // far longer than anybody looks for one
  struct Try {
    std::chrono::nanoseconds at;  // boot time
    std::string essence;          // of the text as it was sent; "" = a call
  };
  std::map<std::string, Try, std::less<>> tries;

  void note(const std::string& key, std::chrono::nanoseconds now, std::string essence) {
    if (tries.size() >= most) std::erase_if(tries, [now](const auto& one) { return one.second.at + kept < now; });
    if (tries.size() < most) tries.try_emplace(key, Try{now, std::move(essence)});
  }
};

namespace {

namespace json = boost::json;

// What waits at Twilio for longer than this would come when somebody else has been called already: it is given up, and
// that is reported.
constexpr std::chrono::seconds text_waits_at_most{60};
// A telephone that nobody picks up: long enough to be found in the dark, shorter than the wait for a mailbox.
constexpr std::chrono::seconds rings_for{30};
constexpr std::size_t listed_at_most = 20;
constexpr std::size_t longest_detail = 160;

bool is_call(const rules::Send& send) {
  return send.channel == "voice";
}

json::object object_of(const std::string& body) {
  json::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

std::uint32_t code_of(const json::object& object) {
  const json::value* const value = object.if_contains("code");
  const std::int64_t* const code = value == nullptr ? nullptr : value->if_int64();
  return code == nullptr || *code < 0 || *code > 999'999 ? 0 : static_cast<std::uint32_t>(*code);
}

TryResult judged_answer(const net::ClientResult& result) {
  const unsigned status = result.status;
  const json::object answer = object_of(result.body);
  if (status >= 200 && status < 300) {
    std::string sid = text_of(answer, "sid");
    std::string detail = sid.empty() ? std::string("taken by Twilio") : "taken by Twilio as " + words::visible(sid);
    return {TryOutcome::accepted, std::move(detail), {}, std::move(sid)};
  }
  const std::uint32_t code = code_of(answer);
  std::string detail = "Twilio " + answered_in_words(status);
  if (code != 0) detail += fmt::format(", error {}", code);
  std::string why(words::twilio_error_text(code));
  if (why.empty() && status == 401) why = words::twilio_error_text(20003);
  if (why.empty()) why = words::shorten(words::visible(text_of(answer, "message")), longest_detail);
  if (!why.empty()) detail += ": " + why;
  // 20429 is what 429 says in JSON; a queue that is full empties.
  if (is_transient(status) || code == 20429 || code == 21611)
    return {TryOutcome::transient, std::move(detail), retry_after(result.headers)};
  return {TryOutcome::refused, std::move(detail), {}};
}

TryResult judged(net::ClientResult result) {
  if (result.outcome == net::Outcome::answered) return judged_answer(result);
  return judged_without_answer(std::move(result));
}

// "Thu, 30 Jul 2015 20:12:31 +0000", as JSON and the header Date have it; both are UTC.
std::optional<std::chrono::sys_seconds> mail_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* const rest = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  const std::string_view zone(rest);
  if (zone != " +0000" && zone != " GMT") return std::nullopt;
  return std::chrono::sys_seconds{std::chrono::seconds{::timegm(&parts)}};
}

// Letters and digits alone: carriers and Twilio's own encoding change the rest, and a trial account puts words before.
std::string essence(std::string_view text) {
  std::string kept;
  for (const char one : text) {
    const bool stays = (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9');
    if (stays) kept += one;
  }
  return kept;
}

struct Wanted {
  std::string to;
  std::string from;     // "" = whatever it says
  std::string essence;  // of the text; "" = a call
  std::chrono::sys_seconds since;
};

// Something that was never sent is not what we look for.
bool has_come_to_nothing(std::string_view status) {
  return status == "failed" || status == "undelivered" || status == "canceled";
}

bool is_ours(const json::object& one, const Wanted& wanted) {
  if (text_of(one, "to") != wanted.to || has_come_to_nothing(text_of(one, "status"))) return false;
  const std::string from = text_of(one, "from");
  if (!wanted.from.empty() && !from.empty() && from != wanted.from) return false;
  const std::optional<std::chrono::sys_seconds> created = mail_date(text_of(one, "date_created"));
  if (!created || *created < wanted.since) return false;
  return wanted.essence.empty() || essence(text_of(one, "body")).ends_with(wanted.essence);
}

TryResult judged_list(const net::ClientResult& result, const Wanted& wanted, std::string_view list_name) {
  const auto not_known = [](std::string why) { return TryResult{TryOutcome::unanswered, std::move(why), {}}; };
  if (result.outcome != net::Outcome::answered) return not_known(result.detail);
  if (result.status != 200) return not_known(fmt::format("Twilio's list answered {}", result.status));
  const json::object answer = object_of(result.body);
  const json::value* const list = answer.if_contains(json::string_view(list_name.data(), list_name.size()));
  if (list == nullptr || !list->is_array()) return not_known("Twilio's list cannot be read");
  for (const json::value& one : list->get_array()) {
    if (!one.is_object() || !is_ours(one.get_object(), wanted)) continue;
    return {TryOutcome::accepted, "Twilio lists it", {}, text_of(one.get_object(), "sid")};
  }
  return not_known("Twilio does not list it");
}

}  // namespace

tl::expected<TwilioSettings, std::string> twilio_settings(const rules::Provider& provider,
                                                          std::string_view public_url) {
  TwilioSettings settings;
  settings.timeout = provider.timeout;
  settings.public_url = public_url;
  std::string auth_token_file;
  std::string api_key_secret_file;
  for (const auto& [name, value] : provider.settings) {
    if (name == "account_sid") settings.account_sid = value;
    if (name == "auth_token_file") auth_token_file = value;
    if (name == "api_key_sid") settings.api_key_sid = value;
    if (name == "api_key_secret_file") api_key_secret_file = value;
    if (name == "from") settings.from = value;
    if (name == "messaging_service_sid") settings.messaging_service_sid = value;
    if (name == "api") settings.api = value;
    if (name == "segments") std::from_chars(value.data(), value.data() + value.size(), settings.segments);
  }
  while (settings.api.ends_with('/')) settings.api.pop_back();
  tl::expected<std::vector<std::string>, std::string> tokens = read_secrets(auth_token_file);
  if (!tokens) return tl::unexpected(std::move(tokens.error()));
  settings.auth_tokens = std::move(*tokens);
  if (!settings.api_key_sid.empty()) {
    tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(api_key_secret_file);
    if (!secrets) return tl::unexpected(std::move(secrets.error()));
    settings.api_key_secret = std::move(secrets->front());
  }
  return settings;
}

std::string twilio_callback(std::string_view what, const rules::Send& send) {
  return fmt::format(
      "/v1/callbacks/twilio/{}?m={}&k={}&p={}", what, send.message.value, net::percent_encode(send.key), send.provider);
}

TwilioProvider::TwilioProvider(net::Client& client, const roused::Clock& clock, TwilioSettings settings)
    : settings_(std::move(settings)), client_(client), clock_(clock), begun_(std::make_shared<Begun>()) {}

namespace {

std::string authorization(const TwilioSettings& settings) {
  const bool has_key = !settings.api_key_sid.empty();
  const std::string& name = has_key ? settings.api_key_sid : settings.account_sid;
  const std::string& secret = has_key ? settings.api_key_secret : settings.auth_tokens.front();
  return "Basic " + net::base64(name + ":" + secret);
}

// `what` of the account: "/Calls"; "" is the account itself.
net::ClientRequest request_of(const TwilioSettings& settings, std::string_view what) {
  net::ClientRequest request;
  request.url =
      fmt::format("{}/2010-04-01/Accounts/{}{}.json", settings.api, net::percent_encode(settings.account_sid), what);
  request.timeout = settings.timeout;
  request.headers.add("Authorization", authorization(settings));
  request.headers.add("User-Agent", "rouse/" ROUSE_VERSION);
  request.headers.add("Accept", "application/json");
  return request;
}

net::ClientRequest request_to(const TwilioSettings& settings, bool is_call, std::chrono::milliseconds limit) {
  net::ClientRequest request = request_of(settings, is_call ? "/Calls" : "/Messages");
  request.timeout = std::min(settings.timeout, limit);
  return request;
}

std::string text_for(const rules::Send& send, const TwilioSettings& settings) {
  return words::sms_text(words::Wording{settings.public_url, settings.templates}, send, settings.segments);
}

net::Form form_of_text(const rules::Send& send, const TwilioSettings& settings) {
  net::Form form{{"To", send.address}};
  if (settings.messaging_service_sid.empty())
    form.emplace_back("From", settings.from);
  else
    form.emplace_back("MessagingServiceSid", settings.messaging_service_sid);
  form.emplace_back("Body", text_for(send, settings));
  form.emplace_back("ValidityPeriod", std::to_string(text_waits_at_most.count()));
  if (!settings.public_url.empty())
    form.emplace_back("StatusCallback", settings.public_url + twilio_callback("status", send));
  return form;
}

net::Form form_of_call(const rules::Send& send, const TwilioSettings& settings) {
  return {{"To", send.address},
          {"From", settings.from},
          {"Url", settings.public_url + twilio_callback("voice", send)},
          {"Method", "POST"},
          {"StatusCallback", settings.public_url + twilio_callback("status", send)},
          {"StatusCallbackMethod", "POST"},
          {"StatusCallbackEvent", "completed"},
          {"MachineDetection", "Enable"},
          {"Timeout", std::to_string(rings_for.count())}};
}

}  // namespace

net::ClientRequest twilio_probe(const TwilioSettings& settings) {
  const bool has_key = !settings.api_key_sid.empty();  // which reads what it sent, but not the account
  net::ClientRequest request = request_of(settings, has_key ? "/Messages" : "");
  request.method = "GET";
  if (has_key) request.url += "?PageSize=1";
  return request;
}

void TwilioProvider::attempt(const rules::Send& send,
                             std::chrono::milliseconds limit,
                             std::function<bool()> may_leave,
                             std::function<void(TryResult)> done) {
  if (!rules::is_telephone_number(send.address))
    return done({TryOutcome::refused, "this contact is no telephone number such as +16045550101", {}});
  if (is_call(send) && settings_.public_url.empty())
    return done(
        {TryOutcome::refused, "Twilio asks for the words of a call at server.public_url, and there is none", {}});
  if (is_call(send) && settings_.from.empty())
    return done({TryOutcome::refused, "a call needs the setting `from`", {}});
  net::ClientRequest request = request_to(settings_, is_call(send), limit);
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = net::print_form(is_call(send) ? form_of_call(send, settings_) : form_of_text(send, settings_));
  request.before_first_byte = std::move(may_leave);
  begun_->note(send.key, clock_.read().boot, is_call(send) ? "" : essence(text_for(send, settings_)));
  client_.send(std::move(request), [done = std::move(done), begun = begun_, key = send.key](net::ClientResult result) {
    TryResult judgement = judged(std::move(result));
    if (judgement.outcome != TryOutcome::unanswered) begun->tries.erase(key);
    done(std::move(judgement));
  });
}

void TwilioProvider::look_up(const rules::Send& send,
                             std::chrono::milliseconds limit,
                             std::function<void(TryResult)> done) {
  const auto begun = begun_->tries.find(send.key);
  if (begun == begun_->tries.end())
    return done({TryOutcome::unanswered, "nobody knows when the try began, so Twilio's list cannot tell", {}});
  const std::chrono::nanoseconds began = begun->second.at;
  const bool is_a_call = is_call(send);
  // As it was sent: what is asked for by now says that it may be a duplicate.
  Wanted wanted{send.address, settings_.from, begun->second.essence, {}};
  net::ClientRequest request = request_to(settings_, is_a_call, limit);
  request.method = "GET";
  request.url += "?" + net::print_form({{"To", send.address}, {"PageSize", std::to_string(listed_at_most)}});
  client_.send(std::move(request),
               [done = std::move(done), wanted = std::move(wanted), began, is_a_call, &clock = clock_](
                   const net::ClientResult& result) mutable {
                 // Twilio's dates are by Twilio's clock, and so is the one of its answer; they have whole seconds.
                 const roused::ClockReading now = clock.read();
                 const std::optional<std::chrono::sys_seconds> there =
                     mail_date(result.headers.find("Date").value_or(std::string_view()));
                 const auto then = there ? std::chrono::sys_time<std::chrono::nanoseconds>(*there)
                                         : std::chrono::sys_time<std::chrono::nanoseconds>(now.wall);
                 wanted.since = std::chrono::floor<std::chrono::seconds>(then - (now.boot - began));
                 done(judged_list(result, wanted, is_a_call ? "calls" : "messages"));
               });
}

}  // namespace channels
