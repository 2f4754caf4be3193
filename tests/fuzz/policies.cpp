#include "tests/fuzz/policies.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "rules/codec/codec.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/rules/some_zones.hpp"

namespace fuzz {
namespace {

using namespace std::chrono_literals;
using rules::Target;
using rules::TargetKind;

std::uint8_t byte_of(std::uint32_t bits, unsigned index) {
  return static_cast<std::uint8_t>(bits >> (8 * index));
}

const Target operations{TargetKind::rotation, "operations"};
const Target database{TargetKind::specialists, "database"};
const Target asha{TargetKind::person, "asha"};
const Target ben{TargetKind::person, "ben"};

rules::Matcher equals(const char* name, const char* value) {
  return rules::Matcher::make(name, rules::MatchOperator::equal, value).value();
}

void add_people(rules::Policy& policy, Bits bits) {
  const bool has_chen = !bits.flag();
  const bool ben_has_contacts = !bits.flag();
  const bool two_sms_providers = bits.flag();
  const bool has_voice = !bits.flag();
  const bool has_hours = bits.flag();
  const bool has_leave = bits.flag();
  const bool other_members = bits.flag();
  const bool rules_differ = bits.flag();

  policy.zones = {some_zones::vancouver()};
  const rules::Contact sms{"sms", "sms", "+1"};
  const rules::Contact voice{"voice.home", "voice", "+2"};
  const rules::Contact email{"email", "email", "x@example.org"};
  policy.people.push_back({.id = "asha",
                           .name = "Asha",
                           .timezone = "America/Vancouver",
                           .contacts = {sms, voice, email},
                           .high = {{"sms", 0ms}, {"voice.home", 2min}, {"sms", 4min}},
                           .low = {{"email", 0ms}}});
  if (rules_differ) policy.people.back().high = {{"voice.home", 0ms}, {"email", 0ms}, {"sms", 10min}};
  policy.people.push_back({.id = "ben",
                           .name = "Ben",
                           .timezone = "",
                           .contacts = {sms, email},
                           .high = {{"sms", 0ms}, {"email", 0ms}},
                           .low = {{"email", 0ms}, {"sms", 1min}}});
  if (!ben_has_contacts) policy.people.back().contacts.clear();
  if (!ben_has_contacts) policy.people.back().high.clear();
  if (!ben_has_contacts) policy.people.back().low.clear();
  if (has_chen) {
    policy.people.push_back({.id = "chen",
                             .name = "Chen",
                             .timezone = "",
                             .contacts = {voice},
                             .high = {{"voice.home", 0ms}, {"voice.home", 3min}},
                             .low = {{"voice.home", 0ms}}});
  }

  rules::Rotation rotation{.id = "operations",
                           .role = "Operations Engineer",
                           .timezone = "America/Vancouver",
                           .members = {"asha", "ben"},
                           .start = rules::LocalTime{std::chrono::local_days{2026y / 1 / 5} + 9h},
                           .turn = {1, other_members ? rules::TurnUnit::days : rules::TurnUnit::weeks},
                           .hours = {},
                           .leave = {},
                           .overrides = {}};
  if (has_chen && other_members) rotation.members = {"chen", "asha"};
  if (has_hours) rotation.hours = {{.days = 0x1F, .from = 9h, .to = 17h}};
  if (has_leave) rotation.leave = {{.person = "asha", .from = 2026y / 3 / 1, .to = 2026y / 3 / 20}};
  policy.rotations = {std::move(rotation)};
  policy.specialists = {{.id = "database", .members = {"ben"}}};
  if (has_chen) policy.specialists.front().members.emplace_back("chen");

  const rules::Provider log{.kind = rules::ProviderKind::log};
  policy.channels.push_back({.name = "email", .providers = {log}});
  policy.channels.push_back({.name = "sms", .providers = {log}});
  if (two_sms_providers) policy.channels.back().providers.push_back(log);
  if (has_voice) policy.channels.push_back({.name = "voice", .providers = {log}});
}

void add_call_trees(rules::Policy& policy, Bits bits, Bits order) {
  static const std::array<std::vector<rules::Step>, 4> trees{{
      {{.targets = {operations}, .wait = 5min}},
      {{.targets = {operations}, .wait = 5min}, {.targets = {database}, .wait = 5min}},
      {{.targets = {operations}, .wait = 2min},
       {.targets = {database, asha}, .wait = 10min},
       {.targets = {ben}, .wait = 1s}},
      {{.targets = {ben}, .wait = 3min}, {.targets = {ben}, .wait = 3min}, {.targets = {asha}, .wait = 1h}},
  }};
  static const std::array<std::vector<Target>, 4> last_resorts{{{}, {asha}, {operations}, {database}}};
  rules::CallTree outage{.id = "outage", .steps = bits.of(trees), .repeat = bits.take(2)};
  outage.ack_timeout = bits.of(std::array<rules::Duration, 4>{30min, 5min, 0ms, 2h});
  outage.last_resort.targets = bits.of(last_resorts);
  outage.last_resort.every = 10min;
  const unsigned turned = order.take(2);
  std::rotate(outage.steps.begin(),
              outage.steps.begin() + static_cast<std::ptrdiff_t>(turned % outage.steps.size()),
              outage.steps.end());
  rules::CallTree quiet{.id = "quiet",
                        .steps = {{.targets = {database}, .wait = 15min}, {.targets = {operations}, .wait = 15min}}};
  quiet.repeat = 0;
  policy.call_trees = {std::move(outage), std::move(quiet)};
}

rules::Route child_of(const rules::Route& parent, std::string name, std::vector<rules::Matcher> matchers) {
  rules::Route child = parent;
  child.routes.clear();
  child.path = parent.path + "/" + name;
  child.matchers = std::move(matchers);
  return child;
}

void add_routes(rules::Policy& policy, Bits bits) {
  using rules::Urgency;
  rules::Route& root = policy.route;
  root.path = "root";
  root.group_wait = bits.of(std::array<rules::Duration, 4>{0ms, 30s, 5min, 0ms});
  root.group_by = bits.of(std::array<std::vector<std::string>, 4>{{{"alertname", "service"}, {"service"}, {}, {}}});
  root.group_by_all = root.group_by.empty() && bits.flag();
  const unsigned shape = bits.take(2);
  root.call_tree = bits.flag() ? "quiet" : "outage";
  root.urgency = Urgency::high;
  if (shape == 0) return;
  root.urgency = shape == 3 ? Urgency::none : Urgency::low;
  if (shape == 2) {
    rules::Route team = child_of(root, "database", {equals("service", "db")});
    team.goes_on = true;
    team.urgency = Urgency::high;
    team.call_tree = "quiet";
    team.group_wait = 0ms;
    root.routes.push_back(std::move(team));
  }
  rules::Route critical = child_of(root, "critical", {equals("severity", "critical")});
  critical.urgency = Urgency::high;
  critical.call_tree = "outage";
  root.routes.push_back(std::move(critical));
  if (shape == 3) {
    rules::Route warning = child_of(root, "warning", {equals("severity", "warning")});
    warning.urgency = Urgency::low;
    root.routes.push_back(std::move(warning));
  }
}

// Alerts hold each other by what they depend on and by what is worse; some of it at some hours.
void add_holds(rules::Policy& policy, Bits bits) {
  const unsigned dependencies = bits.take(2);
  const bool has_maintenance = bits.flag();
  const unsigned inhibition = bits.take(2);
  const bool has_hours = bits.flag();
  const bool has_heartbeats = bits.flag();
  const bool asks = bits.flag();

  policy.time_intervals = {{.id = "night", .timezone = "America/Vancouver", .hours = {.from = 22h, .to = 6h}},
                           {.id = "office", .timezone = "", .hours = {.days = 0x1F, .from = 9h, .to = 17h}}};
  if (dependencies > 0 || has_maintenance) policy.services = {{.id = "db"}, {.id = "shop"}, {.id = "web"}};
  if (dependencies > 0) policy.services[1].depends_on = {"db"};
  if (dependencies > 1) policy.services[2].depends_on = {"shop"};
  if (dependencies > 2) policy.services[2].depends_on = {"db", "shop"};
  if (has_maintenance) {
    policy.services[0].maintenance = {"night"};
    policy.services[1].maintenance = {"night", "office"};
  }
  if ((inhibition & 1U) != 0) {
    policy.inhibit_rules.push_back({.id = "worse",
                                    .source = {equals("severity", "critical")},
                                    .target = {equals("severity", "warning")},
                                    .equal = {"service"}});
  }
  if ((inhibition & 2U) != 0) {  // two rules that make a ring, and one whose sides are the same
    policy.inhibit_rules.push_back({.id = "down",
                                    .source = {equals("alertname", "ApiDown")},
                                    .target = {equals("alertname", "Slow")},
                                    .equal = {"cluster"}});
    policy.inhibit_rules.push_back({.id = "back",
                                    .source = {equals("alertname", "Slow")},
                                    .target = {equals("alertname", "ApiDown")},
                                    .equal = {}});
    policy.inhibit_rules.push_back({.id = "twice",
                                    .source = {equals("alertname", "DiskFull")},
                                    .target = {equals("service", "db")},
                                    .equal = {"cluster", "service"}});
  }
  if (has_hours) {
    policy.route.active = {"office"};
    policy.route.otherwise = rules::Urgency::low;
    for (rules::Route& route : policy.route.routes) {
      route.active = {"night", "office"};
      route.otherwise = route.urgency == rules::Urgency::none ? rules::Urgency::high : rules::Urgency::none;
    }
  }
  if (has_heartbeats) {
    policy.heartbeats = {{.id = "cron", .matchers = {}, .every = 1h, .grace = 0ms, .call_tree = "quiet", .source = ""},
                         {.id = "prometheus",
                          .matchers = {equals("alertname", "Slow"), equals("severity", "info")},
                          .every = 10min,
                          .grace = 1min,
                          .call_tree = "outage",
                          .source = "prometheus-a"}};
  }
  if (asks) policy.sources = {{.id = "prometheus-a", .alertmanager = "http://am.example.org:9093"}};
}

void add_limits(rules::Correlation& correlation, Bits waits, Bits counts) {
  using Spans = std::array<rules::Duration, 4>;
  correlation.hold = waits.of(Spans{30s, 0ms, 5min, 1ms});
  correlation.recovery_grace = waits.of(Spans{2min, 0ms, 30s, 1h});
  correlation.startup_grace = waits.of(Spans{30s, 0ms, 10min, 1h});
  correlation.flapping.within = waits.of(Spans{10min, 1min, 1h, 24h});
  correlation.flapping.changes = counts.of(std::array<std::uint32_t, 4>{4, 2, 3, 5});
  correlation.flapping.calm = counts.of(Spans{10min, 30s, 1h, 1ms});
  static const std::array<rules::StormLimits, 4> storms{
      {{},
       {.incidents = 1, .within = 1min, .until_incidents = 2, .until_within = 5min},
       {.incidents = 2, .within = 1h, .until_incidents = 1, .until_within = 30s},
       {.incidents = 3, .within = 5min, .until_incidents = 5, .until_within = 1h}}};
  correlation.storm = counts.of(storms);
}

}  // namespace

std::shared_ptr<const rules::Policy> make_policy(std::uint32_t bits, std::uint32_t correlation) {
  auto policy = std::make_shared<rules::Policy>();
  Bits rest{byte_of(bits, 3)};
  policy->budget = {.pages = rest.of(std::array<std::uint32_t, 4>{12, 1, 2, 3}), .within = 15min};
  static const std::array<std::vector<std::string>, 4> ignored{{{"prometheus_replica", "severity"},
                                                                {"cluster", "prometheus_replica", "severity"},
                                                                {"prometheus_replica"},
                                                                {"cluster"}}};
  policy->identity.ignore_labels = rest.of(ignored);
  policy->correlation.reopen_within = rest.of(std::array<rules::Duration, 4>{10min, 0ms, 1h, 30s});
  add_people(*policy, Bits{byte_of(bits, 2)});
  add_call_trees(*policy, Bits{byte_of(bits, 0)}, rest);
  add_routes(*policy, Bits{byte_of(bits, 1)});
  add_holds(*policy, Bits{byte_of(correlation, 0)});
  add_limits(policy->correlation, Bits{byte_of(correlation, 1)}, Bits{byte_of(correlation, 2)});
  policy->hash = codec::hash_of(*policy);
  return policy;
}

}  // namespace fuzz
