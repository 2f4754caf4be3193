#include "tests/simulation/run.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "daemon/recovery.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/team.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr Time faulty_for = 110min;
constexpr Time quiet_for = 35min;
constexpr std::uint64_t most_entries = 2'000'000;  // an ordinary run has some thousands
constexpr Time drains_within = 10min;
constexpr rules::Instant epoch{std::chrono::seconds{1'789'552'800}};  // a Wednesday of September 2026, 10:00 UTC

class Provider final : public channels::Provider {
 public:
  Provider(ProviderSite& site, ProcessLife life) : site_{site}, life_{std::move(life)} {}
  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(channels::TryResult)> done) override {
    site_.attempt(send, limit, life_, std::move(may_leave), std::move(done));
  }
  [[nodiscard]] bool honours_keys() const override { return site_.honours_keys(); }

 private:
  ProviderSite& site_;
  ProcessLife life_;
};

// What this seed is about: no run has every fault, so that each can be seen alone.
struct Weather {
  bool crashes{};
  bool awkward{};
  bool pauses{};
  bool wall_steps{};
  bool disk_full{};
  bool disk_slow{};
  bool disk_fails{};
  bool providers{};
  bool reloads{};
  bool snapshots{};
};

Weather draw_weather(Chance& chance) {
  return Weather{.crashes = chance.happens(0.6),
                 .awkward = chance.happens(0.5),
                 .pauses = chance.happens(0.3),
                 .wall_steps = chance.happens(0.25),
                 .disk_full = chance.happens(0.2),
                 .disk_slow = chance.happens(0.2),
                 .disk_fails = chance.happens(0.15),
                 .providers = chance.happens(0.6),
                 .reloads = chance.happens(0.25),
                 .snapshots = chance.happens(0.4)};
}

class World {
 public:
  explicit World(std::uint64_t seed);
  RunResult run(const RunOptions& options);

 private:
  void start_daemon();
  void plan_alerts();
  void plan_faults();
  template <class Do>
  void now_and_then(bool at_all, Time mean, Do what);
  void a_crash();
  void a_mood();
  void faults_over();
  [[nodiscard]] bool is_drained() const;

  static std::unique_ptr<journal::MemoryJournal> new_store(Chance& chance) {
    journal::StoreId id{};
    for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(chance.next());
    return std::make_unique<journal::MemoryJournal>(id);
  }

  Chance chance_;
  Weather weather_;
  Agenda agenda_;
  std::array<std::shared_ptr<const rules::Policy>, 2> policies_;
  std::size_t policy_{};
  std::unique_ptr<journal::MemoryJournal> store_;
  Observers observers_;
  Trace trace_;
  SteppedClock clock_;
  DiskWeather disk_;
  Awkward awkward_;
  std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<ProviderSite>> sites_;
  Process process_;
  std::uint64_t last_request_{};
  People people_;
  std::vector<std::unique_ptr<Sender>> senders_;
  bool is_quiet_{};
};

const std::array<std::shared_ptr<const rules::Policy>, 4>& all_policies() {
  static const std::array<std::shared_ptr<const rules::Policy>, 4> policies{
      make_policy({.tight_budget = false, .reloaded = false}),
      make_policy({.tight_budget = false, .reloaded = true}),
      make_policy({.tight_budget = true, .reloaded = false}),
      make_policy({.tight_budget = true, .reloaded = true})};
  return policies;
}

std::array<std::shared_ptr<const rules::Policy>, 2> draw_policies(Chance& chance, const Weather& weather) {
  const std::size_t first = chance.happens(0.3) ? 2 : 0;
  return {all_policies().at(first), all_policies().at(weather.reloads ? first + 1 : first)};
}

World::World(std::uint64_t seed)
    : chance_{seed * 0x9E3779B97F4A7C15ULL + 1},
      weather_{draw_weather(chance_)},
      policies_{draw_policies(chance_, weather_)},
      store_{new_store(chance_)},
      observers_{roused::new_state(store_->store_id(), 0),
                 weather_.reloads ? std::vector{policies_[0], policies_[1]} : std::vector{policies_[0]}},
      trace_{agenda_, observers_},
      clock_{agenda_, epoch},
      process_{agenda_,
               chance_,
               clock_,
               trace_,
               disk_,
               awkward_,
               [this](const std::string& channel, std::uint32_t index, ProcessLife life) {
                 return std::make_unique<Provider>(*sites_.at({channel, index}), std::move(life));
               },
               std::move(store_)},
      people_{agenda_, chance_, process_, last_request_} {
  for (const auto& [channel, index, honours] :
       {std::tuple{"sms", 0U, true}, std::tuple{"sms", 1U, true}, std::tuple{"voice", 0U, false}}) {
    auto site = std::make_unique<ProviderSite>(agenda_, chance_, trace_, honours);
    site->on_ring = [this](const rules::Send& send) { people_.hear(send); };
    sites_[{channel, index}] = std::move(site);
  }
}

void World::start_daemon() {
  if (process_.is_up()) return;
  process_.start(policies_[policy_]);
}

// Ends now and then, in exponential distances.
template <class Do>
void World::now_and_then(bool at_all, Time mean, Do what) {
  if (!at_all) return;
  Time at{};
  for (;;) {
    // Close to exponential, from integers alone.
    Time gap = mean / 8;
    while (chance_.happens(0.85) && gap < mean * 6) gap += chance_.between(0ns, mean / 3);
    at += gap;
    if (at >= faulty_for) return;
    agenda_.at(at, [this, what] {
      if (!is_quiet_) what();
    });
  }
}

void World::plan_alerts() {
  const std::uint64_t groups = 2 + chance_.below(7);
  for (std::uint64_t number = 0; number < groups; ++number) {
    const std::string& service = services[chance_.below(services.size())];
    const unsigned members = 1 + static_cast<unsigned>(chance_.below(3));
    senders_.push_back(std::make_unique<Sender>(
        agenda_, chance_, process_, last_request_, epoch, fmt::format("Alert{}", number), service, members));
    Sender* const sender = senders_.back().get();
    for (unsigned member = 0; member < members; ++member) {
      Time at = chance_.between(1s, 70min);
      const std::uint64_t times = 1 + chance_.below(3);
      for (std::uint64_t time = 0; time < times && at < faulty_for; ++time) {
        agenda_.at(at, [sender, member] { sender->fire(member); });
        if (chance_.happens(0.2)) break;  // fires for ever
        at += chance_.happens(0.2) ? chance_.between(2s, 1min) : chance_.between(1min, 50min);
        agenda_.at(at, [sender, member] { sender->end(member); });
        at += chance_.happens(0.5) ? chance_.between(5s, 4min) : chance_.between(4min, 30min);
      }
    }
  }
}

void World::a_crash() {
  if (!process_.is_up()) return;
  const std::uint64_t kind = chance_.below(10);
  const Time away = kind < 6   ? chance_.between(100ms, 5s)
                    : kind < 9 ? chance_.between(5s, 2min)
                               : chance_.between(2min, 12min);
  if (chance_.happens(0.25)) {
    process_.stop();
  } else {
    process_.crash(Disk::Unsynced::any, "killed");
  }
  if (away > 5s) {
    // The one that keeps it running starts it later.
    is_quiet_ = false;
  }
  agenda_.after(away, [this] { start_daemon(); });
}

void World::a_mood() {
  const std::uint64_t which = chance_.below(4);
  const auto mood = static_cast<Mood>(1 + chance_.below(5));
  const Time length = chance_.happens(0.7) ? chance_.between(2s, 60s) : chance_.between(1min, 10min);
  std::size_t index = 0;
  for (const auto& [name, site] : sites_) {
    if (which == 3 || index == which) {
      site->be(mood);
      agenda_.after(length, [provider = site.get()] { provider->be(Mood::works); });
    }
    ++index;
  }
}

void World::plan_faults() {
  if (weather_.awkward) {
    awkward_ = Awkward{.between_append_and_result = 0.01,
                       .between_commit_and_apply = 0.01,
                       .between_apply_and_release = 0.01,
                       .between_send_and_outcome = 0.03,
                       .stuck_thread = 0.002};
  }
  now_and_then(weather_.crashes, 12min, [this] { a_crash(); });
  now_and_then(weather_.pauses, 10min, [this] {
    process_.pause(chance_.happens(0.8) ? chance_.between(10ms, 8s) : chance_.between(8s, 3min));
  });
  now_and_then(weather_.wall_steps, 20min, [this] {
    const bool far = chance_.happens(0.4);
    const Time by = far ? chance_.between(1min, 2h) : chance_.between(100ms, 10s);
    const auto step = std::chrono::floor<rules::Duration>(by);
    const rules::Duration signed_step = chance_.happens(0.5) ? step : -step;
    clock_.step(signed_step);
    trace_.add(WallStepped{signed_step});
  });
  now_and_then(weather_.disk_full, 20min, [this] {
    disk_.full = true;
    agenda_.after(chance_.between(2s, 3min), [this] { disk_.full = false; });
  });
  now_and_then(weather_.disk_slow, 15min, [this] {
    disk_.slow = true;
    agenda_.after(chance_.between(1s, 40s), [this] { disk_.slow = false; });
  });
  now_and_then(weather_.disk_fails, 35min, [this] { disk_.fails_next = true; });
  now_and_then(weather_.providers, 6min, [this] { a_mood(); });
  now_and_then(weather_.reloads, 20min, [this] {
    policy_ = 1 - policy_;
    process_.reload(policies_[policy_]);
  });
  now_and_then(weather_.snapshots, 12min, [this] { process_.snapshot(); });
}

void World::faults_over() {
  is_quiet_ = true;
  awkward_ = Awkward{};
  disk_ = DiskWeather{};
  for (const auto& [name, site] : sites_) site->be(Mood::works);
  people_.fall_asleep();
  trace_.add(FaultsOver{});
  if (!process_.is_up()) start_daemon();
}

bool World::is_drained() const {
  if (!process_.is_idle() || people_.unfinished() > 0) return false;
  for (const std::unique_ptr<Sender>& sender : senders_) {
    if (!sender->is_settled()) return false;
  }
  return true;
}

RunResult World::run(const RunOptions& options) {
  RunResult result;
  plan_alerts();
  plan_faults();
  start_daemon();
  // A supervisor: whatever ended the daemon, it comes up again.
  const auto supervise = [this](const auto& self) -> void {
    if (!process_.is_up() && (is_quiet_ || chance_.happens(0.3))) start_daemon();
    agenda_.after(10s, [self] { self(self); });
  };
  agenda_.after(10s, [supervise] { supervise(supervise); });
  agenda_.at(faulty_for, [this] { faults_over(); });
  const Time last = faulty_for + quiet_for;
  const Time end = options.until ? std::min(*options.until, last) : last;
  const auto go_to = [&](Time until) {
    while (!observers_.violation() && result.entries < most_entries && agenda_.step(until)) ++result.entries;
    if (result.entries >= most_entries) observers_.complain("I9", "the daemon turns without end");
  };
  go_to(end);
  if (!observers_.violation() && end == last) {
    // Paging goes on for what nobody acknowledges: drained is an instant at which nothing is under way.
    while (!observers_.violation() && !is_drained() && agenda_.now() < last + drains_within) {
      if (!agenda_.step(last + drains_within)) break;
      ++result.entries;
    }
    observers_.finish(is_drained());
    if (!observers_.violation() && process_.is_up()) {
      // One more start, for what must be known after it.
      process_.crash(Disk::Unsynced::lost, "killed at the end");
      start_daemon();
    }
  }
  result.violation = observers_.violation();
  result.figures = observers_.figures();
  result.simulated = agenda_.now();
  if (options.keep_rows || result.violation) result.rows = trace_.rows();
  return result;
}

}  // namespace

RunResult run(std::uint64_t seed, const RunOptions& options) {
  return World{seed}.run(options);
}

}  // namespace simulation
