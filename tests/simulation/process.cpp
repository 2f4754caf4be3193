#include "tests/simulation/process.hpp"

#include <algorithm>
#include <utility>

#include "daemon/recovery.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t small_work_bytes = 256;

// Rows that the last life has not heard of: acknowledged to nobody, and there all the same.
void trace_found_rows(journal::Journal& rows, std::uint64_t known, Trace& trace) {
  if (rows.last_sequence() <= known) return;
  (void)rows.replay(known + 1, [&](const journal::Row& row) {
    tl::expected<std::vector<codec::StampedEvent>, std::string> events = codec::decode_batch(row.body);
    if (!events) return false;
    trace.add(Committed{.sequence = row.sequence,
                        .found = true,
                        .events = std::make_shared<const std::vector<codec::StampedEvent>>(std::move(*events))});
    return true;
  });
}

}  // namespace

Process::Process(Agenda& agenda,
                 Chance& chance,
                 SteppedClock& clock,
                 Trace& trace,
                 DiskWeather& disk,
                 Awkward& awkward,
                 MakeProvider make_provider,
                 std::unique_ptr<journal::MemoryJournal> rows)
    : agenda_{agenda},
      chance_{chance},
      clock_{clock},
      trace_{trace},
      weather_{disk},
      awkward_{awkward},
      make_provider_{std::move(make_provider)},
      rows_{std::move(rows)} {}

Process::~Process() = default;

