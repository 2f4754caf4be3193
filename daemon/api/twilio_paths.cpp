#include "daemon/api/twilio_paths.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/api/twilio_signature.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/message.hpp"
#include "daemon/words/twilio_errors.hpp"
#include "rules/reply.hpp"

namespace api {
namespace {

constexpr std::string_view prefix = "/v1/callbacks/twilio/";
constexpr std::size_t longest_body_bytes = std::size_t{64} << 10;
constexpr std::size_t most_text_bytes = 1'600;  // Twilio's own limit of a text
constexpr std::size_t event_bytes = 512;
constexpr std::size_t longest_key = 128;  // ours have 32
// Somebody who leans on the keys, or a machine that hears itself: then the call is over.
constexpr std::uint32_t most_rounds = 30;
constexpr int times_said = 3;
constexpr int seconds_to_press = 7;

// ---- TwiML ----------------------------------------------------------------------------------------------------------

net::Response twiml(std::string_view verbs) {
  net::Response response;
  response.content_type = "text/xml; charset=utf-8";
  response.body = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{}</Response>\n", verbs);
  return response;
}

std::string say(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("<Say>{}</Say>", words::html_escaped(text));
}

net::Response written_back(std::string_view text) {
  if (text.empty()) return twiml("");
  return twiml(fmt::format("<Message>{}</Message>", words::html_escaped(words::shorten(text, most_text_bytes))));
}

net::Response hang_up(std::string_view text) {
  return twiml(say(text) + "<Hangup/>");
}

// ---- a call ---------------------------------------------------------------------------------------------------------

// Which message a callback is about, and where in the call it is.
struct CallPlace {
  rules::MessageId message;
  std::string key;
  std::optional<std::uint32_t> provider;  // index in the channel's order
  std::uint32_t round{};                  // how often a key was asked for
  bool closes{};                          // the key before was 6
  std::string public_url;
};

template <class Number>
std::optional<Number> number_of(const std::optional<std::string>& text) {
  if (!text || text->empty()) return std::nullopt;
  Number value{};
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

std::optional<CallPlace> place_of(const net::Request& request, std::string public_url) {
  const auto message = number_of<std::uint64_t>(request.parameter("m"));
  std::optional<std::string> key = request.parameter("k");
  if (!message || *message == 0 || !key || key->empty() || key->size() > longest_key) return std::nullopt;
  CallPlace place{rules::MessageId{*message},
                  *std::move(key),
                  number_of<std::uint32_t>(request.parameter("p")),
                  0,
                  false,
                  std::move(public_url)};
  place.round = number_of<std::uint32_t>(request.parameter("n")).value_or(0);
  place.closes = request.parameter("c").value_or("") == "1";
  return place;
}

// `before` is said once; then `text` until a key comes.
net::Response asked_for_key(const CallPlace& place,
                            std::string_view before,
                            std::string_view text,
                            bool closes = false) {
  if (place.round >= most_rounds) return hang_up("That was enough for one call. Good bye.");
  const std::string action = fmt::format("{}{}keys?m={}&k={}{}&n={}{}",
                                         place.public_url,
                                         prefix,
                                         place.message.value,
                                         net::percent_encode(place.key),
                                         place.provider ? fmt::format("&p={}", *place.provider) : "",
                                         place.round + 1,
                                         closes ? "&c=1" : "");
  std::string verbs;
  for (int time = 0; time < times_said; ++time) {
    // Inside of Gather a key is heard while it speaks, and no key ends the input but the first.
    verbs += fmt::format(R"(<Gather input="dtmf" numDigits="1" finishOnKey="" timeout="{}" method="POST" action="{}">)",
                         seconds_to_press,
                         words::html_escaped(action));
    if (time == 0) verbs += say(before);
    verbs += say(text) + "</Gather>";
  }
  return twiml(verbs + say("No key was pressed. Good bye.") + "<Hangup/>");
}

// ---- what is said
// -----------------------------------------------------------------------------------------------------

struct Script {
  bool is_known{};
  bool is_over{};  // nothing of it is open any more
  std::string meanwhile;
  std::string text;  // ends with the keys that there are
};

std::string spoken(rules::IncidentId id) {
  return fmt::format("R {}", id.value);
}

std::string name_of(const rules::Policy& policy, const std::string& id) {
  const rules::Person* const person = policy.person(id);
  return person != nullptr ? person->name : id;
}

// How the incidents of the message are now, when that is not how they were.
void add_meanwhile(const rules::State& state, const rules::Policy& policy, const rules::Send& send, Script& script) {
  std::size_t over = 0;
  for (const rules::PageFacts& page : send.pages) {
    const auto found = state.incidents.find(page.incident.id);
    if (page.incident.id.value == 0) continue;
    if (found == state.incidents.end() || !rules::is_open(found->second)) {
      ++over;
      script.meanwhile += fmt::format("{} is already resolved. ", spoken(page.incident.id));
    } else if (found->second.state == rules::IncidentState::acknowledged) {
      script.meanwhile +=
          fmt::format("{} is acknowledged by {}. ", spoken(page.incident.id), name_of(policy, found->second.by));
    }
  }
  script.is_over = over > 0 && over == send.pages.size();
}

Script script_of(const rules::State& state, const rules::Policy& policy, const CallPlace& place) {
  rules::Send send;
  send.message = place.message;
  send.key = place.key;
  send.channel = "voice";
  if (const auto sent = state.sent.find(place.message); sent != state.sent.end() && sent->second.key == place.key) {
    send.person = sent->second.person;
    send.contact = sent->second.contact;
    send.composed_at = sent->second.at;
    send.pages = sent->second.pages;
  } else if (const auto message = state.messages.find(place.message);
             message != state.messages.end() && message->second.key == place.key) {
    // The telephone rings before the engine has heard that the provider took it.
    send.person = message->second.person;
    send.contact = message->second.contact;
    send.composed_at = message->second.composed_at;
    send.pages = message->second.page_facts;
    send.notices = message->second.notice_facts;
  } else {
    return {};
  }
  send.person_name = name_of(policy, send.person);
  Script script;
  script.is_known = true;
  add_meanwhile(state, policy, send, script);
  script.text = words::voice_script(words::Wording{policy.public_url, policy.templates}, send);

  return script;
}

Call speak(CallPlace place, std::string before, const Services& services) {
  return ask(
      [place, policy = services.policy()](const rules::State& state) { return script_of(state, *policy, place); },
      [place, before = std::move(before)](const Script& script) {
        if (!script.is_known) return hang_up("This call is about something that is long over. Good bye.");
        if (script.is_over) return hang_up(before + script.meanwhile + "Nobody is needed any more. Good bye.");
        return asked_for_key(place, before + script.meanwhile, script.text);
      });
}

Tell report(const CallPlace& place, rules::Delivery delivery, std::string detail, net::Response answer) {
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes + detail.size();
  tell.event = rules::DeliveryReported{place.message, place.key, delivery, std::move(detail), place.provider};
  tell.render = [answer = std::move(answer)](const roused::Reply& reply) {
    return reply.durability == roused::Durability::refused ? overloaded() : answer;
  };
  return tell;
}

// ---- the paths ------------------------------------------------------------------------------------------------------

// The first field of that name; "" when there is none.
std::string field(const net::Form& form, std::string_view name) {
  const auto found = std::find_if(form.begin(), form.end(), [name](const auto& one) { return one.first == name; });
  return found == form.end() ? std::string() : found->second;
}

bool is_machine(std::string_view answered_by) {
  return answered_by.starts_with("machine") || answered_by == "fax";
}

// Texts may be configured under more than one channel: the one by which this number is somebody's.
std::string channel_of_texts(const rules::Policy& policy, std::string_view address) {
  for (const rules::Channel& channel : policy.channels) {
    const bool is_ours =
        channel.name != "voice" &&
        std::any_of(channel.providers.begin(), channel.providers.end(), [](const rules::Provider& provider) {
          return provider.kind == rules::ProviderKind::twilio;
        });
    if (!is_ours) continue;
    for (const rules::Person& person : policy.people)
      for (const rules::Contact& contact : person.contacts)
        if (contact.channel == channel.name && contact.address == address) return channel.name;
  }
  return {};
}

Call text_came(const net::Form& form, const Services& services) {
  const std::string from = field(form, "From");
  const std::string id = field(form, "MessageSid");
  if (from.empty() || id.empty()) return net::problem(400, "From and MessageSid are missing");
  // STOP, START and HELP are answered by Twilio itself, which then takes no text to this number, or takes them again.
  const std::string opts = field(form, "OptOutType");
  const bool is_opt_out = !opts.empty();
  if (is_opt_out && opts != "STOP" && opts != "START") return written_back("");
  const std::string channel = channel_of_texts(*services.policy(), from);
  Tell tell;
  tell.people = true;
  rules::Replied replied;
  replied.channel = channel.empty() ? "sms" : channel;
  replied.address = words::shorten(words::visible(from), 64);
  replied.text = words::shorten(words::visible(field(form, "Body")), rules::reply_limit_bytes);
  replied.id = words::shorten(words::visible(id), 64);
  if (is_opt_out) replied.form = opts == "STOP" ? rules::ReplyForm::stop : rules::ReplyForm::start;
  tell.bytes = event_bytes + replied.text.size();
  tell.event = std::move(replied);
  tell.render = [is_opt_out, is_known = !channel.empty()](const roused::Reply& reply) {
    if (reply.durability == roused::Durability::refused && !is_known) return overloaded();
    if (is_opt_out) return written_back("");
    if (reply.durability == roused::Durability::refused)
      return written_back("rouse has more to do than it can take: send it again.");
    const std::string text = reply.verdict ? reply.verdict->text : std::string();
    if (reply.durability == roused::Durability::memory && !text.empty())
      return written_back(text + " (It counts, but is not on disk yet.)");
    return written_back(text);
  };
  return tell;
}

Call status_came(const CallPlace& place, const net::Form& form) {
  net::Response taken;
  taken.status = 204;
  const std::string text_status = field(form, "MessageStatus");
  const std::string call_status = field(form, "CallStatus");
  const auto code = number_of<std::uint32_t>(field(form, "ErrorCode"));
  if (text_status == "delivered" || text_status == "read")
    return report(place, rules::Delivery::delivered, "", std::move(taken));
  if (text_status == "failed" || text_status == "undelivered" || text_status == "canceled" || call_status == "failed") {
    std::string detail = fmt::format("Twilio: {}", text_status.empty() ? "the call failed" : text_status);
    if (code && *code != 0) detail += fmt::format(", error {}", *code);
    const std::string_view why = words::twilio_error_text(code.value_or(0));
    if (!why.empty()) detail.append(": ").append(why);
    return report(place, rules::Delivery::failed, std::move(detail), std::move(taken));
  }
  if (call_status == "busy" || call_status == "no-answer" || call_status == "canceled")
    return report(place,
                  rules::Delivery::unheard,
                  call_status == "busy"       ? "busy"
                  : call_status == "canceled" ? "canceled"
                                              : "nobody answered",
                  std::move(taken));
  if (call_status == "completed") {
    if (is_machine(field(form, "AnsweredBy")))
      return report(place, rules::Delivery::unheard, "a machine answered", std::move(taken));
    return report(place, rules::Delivery::delivered, "", std::move(taken));
  }
  return taken;  // it is on its way
}

Call picked_up(const CallPlace& place, const net::Form& form, const Services& services) {
  // Whoever hears the mailbox later hears nothing of use; a call that was missed is seen on the telephone.
  if (is_machine(field(form, "AnsweredBy")))
    return report(place, rules::Delivery::unheard, "a machine answered", twiml("<Hangup/>"));
  return speak(place, {}, services);
}

net::Response spoken_verdict(const CallPlace& place, const roused::Reply& reply) {
  if (reply.durability == roused::Durability::refused || !reply.verdict)
    return asked_for_key(place, "", "That could not be taken. Press the key again.");
  std::string text = words::spoken(reply.verdict->text);
  if (text.empty() && reply.verdict->code == rules::VerdictCode::already_resolved) text = "already resolved";
  // Told before: our answer to it was lost, or Twilio says it twice.
  if (text.empty() && reply.verdict->code == rules::VerdictCode::done) text = "The key was taken";
  if (text.empty()) return hang_up("This key does nothing here. Good bye.");
  if (!text.ends_with('.')) text += '.';
  if (reply.durability == roused::Durability::memory) text += " It counts, but is not on disk yet.";
  if (reply.verdict->code == rules::VerdictCode::refused)
    return asked_for_key(place, "", text + " " + std::string(words::voice_keys));
  return hang_up(text + " Good bye.");
}

Call key_pressed(const CallPlace& place, const net::Form& form, const Services& services) {
  const std::string digit = field(form, "Digits");
  const std::string call = field(form, "CallSid");
  if (place.closes && digit != "6") return speak(place, "It stays open. ", services);
  if (digit == "6" && !place.closes)
    return asked_for_key(place, "", "Press 6 again to close it, any other key to go back.", true);
  if (digit.empty() || digit == "*") return speak(place, {}, services);
  if (digit != "4" && digit != "5" && digit != "6") return speak(place, "This key does nothing. ", services);
  // A call by us is to the contact, one to us from it.
  const bool is_inbound = field(form, "Direction") == "inbound";
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes;
  rules::Replied replied;
  replied.channel = "voice";
  replied.address = words::shorten(words::visible(field(form, is_inbound ? "From" : "To")), 64);
  replied.form = rules::ReplyForm::key;
  replied.text = digit;
  replied.about = place.message;
  // One key of one question: Twilio may say it twice, a person presses the next one at the next question.
  replied.id = fmt::format("{}-{}", words::shorten(words::visible(call), 64), place.round);
  tell.event = std::move(replied);
  tell.render = [place](const roused::Reply& reply) { return spoken_verdict(place, reply); };
  return tell;
}

}  // namespace

void Services::use_providers() {
  twilio_accounts_.clear();
  for (const rules::Channel& channel : policy_->channels) {
    for (const rules::Provider& provider : channel.providers) {
      if (provider.kind != rules::ProviderKind::twilio || !read_secrets) continue;
      TwilioAccount account;
      std::string file;
      for (const auto& [name, value] : provider.settings) {
        if (name == "account_sid") account.account_sid = value;
        if (name == "auth_token_file") file = value;
      }
      account.auth_tokens = read_secrets(file);
      // Texts and calls are of one account mostly: each of its tokens is tried once.
      if (std::find(twilio_accounts_.begin(), twilio_accounts_.end(), account) == twilio_accounts_.end())
        twilio_accounts_.push_back(std::move(account));
    }
  }
}

std::optional<Call> handle_twilio(const net::Request& request, const Services& services) {
  if (!request.path.starts_with(prefix)) return std::nullopt;
  const std::string_view what = std::string_view(request.path).substr(prefix.size());
  if (what != "sms" && what != "status" && what != "voice" && what != "keys") return not_here(request);
  if (request.method != "POST") return not_allowed("POST");
  if (!services.settings->access)
    return net::problem(403, "callbacks of providers need an `access` section in the configuration");
  if (request.body.size() > longest_body_bytes) return net::problem(413, "a callback of Twilio is not as long as this");
  const std::string& public_url = services.policy()->public_url;
  if (const auto refusal = why_not_read_twilio(services.twilio_accounts(), public_url, request))
    return net::problem(refusal->status, refusal->why);
  const net::Form form = net::parse_form(request.body);
  if (const auto refusal = why_not_twilio(services.twilio_accounts(), public_url, request, form))
    return net::problem(refusal->status, refusal->why);
  if (what == "sms") return text_came(form, services);
  const std::optional<CallPlace> place = place_of(request, public_url);
  if (!place) return net::problem(400, "the callback does not say which message it is about");
  if (what == "status") return status_came(*place, form);
  if (what == "voice") return picked_up(*place, form, services);
  return key_pressed(*place, form, services);
}

}  // namespace api
