#include "config/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "config/words.hpp"
#include "rules/duration.hpp"
#include "rules/mail_address.hpp"
#include "rules/telephone.hpp"

namespace config {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

tl::unexpected<std::string> wanted(std::string_view what, std::string_view text) {
  return tl::make_unexpected(fmt::format("{} is wanted, not {}", what, shown(text)));
}

// All of the text as a decimal number.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits at these places, exactly as many.
std::optional<int> digits(std::string_view text, std::size_t begin, std::size_t count) {
  if (begin + count > text.size()) return std::nullopt;
  const std::string_view part = text.substr(begin, count);
  if (!std::all_of(part.begin(), part.end(), is_digit)) return std::nullopt;
  const std::optional<std::uint64_t> value = number(part);
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

// "08:00" or "08:00:30" as seconds of a day.
std::optional<std::chrono::seconds> clock_time(std::string_view text, bool may_have_seconds) {
  const bool has_seconds = text.size() == 8 && may_have_seconds;
  if (text.size() != 5 && !has_seconds) return std::nullopt;
  const auto hours = digits(text, 0, 2);
  const auto minutes = digits(text, 3, 2);
  const auto seconds = has_seconds ? digits(text, 6, 2) : std::optional<int>(0);
  if (!hours || !minutes || !seconds || text[2] != ':' || (has_seconds && text[5] != ':')) return std::nullopt;
  if (*hours > 24 || *minutes > 59 || *seconds > 59) return std::nullopt;
  const std::chrono::seconds time =
      std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + std::chrono::seconds(*seconds);
  if (time > std::chrono::hours(24)) return std::nullopt;
  return time;
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(family, std::string(text).c_str(), bytes.data()) == 1;
}

}  // namespace

Result<rules::Duration> parse_wait(std::string_view text) {
  if (text == "0") return rules::Duration::zero();
  tl::expected<rules::Duration, std::string> parsed = rules::parse_duration(text);
  if (!parsed) return wanted("a duration such as 90s, 5m, 1h30m or 1w", text);
  return *parsed;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  const std::optional<std::uint64_t> value = number(text);
  if (!value) return wanted("a whole number", text);
  if (text.size() > 1 && text.front() == '0') return wanted("a whole number without leading zeros", text);
  return *value;
}

Result<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return wanted("true or false", text);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> units{{
      {"KiB", 1ULL << 10U},
      {"MiB", 1ULL << 20U},
      {"GiB", 1ULL << 30U},
      {"kB", 1000ULL},
      {"MB", 1000ULL * 1000},
      {"GB", 1000ULL * 1000 * 1000},
      {"B", 1ULL},
  }};
  for (const auto& [unit, bytes] : units) {
    if (!text.ends_with(unit)) continue;
    const std::optional<std::uint64_t> value = number(text.substr(0, text.size() - unit.size()));
    if (!value || *value > (1ULL << 62U) / bytes) break;
    return *value * bytes;
  }
  return wanted("a size such as 64MiB, 512KiB or 1000B", text);
}

Result<std::chrono::year_month_day> parse_date(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (text.size() != 10 || !year || !month || !day || text[4] != '-' || text[7] != '-')
    return wanted("a day such as 2026-08-01", text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return tl::make_unexpected(fmt::format("{} is no day of the calendar", shown(text)));
  if (*year < 1970 || *year > 2199)
    return tl::make_unexpected(fmt::format("{}: years go from 1970 to 2199", shown(text)));
  return date;
}

Result<rules::LocalTime> parse_local_time(std::string_view text) {
  constexpr std::string_view form = "a wall-clock time such as 2026-01-07T10:00";
  if (text.size() < 16 || (text[10] != 'T' && text[10] != ' ')) return wanted(form, text);
  const Result<std::chrono::year_month_day> date = parse_date(text.substr(0, 10));
  if (!date) return tl::make_unexpected(date.error());
  const bool has_offset = text.ends_with('Z') || text.find_first_of("+-", 11) != std::string_view::npos;
  if (has_offset) return wanted("a wall-clock time of the rotation's zone, without an offset,", text);
  const std::optional<std::chrono::seconds> time = clock_time(text.substr(11), true);
  if (!time || *time >= std::chrono::hours(24)) return wanted(form, text);
  return rules::LocalTime(std::chrono::local_days(*date).time_since_epoch() + *time);
}

Result<std::chrono::minutes> parse_time_of_day(std::string_view text) {
  const std::optional<std::chrono::seconds> time = clock_time(text, false);
  if (!time) return wanted("a time of day from 00:00 to 24:00, such as 08:00,", text);
  return std::chrono::duration_cast<std::chrono::minutes>(*time);
}

Result<std::uint8_t> parse_weekday(std::string_view text) {
  static const std::vector<std::string> days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  const auto found = std::find(days.begin(), days.end(), text);
  if (found == days.end()) return wanted("a weekday (mon, tue, wed, thu, fri, sat, sun)", text);
  return static_cast<std::uint8_t>(found - days.begin());
}

Result<rules::TurnLength> parse_turn(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, rules::TurnUnit>, 4> units{{
      {"mo", rules::TurnUnit::months},
      {"h", rules::TurnUnit::hours},
      {"d", rules::TurnUnit::days},
      {"w", rules::TurnUnit::weeks},
  }};
  constexpr std::uint64_t longest = 1000;
  for (const auto& [unit, meaning] : units) {
    if (!text.ends_with(unit)) continue;
    const std::optional<std::uint64_t> count = number(text.substr(0, text.size() - unit.size()));
    if (!count || *count < 1 || *count > longest) break;
    return rules::TurnLength{static_cast<std::int32_t>(*count), meaning};
  }
  return wanted("the length of a turn such as 12h, 1d, 1w or 1mo", text);
}

Result<std::string> parse_pointer(std::string_view text) {
  bool is_fine = text.empty() || text.front() == '/';
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) is_fine = false;
  if (!is_fine) return wanted("a JSON pointer such as /items", text);
  return std::string(text);
}

