#include "tests/simulation/observers.hpp"

#include <algorithm>
#include <utility>

#include "rules/apply.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {

Observers::Observers(rules::State empty) {
  situation_.replayed = std::move(empty);
  const Judge::Fail complain = [this](const std::string& invariant, std::string text) {
    fail(invariant, std::move(text));
  };
  judges_.push_back(judge_of_journal(situation_, complain));
  judges_.push_back(judge_of_answers(situation_, complain));
  judges_.push_back(judge_of_closing(situation_, complain));
  judges_.push_back(judge_of_rings(situation_, complain));
  judges_.push_back(judge_of_budgets(situation_, complain));
  judges_.push_back(judge_of_heard(situation_, complain));
  judges_.push_back(judge_of_replies(situation_, complain));
  judges_.push_back(judge_of_circuits(situation_, complain));
  judges_.push_back(judge_of_ids(situation_, complain));
  judges_.push_back(judge_of_waits(situation_, complain));
  judges_.push_back(judge_of_paging(situation_, complain));
  judges_.push_back(judge_of_outcomes(situation_, complain));
  judges_.push_back(judge_of_ends(situation_, complain));
  judges_.push_back(judge_of_secrets(situation_, complain));
  judges_.push_back(judge_of_holds(situation_, complain));
}

Observers::~Observers() = default;

void Observers::fail(const std::string& invariant, std::string text) {
  if (violation_) return;
  violation_ = Violation{.invariant = invariant, .text = std::move(text), .row = rows_seen_ == 0 ? 0 : rows_seen_ - 1};
}

void Observers::see(const Row& row) {
  ++rows_seen_;
  if (row.time > situation_.now) {
    for (const std::unique_ptr<Judge>& judge : judges_) judge->pass_time(row.time);
    situation_.now = row.time;
  }
  follow(row);
  if (const auto* committed = std::get_if<Committed>(&row.what)) commit(*committed);
  for (const std::unique_ptr<Judge>& judge : judges_) judge->see(row);
}

void Observers::follow(const Row& row) {
  Situation& now = situation_;
  if (std::holds_alternative<AppendBegan>(row.what)) {
    now.is_appending = true;
    append_at_ = now.at_now();
    append_began_ = now.now;
  } else if (const auto* refused = std::get_if<DiskRefused>(&row.what)) {
    now.is_appending = false;
    now.is_in_memory = true;
    now.has_failed = now.has_failed || refused->outcome != journal::Outcome::full;
  } else if (const auto* committed = std::get_if<Committed>(&row.what)) {
    if (!committed->found) now.is_appending = false;
    ++figures_.rows;
  } else if (const auto* reached = std::get_if<Reached>(&row.what)) {
    ++figures_.pages_rung;
    if (reached->send->possible_duplicate) ++figures_.marked;
  } else if (const auto* started = std::get_if<DaemonStarted>(&row.what)) {
    ++figures_.starts;
    now.anchor = std::max(started->wall, last_stamp_);
    now.anchored = now.now;
    anchor_is_certain_ = false;
    now.is_up = true;
    now.is_stopping = now.is_appending = now.has_failed = false;
    now.pauses = 0;
  } else if (const auto* ended = std::get_if<DaemonEnded>(&row.what)) {
    now.is_up = false;
    now.has_lost_memory = now.is_in_memory && !ended->live_digest;
    now.is_in_memory = false;
  } else if (std::holds_alternative<DaemonPaused>(row.what)) {
    ++now.pauses;
  } else if (std::holds_alternative<DaemonResumed>(row.what)) {
    now.pauses = std::max(now.pauses - 1, 0);
  } else if (std::holds_alternative<DaemonStops>(row.what)) {
    now.is_stopping = true;
  } else if (std::holds_alternative<RoomAgain>(row.what)) {
    now.is_in_memory = false;
  } else if (std::holds_alternative<FaultsOver>(row.what)) {
    now.faults_over_at = now.now;
  }
}

// A stamp never runs back, and is of the instant at which its append began.
void Observers::judge_stamp(const Committed& committed, rules::Stamp stamp) {
  if (stamp.at < last_stamp_) fail("I6", "a stamp runs back");
  last_stamp_ = stamp.at;
  if (committed.found || situation_.is_in_memory) return;
  if (!anchor_is_certain_) {
    // Where this run anchored its clock of waits is told by its first row: at the wall clock, or at the last stamp.
    if (stamp.at < situation_.anchor || stamp.at > append_at_) {
      fail("I6", "the waits are anchored neither at the wall clock nor at the last stamp");
    }
    situation_.anchor = append_at_ = stamp.at;
    situation_.anchored = append_began_;
    anchor_is_certain_ = true;
  }
  const rules::Duration off = stamp.at - append_at_;
  if (off > rules::Duration{1} || off < rules::Duration{-1}) {
    fail("I6", "a stamp is " + std::to_string(off.count()) + " ms off the instant of its append");
  }
}

void Observers::commit(const Committed& committed) {
  for (const codec::StampedEvent& one : *committed.events) {
    judge_stamp(committed, one.stamp);
    if (std::holds_alternative<rules::PolicyLoaded>(one.event)) situation_.reloaded_at = one.stamp.at;
    std::string named;
    situation_.effects = rules::apply(situation_.replayed, one.event, one.stamp);
    for (const rules::Effect& effect : situation_.effects) {
      if (const auto* send = std::get_if<rules::Send>(&effect)) {
        situation_.decided_keys.insert(send->key);
        situation_.contract.learn_key(send->message, send->key);
      }
      if (const auto* verdict = std::get_if<rules::Verdict>(&effect)) named = verdict->text;
    }
    const Contract::Answer answer = situation_.contract.take(one.event, one.stamp, named);
    for (const std::unique_ptr<Judge>& judge : judges_) judge->event(committed, one, answer);
  }
  for (const std::unique_ptr<Judge>& judge : judges_) judge->row_ended(committed);
}

void Observers::finish(bool is_drained) {
  if (violation_ || !situation_.faults_over_at) return;
  if (!is_drained) fail("I9", "work is left when the faults are long over");
  for (const std::unique_ptr<Judge>& judge : judges_) judge->finish();
}

}  // namespace simulation
