// Reading JSON of this API back into values, field by field. Of words/ alone.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <tl/expected.hpp>

#include "rules/duration.hpp"
#include "rules/labels.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace words {

// Reads the fields of one object and remembers the first that was wrong, so that a reader is a plain list of fields.
class Fields {
 public:
  Fields(const boost::json::object& object, std::string& wrong) : object_{object}, wrong_{wrong} {}

  std::string text(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return complain(name, "a string"), std::string{};
    return std::string{value->get_string().data(), value->get_string().size()};
  }

  bool flag(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) return complain(name, "true or false"), false;
    return value->get_bool();
  }

  template <class Number>
  Number number(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return 0;
    boost::system::error_code error;
    const Number number = value->to_number<Number>(error);
    if (error) return complain(name, "a whole number"), Number{0};
    return number;
  }

  std::optional<rules::Instant> time(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return std::nullopt;
    const std::optional<rules::Instant> instant = value->is_string() ? rules::parse_rfc3339(text(name)) : std::nullopt;
    if (!instant) complain(name, "a time");
    return instant;
  }

  rules::Instant instant(std::string_view name) { return time(name).value_or(rules::Instant{}); }

  rules::Duration duration(std::string_view name) {
    if (find(name) == nullptr) return {};
    const auto duration = rules::parse_duration(text(name));
    if (!duration) complain(name, "a duration");
    return duration.value_or(rules::Duration{});
  }

  // One of the enumerators from the first up to `last`, by its word.
  template <class Enumeration, class ToText>
  Enumeration word(std::string_view name, Enumeration last, ToText to_word) {
    const std::string found = text(name);
    for (unsigned value = 0; value <= static_cast<unsigned>(last); ++value) {
      if (to_word(static_cast<Enumeration>(value)) == found) return static_cast<Enumeration>(value);
    }
    if (find(name) != nullptr) complain(name, "a word that this program knows");
    return Enumeration{};
  }

  // "P-12" -> 12, whatever stands before the dash.
  std::uint64_t id(std::string_view name) {
    const std::string found = text(name);
    const std::size_t dash = found.find('-');
    std::uint64_t value = 0;
    const char* const begin = found.data() + (dash == std::string::npos ? 0 : dash + 1);
    const auto [end, error] = std::from_chars(begin, found.data() + found.size(), value);
    if (error != std::errc{} || end != found.data() + found.size()) complain(name, "an id");
    return value;
  }

  rules::Labels labels(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return {};
    if (!value->is_object()) return complain(name, "an object"), rules::Labels{};
    rules::Labels labels;
    for (const auto& [key, one] : value->get_object()) {
      if (!one.is_string()) return complain(name, "an object of strings"), rules::Labels{};
      labels.add({key.data(), key.size()}, {one.get_string().data(), one.get_string().size()});
    }
    labels.seal(true);
    return labels;
  }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> list;
    const boost::json::array* const values = array(name);
    if (values == nullptr) return list;
    for (const boost::json::value& one : *values) {
      if (!one.is_string()) return complain(name, "a list of strings"), list;
      list.emplace_back(one.get_string().data(), one.get_string().size());
    }
    return list;
  }

  template <class Read>
  auto each(std::string_view name, Read read) -> std::vector<decltype(read(std::declval<Fields&>()))> {
    std::vector<decltype(read(std::declval<Fields&>()))> list;
    const boost::json::array* const values = array(name);
    if (values == nullptr) return list;
    for (const boost::json::value& one : *values) {
      if (!one.is_object()) return complain(name, "a list of objects"), list;
      Fields fields{one.get_object(), wrong_};
      list.push_back(read(fields));
    }
    return list;
  }

  template <class Read>
  void within(std::string_view name, Read read) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return complain(name, "an object");
    Fields fields{value->get_object(), wrong_};
    read(fields);
  }

  void require(std::string_view name) {
    if (find(name) == nullptr) complain(name, "there");
  }

 private:
  const boost::json::value* find(std::string_view name) const {
    const boost::json::value* const value = object_.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const boost::json::array* array(std::string_view name) {
    const boost::json::value* const value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return complain(name, "a list"), nullptr;
    return &value->get_array();
  }
  void complain(std::string_view name, std::string_view expected) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" is not {}", name, expected);
  }

  const boost::json::object& object_;
  std::string& wrong_;
};

template <class Read>
auto read_document(std::string_view text, Read read)
    -> tl::expected<decltype(read(std::declval<Fields&>())), std::string> {
  boost::system::error_code error;
  const boost::json::value document = boost::json::parse({text.data(), text.size()}, error);
  if (error) return tl::unexpected{fmt::format("not JSON: {}", error.message())};
  if (!document.is_object()) return tl::unexpected{std::string{"not a JSON object"}};
  std::string wrong;
  Fields fields{document.get_object(), wrong};
  auto result = read(fields);
  if (!wrong.empty()) return tl::unexpected{std::move(wrong)};
  return result;
}

[[nodiscard]] rules::HoldView read_hold(Fields& fields);

}  // namespace words
