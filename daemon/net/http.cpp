#include "daemon/net/http.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace net {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

int hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// A query is never refused: a '%' that encodes nothing stands for itself.
std::string decode_query(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] == '%' && index + 2 < text.size() && hexadecimal(text[index + 1]) >= 0 &&
        hexadecimal(text[index + 2]) >= 0) {
      decoded += static_cast<char>(hexadecimal(text[index + 1]) * 16 + hexadecimal(text[index + 2]));
      index += 2;
    } else {
      decoded += text[index] == '+' ? ' ' : text[index];
    }
  }
  return decoded;
}

// Calls visit(raw name, raw value) for each parameter until it answers true.
template <class Visit>
void each_parameter(std::string_view query, Visit&& visit) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (visit(pair.substr(0, equals), value)) return;
  }
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (letter == '\n') {
      out += "\\n";  // a configuration that is refused has an error on each line
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += '?';  // details are our own words; whatever else slipped in must not break the document
    } else {
      out += letter;
    }
  }
  out += '"';
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](char one, char other) {
           return lower(one) == lower(other);
         });
}

void Headers::add(std::string_view name, std::string_view value) {
  fields_.push_back(Field{static_cast<std::uint32_t>(text_.size()),
                          static_cast<std::uint32_t>(name.size()),
                          static_cast<std::uint32_t>(value.size())});
  text_ += name;
  text_ += value;
}

void Headers::clear() {
  text_.clear();
  fields_.clear();
}

std::pair<std::string_view, std::string_view> Headers::at(std::size_t index) const {
  const Field& field = fields_[index];
  const std::string_view text = text_;
  return {text.substr(field.name_begin, field.name_size),
          text.substr(field.name_begin + field.name_size, field.value_size)};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (std::size_t index = 0; index < fields_.size(); ++index)
    if (fields_[index].name_size == name.size() && equal_ignoring_case(at(index).first, name)) return at(index).second;
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t count = 0;
  for (std::size_t index = 0; index < fields_.size(); ++index) count += equal_ignoring_case(at(index).first, name);
  return count;
}

void PaddedBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_ && bytes_) return;
  auto larger = std::make_unique_for_overwrite<char[]>(capacity + padding);
  if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
  bytes_ = std::move(larger);
  capacity_ = capacity;
}

void PaddedBuffer::shrink(std::size_t capacity) {
  if (capacity_ <= capacity) return;
  bytes_.reset();
  size_ = 0;
  capacity_ = 0;
}

void PaddedBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (capacity_ - size_ < bytes.size()) reserve(std::max(size_ + bytes.size(), 2 * capacity_));
  std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void PaddedBuffer::finish() {
  reserve(size_);
  std::memset(bytes_.get() + size_, 0, padding);
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  std::optional<std::string> found;
  each_parameter(query, [&](std::string_view raw_name, std::string_view raw_value) {
    if (decode_query(raw_name) != name) return false;
    found = decode_query(raw_value);
    return true;
  });
  return found;
}

std::vector<std::pair<std::string, std::string>> Request::parameters() const {
  return parse_form(query);
}

Form parse_form(std::string_view text) {
  Form all;
  each_parameter(text, [&](std::string_view raw_name, std::string_view raw_value) {
    all.emplace_back(decode_query(raw_name), decode_query(raw_value));
    return false;
  });
  return all;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char one : text) {
    const bool is_plain = (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') ||
                          one == '-' || one == '_' || one == '.' || one == '~';
    if (is_plain) {
      encoded += one;
      continue;
    }
    const auto byte = static_cast<unsigned char>(one);
    encoded += '%';
    encoded += digits[byte >> 4U];
    encoded += digits[byte & 0xFU];
  }
  return encoded;
}

std::string print_form(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + "=" + percent_encode(value);
  }
  return text;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '%') {
      decoded += text[index];
      continue;
    }
    if (index + 2 >= text.size()) return std::nullopt;
    const int high = hexadecimal(text[index + 1]);
    const int low = hexadecimal(text[index + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    index += 2;
  }
  return decoded;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

Response problem(unsigned status, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = R"({"type":"about:blank","title":)";
  append_json(response.body, reason_phrase(status));
  response.body += R"(,"status":)";
  response.body += std::to_string(status);
  response.body += R"(,"detail":)";
  append_json(response.body, detail);
  response.body += "}\n";
  return response;
}

}  // namespace net
