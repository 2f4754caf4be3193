#include "daemon/intake/json.hpp"

namespace intake::json {
namespace {

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

// RFC 8259, section 6. On Demand looks at the first character only.
bool is_number(std::string_view text) {
  const auto skip_digits = [&text] {
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    text.remove_prefix(digits);
    return digits > 0;
  };
  const auto skip = [&text](std::string_view characters) {
    if (text.empty() || characters.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  };
  skip("-");
  const bool begins_with_zero = skip("0");
  if (!begins_with_zero && !skip_digits()) return false;
  if (skip(".") && !skip_digits()) return false;
  if (skip("eE")) {
    skip("+-");
    if (!skip_digits()) return false;
  }
  return text.empty();
}

}  // namespace

Error token(Value value, Type type, std::string_view& text) {
  text = value.raw_json_token();
  const std::size_t last = text.find_last_not_of(" \t\n\r");
  text = text.substr(0, last + 1);
  switch (type) {
    case Type::number:
      return is_number(text) ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
    case Type::boolean:
      return text == "true" || text == "false" ? simdjson::SUCCESS : simdjson::T_ATOM_ERROR;
    case Type::null:
      return text == "null" ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    default:
      return simdjson::INCORRECT_TYPE;
  }
}

Error check(Value value, std::size_t depth) {
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  switch (type) {
    case Type::object: {
      if (depth > max_depth) return simdjson::DEPTH_ERROR;
      Object object;
      if (const Error error = value.get_object().get(object)) return error;
      return each_member(object, [depth](std::string_view, Value member) { return check(member, depth + 1); });
    }
    case Type::array: {
      if (depth > max_depth) return simdjson::DEPTH_ERROR;
      Array array;
      if (const Error error = value.get_array().get(array)) return error;
      return each_element(array, [depth](Value element) { return check(element, depth + 1); });
    }
    case Type::string: {
      std::string_view text;
      return string(value, text);
    }
    default: {
      std::string_view text;
      return token(value, type, text);
    }
  }
}

std::string_view words_for(Error error) {
  switch (error) {
    case simdjson::EMPTY:
      return "it is empty";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "a string has a control character that is not escaped";
    case simdjson::UNCLOSED_STRING:
      return "a string is not closed";
    case simdjson::STRING_ERROR:
      return "a string has an escape that JSON does not know";
    case simdjson::NUMBER_ERROR:
      return "a number is not written as JSON writes numbers";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return "a word is none of true, false and null";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "an array or an object is not closed, or something follows its end";
    case simdjson::TRAILING_CONTENT:
      return "something follows its end";
    default:
      return "a comma, a colon, a quote, a bracket or a value is missing or misplaced";
  }
}

}  // namespace intake::json
