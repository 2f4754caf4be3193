#include "tests/simulation/process.hpp"

#include <algorithm>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t handlers_a_turn = 32;
constexpr Time drain_limit = 10s;  // for requests in flight at the end
constexpr Time send_limit = 16s;   // for sends in flight
constexpr Time kill_after = 30s;   // a service manager's patience with a stop
constexpr Time snapshot_pace = 10s;
constexpr Time told_lately = 30min;

}  // namespace

Process::Process(Surroundings surroundings, ProcessOptions options, std::unique_ptr<journal::MemoryJournal> rows)
    : around_{std::move(surroundings)},
      options_{options},
      jitter_{around_.agenda, around_.chances},
      rows_{std::move(rows)},
      answers_get_lost_{around_.chances.of("answers get lost").happens(0.3)} {}

Process::~Process() {
  if (life_ != nullptr) life_->doomed = true;
}

// ---- coming and going

void Process::start(std::shared_ptr<const rules::Policy> policy, std::uint32_t version) {
  if (exists()) return;
  is_starting_ = true;
  Chance drawn = chance("recovery");
  const Time takes = drawn.happens(0.1) ? drawn.between(1s, 5s) : drawn.between(5ms, 400ms);
  const std::uint64_t number = ++start_number_;
  if (const std::optional<Armed> armed = pass(Place::in_recovery); armed && armed->is_crash) {
    around_.agenda.after(drawn.between(0ns, takes), [this, number, away = armed->length] {
      if (number != start_number_ || !is_starting_) return;
      is_starting_ = false;
      around_.trace.add(Remark{"killed in a recovery"});
      around_.ended(away);
    });
    return;
  }
  around_.agenda.after(takes, [this, number, version, policy = std::move(policy)] {
    if (number != start_number_ || !is_starting_) return;
    is_starting_ = false;
    come_up(policy, version);
  });
}

