#include "tests/simulation/run.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "daemon/recovery.hpp"
#include "rules/moment.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/team.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t most_entries = 20'000'000;  // an ordinary run has some ten thousands
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

std::unique_ptr<journal::MemoryJournal> new_store(Chance chance) {
  journal::StoreId id{};
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(chance.next());
  return std::make_unique<journal::MemoryJournal>(id);
}

bool has(const Plan& plan, ActionKind kind) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [kind](const Action& one) { return one.kind == kind; });
}

bool changes_policy(const Plan& plan) {
  return has(plan, ActionKind::reload) || std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& one) {
           return one.kind == ActionKind::upgrade && one.subject == 1;
         });
}

class World {
 public:
  explicit World(const Plan& plan);
  RunResult run(const RunOptions& options);

 private:
  void add_site(const std::string& channel, std::uint32_t index, bool honours_keys);
  void start_daemon();
  void ended(Time away);
  void act(const Action& action);
  [[nodiscard]] bool befalls_alerts(const Action& action);
  [[nodiscard]] bool befalls_process(const Action& action);
  [[nodiscard]] bool befalls_rest(const Action& action);
  bool load_anew(bool over_http);
  bool look_around();
  bool silence(const Action& action);
  bool beat(bool by_alert);
  void faults_over();
  [[nodiscard]] bool is_drained() const;
  void count();

  const Plan& plan_;
  Chances chances_;
  Agenda agenda_;
  std::array<std::shared_ptr<const rules::Policy>, 2> policies_;
  std::size_t policy_{};      // that the file has
  std::uint64_t mistaken_{};  // loads to come that find a mistaken file
  std::uint32_t version_{};   // of the daemon that is started next
  std::unique_ptr<journal::MemoryJournal> store_;
  Observers observers_;
  Trace trace_;
  SteppedClock clock_;
  DiskWeather disk_;
  std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<ProviderSite>> sites_;
  std::vector<ProviderSite*> sites_in_order_;  // as actions number them
  Coverage coverage_;
  Process process_;
  std::uint64_t last_request_{};
  std::uint64_t start_number_{};
  People people_;
  std::vector<std::unique_ptr<Sender>> senders_;
  bool is_quiet_{};
};

World::World(const Plan& plan)
    : plan_{plan},
      chances_{plan.seed},
      policies_{make_policy({.tight_budget = plan.tight_budget,
                             .reloaded = false,
                             .correlated = plan.correlated,
                             .hearts = plan.hearts,
                             .reaching = plan.reaching}),
                make_policy({.tight_budget = plan.tight_budget,
                             .reloaded = changes_policy(plan),
                             .correlated = plan.correlated,
                             .hearts = plan.hearts,
                             .reaching = plan.reaching})},
      store_{new_store(chances_.of("store"))},
      observers_{roused::new_state(store_->store_id(), 0)},
      trace_{agenda_, observers_},
      clock_{agenda_, epoch},
      process_{Process::Surroundings{
                   .agenda = agenda_,
                   .chances = chances_,
                   .clock = clock_,
                   .trace = trace_,
                   .disk = disk_,
                   .make_provider =
                       [this](const std::string& channel, std::uint32_t index, ProcessLife life) {
                         return std::make_unique<Provider>(*sites_.at({channel, index}), std::move(life));
                       },
                   .load = [this]() -> tl::expected<roused::InForce, std::string> {
                     if (mistaken_ > 0) {
                       --mistaken_;
                       return tl::unexpected{mistakes()};
                     }
                     return roused::InForce{.policy = policies_.at(policy_), .settings = team({}).settings, .tls = {}};
                   },
                   .ended = [this](Time away) { ended(away); },
                   .crashed_at = [this](Place place) { ++coverage_.crashes.at(static_cast<std::size_t>(place)); }},
               ProcessOptions{.one_thread = plan.one_thread, .small_backlog = plan.small_backlog},
               std::move(store_)},
      people_{agenda_, chances_, process_, last_request_, plan.people_react, plan.reaching} {
  add_site("sms", 0, !plan.reaching);
  add_site("sms", 1, true);
  add_site("voice", 0, false);
  if (plan.reaching) {
    add_site("sms", 2, false);
    add_site("voice", 1, false);
    add_site("slack", 0, true);
  }
  people_.on_verb = [this](Verb verb) { ++coverage_.verbs[std::string{name_of(verb)}]; };
  for (std::size_t group = 0; group < plan.groups.size(); ++group) {
    senders_.push_back(make_sender(agenda_, chances_, process_, last_request_, epoch, group, plan.groups[group]));
  }
}

