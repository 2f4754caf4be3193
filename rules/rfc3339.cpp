#include "rules/rfc3339.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include <fmt/format.h>

namespace rules {
namespace {

using namespace std::chrono_literals;

constexpr Instant first_instant{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
constexpr Instant last_instant{Instant{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}} + 24h - 1ms};

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

// Takes text from the front; says no by returning false and is then not asked again.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  bool number(std::size_t digits, int& value) {
    if (rest_.size() < digits) return false;
    value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest_[i])) return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }

  // The next character, whatever it is.
  char any() {
    const char taken = rest_.empty() ? '\0' : rest_.front();
    rest_.remove_prefix(rest_.empty() ? 0 : 1);
    return taken;
  }

  bool one(char character) {
    if (rest_.empty() || rest_.front() != character) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // At least one digit; those beyond the third are read and dropped.
  bool fraction(int& milliseconds) {
    milliseconds = 0;
    int scale = 100;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      milliseconds += (rest_[digits] - '0') * scale;
      scale /= 10;
    }
    rest_.remove_prefix(digits);
    return digits > 0;
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<Instant> parse_rfc3339(std::string_view text) {
  Reader reader{text};
  int year{};
  int month{};
  int day{};
  int hour{};
  int minute{};
  int second{};
  int milliseconds{};
  const bool date_and_time_read = reader.number(4, year) && reader.one('-') && reader.number(2, month) &&
                                  reader.one('-') && reader.number(2, day) && (reader.one('T') || reader.one('t')) &&
                                  reader.number(2, hour) && reader.one(':') && reader.number(2, minute) &&
                                  reader.one(':') && reader.number(2, second);
  if (!date_and_time_read) return std::nullopt;
  if (reader.one('.') && !reader.fraction(milliseconds)) return std::nullopt;
  const char zone = reader.any();
  int offset_hours{};
  int offset_minutes{};
  if (zone == '+' || zone == '-') {
    if (!reader.number(2, offset_hours) || !reader.one(':') || !reader.number(2, offset_minutes)) return std::nullopt;
  } else if (zone != 'Z' && zone != 'z') {
    return std::nullopt;
  }
  if (!reader.at_end()) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60 || offset_hours > 23 || offset_minutes > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;

  if (second == 60) milliseconds = 0;  // a leap second has no instant of its own here: all of it is the next one
  const auto offset = std::chrono::hours{offset_hours} + std::chrono::minutes{offset_minutes};
  const Instant local = std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
                        std::chrono::seconds{second} + std::chrono::milliseconds{milliseconds};
  const Instant instant = zone == '-' ? local + offset : local - offset;
  if (instant < first_instant || instant > last_instant) return std::nullopt;
  return instant;
}

std::string print_rfc3339(Instant instant) {
  const Instant within = std::clamp(instant, first_instant, last_instant);
  const auto midnight = std::chrono::floor<std::chrono::days>(within);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss time{within - midnight};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()),
                     time.hours().count(),
                     time.minutes().count(),
                     time.seconds().count(),
                     time.subseconds().count());
}

}  // namespace rules
