#include "tests/simulation/plan.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tests/simulation/team.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, action_kinds> action_names{"alert fires",
                                                                  "alert ends",
                                                                  "severity rises",
                                                                  "sender dies",
                                                                  "crash",
                                                                  "crash at",
                                                                  "stop",
                                                                  "upgrade",
                                                                  "pause",
                                                                  "stall",
                                                                  "stall at",
                                                                  "wall step",
                                                                  "wall drift",
                                                                  "disk full",
                                                                  "disk slow",
                                                                  "disk fails",
                                                                  "snapshot",
                                                                  "snapshot fails",
                                                                  "snapshot damaged",
                                                                  "mood",
                                                                  "reload",
                                                                  "mistaken reload",
                                                                  "look",
                                                                  "person acts",
                                                                  "silence set",
                                                                  "silence ends",
                                                                  "beat",
                                                                  "batch refused",
                                                                  "reply comes",
                                                                  "test page",
                                                                  "update written",
                                                                  "updates wanted"};

constexpr std::array<std::string_view, places> place_names{"between push and gather",
                                                           "between append and result",
                                                           "between commit and apply",
                                                           "between apply and release",
                                                           "between replies and sends",
                                                           "between send and outcome",
                                                           "in a recovery",
                                                           "before the first row",
                                                           "in a snapshot",
                                                           "between stop and end"};

constexpr std::array<std::string_view, moods> mood_names{
    "works", "refuses", "busy", "limited", "mute", "slow", "unreachable", "drops", "tardy", "stutters"};

constexpr std::array<std::string_view, reply_kinds> reply_names{
    "nonsense", "a wrong number", "what never was", "a stranger", "a key of nothing", "a bare word"};

// One person after the other may be asked for something nobody was shown.
constexpr std::uint64_t person_count = 8;

class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : chances_{seed}, chance_{chances_.of("plan")} { plan_.seed = seed; }
  Plan draw();

 private:
  void draw_groups();
  void draw_dense_groups();
  void draw_group(std::uint64_t number);
  void draw_daemon_faults();
  void draw_disk_faults();
  void draw_world_faults();
  void draw_people();
  void draw_correlation();
  void draw_burst();
  void draw_cascade();
  void draw_flapping();
  void draw_silences();
  void draw_reaching();
  std::uint64_t add_group(const std::string& service);
  [[nodiscard]] Time draw_away();
  void add(Time at, ActionKind kind, std::uint64_t subject = 0, std::uint64_t object = 0, Time length = {}) {
    plan_.actions.push_back(Action{.at = at, .kind = kind, .subject = subject, .object = object, .length = length});
  }
  // No run has every fault, so that each can be seen alone. `draw(at)` at moments with gaps around `mean`.
  template <class Draw>
  void now_and_then(double how_often, Time mean, Draw draw) {
    if (!chance_.happens(how_often)) return;
    Time at{};
    for (;;) {
      // Close to exponential, from integers alone.
      Time gap = mean / 8;
      while (chance_.happens(0.85) && gap < mean * 6) gap += chance_.between(0ns, mean / 3);
      at += gap;
      if (at >= faulty_for) return;
      draw(at);
    }
  }

  Chances chances_;
  Chance chance_;
  Plan plan_;
};

Time Drawing::draw_away() {
  const std::uint64_t kind = chance_.below(10);
  if (kind < 6) return chance_.between(100ms, 5s);
  return kind < 9 ? chance_.between(5s, 2min) : chance_.between(2min, 12min);
}

