#include "config/zone_file.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace config {
namespace {

using rules::Zone;
using rules::ZoneOffset;
using rules::ZoneRule;
using rules::ZoneRuleDay;
using rules::ZoneTransition;

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_abbreviation = 31;
constexpr std::size_t header_bytes = 44;
constexpr std::int64_t latest_transition = std::int64_t{1} << 52;  // as rules::Zone wants it

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_abbreviation_character(char c) {
  return is_letter(c) || is_digit(c) || c == '+' || c == '-';
}

// For error texts: what a person can read, and not much of it.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, longest)) result += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  if (text.size() > longest) result += "...";
  return result + '"';
}

bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name) return false;
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    const auto is_fine = [](char c) { return is_abbreviation_character(c) || c == '_' || c == '.'; };
    if (!std::ranges::all_of(part, is_fine)) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

// ---- POSIX TZ strings ----

// Each function takes what it reads off the front of the text; nothing when it is not there.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::int32_t> number(std::int32_t low, std::int32_t high) {
    std::int32_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      if (digits == 3) return std::nullopt;
      value = value * 10 + (rest_[digits] - '0');
    }
    if (digits == 0 || value < low || value > high) return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }

  std::optional<std::string> abbreviation() {
    std::size_t length = 0;
    const bool is_bracketed = take('<');
    while (length < rest_.size() &&
           (is_bracketed ? is_abbreviation_character(rest_[length]) : is_letter(rest_[length]))) {
      ++length;
    }
    if (length < 3 || length > longest_abbreviation) return std::nullopt;
    std::string name{rest_.substr(0, length)};
    rest_.remove_prefix(length);
    if (is_bracketed && !take('>')) return std::nullopt;
    return name;
  }

  // [+-]hours[:minutes[:seconds]], in seconds
  std::optional<std::int32_t> time(std::int32_t most_hours) {
    const bool is_negative = take('-');
    if (!is_negative) take('+');
    std::optional<std::int32_t> part = number(0, most_hours);
    if (!part) return std::nullopt;
    std::int32_t value = *part * 3600;
    for (const std::int32_t unit : {60, 1}) {
      if (!take(':')) break;
      part = number(0, 59);
      if (!part) return std::nullopt;
      value += *part * unit;
    }
    return is_negative ? -value : value;
  }

  // How far west of Greenwich, so the sign turns; 24 hours at most
  std::optional<std::int32_t> offset() {
    const std::optional<std::int32_t> west = time(24);
    if (!west) return std::nullopt;
    return -*west;
  }

  std::optional<ZoneRuleDay> day() {
    ZoneRuleDay result;
    result.seconds = 2 * 3600;
    if (take('M')) {
      result.kind = ZoneRuleDay::Kind::month_week_day;
      const std::optional<std::int32_t> month = number(1, 12);
      if (!month || !take('.')) return std::nullopt;
      const std::optional<std::int32_t> week = number(1, 5);
      if (!week || !take('.')) return std::nullopt;
      const std::optional<std::int32_t> weekday = number(0, 6);
      if (!weekday) return std::nullopt;
      result.month = *month;
      result.week = *week;
      result.day = *weekday;
    } else {
      const bool is_julian = take('J');
      result.kind = is_julian ? ZoneRuleDay::Kind::julian : ZoneRuleDay::Kind::zero_based;
      const std::optional<std::int32_t> day_number = number(is_julian ? 1 : 0, 365);
      if (!day_number) return std::nullopt;
      result.day = *day_number;
    }
    if (take('/')) {
      const std::optional<std::int32_t> seconds = time(167);
      if (!seconds) return std::nullopt;
      result.seconds = *seconds;
    }
    return result;
  }

 private:
  std::string_view rest_;
};

std::optional<ZoneRule> rule_of(RuleText text) {
  ZoneRule rule;
  std::optional<std::string> abbreviation = text.abbreviation();
  if (!abbreviation) return std::nullopt;
  const std::optional<std::int32_t> standard = text.offset();
  if (!standard) return std::nullopt;
  rule.standard = {*standard, false, std::move(*abbreviation)};
  if (text.is_at_end()) return rule;

  rule.has_daylight = true;
  abbreviation = text.abbreviation();
  if (!abbreviation) return std::nullopt;
  std::int32_t daylight_seconds = *standard + 3600;
  if (!text.take(',')) {
    const std::optional<std::int32_t> daylight = text.offset();
    if (!daylight || !text.take(',')) return std::nullopt;
    daylight_seconds = *daylight;
  }
  rule.daylight = {daylight_seconds, true, std::move(*abbreviation)};
  const std::optional<ZoneRuleDay> starts = text.day();
  if (!starts || !text.take(',')) return std::nullopt;
  const std::optional<ZoneRuleDay> ends = text.day();
  if (!ends || !text.is_at_end()) return std::nullopt;
  rule.daylight_starts = *starts;
  rule.daylight_ends = *ends;
  return rule;
}

// ---- TZif ----

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

