// Durations, and everything else that the configuration writes in one word.
#include "config/scalar.hpp"
#include "rules/duration.hpp"
#include "rules/view.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

template <class Value>
void check_error(const config::Result<Value>& result, std::string_view text) {
  // A configuration is known to be UTF-8 before anything of it is read.
  if (result || !is_utf8(text)) return;
  claim(!result.error().empty(), "something is refused without a word");
  claim_clean(result.error(), "an error");
  claim(result.error().size() < 1000, "an error of {} bytes", result.error().size());
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  const auto duration = rules::parse_duration(text);
  if (duration) {
    claim(*duration >= rules::Duration::zero() && *duration <= rules::longest_duration, "{} is out of range", text);
    const std::string printed = rules::print_duration(*duration);
    const auto again = rules::parse_duration(printed);
    claim(again.has_value() && *again == *duration, "{} is another length as {}", text, printed);
    claim(rules::print_duration(-*duration) == (*duration == rules::Duration::zero() ? printed : "-" + printed),
          "{} is printed in another way below zero",
          text);
  }
  fuzz::check_error(duration, text);
  const auto wait = config::parse_wait(text);
  if (duration) claim(wait.has_value() && *wait == *duration, "{} is no wait", text);
  fuzz::check_error(wait, text);

  const auto count = config::parse_count(text);
  if (count) claim(std::to_string(*count) == text, "{} is read as {}", text, *count);
  fuzz::check_error(count, text);
  fuzz::check_error(config::parse_boolean(text), text);
  fuzz::check_error(config::parse_size(text), text);
  const auto date = config::parse_date(text);
  if (date) claim(date->ok(), "{} is no day", text);
  fuzz::check_error(date, text);
  const auto local = config::parse_local_time(text);
  if (date) claim(!local, "{} is a day and a time", text);
  fuzz::check_error(local, text);
  const auto time = config::parse_time_of_day(text);
  if (time) claim(time->count() >= 0 && time->count() <= 24 * 60, "{} is {} minutes", text, time->count());
  fuzz::check_error(time, text);
  const auto weekday = config::parse_weekday(text);
  if (weekday) claim(*weekday < 7, "{} is day {}", text, *weekday);
  fuzz::check_error(weekday, text);
  const auto turn = config::parse_turn(text);
  if (turn) claim(turn->count >= 1, "a turn of {}", turn->count);
  fuzz::check_error(turn, text);
  const auto pointer = config::parse_pointer(text);
  if (pointer) claim(pointer->empty() || pointer->front() == '/', "{} is no pointer", text);
  fuzz::check_error(pointer, text);
  fuzz::check_error(config::parse_network(text), text);
  const auto url = config::parse_url(text, {"http", "https"});
  if (url) claim(url->starts_with("http") && !fuzz::misleads(*url, false), "{} is a URL", text);
  fuzz::check_error(url, text);
  const auto name = config::parse_name(text);
  if (name && fuzz::is_utf8(text)) fuzz::claim_clean(*name, "a name");
  fuzz::check_error(name, text);
  const auto endpoint = config::parse_endpoint(text);
  if (endpoint) claim(endpoint->unix_path.empty() || endpoint->is_loopback(), "{} is not of this machine", text);
  fuzz::check_error(endpoint, text);
  if (const auto incident = rules::parse_incident_id(text)) {
    const auto again = rules::parse_incident_id("R-" + std::to_string(incident->value));
    claim(again == incident, "{} is another incident", text);
  }
  return 0;
}
