// Any JSON, as the map of its source says. Each item is walked once, in the order written, and what is wanted of it is
// remembered on the way; of a name that comes twice the last one counts, with all that is below it.
#include <charconv>
#include <chrono>

#include "daemon/intake/buffers.hpp"
#include "daemon/intake/map.hpp"
#include "daemon/intake/text.hpp"
#include "rules/rfc3339.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;
using json::Value;
using Text = Reading::Text;

// Seconds since 1970 are below this for three thousand years, milliseconds above it since 1973.
constexpr double least_milliseconds = 1e11;
constexpr double most_milliseconds = 1e14;

// RFC 3339, or a number of seconds or milliseconds since 1970.
std::optional<rules::Instant> instant_of(std::string_view text) {
  if (const std::optional<rules::Instant> instant = rules::parse_rfc3339(text)) return instant;
  double number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || !(number > 0) || number >= most_milliseconds) return std::nullopt;
  const double milliseconds = number < least_milliseconds ? number * 1000 : number;
  return rules::Instant{rules::Duration{static_cast<rules::Duration::rep>(milliseconds)}};
}

class MappedReading {
 public:
  MappedReading(Reading& reading, const Map& map) : reading_{reading}, map_{map}, values_(map.wanted().size()) {}

  // Follows the way to the list from its step `at` on.
  Error find(Value value, std::size_t depth, std::size_t at);
  [[nodiscard]] std::string_view problem() const {
    switch (found_) {
      case Found::nothing:
        return "there is nothing at the place where `each` of this source's map says that the alerts are";
      case Found::scalar:
        return "at the place that `each` of this source's map names is neither a list nor an object";
      case Found::alerts:
        break;
    }
    return {};
  }

 private:
  enum class Found : std::uint8_t { nothing, scalar, alerts };

  Error all(Value value, std::size_t depth);
  Error item(Value value, std::size_t depth);
  Error walk(Value value, std::size_t depth, std::size_t node);
  void forget(std::size_t node);
  std::string_view why_not(rules::Report& report);
  [[nodiscard]] std::optional<rules::Instant> time_of(const Text& text);

  Reading& reading_;
  const Map& map_;
  std::vector<Text> values_;  // of the item that is being read, one for each wanted place
  Found found_{Found::nothing};
};

Error MappedReading::find(Value value, std::size_t depth, std::size_t at) {
  if (at == map_.each().size()) return all(value, depth);
  // A name that comes again takes back what was found behind the first.
  found_ = Found::nothing;
  reading_.begin_batch();
  const Map::Step& step = map_.each()[at];
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type == Type::object) {
    json::Object object;
    if (const Error error = value.get_object().get(object)) return error;
    return json::each_member(object, [&](std::string_view name, Value member) {
      return name == step.name ? find(member, depth + 1, at + 1) : json::check(member, depth + 1);
    });
  }
  if (type != Type::array || !step.index) return json::check(value, depth);
  json::Array array;
  if (const Error error = value.get_array().get(array)) return error;
  std::size_t index = 0;
  return json::each_element(array, [&](Value element) {
    return index++ == *step.index ? find(element, depth + 1, at + 1) : json::check(element, depth + 1);
  });
}

Error MappedReading::all(Value value, std::size_t depth) {
  reading_.begin_batch();
  if (depth > json::max_depth) return simdjson::DEPTH_ERROR;
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type == Type::array) {
    found_ = Found::alerts;
    json::Array array;
    if (const Error error = value.get_array().get(array)) return error;
    return json::each_element(array, [&](Value element) { return item(element, depth + 1); });
  }
  if (type == Type::object) {
    found_ = Found::alerts;
    return item(value, depth);
  }
  found_ = type == Type::null ? Found::nothing : Found::scalar;
  return json::check(value, depth);
}

Error MappedReading::item(Value value, std::size_t depth) {
  reading_.begin_alert();
  const std::string_view first_token = value.raw_json_token();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (const Error error = walk(value, depth, 0)) return error;
  rules::Report report;
  const std::string_view why = why_not(report);
  if (why.empty()) {
    reading_.take(std::move(report));
  } else {
    const bool is_compound = type == Type::object || type == Type::array;
    reading_.reject(why, is_compound ? reading_.raw_since(first_token.data()) : first_token);
  }
  return simdjson::SUCCESS;
}

