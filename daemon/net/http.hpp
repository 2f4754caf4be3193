// What HTTP is to the rest of the house: plain values. Nothing here knows a socket, and no Asio or Beast type appears
// in any header of this folder but internals.hpp, which only its own sources include.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

// Header fields in the order they came. Names compare without regard to case. All text lives in one string, so a
// Headers that is cleared and filled again allocates nothing.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    for (const auto& [name, value] : fields) add(name, value);
  }

  void add(std::string_view name, std::string_view value);
  void clear();

  // The first field of that name; nothing when there is none. The view lives until the next add() or clear().
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return count(name) > 0; }

  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  // Name and value of field `index`, which is below size().
  [[nodiscard]] std::pair<std::string_view, std::string_view> at(std::size_t index) const;

 private:
  struct Field {
    std::uint32_t name_begin, name_size, value_size;  // the value follows its name
  };
  std::string text_;
  std::vector<Field> fields_;
};

// Bytes that grow geometrically, are never filled with zeros first, and always have `padding` readable bytes behind
// them (simdjson reads that far).
class PaddedBuffer {
 public:
  static constexpr std::size_t padding = 64;

  [[nodiscard]] char* data() { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

  void clear() { size_ = 0; }
  // Room for `capacity` bytes besides the padding; what is in stays.
  void reserve(std::size_t capacity);
  // Gives memory above `capacity` back; the contents are gone when it does.
  void shrink(std::size_t capacity);
  void append(std::string_view bytes);
  // After writing `count` bytes behind data() + size(), within capacity().
  void grow_by(std::size_t count) { size_ += count; }
  // Makes the padding readable and zero. Called once when the body is complete.
  void finish();

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

enum class Transport { plain, tls, unix_socket };

// One request as a handler sees it.
struct Request {
  std::string method;  // as sent, but HEAD is passed on as GET
  std::string path;    // percent-decoded, not normalised; begins with '/', no trailing slash except "/" itself
  std::string query;   // raw, without the '?'
  Headers headers;
  // Borrowed from the connection: it lives until the request's Responder is used or destroyed, and is followed by
  // PaddedBuffer::padding readable bytes.
  std::string_view body;
  std::string peer;          // the address without port, IPv4-mapped IPv6 as IPv4; "unix" for a Unix socket
  bool is_loopback = false;  // 127.0.0.0/8, ::1, or a Unix socket
  Transport transport = Transport::plain;
  // Of the certificate that the client has shown and the server believes: its common name and DNS names.
  std::vector<std::string> certificate_names;
  // Who it is, as whoever admitted it has found out: one of them, or neither when nobody had to be asked.
  std::string sender;
  std::string user;

  // The first query parameter of that name, decoded ('+' is a blank). Nothing when it is absent; empty when it has no
  // value.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  // All query parameters, decoded, in order.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> parameters() const;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";  // not sent when the body is empty
  std::string body;
  // Further fields. Content-Length, Content-Type, Connection and Date are the server's own. CR and LF inside a value
  // are sent as blanks: a value never becomes a second field.
  Headers headers;
};

// "Not Found" for 404; "Status" for a number that has no name.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

// An RFC 9457 problem document with a connection-level refusal's status, as the server itself answers.
[[nodiscard]] Response problem(unsigned status, std::string_view detail);

// Nothing when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

// Every byte but letters, digits, '-', '_', '.' and '~' as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

// application/x-www-form-urlencoded: names and values in order, decoded as Request::parameters() are; and back.
using Form = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Form parse_form(std::string_view text);
[[nodiscard]] std::string print_form(const Form& form);

[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

}  // namespace net
