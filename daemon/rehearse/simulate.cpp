#include "daemon/rehearse/simulate.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/document.hpp"
#include "config/reader.hpp"
#include "rules/rfc3339.hpp"

namespace rehearse {
namespace {

// JSON writes characters beyond U+FFFF as two \u escapes, which YAML does not join. Everything else of JSON is YAML.
std::optional<unsigned> hex4(std::string_view text) {
  unsigned value = 0;
  if (text.size() < 4) return std::nullopt;
  text = text.substr(0, 4);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string join_surrogates(std::string_view line) {
  std::string joined;
  joined.reserve(line.size());
  for (std::size_t index = 0; index < line.size(); ++index) {
    if (line[index] != '\\' || index + 1 >= line.size()) {
      joined += line[index];
      continue;
    }
    const std::string_view rest = line.substr(index);
    if (rest[1] == 'u' && rest.size() >= 12 && rest[6] == '\\' && rest[7] == 'u') {
      const std::optional<unsigned> high = hex4(rest.substr(2));
      const std::optional<unsigned> low = hex4(rest.substr(8));
      if (high && low && *high >= 0xD800 && *high < 0xDC00 && *low >= 0xDC00 && *low < 0xE000) {
        joined += fmt::format("\\U{:08X}", 0x10000 + ((*high - 0xD800) << 10U) + (*low - 0xDC00));
        index += 11;
        continue;
      }
    }
    joined += line[index];
    joined += line[++index];
  }
  return joined;
}

using Position = std::tuple<rules::IncidentState, rules::ClimbPhase, std::uint32_t, std::uint32_t>;

// One run: the world, and what has been told of it so far.
class Run {
 public:
  Run(const std::shared_ptr<const rules::Policy>& policy,
      rules::Instant from,
      rules::Instant until,
      const SimulationOptions& options,
      const std::function<void(const World&, const Happening&)>& happened,
      const std::function<void(double)>& progressed)
      : world_{policy, from, options.key_seed},
        from_{from},
        until_{until},
        options_{options},
        happened_{happened},
        progressed_{progressed} {}

  // Instant by instant, so that what happened can be told with the world as it was.
  void advance_to(rules::Instant instant) {
    for (;;) {
      const std::optional<rules::Instant> due = world_.next_due();
      if (!due || *due > instant) break;
      world_.advance_to(*due);
      tell();
    }
    world_.advance_to(instant);
    tell();
  }

  void happen(const ScriptEvent& event) {
    if (event.at > world_.now()) advance_to(event.at - rules::Duration{1});
    if (const auto* verb = std::get_if<rules::Event>(&event.what)) {
      const std::optional<rules::Verdict> verdict = world_.tell(event.at, *verb);
      tell();
      if (verdict && verdict->code != rules::VerdictCode::done) {
        remark(event, fmt::format("`{}` was refused: {}", event.text, why(*verdict)));
      }
      return;
    }
    const std::optional<std::string> said =
        rehearse::happen(world_, event, ScriptOptions{.folder = options_.folder, .start = {}});
    tell();
    if (said) remark(event, *said);
  }

  [[nodiscard]] const World& world() const { return world_; }

 private:
  static std::string why(const rules::Verdict& verdict) {
    if (!verdict.text.empty()) return verdict.text;
    if (verdict.code == rules::VerdictCode::already_resolved) return "already resolved";
    if (verdict.code == rules::VerdictCode::unknown_incident) {
      return fmt::format("there is no R-{}", verdict.incident.value);
    }
    return "no reason was given";
  }

  void remark(const ScriptEvent& event, std::string text) {
    if (happened_) happened_(world_, Remark{.at = world_.now(), .place = event.place, .text = std::move(text)});
  }

  void tell() {
    const std::vector<StateChange>& changes = world_.changes();
    for (; changes_told_ < changes.size(); ++changes_told_) tell(changes[changes_told_]);
    const std::vector<HeldRecord>& holds = world_.holds();
    for (; holds_told_ < holds.size(); ++holds_told_) {
      if (happened_) happened_(world_, holds[holds_told_]);
    }
    const std::vector<LeftPage>& pages = world_.pages();
    for (; pages_told_ < pages.size(); ++pages_told_) {
      if (happened_) happened_(world_, pages[pages_told_]);
    }
    if (progressed_ && ++tellings_ % 256 == 0) {
      const auto whole = static_cast<double>(std::max<std::int64_t>((until_ - from_).count(), 1));
      progressed_(std::min(static_cast<double>((world_.now() - from_).count()) / whole, 1.0));
    }
  }

  // Most changes are entries of a timeline: only those that move the incident are told.
  void tell(const StateChange& change) {
    IncidentMoved moved{
        .at = change.at, .incident = change.incident, .state = change.state, .phase = {}, .step = 0, .round = 0};
    const auto incident = world_.state().incidents.find(change.incident);
    if (incident != world_.state().incidents.end()) {
      const rules::Climb& climb = incident->second.climb;
      if (climb.running) moved.phase = climb.phase;
      if (moved.phase == rules::ClimbPhase::climbing) {
        moved.step = climb.step + 1;
        moved.round = climb.round + 1;
      }
    }
    const Position position{moved.state, moved.phase, moved.step, moved.round};
    const auto [known, is_new] = positions_.try_emplace(change.incident, position);
    if (!is_new && known->second == position) return;
    known->second = position;
    if (happened_) happened_(world_, moved);
  }

  World world_;
  rules::Instant from_;
  rules::Instant until_;
  const SimulationOptions& options_;
  const std::function<void(const World&, const Happening&)>& happened_;
  const std::function<void(double)>& progressed_;
  std::map<rules::IncidentId, Position> positions_;
  std::size_t changes_told_{};
  std::size_t holds_told_{};
  std::size_t pages_told_{};
  std::size_t tellings_{};
};

}  // namespace

EventLines read_event_lines(std::string_view text, const std::string& file_name) {
  EventLines lines;
  int number = 0;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    config::Reader reader{file_name};
    const config::Document document = config::read_document(join_surrogates(line), file_name);
    reader.add(document.problems);
    std::optional<ScriptEvent> event;
    if (document.root != nullptr) event = read_event(reader, *document.root, ScriptOptions{});
    if (event && !lines.events.empty() && event->at < lines.events.back().at) {
      reader.error(event->place,
                   fmt::format("events stand in the order of time: the one before is at {}",
                               rules::print_rfc3339(lines.events.back().at)));
    }
    for (config::Problem& problem : reader.sorted()) {
      problem.line = number;
      lines.problems.push_back(std::move(problem));
    }
    if (!event) continue;
    event->place.line = number;
    lines.events.push_back(std::move(*event));
  }
  return lines;
}

SimulationFigures simulate(const std::shared_ptr<const rules::Policy>& policy,
                           const std::vector<ScriptEvent>& events,
                           const SimulationOptions& options,
                           const std::function<void(const World&, const Happening&)>& happened,
                           const std::function<void(double)>& progressed) {
  SimulationFigures figures;
  if (events.empty()) return figures;
  figures.from = events.front().at;
  figures.until = options.until.value_or(events.back().at + std::chrono::hours{1});
  Run run{policy, figures.from, figures.until, options, happened, progressed};
  for (const ScriptEvent& event : events) {
    if (event.at > figures.until) break;
    run.happen(event);
    ++figures.events;
  }
  run.advance_to(figures.until);
  figures.pages = run.world().pages().size();
  figures.incidents = run.world().state().last_incident;
  return figures;
}

}  // namespace rehearse
