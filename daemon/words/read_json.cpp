// The way back: JSON of this API into views. Missing or unknown fields are no error unless nothing could be drawn
// without them; a field of a wrong type is one, with its name.
#include <charconv>
#include <optional>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "daemon/words/json.hpp"
#include "rules/duration.hpp"
#include "rules/hold/hold.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

// Reads the fields of one object and remembers the first that was wrong, so that a reader is a plain list of fields.
class Fields {
 public:
  Fields(const json::object& object, std::string& wrong) : object_{object}, wrong_{wrong} {}

  std::string text(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return complain(name, "a string"), std::string{};
    return std::string{value->get_string().data(), value->get_string().size()};
  }

  bool flag(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) return complain(name, "true or false"), false;
    return value->get_bool();
  }

  template <class Number>
  Number number(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return 0;
    boost::system::error_code error;
    const Number number = value->to_number<Number>(error);
    if (error) return complain(name, "a whole number"), Number{0};
    return number;
  }

  std::optional<rules::Instant> time(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return std::nullopt;
    const std::optional<rules::Instant> instant = value->is_string() ? rules::parse_rfc3339(text(name)) : std::nullopt;
    if (!instant) complain(name, "a time");
    return instant;
  }

  rules::Instant instant(std::string_view name) { return time(name).value_or(rules::Instant{}); }

  rules::Duration duration(std::string_view name) {
    if (find(name) == nullptr) return {};
    const auto duration = rules::parse_duration(text(name));
    if (!duration) complain(name, "a duration");
    return duration.value_or(rules::Duration{});
  }

  // One of the enumerators from the first up to `last`, by its word.
  template <class Enumeration, class ToText>
  Enumeration word(std::string_view name, Enumeration last, ToText to_word) {
    const std::string found = text(name);
    for (unsigned value = 0; value <= static_cast<unsigned>(last); ++value) {
      if (to_word(static_cast<Enumeration>(value)) == found) return static_cast<Enumeration>(value);
    }
    if (find(name) != nullptr) complain(name, "a word that this program knows");
    return Enumeration{};
  }

  // "P-12" -> 12, whatever stands before the dash.
  std::uint64_t id(std::string_view name) {
    const std::string found = text(name);
    const std::size_t dash = found.find('-');
    std::uint64_t value = 0;
    const char* const begin = found.data() + (dash == std::string::npos ? 0 : dash + 1);
    const auto [end, error] = std::from_chars(begin, found.data() + found.size(), value);
    if (error != std::errc{} || end != found.data() + found.size()) complain(name, "an id");
    return value;
  }

  rules::Labels labels(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return {};
    if (!value->is_object()) return complain(name, "an object"), rules::Labels{};
    rules::Labels labels;
    for (const auto& [key, one] : value->get_object()) {
      if (!one.is_string()) return complain(name, "an object of strings"), rules::Labels{};
      labels.add({key.data(), key.size()}, {one.get_string().data(), one.get_string().size()});
    }
    labels.seal(true);
    return labels;
  }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> list;
    const json::array* const values = array(name);
    if (values == nullptr) return list;
    for (const json::value& one : *values) {
      if (!one.is_string()) return complain(name, "a list of strings"), list;
      list.emplace_back(one.get_string().data(), one.get_string().size());
    }
    return list;
  }

  template <class Read>
  auto each(std::string_view name, Read read) -> std::vector<decltype(read(std::declval<Fields&>()))> {
    std::vector<decltype(read(std::declval<Fields&>()))> list;
    const json::array* const values = array(name);
    if (values == nullptr) return list;
    for (const json::value& one : *values) {
      if (!one.is_object()) return complain(name, "a list of objects"), list;
      Fields fields{one.get_object(), wrong_};
      list.push_back(read(fields));
    }
    return list;
  }

  template <class Read>
  void within(std::string_view name, Read read) {
    const json::value* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return complain(name, "an object");
    Fields fields{value->get_object(), wrong_};
    read(fields);
  }

  void require(std::string_view name) {
    if (find(name) == nullptr) complain(name, "there");
  }

 private:
  const json::value* find(std::string_view name) const {
    const json::value* const value = object_.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const json::array* array(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return complain(name, "a list"), nullptr;
    return &value->get_array();
  }
  void complain(std::string_view name, std::string_view expected) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" is not {}", name, expected);
  }

  const json::object& object_;
  std::string& wrong_;
};

