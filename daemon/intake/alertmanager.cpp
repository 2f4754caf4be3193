// Alertmanager's webhook, version "4", and Grafana's, version "1", which says the same and more: an object with
// `alerts`, each with its own `status`. The group's status, its labels and who is absent from it say nothing that we
// may rely on. The fingerprint that Grafana gives cannot be computed from the labels that it sends, and is not needed.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "daemon/intake/buffers.hpp"
#include "daemon/intake/text.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;
using json::Value;

constexpr double most_truncated = 1e15;        // what a double still counts one by one
constexpr std::size_t most_text_bytes = 1024;  // of the receiver's name and the sender's address

// How many alerts the sender left out: a whole number, however written. False when it is none.
bool read_count(const Reading::Text& text, std::uint64_t& count) {
  using Form = Reading::Text::Form;
  count = 0;
  if (text.form == Form::null) return true;
  if (text.form != Form::number && text.form != Form::string) return false;
  double number{};
  const char* const end = text.view.data() + text.view.size();
  const auto [rest, error] = std::from_chars(text.view.data(), end, number);
  if (error != std::errc{} || rest != end || !(number >= 0) || number > most_truncated) return false;
  count = static_cast<std::uint64_t>(std::ceil(number));
  return true;
}

Error read_webhook(json::Document& document, Reading& reading, Shape& shape, std::string_view known_version) {
  Type type{};
  if (const Error error = document.type().get(type)) return error;
  if (type != Type::object) {
    shape.problem = "the body is not an object; the webhook sends one";
    return simdjson::SUCCESS;
  }
  json::Object object;
  if (const Error error = document.get_object().get(object)) return error;

  enum class Alerts : std::uint8_t { missing, no_array, read } alerts = Alerts::missing;
  bool alerts_seen = false;
  bool version_seen = false;
  bool version_is_known = false;
  bool truncated_seen = false;
  bool truncated_is_readable = true;
  std::uint64_t truncated = 0;
  std::uint64_t duplicates = 0;
  Parsed& parsed = reading.parsed();
  const auto read_text = [&reading, &parsed](Value value, std::string& kept) -> Error {
    Reading::Text text;
    if (const Error error = reading.text(value, 2, text)) return error;
    kept.clear();
    if (text.form == Reading::Text::Form::string) {
      kept = beginning_of(text.view, most_text_bytes);
    } else if (text.form != Reading::Text::Form::null) {
      ++parsed.oddities.unreadable_fields;
    }
    return simdjson::SUCCESS;
  };
  const auto read_member = [&](std::string_view name, Value value) -> Error {
    if (name == "alerts") {
      duplicates += alerts_seen ? 1 : 0;
      alerts_seen = true;
      Type kind{};
      if (const Error error = value.type().get(kind)) return error;
      if (kind != Type::array) {
        alerts = kind == Type::null ? Alerts::missing : Alerts::no_array;
        return json::check(value, 2);
      }
      alerts = Alerts::read;
      json::Array array;
      if (const Error error = value.get_array().get(array)) return error;
      return reading.alerts(array, 2);
    }
    if (name == "version") {
      duplicates += version_seen ? 1 : 0;
      version_seen = true;
      Reading::Text text;
      if (const Error error = reading.text(value, 2, text)) return error;
      version_is_known = text.form == Reading::Text::Form::string && text.view == known_version;
      return simdjson::SUCCESS;
    }
    if (name == "truncatedAlerts") {
      duplicates += truncated_seen ? 1 : 0;
      truncated_seen = true;
      Reading::Text text;
      if (const Error error = reading.text(value, 2, text)) return error;
      truncated_is_readable = read_count(text, truncated);
      return simdjson::SUCCESS;
    }
    if (name == "receiver") return read_text(value, parsed.event.receiver);
    if (name == "externalURL") return read_text(value, parsed.external_url);
    return json::check(value, 2);
  };
  if (const Error error = json::each_member(object, read_member)) return error;

  if (alerts != Alerts::read) {
    shape.problem = alerts == Alerts::missing ? "`alerts` is missing" : "`alerts` is not an array";
    return simdjson::SUCCESS;
  }
  parsed.event.truncated = truncated;
  parsed.oddities.unknown_version += version_is_known ? 0 : 1;
  parsed.oddities.unreadable_fields += truncated_is_readable ? 0 : 1;
  parsed.oddities.duplicate_names += duplicates;
  return simdjson::SUCCESS;
}

Error read_alertmanager(json::Document& document, Reading& reading, Shape& shape) {
  return read_webhook(document, reading, shape, "4");
}

Error read_grafana(json::Document& document, Reading& reading, Shape& shape) {
  return read_webhook(document, reading, shape, "1");
}

}  // namespace

tl::expected<Parsed, Refused> Parser::alertmanager(Body body, const Context& context) {
  return buffers_->read(body, context, rules::ReportForm::webhook, read_alertmanager);
}

tl::expected<Parsed, Refused> Parser::grafana(Body body, const Context& context) {
  return buffers_->read(body, context, rules::ReportForm::webhook, read_grafana);
}

}  // namespace intake
