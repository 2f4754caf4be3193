#include "daemon/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/alarm.hpp"
#include "rules/desk.hpp"
#include "rules/mutant.hpp"
#include "rules/read_ahead.hpp"
#include "rules/view.hpp"

namespace roused {
namespace {

constexpr std::size_t report_overhead = 64;

bool is_verb(const rules::Event& event) {
  return std::holds_alternative<rules::Acknowledge>(event) || std::holds_alternative<rules::Escalate>(event) ||
         std::holds_alternative<rules::Snooze>(event) || std::holds_alternative<rules::CallIn>(event) ||
         std::holds_alternative<rules::Resolve>(event) || std::holds_alternative<rules::Note>(event) ||
         std::holds_alternative<rules::SilenceSet>(event) || std::holds_alternative<rules::SilenceExpired>(event) ||
         std::holds_alternative<rules::Replied>(event) || std::holds_alternative<rules::Update>(event) ||
         std::holds_alternative<rules::Follow>(event) || std::holds_alternative<rules::TestPage>(event);
}

std::uint64_t mix(std::uint64_t digest, std::uint64_t next) {
  return digest * 0x9E3779B97F4A7C15ULL + next;
}

}  // namespace

Engine::Engine(rules::State state,
               std::uint64_t last_digest,
               journal::Journal& journal,
               const Clock& clock,
               std::vector<Lane*> lanes,
               EngineOptions options,
               EngineHooks hooks)
    : state_{std::move(state)},
      journal_{journal},
      clock_{clock},
      lanes_{std::move(lanes)},
      options_{options},
      hooks_{std::move(hooks)},
      last_digest_{last_digest},
      overflow_(lanes_.size()),
      to_wake_(lanes_.size(), false),
      last_reading_{clock.read()},
      last_at_{ROUSE_MUTANT("start-behind-the-last-stamp") ? last_reading_.wall
                                                           : std::max(state_.last.at, last_reading_.wall)},
      compaction_{options.compacts_from},
      applied_{journal.last_sequence()} {
  if (ROUSE_MUTANT("deadlines-not-rearmed")) state_.deadlines = rules::Deadlines{};
}

void Engine::start(std::shared_ptr<const rules::Policy> policy) {
  Batch batch;
  const rules::Stamp now = stamp();
  const bool is_new = policy != nullptr && (state_.policy == nullptr || state_.policy->hash != policy->hash);
  if (is_new) batch.events.push_back(codec::StampedEvent{now, rules::PolicyLoaded{std::move(policy)}});
  batch.events.push_back(codec::StampedEvent{now, rules::Started{.run = state_.run + 1}});
  batch.waiting.resize(batch.events.size());
  append(std::move(batch));
}

rules::Stamp Engine::stamp() {
  const ClockReading reading = clock_.read();
  // Whole milliseconds are taken off the boot clock; the rest stays for the next stamp.
  const auto elapsed = std::chrono::floor<std::chrono::milliseconds>(reading.boot - last_reading_.boot);
  if (ROUSE_MUTANT("clock-goes-back")) last_at_ = reading.wall - elapsed;
  if (elapsed.count() > 0) {
    last_at_ += elapsed;
    last_reading_.boot += elapsed;
    last_reading_.wall += elapsed;
  }
  return rules::Stamp{.at = last_at_, .wall = reading.wall};
}

bool Engine::has_work() const {
  if (appending_) return false;  // the journal wakes us
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (ROUSE_MUTANT("beaten-lane") && lane > 0) break;
    if (!lanes_[lane]->people().empty() || !lanes_[lane]->reports().empty() || !overflow_[lane].empty()) return true;
  }
  return false;
}

bool Engine::is_idle() const {
  return !appending_ && backlog_.empty() && !has_work();
}

