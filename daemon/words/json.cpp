#include "daemon/words/json.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/doubts.hpp"
#include "daemon/words/page.hpp"
#include "rules/duration.hpp"
#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

// Built from a pointer and a size: GCC would otherwise wander into value's initializer_list.
json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::value text_or_null(std::string_view string) {
  return string.empty() ? json::value(nullptr) : text(string);
}

json::value time(rules::Instant instant) {
  return text(rules::print_rfc3339(instant));
}

json::value time(const std::optional<rules::Instant>& instant) {
  return instant ? time(*instant) : json::value(nullptr);
}

// Of a field where the epoch stands for "has not happened".
json::value time_or_null(rules::Instant instant) {
  return instant == rules::Instant{} ? json::value(nullptr) : time(instant);
}

json::object labels_object(const rules::Labels& labels) {
  json::object object;
  object.reserve(labels.size());
  for (std::size_t index = 0; index < labels.size(); ++index) {
    object[labels[index].name] = text(labels[index].value);
  }
  return object;
}

json::array holds_array(const std::vector<rules::HoldView>& holds) {
  json::array array;
  for (const rules::HoldView& hold : holds) {
    json::object object;
    object["kind"] = text(rules::to_text(hold.kind));
    object["rule"] = text_or_null(hold.rule);
    object["by"] = hold.by == rules::IncidentId{} ? json::value(nullptr) : text(rules::print_incident(hold.by));
    object["until"] = time(hold.until);
    object["text"] = text(hold.text);
    object["ends"] = text(hold.ends);
    array.emplace_back(std::move(object));
  }
  return array;
}

json::array texts_array(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& one : texts) array.emplace_back(text(one));
  return array;
}

json::array alert_list(const std::vector<rules::AlertView>& alerts) {
  json::array list;
  list.reserve(alerts.size());
  for (const rules::AlertView& alert : alerts) {
    json::object object;
    object["fingerprint"] = text(rules::hex(alert.fingerprint));
    object["labels"] = labels_object(alert.labels);
    object["annotations"] = labels_object(alert.annotations);
    object["status"] = alert.firing ? "firing" : "resolved";
    object["severity"] = text(alert.severity);
    object["starts_at"] = time(alert.starts_at);
    object["ended_at"] = time(alert.ended_at);
    object["first_seen"] = time(alert.first_seen);
    object["source"] = text(alert.source);
    object["reports"] = alert.reports;
    object["unconfirmed"] = alert.unconfirmed;
    object["held"] = holds_array(alert.held);
    list.emplace_back(std::move(object));
  }
  return list;
}

json::object reason_object(const rules::Reason& reason) {
  json::object object;
  object["at"] = time(reason.at);
  object["kind"] = text(rules::to_text(reason.kind));
  object["rule"] = text(reason.rule);
  object["saw"] = text(reason.saw);
  object["text"] = text(because_text(reason));
  return object;
}

// What decided the way of the incident: which route, which tree, what held it.
bool is_routing(rules::ReasonKind kind) {
  switch (kind) {
    case rules::ReasonKind::opened:
    case rules::ReasonKind::routed:
    case rules::ReasonKind::reopened:
    case rules::ReasonKind::held:
    case rules::ReasonKind::released:
    case rules::ReasonKind::reloaded:
      return true;
    default:
      return false;
  }
}

json::array people_array(const std::vector<rules::OnCall>& people) {
  json::array array;
  for (const rules::OnCall& one : people) {
    json::object object;
    object["person"] = text(one.person);
    object["because"] = text(one.because);
    object["rotation"] = text_or_null(one.rotation);
    object["role"] = text_or_null(one.role);
    array.emplace_back(std::move(object));
  }
  return array;
}

json::array steps_array(const std::vector<rules::StepView>& steps) {
  json::array array;
  for (const rules::StepView& step : steps) {
    json::object object;
    object["number"] = step.number;
    object["targets"] = texts_array(step.targets);
    object["on_call"] = people_array(step.on_call);
    object["wait"] = text(rules::print_duration(step.wait));
    object["state"] = text(to_text(step.state));
    array.emplace_back(std::move(object));
  }
  return array;
}

json::array pages_array(const std::vector<rules::PageRecord>& pages) {
  json::array array;
  for (const rules::PageRecord& page : pages) {
    json::object object;
    object["id"] = text(fmt::format("P-{}", page.id.value));
    object["to"] = text(page.person);
    object["by"] = text(page.contact);
    object["reason"] = text(rules::to_text(page.reason));
    object["step"] = page.step;
    object["round"] = page.round;
    object["queued_at"] = time_or_null(page.queued_at);
    object["left_at"] = time_or_null(page.left_at);
    object["ended_at"] = time_or_null(page.ended_at);
    object["state"] = text(rules::to_text(page.state));
    object["possible_duplicate"] = page.possible_duplicate;
    array.emplace_back(std::move(object));
  }
  return array;
}

json::object climb_object(const rules::IncidentView& view) {
  json::object climb;
  climb["call_tree"] = text_or_null(view.call_tree);
  climb["phase"] = text(to_text(view.phase));
  climb["climbing"] = view.climbing;
  std::uint32_t current = 0;
  for (const rules::StepView& step : view.steps) {
    if (step.state == rules::StepState::current) current = step.number;
  }
  climb["step"] = current;
  climb["round"] = view.round;
  climb["rounds"] = view.rounds;
  climb["steps"] = steps_array(view.steps);
  climb["pages"] = pages_array(view.pages);
  return climb;
}

