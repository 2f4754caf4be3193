#include "daemon/words/slack.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/template.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace words {
namespace {

namespace json = boost::json;

constexpr std::size_t header_characters = 150;
constexpr std::size_t section_characters = 2'900;
constexpr std::size_t context_characters = 600;
constexpr std::size_t bundled_characters = 300;
constexpr std::size_t text_characters = 700;
constexpr std::size_t notice_characters = 2'000;
// Three blocks each, with one above and one below all of them.
constexpr std::size_t most_in_bundle = 8;
constexpr std::size_t most_sections_of_names = 2;
constexpr std::size_t most_called = 10;

constexpr std::string_view state_prefix = "rouse_state:";
constexpr std::string_view actions_prefix = "rouse_actions:";

struct Button {
  std::string_view action_id;
  std::string_view label;
  std::string_view verb;
  std::string_view style;  // "" = none
};
constexpr std::array<Button, 4> buttons{{
    {"rouse_ack", "Acknowledge", "ack", "primary"},
    {"rouse_escalate", "Escalate", "escalate", ""},
    {"rouse_close", "Close", "close", "danger"},
    {"rouse_why", "Why", "why", ""},
}};

std::string name_of(rules::IncidentId incident) {
  return incident.value == 0 ? std::string("test") : rules::print_incident(incident);
}

json::string json_text(std::string_view text) {
  return json::string(text.data(), text.size());
}

json::object plain(std::string_view text) {
  return {{"type", "plain_text"}, {"text", json_text(text)}, {"emoji", false}};
}

json::object markdown(std::string_view text) {
  return {{"type", "mrkdwn"}, {"text", json_text(text)}, {"verbatim", true}};
}

json::object header(std::string_view text) {
  return {{"type", "header"}, {"text", plain(shorten(text, header_characters))}};
}

json::object section(std::string_view text, std::size_t characters) {
  return {{"type", "section"}, {"text", markdown(slack_shortened(text, characters))}};
}

json::object state_block(rules::IncidentId incident, std::string_view text) {
  return {{"type", "context"},
          {"block_id", json_text(std::string(state_prefix) + name_of(incident))},
          {"elements", json::array{markdown(slack_shortened(text, context_characters))}}};
}

json::object confirm_close(rules::IncidentId incident) {
  return {{"title", plain("Close " + name_of(incident) + "?")},
          {"text", plain("Nobody is called for it any more.")},
          {"confirm", plain("Close")},
          {"deny", plain("Keep it open")},
          {"style", "danger"}};
}

bool is_offered(const Button& button, rules::IncidentId incident, rules::IncidentState state) {
  if (button.verb == "ack") return state == rules::IncidentState::triggered;
  return incident.value != 0;  // of a test there is nothing but that it was heard
}

// Nothing when there is nothing left to press.
std::optional<json::object> actions_block(rules::IncidentId incident,
                                          rules::IncidentState state,
                                          rules::MessageId message) {
  if (state == rules::IncidentState::resolved) return std::nullopt;
  json::array elements;
  for (const Button& button : buttons) {
    if (!is_offered(button, incident, state)) continue;
    json::object element{{"type", "button"},
                         {"action_id", json_text(button.action_id)},
                         {"text", plain(button.label)},
                         {"value", json_text(fmt::format("{}/{}", name_of(incident), message.value))}};
    if (!button.style.empty()) element["style"] = json_text(button.style);
    if (button.verb == "close") element["confirm"] = confirm_close(incident);
    elements.emplace_back(std::move(element));
  }
  return json::object{{"type", "actions"},
                      {"block_id", json_text(std::string(actions_prefix) + name_of(incident))},
                      {"elements", std::move(elements)}};
}

// In the reader's own zone; the text behind the bar is for programs that cannot.
std::string moment_of(rules::Instant instant) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant.time_since_epoch()).count();
  return fmt::format("<!date^{}^{{date_short_pretty}} {{time}}|{}>", seconds, rules::print_rfc3339(instant));
}

std::string link(std::string_view url, std::string_view label) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) return escaped_for_slack(url);
  std::string target;
  for (const char one : escaped_for_slack(url)) {
    if (one == '|')
      target += "%7C";
    else if (one == ' ')
      target += "%20";
    else
      target += one;
  }
  return fmt::format("<{}|{}>", target, label);
}

void add_line(std::string& text, std::string_view line) {
  if (line.empty()) return;
  if (!text.empty()) text += '\n';
  text += line;
}

std::string headline(const rules::IncidentFacts& facts) {
  return fmt::format("{}{}", facts.drill ? "DRILL: " : "", visible(facts.summary));
}