void Drawing::draw_group(std::uint64_t number) {
  GroupPlan group;
  group.service = services[chance_.below(services.size())];
  group.members = 1 + static_cast<unsigned>(chance_.below(3));
  group.form = chance_.happens(0.3) ? SenderForm::api_v2 : SenderForm::webhook;
  group.twin = group.form == SenderForm::webhook && chance_.happens(0.2);
  group.warns = chance_.happens(0.15);
  constexpr std::array<Time, 3> intervals{5s, 30s, 60s};
  group.interval =
      group.form == SenderForm::webhook ? intervals.at(chance_.below(3)) : Time{chance_.below(4) * 15s + 15s};
  group.repeats = chance_.happens(0.7) ? chance_.between(3min, 6min) : Time{4h};
  for (unsigned member = 0; member < group.members; ++member) {
    Time at = chance_.between(1s, 70min);
    const std::uint64_t times = 1 + chance_.below(3);
    for (std::uint64_t time = 0; time < times && at < faulty_for; ++time) {
      add(at, ActionKind::alert_fires, number, member);
      if (group.warns && chance_.happens(0.6))
        add(at + chance_.between(5s, 10min), ActionKind::severity_rises, number, member);
      if (chance_.happens(0.2)) break;  // fires for ever
      at += chance_.happens(0.2) ? chance_.between(2s, 1min) : chance_.between(1min, 50min);
      add(at, ActionKind::alert_ends, number, member);
      at += chance_.happens(0.5) ? chance_.between(5s, 4min) : chance_.between(4min, 30min);
    }
  }
  plan_.groups.push_back(std::move(group));
}

void Drawing::draw_groups() {
  const std::uint64_t groups = 2 + chance_.below(7);
  for (std::uint64_t number = 0; number < groups; ++number) draw_group(number);
}

// A bad day: hundreds of incidents, most of them short.
void Drawing::draw_dense_groups() {
  const std::uint64_t groups = 20 + chance_.below(60);
  for (std::uint64_t number = 0; number < groups; ++number) {
    GroupPlan group;
    group.service = services[chance_.below(services.size())];
    group.members = 1;
    group.form = chance_.happens(0.1) ? SenderForm::api_v2 : SenderForm::webhook;
    group.interval = group.form == SenderForm::webhook ? Time{30s} : Time{60s};
    group.repeats = 4h;
    Time at = chance_.between(1s, 8min);
    while (at < faulty_for - 2min) {
      add(at, ActionKind::alert_fires, number, 0);
      at += chance_.happens(0.9) ? chance_.between(31s, 3min) : chance_.between(3min, 20min);
      if (at >= faulty_for) break;
      add(at, ActionKind::alert_ends, number, 0);
      at += chance_.between(5min, 8min);
    }
    plan_.groups.push_back(std::move(group));
  }
}

void Drawing::draw_daemon_faults() {
  now_and_then(0.5, 14min, [this](Time at) { add(at, ActionKind::crash, 0, chance_.below(3), draw_away()); });
  now_and_then(0.2, 20min, [this](Time at) { add(at, ActionKind::stop, 0, 0, draw_away()); });
  now_and_then(0.2, 25min, [this](Time at) {
    const std::uint64_t killed = chance_.happens(0.3) ? 1 : 0;
    add(at, ActionKind::upgrade, chance_.below(2), killed, chance_.between(100ms, 10s));
  });
  now_and_then(0.5, 9min, [this](Time at) {
    add(at, ActionKind::crash_at, chance_.below(places), 1 + chance_.below(chance_.happens(0.5) ? 3 : 20), draw_away());
  });
  now_and_then(0.3, 10min, [this](Time at) {
    const Time length = chance_.happens(0.8) ? chance_.between(10ms, 15s) : chance_.between(15s, 3min);
    add(at, ActionKind::pause, 0, chance_.below(3) == 0 ? 1 : 0, length);
  });
  now_and_then(0.2, 10min, [this](Time at) {
    add(at, ActionKind::stall, chance_.below(2), 0, chance_.between(1ms, chance_.happens(0.8) ? 4s : 40s));
  });
  now_and_then(0.3, 8min, [this](Time at) {
    constexpr std::array stalls{Place::commit_and_apply, Place::apply_and_release, Place::replies_and_sends};
    const auto place = static_cast<std::uint64_t>(stalls.at(chance_.below(stalls.size())));
    add(at, ActionKind::stall_at, place, 1 + chance_.below(6), chance_.between(10ms, chance_.happens(0.7) ? 3s : 50s));
  });
  now_and_then(0.25, 20min, [this](Time at) { add(at, ActionKind::reload, 0, chance_.below(2)); });
  now_and_then(0.1, 25min, [this](Time at) { add(at, ActionKind::reload_mistaken, 0, chance_.below(2)); });
  now_and_then(0.2, 12min, [this](Time at) { add(at, ActionKind::look); });
}