std::optional<std::chrono::nanoseconds> Engine::next_timer() const {
  std::optional<std::chrono::nanoseconds> wait;
  const ClockReading reading = clock_.read();
  const auto sooner = [&wait](std::chrono::nanoseconds candidate) {
    candidate = std::max(candidate, std::chrono::nanoseconds{0});
    if (!wait || candidate < *wait) wait = candidate;
  };
  // What is due is due for ever once the journal has failed: nothing is applied any more.
  if (appending_ || (failed_ && !ROUSE_MUTANT("turns-after-a-failed-sync"))) return std::nullopt;
  if (const std::optional<rules::Instant> due = rules::next_deadline(state_)) {
    const rules::Instant now =
        last_at_ + std::chrono::floor<std::chrono::milliseconds>(reading.boot - last_reading_.boot);
    sooner(*due - now);
  }
  if (!backlog_.empty()) {
    sooner(retry_full_at_ - reading.boot);
  } else if (const auto due = compaction_.due(state_)) {
    sooner(*due - reading.boot);
  }
  return wait;
}

bool Engine::turn() {
  progress_.fetch_add(1, std::memory_order_relaxed);
  flush_overflow();
  if (failed_) {
    // Whoever still asks hears that nothing can be promised; outcomes of the last sends are of no use to anybody.
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      const auto refuse = [&](Work&& work) {
        if (work.ticket != 0) command(lane, Reply{.ticket = work.ticket, .durability = Durability::refused});
      };
      lanes_[lane]->people().drain(1024, refuse);
      lanes_[lane]->reports().drain(1024, refuse);
    }
  } else if (appending_) {
    if (std::optional<journal::Appended> result = journal_.take_result()) {
      appending_ = false;
      on_appended(*result);
    } else if (!backlog_.empty()) {
      work_while_full();
    }
  }
  if (!failed_ && !appending_) {
    if (!backlog_.empty()) {
      work_while_full();
    } else {
      Batch batch;
      gather(batch, false);
      answer_lookers();
      if (!batch.events.empty()) {
        append(std::move(batch));
      } else {
        compact_if_due();
      }
    }
  }
  flush_overflow();
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (!to_wake_[lane]) continue;
    to_wake_[lane] = false;
    if (hooks_.wake_lane) hooks_.wake_lane(lane);
  }
  return has_work();
}

void Engine::compact_if_due() {
  const auto due = compaction_.due(state_);
  if (!due || clock_.read().boot < *due) return;
  const tl::expected<void, std::string> done = compaction_.run(state_);
  if (!done && hooks_.alarm) hooks_.alarm("memory could not be given back after a storm: " + done.error());
}

void Engine::take(Work&& work, std::size_t lane, Batch& batch, rules::Stamp now) {
  if (std::holds_alternative<Look>(work.what)) {
    lookers_.emplace_back(lane, std::move(work));
    return;
  }
  if (ROUSE_MUTANT("200-before-commit")) {
    command(lane, Reply{.ticket = std::exchange(work.ticket, 0), .durability = Durability::durable});
  }
  batch.events.push_back(codec::StampedEvent{now, std::move(std::get<rules::Event>(work.what))});
  batch.waiting.push_back(Waiting{.lane = lane, .ticket = work.ticket});
}

void Engine::gather(Batch& batch, bool people_only) {
  const ClockReading before = last_reading_;
  const rules::Stamp now = stamp();
  const ClockReading reading = clock_.read();
  const auto moved = reading.wall - before.wall - std::chrono::floor<rules::Duration>(reading.boot - before.boot);
  if (moved > std::chrono::seconds{1} || moved < -std::chrono::seconds{1}) {
    last_reading_.wall += moved;
    batch.events.push_back(codec::StampedEvent{now, rules::ClockStepped{.by = moved}});
    if (hooks_.alarm) hooks_.alarm(fmt::format("the wall clock was stepped by {} ms; no wait changes", moved.count()));
  }
  // What was due before this instant comes first; what is due at it comes after the events of this instant.
  const std::optional<rules::Instant> due = rules::next_deadline(state_);
  if (due && *due < now.at) {
    batch.events.push_back(codec::StampedEvent{now, rules::ClockReached{.until = now.at - rules::Duration{1}}});
  }
  batch.waiting.resize(batch.events.size());
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane]->people().drain(options_.batch_events, [&](Work&& work) { take(std::move(work), lane, batch, now); });
  }
  std::size_t bytes = 0;
  for (std::size_t lane = 0; lane < lanes_.size() && !people_only; ++lane) {
    Ring<Work>& reports = lanes_[lane]->reports();
    while (batch.events.size() < options_.batch_events && bytes < options_.batch_bytes) {
      if (ROUSE_MUTANT("beaten-lane") && lane > 0 && !batch.events.empty()) break;
      std::optional<Work> work = reports.try_pop();
      if (!work) break;
      if (const auto* event = std::get_if<rules::Event>(&work->what)) {
        if (const auto* arrived = std::get_if<rules::ReportsArrived>(event)) {
          for (const rules::Report& report : arrived->reports) {
            bytes += report.labels.bytes() + report.annotations.bytes() + report_overhead;
          }
        }
      }
      if (!takes_reports_) {
        command(lane, Reply{.ticket = work->ticket, .durability = Durability::refused});
        continue;
      }
      take(std::move(*work), lane, batch, now);
    }
  }
  if (batch.events.empty() && due && *due <= now.at) {
    batch.events.push_back(codec::StampedEvent{now, rules::ClockReached{.until = now.at}});
    batch.waiting.resize(batch.events.size());
  }
}