std::string particulars(const rules::IncidentFacts& facts) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += ", ";
    text += part;
  };
  add(escaped_for_slack(facts.severity));
  add(escaped_for_slack(facts.service));
  add(escaped_for_slack(facts.where));
  if (facts.alerts > 1) add(fmt::format("{} alerts", facts.alerts));
  if (facts.firing > 0 && facts.firing < facts.alerts) add(fmt::format("{} firing", facts.firing));
  return text;
}

// What, where, how bad, since when, when last, what to do about it.
std::string about(const rules::IncidentFacts& facts, std::string_view public_url) {
  std::string text;
  const std::string url = incident_url(facts.id, public_url);
  std::string first = fmt::format("*{}*", escaped_for_slack(headline(facts)));
  if (facts.id.value != 0) {
    const std::string id = rules::print_incident(facts.id);
    first = fmt::format("*{}* {}", url.empty() ? id : link(url, id), first);
  }
  add_line(text, first);
  add_line(text, particulars(facts));
  if (facts.since != rules::Instant{}) {
    std::string since = "Since " + moment_of(facts.since);
    if (facts.last_time) since += "; the time before: " + moment_of(*facts.last_time);
    add_line(text, since);
  }
  add_line(text, escaped_for_slack(facts.behind));
  add_line(text, escaped_for_slack(facts.description));
  if (!facts.runbook.empty()) add_line(text, "Runbook: " + link(facts.runbook, escaped_for_slack(facts.runbook)));
  return text;
}

std::string names(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t index = 0; index < std::min(all.size(), most_called); ++index) {
    if (!text.empty()) text += ", ";
    text += escaped_for_slack(all[index]);
  }
  if (all.size() > most_called) text += fmt::format(" and {} more", all.size() - most_called);
  return text;
}

std::string why_you(const rules::PageFacts& page) {
  std::string text = std::string(reason_text(page.reason));
  if (page.step > 0) text = fmt::format("step {}, round {}: {}", page.step, std::max(page.round, 1U), text);
  if (page.reason == rules::PageReason::last_resort) text = "last resort: " + text;
  if (!page.because.empty()) text += "; " + escaped_for_slack(page.because);
  return text;
}

std::string whats_next(const rules::PageFacts& page) {
  if (page.next.empty()) return {};
  std::string text = "If nobody answers: " + escaped_for_slack(page.next);
  if (page.next_at) text += ", " + moment_of(*page.next_at);
  return text;
}

std::string state_line(rules::IncidentState state, std::string_view by) {
  const std::string who = escaped_for_slack(by);
  switch (state) {
    case rules::IncidentState::triggered:
      return ":rotating_light: nobody has acknowledged yet";
    case rules::IncidentState::acknowledged:
      return fmt::format(":eyes: acknowledged by {}", who.empty() ? "somebody" : who);
    case rules::IncidentState::resolved:
      return who.empty() ? ":white_check_mark: it has ended" : fmt::format(":white_check_mark: closed by {}", who);
  }
  return {};
}

std::string state_line(const rules::PageFacts& page) {
  if (is_own_alarm(page)) return ":rotating_light: this is about rouse itself: pages may be missing";
  if (page.reason == rules::PageReason::test) return "this is a test, nothing is wrong: acknowledge that it was heard";
  std::string text = state_line(rules::IncidentState::triggered, "");
  text += "; " + why_you(page);
  return text;
}

void add_actions(json::array& blocks,
                 rules::IncidentId incident,
                 rules::IncidentState state,
                 rules::MessageId message) {
  if (std::optional<json::object> actions = actions_block(incident, state, message))
    blocks.emplace_back(*std::move(actions));
}

json::object note(std::string_view text) {
  return {{"type", "context"}, {"elements", json::array{markdown(text)}}};
}

constexpr std::string_view twice = "Possible duplicate: you may have been paged with this before.";

// `own` is what the template makes of it; "" = there is none.
SlackMessage one_page(const rules::Send& send,
                      const rules::PageFacts& page,
                      std::string_view public_url,
                      const std::string& own) {
  SlackMessage message;
  const bool is_test = page.reason == rules::PageReason::test;
  message.text = slack_shortened(
      is_test ? std::string("A test page: nothing is wrong")
      : is_own_alarm(page)
          ? escaped_for_slack(headline(page.incident))
          : fmt::format("{}: {}", name_of(page.incident.id), escaped_for_slack(headline(page.incident))),
      text_characters);
  message.blocks.emplace_back(header(is_test ? std::string("A test page") : headline(page.incident)));
  std::string body = is_test && page.incident.summary.empty() ? std::string("Nothing is wrong. Can you be reached?")
                                                              : about(page.incident, public_url);
  if (!page.called.empty()) add_line(body, "Called: " + names(page.called));
  add_line(body, whats_next(page));
  if (page.number > 0) add_line(body, fmt::format("Reply `{0}a` to acknowledge, `{0}w` for why", page.number));
  message.blocks.emplace_back(section(own.empty() ? body : own, section_characters));
  message.blocks.emplace_back(state_block(page.incident.id, state_line(page)));
  if (!is_own_alarm(page)) {
    add_actions(message.blocks, page.incident.id, rules::IncidentState::triggered, send.message);
  }
  if (send.possible_duplicate) message.blocks.emplace_back(note(twice));
  return message;
}