struct Header {
  char version{};
  std::uint64_t ut_indicators{};
  std::uint64_t standard_indicators{};
  std::uint64_t leap_seconds{};
  std::uint64_t transitions{};
  std::uint64_t types{};
  std::uint64_t characters{};

  // Counts have 32 bits: the sum does not overflow.
  [[nodiscard]] std::uint64_t data_bytes(std::uint64_t time_bytes) const {
    return transitions * (time_bytes + 1) + types * 6 + characters + leap_seconds * (time_bytes + 4) +
           standard_indicators + ut_indicators;
  }
};

std::optional<Header> header_at(std::string_view bytes) {
  if (bytes.size() < header_bytes || !bytes.starts_with("TZif")) return std::nullopt;
  const auto count = [bytes](std::size_t index) { return big_endian(bytes.substr(20 + 4 * index, 4)); };
  return Header{.version = bytes[4],
                .ut_indicators = count(0),
                .standard_indicators = count(1),
                .leap_seconds = count(2),
                .transitions = count(3),
                .types = count(4),
                .characters = count(5)};
}

std::uint32_t index_in(std::vector<ZoneOffset>& offsets, const ZoneOffset& offset) {
  const auto known = std::ranges::find(offsets, offset);
  const auto index = static_cast<std::uint32_t>(known - offsets.begin());
  if (known == offsets.end()) offsets.push_back(offset);
  return index;
}

// The rule holds from the last transition on. Moves that to the earliest instant from which the table allows it:
// before, the rule says something else than the table (a country that changed its rule), or there is no transition.
void begin_rule_early(const ZoneRule& rule,
                      std::vector<ZoneOffset>& offsets,
                      std::vector<ZoneTransition>& transitions) {
  Zone zone;
  zone.rule = rule;
  const auto instant_of = [](std::int64_t second) { return rules::Instant{std::chrono::seconds{second}}; };
  const auto second_of = [](rules::Instant instant) {
    return std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
  };
  while (transitions.size() > 1) {
    const ZoneTransition before = transitions.end()[-2];
    const std::int64_t until = transitions.back().at;
    // From the transition before until the last one the table says one thing. Since when does the rule?
    // Rules that change clocks at all do so every year: older changes are not worth a walk.
    constexpr std::int64_t two_years = 2 * 366 * 86'400;
    std::int64_t since = before.at;
    auto change = zone.next_transition_after(instant_of(since));
    if (change && second_of(*change) < until - two_years) {
      change = zone.next_transition_after(instant_of(until - two_years));
    }
    for (; change && second_of(*change) < until; change = zone.next_transition_after(*change)) {
      since = second_of(*change);
    }
    if (zone.offset_at(instant_of(since)) != offsets[before.offset]) break;
    transitions.pop_back();
    if (since == before.at) continue;
    transitions.push_back({since, before.offset});
    return;
  }
  if (!transitions.empty()) {
    transitions.back().offset = index_in(offsets, zone.offset_at(instant_of(transitions.back().at)));
  }
}

// Brings a table into the one form that every file of the same zone leads to: no transition that changes nothing (but
// the last may be where the rule begins), none that the rule implies, offsets in order of use. So a policy's hash does
// not depend on how tzdata was packed.
void make_canonical(Zone& zone) {
  std::vector<ZoneOffset> offsets{zone.offsets.front()};
  std::vector<ZoneTransition> transitions;
  for (const ZoneTransition& transition : zone.transitions) {
    const std::uint32_t before = transitions.empty() ? 0 : transitions.back().offset;
    const std::uint32_t index = index_in(offsets, zone.offsets[transition.offset]);
    const bool begins_rule = zone.rule && &transition == &zone.transitions.back();
    if (index != before || begins_rule) transitions.push_back({transition.at, index});
  }
  if (zone.rule) begin_rule_early(*zone.rule, offsets, transitions);
  if (zone.rule && transitions.empty()) offsets.clear();
  std::uint32_t last_used = 0;
  for (const ZoneTransition& transition : transitions) last_used = std::max(last_used, transition.offset);
  if (!offsets.empty()) offsets.resize(last_used + 1);
  zone.offsets = std::move(offsets);
  zone.transitions = std::move(transitions);
}

