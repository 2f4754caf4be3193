#include "daemon/rehearse/silences.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"

namespace rehearse {
namespace {

using config::Entry;
using config::Node;
using config::Reader;
using config::Section;

constexpr std::string_view path = "rehearsal";

std::vector<rules::Matcher> read_matchers(Reader& reader, const Entry& entry) {
  std::vector<rules::Matcher> found;
  for (const Node* const item : config::items(reader, entry)) {
    const std::optional<std::string> text = reader.text(*item, item->place, entry.key);
    if (!text) continue;
    tl::expected<std::vector<rules::Matcher>, std::string> parsed = rules::parse_matchers(*text);
    if (!parsed) {
      reader.error(item->place, parsed.error());
      continue;
    }
    std::move(parsed->begin(), parsed->end(), std::back_inserter(found));
  }
  return found;
}

// As `at` is written: counted from the start when there is one; else, and as well, RFC 3339.
std::optional<rules::Instant> read_instant(Section& section,
                                           std::string_view key,
                                           const std::optional<rules::Instant>& start) {
  const auto parse = [&start](std::string_view text) -> tl::expected<rules::Instant, std::string> {
    if (const std::optional<rules::Instant> instant = rules::parse_rfc3339(text)) return *instant;
    if (!start) return tl::unexpected(std::string{"write a time as 2026-03-04T09:00:00Z"});
    const tl::expected<rules::Duration, std::string> after = rules::parse_duration(text);
    if (!after) return tl::unexpected(after.error());
    return *start + *after;
  };
  return section.parsed(key, parse);
}

rules::Matcher matcher_of_service(const World& world, const std::string& service) {
  const std::shared_ptr<const rules::Policy>& policy = world.state().policy;
  const std::string label = policy == nullptr ? "service" : policy->service_label;
  return rules::Matcher::make(label, rules::MatchOperator::equal, service).value();
}

std::optional<std::string> refused(const std::optional<rules::Verdict>& verdict, std::string_view what) {
  if (verdict && verdict->code == rules::VerdictCode::done) return std::nullopt;
  return fmt::format("`{}` was refused: {}", what, verdict ? verdict->text : "nobody answered");
}

// The id of the one that is meant; "" when there is none. Of several alike the one that was set last and has not ended.
std::string id_of(const World& world, const EndSilence& event) {
  const std::vector<std::string>& all = world.silences();
  if (event.number > 0) return event.number <= all.size() ? all[event.number - 1] : std::string{};
  std::vector<rules::Matcher> matchers = event.matchers;
  if (!event.service.empty()) matchers = {matcher_of_service(world, event.service)};
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const std::string& id) {
    const auto silence = world.state().silences.find(id);
    if (silence == world.state().silences.end() || silence->second.to <= world.now()) return false;
    return silence->second.matchers == matchers;
  });
  return found == all.rend() ? std::string{} : *found;
}

}  // namespace

std::optional<SetSilence> read_silence(Reader& reader, const Entry& entry, const std::optional<rules::Instant>& start) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  SetSilence read;
  bool is_good = true;
  if (entry.key == "maintenance") {
    read.set.kind = rules::SilenceKind::maintenance;
    const std::optional<std::string> service = section.needed_text("service");
    is_good = service.has_value();
    read.service = service.value_or("");
  } else if (const Entry* const matchers = section.need("matchers")) {
    read.set.matchers = read_matchers(reader, *matchers);
    is_good = !read.set.matchers.empty();
  } else {
    is_good = false;
  }
  read.set.by = section.text("by").value_or("somebody");
  read.set.comment = section.text("comment").value_or("");
  read.from = read_instant(section, "from", start);
  read.to = read_instant(section, "to", start);
  const std::optional<rules::Duration> length = section.duration("for", Section::Zero::is_wrong);
  if (read.to.has_value() == length.has_value()) {
    reader.error(entry.place, fmt::format("`{}` needs `for`, as 2h, or `to`", entry.key));
    is_good = false;
  }
  read.length = length.value_or(rules::Duration{});
  if (!is_good) return std::nullopt;
  return read;
}

std::optional<EndSilence> read_expire(Reader& reader, const Entry& entry) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  EndSilence read;
  read.by = section.text("by").value_or("somebody");
  const Entry* const silence = section.take("silence");
  const std::optional<std::string> service = section.text("maintenance");
  if ((silence == nullptr) == !service.has_value()) {
    reader.error(entry.place, "`expire` needs `silence`, a number or matchers, or `maintenance`, a service");
    return std::nullopt;
  }
  read.service = service.value_or("");
  if (silence == nullptr) return read;
  if (silence->value->kind == config::NodeKind::scalar) {
    const std::string& text = silence->value->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read.number);
    if (error == std::errc{} && end == text.data() + text.size() && read.number > 0) return read;
    read.number = 0;
  }
  read.matchers = read_matchers(reader, *silence);
  if (read.matchers.empty()) return std::nullopt;
  return read;
}

std::optional<std::string> happen(World& world, rules::Instant at, const SetSilence& event) {
  rules::SilenceSet set = event.set;
  if (set.kind == rules::SilenceKind::maintenance) set.matchers = {matcher_of_service(world, event.service)};
  set.from = event.from.value_or(at);
  set.to = event.to ? *event.to : set.from + event.length;
  const std::string_view what = set.kind == rules::SilenceKind::maintenance ? "maintenance" : "silence";
  return refused(world.tell(at, rules::Event{std::move(set)}), what);
}

std::optional<std::string> happen(World& world, rules::Instant at, const EndSilence& event) {
  world.advance_to(std::max(world.now(), at - rules::Duration{1}));
  std::string id = id_of(world, event);
  if (id.empty()) {
    world.advance_to(std::max(world.now(), at));
    return "`expire` names no silence: the daemon would answer 404";
  }
  return refused(world.tell(at, rules::Event{rules::SilenceExpired{.id = std::move(id), .by = event.by}}), "expire");
}

}  // namespace rehearse