// Those that have no section of their own, by name.
void add_names(json::array& blocks, const std::vector<std::string>& all) {
  std::size_t sections = 0;
  std::string text = "And: ";
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (text.size() + all[index].size() + 70 > section_characters) {
      ++sections;
      const bool is_last = sections == most_sections_of_names;
      if (is_last) text += fmt::format("and {} not named here: see rousectl incidents", all.size() - index);
      blocks.emplace_back(section(text, section_characters));
      text.clear();
      if (is_last) return;
    }
    text += all[index];
    if (index + 1 < all.size()) text += ", ";
  }
  if (!all.empty()) blocks.emplace_back(section(text, section_characters));
}

SlackMessage bundle(const rules::Send& send, std::string_view public_url, const std::string& own) {
  SlackMessage message;
  const std::string title = fmt::format("{} incidents need you", send.pages.size());
  message.text = slack_shortened(fmt::format("{}: {}", title, escaped_for_slack(headline(send.pages.front().incident))),
                                 text_characters);
  message.blocks.emplace_back(header(title));
  if (!own.empty()) message.blocks.emplace_back(section(own, section_characters));
  std::vector<std::string> rest;
  for (std::size_t index = 0; index < send.pages.size(); ++index) {
    const rules::PageFacts& page = send.pages[index];
    const std::string url = incident_url(page.incident.id, public_url);
    const std::string id = name_of(page.incident.id);
    if (index >= most_in_bundle) {
      rest.push_back(id);
      continue;
    }
    std::string body =
        fmt::format("*{}* *{}*", url.empty() ? id : link(url, id), escaped_for_slack(headline(page.incident)));
    add_line(body, particulars(page.incident));
    message.blocks.emplace_back(section(body, bundled_characters));
    message.blocks.emplace_back(
        state_block(page.incident.id, slack_shortened(state_line(page), bundled_characters / 2)));
    add_actions(message.blocks, page.incident.id, rules::IncidentState::triggered, send.message);
  }
  add_names(message.blocks, rest);
  if (send.possible_duplicate) message.blocks.emplace_back(note(twice));
  return message;
}

std::string_view id_of_block(const json::value& block) {
  const json::object* const object = block.if_object();
  const json::value* const id = object == nullptr ? nullptr : object->if_contains("block_id");
  if (id == nullptr || !id->is_string()) return {};
  return {id->get_string().data(), id->get_string().size()};
}

// The message that the buttons of this block speak of.
rules::MessageId message_of(const json::object& actions) {
  rules::MessageId message;
  const json::value* const elements = actions.if_contains("elements");
  if (elements == nullptr || !elements->is_array() || elements->get_array().empty()) return message;
  const json::object* const first = elements->get_array().front().if_object();
  const json::value* const value = first == nullptr ? nullptr : first->if_contains("value");
  if (value == nullptr || !value->is_string()) return message;
  if (const std::optional<SlackPress> press =
          slack_press("rouse_why", {value->get_string().data(), value->get_string().size()}))
    message = press->about;
  return message;
}

}  // namespace

std::string escaped_for_slack(std::string_view text) {
  std::string result;
  for (const char one : visible(text)) {
    if (one == '&')
      result += "&amp;";
    else if (one == '<')
      result += "&lt;";
    else if (one == '>')
      result += "&gt;";
    else
      result += one;
  }
  return result;
}

std::string slack_shortened(std::string_view escaped, std::size_t characters) {
  std::size_t count = 0;
  std::size_t fits = 0;  // bytes that leave room for the dots
  std::size_t safe = 0;  // the last place at which neither an entity nor a <link> is open
  bool in_entity = false;
  bool in_link = false;
  for (std::size_t index = 0; index < escaped.size(); ++index) {
    const char one = escaped[index];
    if ((static_cast<unsigned char>(one) & 0xC0U) == 0x80U) continue;
    if (!in_entity && !in_link && count + 3 <= characters) safe = index;
    ++count;
    if (count <= characters) fits = index;
    if (one == '<') in_link = true;
    if (one == '>') in_link = false;
    if (one == '&') in_entity = true;
    if (one == ';') in_entity = false;
  }
  if (count <= characters) return std::string(escaped);
  return std::string(escaped.substr(0, std::min(safe, fits))) + "...";
}