void Drawing::draw_disk_faults() {
  now_and_then(0.2, 20min, [this](Time at) {
    add(at, ActionKind::disk_full, 0, chance_.happens(0.4) ? 1 + chance_.below(6) : 0, chance_.between(2s, 3min));
  });
  now_and_then(0.2, 15min, [this](Time at) { add(at, ActionKind::disk_slow, 0, 0, chance_.between(1s, 40s)); });
  now_and_then(0.15, 35min, [this](Time at) { add(at, ActionKind::disk_fails, 0, chance_.below(4)); });
  now_and_then(0.4, 12min, [this](Time at) { add(at, ActionKind::snapshot); });
  now_and_then(0.1, 20min, [this](Time at) { add(at, ActionKind::snapshot_fails); });
  now_and_then(0.15, 25min, [this](Time at) { add(at, ActionKind::snapshot_damaged); });
}

void Drawing::draw_world_faults() {
  now_and_then(0.25, 20min, [this](Time at) {
    const bool far = chance_.happens(0.4);
    const Time by = far ? chance_.between(1min, 2h) : chance_.between(100ms, 10s);
    add(at, ActionKind::wall_step, 0, 0, chance_.happens(0.5) ? by : -by);
  });
  now_and_then(0.15, 40min, [this](Time at) {
    const auto parts = static_cast<std::int64_t>(chance_.below(2001)) - 1000;
    add(at, ActionKind::wall_drift, 0, static_cast<std::uint64_t>(parts));
  });
  now_and_then(0.6, 6min, [this](Time at) {
    const std::uint64_t which = chance_.below(4);
    const std::uint64_t mood = 1 + chance_.below(moods - 1);
    Time length = chance_.happens(0.7) ? chance_.between(2s, 60s) : chance_.between(1min, 10min);
    if (chance_.happens(0.05)) length = faulty_for;
    for (std::uint64_t provider = 0; provider < 3; ++provider) {
      if (which == 3 || which == provider) add(at, ActionKind::mood, provider, mood, length);
    }
  });
  now_and_then(0.25, 20min, [this](Time at) {
    const std::uint64_t group = chance_.below(plan_.groups.size());
    add(at, ActionKind::sender_dies, group, chance_.below(2), chance_.between(2s, chance_.happens(0.7) ? 2min : 20min));
  });
}

void Drawing::draw_people() {
  plan_.people_react = chance_.happens(0.9);
  constexpr std::uint64_t deeds = 7;  // the verbs, and what is said of an incident that does not exist
  now_and_then(0.4, 8min, [this](Time at) {
    const std::uint64_t deed = chance_.below(deeds);
    add(at, ActionKind::person_acts, chance_.below(person_count), deed);
    if (chance_.happens(0.4)) add(at, ActionKind::person_acts, chance_.below(person_count), chance_.below(deeds));
  });
}

// A group that is there for what happens between several.
std::uint64_t Drawing::add_group(const std::string& service) {
  GroupPlan group;
  group.service = service;
  group.members = 1 + static_cast<unsigned>(chance_.below(2));
  group.form = chance_.happens(0.2) ? SenderForm::api_v2 : SenderForm::webhook;
  group.warns = chance_.happens(0.2);
  group.interval = group.form == SenderForm::webhook ? Time{5s} : Time{15s};
  group.repeats = chance_.happens(0.5) ? chance_.between(3min, 6min) : Time{4h};
  plan_.groups.push_back(std::move(group));
  return plan_.groups.size() - 1;
}

// Much begins at once.
void Drawing::draw_burst() {
  const Time begins = chance_.between(1min, 80min);
  const std::uint64_t count = 5 + chance_.below(6);
  const Time width = chance_.between(5s, 150s);
  const bool is_one_tree = chance_.happens(0.7);
  for (std::uint64_t one = 0; one < count; ++one) {
    const std::uint64_t group = add_group(is_one_tree ? "queue" : correlated_services[chance_.below(8)]);
    const Time at = begins + chance_.between(0ns, chance_.happens(0.8) ? width : 5min);
    add(at, ActionKind::alert_fires, group, 0);
    if (chance_.happens(0.3)) add(at + chance_.between(5s, 6min), ActionKind::severity_rises, group, 0);
    if (chance_.happens(0.85)) add(at + chance_.between(20s, 20min), ActionKind::alert_ends, group, 0);
  }
}