// The error lacks its subject: "the zone file ...".
tl::expected<Zone, std::string> zone_of(std::string_view bytes) {
  const auto wrong = [](std::string what) { return tl::unexpected<std::string>(std::move(what)); };
  if (bytes.size() > zone_file_limit_bytes) {
    return wrong(fmt::format("has more than {} KiB", zone_file_limit_bytes / 1024));
  }
  std::optional<Header> header = header_at(bytes);
  if (!header) return wrong("is not a TZif file");
  if (header->version < '2') return wrong("is a TZif file of version 1, which ends in 2038: version 2 is needed");
  const std::uint64_t first_bytes = header_bytes + header->data_bytes(4);
  if (first_bytes > bytes.size()) return wrong("is cut off");
  bytes.remove_prefix(first_bytes);
  header = header_at(bytes);
  if (!header) return wrong("lacks its second header or is cut off");
  bytes.remove_prefix(header_bytes);
  if (header->data_bytes(8) > bytes.size()) return wrong("is cut off");
  if (header->leap_seconds != 0) {
    return wrong("counts leap seconds (as those in the folder \"right\" do), but the system's clock does not");
  }
  if (header->types == 0 || header->types > 256) return wrong("names no offset or too many");

  const auto take = [&bytes](std::uint64_t count) {
    const std::string_view taken = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return taken;
  };
  const std::string_view times = take(header->transitions * 8);
  const std::string_view time_types = take(header->transitions);
  const std::string_view types = take(header->types * 6);
  const std::string_view characters = take(header->characters);
  take(header->standard_indicators + header->ut_indicators);

  Zone zone;
  for (std::size_t i = 0; i < header->types; ++i) {
    const std::string_view type = types.substr(i * 6, 6);
    const auto seconds = static_cast<std::int32_t>(static_cast<std::uint32_t>(big_endian(type.substr(0, 4))));
    const auto is_dst = static_cast<unsigned char>(type[4]);
    const auto name_at = static_cast<unsigned char>(type[5]);
    if (seconds <= rules::least_offset_seconds || seconds >= rules::greatest_offset_seconds) {
      return wrong(fmt::format("has an offset of {} seconds", seconds));
    }
    if (is_dst > 1) return wrong("has a daylight mark that is neither 0 nor 1");
    if (name_at >= characters.size()) return wrong("names an abbreviation beyond its end");
    const std::string_view name = characters.substr(name_at);
    const std::size_t length = name.find('\0');
    if (length == std::string_view::npos) return wrong("has an abbreviation without end");
    if (length > longest_abbreviation || !std::ranges::all_of(name.substr(0, length), is_abbreviation_character)) {
      return wrong(fmt::format("has an odd abbreviation {}", in_quotes(name.substr(0, length))));
    }
    zone.offsets.push_back({seconds, is_dst == 1, std::string{name.substr(0, length)}});
  }

  std::optional<std::int64_t> before;
  for (std::size_t i = 0; i < header->transitions; ++i) {
    const auto at = static_cast<std::int64_t>(big_endian(times.substr(i * 8, 8)));
    const auto type = static_cast<unsigned char>(time_types[i]);
    if (before && at <= *before) return wrong("has transitions out of order");
    before = at;
    if (type >= zone.offsets.size()) return wrong("has a transition to an unknown offset");
    if (at > latest_transition) return wrong("has a transition beyond all years");
    // Some files begin with a transition at the Big Bang.
    zone.transitions.push_back({std::max(at, -latest_transition), type});
    if (zone.transitions.size() > 1 && zone.transitions.end()[-2].at == -latest_transition) {
      zone.transitions.erase(zone.transitions.end() - 2);
    }
  }

  const std::size_t end = bytes.empty() || bytes.front() != '\n' ? std::string_view::npos : bytes.find('\n', 1);
  if (end == std::string_view::npos) return wrong("lacks the rule at its end or is cut off");
  const std::string_view footer = bytes.substr(1, end - 1);
  if (!footer.empty()) {
    zone.rule = rule_of(RuleText{footer});
    if (!zone.rule) return wrong(fmt::format("ends with a rule that makes no sense: {}", in_quotes(footer)));
  }
  make_canonical(zone);
  if (!zone.is_well_formed()) return wrong("has values out of range");
  return zone;
}

}  // namespace

tl::expected<ZoneRule, std::string> parse_zone_rule(std::string_view text) {
  std::optional<ZoneRule> rule = rule_of(RuleText{text});
  if (!rule) return tl::unexpected(fmt::format("not a POSIX TZ rule: {}", in_quotes(text)));
  return *std::move(rule);
}

tl::expected<Zone, std::string> parse_zone(std::string_view name, std::string_view bytes) {
  tl::expected<Zone, std::string> zone = zone_of(bytes);
  if (!zone) return tl::unexpected(fmt::format("the file of time zone {} {}", in_quotes(name), zone.error()));
  zone->name = name;
  return zone;
}

tl::expected<Zone, std::string> read_zone(std::string_view name, const std::filesystem::path& folder) {
  if (!is_zone_name(name)) return tl::unexpected(fmt::format("{} is not the name of a time zone", in_quotes(name)));
  const std::filesystem::path path = folder / name;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    if (!std::filesystem::is_directory(folder, error)) {
      return tl::unexpected(fmt::format("there is no folder {} to read time zones from (is tzdata installed?)",
                                        in_quotes(folder.native())));
    }
    return tl::unexpected(fmt::format("there is no time zone {} in {}", in_quotes(name), folder.native()));
  }
  std::ifstream file{path, std::ios::binary};
  std::string bytes(zone_file_limit_bytes + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.is_open() || file.bad()) {
    return tl::unexpected(
        fmt::format("the file of time zone {} in {} cannot be read", in_quotes(name), folder.native()));
  }
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return parse_zone(name, bytes);
}

}  // namespace config