void World::add_site(const std::string& channel, std::uint32_t index, bool honours_keys) {
  auto site = std::make_unique<ProviderSite>(
      agenda_,
      chances_,
      trace_,
      ProviderSite::Place{
          .number = sites_in_order_.size() + 1, .channel = channel, .index = index, .honours_keys = honours_keys});
  site->on_ring = [this](const rules::Send& send) { people_.hear(send); };
  site->on_try = [this](Mood mood) { ++coverage_.tries.at(static_cast<std::size_t>(mood)); };
  // Who tells apart what it is given twice has no need to be asked, and tells nothing later.
  if (plan_.reaching && !honours_keys) {
    site->on_word = [this](rules::DeliveryReported word) { (void)process_.tell(std::move(word)); };
  }
  sites_in_order_.push_back(site.get());
  sites_[{channel, index}] = std::move(site);
}

// ---- whoever keeps the daemon running

void World::start_daemon() {
  ++start_number_;
  process_.start(policies_.at(policy_), version_);
}

void World::ended(Time away) {
  agenda_.after(is_quiet_ ? std::min<Time>(away, 1s) : away, [this, number = start_number_] {
    if (number == start_number_) start_daemon();
  });
}

// ---- what happens

void World::act(const Action& action) {
  if (is_quiet_) return;
  if (!befalls_alerts(action) && !befalls_process(action) && !befalls_rest(action)) return;
  ++coverage_.happened.at(static_cast<std::size_t>(action.kind));
  const bool is_ordinary = action.kind <= ActionKind::severity_rises;
  if (!is_ordinary) trace_.add(Remark{print(action)});
}

bool World::befalls_alerts(const Action& action) {
  if (action.kind > ActionKind::sender_dies || action.subject >= senders_.size()) return false;
  Sender& sender = *senders_[action.subject];
  const auto member = static_cast<unsigned>(action.object);
  switch (action.kind) {
    case ActionKind::alert_fires:
      return sender.fire(member);
    case ActionKind::alert_ends:
      return sender.end(member);
    case ActionKind::severity_rises:
      return sender.rise(member);
    default:
      sender.die(action.length, action.object == 1);
      return true;
  }
}

bool World::befalls_process(const Action& action) {
  switch (action.kind) {
    case ActionKind::crash:
      return process_.crash(static_cast<Disk::Unsynced>(action.object % 3), "killed", action.length);
    case ActionKind::crash_at:
      process_.arm_crash(static_cast<Place>(action.subject % places), action.object, action.length);
      return true;
    case ActionKind::stall_at:
      process_.arm_stall(static_cast<Place>(action.subject % places), action.object, action.length);
      return true;
    case ActionKind::stop:
      return process_.stop(action.length);
    case ActionKind::upgrade: {
      const bool does = action.object == 1
                            ? process_.crash(Disk::Unsynced::any, "killed for another version", action.length)
                            : process_.stop(action.length);
      if (!does) return false;
      version_ = 1 - version_;
      if (action.subject == 1) policy_ = 1 - policy_;
      return true;
    }
    case ActionKind::pause:
      return process_.pause(action.length, action.object == 1);
    case ActionKind::stall:
      return process_.stall(action.subject == 1, action.length);
    case ActionKind::snapshot:
      return process_.snapshot();
    case ActionKind::snapshot_damaged:
      return process_.damage_snapshot();
    case ActionKind::reload:
      policy_ = 1 - policy_;
      return load_anew(action.object == 1);
    case ActionKind::reload_mistaken:
      mistaken_ = 1;
      agenda_.after(2s, [this] { mistaken_ = 0; });
      return load_anew(action.object == 1);
    default:
      return false;
  }
}

