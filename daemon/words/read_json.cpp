// The way back: JSON of this API into views. Missing or unknown fields are no error unless nothing could be drawn
// without them; a field of a wrong type is one, with its name.
#include <charconv>
#include <utility>

#include "daemon/words/fields.hpp"
#include "daemon/words/json.hpp"
#include "rules/hold/hold.hpp"

namespace words {
namespace {

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
      fields.word("state", rules::PageState::heard, [](rules::PageState state) { return rules::to_text(state); });
  page.possible_duplicate = fields.flag("possible_duplicate");
  return page;
}

rules::Reason read_reason(Fields& fields) {
  rules::Reason reason;
  reason.at = fields.instant("at");
  reason.kind =
      fields.word("kind", rules::ReasonKind::not_told, [](rules::ReasonKind kind) { return rules::to_text(kind); });
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
  view.next_from = fields.time("next_from");
  view.next = fields.each("next", read_on_call);
  return view;
}

}  // namespace

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