void Engine::answer_lookers() {
  for (auto& [lane, work] : lookers_) {
    std::get<Look>(work.what)(state_);
    command(lane, Reply{.ticket = work.ticket, .durability = Durability::durable});
  }
  lookers_.clear();
}

std::uint64_t Engine::digest_for_next_row() const {
  return last_digest_;
}

void Engine::append(Batch batch) {
  std::string body = codec::encode_batch(batch.events);
  journaled_bytes_.fetch_add(body.size(), std::memory_order_relaxed);
  in_flight_ = std::move(batch);
  appending_ = true;
  journal_.start_append(std::move(body), rules::behaviour_version, digest_for_next_row());
  if (ROUSE_MUTANT("page-before-commit")) {
    std::vector<Waiting> waiting = std::exchange(in_flight_.waiting, std::vector<Waiting>(in_flight_.events.size()));
    release(in_flight_, Durability::durable, false);
    in_flight_ = Batch{.events = {}, .waiting = std::move(waiting)};
  }
  const auto is_nobodys = [](const Waiting& one) { return one.ticket == 0; };
  if (ROUSE_MUTANT("apply-before-settled") && std::ranges::all_of(in_flight_.waiting, is_nobodys)) {
    release(in_flight_, Durability::durable, false);
    in_flight_ = Batch{};
  }
}

void Engine::on_appended(const journal::Appended& result) {
  if (hooks_.committed && result.outcome == journal::Outcome::committed) hooks_.committed(result.commit_duration);
  if (backlog_append_in_flight_) {
    backlog_append_in_flight_ = false;
    switch (result.outcome) {
      case journal::Outcome::committed:
        if (ROUSE_MUTANT("backlog-row-twice") && result.sequence % 3 == 0) {
          backlog_.front().body = result.body;
          return;
        }
        backlog_bytes_ -= backlog_.front().body.size();
        last_digest_ = backlog_.front().digest;
        backlog_.pop_front();
        applied_.store(result.sequence, std::memory_order_release);
        if (backlog_.empty() && hooks_.alarm) hooks_.alarm("the disk has room again; everything is on it");
        return;
      case journal::Outcome::full:
        backlog_.front().body = result.body;
        retry_full_at_ = clock_.read().boot + options_.full_retry;
        return;
      case journal::Outcome::failed:
      case journal::Outcome::unknown:
      case journal::Outcome::fenced:
        backlog_.front().body = result.body;
        fail(result.detail);
        return;
    }
    return;
  }
  Batch batch = std::exchange(in_flight_, Batch{});
  switch (result.outcome) {
    case journal::Outcome::committed:
      if (ROUSE_MUTANT("page-before-commit")) {
        for (const Waiting& one : batch.waiting) command(one.lane, Reply{.ticket = one.ticket});
        return;
      }
      if (ROUSE_MUTANT("apply-before-settled") && batch.events.empty()) {
        applied_.store(result.sequence, std::memory_order_release);
        return;
      }
      release(batch, Durability::durable, false, result.sequence);
      applied_.store(result.sequence, std::memory_order_release);
      return;
    case journal::Outcome::full: {
      if (hooks_.alarm)
        hooks_.alarm("the disk is full: alerts are taken in memory, paged and answered 503: " + result.detail);
      const std::uint64_t before = last_digest_;
      release(batch, ROUSE_MUTANT("200-with-a-full-disk") ? Durability::durable : Durability::memory, true);
      backlog_.push_back(BacklogRow{.body = result.body, .digest = last_digest_});
      last_digest_ = before;  // until the row is on disk, the digest of the last one that is
      backlog_bytes_ += result.body.size();
      retry_full_at_ = clock_.read().boot + options_.full_retry;
      return;
    }
    case journal::Outcome::failed:
    case journal::Outcome::unknown:
    case journal::Outcome::fenced:
      release(batch, Durability::refused, true);
      fail(result.detail);
      return;
  }
}

