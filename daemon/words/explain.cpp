#include "daemon/words/explain.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/fields.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/page.hpp"
#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"

namespace words {
namespace {

namespace json = boost::json;

json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::value text_or_null(std::string_view string) {
  return string.empty() ? json::value(nullptr) : text(string);
}

json::value time(const std::optional<rules::Instant>& instant) {
  return instant ? text(rules::print_rfc3339(*instant)) : json::value(nullptr);
}

json::array texts(const std::vector<std::string>& all) {
  json::array array;
  for (const std::string& one : all) array.emplace_back(text(one));
  return array;
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

json::object alert_object(const rules::Explanation& told) {
  json::object labels;
  for (std::size_t index = 0; index < told.labels.size(); ++index) {
    labels[told.labels[index].name] = text(told.labels[index].value);
  }
  json::object alert;
  alert["fingerprint"] = text(rules::hex(told.fingerprint));
  alert["labels"] = std::move(labels);
  alert["identity"] = texts(told.identity);
  alert["ignored"] = texts(told.ignored);
  alert["severity"] = text_or_null(told.severity);
  alert["severity_known"] = told.severity_known;
  alert["service"] = text_or_null(told.service);
  alert["service_known"] = told.service_known;
  alert["owner"] = text_or_null(told.owner);
  alert["heartbeat"] = text_or_null(told.heartbeat);
  alert["set_aside_until"] = time(told.set_aside);
  return alert;
}

json::object route_object(const rules::RouteLook& look) {
  json::object route;
  route["path"] = text(look.path);
  route["depth"] = look.depth;
  route["matchers"] = texts(look.matchers);
  route["fate"] = text(rules::to_text(look.fate));
  route["failed"] = text_or_null(look.failed);
  return route;
}

json::object hold_object(const rules::HoldView& view) {
  json::object hold;
  hold["kind"] = text(rules::to_text(view.kind));
  hold["rule"] = text_or_null(view.rule);
  hold["by"] = view.by == rules::IncidentId{} ? json::value(nullptr) : text(rules::print_incident(view.by));
  hold["until"] = time(view.until);
  hold["text"] = text(view.text);
  hold["ends"] = text(view.ends);
  return hold;
}

json::object call_object(const rules::CallLook& look) {
  json::object call;
  call["at"] = time(look.at);
  call["to"] = text(look.person);
  call["by"] = text(look.contact);
  call["step"] = look.step;
  call["round"] = look.round;
  call["reason"] = text(rules::to_text(look.reason));
  call["because"] = text_or_null(look.because);
  return call;
}

json::object incident_object(const rules::IncidentLook& look) {
  json::object incident;
  incident["fate"] = text(rules::to_text(look.fate));
  incident["id"] = look.id == rules::IncidentId{} ? json::value(nullptr) : text(rules::print_incident(look.id));
  incident["route"] = text(look.route);
  incident["call_tree"] = text(look.call_tree);
  json::object group;
  for (const auto& [name, value] : look.group) group[name] = text(value);
  incident["group"] = std::move(group);
  incident["absent"] = texts(look.absent);
  incident["every_label"] = look.every_label;
  incident["urgency"] = text(rules::to_text(look.urgency));
  json::array intervals;
  for (const rules::IntervalLook& one : look.intervals) {
    intervals.emplace_back(
        json::object{{"id", text(one.id)}, {"holds", one.holds}, {"changes_at", time(one.changes_at)}});
  }
  incident["intervals"] = std::move(intervals);
  incident["otherwise"] = text(rules::to_text(look.otherwise));
  incident["state"] = text(rules::to_text(look.state));
  incident["by"] = text_or_null(look.by);
  json::array holds;
  for (const rules::HoldView& hold : look.holds) holds.emplace_back(hold_object(hold));
  incident["holds"] = std::move(holds);
  incident["pages_at"] = time(look.pages_at);
  json::array calls;
  for (const rules::CallLook& call : look.calls) calls.emplace_back(call_object(call));
  incident["calls"] = std::move(calls);
  incident["more_calls"] = look.more_calls;
  incident["last_resort_at"] = time(look.last_resort);
  incident["quiet"] = text_or_null(look.quiet);
  return incident;
}

// ---- and back -------------------------------------------------------------------------------------------------------

rules::RouteLook read_route(Fields& fields) {
  rules::RouteLook look;
  look.path = fields.text("path");
  look.depth = fields.number<std::uint32_t>("depth");
  look.matchers = fields.texts("matchers");
  look.fate =
      fields.word("fate", rules::RouteFate::not_asked, [](rules::RouteFate fate) { return rules::to_text(fate); });
  look.failed = fields.text("failed");
  return look;
}

rules::CallLook read_call(Fields& fields) {
  rules::CallLook call;
  call.at = fields.instant("at");
  call.person = fields.text("to");
  call.contact = fields.text("by");
  call.step = fields.number<std::uint32_t>("step");
  call.round = fields.number<std::uint32_t>("round");
  call.reason =
      fields.word("reason", rules::PageReason::test, [](rules::PageReason reason) { return rules::to_text(reason); });
  call.because = fields.text("because");
  return call;
}

rules::IntervalLook read_interval(Fields& fields) {
  return rules::IntervalLook{
      .id = fields.text("id"), .holds = fields.flag("holds"), .changes_at = fields.time("changes_at")};
}

rules::Urgency read_urgency(Fields& fields, std::string_view name) {
  return fields.word(name, rules::Urgency::high, [](rules::Urgency urgency) { return rules::to_text(urgency); });
}

rules::IncidentLook read_incident(Fields& fields) {
  rules::IncidentLook look;
  fields.require("fate");
  look.fate = fields.word(
      "fate", rules::IncidentFate::refreshes, [](rules::IncidentFate fate) { return rules::to_text(fate); });
  if (!fields.text("id").empty()) look.id = rules::IncidentId{fields.id("id")};
  look.route = fields.text("route");
  look.call_tree = fields.text("call_tree");
  const rules::Labels group = fields.labels("group");
  for (std::size_t index = 0; index < group.size(); ++index) {
    look.group.emplace_back(group[index].name, group[index].value);
  }
  look.absent = fields.texts("absent");
  look.every_label = fields.flag("every_label");
  look.urgency = read_urgency(fields, "urgency");
  look.intervals = fields.each("intervals", read_interval);
  look.otherwise = read_urgency(fields, "otherwise");
  look.state = fields.word(
      "state", rules::IncidentState::resolved, [](rules::IncidentState state) { return rules::to_text(state); });
  look.by = fields.text("by");
  look.holds = fields.each("holds", read_hold);
  look.pages_at = fields.time("pages_at");
  look.calls = fields.each("calls", read_call);
  look.more_calls = fields.flag("more_calls");
  look.last_resort = fields.time("last_resort_at");
  look.quiet = fields.text("quiet");
  return look;
}

rules::Explanation read_explanation(Fields& fields) {
  rules::Explanation told;
  fields.require("at");
  fields.require("alert");
  told.at = fields.instant("at");
  fields.within("alert", [&told](Fields& alert) {
    const std::string hex = alert.text("fingerprint");
    std::from_chars(hex.data(), hex.data() + hex.size(), told.fingerprint.value, 16);
    told.labels = alert.labels("labels");
    told.identity = alert.texts("identity");
    told.ignored = alert.texts("ignored");
    told.severity = alert.text("severity");
    told.severity_known = alert.flag("severity_known");
    told.service = alert.text("service");
    told.service_known = alert.flag("service_known");
    told.owner = alert.text("owner");
    told.heartbeat = alert.text("heartbeat");
    told.set_aside = alert.time("set_aside_until");
  });
  told.routes = fields.each("routes", read_route);
  told.routes_left_out = fields.number<std::uint64_t>("routes_left_out");
  told.incidents = fields.each("incidents", read_incident);
  told.until = fields.instant("until");
  told.cut = fields.flag("cut");
  return told;
}

// ---- the tree -------------------------------------------------------------------------------------------------------

struct Node {
  std::string text;
  std::vector<Node> below;
  Node& add(std::string line) {
    below.push_back(Node{.text = std::move(line), .below = {}});
    return below.back();
  }
};

void draw(const Node& node, const std::string& indent, bool unicode, std::string& out) {
  for (std::size_t index = 0; index < node.below.size(); ++index) {
    const bool is_last = index + 1 == node.below.size();
    const std::string_view branch = unicode ? (is_last ? "└─ " : "├─ ") : (is_last ? "`- " : "|- ");
    const std::string_view trunk = is_last ? "   " : unicode ? "│  " : "|  ";
    out += indent;
    out += branch;
    out += node.below[index].text;
    out += '\n';
    draw(node.below[index], indent + std::string{trunk}, unicode, out);
  }
}

std::string listed(const std::vector<std::string>& all) {
  std::string line;
  for (const std::string& one : all) line += (line.empty() ? "" : ", ") + visible(one);
  return line;
}

class Tree {
 public:
  Tree(const rules::Explanation& told, const Drawing& drawing) : told_{told}, drawing_{drawing} {}

  std::string print() {
    Node root;
    add_alert(root);
    add_routes(root);
    for (const rules::IncidentLook& look : told_.incidents) add_incident(root, look);
    if (told_.cut) root.add("cut short here: more happens than an explanation looks at");
    std::string name = visible(told_.labels.find("alertname"));
    if (name.empty()) name = "an alert without a name";
    std::string out =
        fmt::format("{} ({}), if it fired at {}\n", name, rules::hex(told_.fingerprint), time_of(told_.at));
    draw(root, "", drawing_.unicode, out);
    return out;
  }

 private:
  [[nodiscard]] std::string time_of(rules::Instant instant) const {
    return drawing_.clock ? drawing_.clock(instant) : rules::print_rfc3339(instant);
  }
  // "at 17:05:00 (in 5m)", counted from the alert.
  [[nodiscard]] std::string when(rules::Instant instant) const {
    return fmt::format("{} ({})", time_of(instant), print_relative(instant - told_.at));
  }

  void add_alert(Node& root) const {
    Node& labels = root.add("labels");
    for (std::size_t index = 0; index < told_.labels.size(); ++index) {
      labels.add(fmt::format("{}={}", visible(told_.labels[index].name), visible(told_.labels[index].value)));
    }
    root.add(fmt::format("identity: {}{}",
                         listed(told_.identity),
                         told_.ignored.empty() ? "" : fmt::format("; not part of it: {}", listed(told_.ignored))));
    if (told_.severity.empty()) {
      root.add("severity: it has none, so it ranks as the highest");
    } else {
      root.add(fmt::format("severity: {}{}",
                           visible(told_.severity),
                           told_.severity_known ? "" : ", which is unknown and ranks as the highest"));
    }
    if (told_.service.empty()) {
      root.add("service: none is named");
    } else {
      root.add(fmt::format("service: {}{}",
                           visible(told_.service),
                           !told_.service_known  ? ", which the configuration does not know"
                           : told_.owner.empty() ? ", which nobody owns"
                                                 : fmt::format(", owned by {}", visible(told_.owner))));
    }
    if (!told_.heartbeat.empty()) {
      root.add(fmt::format("it is a beat of heartbeat {}: it opens no incident", visible(told_.heartbeat)));
    }
    if (told_.set_aside) {
      root.add(
          fmt::format("older than its known end: it is set aside until {} and then believed", when(*told_.set_aside)));
    }
  }

  void add_routes(Node& root) const {
    Node& routes = root.add("routes");
    // What stands on the way to a route that was taken, and what was passed over beside it.
    std::vector<Node*> path{&routes};
    for (const rules::RouteLook& look : told_.routes) {
      if (look.depth + 1 > path.size()) continue;
      path.resize(look.depth + 1);
      path.push_back(&path.back()->add(route_text(look)));
    }
    if (told_.routes_left_out > 0) routes.add(fmt::format("and {} more", told_.routes_left_out));
  }

  [[nodiscard]] std::string route_text(const rules::RouteLook& look) const {
    const std::string matchers = look.matchers.empty() ? "always" : listed(look.matchers);
    const std::string path = visible(look.path);
    switch (look.fate) {
      case rules::RouteFate::taken:
        return fmt::format("{} {}: {}", drawing_.unicode ? "▶" : "[>]", path, matchers);
      case rules::RouteFate::passed_through:
        return fmt::format("{} {}: {}", drawing_.unicode ? "●" : "[x]", path, matchers);
      case rules::RouteFate::no_match:
        return fmt::format("{} {}: no, {} does not match", drawing_.unicode ? "○" : "[ ]", path, visible(look.failed));
      case rules::RouteFate::not_asked:
        return fmt::format("{} {}: not asked", drawing_.unicode ? "○" : "[ ]", path);
    }
    return path;
  }

  void add_incident(Node& root, const rules::IncidentLook& look) const {
    Node& incident = root.add(head_of(look));
    std::string group = look.every_label ? "every label" : "";
    for (const auto& [name, value] : look.group) {
      group += fmt::format("{}{}={}", group.empty() ? "" : ", ", visible(name), visible(value));
    }
    if (group.empty()) group = "everything of this route";
    if (!look.absent.empty()) group += fmt::format("; it lacks {}", listed(look.absent));
    incident.add("grouped by " + group);
    add_urgency(incident, look);
    if (!look.by.empty()) incident.add(fmt::format("acknowledged by {}", visible(look.by)));
    if (!look.holds.empty()) {
      Node& held = incident.add("held back");
      for (const rules::HoldView& hold : look.holds) {
        std::string line = visible(hold.text);
        if (hold.until) line += fmt::format(", until {}", when(*hold.until));
        held.add(std::move(line)).add(fmt::format("ends {}", visible(hold.ends)));
      }
      held.add(look.pages_at ? fmt::format("as things stand somebody is called at {}", when(*look.pages_at))
                             : "as things stand nobody is called");
    }
    add_calls(incident, look);
  }

  static std::string head_of(const rules::IncidentLook& look) {
    const std::string id = rules::print_incident(look.id);
    const std::string where = fmt::format("by route {} on call tree {}", visible(look.route), visible(look.call_tree));
    switch (look.fate) {
      case rules::IncidentFate::opens:
        return fmt::format("opens an incident {}", where);
      case rules::IncidentFate::joins:
        return fmt::format("joins {} {}", id, where);
      case rules::IncidentFate::reopens:
        return fmt::format("reopens {} {}", id, where);
      case rules::IncidentFate::refreshes:
        return fmt::format("fires in {} already {}: the report is counted, and calls nobody by itself", id, where);
    }
    return id;
  }

  void add_urgency(Node& incident, const rules::IncidentLook& look) const {
    Node& urgency = incident.add(fmt::format("urgency {}", rules::to_text(look.urgency)));
    for (const rules::IntervalLook& interval : look.intervals) {
      urgency.add(fmt::format("{} {}{}",
                              visible(interval.id),
                              interval.holds ? "holds now" : "does not hold now",
                              interval.changes_at ? ", until " + when(*interval.changes_at) : std::string{}));
    }
    if (!look.intervals.empty()) urgency.add(fmt::format("otherwise {}", rules::to_text(look.otherwise)));
  }

  void add_calls(Node& incident, const rules::IncidentLook& look) const {
    if (look.calls.empty()) {
      incident.add(fmt::format("calls nobody: {}", visible(look.quiet)));
      return;
    }
    Node& calls = incident.add("if nobody answers");
    Node* step = nullptr;
    const rules::CallLook* before = nullptr;
    for (const rules::CallLook& call : look.calls) {
      const bool is_same = before != nullptr && before->step == call.step && before->round == call.round &&
                           before->reason == call.reason;
      if (!is_same) step = &calls.add(step_text(call));
      before = &call;
      std::string line = fmt::format("{}: {} by {}", when(call.at), visible(call.person), visible(call.contact));
      if (!call.because.empty()) line += fmt::format(", {}", visible(call.because));
      step->add(std::move(line));
    }
    if (look.more_calls) calls.add("and more calls than are listed");
    if (!look.last_resort) {
      calls.add(fmt::format("and no more until {}", when(told_.until)));
    } else if (look.calls.back().reason != rules::PageReason::last_resort) {
      calls.add(fmt::format("last resort at {}: it reaches nobody else", when(*look.last_resort)));
    }
  }

  static std::string step_text(const rules::CallLook& call) {
    if (call.reason == rules::PageReason::last_resort) return "last resort";
    if (call.step == 0) return std::string{reason_text(call.reason)};
    return fmt::format("step {}, round {}: {}", call.step, call.round, reason_text(call.reason));
  }

  const rules::Explanation& told_;
  const Drawing& drawing_;
};

}  // namespace

std::string explanation_json(const rules::Explanation& told) {
  json::object whole;
  whole["version"] = 1;
  whole["at"] = time(told.at);
  whole["alert"] = alert_object(told);
  json::array routes;
  for (const rules::RouteLook& look : told.routes) routes.emplace_back(route_object(look));
  whole["routes"] = std::move(routes);
  whole["routes_left_out"] = told.routes_left_out;
  json::array incidents;
  for (const rules::IncidentLook& look : told.incidents) incidents.emplace_back(incident_object(look));
  whole["incidents"] = std::move(incidents);
  whole["until"] = time(told.until);
  whole["cut"] = told.cut;
  return json::serialize(whole);
}

tl::expected<rules::Explanation, std::string> parse_explanation_json(std::string_view text) {
  return read_document(text, read_explanation);
}

std::string draw_explanation(const rules::Explanation& told, const Drawing& drawing) {
  return Tree{told, drawing}.print();
}

}  // namespace words