void Process::come_up(std::shared_ptr<const rules::Policy> policy, std::uint32_t version) {
  auto life = std::make_unique<Life>();
  life->number = ++lives_;
  Disk::Hooks hooks;
  hooks.begun = [this, number = life->number](Time ready_at) {
    around_.agenda.at(ready_at, [this, number] {
      if (is_this(number)) wake_journal();
    });
    const Time at_most = ready_at - around_.agenda.now();
    if (life_ != nullptr && std::exchange(life_->is_first_row_under_way, false)) {
      die_within(Place::before_first_row, at_most, "killed before its first row was on the disk");
    }
    die_within(Place::append_and_result, at_most, "killed between append and result");
  };
  hooks.dies_in_snapshot = [this] {
    return fate_at(Place::in_snapshot, engine_thread, Disk::Unsynced::any) == Fate::dies;
  };
  life->disk = std::make_unique<Disk>(
      std::move(rows_), version, around_.agenda, around_.chances, around_.trace, around_.disk, std::move(hooks));
  // Rows that the last life has not heard of: acknowledged to nobody, and there all the same.
  if (life->disk->last_sequence() > known_sequence_) {
    (void)life->disk->replay(known_sequence_ + 1, [&](const journal::Row& row) {
      tl::expected<std::vector<codec::StampedEvent>, std::string> events = codec::decode_batch(row.body);
      if (!events) return false;
      around_.trace.add(
          Committed{.sequence = row.sequence,
                    .found = true,
                    .events = std::make_shared<const std::vector<codec::StampedEvent>>(std::move(*events))});
      return true;
    });
  }
  tl::expected<roused::Recovered, std::string> recovered = roused::recover(*life->disk);
  tl::expected<roused::Recovered, std::string> again = roused::recover(*life->disk);
  if (!recovered || !again) {
    has_refused_ = true;
    rows_ = life->disk->crash(Disk::Unsynced::kept);
    around_.trace.add(RecoveryRefused{recovered ? again.error() : recovered.error()});
    return;
  }
  for (const std::string& complaint : recovered->complaints) say(complaint);
  const rules::IncidentFilter everything{
      .state = rules::StateFilter::all, .service = {}, .since = {}, .limit = 100'000, .after = {}, .alerts = true};
  around_.trace.add(DaemonStarted{
      .wall = around_.clock.read().wall,
      .list = std::make_shared<const rules::IncidentList>(rules::list_incidents(recovered->state, everything)),
      .sequence = recovered->sequence,
      .digest = codec::digest(recovered->state),
      .digest_again = codec::digest(again->state)});
  life_ = std::move(life);
  life_->is_first_row_under_way = true;
  const std::uint64_t seed = recovered->state.seed;
  make_engine(std::move(*recovered));
  life_->outbox = std::make_unique<outbox::Outbox>(
      around_.clock,
      jitter_,
      [this](const std::string& channel, std::uint32_t index) { return find_provider(channel, index); },
      [this](rules::SendEnded ended) {
        if (ended.outcome == rules::SendOutcome::refused) {
          around_.trace.add(Refused{.message = ended.message, .provider = ended.provider});
        }
        life_->fronts.front()->tell(std::move(ended));
      });
  life_->outbox->follow(policy->channels);
  life_->board.publish({.policy = policy, .settings = team({}).settings, .tls = {}});
  life_->metrics.reloaded(around_.clock.read().wall);
  for (std::size_t lane = 0; lane < life_->lanes.size(); ++lane) make_front(lane, seed);
  life_->engine->start(std::move(policy));
  roused::SnapshotOptions snapshots;
  snapshots.after_bytes = std::uint64_t{64} << 10;
  snapshots.keep_rows = 20min;
  life_->snapshotter = std::make_unique<roused::Snapshotter>(
      *life_->disk,
      around_.clock,
      snapshots,
      [this] { return life_->engine->applied_sequence(); },
      [this] { return life_->engine->journaled_bytes(); },
      [this](const std::string& complaint) { say(complaint); });
  const auto look = [this, number = life_->number](const auto& self) -> void {
    if (!is_this(number)) return;
    if (around_.agenda.now() >= life_->paused_until) life_->snapshotter->look();
    around_.agenda.after(snapshot_pace, [self] { self(self); });
  };
  around_.agenda.after(snapshot_pace, [look] { look(look); });
  plan_step(0, 0ns);
  if (!is_inline()) plan_step(engine_thread, 0ns);
}

void Process::make_engine(roused::Recovered recovered) {
  // Small rings, so that they are full now and then.
  const roused::LaneSizes sizes{.report_slots = 16,
                                .report_bytes = std::size_t{1} << 20,
                                .people_slots = 64,
                                .people_bytes = std::size_t{1} << 20,
                                .command_slots = 8};
  std::vector<roused::Lane*> lanes;
  for (std::size_t lane = 0; lane < (is_inline() ? 1U : 2U); ++lane) {
    life_->lanes.push_back(std::make_unique<roused::Lane>(sizes));
    lanes.push_back(life_->lanes.back().get());
  }
  roused::EngineHooks hooks;
  hooks.wake_lane = [this](std::size_t lane) {
    if (!is_inline()) wake_loop(lane);
  };
  hooks.measured = [this](const rules::Measured& measured) { life_->metrics.observe(measured); };
  hooks.committed = [this](std::chrono::nanoseconds duration) {
    life_->metrics.committed(duration);
    life_->metrics.journal_is(life_->disk->last_sequence(), life_->engine->journaled_bytes());
  };
  hooks.failed = [this] { marked_at_ = around_.agenda.now(); };
  hooks.alarm = [this](const std::string& text) {
    say(text);
    if (text.find("has room again") != std::string::npos) around_.trace.add(RoomAgain{});
  };
  roused::EngineOptions options;
  options.compacts_from = 8;  // a handful of alerts is a storm: it is to be seen that nothing depends on it
  options.told_lately = marked_at_ && around_.agenda.now() < *marked_at_ + told_lately;
  if (options_.small_backlog) options.backlog_bytes = 4000;
  life_->engine = std::make_unique<roused::Engine>(std::move(recovered.state),
                                                   recovered.last_digest,
                                                   *life_->disk,
                                                   around_.clock,
                                                   std::move(lanes),
                                                   options,
                                                   std::move(hooks));
}

void Process::make_front(std::size_t lane, std::uint64_t seed) {
  roused::Front::Makings front;
  front.key_seed = seed;
  front.services.settings = team({}).settings;
  front.services.metrics = &life_->metrics;
  front.services.started = around_.clock.read().wall;
  front.services.keep_rejected = [this](const std::string& source, const intake::Rejected& rejected) {
    say("an alert could not be taken from " + source + ": " + rejected.why + ": " + rejected.excerpt);
  };
  front.services.why_not_ready = [this]() -> std::optional<std::string> {
    if (life_->engine->has_failed()) return "the journal failed";
    if (life_->is_told_to_stop) return "stopping";
    return std::nullopt;
  };
  front.lane = life_->lanes[lane].get();
  front.board = &life_->board;
  front.wake_engine = [this] { notify_engine(); };
  front.send = [this](roused::SendOrder order) {
    if (life_->doomed) return;
    ++life_->orders_taken;
    life_->outbox->perform(std::move(order));
  };
  front.load = around_.load;
  front.reloaded = [this](const tl::expected<roused::InForce, std::string>& loaded) {
    if (!loaded) {
      life_->metrics.reload_failed();
      say("the configuration was not reloaded: nothing has changed: " + loaded.error());
      return;
    }
    life_->metrics.reloaded(around_.clock.read().wall);
    life_->board.publish(*loaded);
    say("reloaded");
    wake_loop(0);
  };
  front.wall = [this] { return around_.clock.read().wall; };
  life_->fronts.push_back(std::make_unique<roused::Front>(std::move(front)));
}

bool Process::crash(Disk::Unsynced unsynced, const std::string& how, Time away) {
  if (is_starting_) {
    is_starting_ = false;
    around_.trace.add(Remark{"killed in a recovery"});
    around_.ended(away);
    return true;
  }
  if (life_ == nullptr) return false;
  end(life_->disk->crash(unsynced), how, away);
  return true;
}

bool Process::stop(Time away) {
  if (life_ == nullptr || life_->doomed || life_->is_told_to_stop) return false;
  life_->is_told_to_stop = true;
  life_->away = away;
  wake_loop(0);
  around_.agenda.after(kill_after, [this, number = life_->number, away] {
    if (life_ != nullptr && life_->number == number) {
      crash(Disk::Unsynced::any, "killed: it did not stop in 30 s", away);
    }
  });
  return true;
}

bool Process::pause(Time length, bool whole_machine) {
  if (life_ == nullptr || life_->doomed) return false;
  const Time until = around_.agenda.now() + length;
  life_->paused_until = std::max(life_->paused_until, until);
  if (whole_machine) life_->unreachable_until = std::max(life_->unreachable_until, until);
  around_.trace.add(DaemonPaused{length});
  around_.agenda.after(length, [this, number = life_->number] {
    if (life_ != nullptr && life_->number == number) around_.trace.add(DaemonResumed{});
  });
  return true;
}

bool Process::stall(bool first_lane, Time length) {
  if (life_ == nullptr || life_->doomed) return false;
  Thread& thread = life_->threads[first_lane || is_inline() ? 0 : engine_thread];
  thread.stuck_until = std::max(thread.stuck_until, around_.agenda.now() + length);
  around_.trace.add(DaemonPaused{length});
  around_.agenda.after(length, [this, number = life_->number] {
    if (life_ != nullptr && life_->number == number) around_.trace.add(DaemonResumed{});
  });
  return true;
}

void Process::arm_crash(Place place, std::uint64_t passage, Time away) {
  armed_.push_back(
      Armed{.is_crash = true, .place = place, .passages = std::max<std::uint64_t>(passage, 1), .length = away});
}

void Process::arm_stall(Place place, std::uint64_t passage, Time length) {
  armed_.push_back(
      Armed{.is_crash = false, .place = place, .passages = std::max<std::uint64_t>(passage, 1), .length = length});
}

void Process::disarm() {
  armed_.clear();
  answers_get_lost_ = false;
}

bool Process::reload_by_signal() {
  if (life_ == nullptr || life_->doomed) return false;
  life_->is_told_to_reload = true;
  wake_loop(0);
  return true;
}

bool Process::snapshot() {
  if (life_ == nullptr || life_->doomed || around_.agenda.now() < life_->paused_until) return false;
  life_->snapshotter->make_now();
  return true;
}

bool Process::tell(rules::Event event) {
  if (life_ == nullptr || life_->doomed || life_->stopping) return false;
  life_->fronts.front()->tell(std::move(event));
  wake_loop(0);
  return true;
}

bool Process::end_silence(std::uint64_t place) {
  if (life_ == nullptr || life_->doomed || life_->stopping) return false;
  const auto& silences = life_->engine->state().silences;
  if (silences.empty()) return false;
  auto one = silences.begin();
  std::advance(one, static_cast<std::ptrdiff_t>(place % silences.size()));
  return tell(rules::SilenceExpired{.id = one->first, .by = "bob"});
}

bool Process::damage_snapshot() {
  return life_ != nullptr && life_->disk->damage_newest_snapshot();
}

std::optional<Process::Armed> Process::pass(Place place) {
  if (armed_.empty() || (life_ != nullptr && life_->doomed)) return std::nullopt;
  for (auto armed = armed_.begin(); armed != armed_.end(); ++armed) {
    if (armed->place != place || --armed->passages > 0) continue;
    const Armed now = *armed;
    armed_.erase(armed);
    around_.crashed_at(place);
    return now;
  }
  return std::nullopt;
}

Process::Fate Process::fate_at(Place place, std::size_t thread, Disk::Unsynced unsynced) {
  const std::optional<Armed> armed = pass(place);
  if (!armed) return Fate::goes_on;
  if (armed->is_crash) {
    doom(unsynced, "killed " + std::string{name_of(place)}, armed->length);
    return Fate::dies;
  }
  (void)stall(thread == 0, armed->length);
  return Fate::stands_still;
}

void Process::die_within(Place place, Time at_most, const std::string& how) {
  if (life_ == nullptr) return;
  const std::optional<Armed> armed = pass(place);
  if (!armed || !armed->is_crash) return;
  const Time in = chance("killed within").between(0ns, at_most);
  around_.agenda.after(in, [this, number = life_->number, how, away = armed->length] {
    if (is_this(number)) crash(Disk::Unsynced::any, how, away);
  });
}

void Process::doom(Disk::Unsynced unsynced, const std::string& how, Time away) {
  life_->doomed = true;
  around_.agenda.after(0ns, [this, number = life_->number, unsynced, how, away] {
    if (life_ != nullptr && life_->number == number) crash(unsynced, how, away);
  });
}

void Process::end(std::unique_ptr<journal::MemoryJournal> rows, const std::string& how, Time away) {
  std::optional<std::uint64_t> digest;
  const roused::Engine& engine = *life_->engine;
  if (!engine.is_disk_full() && !engine.has_failed()) digest = codec::digest(engine.state());
  if (!digest) ++memory_losses_;
  known_sequence_ = life_->disk->last_sequence();
  around_.trace.add(DaemonEnded{.how = how, .sequence = engine.applied_sequence(), .live_digest = digest});
  life_->doomed = true;
  const std::unique_ptr<Life> ended = std::move(life_);
  rows_ = std::move(rows);
  for (auto& [serial, asked] : ended->asked) {
    if (asked.has_come) around_.trace.add(Unanswered{asked.question.request});
    if (asked.then) around_.agenda.after(1ms, [then = std::move(asked.then)] { then(std::nullopt); });
  }
  around_.ended(away);
}

// ---- whoever asks

void Process::ask(Question question, Time patience, Then then) {
  if (life_ == nullptr || life_->stopping || life_->doomed) {
    around_.agenda.after(1ms, [then = std::move(then)] { then(std::nullopt); });
    return;
  }
  if (around_.agenda.now() < life_->unreachable_until) {
    around_.agenda.after(patience, [then = std::move(then)] { then(std::nullopt); });
    return;
  }
  const std::uint64_t serial = ++last_serial_;
  const std::size_t lane = is_inline() ? 0 : number_of(question.peer) % 2;
  life_->asked.emplace(
      serial,
      Asked{.question = std::move(question), .then = std::move(then), .lane = lane, .has_come = false, .body = {}});
  life_->inbox[lane].push_back(serial);
  plan_step(lane, chance("network").between(20us, 300us));
  around_.agenda.after(patience, [this, number = life_->number, serial] { give_up(number, serial); });
}

void Process::give_up(std::uint64_t life, std::uint64_t serial) {
  if (life_ == nullptr || life_->number != life) return;
  const auto asked = life_->asked.find(serial);
  if (asked == life_->asked.end() || !asked->second.then) return;
  const Then then = std::exchange(asked->second.then, nullptr);
  then(std::nullopt);
}

void Process::serve(std::uint64_t serial) {
  const auto found = life_->asked.find(serial);
  if (found == life_->asked.end()) return;
  Asked& asked = found->second;
  asked.has_come = true;
  if (asked.question.arrival) around_.trace.add(std::move(*asked.question.arrival));
  const auto body = std::make_shared<net::PaddedBuffer>();
  body->reserve(asked.question.body.size());
  body->append(asked.question.body);
  body->finish();
  asked.body = body;  // lives until it is answered, and here until the handler is done
  net::Request request;
  request.method = asked.question.method;
  request.path = asked.question.path;
  request.query = asked.question.query;
  request.headers = {{"Host", "127.0.0.1:9494"}, {"Content-Type", "application/json"}};
  request.body = body->view();
  request.peer = asked.question.peer;
  request.is_loopback = true;
  const std::size_t lane = asked.lane;
  life_->fronts[lane]->on_request(std::move(request),
                                  net::Responder{std::function<void(net::Response)>{
                                      [this, number = life_->number, serial](const net::Response& response) {
                                        answered(number, serial, response);
                                      }}});
}

void Process::answered(std::uint64_t life, std::uint64_t serial, const net::Response& response) {
  if (!is_this(life)) return;
  const auto found = life_->asked.find(serial);
  if (found == life_->asked.end()) return;
  const Asked asked = std::move(found->second);
  life_->asked.erase(found);
  const auto status = static_cast<int>(response.status);
  around_.trace.add(Answered{.request = asked.question.request, .status = status});
  if (asked.question.is_listened_to || status >= 400) {
    around_.trace.add(Said{.where = asked.question.method + " " + asked.question.path, .text = response.body});
  }
  if (!asked.then) return;
  Chance drawn = around_.chances.of("answer", number_of(asked.question.peer), around_.agenda.now() / 1ms);
  std::optional<int> heard = status;
  if (answers_get_lost_ && drawn.happens(0.02)) heard.reset();
  around_.agenda.after(drawn.between(100us, 2ms), [then = asked.then, heard] { then(heard); });
}

void Process::say(const std::string& text) {
  around_.trace.add(Said{.where = "log", .text = text});
}

// ---- threads

Time Process::earliest(std::size_t thread) const {
  return std::max(life_->paused_until, life_->threads[thread].stuck_until);
}

void Process::plan_step(std::size_t thread, Time wait) {
  if (life_ == nullptr || life_->doomed) return;
  Thread& one = life_->threads[thread];
  const Time at = std::max(around_.agenda.now() + wait, earliest(thread));
  if (one.step_at && *one.step_at <= at) return;
  one.step_at = at;
  around_.agenda.at(at, [this, thread, life = life_->number, number = ++one.step_number] {
    if (!is_this(life) || life_->threads[thread].step_number != number) return;
    life_->threads[thread].step_at.reset();
    step(thread);
  });
}

// The one timer of a thread: it takes the place of the last one.
void Process::plan_timer(std::size_t thread, std::optional<Time> wait) {
  const std::uint64_t number = ++life_->threads[thread].timer_number;
  if (!wait) return;
  around_.agenda.after(*wait, [this, thread, life = life_->number, number] {
    if (is_this(life) && life_->threads[thread].timer_number == number) plan_step(thread, 0ns);
  });
}

void Process::step(std::size_t thread) {
  if (around_.agenda.now() < earliest(thread)) return plan_step(thread, 0ns);
  if (thread == engine_thread) return engine_step();
  loop_step(thread);
}

void Process::wake_loop(std::size_t lane) {
  if (life_ == nullptr || life_->doomed) return;
  life_->threads[lane].is_woken = true;
  plan_step(lane, chance("wake loop").between(0us, 100us));
}

void Process::wake_journal() {
  if (is_inline()) return wake_loop(0);
  Thread& thread = life_->threads[engine_thread];
  thread.has_token = true;
  if (thread.is_asleep) plan_step(engine_thread, chance("wake engine").between(0us, 100us));
}

void Process::notify_engine() {
  if (life_->doomed) return;
  if (fate_at(Place::push_and_gather, engine_thread, Disk::Unsynced::any) == Fate::dies) return;
  Thread& thread = life_->threads[engine_thread];
  if (is_inline() || !thread.is_asleep) return;
  thread.is_asleep = false;
  plan_step(engine_thread, chance("wake engine").between(0us, 200us));
}

void Process::engine_step() {
  Thread& thread = life_->threads[engine_thread];
  thread.is_asleep = false;
  thread.has_token = false;
  plan_timer(engine_thread, std::nullopt);
  if (life_->refuses) life_->engine->stop_taking_reports();
  const std::optional<bool> more = engine_turn(engine_thread);
  if (life_->doomed) return;
  if (!more) return plan_step(engine_thread, 0ns);
  if (life_->engine->has_failed()) wake_loop(0);
  if (*more) return plan_step(engine_thread, chance("engine").between(1us, 50us));
  around_.agenda.after(chance("falls asleep").between(0us, 30us), [this, number = life_->number] {
    if (is_this(number)) fall_asleep();
  });
}

void Process::fall_asleep() {
  Thread& thread = life_->threads[engine_thread];
  thread.is_asleep = true;
  if (thread.has_token || life_->engine->has_work()) return plan_step(engine_thread, 1us);
  plan_timer(engine_thread, life_->engine->next_timer());
}

// Whether there is more to do at once; nothing: it died or stands still.
std::optional<bool> Process::engine_turn(std::size_t thread) {
  const Disk& disk = *life_->disk;
  const bool has_result = disk.ready_at() && *disk.ready_at() <= around_.agenda.now();
  if (has_result && fate_at(Place::commit_and_apply, thread, Disk::Unsynced::kept) != Fate::goes_on) {
    return std::nullopt;
  }
  const bool more = life_->engine->turn();
  if (life_->doomed) return std::nullopt;
  if (has_result && fate_at(Place::apply_and_release, thread, Disk::Unsynced::any) != Fate::goes_on) {
    return std::nullopt;
  }
  return more;
}

void Process::loop_step(std::size_t lane) {
  std::deque<std::uint64_t>& inbox = life_->inbox[lane];
  for (std::size_t count = 0; count < handlers_a_turn && !inbox.empty(); ++count) {
    const std::uint64_t serial = inbox.front();
    inbox.pop_front();
    serve(serial);
    if (life_->doomed) return;
  }
  const bool was_woken = std::exchange(life_->threads[lane].is_woken, false);
  bool more = !inbox.empty();
  if (lane == 0) {
    more = turn_first() || more;
  } else if (was_woken) {
    life_->fronts[lane]->take_commands();
  }
  if (life_->doomed) return;
  if (more) plan_step(lane, chance("loop").between(1us, 30us));
}

// As the daemon's first I/O thread turns.
bool Process::turn_first() {
  roused::Front& front = *life_->fronts.front();
  if (std::exchange(life_->is_told_to_reload, false)) front.reload();
  if (life_->is_told_to_stop && !life_->stopping) begin_to_stop();
  if (roused::InForce configuration; life_->board.refresh(life_->policy_seen, configuration)) {
    life_->providers.clear();  // others take their place; tries that are under way go on
    life_->outbox->follow(configuration.policy->channels);
  }
  life_->orders_taken = 0;
  bool more = front.take_commands();
  more = front.flush() || more;
  if (is_inline() && !life_->doomed) {
    const std::optional<bool> engine_has_more = engine_turn(0);
    if (!engine_has_more) return true;
    more = *engine_has_more || more;
    more = front.take_commands() || more;
  }
  if (life_->doomed) return false;
  if (life_->orders_taken > 0 && fate_at(Place::replies_and_sends, 0, Disk::Unsynced::any) != Fate::goes_on) {
    return true;
  }
  more = life_->outbox->turn() || more;
  if (life_->doomed) return false;
  if (is_inline() && !life_->engine->has_failed()) more = life_->engine->has_work() || more;
  if (life_->engine->has_failed() && !life_->stopping) begin_to_stop();
  if (life_->stopping && look_whether_done()) return false;
  set_timer();
  return more;
}

void Process::set_timer() {
  std::optional<Time> wait;
  const auto sooner = [&wait](std::optional<std::chrono::nanoseconds> candidate) {
    if (candidate && (!wait || *candidate < *wait)) wait = candidate;
  };
  if (is_inline()) sooner(life_->engine->next_timer());
  sooner(life_->outbox->next_timer());
  if (life_->stopping) sooner(50ms);
  plan_timer(0, wait);
}

void Process::begin_to_stop() {
  life_->stopping = true;
  life_->stop_began = around_.agenda.now();
  around_.trace.add(DaemonStops{});
  life_->outbox->stop_starting();
}

bool Process::look_whether_done() {
  const Time since = around_.agenda.now() - life_->stop_began;
  const bool late = since >= send_limit;
  const bool drained = life_->asked.empty() || since >= drain_limit;
  if (!drained && !late) return false;
  life_->refuses = true;
  if (is_inline()) life_->engine->stop_taking_reports();
  const roused::Engine& engine = *life_->engine;
  const bool engine_done = engine.is_idle() || engine.has_failed() || engine.is_disk_full();
  if (!late && !(engine_done && life_->outbox->is_idle() && !life_->fronts.front()->flush())) return false;
  if (fate_at(Place::stop_and_end, 0, Disk::Unsynced::any) == Fate::dies) return true;
  const bool failed = engine.has_failed();
  if (!failed) life_->snapshotter->make_now();
  if (life_->doomed) return true;
  life_->doomed = true;  // its loops are over
  around_.agenda.after(0ns, [this, number = life_->number, failed] {
    if (life_ == nullptr || life_->number != number) return;
    const Time away = life_->away > 0ns ? life_->away : chance("restart").between(100ms, 5s);
    const bool is_torn = failed || life_->disk->ready_at().has_value();
    end(life_->disk->crash(is_torn ? Disk::Unsynced::any : Disk::Unsynced::kept),
        failed ? "gave up after a failed sync" : "stopped gracefully",
        away);
  });
  return true;
}

bool Process::is_idle() const {
  return life_ != nullptr && !life_->doomed && life_->engine->is_idle() && life_->outbox->is_idle() &&
         life_->asked.empty() && std::all_of(life_->fronts.begin(), life_->fronts.end(), [](const auto& front) {
           return front->waiting() == 0;
         });
}

// ---- providers

channels::Provider* Process::find_provider(const std::string& channel, std::uint32_t index) {
  std::unique_ptr<channels::Provider>& provider = life_->providers[{channel, index}];
  if (provider != nullptr) return provider.get();
  ProcessLife life;
  const std::uint64_t number = life_->number;
  life.is_alive = [this, number] { return is_this(number); };
  life.later = [this, number](Time wait, std::function<void()> what) {
    const auto guarded = [this, number, what = std::move(what)](const auto& self) -> void {
      if (!is_this(number)) return;
      if (around_.agenda.now() < earliest(0)) {
        around_.agenda.at(earliest(0), [self] { self(self); });
        return;
      }
      what();
      plan_step(0, 0ns);
    };
    around_.agenda.after(wait, [guarded] { guarded(guarded); });
  };
  life.begun = [this, number] {
    if (is_this(number)) die_within(Place::send_and_outcome, 400ms, "killed while a send was under way");
  };
  provider = around_.make_provider(channel, index, std::move(life));
  return provider.get();
}

}  // namespace simulation
