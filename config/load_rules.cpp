#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "config/loading.hpp"

namespace config {

namespace {

using Zero = Section::Zero;

void read_identity(Loading& loading, Section& top) {
  rules::Identity& identity = loading.result.policy.identity;
  if (const Entry* const entry = top.take("identity")) {
    Section section(loading.reader, *entry->value, entry->place, "identity");
    identity.ignore_labels = loading.distinct(section, "ignore_labels").value_or(identity.ignore_labels);
  }
  std::sort(identity.ignore_labels.begin(), identity.ignore_labels.end());
}

void read_severity(Loading& loading, Section& top) {
  rules::SeverityScale& severity = loading.result.policy.severity;
  const Entry* const entry = top.take("severity");
  if (entry == nullptr) return;
  Section section(loading.reader, *entry->value, entry->place, "severity");
  severity.label = section.text("label").value_or(severity.label);
  constexpr std::size_t most = 255;
  if (auto order = loading.distinct(section, "order")) {
    if (order->empty() || order->size() > most)
      loading.reader.error(entry->place, fmt::format("`order` lists 1 to {} severities, rising", most));
    else
      severity.order = *std::move(order);
  }
  if (!contains(loading.result.policy.identity.ignore_labels, severity.label))
    loading.reader.warning(
        entry->place,
        fmt::format("identity.ignore_labels lacks {}: an alert whose severity changes becomes another alert",
                    shown(severity.label)));
}

rules::CallTree read_call_tree(Loading& loading, const Entry& entry) {
  constexpr std::uint32_t most_rounds = 1000;
  Section section(loading.reader, *entry.value, entry.place, "call_trees");
  rules::CallTree tree;
  tree.id = entry.key;
  if (const Entry* const steps = section.need("steps")) {
    const std::vector<const Node*> list = items(loading.reader, *steps);
    if (steps->value->kind == NodeKind::list && list.empty())
      loading.reader.error(steps->value->place, fmt::format("call tree {} has no steps", shown(tree.id)));
    for (const Node* const item : list) {
      Section each(loading.reader, *item, item->place, "call_trees.steps");
      rules::Step step;
      if (const Entry* const call = each.need("call")) step.targets = loading.targets(*call);
      if (each.need("wait") != nullptr) step.wait = each.duration("wait", Zero::is_wrong).value_or(step.wait);
      tree.steps.push_back(std::move(step));
    }
  }
  tree.repeat = section.count("repeat", 0, most_rounds).value_or(tree.repeat);
  tree.ack_timeout = section.duration("ack_timeout", Zero::is_fine).value_or(tree.ack_timeout);
  if (const Entry* const last = section.take("last_resort")) {
    Section resort(loading.reader, *last->value, last->place, "call_trees.last_resort");
    if (const Entry* const call = resort.take("call")) tree.last_resort.targets = loading.targets(*call);
    tree.last_resort.every = resort.duration("every", Zero::is_wrong).value_or(tree.last_resort.every);
  }
  return tree;
}

void read_call_trees(Loading& loading, Section& top) {
  const Entry* const entry = top.need("call_trees");
  if (entry == nullptr) return;
  Section section(loading.reader, *entry->value, entry->place, "call_trees");
  for (const Entry* const each : section.named())
    loading.result.policy.call_trees.push_back(read_call_tree(loading, *each));
  if (section.is_map() && entry->value->entries.empty())
    loading.reader.error(entry->value->place, "`call_trees` holds no call tree");
}

// ---- services ----

using Dependencies = std::map<std::string, std::vector<Placed<std::string>>>;

// Walks from each service along depends_on; a way back to a service on the way is a circle, reported once, at the name
// that closes it.
class CircleSearch {
 public:
  CircleSearch(const Dependencies& dependencies, Reader& reader) : dependencies_(dependencies), reader_(reader) {}

  void run() {
    for (const auto& [service, parents] : dependencies_) visit(service);
  }

