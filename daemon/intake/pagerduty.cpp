// PagerDuty's Events API, version 2: one event a body. Its alert is known by the routing key and the dedup_key alone;
// the routing key is a secret between the sender and PagerDuty, so that it is kept and shown as a hash only.
//
// An event's own `timestamp` is kept as an annotation and nothing is decided by it: the API has no end times to compare
// it with, and a trigger that follows a resolve is true whatever the sender's clock says.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "daemon/intake/buffers.hpp"
#include "daemon/intake/text.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;
using json::Value;
using Action = PagerDutyEvent::Action;
using Text = Reading::Text;

constexpr std::size_t most_key_characters = 255;
constexpr std::size_t most_summary_characters = 1024;
constexpr std::size_t integration_digits = 8;  // enough to tell routing keys apart and to route by them
constexpr std::string_view not_an_event = "Event object is invalid";

constexpr std::array<std::pair<std::string_view, Action>, 3> actions{
    {{"trigger", Action::trigger}, {"acknowledge", Action::acknowledge}, {"resolve", Action::resolve}}};
constexpr std::array<std::string_view, 4> severities{"critical", "error", "warning", "info"};

std::size_t characters_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\n\r") == std::string_view::npos;
}

// 128 bits of two texts, as 32 hex digits.
std::string hash_of(std::string_view first, std::string_view second, std::uint64_t seed) {
  rules::Labels both;
  both.add("1", first);
  both.add("2", second);
  both.seal();
  const rules::AlertKey key = rules::key_of(both, {}, seed);
  return fmt::format("{:016x}{:016x}", key.high, key.low);
}

// What an event says as it stands in it. Of a field that comes twice the last one counts.
struct Payload {
  bool is_there{};
  bool is_object{};
  Text summary;
  Text source;
  Text severity;
  Text timestamp;
  Text component;
  Text group;
  Text class_name;
};
struct Fields {
  Text routing_key;
  Text event_action;
  Text dedup_key;
  Text client;
  Text client_url;
  Text links;
  Payload payload;
};

class EventReading {
 public:
  explicit EventReading(Reading& reading) : reading_{reading} {}

  Error read(json::Object object);
  // Fills the event in; what is wrong with it, in PagerDuty's manner, when something is.
  std::vector<std::string> judge(PagerDutyEvent& event, std::string_view made_key);
  // The report of a trigger or a resolve that was judged to be right.
  void report(const PagerDutyEvent& event);

 private:
  Error read_payload(Value value);
  Error read_details(Value value);
  Error keep(Value value, std::size_t depth, Text& text) {
    text = {};
    return reading_.text(value, depth, text);
  }
  // The text of a field; a complaint when it is none, and when it is missing although it is needed.
  std::string_view text_of(const Text& text, std::string_view name, bool is_needed);
  void judge_payload();
  void add(std::string_view name, const Text& text);

  Reading& reading_;
  Fields fields_;
  std::vector<Scratch::Pair> details_;
  std::vector<std::string> errors_;
};

Error EventReading::read(json::Object object) {
  return json::each_member(object, [this](std::string_view name, Value value) -> Error {
    if (name == "routing_key") return keep(value, 2, fields_.routing_key);
    if (name == "event_action") return keep(value, 2, fields_.event_action);
    if (name == "dedup_key") return keep(value, 2, fields_.dedup_key);
    if (name == "client") return keep(value, 2, fields_.client);
    if (name == "client_url") return keep(value, 2, fields_.client_url);
    if (name == "links") return keep(value, 2, fields_.links);
    if (name == "payload") return read_payload(value);
    return json::check(value, 2);
  });
}

Error EventReading::read_payload(Value value) {
  fields_.payload = {};
  details_.clear();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  fields_.payload.is_there = type != Type::null;
  fields_.payload.is_object = type == Type::object;
  if (type != Type::object) return json::check(value, 2);
  json::Object object;
  if (const Error error = value.get_object().get(object)) return error;
  return json::each_member(object, [this](std::string_view name, Value member) -> Error {
    Payload& payload = fields_.payload;
    if (name == "summary") return keep(member, 3, payload.summary);
    if (name == "source") return keep(member, 3, payload.source);
    if (name == "severity") return keep(member, 3, payload.severity);
    if (name == "timestamp") return keep(member, 3, payload.timestamp);
    if (name == "component") return keep(member, 3, payload.component);
    if (name == "group") return keep(member, 3, payload.group);
    if (name == "class") return keep(member, 3, payload.class_name);
    if (name == "custom_details") return read_details(member);
    return json::check(member, 3);
  });
}

// Any value; the members of an object one by one.
Error EventReading::read_details(Value value) {
  details_.clear();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type == Type::object) {
    if (const Error error = reading_.read_pairs(value, 3)) return error;
    details_ = reading_.pairs();
    return simdjson::SUCCESS;
  }
  Text text;
  if (const Error error = keep(value, 3, text)) return error;
  details_.push_back({"custom_details", text.view, 0});
  return simdjson::SUCCESS;
}

std::string_view EventReading::text_of(const Text& text, std::string_view name, bool is_needed) {
  if (text.form == Text::Form::compound) {
    errors_.push_back(fmt::format("'{}' must be a string", name));
    return {};
  }
  if (is_needed && is_blank(text.view)) errors_.push_back(fmt::format("'{}' is missing or blank", name));
  return text.view;
}