Error MappedReading::walk(Value value, std::size_t depth, std::size_t node) {
  forget(node);
  const Map::Node& here = map_.nodes()[node];
  if (here.children.empty() && here.wanted.empty()) return json::check(value, depth);
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  const bool is_compound = type == Type::object || type == Type::array;
  Text text;
  if (here.children.empty() || !is_compound) {
    if (const Error error = reading_.text(value, depth, text)) return error;
  } else {
    if (depth > json::max_depth) return simdjson::DEPTH_ERROR;
    const std::string_view opening = value.raw_json_token();
    if (type == Type::object) {
      json::Object object;
      if (const Error error = value.get_object().get(object)) return error;
      const Error error = json::each_member(object, [&](std::string_view name, Value member) {
        for (const auto& [step, child] : here.children) {
          if (step.name == name) return walk(member, depth + 1, child);
        }
        return json::check(member, depth + 1);
      });
      if (error) return error;
    } else {
      json::Array array;
      if (const Error error = value.get_array().get(array)) return error;
      std::size_t index = 0;
      const Error error = json::each_element(array, [&](Value element) {
        const std::size_t place = index++;
        for (const auto& [step, child] : here.children) {
          if (step.index == place) return walk(element, depth + 1, child);
        }
        return json::check(element, depth + 1);
      });
      if (error) return error;
    }
    if (!here.wanted.empty()) {
      text = {.form = Text::Form::compound, .view = reading_.keep(compact(reading_.raw_since(opening.data())))};
    }
  }
  for (const std::size_t wanted : here.wanted) values_[wanted] = text;
  return simdjson::SUCCESS;
}

void MappedReading::forget(std::size_t node) {
  const Map::Node& here = map_.nodes()[node];
  for (const std::size_t wanted : here.wanted) values_[wanted] = {};
  for (const auto& child : here.children) forget(child.second);
}

// Makes a report of what was found; why not, when it cannot.
std::string_view MappedReading::why_not(rules::Report& report) {
  const std::vector<Map::Wanted>& wanted = map_.wanted();
  std::vector<Scratch::Pair>& pairs = reading_.pairs();
  const auto gather = [&](Map::Part part) {
    bool any = false;
    for (std::size_t index = 0; index < wanted.size(); ++index) {
      if (wanted[index].part != part || values_[index].view.empty()) continue;
      pairs.push_back({wanted[index].name, values_[index].view, pairs.size()});
      any = true;
    }
    return any;
  };
  for (const auto& [name, value] : map_.constants()) pairs.push_back({name, value, pairs.size()});
  if (!gather(Map::Part::label)) return "none of the labels that this source's map names has a value";
  report.labels = reading_.labels_of_pairs();
  pairs.clear();
  gather(Map::Part::annotation);
  report.annotations = reading_.annotations_of_pairs();
  for (std::size_t index = 0; index < wanted.size(); ++index) {
    const Text& text = values_[index];
    if (wanted[index].part == Map::Part::starts_at) report.starts_at = time_of(text);
    if (wanted[index].part == Map::Part::ends_at) report.ends_at = time_of(text);
    if (wanted[index].part != Map::Part::status) continue;
    const std::optional<rules::ReportStatus> status = map_.status_of(text.view);
    if (!status) {
      return text.view.empty() ? "there is no status where this source's map says that it is"
                               : "its status is none of those that this source's map names";
    }
    report.status = *status;
  }
  return {};
}

std::optional<rules::Instant> MappedReading::time_of(const Text& text) {
  if (text.view.empty()) return std::nullopt;
  const bool is_plain = text.form == Text::Form::string || text.form == Text::Form::number;
  const std::optional<rules::Instant> instant = is_plain ? instant_of(text.view) : std::nullopt;
  const bool is_zero = text.view == "0" || (instant && *instant < rules::Instant{});
  if (!instant && !is_zero) ++reading_.parsed().oddities.unreadable_times;
  return is_zero ? std::nullopt : instant;
}

}  // namespace

tl::expected<Parsed, Refused> Parser::mapped(Body body, const Context& context, const Map& map) {
  const auto read = [&map](json::Document& document, Reading& reading, Shape& shape) -> Error {
    Type type{};
    if (const Error error = document.type().get(type)) return error;
    if (type != Type::object && type != Type::array) {
      shape.problem = "the body is neither an object nor an array";
      return simdjson::SUCCESS;
    }
    Value value;
    if (const Error error = document.get_value().get(value)) return error;
    MappedReading mapped{reading, map};
    if (const Error error = mapped.find(value, 1, 0)) return error;
    shape.problem = mapped.problem();
    return simdjson::SUCCESS;
  };
  return buffers_->read(body, context, rules::ReportForm::webhook, read);
}

}  // namespace intake