// A parent fails, and what depends on it: before, after, or not at all.
void Drawing::draw_cascade() {
  const Time begins = chance_.between(1min, 80min);
  const bool is_deep = chance_.happens(0.4);
  const std::uint64_t parent = add_group(is_deep ? "net" : "db");
  add(begins, ActionKind::alert_fires, parent, 0);
  const Time ends = begins + chance_.between(30s, chance_.happens(0.8) ? 15min : 100min);
  if (chance_.happens(0.9)) add(ends, ActionKind::alert_ends, parent, 0);
  if (chance_.happens(0.3)) add(ends + chance_.between(10s, 4min), ActionKind::alert_fires, parent, 0);
  if (chance_.happens(0.25)) {
    const std::uint64_t service = is_deep ? 5 : 4;
    const Time length = chance_.happens(0.5) ? chance_.between(70min, 100min) : chance_.between(2min, 20min);
    add(begins - chance_.between(1s, 1min), ActionKind::silence_set, service, chance_.below(2) * 2, length);
  }
  constexpr std::array<std::size_t, 5> behind{0, 1, 3, 4, 6};
  const std::uint64_t count = 1 + chance_.below(4);
  for (std::uint64_t one = 0; one < count; ++one) {
    const std::uint64_t child = add_group(correlated_services[behind.at(chance_.below(behind.size()))]);
    Time at = begins + chance_.between(1s, chance_.happens(0.6) ? 2min : 30min);
    if (chance_.happens(0.4))
      at = begins - chance_.between(0ns, std::min<Time>(begins, chance_.happens(0.5) ? 30s : 7min));
    add(at, ActionKind::alert_fires, child, 0);
    if (chance_.happens(0.7)) add(at + chance_.between(30s, 40min), ActionKind::alert_ends, child, 0);
  }
}

void Drawing::draw_flapping() {
  const std::uint64_t group = add_group(correlated_services[chance_.below(correlated_services.size())]);
  plan_.groups.back().form = SenderForm::webhook;
  plan_.groups.back().interval = 5s;
  Time at = chance_.between(1min, 90min);
  const std::uint64_t changes = 3 + chance_.below(12);
  for (std::uint64_t change = 0; change < changes && at < faulty_for; ++change) {
    add(at, change % 2 == 0 ? ActionKind::alert_fires : ActionKind::alert_ends, group, 0);
    at += chance_.happens(0.85) ? chance_.between(12s, 100s) : chance_.between(100s, 9min);
  }
}

void Drawing::draw_silences() {
  now_and_then(0.6, 12min, [this](Time at) {
    const std::uint64_t what = chance_.below(3);
    const auto of = static_cast<SilenceOf>(what);
    const std::uint64_t subject =
        of == SilenceOf::alertname ? chance_.below(plan_.groups.size()) : chance_.below(correlated_services.size());
    const std::uint64_t later = chance_.happens(0.2) ? 1 + chance_.below(15) : 0;
    const Time length = chance_.happens(0.85) ? chance_.between(30s, 15min) : chance_.between(15min, 90min);
    add(at, ActionKind::silence_set, subject, what + 3 * later, length);
    if (chance_.happens(0.3)) add(at + chance_.between(5s, 10min), ActionKind::silence_ends, 0, chance_.below(4));
  });
}

bool& plans_correlate() {
  static bool correlate = false;
  return correlate;
}