Result<std::string> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const bool is_v4 = is_address(AF_INET, address);
  if (is_v4 || is_address(AF_INET6, address)) {
    if (slash == std::string_view::npos) return std::string(text);
    const std::optional<std::uint64_t> bits = number(text.substr(slash + 1));
    if (bits && *bits <= (is_v4 ? 32U : 128U)) return std::string(text);
  }
  return wanted("a network such as 127.0.0.1/32", text);
}

Result<std::string> parse_url(std::string_view text, std::initializer_list<std::string_view> schemes) {
  std::vector<std::string> forms;
  for (const std::string_view scheme : schemes) forms.push_back(fmt::format("{}://", scheme));
  const auto scheme =
      std::find_if(forms.begin(), forms.end(), [text](const std::string& form) { return text.starts_with(form); });
  // What is not a URL may still hold a password: it is not shown.
  if (scheme == forms.end())
    return tl::make_unexpected(fmt::format("a URL that begins with {} is wanted", fmt::join(forms, " or ")));
  const std::string_view rest = text.substr(scheme->size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const bool has_strange_bytes = std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c == 0x7F; });
  if (authority.find('@') != std::string_view::npos)
    return tl::make_unexpected(std::string("credentials do not belong into a URL; secrets come from files"));
  std::string_view port;
  std::string_view host = authority;
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon)) {
    port = authority.substr(colon + 1);
    host = authority.substr(0, colon);
    const std::optional<std::uint64_t> value = number(port);
    if (!value || *value == 0 || *value > 65535) return tl::make_unexpected(fmt::format("{} is no port", shown(port)));
  }
  if (host.empty() || has_strange_bytes)
    return tl::make_unexpected(std::string("the URL names no host, or has blanks in it"));
  return std::string(text);
}

Result<std::string> parse_telephone_number(std::string_view text) {
  if (rules::is_telephone_number(text)) return std::string(text);
  return wanted("a telephone number with its country, such as +16045550101 (E.164: no blanks, at most 15 digits)",
                text);
}

Result<std::string> parse_mail_address(std::string_view text) {
  if (rules::is_mail_address(text)) return std::string(text);
  return wanted("one plain mail address such as olga@example.org", text);
}

Result<std::string> parse_name(std::string_view text) {
  constexpr std::size_t longest = 128;
  if (text.empty()) return tl::make_unexpected(std::string("the name is empty"));
  if (text.size() > longest) return tl::make_unexpected(fmt::format("the name is longer than {} bytes", longest));
  if (text.find_first_of(" \t\r\n/\\\"'`{},") != std::string_view::npos)
    return tl::make_unexpected(
        fmt::format("{} is no name: blanks, quotes, commas, slashes and braces are not allowed in it", shown(text)));
  if (!is_seen(text))
    return tl::make_unexpected(fmt::format("{} is no name: something in it cannot be seen", shown(text)));
  return std::string(text);
}

bool Endpoint::is_loopback() const {
  return !unix_path.empty() || host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && is_address(AF_INET, host));
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  constexpr std::string_view form = "HOST:PORT or unix:/PATH";
  Endpoint endpoint;
  if (text.starts_with("unix:")) {
    constexpr std::size_t longest_path = 107;  // sockaddr_un, without its final zero
    endpoint.unix_path = text.substr(5);
    if (!endpoint.unix_path.starts_with('/') || endpoint.unix_path.size() > longest_path)
      return wanted("unix: with an absolute path of at most 107 bytes", text);
    return endpoint;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wanted(form, text);
  const std::optional<std::uint64_t> port = number(text.substr(colon + 1));
  if (!port || *port > 65535) return wanted(form, text);
  endpoint.port = static_cast<std::uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || !is_address(AF_INET6, host.substr(1, host.size() - 2))) return wanted(form, text);
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":/ @[]") != std::string_view::npos) {
    return wanted(form, text);
  }
  endpoint.host = host;
  return endpoint;
}

}  // namespace config