bool Process::start(std::shared_ptr<const rules::Policy> policy) {
  std::uint64_t known = 0;
  for (auto row = trace_.rows().rbegin(); row != trace_.rows().rend() && known == 0; ++row) {
    if (const auto* committed = std::get_if<Committed>(&row->what)) known = committed->sequence;
  }
  trace_found_rows(*rows_, known, trace_);
  tl::expected<roused::Recovered, std::string> recovered = roused::recover(*rows_);
  tl::expected<roused::Recovered, std::string> again = roused::recover(*rows_);
  if (!recovered || !again) {
    trace_.add(RecoveryRefused{recovered ? again.error() : recovered.error()});
    return false;
  }
  const rules::IncidentFilter everything{
      .state = rules::StateFilter::all, .service = {}, .since = {}, .limit = 100'000, .after = {}, .alerts = true};
  trace_.add(DaemonStarted{
      .wall = clock_.read().wall,
      .list = std::make_shared<const rules::IncidentList>(rules::list_incidents(recovered->state, everything)),
      .sequence = recovered->sequence,
      .digest = codec::digest(recovered->state),
      .digest_again = codec::digest(again->state)});

  life_ = std::make_unique<Life>();
  life_->number = ++lives_;
  life_->disk = std::make_unique<Disk>(std::move(rows_), agenda_, chance_, trace_, weather_);
  // Small rings, so that they are full now and then.
  const roused::LaneSizes sizes{.report_slots = 16,
                                .report_bytes = std::size_t{1} << 20,
                                .people_slots = 64,
                                .people_bytes = std::size_t{1} << 20,
                                .command_slots = 8};
  std::vector<roused::Lane*> lanes;
  for (std::unique_ptr<roused::Lane>& lane : life_->lanes) {
    lane = std::make_unique<roused::Lane>(sizes);
    lanes.push_back(lane.get());
  }
  roused::EngineHooks hooks;
  hooks.wake_lane = [this](std::size_t) { wake_io(chance_.between(0us, 300us)); };
  hooks.alarm = [this](const std::string& text) {
    trace_.add(Remark{"the daemon says: " + text});
    if (text.find("has room again") != std::string::npos) trace_.add(RoomAgain{});
  };
  life_->engine = std::make_unique<roused::Engine>(std::move(recovered->state),
                                                   recovered->last_digest,
                                                   *life_->disk,
                                                   clock_,
                                                   std::move(lanes),
                                                   roused::EngineOptions{},
                                                   std::move(hooks));
  life_->outbox = std::make_unique<outbox::Outbox>(
      clock_,
      chance_,
      [this](const std::string& channel, std::uint32_t index) { return find_provider(channel, index); },
      [this](rules::SendEnded ended) {
        life_->outcomes.push_back(std::move(ended));
        wake_io(0ns);
      });
  life_->engine->start(std::move(policy));
  wake_engine(0ns);
  return true;
}

channels::Provider* Process::find_provider(const std::string& channel, std::uint32_t index) {
  std::unique_ptr<channels::Provider>& provider = life_->providers[{channel, index}];
  if (provider == nullptr) {
    ProcessLife life;
    const std::uint64_t number = life_->number;
    life.is_alive = [this, number] { return life_ != nullptr && life_->number == number && !life_->doomed; };
    life.later = [this, number](Time wait, std::function<void()> what) {
      const auto guarded = [this, number, what = std::move(what)](const auto& self) -> void {
        if (life_ == nullptr || life_->number != number || life_->doomed) return;
        if (agenda_.now() < life_->paused_until) {
          agenda_.at(life_->paused_until, [self] { self(self); });
          return;
        }
        what();
        if (life_ != nullptr) wake_io(0ns);
      };
      agenda_.after(wait, [guarded] { guarded(guarded); });
    };
    life.begun = [this, number] {
      if (!chance_.happens(awkward_.between_send_and_outcome)) return;
      agenda_.after(chance_.between(0ms, 400ms), [this, number] {
        if (life_ != nullptr && life_->number == number)
          crash(Disk::Unsynced::any, "killed while a send was under way");
      });
    };
    provider = make_provider_(channel, index, std::move(life));
  }
  return provider.get();
}

roused::Ticket Process::wait(std::uint64_t request, bool is_verb, Then then) {
  const roused::Ticket ticket = ++life_->last_ticket;
  life_->waiting[ticket] = Waiting{.request = request, .is_verb = is_verb, .then = std::move(then)};
  return ticket;
}

void Process::post_reports(std::uint64_t request,
                           const std::string& body,
                           std::vector<ReportedAlert> alerts,
                           Then then) {
  if (life_ == nullptr || life_->stopping || life_->doomed) {
    agenda_.after(1ms, [then = std::move(then)] { then(std::nullopt); });
    return;
  }
  trace_.add(ReportsCame{.request = request, .alerts = std::move(alerts)});
  const rules::State& state = life_->engine->state();
  intake::Context context;
  context.source = "127.0.0.1";
  context.ignore_labels = rules::Identity{}.ignore_labels;
  context.seed = state.seed;
  context.identity = rules::identity_of(rules::Identity{});
  tl::expected<intake::Parsed, intake::Refused> parsed = parser_.alertmanager(std::string_view{body}, context);
  int status = 200;
  if (!parsed) {
    status = parsed.error().status;
  } else {
    const roused::Ticket ticket = wait(request, false, then);
    roused::Work work{.what = rules::Event{std::move(parsed->event)}, .ticket = ticket};
    if (!life_->lanes[request % 2]->push_reports(std::move(work), body.size())) {
      life_->waiting.erase(ticket);
      status = 503;
    }
  }
  if (status != 200) {
    trace_.add(Answered{.request = request, .status = status});
    agenda_.after(1ms, [then = std::move(then), status] { then(status); });
    return;
  }
  wake_engine(chance_.between(0us, 200us));
}

void Process::post_verb(
    std::uint64_t request, Verb verb, rules::IncidentId incident, const std::string& by, Then then) {
  if (life_ == nullptr || life_->stopping || life_->doomed) {
    agenda_.after(1ms, [then = std::move(then)] { then(std::nullopt); });
    return;
  }
  trace_.add(VerbCame{.request = request, .verb = verb, .incident = incident, .by = by});
  rules::Event event;
  switch (verb) {
    case Verb::acknowledge:
      event = rules::Acknowledge{.incident = incident, .by = by};
      break;
    case Verb::snooze:
      event = rules::Snooze{.incident = incident, .by = by, .length = 7min};
      break;
    case Verb::escalate:
      event = rules::Escalate{.incident = incident, .by = by};
      break;
    case Verb::resolve:
      event = rules::Resolve{.incident = incident, .by = by};
      break;
    case Verb::call:
      event = rules::CallIn{.incident = incident, .by = by, .who = "gus"};
      break;
    case Verb::note:
      event = rules::Note{.incident = incident, .by = by, .text = "noted"};
      break;
  }
  const roused::Ticket ticket = wait(request, true, then);
  roused::Work work{.what = std::move(event), .ticket = ticket};
  if (!life_->lanes[request % 2]->push_people(std::move(work), small_work_bytes)) {
    life_->waiting.erase(ticket);
    trace_.add(Answered{.request = request, .status = 503});
    agenda_.after(1ms, [then = std::move(then)] { then(503); });
    return;
  }
  wake_engine(chance_.between(0us, 200us));
}

void Process::reload(std::shared_ptr<const rules::Policy> policy) {
  if (life_ == nullptr || life_->doomed) return;
  if (life_->lanes[0]->push_people(roused::Work{.what = rules::Event{rules::PolicyLoaded{std::move(policy)}}},
                                   small_work_bytes)) {
    wake_engine(0ns);
  }
}

void Process::snapshot() {
  if (life_ == nullptr || life_->doomed || life_->engine->applied_sequence() == 0) return;
  const std::uint64_t sequence = life_->engine->applied_sequence();
  tl::expected<roused::Recovered, std::string> recovered = roused::recover(*life_->disk, sequence);
  if (!recovered) {
    trace_.add(RecoveryRefused{recovered.error()});
    return;
  }
  if (life_->disk->write_snapshot(recovered->sequence, codec::encode_state(recovered->state))) {
    life_->disk->prune(recovered->sequence);
    trace_.add(Remark{"a snapshot was written"});
  }
}

void Process::wake_engine(Time wait) {
  if (life_ == nullptr) return;
  const Time at = std::max({agenda_.now() + wait, life_->paused_until, life_->engine_stuck_until});
  if (life_->engine_step_at && *life_->engine_step_at <= at) return;
  life_->engine_step_at = at;
  agenda_.at(at, [this, life = life_->number, step = ++life_->engine_step_number] {
    if (life_ == nullptr || life_->number != life || life_->engine_step_number != step || life_->doomed) return;
    life_->engine_step_at.reset();
    if (agenda_.now() < std::max(life_->paused_until, life_->engine_stuck_until)) {
      wake_engine(0ns);
      return;
    }
    engine_step();
  });
}

void Process::wake_io(Time wait) {
  if (life_ == nullptr) return;
  const Time at = std::max(agenda_.now() + wait, life_->paused_until);
  if (life_->io_step_at && *life_->io_step_at <= at) return;
  life_->io_step_at = at;
  agenda_.at(at, [this, life = life_->number, step = ++life_->io_step_number] {
    if (life_ == nullptr || life_->number != life || life_->io_step_number != step || life_->doomed) return;
    life_->io_step_at.reset();
    if (agenda_.now() < life_->paused_until) {
      wake_io(0ns);
      return;
    }
    io_step();
  });
}

void Process::engine_step() {
  Disk& disk = *life_->disk;
  const bool had_append = disk.ready_at().has_value();
  const bool has_result = had_append && *disk.ready_at() <= agenda_.now();
  if (has_result && chance_.happens(awkward_.between_commit_and_apply)) {
    doom(Disk::Unsynced::kept, "killed between commit and apply");
    return;
  }
  if (chance_.happens(awkward_.stuck_thread)) {
    const Time length = chance_.between(1ms, 3s);
    life_->engine_stuck_until = agenda_.now() + length;
    trace_.add(DaemonPaused{length});
    agenda_.after(length, [this, number = life_->number] {
      if (life_ != nullptr && life_->number == number) trace_.add(DaemonResumed{});
    });
    wake_engine(0ns);
    return;
  }
  const bool more = life_->engine->turn();
  if (has_result && chance_.happens(awkward_.between_apply_and_release)) {
    doom(Disk::Unsynced::any, "killed between apply and release");
    return;
  }
  if (!had_append && disk.ready_at() && chance_.happens(awkward_.between_append_and_result)) {
    const Time in = chance_.between(0ns, *disk.ready_at() - agenda_.now());
    agenda_.after(in, [this, number = life_->number] {
      if (life_ != nullptr && life_->number == number) crash(Disk::Unsynced::any, "killed between append and result");
    });
  }
  if (life_->engine->has_failed() && !life_->failing) {
    life_->failing = true;
    agenda_.after(20s, [this, number = life_->number] {
      if (life_ == nullptr || life_->number != number || life_->doomed) return;
      end(life_->disk->crash(Disk::Unsynced::any), "gave up after a failed sync");
    });
  }
  wake_io(chance_.between(0us, 300us));
  if (more) {
    wake_engine(chance_.between(1us, 50us));
    return;
  }
  if (disk.ready_at()) wake_engine(*disk.ready_at() - agenda_.now());
  if (const std::optional<std::chrono::nanoseconds> timer = life_->engine->next_timer()) wake_engine(*timer);
}

void Process::take_command(roused::Command&& command) {
  if (auto* order = std::get_if<roused::SendOrder>(&command)) {
    life_->outbox->perform(std::move(*order));
    return;
  }
  const roused::Reply& reply = std::get<roused::Reply>(command);
  const auto found = life_->waiting.find(reply.ticket);
  if (found == life_->waiting.end()) return;
  const Waiting waiting = std::move(found->second);
  life_->waiting.erase(found);
  int status = reply.durability == roused::Durability::durable ? 200 : 503;
  if (status == 200 && waiting.is_verb && reply.verdict) {
    if (reply.verdict->code == rules::VerdictCode::unknown_incident) status = 404;
    if (reply.verdict->code == rules::VerdictCode::already_resolved) status = 409;
    if (reply.verdict->code == rules::VerdictCode::refused) status = 409;
  }
  trace_.add(Answered{.request = waiting.request, .status = status});
  // Now and then the answer leaves and never arrives.
  std::optional<int> heard = status;
  if (awkward_.between_send_and_outcome > 0 && chance_.happens(0.01)) heard.reset();
  agenda_.after(chance_.between(100us, 2ms), [then = waiting.then, heard] { then(heard); });
}

void Process::io_step() {
  bool drained_any = false;
  for (const std::unique_ptr<roused::Lane>& lane : life_->lanes) {
    while (std::optional<roused::Command> command = lane->pop_command()) {
      drained_any = true;
      take_command(std::move(*command));
    }
  }
  while (life_->outbox->turn()) {
  }
  while (!life_->outcomes.empty()) {
    roused::Work work{.what = rules::Event{life_->outcomes.front()}, .ticket = 0};
    if (!life_->lanes[0]->push_people(std::move(work), small_work_bytes)) break;
    life_->outcomes.pop_front();
    wake_engine(chance_.between(0us, 200us));
  }
  if (!life_->outcomes.empty()) wake_io(1ms);
  if (drained_any) wake_engine(chance_.between(0us, 200us));  // what found its ring full goes on
  if (const std::optional<std::chrono::nanoseconds> timer = life_->outbox->next_timer()) wake_io(*timer);
  if (life_->stopping && is_drained()) {
    agenda_.after(0ns, [this, number = life_->number] {
      if (life_ == nullptr || life_->number != number || life_->doomed || !is_drained()) return;
      end(life_->disk->crash(Disk::Unsynced::kept), "stopped gracefully");
    });
  }
}

bool Process::is_drained() const {
  return life_->engine->is_idle() && life_->outbox->is_idle() && life_->outcomes.empty() && life_->waiting.empty();
}

bool Process::is_idle() const {
  return life_ != nullptr && is_drained();
}

void Process::pause(Time length) {
  if (life_ == nullptr || life_->doomed) return;
  life_->paused_until = std::max(life_->paused_until, agenda_.now() + length);
  trace_.add(DaemonPaused{length});
  agenda_.after(length, [this, number = life_->number] {
    if (life_ != nullptr && life_->number == number) trace_.add(DaemonResumed{});
  });
}

void Process::stop() {
  if (life_ == nullptr || life_->doomed || life_->stopping) return;
  trace_.add(DaemonStops{});
  life_->stopping = true;
  life_->engine->stop_taking_reports();
  life_->outbox->stop_starting();
  wake_engine(0ns);
  wake_io(1ms);
  agenda_.after(30s, [this, number = life_->number] {
    if (life_ != nullptr && life_->number == number) crash(Disk::Unsynced::any, "killed: it did not stop in 30 s");
  });
}

void Process::doom(Disk::Unsynced unsynced, const std::string& how) {
  life_->doomed = true;
  agenda_.after(0ns, [this, number = life_->number, unsynced, how] {
    if (life_ != nullptr && life_->number == number) crash(unsynced, how);
  });
}

void Process::crash(Disk::Unsynced unsynced, const std::string& how) {
  if (life_ == nullptr) return;
  end(life_->disk->crash(unsynced), how);
}

void Process::end(std::unique_ptr<journal::MemoryJournal> rows, const std::string& how) {
  std::optional<std::uint64_t> digest;
  const roused::Engine& engine = *life_->engine;
  if (!engine.is_disk_full() && !engine.has_failed()) digest = codec::digest(engine.state());
  if (!digest) ++memory_losses_;
  trace_.add(DaemonEnded{.how = how, .sequence = engine.applied_sequence(), .live_digest = digest});
  const std::unique_ptr<Life> ended = std::move(life_);
  rows_ = std::move(rows);
  for (const auto& [ticket, waiting] : ended->waiting) {
    trace_.add(Unanswered{waiting.request});
    agenda_.after(1ms, [then = waiting.then] { then(std::nullopt); });
  }
}

}  // namespace simulation