void Drawing::draw_correlation() {
  plan_.correlated = plans_correlate();
  if (!plan_.correlated) return;
  plan_.hearts = chance_.happens(0.3);
  for (GroupPlan& group : plan_.groups) {
    if (chance_.happens(0.7)) group.service = correlated_services[chance_.below(correlated_services.size())];
  }
  while (chance_.happens(0.35)) draw_burst();
  while (chance_.happens(0.5)) draw_cascade();
  while (chance_.happens(0.35)) draw_flapping();
  draw_silences();
  now_and_then(
      0.25, 30min, [this](Time at) { add(at, ActionKind::batch_refused, chance_.below(plan_.groups.size())); });
  if (!plan_.hearts) return;
  for (const auto& [by_alert, every] : {std::pair{0U, Time{10min}}, std::pair{1U, Time{2min}}}) {
    for (Time at = chance_.between(1s, 2min); at < faulty_for; at += every - chance_.between(0s, 50s)) {
      if (chance_.happens(0.03)) at += chance_.between(1min, 15min);  // it stays away
      add(at, ActionKind::beat, 0, by_alert);
    }
  }
}

// Providers that are busy, hang, are dead for hours or answer late, those before them and behind them, too; and what
// people write, who are asked nothing.
void Drawing::draw_reaching() {
  plan_.reaching = chance_.happens(0.4);
  if (!plan_.reaching) return;
  constexpr std::uint64_t sites = 6;
  static constexpr std::array flaky{
      Mood::busy, Mood::mute, Mood::unreachable, Mood::tardy, Mood::slow, Mood::drops, Mood::drops, Mood::refuses};
  for (std::uint64_t site = 0; site < sites; ++site) {
    now_and_then(0.35, 9min, [this, site](Time at) {
      const auto mood = static_cast<std::uint64_t>(flaky.at(chance_.below(flaky.size())));
      add(at, ActionKind::mood, site, mood, chance_.between(10s, chance_.happens(0.7) ? 3min : 20min));
    });
  }
  if (chance_.happens(0.3)) {
    const Time at = chance_.between(0ns, 60min);
    const Mood dead = chance_.happens(0.5) ? Mood::unreachable : Mood::mute;
    add(at, ActionKind::mood, chance_.below(sites), static_cast<std::uint64_t>(dead), faulty_for);
  }
  now_and_then(0.6, 9min, [this](Time at) {
    add(at, ActionKind::reply_comes, chance_.below(person_count), chance_.below(reply_kinds));
  });
  now_and_then(0.4, 15min, [this](Time at) {
    const std::uint64_t person = chance_.below(person_count);
    add(at, ActionKind::test_page, person);
    if (chance_.happens(0.3)) add(at + chance_.between(1s, 2min), ActionKind::test_page, person);
  });
  now_and_then(0.4, 10min, [this](Time at) {
    add(at, ActionKind::updates_wanted, chance_.below(person_count), chance_.below(4) == 0 ? 1 : 0);
  });
  now_and_then(0.4, 7min, [this](Time at) { add(at, ActionKind::update_written, chance_.below(person_count)); });
}

Plan Drawing::draw() {
  plan_.tight_budget = chance_.happens(0.3);
  plan_.small_backlog = chance_.happens(0.3);
  plan_.one_thread = chance_.happens(0.5);
  if (chance_.happens(0.12)) {
    draw_dense_groups();
  } else {
    draw_groups();
  }
  draw_daemon_faults();
  draw_disk_faults();
  draw_world_faults();
  draw_people();
  chance_ = chances_.of("correlation");  // what is drawn above stays as it is
  draw_correlation();
  chance_ = chances_.of("reaching");
  draw_reaching();
  std::stable_sort(plan_.actions.begin(), plan_.actions.end(), [](const Action& left, const Action& right) {
    return left.at < right.at;
  });
  return std::move(plan_);
}

std::string in_seconds(Time time) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(time).count());
}

