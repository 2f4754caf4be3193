// simdjson's On Demand parser, used so that it checks everything: each value is walked, wanted or not, and none is
// deeper than 32. Errors come back as simdjson's codes; every walk stops at the first. Used within intake only.
#pragma once

#include <cstddef>
#include <string_view>

#include <simdjson.h>

namespace intake::json {

using Array = simdjson::ondemand::array;
using Document = simdjson::ondemand::document;
using Error = simdjson::error_code;
using Object = simdjson::ondemand::object;
using Type = simdjson::ondemand::json_type;
using Value = simdjson::ondemand::value;

inline constexpr std::size_t max_depth = 32;  // the outermost array or object is at depth 1

// Calls visit(name, value) for each member in the order written, duplicates too. Visit returns Error and must walk
// the value to its end (scalars may be left alone).
template <class Visit>
[[nodiscard]] Error each_member(Object object, const Visit& visit) {
  for (auto member : object) {
    simdjson::ondemand::field field;
    if (const Error error = std::move(member).get(field)) return error;
    std::string_view name;
    if (const Error error = field.unescaped_key().get(name)) return error;
    if (const Error error = visit(name, field.value())) return error;
  }
  return simdjson::SUCCESS;
}

template <class Visit>
[[nodiscard]] Error each_element(Array array, const Visit& visit) {
  for (auto element : array) {
    Value value;
    if (const Error error = std::move(element).get(value)) return error;
    if (const Error error = visit(value)) return error;
  }
  return simdjson::SUCCESS;
}

// Walks a value of any type; `depth` is the depth it has if it is an array or an object.
[[nodiscard]] Error check(Value value, std::size_t depth);

// The text of a number, true, false or null as written, once it is known to be one.
[[nodiscard]] Error token(Value value, Type type, std::string_view& text);

// What an error means, for somebody who looks for the mistake in what was sent.
[[nodiscard]] std::string_view words_for(Error error);

}  // namespace intake::json
