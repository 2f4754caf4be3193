// A small team and a world in which its alerts fire, for tests of what people and programs get to read.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "config/load.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/rfc3339.hpp"

namespace scene {

inline constexpr std::string_view team = R"(
rouse: 1
people:
  olga: { name: Olga Diaz, contact: { sms: "+15550100" } }
  ben:  { name: Ben Okri,  contact: { sms: "+15550101" } }
  mia:  { name: Mia Chen,  contact: { sms: "+15550102" } }
rotations:
  operations:
    role: Operations Engineer
    members: [olga, ben]
    start: 2026-01-05T09:00
    turn: 1w
specialists:
  database: [mia]
call_trees:
  outage:
    steps:
      - { call: operations, wait: 5m }
      - { call: [ben, database], wait: 10m }
    repeat: 1
  quiet:
    steps: [ { call: mia, wait: 5m } ]
route:
  call_tree: outage
  routes:
    - matchers: [ severity = info ]
      call_tree: quiet
      urgency: low
channels:
  sms: [ { webhook: { url: "http://127.0.0.1:8080/sms" } } ]
)";

inline std::shared_ptr<const rules::Policy> policy(std::string_view text = team) {
  config::Loaded loaded = config::load(text, "team.yml");
  if (!loaded) throw std::runtime_error{config::print(loaded.error())};
  return std::make_shared<const rules::Policy>(std::move(loaded->policy));
}

inline rules::Instant at(std::string_view text) {
  return rules::parse_rfc3339(text).value();
}

inline const rules::Instant start = at("2026-03-04T17:00:00Z");

inline rules::ReportsArrived report(rules::ReportStatus status,
                                    std::vector<std::pair<std::string, std::string>> labels,
                                    std::vector<std::pair<std::string, std::string>> annotations = {}) {
  rules::Report one;
  one.status = status;
  one.labels = rules::Labels{std::move(labels)};
  one.annotations = rules::Labels{std::move(annotations)};
  rules::ReportsArrived arrived;
  arrived.source = "127.0.0.1";
  arrived.reports.push_back(std::move(one));
  return arrived;
}

inline rules::ReportsArrived firing(std::vector<std::pair<std::string, std::string>> labels,
                                    std::vector<std::pair<std::string, std::string>> annotations = {}) {
  return report(rules::ReportStatus::firing, std::move(labels), std::move(annotations));
}

// R-1 fires at `start` and has climbed to its second step; R-2 is of low urgency; R-3 has ended.
inline rehearse::World busy_world() {
  using namespace std::chrono_literals;
  rehearse::World world{policy(), start, 7};
  world.tell(start,
             firing({{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", "critical"}},
                    {{"summary", "no answer for 2 minutes"}}));
  world.tell(start + 1min, firing({{"alertname", "DiskFilling"}, {"service", "search"}, {"severity", "info"}}));
  world.tell(start + 2min, firing({{"alertname", "Blip"}, {"service", "search"}, {"severity", "warning"}}));
  world.tell(
      start + 3min,
      report(rules::ReportStatus::resolved, {{"alertname", "Blip"}, {"service", "search"}, {"severity", "warning"}}));
  world.advance_to(start + 6min);
  return world;
}

}  // namespace scene