std::string about(const Action& action) {
  const auto subject = static_cast<std::size_t>(action.subject);
  const auto object = static_cast<std::size_t>(action.object);
  switch (action.kind) {
    case ActionKind::alert_fires:
    case ActionKind::alert_ends:
    case ActionKind::severity_rises:
      return fmt::format("Alert{}/{}", subject, object);
    case ActionKind::sender_dies:
      return fmt::format("of Alert{} for {}{}", subject, in_seconds(action.length), object == 1 ? ", forgetting" : "");
    case ActionKind::crash: {
      constexpr std::array words{"nothing", "everything", "a part"};
      return fmt::format(
          "{} of what was not synced is kept, away for {}", words.at(object % 3), in_seconds(action.length));
    }
    case ActionKind::crash_at:
      return fmt::format("{}, passage {}, away for {}",
                         name_of(static_cast<Place>(subject % places)),
                         object,
                         in_seconds(action.length));
    case ActionKind::stall_at:
      return fmt::format(
          "{}, passage {}, for {}", name_of(static_cast<Place>(subject % places)), object, in_seconds(action.length));
    case ActionKind::stall:
      return fmt::format(
          "of {} for {}", subject == 0 ? "the engine" : "the first I/O thread", in_seconds(action.length));
    case ActionKind::upgrade:
      return fmt::format("{}{}, away for {}",
                         object == 1 ? "killed" : "stopped",
                         subject == 1 ? ", another policy" : "",
                         in_seconds(action.length));
    case ActionKind::pause:
      return fmt::format("of {} for {}", object == 1 ? "the machine" : "the process", in_seconds(action.length));
    case ActionKind::wall_drift:
      return fmt::format("{} parts in a million", static_cast<std::int64_t>(action.object));
    case ActionKind::disk_full:
      return fmt::format(
          "for {}{}", in_seconds(action.length), object > 0 ? fmt::format(", again after {} rows", object) : "");
    case ActionKind::disk_fails:
      return fmt::format(
          "{}, the bytes are {}there", (object & 2U) != 0 ? "nobody knows" : "EIO", (object & 1U) != 0 ? "" : "not ");
    case ActionKind::mood:
      return fmt::format(
          "provider {} {} for {}", subject, name_of(static_cast<Mood>(object % moods)), in_seconds(action.length));
    case ActionKind::reload:
    case ActionKind::reload_mistaken:
      return object == 1 ? "over HTTP" : "by signal";
    case ActionKind::person_acts:
      return fmt::format("{} {}",
                         people.at(subject % people.size()),
                         object <= static_cast<std::size_t>(Verb::note) ? name_of(static_cast<Verb>(object))
                                                                        : "names an incident that does not exist");
    case ActionKind::stop:
    case ActionKind::wall_step:
    case ActionKind::disk_slow:
      return in_seconds(action.length);
    case ActionKind::silence_set: {
      const auto of = static_cast<SilenceOf>(object % 3);
      return fmt::format("{} for {}{}",
                         of == SilenceOf::alertname
                             ? fmt::format("of Alert{}", subject)
                             : fmt::format("{} of {}",
                                           of == SilenceOf::service ? "" : "maintenance",
                                           correlated_services.at(subject % correlated_services.size())),
                         in_seconds(action.length),
                         object >= 3 ? fmt::format(", in {} min", object / 3) : "");
    }
    case ActionKind::silence_ends:
      return fmt::format("the {}th", object + 1);
    case ActionKind::beat:
      return object == 1 ? alert_that_beats : heartbeat_by_http;
    case ActionKind::batch_refused:
      return fmt::format("of Alert{}", subject);
    case ActionKind::reply_comes:
      return fmt::format("{} writes: {}", people.at(subject % people.size()), reply_names.at(object % reply_kinds));
    case ActionKind::test_page:
      return fmt::format("to {}", people.at(subject % people.size()));
    case ActionKind::update_written:
      return fmt::format("by {}", people.at(subject % people.size()));
    case ActionKind::updates_wanted:
      return fmt::format("{} by {}", object == 1 ? "no longer" : "from now on", people.at(subject % people.size()));
    case ActionKind::snapshot:
    case ActionKind::snapshot_fails:
    case ActionKind::snapshot_damaged:
    case ActionKind::look:
      return "";
  }
  return "";
}

}  // namespace

void let_plans_correlate() {
  plans_correlate() = true;
}

Plan draw_plan(std::uint64_t seed) {
  return Drawing{seed}.draw();
}

std::string_view name_of(ActionKind kind) {
  return action_names.at(static_cast<std::size_t>(kind));
}

std::string_view name_of(Place place) {
  return place_names.at(static_cast<std::size_t>(place));
}

std::string_view name_of(Mood mood) {
  return mood_names.at(static_cast<std::size_t>(mood));
}

std::string print(const Action& action) {
  return fmt::format("{}  {:<16} {}", print_time(action.at), name_of(action.kind), about(action));
}

}  // namespace simulation