void Engine::work_while_full() {
  if (!appending_ && clock_.read().boot >= retry_full_at_) {
    appending_ = true;
    backlog_append_in_flight_ = true;
    journal_.start_append(backlog_.front().body, rules::behaviour_version, last_digest_);
  }
  Batch batch;
  const bool has_room = backlog_bytes_ < options_.backlog_bytes;
  gather(batch, !has_room);
  answer_lookers();
  if (!has_room) {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      lanes_[lane]->reports().drain(options_.batch_events, [&](Work&& work) {
        command(lane, Reply{.ticket = work.ticket, .durability = Durability::refused});
      });
    }
  }
  if (batch.events.empty()) return;
  std::string body = codec::encode_batch(batch.events);
  const std::uint64_t on_disk = last_digest_;
  release(batch, Durability::memory, true);
  backlog_bytes_ += body.size();
  backlog_.push_back(BacklogRow{.body = std::move(body), .digest = last_digest_});
  last_digest_ = on_disk;
}

void Engine::release(Batch& batch, Durability durability, bool marked, std::uint64_t sequence) {
  std::vector<Command> replies;
  std::vector<std::size_t> reply_lanes;
  std::vector<SendOrder> sends;
  std::uint64_t digest = 0;
  for (const auto& [id, flag] : flags_) {
    if (!ROUSE_MUTANT("withdrawn-after-the-replies")) break;
    const auto message = state_.messages.find(id);
    if (message != state_.messages.end() && message->second.withdrawn) flag->store(true);
  }
  rules::ReadAhead read_ahead;
  const auto event_of = [&](std::size_t index) -> const rules::Event& { return batch.events[index].event; };
  for (std::size_t index = 0; index < batch.events.size(); ++index) {
    read_ahead.before(state_, index, batch.events.size(), event_of);
    const codec::StampedEvent& one = batch.events[index];
    // Only what is in the journal can be met again.
    const bool is_marked = options_.mark != nullptr && sequence != 0;
    if (is_marked) options_.mark->begin(EventPlace{sequence, static_cast<std::uint32_t>(index)});
    rules::Effects effects = rules::apply(state_, one.event, one.stamp);
    if (is_marked) options_.mark->end();
    digest = mix(digest, codec::digest(effects));
    std::optional<rules::Verdict> verdict;
    for (rules::Effect& effect : effects) {
      if (auto* send = std::get_if<rules::Send>(&effect)) {
        if (marked && !ROUSE_MUTANT("unmarked-from-memory")) send->possible_duplicate = true;
        // A message may be asked for twice before it ends (a start re-issues what a new policy has just asked for):
        // both orders look at one flag, and both report one end. What is left of a withdrawn bundle has a flag anew,
        // which the second report must not take away.
        std::shared_ptr<std::atomic<bool>>& flag = flags_[send->message];
        if (flag == nullptr || flag->load(std::memory_order_relaxed) || ROUSE_MUTANT("a-flag-for-each-order"))
          flag = std::make_shared<std::atomic<bool>>(false);
        sends.push_back(SendOrder{.send = std::move(*send), .withdrawn = flag});
      } else if (const auto* withdraw = std::get_if<rules::Withdraw>(&effect)) {
        const auto flag = flags_.find(withdraw->message);
        const auto is_its = [id = withdraw->message](const SendOrder& order) { return order.send.message == id; };
        if (ROUSE_MUTANT("withdrawn-after-the-replies")) continue;
        if (ROUSE_MUTANT("acknowledged-beside-its-page") && std::ranges::any_of(sends, is_its)) continue;
        if (flag != flags_.end()) flag->second->store(true, std::memory_order_release);
      } else if (auto* said = std::get_if<rules::Verdict>(&effect)) {
        verdict = std::move(*said);
      } else if (const auto* measured = std::get_if<rules::Measured>(&effect)) {
        if (hooks_.measured) hooks_.measured(*measured);
      } else if (auto* reconcile = std::get_if<rules::Reconcile>(&effect)) {
        command(0, std::move(*reconcile));
      }
    }
    if (const auto* ended = std::get_if<rules::SendEnded>(&one.event);
        ended != nullptr && !state_.messages.contains(ended->message)) {
      flags_.erase(ended->message);
    }
    if (batch.waiting[index].ticket == 0) continue;
    Reply reply{
        .ticket = batch.waiting[index].ticket, .durability = durability, .verdict = std::move(verdict), .incident = {}};
    if (is_verb(one.event) && reply.verdict && reply.verdict->code != rules::VerdictCode::unknown_incident) {
      if (std::optional<rules::IncidentView> view = rules::view_incident(state_, reply.verdict->incident)) {
        reply.incident = std::make_shared<const rules::IncidentView>(std::move(*view));
      }
    }
    replies.emplace_back(std::move(reply));
    reply_lanes.push_back(batch.waiting[index].lane);
  }
  last_digest_ = digest == journal::unknown_digest ? 1 : digest;
  compaction_.note(state_, clock_.read().boot);
  // Every withdrawn flag of this batch is set by now: after the 200 to an acknowledgement no new send begins.
  const bool is_silent = durability == Durability::refused && options_.told_lately;
  for (SendOrder& order : sends) {
    if (!is_silent) command(0, std::move(order));
  }
  for (std::size_t index = 0; index < replies.size(); ++index) command(reply_lanes[index], std::move(replies[index]));
}

