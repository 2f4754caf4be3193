#include "daemon/ctl/session.hpp"

#include <chrono>

#include <fmt/format.h>

#include "config/scalar.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

struct Local {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

Local local_of(const rules::Zone& zone, rules::Instant instant) {
  const rules::LocalTime local = zone.to_local(instant);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  return Local{.date = std::chrono::year_month_day{day}, .time = std::chrono::hh_mm_ss{local - day}};
}

std::string print_day(const std::chrono::year_month_day& date) {
  return fmt::format("{:04}-{:02}-{:02}",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string print_clock(const std::chrono::hh_mm_ss<std::chrono::seconds>& time) {
  return fmt::format("{:02}:{:02}:{:02}", time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace

std::string Session::print_time(rules::Instant instant) const {
  const Local local = local_of(environment.zone, instant);
  if (local.date == local_of(environment.zone, now()).date) return print_clock(local.time);
  return print_day(local.date) + " " + print_clock(local.time);
}

words::Drawing Session::drawing() const {
  words::Drawing drawing;
  const std::optional<std::string> no_colour = environment.variable("NO_COLOR");
  const std::optional<std::string> terminal = environment.variable("TERM");
  drawing.colour = environment.out_is_terminal && (!no_colour || no_colour->empty()) && terminal != "dumb";
  // Whoever set a locale without UTF-8 gets plain ASCII.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::optional<std::string> locale = environment.variable(name);
    if (!locale || locale->empty()) continue;
    drawing.unicode = locale->find("UTF-8") != std::string::npos || locale->find("utf8") != std::string::npos ||
                      locale->find("UTF8") != std::string::npos || locale->find("utf-8") != std::string::npos;
    break;
  }
  drawing.width = environment.width;
  drawing.clock = [this](rules::Instant instant) { return print_time(instant); };
  return drawing;
}

int Session::fail(ExitCode code, std::string_view message) const {
  error << "rousectl: " << message << "\n";
  return code;
}

std::string print_date(const rules::Zone& zone, rules::Instant instant) {
  const Local local = local_of(zone, instant);
  return fmt::format("{} {} {}", print_day(local.date), print_clock(local.time), zone.offset_at(instant).abbreviation);
}

std::string counted(std::size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::optional<rules::Instant> parse_time(std::string_view text, const rules::Zone& zone, rules::Instant now) {
  if (text == "now") return now;
  if (const std::optional<rules::Instant> instant = rules::parse_rfc3339(text)) return instant;
  std::string local_text{text};
  if (local_text.size() > 10 && local_text[10] == ' ') local_text[10] = 'T';
  const config::Result<rules::LocalTime> local = config::parse_local_time(local_text);
  if (!local) return std::nullopt;
  return zone.to_instant(*local, rules::Choice::first);
}

void add_output(CLI::App& command, Session& session) {
  command.add_option("--output,-o", session.output, "table (for people, the default) or json (for programs)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}));
}

}  // namespace ctl