SlackMessage slack_page(const Wording& wording, const rules::Send& send) {
  const std::string own = by_template(wording, "slack", Style::slack, send, {}, section_characters);
  if (send.pages.size() == 1) return one_page(send, send.pages.front(), wording.public_url, own);
  return bundle(send, wording.public_url, own);
}

SlackMessage slack_restated(const rules::NoticeFacts& notice, std::string_view public_url) {
  SlackMessage message;
  const rules::IncidentFacts& facts = notice.incident;
  const rules::IncidentState state = notice.kind == rules::NoticeKind::ended ? rules::IncidentState::resolved
                                     : notice.kind == rules::NoticeKind::acknowledged
                                         ? rules::IncidentState::acknowledged
                                         : facts.state;
  message.text = slack_shortened(slack_notice(notice, {}), text_characters);
  message.blocks.emplace_back(header(headline(facts)));
  message.blocks.emplace_back(section(about(facts, public_url), section_characters));
  message.blocks.emplace_back(state_block(facts.id, state_line(state, notice.by)));
  add_actions(message.blocks, facts.id, state, {});
  return message;
}

std::string slack_notice(const rules::NoticeFacts& notice, std::string_view public_url) {
  const std::string by = escaped_for_slack(notice.by);
  const std::string url = incident_url(notice.incident.id, public_url);
  const std::string id = url.empty() ? name_of(notice.incident.id) : link(url, name_of(notice.incident.id));
  const std::string summary = escaped_for_slack(headline(notice.incident));
  std::string text;
  switch (notice.kind) {
    case rules::NoticeKind::acknowledged:
      text = fmt::format("{} is acknowledged by {}: {}", id, by.empty() ? "somebody" : by, summary);
      break;
    case rules::NoticeKind::ended:
      text = by.empty() ? fmt::format("{} has ended: {}", id, summary)
                        : fmt::format("{} was closed by {}: {}", id, by, summary);
      break;
    case rules::NoticeKind::update:
      text = fmt::format("{}{}: {}", id, by.empty() ? std::string() : " (" + by + ")", escaped_for_slack(notice.text));
      break;
    case rules::NoticeKind::outage:
      text = fmt::format("An outage has begun, {}: {}", id, summary);
      add_line(text, particulars(notice.incident));
      add_line(text, escaped_for_slack(notice.text));
      break;
    case rules::NoticeKind::turn_at_risk:
      text = escaped_for_slack(notice.text);
      break;
  }
  return slack_shortened(text, notice_characters);
}

std::string slack_notice(const Wording& wording, const rules::Send& send, const rules::NoticeFacts& notice) {
  rules::Send alone = send;
  alone.notices = {notice};
  const std::string own = by_template(wording, "slack", Style::slack, alone, {}, notice_characters);
  return own.empty() ? slack_notice(notice, wording.public_url) : own;
}

std::optional<SlackPress> slack_press(std::string_view action_id, std::string_view value) {
  const auto* const button =
      std::find_if(buttons.begin(), buttons.end(), [&](const Button& one) { return one.action_id == action_id; });
  const std::size_t slash = value.find('/');
  if (button == buttons.end() || slash == std::string_view::npos) return std::nullopt;
  SlackPress press;
  const std::string_view number = value.substr(slash + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), press.about.value);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  press.text = std::string(button->verb);
  const std::string_view name = value.substr(0, slash);
  if (name == "test") return press;
  const std::optional<rules::IncidentId> incident = rules::parse_incident_id(name);
  if (!incident || incident->value == 0) return std::nullopt;
  press.incident = *incident;
  press.text += " " + rules::print_incident(*incident);
  return press;
}

bool slack_restate(boost::json::array& blocks,
                   rules::IncidentId incident,
                   rules::IncidentState state,
                   std::string_view by) {
  const std::string of_state = std::string(state_prefix) + name_of(incident);
  const std::string of_actions = std::string(actions_prefix) + name_of(incident);
  bool found = false;
  json::array restated;
  for (json::value& block : blocks) {
    const std::string_view id = id_of_block(block);
    if (id == of_state) {
      found = true;
      restated.emplace_back(state_block(incident, state_line(state, by)));
    } else if (id == of_actions) {
      found = true;
      if (incident.value != 0) add_actions(restated, incident, state, message_of(block.get_object()));
    } else {
      restated.emplace_back(std::move(block));
    }
  }
  blocks = std::move(restated);
  return found;
}

}  // namespace words
