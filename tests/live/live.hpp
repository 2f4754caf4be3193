// What the live tests share: a small team whose phones are the sink, bodies of senders, and a look at the daemon's own
// JSON.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "tests/support/folder.hpp"
#include "tests/support/roused.hpp"
#include "tests/support/sink.hpp"

namespace live {

namespace json = boost::json;

using Labels = std::map<std::string, std::string>;

inline json::object object_of(const Labels& labels) {
  json::object object;
  for (const auto& [name, value] : labels) object[name] = value;
  return object;
}

// One alert of a webhook; "firing" or "resolved", without times.
inline json::object alert_of(const Labels& labels, std::string_view status) {
  return json::object{{"status", status}, {"labels", object_of(labels)}};
}

inline std::string webhook_with(json::array alerts) {
  return json::serialize(json::object{{"version", "4"}, {"alerts", std::move(alerts)}});
}

inline std::string webhook_of(const Labels& labels, std::string_view status = "firing") {
  return webhook_with(json::array{alert_of(labels, status)});
}

inline constexpr std::string_view webhook_path = "/v1/alerts/alertmanager";

// An object, empty when the text is none.
inline json::object parse_object(const std::string& text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

// A field as text whatever its type; "" when it is absent or null.
inline std::string field(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return std::string{value->get_string()};
  return json::serialize(*value);
}

// olga for `wait`, then sam for `wait`, then ivan for an hour; the budget, storms and flapping are out of the way.
inline std::string small_team(const support::Sink& sink, std::string_view wait = "1h") {
  constexpr std::string_view text = R"(rouse: 1
people:
  olga: { name: Olga, timezone: UTC, contact: { webhook: "SINK/olga" } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "SINK/sam" } }
  ivan: { name: Ivan, timezone: UTC, contact: { webhook: "SINK/ivan" } }
call_trees:
  outage:
    ack_timeout: 0s
    steps:
      - { call: olga, wait: WAIT }
      - { call: sam, wait: WAIT }
      - { call: ivan, wait: 1h }
route:
  call_tree: outage
  group_by: [alertname, service]
  routes:
    - { name: info, matchers: [ severity = info ], urgency: none }
    - { name: warnings, matchers: [ severity = warning ], urgency: low }
budget: { per_contact: { pages: 1000000, within: 1s } }
correlation: { storm: { incidents: 1000000 }, flapping: { changes: 1000 } }
channels:
  webhook: [ { webhook: { timeout: 5s } } ]
)";
  return support::replaced(support::replaced(std::string{text}, "SINK", sink.url()), "WAIT", wait);
}

// A daemon with a team of its own and the sink behind it, in a folder that goes with it.
class House {
 public:
  explicit House(std::string_view wait = "1h")
      : House{[wait](const support::Sink& phones) { return small_team(phones, wait); }} {}

  template <class Configuration>
    requires requires(Configuration text, const support::Sink& phones) { std::string{text(phones)}; }
  explicit House(const Configuration& configuration)
      : folder{}, sink{}, roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    support::write_file(folder / "rouse.yml", configuration(sink));
  }

  support::TemporaryFolder folder;
  support::Sink sink;
  support::Roused roused;

  // All incidents, page by page, with their alerts.
  [[nodiscard]] std::vector<json::object> incidents(std::size_t limit = 500) const {
    std::vector<json::object> found;
    std::string after;
    for (;;) {
      std::string path = "/v1/incidents?state=all&alerts=true&limit=" + std::to_string(limit);
      if (!after.empty()) path += "&after=" + after;
      const support::Answer answer = roused.get(path);
      if (answer.status != 200)
        throw std::runtime_error(path + ": " + std::to_string(answer.status) + " " + answer.body);
      json::object list = parse_object(answer.body);
      json::value* const incidents = list.if_contains("incidents");
      if (incidents == nullptr || !incidents->is_array())
        throw std::runtime_error(path + ": no incidents in " + answer.body);
      for (json::value& one : incidents->get_array()) found.push_back(std::move(one.as_object()));
      after = field(list, "next");
      if (after.empty()) return found;
    }
  }

  [[nodiscard]] json::object incident(std::string_view id) const {
    return parse_object(roused.get("/v1/incidents/" + std::string{id}).body);
  }
};

}  // namespace live
