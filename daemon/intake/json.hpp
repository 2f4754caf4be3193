// simdjson's On Demand parser, used so that it checks everything: each value is walked, wanted or not, and none is
// deeper than 32. Errors come back as simdjson's codes; every walk stops at the first. Used within intake only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
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

// The text of a string that begins here, after its quote, when it stands in the body as it reads; false when it has a
// backslash. Most have none, and looking for one is several times cheaper than copying the string. Stage 1 of simdjson
// has seen to it that the closing quote is there, that the bytes are UTF-8 and that none is a control character.
[[nodiscard]] inline bool plain(const char* begin, std::string_view& text) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  const auto zero_bytes = [](std::uint64_t word) { return (word - ones) & ~word & tops; };
  const char* place = begin;
  for (;; place += sizeof(std::uint64_t)) {  // reads at most seven bytes behind the quote: within the padding
    std::uint64_t word{};
    std::memcpy(&word, place, sizeof word);
    if ((zero_bytes(word ^ (ones * '"')) | zero_bytes(word ^ (ones * '\\'))) != 0) break;
  }
  while (*place != '"' && *place != '\\') ++place;
  text = {begin, static_cast<std::size_t>(place - begin)};
  return *place == '"';
}

// The text of a value that is a string. Valid until the parser's next body and as long as this one.
[[nodiscard]] inline Error string(Value value, std::string_view& text) {
  if (!plain(value.raw_json_token().data() + 1, text)) return value.get_string().get(text);
  return value.get_raw_json_string().error();
}

// Calls visit(name, value) for each member in the order written, duplicates too. Visit returns Error and must walk
// the value to its end (scalars may be left alone).
template <class Visit>
[[nodiscard]] Error each_member(Object object, const Visit& visit) {
  for (auto member : object) {
    simdjson::ondemand::field field;
    if (const Error error = std::move(member).get(field)) return error;
    std::string_view name;
    if (!plain(field.key().raw(), name)) {
      if (const Error error = field.unescaped_key().get(name)) return error;
    }
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
