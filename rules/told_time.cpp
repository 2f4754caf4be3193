#include "rules/told_time.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace rules {

using std::chrono::days;
using std::chrono::seconds;

std::string tell_time(const Zone& zone, Instant instant, Instant now) {
  constexpr std::array<std::string_view, 7> weekdays{
      "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  constexpr std::array<std::string_view, 12> months{"January",
                                                    "February",
                                                    "March",
                                                    "April",
                                                    "May",
                                                    "June",
                                                    "July",
                                                    "August",
                                                    "September",
                                                    "October",
                                                    "November",
                                                    "December"};
  const LocalTime local = zone.to_local(instant);
  const auto day = std::chrono::floor<days>(local);
  const auto today = std::chrono::floor<days>(zone.to_local(now));
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{local - day};
  std::string text;
  if (day > today && day < today + days{7}) {
    text = fmt::format("{} ", weekdays[std::chrono::weekday{day}.c_encoding()]);
  } else if (day != today) {
    text = fmt::format("{} {} ", static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1]);
    if (date.year() != std::chrono::year_month_day{today}.year())
      text += fmt::format("{} ", static_cast<int>(date.year()));
  }
  text += fmt::format("{:02}:{:02}", time.hours().count(), time.minutes().count());
  const std::string& abbreviation = zone.offset_at(instant).abbreviation;
  return abbreviation.empty() ? text : text + " " + abbreviation;
}

std::string tell_length(Duration duration) {
  struct Unit {
    std::string_view name;
    seconds length;
  };
  constexpr std::array<Unit, 5> units{
      {{"w", seconds{604'800}}, {"d", seconds{86'400}}, {"h", seconds{3'600}}, {"m", seconds{60}}, {"s", seconds{1}}}};
  seconds rest = std::chrono::floor<seconds>(std::max(duration, Duration::zero()));
  const auto* const first =
      std::find_if(units.begin(), units.end(), [rest](const Unit& unit) { return rest >= unit.length; });
  if (first == units.end()) return "0s";
  std::string text = fmt::format("{}{}", rest / first->length, first->name);
  rest %= first->length;
  const auto* const second = first + 1;
  if (second != units.end() && rest >= second->length)
    text += fmt::format(" {}{}", rest / second->length, second->name);
  return text;
}

}  // namespace rules
