// Time zones: TZif files and POSIX rules. What is read is a table that the rules can rely on.
#include "config/zone_file.hpp"
#include "rules/rotation_clock.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

using rules::Instant;
using rules::Zone;

void check_instant(const Zone& zone, Instant instant) {
  const rules::LocalTime local = zone.to_local(instant);
  const Instant first = zone.to_instant(local, rules::Choice::first);
  const Instant last = zone.to_instant(local, rules::Choice::last);
  claim(first <= last, "the first of an hour that comes twice is after the last");
  const Instant whole = std::chrono::floor<std::chrono::seconds>(instant);
  claim(first <= whole && whole <= last, "an instant is not among those of its own local time");
  const auto next = zone.next_transition_after(instant);
  if (!next) return;
  claim(*next > instant, "the next transition is not after now");
  claim(zone.offset_at(*next) != zone.offset_at(*next - std::chrono::milliseconds{1}),
        "nothing changes at a transition");
}

void check_zone(const Zone& zone) {
  claim(zone.is_well_formed(), "a zone that was read is not well formed");
  for (int year = 1900; year <= 2200; year += 37) {
    check_instant(zone, Instant{std::chrono::sys_days{std::chrono::year{year} / 3 / 29}} + std::chrono::hours{1});
  }
  if (!zone.transitions.empty()) {
    for (const auto& transition : {zone.transitions.front(), zone.transitions.back()}) {
      const Instant at{std::chrono::seconds{transition.at}};
      check_instant(zone, at);
      check_instant(zone, at - std::chrono::seconds{1});
    }
  }
  const rules::RotationClock clock{
      zone, rules::LocalTime{std::chrono::local_days{std::chrono::year{2026} / 1 / 7}}, {1, rules::TurnUnit::weeks}};
  const Instant now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 1}};
  const rules::Turns turns = clock.turns_at(now);
  for (const rules::Turn& turn : turns) claim(turn.from <= now && now < turn.to, "a turn that is not now");
  claim(clock.next_boundary_after(now) > now, "the next hand-over is not after now");
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  if (const auto zone = config::parse_zone("Some/Zone", bytes)) {
    fuzz::check_zone(*zone);
  } else {
    fuzz::claim_clean(zone.error(), "an error");
  }
  if (const auto rule = config::parse_zone_rule(bytes)) {
    rules::Zone zone;
    zone.name = "Some/Rule";
    zone.rule = *rule;
    fuzz::check_zone(zone);
  } else {
    fuzz::claim_clean(rule.error(), "an error");
  }
  return 0;
}