std::vector<std::string> EventReading::judge(PagerDutyEvent& event, std::string_view made_key) {
  const std::string_view routing_key = text_of(fields_.routing_key, "routing_key", true);
  if (characters_of(routing_key) > most_key_characters) {
    errors_.push_back(fmt::format("'routing_key' is longer than {} characters", most_key_characters));
  }
  const std::string_view word = text_of(fields_.event_action, "event_action", true);
  const auto* const action =
      std::find_if(actions.begin(), actions.end(), [word](const auto& one) { return one.first == word; });
  const bool is_known = action != actions.end();
  if (is_known) {
    event.action = action->second;
  } else if (!is_blank(word)) {
    errors_.emplace_back("'event_action' is none of trigger, acknowledge and resolve");
  }
  const bool is_trigger = is_known && event.action == Action::trigger;
  std::string_view dedup_key = text_of(fields_.dedup_key, "dedup_key", is_known && !is_trigger);
  if (characters_of(dedup_key) > most_key_characters) {
    errors_.push_back(fmt::format("'dedup_key' is longer than {} characters", most_key_characters));
  }
  if (is_trigger) {
    judge_payload();
    if (is_blank(dedup_key)) dedup_key = made_key;
  }
  event.dedup_key = dedup_key;
  event.native_key = hash_of(routing_key, dedup_key, reading_.context().seed);
  if (fields_.client.form == Text::Form::string) event.client = beginning_of(fields_.client.view, most_key_characters);
  return std::move(errors_);
}

void EventReading::judge_payload() {
  const Payload& payload = fields_.payload;
  if (!payload.is_object) {
    errors_.emplace_back(payload.is_there ? "'payload' must be an object" : "'payload' is missing or blank");
    return;
  }
  const std::string_view summary = text_of(payload.summary, "payload.summary", true);
  if (characters_of(summary) > most_summary_characters) {
    errors_.push_back(fmt::format("'payload.summary' is longer than {} characters", most_summary_characters));
  }
  static_cast<void>(text_of(payload.source, "payload.source", true));
  const std::string_view severity = text_of(payload.severity, "payload.severity", true);
  const bool is_known = std::find(severities.begin(), severities.end(), severity) != severities.end();
  if (!is_known && !is_blank(severity)) {
    errors_.emplace_back("'payload.severity' is none of critical, error, warning and info");
  }
}

// What is no text is left out: none of it is needed.
void EventReading::add(std::string_view name, const Text& text) {
  std::vector<Scratch::Pair>& pairs = reading_.pairs();
  if (text.form == Text::Form::compound) {
    ++reading_.parsed().oddities.unreadable_fields;
  } else {
    pairs.push_back({name, text.view, pairs.size()});
  }
}

void EventReading::report(const PagerDutyEvent& event) {
  const Payload& payload = fields_.payload;
  std::vector<Scratch::Pair>& pairs = reading_.pairs();
  rules::Report report;
  report.status = event.action == Action::resolve ? rules::ReportStatus::resolved : rules::ReportStatus::firing;
  report.native_key = event.native_key;

  ++reading_.parsed().total;
  pairs.clear();
  add("alertname", is_blank(payload.class_name.view) ? payload.summary : payload.class_name);
  add("service", payload.component);
  add("severity", payload.severity);
  add("source", payload.source);
  add("group", payload.group);
  const std::string integration = hash_of(fields_.routing_key.view, {}, 0).substr(0, integration_digits);
  pairs.push_back({"integration", integration, pairs.size()});
  pairs.push_back({"dedup_key", event.dedup_key, pairs.size()});
  report.labels = reading_.labels_of_pairs();

  pairs = details_;
  for (Scratch::Pair& pair : pairs) pair.order = 0;  // the event's own words go before its details
  for (const auto& [name, text] : {std::pair{"summary", &payload.summary},
                                   {"timestamp", &payload.timestamp},
                                   {"client", &fields_.client},
                                   {"client_url", &fields_.client_url}}) {
    if (!text->view.empty()) add(name, *text);
  }
  if (!fields_.links.view.empty()) pairs.push_back({"links", fields_.links.view, pairs.size()});
  report.annotations = reading_.annotations_of_pairs();
  const Text& link = fields_.client_url;
  if (link.form == Text::Form::string && link.view.size() <= reading_.context().limits.url_bytes) {
    report.generator_url = link.view;
  }
  reading_.take(std::move(report));
}

}  // namespace

tl::expected<PagerDutyEvent, Refused> Parser::pagerduty(Body body, const Context& context, std::string_view made_key) {
  PagerDutyEvent event;
  std::vector<std::string> errors;
  const auto read = [&](json::Document& document, Reading& reading, Shape& shape) -> Error {
    event = {};
    errors.clear();
    Type type{};
    if (const Error error = document.type().get(type)) return error;
    if (type != Type::object) {
      shape.problem = not_an_event;
      errors.emplace_back("the body is not an object");
      return simdjson::SUCCESS;
    }
    json::Object object;
    if (const Error error = document.get_object().get(object)) return error;
    EventReading one{reading};
    if (const Error error = one.read(object)) return error;
    errors = one.judge(event, made_key);
    if (!errors.empty()) {
      shape.problem = not_an_event;
    } else if (event.action != Action::acknowledge) {
      one.report(event);
    }
    return simdjson::SUCCESS;
  };
  tl::expected<Parsed, Refused> parsed = buffers_->read(body, context, rules::ReportForm::webhook, read);
  if (!parsed) {
    Refused refused = std::move(parsed.error());
    refused.errors = std::move(errors);
    if (refused.errors.empty()) refused.errors.push_back(refused.why);
    return tl::unexpected(std::move(refused));
  }
  event.parsed = *std::move(parsed);
  return event;
}

}  // namespace intake