bool World::befalls_rest(const Action& action) {
  switch (action.kind) {
    case ActionKind::wall_step: {
      const auto by = std::chrono::floor<rules::Duration>(action.length);
      clock_.step(by);
      trace_.add(WallStepped{by});
      return true;
    }
    case ActionKind::wall_drift:
      clock_.drift(static_cast<std::int64_t>(action.object));
      return true;
    case ActionKind::disk_full:
      ++disk_.full;
      agenda_.after(action.length, [this, action] {
        if (disk_.full == 0) return;  // the faults are over
        if (--disk_.full > 0) return;
        disk_.room_for = action.object;
        disk_.full_again_for = action.length / 2;
      });
      return true;
    case ActionKind::disk_slow:
      ++disk_.slow;
      agenda_.after(action.length, [this] { disk_.slow = std::max(disk_.slow - 1, 0); });
      return true;
    case ActionKind::disk_fails:
      disk_.fails_next = true;
      disk_.failure = (action.object & 2U) != 0 ? journal::Outcome::unknown : journal::Outcome::failed;
      disk_.is_written_all_the_same = (action.object & 1U) != 0;
      return true;
    case ActionKind::snapshot_fails:
      disk_.snapshot_fails_next = true;
      return true;
    case ActionKind::mood:
      sites_in_order_.at(action.subject % sites_in_order_.size())
          ->be(static_cast<Mood>(action.object % moods), action.length);
      return true;
    case ActionKind::look:
      return look_around();
    case ActionKind::person_acts:
      return people_.do_something(action.subject, action.object);
    case ActionKind::reply_comes:
      return people_.write(action.subject, static_cast<ReplyOf>(action.object % reply_kinds));
    case ActionKind::test_page:
      return process_.tell(rules::TestPage{.who = people.at(action.subject % people.size()), .by = "ann"});
    case ActionKind::update_written:
      return people_.update(action.subject);
    case ActionKind::updates_wanted:
      return people_.follow(action.subject, action.object != 1);
    case ActionKind::silence_set:
      return silence(action);
    case ActionKind::silence_ends:
      return process_.end_silence(action.object);
    case ActionKind::beat:
      return beat(action.object == 1);
    case ActionKind::batch_refused:
      if (action.subject >= senders_.size()) return false;
      senders_[action.subject]->babble();
      return true;
    default:
      return false;
  }
}

bool World::load_anew(bool over_http) {
  if (!process_.is_up()) return false;
  if (!over_http) return process_.reload_by_signal();
  Question question;
  question.method = "POST";
  question.path = "/-/reload";
  question.peer = "127.0.0.1";
  question.request = ++last_request_;
  question.is_listened_to = true;
  process_.ask(std::move(question), 30s, [](std::optional<int>) {});
  return true;
}

bool World::silence(const Action& action) {
  const auto of = static_cast<SilenceOf>(action.object % 3);
  rules::SilenceSet set;
  std::string name = "service";
  std::string value = correlated_services.at(action.subject % correlated_services.size());
  if (of == SilenceOf::alertname) {
    name = "alertname";
    value = fmt::format("Alert{}", action.subject);
  }
  set.kind = of == SilenceOf::maintenance ? rules::SilenceKind::maintenance : rules::SilenceKind::silence;
  set.matchers = {*rules::Matcher::make(name, rules::MatchOperator::equal, value)};
  set.from = clock_.read().wall + std::chrono::minutes{action.object / 3};
  set.to = set.from + std::chrono::floor<rules::Duration>(action.length);
  set.by = "ann";
  set.comment = "simulated";
  return process_.tell(std::move(set));
}

bool World::beat(bool by_alert) {
  if (!process_.is_up()) return false;
  Question question;
  question.method = "POST";
  question.peer = "127.0.3.1";
  question.request = ++last_request_;
  if (by_alert) {
    question.path = "/v1/alerts/alertmanager";
    question.body = fmt::format(
        R"({{"receiver":"rouse","status":"firing","version":"4","groupKey":"beats","truncatedAlerts":0,"alerts":[)"
        R"({{"status":"firing","labels":{{"alertname":"{}","severity":"none"}},"annotations":{{}},)"
        R"("startsAt":"2026-09-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":""}}]}})",
        alert_that_beats);
  } else {
    question.path = fmt::format("/v1/heartbeats/{}", heartbeat_by_http);
  }
  process_.ask(std::move(question), 30s, [](std::optional<int>) {});
  return true;
}

bool World::look_around() {
  if (!process_.is_up()) return false;
  for (const auto& [path, query] : {std::pair{"/v1/incidents", "state=all&alerts=true"},
                                    std::pair{"/v1/incidents/R-1", ""},
                                    std::pair{"/v1/incidents/R-9999", ""},
                                    std::pair{"/v1/oncall", ""},
                                    std::pair{"/metrics", ""},
                                    std::pair{"/-/ready", ""},
                                    std::pair{"/-/reload", "dry_run=true"},
                                    std::pair{"/api/v2/status", ""}}) {
    Question question;
    question.method = std::string_view{path} == "/-/reload" ? "POST" : "GET";
    question.path = path;
    question.query = query;
    question.peer = "127.0.0.1";
    question.request = ++last_request_;
    question.is_listened_to = true;
    process_.ask(std::move(question), 30s, [](std::optional<int>) {});
  }
  return true;
}

void World::faults_over() {
  is_quiet_ = true;
  disk_ = DiskWeather{};
  process_.disarm();
  for (const auto& [name, site] : sites_) site->be_well();
  people_.fall_asleep();
  trace_.add(FaultsOver{});
  if (!process_.exists()) start_daemon();
}

