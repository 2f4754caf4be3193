#include "daemon/words/silence.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::object object_of(const rules::SilenceView& view, rules::Instant now) {
  const rules::Silence& silence = view.silence;
  json::object object;
  object["id"] = text(silence.id);
  object["kind"] = text(rules::to_text(silence.kind));
  object["state"] = text(rules::to_text(rules::state_of(silence, now)));
  if (silence.kind == rules::SilenceKind::maintenance) object["service"] = text(service_of(silence));
  json::array matchers;
  for (const rules::Matcher& matcher : silence.matchers) matchers.emplace_back(text(matcher.text()));
  object["matchers"] = std::move(matchers);
  object["from"] = text(rules::print_rfc3339(silence.from));
  object["to"] = text(rules::print_rfc3339(silence.to));
  object["by"] = text(silence.by);
  object["comment"] = text(silence.comment);
  object["updated_at"] = text(rules::print_rfc3339(silence.updated_at));
  object["recurring"] = silence.recurring;
  object["alerts"] = view.alerts;
  return object;
}

using Read = tl::expected<rules::SilenceView, std::string>;

// A string of the object; keeps the first complaint.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_{object} {}

  std::string string(std::string_view name) {
    const json::value* const value = object_.if_contains(name);
    if (value != nullptr && value->is_string()) {
      return std::string{value->get_string().data(), value->get_string().size()};
    }
    complain(name);
    return {};
  }

  rules::Instant time(std::string_view name) {
    const std::optional<rules::Instant> instant = rules::parse_rfc3339(string(name));
    if (!instant) complain(name);
    return instant.value_or(rules::Instant{});
  }

  std::vector<rules::Matcher> matchers(std::string_view name) {
    std::vector<rules::Matcher> read;
    const json::value* const value = object_.if_contains(name);
    if (value == nullptr || !value->is_array()) {
      complain(name);
      return read;
    }
    for (const json::value& one : value->get_array()) {
      if (!one.is_string()) {
        complain(name);
        return read;
      }
      auto matcher = rules::Matcher::parse({one.get_string().data(), one.get_string().size()});
      if (!matcher) {
        complain(name);
        return read;
      }
      read.push_back(*std::move(matcher));
    }
    return read;
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(std::string_view name) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" is missing or wrong", name);
  }

  const json::object& object_;
  std::string wrong_;
};

Read read_silence(const json::value& value) {
  if (!value.is_object()) return tl::unexpected(std::string{"a silence is no object"});
  const json::object& object = value.get_object();
  Fields fields{object};
  rules::SilenceView view;
  rules::Silence& silence = view.silence;
  silence.id = fields.string("id");
  silence.kind = fields.string("kind") == rules::to_text(rules::SilenceKind::maintenance)
                     ? rules::SilenceKind::maintenance
                     : rules::SilenceKind::silence;
  silence.matchers = fields.matchers("matchers");
  silence.from = fields.time("from");
  silence.to = fields.time("to");
  silence.by = fields.string("by");
  silence.comment = fields.string("comment");
  silence.updated_at = fields.time("updated_at");
  if (const json::value* const recurring = object.if_contains("recurring")) {
    silence.recurring = recurring->is_bool() && recurring->get_bool();
  }
  if (const json::value* const alerts = object.if_contains("alerts")) {
    boost::system::error_code error;
    view.alerts = alerts->to_number<std::uint64_t>(error);
  }
  if (!fields.wrong().empty()) return tl::unexpected(fields.wrong());
  return view;
}

tl::expected<json::value, std::string> parse(std::string_view document) {
  boost::system::error_code error;
  json::value value = json::parse({document.data(), document.size()}, error);
  if (error) return tl::unexpected(error.message());
  if (!value.is_object()) return tl::unexpected(std::string{"it is no JSON object"});
  return value;
}

}  // namespace

std::string silence_json(const rules::SilenceView& view, rules::Instant now, std::string_view warning) {
  json::object object = object_of(view, now);
  if (!warning.empty()) object["warning"] = warning;
  return json::serialize(object);
}

std::string silences_json(const std::vector<rules::SilenceView>& views, rules::SilenceKind kind, rules::Instant now) {
  std::string body = kind == rules::SilenceKind::maintenance ? R"({"maintenance":[)" : R"({"silences":[)";
  for (std::size_t index = 0; index < views.size(); ++index) {
    if (index > 0) body += ',';
    body += silence_json(views[index], now);
  }
  return body + "]}";
}

tl::expected<rules::SilenceView, std::string> parse_silence_json(std::string_view document) {
  const tl::expected<json::value, std::string> value = parse(document);
  if (!value) return tl::unexpected(value.error());
  return read_silence(*value);
}

tl::expected<std::vector<rules::SilenceView>, std::string> parse_silences_json(std::string_view document) {
  const tl::expected<json::value, std::string> value = parse(document);
  if (!value) return tl::unexpected(value.error());
  const json::object& object = value->get_object();
  const json::value* list = object.if_contains("silences");
  if (list == nullptr) list = object.if_contains("maintenance");
  if (list == nullptr || !list->is_array()) {
    return tl::unexpected(std::string{R"("silences" is missing or no list)"});
  }
  std::vector<rules::SilenceView> views;
  for (const json::value& one : list->get_array()) {
    Read view = read_silence(one);
    if (!view) return tl::unexpected(view.error());
    views.push_back(*std::move(view));
  }
  return views;
}

std::string service_of(const rules::Silence& silence) {
  if (silence.kind != rules::SilenceKind::maintenance || silence.matchers.size() != 1) return {};
  return silence.matchers.front().value();
}

std::string print_matchers(const std::vector<rules::Matcher>& matchers) {
  std::string text = "{";
  for (const rules::Matcher& matcher : matchers) {
    if (text.size() > 1) text += ", ";
    text += matcher.text();
  }
  return text + "}";
}

}  // namespace words