json::array next_array(const std::vector<rules::NextView>& next) {
  json::array array;
  for (const rules::NextView& one : next) {
    json::object object;
    object["at"] = time(one.at);
    object["what"] = text(to_text(one.kind));
    object["who"] = text_or_null(one.who);
    object["by"] = text_or_null(one.contact);
    array.emplace_back(std::move(object));
  }
  return array;
}

void add_whole(const rules::IncidentView& view, json::object& incident) {
  incident["acknowledged_at"] = time(view.acknowledged_at);
  incident["route"] = text(view.route);
  incident["firing"] = view.facts.firing;
  incident["snoozed"] = view.snoozed;
  incident["truncated"] = view.truncated;
  incident["left_out"] = view.left_out;
  incident["sources"] = texts_array(view.sources);
  incident["behind"] = text_or_null(view.facts.behind);
  incident["holds"] = holds_array(view.holds);
  incident["pages_at"] = time(view.pages_at);
  incident["by_hand"] = view.by_hand;
  incident["climb"] = climb_object(view);
  incident["next"] = next_array(view.next);
  json::array timeline;
  json::array because;
  for (const rules::Reason& reason : view.timeline) {
    timeline.emplace_back(reason_object(reason));
    if (is_routing(reason.kind)) because.emplace_back(reason_object(reason));
  }
  incident["because"] = std::move(because);
  incident["timeline"] = std::move(timeline);
}

json::object incident_object(const rules::IncidentView& view, bool whole, bool alerts, std::string_view public_url) {
  json::object incident;
  incident["id"] = text(rules::print_incident(view.facts.id));
  incident["uid"] = text(view.facts.uid);
  incident["state"] = text(rules::to_text(view.facts.state));
  incident["urgency"] = text(rules::to_text(view.facts.urgency));
  incident["severity"] = text(view.facts.severity);
  incident["service"] = text(view.facts.service);
  incident["summary"] = text(view.facts.summary);
  incident["by"] = text_or_null(view.by);
  incident["alerts"] = view.facts.alerts;
  incident["drill"] = view.facts.drill;
  incident["opened_at"] = time(view.opened_at);
  incident["resolved_at"] = time(view.resolved_at);
  incident["held"] = text_or_null(view.held);
  incident["unheard"] = view.unheard;
  incident["url"] = text_or_null(incident_url(view.facts.id, public_url));
  if (whole) add_whole(view, incident);
  if (alerts) incident["alert_list"] = alert_list(view.alerts);
  return incident;
}

}  // namespace

std::string incident_json(const rules::IncidentView& view, bool whole, std::string_view public_url) {
  return json::serialize(incident_object(view, whole, whole, public_url));
}

std::string list_json(const rules::IncidentList& list, bool alerts, std::string_view public_url) {
  // One document at a time: a hundred thousand incidents as one tree would take a gigabyte.
  std::string body = R"({"incidents":[)";
  bool first = true;
  for (const rules::IncidentView& view : list.incidents) {
    if (!first) body += ',';
    first = false;
    body += json::serialize(incident_object(view, false, alerts, public_url));
  }
  body += R"(],"next":)";
  body += list.next ? json::serialize(text(rules::print_incident(*list.next))) : "null";
  body += '}';
  return body;
}

std::string on_call_json(const std::vector<rules::OnCallView>& views,
                         rules::Instant at,
                         const std::vector<rules::ContactDoubt>& doubts) {
  json::array on_call;
  for (const rules::OnCallView& view : views) {
    json::object object;
    object["target"] = text(view.target);
    object["kind"] = text(to_text(view.kind));
    object["role"] = text_or_null(view.role);
    object["people"] = people_array(view.people);
    object["until"] = time(view.until);
    object["next_from"] = time(view.next_from);
    object["next"] = people_array(view.next);
    on_call.emplace_back(std::move(object));
  }
  json::object body;
  body["at"] = time(at);
  body["on_call"] = std::move(on_call);
  body["contacts_in_doubt"] = doubts_array(doubts);
  return json::serialize(body);
}

std::string_view to_text(rules::NextKind kind) {
  switch (kind) {
    case rules::NextKind::next_step:
      return "next_step";
    case rules::NextKind::next_round:
      return "next_round";
    case rules::NextKind::last_resort:
      return "last_resort";
    case rules::NextKind::climb_begins_again:
      return "climb_begins_again";
    case rules::NextKind::personal_rule:
      return "personal_rule";
    case rules::NextKind::climb_starts:
      return "climb_starts";
    case rules::NextKind::acknowledgement_ends:
      return "acknowledgement_ends";
    case rules::NextKind::snooze_ends:
      return "snooze_ends";
    case rules::NextKind::holds_end:
      return "holds_end";
  }
  return "";
}

std::string_view to_text(rules::StepState state) {
  switch (state) {
    case rules::StepState::ahead:
      return "ahead";
    case rules::StepState::current:
      return "current";
    case rules::StepState::done:
      return "done";
  }
  return "";
}

std::string_view to_text(rules::ClimbPhase phase) {
  switch (phase) {
    case rules::ClimbPhase::idle:
      return "idle";
    case rules::ClimbPhase::climbing:
      return "climbing";
    case rules::ClimbPhase::last_resort:
      return "last_resort";
    case rules::ClimbPhase::begins_again:
      return "begins_again";
  }
  return "";
}

std::string_view to_text(rules::TargetKind kind) {
  switch (kind) {
    case rules::TargetKind::person:
      return "person";
    case rules::TargetKind::rotation:
      return "rotation";
    case rules::TargetKind::specialists:
      return "specialists";
  }
  return "";
}

}  // namespace words