bool World::is_drained() const {
  return process_.is_idle() && people_.unfinished() == 0 &&
         std::all_of(senders_.begin(), senders_.end(), [](const auto& sender) { return sender->is_settled(); });
}

// ---- a run

RunResult World::run(const RunOptions& options) {
  RunResult result;
  for (const Action& action : plan_.actions) {
    agenda_.at(action.at, [this, &action] { act(action); });
  }
  start_daemon();
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
      process_.crash(Disk::Unsynced::lost, "killed at the end", 100ms);
      go_to(agenda_.now() + 10s);
    }
  }
  count();
  result.violation = observers_.violation();
  result.figures = observers_.figures();
  result.coverage = coverage_;
  result.simulated = agenda_.now();
  if (options.keep_rows || result.violation) result.rows = trace_.rows();
  return result;
}

// What is counted from the trace.
void World::count() {
  constexpr std::array outcomes{"accepted", "refused", "transient", "unanswered", "withdrawn"};
  std::uint64_t incidents = 0;
  std::uint64_t passed_over = 0;
  for (const Row& row : trace_.rows()) {
    if (const auto* answered = std::get_if<Answered>(&row.what)) {
      ++coverage_.statuses[answered->status];
    } else if (std::holds_alternative<ReportsCame>(row.what) || std::holds_alternative<VerbCame>(row.what)) {
      ++coverage_.requests;
    } else if (std::holds_alternative<Unanswered>(row.what)) {
      ++coverage_.broken_requests;
    } else if (const auto* ended = std::get_if<TryEnded>(&row.what)) {
      ++coverage_.outcomes[outcomes.at(static_cast<std::size_t>(ended->outcome))];
    } else if (const auto* committed = std::get_if<Committed>(&row.what)) {
      for (const codec::StampedEvent& one : *committed->events) {
        const auto* sent = std::get_if<rules::SendEnded>(&one.event);
        if (sent != nullptr && sent->detail.starts_with("its circuit is open")) ++passed_over;
      }
    } else if (const auto* reached = std::get_if<Reached>(&row.what)) {
      ++coverage_.messages_rung;
      for (const rules::PageFacts& page : reached->send->pages) {
        ++coverage_.reasons[std::string{rules::to_text(page.reason)}];
        if (page.incident.id.value < 100'000) incidents = std::max(incidents, page.incident.id.value);
      }
    } else if (const auto* started = std::get_if<DaemonStarted>(&row.what)) {
      ++coverage_.starts;
      for (const rules::IncidentView& incident : started->list->incidents) {
        incidents = std::max(incidents, incident.facts.id.value);
      }
    } else if (const auto* over = std::get_if<DaemonEnded>(&row.what)) {
      ++coverage_.ends[over->how];
    }
  }
  coverage_.holds = observers_.met();
  if (passed_over > 0) coverage_.holds["passed over: a circuit is open"] = passed_over;
  coverage_.incidents = incidents;  // they are numbered from 1
}

template <class Key>
void add_up(std::map<Key, std::uint64_t>& into, const std::map<Key, std::uint64_t>& from) {
  for (const auto& [key, count] : from) into[key] += count;
}

template <std::size_t Size>
void add_up(std::array<std::uint64_t, Size>& into, const std::array<std::uint64_t, Size>& from) {
  for (std::size_t index = 0; index < Size; ++index) into[index] += from[index];
}

}  // namespace

void Coverage::add(const Coverage& other) {
  incidents += other.incidents;
  requests += other.requests;
  broken_requests += other.broken_requests;
  starts += other.starts;
  messages_rung += other.messages_rung;
  add_up(happened, other.happened);
  add_up(crashes, other.crashes);
  add_up(tries, other.tries);
  add_up(reasons, other.reasons);
  add_up(outcomes, other.outcomes);
  add_up(verbs, other.verbs);
  add_up(ends, other.ends);
  add_up(statuses, other.statuses);
  add_up(holds, other.holds);
}

std::uint64_t Coverage::faults() const {
  std::uint64_t all = 0;
  for (std::size_t kind = static_cast<std::size_t>(ActionKind::sender_dies);
       kind < static_cast<std::size_t>(ActionKind::look);
       ++kind) {
    const bool is_armed_only = kind == static_cast<std::size_t>(ActionKind::crash_at) ||
                               kind == static_cast<std::size_t>(ActionKind::stall_at);
    if (!is_armed_only) all += happened.at(kind);
  }
  for (const std::uint64_t at_place : crashes) all += at_place;
  return all;
}

RunResult run(const Plan& plan, const RunOptions& options) {
  return World{plan}.run(options);
}

RunResult run(std::uint64_t seed, const RunOptions& options) {
  return run(draw_plan(seed), options);
}

}  // namespace simulation
