#include "daemon/words/mattermost.hpp"

#include <array>
#include <utility>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/template.hpp"
#include "rules/moment.hpp"

namespace words {
namespace {

namespace json = boost::json;

// Servers before version 5 take 4000 characters.
constexpr std::size_t message_bytes = 3'500;
constexpr std::size_t headline_bytes = 600;

struct Button {
  std::string_view action;  // letters alone: Mattermost takes no other names
  std::string_view label;
  std::string_view style;
};
constexpr std::array<Button, 4> all_buttons{{{"ack", "Acknowledge", "primary"},
                                             {"escalate", "Escalate", "default"},
                                             {"close", "Close", "danger"},
                                             {"why", "Why", "default"}}};

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

std::string name_of(rules::IncidentId incident) {
  return incident.value == 0 ? std::string("test") : rules::print_incident(incident);
}

std::string headline(const rules::IncidentFacts& facts) {
  const std::string summary = mattermost_escaped(shorten(facts.summary, headline_bytes));
  return fmt::format("**{}** {}{}", name_of(facts.id), facts.drill ? "DRILL: " : "", summary);
}

std::string state_text(rules::IncidentId incident, rules::IncidentState state, std::string_view by) {
  const std::string who = mattermost_escaped(by);
  switch (state) {
    case rules::IncidentState::triggered:
      return incident.value == 0 ? "This is a test: acknowledge that it was heard" : "Nobody has acknowledged yet";
    case rules::IncidentState::acknowledged:
      return fmt::format("Acknowledged by {}", who.empty() ? "somebody" : who);
    case rules::IncidentState::resolved:
      return who.empty() ? std::string("It has ended") : fmt::format("Closed by {}", who);
  }
  return {};
}

}  // namespace

std::string mattermost_escaped(std::string_view text) {
  constexpr std::string_view markup = "\\`*_~[]|<>!";
  std::string result;
  for (const char one : visible(text)) {
    if (one == '@') {
      result += "\xEF\xBC\xA0";  // as wide as a letter of Chinese, and nobody's name begins with it
      continue;
    }
    if (markup.find(one) != std::string_view::npos) result += '\\';
    result += one;
  }
  return result;
}

// The message is last: it alone may have several lines.
std::string mattermost_signed(const MattermostContext& context) {
  return fmt::format("rouse mattermost\n{}\n{}\n{}\n{}\n{}",
                     context.action,
                     context.value,
                     context.person,
                     context.until,
                     context.message);
}

json::array mattermost_state(rules::IncidentId incident,
                             rules::MessageId about,
                             rules::IncidentState state,
                             std::string_view by,
                             std::string_view message,
                             const MattermostButtons& buttons) {
  json::object attachment;
  attachment["text"] = json_text(state_text(incident, state, by));
  json::array actions;
  const std::string value = fmt::format("{}/{}", name_of(incident), about.value);
  const std::string until =
      std::to_string(std::chrono::floor<std::chrono::seconds>(buttons.until).time_since_epoch().count());
  for (const Button& button : all_buttons) {
    const bool is_ack = button.action == "ack";
    if (buttons.url.empty() || state == rules::IncidentState::resolved) break;
    if (is_ack ? state != rules::IncidentState::triggered : incident.value == 0) continue;
    const std::string is_signed = mattermost_signed({button.action, value, buttons.person, until, message});
    json::object context{{"action", json_text(button.action)},
                         {"value", json_text(value)},
                         {"person", json_text(buttons.person)},
                         {"until", json_text(until)},
                         {"message", json_text(message)},
                         {"token", json_text(buttons.sign(is_signed))}};
    actions.emplace_back(
        json::object{{"id", json_text(button.action)},
                     {"name", json_text(button.label)},
                     {"type", "button"},
                     {"style", json_text(button.style)},
                     {"integration", json::object{{"url", json_text(buttons.url)}, {"context", std::move(context)}}}});
  }
  if (!actions.empty()) attachment["actions"] = std::move(actions);
  return json::array{std::move(attachment)};
}

MattermostMessage mattermost_page(const Wording& wording, const rules::Send& send, const MattermostButtons& buttons) {
  MattermostMessage made;
  made.message = chat_text(wording, send);
  if (send.pages.size() != 1 || is_own_alarm(send.pages.front())) return made;
  made.attachments = mattermost_state(
      send.pages.front().incident.id, send.message, rules::IncidentState::triggered, {}, made.message, buttons);
  return made;
}

MattermostMessage mattermost_restated(const rules::NoticeFacts& notice,
                                      std::string_view public_url,
                                      const MattermostButtons& buttons) {
  MattermostMessage made;
  const rules::IncidentFacts& facts = notice.incident;
  made.message = headline(facts);
  if (!facts.severity.empty()) made.message += "\n" + mattermost_escaped(facts.severity);
  if (!facts.service.empty()) made.message += ", " + mattermost_escaped(facts.service);
  const std::string url = incident_url(facts.id, public_url);
  if (!url.empty()) made.message += "\n" + url;
  const rules::IncidentState state = notice.kind == rules::NoticeKind::ended ? rules::IncidentState::resolved
                                     : notice.kind == rules::NoticeKind::acknowledged
                                         ? rules::IncidentState::acknowledged
                                         : facts.state;
  made.message = shorten(made.message, message_bytes);
  made.attachments = mattermost_state(facts.id, {}, state, notice.by, made.message, buttons);
  return made;
}

std::string mattermost_notice(const rules::NoticeFacts& notice, std::string_view public_url) {
  const std::string by = mattermost_escaped(notice.by);
  const std::string about = headline(notice.incident);
  std::string text;
  switch (notice.kind) {
    case rules::NoticeKind::acknowledged:
      text = fmt::format("{}: acknowledged by {}", about, by.empty() ? "somebody" : by);
      break;
    case rules::NoticeKind::ended:
      text = by.empty() ? about + ": it has ended" : fmt::format("{}: closed by {}", about, by);
      break;
    case rules::NoticeKind::update:
      text = fmt::format("**{}**{}: {}",
                         name_of(notice.incident.id),
                         by.empty() ? std::string() : " (" + by + ")",
                         mattermost_escaped(notice.text));
      break;
    case rules::NoticeKind::outage:
      text = "An outage has begun. " + about;
      if (!notice.text.empty()) text += "\n" + mattermost_escaped(notice.text);
      break;
    case rules::NoticeKind::turn_at_risk:
      text = mattermost_escaped(notice.text);
      break;
  }
  const std::string url = incident_url(notice.incident.id, public_url);
  text = shorten(text, message_bytes);
  return url.empty() ? text : text + "\n" + url;
}

std::string mattermost_notice(const Wording& wording, const rules::Send& send, const rules::NoticeFacts& notice) {
  rules::Send alone = send;
  alone.notices = {notice};
  const std::string own = by_template(wording, "chat", Style::markdown, alone, {}, message_bytes);
  return own.empty() ? mattermost_notice(notice, wording.public_url) : own;
}

}  // namespace words
