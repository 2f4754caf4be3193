// What GET /api/v2/alerts of Alertmanager answers: an array of all alerts that have not ended there, each with a
// `status` that says whether it is kept quiet, and the names of the receivers that it was routed to.
#include <utility>

#include "daemon/intake/buffers.hpp"
#include "rules/rfc3339.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;
using json::Value;
using Form = Reading::Text::Form;

constexpr std::size_t most_receivers = 100;  // of one alert
constexpr std::size_t most_receiver_bytes = 256;

// Go's zero time stands for none.
constexpr rules::Instant first_real_instant{std::chrono::sys_days{std::chrono::year{2} / 1 / 1}};

class ListReading {
 public:
  ListReading(Reading& reading, std::vector<rules::ListedAlert>& alerts) : reading_{reading}, alerts_{alerts} {}

  Error all(json::Array array) {
    reading_.begin_batch();
    alerts_.clear();
    return json::each_element(array, [this](Value element) { return one(element); });
  }

 private:
  Error one(Value value);
  Error member(std::string_view name, Value value, rules::ListedAlert& alert);
  Error pairs(Value value, bool& is_object);
  Error state(Value value, rules::ListedState& state);
  Error receivers(Value value, std::vector<std::string>& names);
  Error time(Value value, std::optional<rules::Instant>& instant);

  static constexpr std::size_t depth = 2;  // of an alert; the array is at depth 1

  Reading& reading_;
  std::vector<rules::ListedAlert>& alerts_;
};

Error ListReading::one(Value value) {
  reading_.begin_alert();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  const std::string_view first_token = value.raw_json_token();
  if (type != Type::object) {
    if (const Error error = json::check(value, depth)) return error;
    reading_.reject("not an object", type == Type::array ? reading_.raw_since(first_token.data()) : first_token);
    return simdjson::SUCCESS;
  }
  json::Object object;
  if (const Error error = value.get_object().get(object)) return error;
  rules::ListedAlert alert;
  const Error error = json::each_member(
      object, [this, &alert](std::string_view name, Value found) { return member(name, found, alert); });
  if (error) return error;
  if (alert.report.labels.empty()) {
    reading_.reject("no label has a value", reading_.raw_since(first_token.data()));
    return simdjson::SUCCESS;
  }
  // Computes its key. What is left there is only counted.
  reading_.take(std::move(alert.report));
  alert.report = std::move(reading_.parsed().event.reports.back());
  alerts_.push_back(std::move(alert));
  return simdjson::SUCCESS;
}

Error ListReading::member(std::string_view name, Value value, rules::ListedAlert& alert) {
  if (name == "labels" || name == "annotations") {
    const bool is_labels = name == "labels";
    rules::Labels& set = is_labels ? alert.report.labels : alert.report.annotations;
    bool is_object = false;
    if (const Error error = pairs(value, is_object)) return error;
    set = !is_object ? rules::Labels{} : is_labels ? reading_.labels_of_pairs() : reading_.annotations_of_pairs();
    return simdjson::SUCCESS;
  }
  if (name == "startsAt") return time(value, alert.report.starts_at);
  if (name == "endsAt") return time(value, alert.report.ends_at);
  if (name == "status") return state(value, alert.state);
  if (name == "receivers") return receivers(value, alert.receivers);
  if (name == "generatorURL") {
    Reading::Text text;
    if (const Error error = reading_.text(value, depth + 1, text)) return error;
    const bool fits = text.form == Form::string && text.view.size() <= reading_.context().limits.url_bytes;
    alert.report.generator_url = fits ? text.view : std::string_view{};
    return simdjson::SUCCESS;
  }
  return json::check(value, depth + 1);
}

Error ListReading::pairs(Value value, bool& is_object) {
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  is_object = type == Type::object;
  if (is_object) return reading_.read_pairs(value, depth + 1);
  if (type != Type::null) ++reading_.parsed().oddities.unreadable_fields;
  return json::check(value, depth + 1);
}

Error ListReading::state(Value value, rules::ListedState& state) {
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type != Type::object) {
    ++reading_.parsed().oddities.unknown_status;
    return json::check(value, depth + 1);
  }
  json::Object object;
  if (const Error error = value.get_object().get(object)) return error;
  return json::each_member(object, [this, &state](std::string_view name, Value found) -> Error {
    if (name != "state") return json::check(found, depth + 2);
    Reading::Text text;
    if (const Error error = reading_.text(found, depth + 2, text)) return error;
    state = rules::ListedState::active;
    if (text.view == "suppressed") {
      state = rules::ListedState::suppressed;
    } else if (text.view == "unprocessed") {
      state = rules::ListedState::unprocessed;
    } else if (text.view != "active") {
      ++reading_.parsed().oddities.unknown_status;
    }
    return simdjson::SUCCESS;
  });
}

Error ListReading::receivers(Value value, std::vector<std::string>& names) {
  names.clear();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type != Type::array) return json::check(value, depth + 1);
  json::Array array;
  if (const Error error = value.get_array().get(array)) return error;
  return json::each_element(array, [this, &names](Value element) -> Error {
    Type kind{};
    if (const Error error = element.type().get(kind)) return error;
    if (kind != Type::object) return json::check(element, depth + 2);
    json::Object object;
    if (const Error error = element.get_object().get(object)) return error;
    return json::each_member(object, [this, &names](std::string_view name, Value found) -> Error {
      if (name != "name") return json::check(found, depth + 3);
      Reading::Text text;
      if (const Error error = reading_.text(found, depth + 3, text)) return error;
      const bool is_name = text.form == Form::string && !text.view.empty() && text.view.size() <= most_receiver_bytes;
      if (is_name && names.size() < most_receivers) names.emplace_back(text.view);
      return simdjson::SUCCESS;
    });
  });
}

Error ListReading::time(Value value, std::optional<rules::Instant>& instant) {
  Reading::Text text;
  if (const Error error = reading_.text(value, depth + 1, text)) return error;
  instant.reset();
  if (text.form == Form::null) return simdjson::SUCCESS;
  if (text.form == Form::string) instant = rules::parse_rfc3339(text.view);
  if (!instant) ++reading_.parsed().oddities.unreadable_times;
  if (instant && *instant < first_real_instant) instant.reset();
  return simdjson::SUCCESS;
}

}  // namespace

tl::expected<Listed, Refused> Parser::alertmanager_list(Body body, const Context& context) {
  Listed listed;
  const auto read_list = [&listed](json::Document& document, Reading& reading, Shape& shape) -> Error {
    Type type{};
    if (const Error error = document.type().get(type)) return error;
    if (type != Type::array) {
      shape.problem = "it is not an array; Alertmanager answers with a list of alerts";
      return simdjson::SUCCESS;
    }
    json::Array array;
    if (const Error error = document.get_array().get(array)) return error;
    return ListReading{reading, listed.alerts}.all(array);
  };
  tl::expected<Parsed, Refused> parsed = buffers_->read(body, context, rules::ReportForm::api_v2, read_list);
  if (!parsed) return tl::unexpected{std::move(parsed).error()};
  listed.rejected_count = parsed->rejected_count;
  listed.oddities = parsed->oddities;
  return listed;
}

}  // namespace intake
