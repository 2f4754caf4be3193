// Intake: the bytes that a monitoring system posts become one rules::ReportsArrived, or a refusal in plain words.
//
// Nothing here asks a clock, opens a file or a socket, or throws on what a sender wrote. A Parser keeps its buffers
// between bodies and belongs to one thread; what it returns owns all its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/event.hpp"

namespace intake {

// Bytes that must be readable after a body so that it is parsed where it lies. Their contents do not matter.
inline constexpr std::size_t body_padding = 64;

// A body, borrowed for the length of one call.
struct Body {
  Body(std::string_view bytes) : text{bytes}, readable{bytes.size()} {}  // NOLINT(google-explicit-constructor)
  Body(std::string_view bytes, std::size_t readable_bytes) : text{bytes}, readable{readable_bytes} {}

  std::string_view text;
  std::size_t readable;  // bytes from text.data() that may be read; short of text.size() + body_padding, it is copied
};

struct Limits {
  std::size_t body_bytes{std::size_t{1} << 30};    // beyond it: 413; the listener's own limit is far smaller
  std::size_t labels{64};                          // of one alert, and as many annotations
  std::size_t label_bytes{std::size_t{64} << 10};  // of a name or a value
  std::size_t annotation_bytes{std::size_t{4} << 10};
  std::size_t url_bytes{std::size_t{16} << 10};  // a longer generatorURL is absent: half a link leads nowhere
  std::size_t rejected_listed{1000};
  std::size_t excerpt_bytes{512};
};

struct Context {
  std::string source;                       // the sender's access name, else its address
  std::vector<std::string> ignore_labels;   // as Policy::identity has them
  std::vector<std::string> routing_labels;  // kept however many labels an alert has
  std::uint64_t seed{};                     // the store's, for keys
  std::uint64_t identity{};                 // rules::identity_of what ignore_labels came from
  Limits limits;
};

// An alert that could not be taken while others of its batch were.
struct Rejected {
  std::size_t index{};  // its place in the batch, from 0
  std::string why;      // plain words; names no value of the sender
  std::string excerpt;  // how it began: valid UTF-8 without control or direction marks, at most Limits::excerpt_bytes
};

// What was taken although it is not as the format says. Each a number of occurrences, for the metrics.
struct Oddities {
  std::uint64_t non_string_values{};  // labels or annotations that were numbers, objects, null, ...
  std::uint64_t unnamed_values{};     // with an empty name: left out
  std::uint64_t duplicate_names{};    // a name twice in one object: the last one counts
  std::uint64_t unknown_status{};     // missing, or neither firing nor resolved: firing
  std::uint64_t unreadable_times{};   // absent
  std::uint64_t unreadable_fields{};  // annotations, generatorURL or truncatedAlerts of a wrong type: absent
  std::uint64_t unknown_version{};    // 1 when a webhook's version is not "4"
  std::uint64_t repaired_utf8{};      // bytes and unpaired surrogates that became U+FFFD
  std::uint64_t truncated_values{};   // cut to the limit
  std::uint64_t truncated_sets{};     // alerts with more labels, or more annotations, than the limit
  bool operator==(const Oddities&) const = default;
};

struct Parsed {
  rules::ReportsArrived event;     // may be empty only when the batch was
  std::vector<Rejected> rejected;  // the first Limits::rejected_listed of them
  std::uint64_t rejected_count{};
  std::uint64_t total{};     // alerts in the batch, taken or not
  std::string external_url;  // where a webhook's sender says that it is; "" = it does not
  Oddities oddities;
};

// An event of PagerDuty's API, version 2. What is known to the sender as one problem is one alert here, whatever its
// summary says; `parsed` holds the one report of a trigger or a resolve, and none of an acknowledge.
struct PagerDutyEvent {
  enum class Action : std::uint8_t { trigger, acknowledge, resolve };
  Action action{Action::trigger};
  std::string dedup_key;   // the sender's, or the one that was made for it
  std::string native_key;  // stands for the routing key and the dedup_key: 32 hex digits, other in each store
  std::string client;      // who the sender says it is; "" = it does not
  Parsed parsed;
};

// What a sender has, asked by us.
struct Listed {
  std::vector<rules::ListedAlert> alerts;  // all firing
  std::uint64_t rejected_count{};          // those that could not be read
  Oddities oddities;
};

struct Refused {
  int status{400};                 // 400; 413 beyond Limits::body_bytes; 503 when memory ran out
  std::string why;                 // plain words, with the byte where known; never echoes the body
  std::vector<Rejected> rejected;  // when the batch had alerts and none could be taken
  std::uint64_t total{};
  std::vector<std::string> errors;  // all that is wrong with an event of PagerDuty's API
};

// An alert that has more labels than the limit keeps the first by name, the routing labels, and this one, which says
// how many were left out and stands for what they said, so that alerts that differ stay different alerts.
inline constexpr std::string_view left_out_label = "rouse_labels_left_out";

class Map;

class Parser {
 public:
  Parser();
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;

  // Alertmanager's webhook, version "4".
  [[nodiscard]] tl::expected<Parsed, Refused> alertmanager(Body body, const Context& context);
  // What Prometheus and others post to Alertmanager's API v2. All are firing; the engine decides by ends_at.
  [[nodiscard]] tl::expected<Parsed, Refused> api_v2(Body body, const Context& context);
  // Grafana's webhook contact point, version "1": Alertmanager's with more in it.
  [[nodiscard]] tl::expected<Parsed, Refused> grafana(Body body, const Context& context);
  // Any JSON, read as the map says. An alert without a mapped label, or whose status the map does not know, is
  // rejected.
  [[nodiscard]] tl::expected<Parsed, Refused> mapped(Body body, const Context& context, const Map& map);
  // PagerDuty's Events API, version 2. `made_key` is the dedup_key of a trigger that brings none.
  [[nodiscard]] tl::expected<PagerDutyEvent, Refused> pagerduty(Body body,
                                                                const Context& context,
                                                                std::string_view made_key);
  // The answer of Alertmanager's GET /api/v2/alerts.
  [[nodiscard]] tl::expected<Listed, Refused> alertmanager_list(Body body, const Context& context);

 private:
  class Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace intake