void Engine::fail(const std::string& why) {
  if (failed_) return;
  failed_ = true;
  if (options_.told_lately) return;
  if (hooks_.failed) hooks_.failed();
  if (hooks_.alarm)
    hooks_.alarm("the journal failed: nothing more is acknowledged; last_resort is told, then exit: " + why);
  // What waits for its contact's second to end will find nobody to send it: it leaves now.
  rules::Stamp gathered = stamp();
  gathered.at += rules::gather;
  Batch last;
  last.events.push_back(codec::StampedEvent{gathered, rules::ClockReached{.until = gathered.at}});
  last.waiting.resize(last.events.size());
  release(last, Durability::refused, true);
  tell_last_resort("JournalFailed", "roused could not write its journal: " + why);
}

void Engine::tell_last_resort(const std::string& name, const std::string& text) {
  for (rules::Send& send : rules::alarm_last_resort(state_, name, text, stamp())) {
    auto flag = std::make_shared<std::atomic<bool>>(false);
    command(0, SendOrder{.send = std::move(send), .withdrawn = std::move(flag)});
  }
}

void Engine::command(std::size_t lane, Command&& what) {
  if (const auto* reply = std::get_if<Reply>(&what); reply != nullptr && reply->ticket == 0) return;
  if (!ROUSE_MUTANT("lost-wake-up") || std::holds_alternative<Reply>(what)) to_wake_[lane] = true;
  if (overflow_[lane].empty() && lanes_[lane]->push_command(std::move(what))) return;
  overflow_[lane].push_back(std::move(what));  // a page is never dropped for want of a slot
}

void Engine::flush_overflow() {
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    std::deque<Command>& waiting = overflow_[lane];
    while (!waiting.empty() && lanes_[lane]->push_command(std::move(waiting.front()))) {
      waiting.pop_front();
      to_wake_[lane] = true;
    }
  }
}

}  // namespace roused
