// Values of one line: text in, a typed value or a sentence out. The sentence says what is wanted and shows what was
// found, so it must never be given a secret. Pure functions, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "rules/policy.hpp"
#include "rules/rotation_clock.hpp"
#include "rules/time.hpp"

namespace config {

template <class Value>
using Result = tl::expected<Value, std::string>;

[[nodiscard]] Result<rules::Duration> parse_wait(std::string_view text);              // 90s, 1h30m; a bare 0 too
[[nodiscard]] Result<std::uint64_t> parse_count(std::string_view text);               // decimal, no leading zero
[[nodiscard]] Result<bool> parse_boolean(std::string_view text);                      // true or false
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);                // 64MiB; in bytes
[[nodiscard]] Result<std::chrono::year_month_day> parse_date(std::string_view text);  // 2026-08-01
[[nodiscard]] Result<rules::LocalTime> parse_local_time(std::string_view text);       // 2026-01-07T10:00[:00]
[[nodiscard]] Result<std::chrono::minutes> parse_time_of_day(std::string_view text);  // 08:00, 24:00
[[nodiscard]] Result<std::uint8_t> parse_weekday(std::string_view text);              // mon: 0
[[nodiscard]] Result<rules::TurnLength> parse_turn(std::string_view text);            // 12h, 1d, 1w, 1mo
[[nodiscard]] Result<std::string> parse_pointer(std::string_view text);               // /items/0, RFC 6901
[[nodiscard]] Result<std::string> parse_network(std::string_view text);               // 10.0.0.0/8, ::1/128
/// An absolute URL of one of these schemes ("http", "https"), without credentials in it.
[[nodiscard]] Result<std::string> parse_url(std::string_view text, std::initializer_list<std::string_view> schemes);
/// A telephone number as the world writes it: +16045550101.
[[nodiscard]] Result<std::string> parse_telephone_number(std::string_view text);
/// One plain mail address: olga@example.org.
[[nodiscard]] Result<std::string> parse_mail_address(std::string_view text);
/// A name that users choose: no blanks, quotes, slashes, braces or marks that nobody sees, at most 128 bytes.
[[nodiscard]] Result<std::string> parse_name(std::string_view text);

struct Endpoint {
  std::string unix_path;  // "" = TCP
  std::string host;       // "" = every interface
  std::uint16_t port{};   // 0 = any free one
  bool operator==(const Endpoint&) const = default;
  [[nodiscard]] bool is_loopback() const;  // a unix socket counts as one
};
[[nodiscard]] Result<Endpoint> parse_endpoint(
    std::string_view text);  // 127.0.0.1:9911, [::1]:9911, unix:/run/rouse.sock

}  // namespace config