 private:
  enum class State : std::uint8_t { unseen, on_way, done };

  void visit(const std::string& start) {
    // Explicit, since a chain may be as long as the file allows.
    struct Visit {
      const std::string* service;
      std::size_t next{};
    };
    if (states_[start] != State::unseen) return;
    std::vector<Visit> way{{&start}};
    states_[start] = State::on_way;
    while (!way.empty()) {
      Visit& here = way.back();
      const auto found = dependencies_.find(*here.service);
      if (found == dependencies_.end() || here.next == found->second.size()) {
        states_[*here.service] = State::done;
        way.pop_back();
        continue;
      }
      const Placed<std::string>& parent = found->second[here.next++];
      State& state = states_[parent.value];
      if (state == State::on_way) {
        auto each = std::find_if(
            way.begin(), way.end(), [&parent](const Visit& visit) { return *visit.service == parent.value; });
        std::string circle;
        for (; each != way.end(); ++each) circle += *each->service + " -> ";
        reader_.error(parent.place,
                      fmt::format("services depend on each other in a circle: {}{}", circle, parent.value));
      } else if (state == State::unseen) {
        state = State::on_way;
        way.push_back({&parent.value});
      }
    }
  }

  const Dependencies& dependencies_;
  Reader& reader_;
  std::map<std::string, State> states_;
};

rules::Service read_service(Loading& loading, const Entry& entry, Dependencies& dependencies) {
  Section section(loading.reader, *entry.value, entry.place, "services");
  rules::Service service;
  service.id = entry.key;
  if (const Entry* const owner = section.take("owner"))
    if (const auto name = loading.reader.text(*owner->value, owner->place, "owner"))
      service.owner = loading.target(*name, owner->value->place);
  if (const auto parents = section.texts("depends_on"))
    for (const Placed<std::string>& parent : *parents) {
      if (!loading.check_name(parent.value, parent.place, loading.names.services, "service")) continue;
      dependencies[entry.key].push_back(parent);
      if (contains(service.depends_on, parent.value))
        loading.reader.error(parent.place, fmt::format("{} is named twice", shown(parent.value)));
      else
        service.depends_on.push_back(parent.value);
    }
  if (const auto intervals = section.texts("maintenance"))
    for (const Placed<std::string>& interval : *intervals)
      if (loading.check_name(interval.value, interval.place, loading.names.time_intervals, "time interval"))
        service.maintenance.push_back(interval.value);
  if (const Entry* const contract = section.take("contract")) {
    Section terms(loading.reader, *contract->value, contract->place, "services.contract");
    for (const Entry* const term : terms.named())
      if (std::optional<std::string> text = loading.reader.text(*term->value, term->place, term->key))
        service.contract.emplace_back(term->key, *std::move(text));
  }
  return service;
}

void read_services(Loading& loading, Section& top) {
  Dependencies dependencies;
  if (const Entry* const entry = top.take("services")) {
    Section section(loading.reader, *entry->value, entry->place, "services");
    for (const Entry* const each : section.named())
      loading.result.policy.services.push_back(read_service(loading, *each, dependencies));
  }
  CircleSearch(dependencies, loading.reader).run();
  loading.result.policy.service_label = top.text("service_label").value_or(loading.result.policy.service_label);
  if (const Entry* const entry = top.take("contract")) {
    Section section(loading.reader, *entry->value, entry->place, "contract");
    static_cast<void>(loading.distinct(section, "requires"));
    static_cast<void>(section.choice("in_breach", {"flag", "owner"}));
  }
}

// ---- routes ----

constexpr std::string_view every_label = "...";

void read_group_by(Loading& loading, Section& section, rules::Route& route) {
  const auto found = section.texts("group_by");
  if (!found) return;
  route.group_by.clear();
  route.group_by_all = false;
  const std::vector<std::string>& ignored = loading.result.policy.identity.ignore_labels;
  for (const Placed<std::string>& label : *found) {
    if (label.value == every_label) {
      route.group_by_all = true;
      if (found->size() > 1)
        loading.reader.error(label.place, "'...' means every label and stands alone in `group_by`");
    } else if (contains(ignored, label.value)) {
      loading.reader.error(
          label.place, fmt::format("`group_by` names {}, which identity.ignore_labels ignores", shown(label.value)));
    } else if (contains(route.group_by, label.value)) {
      loading.reader.error(label.place, fmt::format("{} is named twice", shown(label.value)));
    } else {
      route.group_by.push_back(label.value);
    }
  }
  if (route.group_by_all) route.group_by.clear();
}

std::optional<rules::Urgency> read_urgency(Section& section) {
  const std::optional<std::size_t> found = section.choice("urgency", {"none", "low", "high"});
  if (!found) return std::nullopt;
  return static_cast<rules::Urgency>(*found);
}

// When the route's urgency holds, and which holds outside of that.
void read_active(Loading& loading, Section& section, rules::Route& route) {
  const Entry* const active = section.take("active");
  const Entry* const otherwise = section.take("otherwise");
  if (active != nullptr) {
    route.active.clear();
    if (const auto intervals = section.texts("active"))
      for (const Placed<std::string>& each : *intervals)
        if (loading.check_name(each.value, each.place, loading.names.time_intervals, "time interval"))
          route.active.push_back(each.value);
  }
  if (active != nullptr && otherwise == nullptr)
    loading.reader.error(active->place, "`active` needs `otherwise`: what holds outside of its time intervals");
  if (otherwise == nullptr) return;
  if (active != nullptr && active->value->kind == NodeKind::list && active->value->items.empty())
    loading.reader.error(active->value->place, "`active` names no time interval, so `otherwise` never holds");
  if (active == nullptr) loading.reader.error(otherwise->place, "`otherwise` without `active` never holds");
  Section rest(loading.reader, *otherwise->value, otherwise->place, "route.otherwise");
  if (rest.need("urgency") != nullptr) route.otherwise = read_urgency(rest).value_or(route.otherwise);
}

std::string path_part(const std::string& name, const std::vector<rules::Matcher>& matchers) {
  if (!name.empty()) return name;
  std::vector<std::string> texts;
  for (const rules::Matcher& matcher : matchers) texts.push_back(matcher.text());
  // Their order means nothing, and must not change what an open incident is called.
  std::sort(texts.begin(), texts.end());
  return fmt::format("{{{}}}", fmt::join(texts, ","));
}

void read_routes(Loading& loading, Section& section, rules::Route& route);

// What a route says, over what it inherits. `inherited` has the parent's values and its path.
rules::Route read_route(Loading& loading, const Node& node, Place owner, const rules::Route* parent) {
  Section section(loading.reader, node, owner, "route");
  rules::Route route;
  if (parent != nullptr) {
    route = *parent;
    route.matchers.clear();
    route.routes.clear();
    route.goes_on = false;
  }
  const std::string name = section.parsed("name", parse_name).value_or("");
  const Entry* const matchers = section.take("matchers");
  if (matchers != nullptr && parent == nullptr)
    loading.reader.error(matchers->place,
                         "the root route takes every alert; `matchers` belong to the routes within it");
  else if (matchers != nullptr)
    route.matchers = loading.matchers(*matchers);
  const Entry* const goes_on = section.take("continue");
  route.goes_on = section.boolean("continue").value_or(false);
  if (goes_on != nullptr && parent == nullptr)
    loading.reader.error(goes_on->place, "the root route has no sibling to go on to; leave out `continue`");
  const Entry* const tree = parent == nullptr ? section.need("call_tree") : section.take("call_tree");
  if (tree != nullptr)
    if (const auto id = loading.reader.text(*tree->value, tree->place, "call_tree"))
      if (loading.check_name(*id, tree->value->place, loading.names.call_trees, "call tree")) route.call_tree = *id;
  if (const std::optional<rules::Urgency> urgency = read_urgency(section)) {
    // Said of this route alone: the parent's time intervals are about the parent's urgency.
    route.urgency = *urgency;
    route.active.clear();
  }
  read_group_by(loading, section, route);
  route.group_wait = section.duration("group_wait", Zero::is_fine).value_or(route.group_wait);
  read_active(loading, section, route);
  if (parent == nullptr)
    route.path = name.empty() ? "root" : name;
  else
    route.path = parent->path + "/" + path_part(name, route.matchers);
  read_routes(loading, section, route);
  return route;
}

void read_routes(Loading& loading, Section& section, rules::Route& route) {
  const Entry* const entry = section.take("routes");
  if (entry == nullptr) return;
  std::map<std::string, int> lines;  // of the paths so far
  std::vector<rules::Route> found;
  for (const Node* const item : items(loading.reader, *entry)) {
    rules::Route each = read_route(loading, *item, item->place, &route);
    const auto [first, is_new] = lines.emplace(each.path, item->place.line);
    // Routes that are not maps have been reported, and have no path of their own.
    if (!is_new && item->kind == NodeKind::map) {
      const bool is_named =
          std::any_of(item->entries.begin(), item->entries.end(), [](const Entry& key) { return key.key == "name"; });
      loading.reader.error(
          item->place,
          is_named ? fmt::format("another route beside this one has the same name (line {})", first->second)
                   : fmt::format("another route beside this one has the same matchers (line {}); give one a `name`",
                                 first->second));
    }
    found.push_back(std::move(each));
  }
  route.routes = std::move(found);
}

void read_root_route(Loading& loading, Section& top) {
  const Entry* const entry = top.need("route");
  if (entry == nullptr) return;
  rules::Route& route = loading.result.policy.route;
  route = read_route(loading, *entry->value, entry->place, nullptr);
  const bool is_written = std::any_of(entry->value->entries.begin(), entry->value->entries.end(), [](const Entry& key) {
    return key.key == "group_by";
  });
  if (is_written) return;
  for (const std::string& label : route.group_by)
    if (contains(loading.result.policy.identity.ignore_labels, label))
      loading.reader.error(entry->place,
                           fmt::format("`group_by` is [alertname, service, cluster] by default, and "
                                       "identity.ignore_labels ignores {}; write `group_by` out",
                                       shown(label)));
}

// ---- correlation ----

void read_time_intervals(Loading& loading, Section& top) {
  const Entry* const entry = top.take("time_intervals");
  if (entry == nullptr) return;
  Section section(loading.reader, *entry->value, entry->place, "time_intervals");
  for (const Entry* const each : section.named()) {
    Section interval(loading.reader, *each->value, each->place, "time_intervals");
    rules::TimeInterval read;
    read.id = each->key;
    read.timezone = loading.zone(interval).value_or("");
    read.hours = read_hours(interval, loading);
    loading.result.policy.time_intervals.push_back(std::move(read));
  }
}

void read_inhibit_rules(Loading& loading, Section& top) {
  const Entry* const entry = top.take("inhibit_rules");
  if (entry == nullptr) return;
  std::vector<std::string> names;
  for (const Node* const item : items(loading.reader, *entry)) {
    Section rule(loading.reader, *item, item->place, "inhibit_rules");
    rules::InhibitRule read;
    if (const auto name = rule.needed("name", parse_name)) {
      if (contains(names, *name))
        loading.reader.error(item->place, fmt::format("two rules are called {}", shown(*name)));
      names.push_back(*name);
      read.id = *name;
    }
    if (const Entry* const matchers = rule.need("source")) read.source = loading.matchers(*matchers);
    if (const Entry* const matchers = rule.need("target")) read.target = loading.matchers(*matchers);
    read.equal = loading.distinct(rule, "equal").value_or(std::vector<std::string>{});
    loading.result.policy.inhibit_rules.push_back(std::move(read));
  }
}

void read_heartbeats(Loading& loading, Section& top) {
  const Entry* const entry = top.take("heartbeats");
  if (entry == nullptr) return;
  Section section(loading.reader, *entry->value, entry->place, "heartbeats");
  for (const Entry* const each : section.named()) {
    Section beat(loading.reader, *each->value, each->place, "heartbeats");
    rules::Heartbeat read;
    read.id = each->key;
    if (const Entry* const matchers = beat.take("matchers")) read.matchers = loading.matchers(*matchers);
    if (beat.need("every") != nullptr)
      read.every = beat.duration("every", Zero::is_wrong).value_or(std::chrono::hours{1});
    read.grace = beat.duration("grace", Zero::is_fine).value_or(read.grace);
    const auto named = [&](std::string_view key, const std::vector<std::string>& names, std::string_view what) {
      const Entry* const found = beat.take(key);
      if (found == nullptr) return std::string{};
      const auto name = loading.reader.text(*found->value, found->place, key);
      return name && loading.check_name(*name, found->value->place, names, what) ? *name : std::string{};
    };
    read.call_tree = named("call_tree", loading.names.call_trees, "call tree");
    if (read.call_tree.empty()) read.call_tree = loading.result.policy.route.call_tree;
    read.source = named("source", loading.names.senders, "sender or source");
    loading.result.policy.heartbeats.push_back(std::move(read));
  }
}

void read_correlation(Loading& loading, Section& top) {
  constexpr std::uint32_t most = 1'000'000;
  constexpr std::uint32_t most_changes = 1'000;  // that many instants are remembered for each alert key
  const Entry* const entry = top.take("correlation");
  if (entry == nullptr) return;
  rules::Correlation& correlation = loading.result.policy.correlation;
  Section section(loading.reader, *entry->value, entry->place, "correlation");
  correlation.reopen_within = section.duration("reopen_within", Zero::is_fine).value_or(correlation.reopen_within);
  correlation.hold = section.duration("hold", Zero::is_fine).value_or(correlation.hold);
  correlation.recovery_grace = section.duration("recovery_grace", Zero::is_fine).value_or(correlation.recovery_grace);
  correlation.startup_grace = section.duration("startup_grace", Zero::is_fine).value_or(correlation.startup_grace);
  if (const Entry* const each = section.take("flapping")) {
    Section flapping(loading.reader, *each->value, each->place, "correlation.flapping");
    rules::Flapping& read = correlation.flapping;
    read.changes = flapping.count("changes", 2, most_changes).value_or(read.changes);
    read.within = flapping.duration("within", Zero::is_wrong).value_or(read.within);
    read.calm = flapping.duration("calm", Zero::is_wrong).value_or(read.calm);
  }
  if (const Entry* const each = section.take("storm")) {
    Section storm(loading.reader, *each->value, each->place, "correlation.storm");
    rules::StormLimits& read = correlation.storm;
    read.incidents = storm.count("incidents", 1, most).value_or(read.incidents);
    read.within = storm.duration("within", Zero::is_wrong).value_or(read.within);
    if (const Entry* const end = storm.take("until")) {
      Section until(loading.reader, *end->value, end->place, "correlation.storm.until");
      read.until_incidents = until.count("incidents", 1, most).value_or(read.until_incidents);
      read.until_within = until.duration("within", Zero::is_wrong).value_or(read.until_within);
    }
  }
}

}  // namespace

void read_rules(Loading& loading, Section& top) {
  read_identity(loading, top);
  read_severity(loading, top);
  read_call_trees(loading, top);
  read_services(loading, top);
  read_root_route(loading, top);
  read_time_intervals(loading, top);
  read_inhibit_rules(loading, top);
  read_correlation(loading, top);
  read_heartbeats(loading, top);
}

}  // namespace config