rules::OnCall read_on_call(Fields& fields) {
  return rules::OnCall{.person = fields.text("person"),
                       .because = fields.text("because"),
                       .rotation = fields.text("rotation"),
                       .role = fields.text("role")};
}

rules::StepView read_step(Fields& fields) {
  rules::StepView step;
  step.number = fields.number<std::uint32_t>("number");
  step.targets = fields.texts("targets");
  step.on_call = fields.each("on_call", read_on_call);
  step.wait = fields.duration("wait");
  step.state = fields.word("state", rules::StepState::done, [](rules::StepState state) { return to_text(state); });
  return step;
}

rules::PageRecord read_page(Fields& fields) {
  rules::PageRecord page;
  page.id = rules::PageId{fields.id("id")};
  page.person = fields.text("to");
  page.contact = fields.text("by");
  page.reason =
      fields.word("reason", rules::PageReason::test, [](rules::PageReason reason) { return rules::to_text(reason); });
  page.step = fields.number<std::uint32_t>("step");
  page.round = fields.number<std::uint32_t>("round");
  page.queued_at = fields.instant("queued_at");
  page.left_at = fields.instant("left_at");
  page.ended_at = fields.instant("ended_at");
  page.state =
      fields.word("state", rules::PageState::cancelled, [](rules::PageState state) { return rules::to_text(state); });
  page.possible_duplicate = fields.flag("possible_duplicate");
  return page;
}

rules::Reason read_reason(Fields& fields) {
  rules::Reason reason;
  reason.at = fields.instant("at");
  reason.kind = fields.word(
      "kind", rules::ReasonKind::limit_reached, [](rules::ReasonKind kind) { return rules::to_text(kind); });
  reason.rule = fields.text("rule");
  reason.saw = fields.text("saw");
  return reason;
}

rules::NextView read_next(Fields& fields) {
  rules::NextView next;
  next.at = fields.instant("at");
  next.kind = fields.word("what", rules::NextKind::holds_end, [](rules::NextKind kind) { return to_text(kind); });
  next.who = fields.text("who");
  next.contact = fields.text("by");
  return next;
}

rules::HoldView read_hold(Fields& fields) {
  rules::HoldView hold;
  hold.kind = fields.word("kind", rules::HoldKind::storm, [](rules::HoldKind kind) { return rules::to_text(kind); });
  hold.rule = fields.text("rule");
  hold.by = rules::IncidentId{fields.text("by").empty() ? 0 : fields.id("by")};
  hold.until = fields.time("until");
  hold.text = fields.text("text");
  hold.ends = fields.text("ends");
  return hold;
}

rules::AlertView read_alert(Fields& fields) {
  rules::AlertView alert;
  const std::string hex = fields.text("fingerprint");
  std::from_chars(hex.data(), hex.data() + hex.size(), alert.fingerprint.value, 16);
  alert.labels = fields.labels("labels");
  alert.annotations = fields.labels("annotations");
  alert.firing = fields.text("status") == "firing";
  alert.unconfirmed = fields.flag("unconfirmed");
  alert.severity = fields.text("severity");
  alert.starts_at = fields.time("starts_at");
  alert.first_seen = fields.instant("first_seen");
  alert.ended_at = fields.time("ended_at");
  alert.source = fields.text("source");
  alert.reports = fields.number<std::uint64_t>("reports");
  alert.held = fields.each("held", read_hold);
  return alert;
}

rules::IncidentView read_incident(Fields& fields) {
  rules::IncidentView view;
  fields.require("id");
  fields.require("state");
  view.facts.id = rules::IncidentId{fields.id("id")};
  view.facts.uid = fields.text("uid");
  view.facts.state = fields.word(
      "state", rules::IncidentState::resolved, [](rules::IncidentState state) { return rules::to_text(state); });
  view.facts.urgency =
      fields.word("urgency", rules::Urgency::high, [](rules::Urgency urgency) { return rules::to_text(urgency); });
  view.facts.severity = fields.text("severity");
  view.facts.service = fields.text("service");
  view.facts.summary = fields.text("summary");
  view.facts.alerts = fields.number<std::uint64_t>("alerts");
  view.facts.firing = fields.number<std::uint64_t>("firing");
  view.facts.drill = fields.flag("drill");
  view.by = fields.text("by");
  view.route = fields.text("route");
  view.unheard = fields.flag("unheard");
  view.snoozed = fields.flag("snoozed");
  view.truncated = fields.flag("truncated");
  view.left_out = fields.number<std::uint64_t>("left_out");
  view.sources = fields.texts("sources");
  view.facts.behind = fields.text("behind");
  view.holds = fields.each("holds", read_hold);
  view.pages_at = fields.time("pages_at");
  view.by_hand = fields.flag("by_hand");
  view.held = fields.text("held");
  view.opened_at = fields.instant("opened_at");
  view.acknowledged_at = fields.time("acknowledged_at");
  view.resolved_at = fields.time("resolved_at");
  fields.within("climb", [&view](Fields& climb) {
    view.call_tree = climb.text("call_tree");
    view.phase =
        climb.word("phase", rules::ClimbPhase::begins_again, [](rules::ClimbPhase phase) { return to_text(phase); });
    view.climbing = climb.flag("climbing");
    view.round = climb.number<std::uint32_t>("round");
    view.rounds = climb.number<std::uint32_t>("rounds");
    view.steps = climb.each("steps", read_step);
    view.pages = climb.each("pages", read_page);
  });
  view.timeline = fields.each("timeline", read_reason);
  view.next = fields.each("next", read_next);
  view.alerts = fields.each("alert_list", read_alert);
  return view;
}

rules::OnCallView read_on_call_view(Fields& fields) {
  rules::OnCallView view;
  view.target = fields.text("target");
  view.kind = fields.word("kind", rules::TargetKind::specialists, [](rules::TargetKind kind) { return to_text(kind); });
  view.role = fields.text("role");
  view.people = fields.each("people", read_on_call);
  view.until = fields.time("until");
  return view;
}

template <class Read>
auto read_document(std::string_view text, Read read)
    -> tl::expected<decltype(read(std::declval<Fields&>())), std::string> {
  boost::system::error_code error;
  const json::value document = json::parse({text.data(), text.size()}, error);
  if (error) return tl::unexpected{fmt::format("not JSON: {}", error.message())};
  if (!document.is_object()) return tl::unexpected{std::string{"not a JSON object"}};
  std::string wrong;
  Fields fields{document.get_object(), wrong};
  auto result = read(fields);
  if (!wrong.empty()) return tl::unexpected{std::move(wrong)};
  return result;
}

}  // namespace

tl::expected<rules::IncidentView, std::string> parse_incident_json(std::string_view text) {
  return read_document(text, read_incident);
}

tl::expected<rules::IncidentList, std::string> parse_list_json(std::string_view text) {
  return read_document(text, [](Fields& fields) {
    rules::IncidentList list;
    fields.require("incidents");
    list.incidents = fields.each("incidents", read_incident);
    if (!fields.text("next").empty()) list.next = rules::IncidentId{fields.id("next")};
    return list;
  });
}

tl::expected<std::vector<rules::OnCallView>, std::string> parse_on_call_json(std::string_view text) {
  return read_document(text, [](Fields& fields) {
    fields.require("on_call");
    return fields.each("on_call", read_on_call_view);
  });
}

}  // namespace words
