// Judges a run from its trace alone, row by row. What the daemon must do follows from the events that its disk
// committed and from the contract, which is written a second time here (contract.hpp); nothing is read from the engine.
//
//   I1   what was answered 200 is known after every later start, alert by alert
//   I2   every page leaves at its instant. The bound is exact: an instant follows from the committed events; late is
//        what has been due for longer than `promptly` of time in which the daemon ran and the disk was not at work. How
//        a page ended is on the disk as promptly, and no provider is tried for longer than its time
//   I3   a message rings once, but under its own key after an unknown outcome, and then it is marked; nothing is asked
//        for that the contract does not ask for
//   I4   after the 200 to an acknowledgement or an end no page of that incident begins to leave
//   I5   nothing is answered 200, and no page leaves, before its event is on the disk; while the disk is full a page
//        may, marked
//   I6   rows follow each other without a gap, stamps never run back, and are of the instant of their append
//   I7   a recovery gives the state that was lost, whether from a snapshot or from all rows, each time
//   I8   messages to one contact keep the gather and the budget, and a bundle loses nothing
//   I9   when the faults are over, everything drains, and every open incident of high urgency rings
//   I11  what fires in the end is what the senders last said, by their own clocks: an end overtakes nothing
//   I12  every request is answered while the daemon runs, and only by 503 when it is not taken
//   I13  a reload, or a start with another policy, neither repeats nor skips a step
//   I14  no secret in an answer, a log line or a page
//   I15  no triggered incident of high urgency stays unpaged without an open reason, and each reason ends
//   I16  no incident is lost: what somebody must be called for is named in what rings, or somebody else is tried
//   I17  nobody waits longer than 60 s for a page that is due while one provider of its channel works
//   I18  a circuit opens to the next provider, never to nothing, and only behind failures
//   I19  heard is what a person answered: no machine, no busy line, no delivered text
//   I20  a reply acts once; strangers are told nothing, and whoever is not understood soon nothing any more
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rules/state.hpp"
#include "tests/simulation/contract.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

struct ObservedFigures {
  std::uint64_t pages_rung{};
  std::uint64_t marked{};
  std::uint64_t rows{};
  std::uint64_t starts{};
};

// What every judge may know: how the daemon does, as seen from outside, and what the contract says of the rows so far.
struct Situation {
  Time now{};
  bool is_up{};
  bool is_stopping{};  // no send begins any more; the next start sends it
  int pauses{};
  bool is_appending{};  // the disk is at work
  bool has_failed{};    // the disk refused for good
  bool is_in_memory{};  // the disk has refused something that is not on it yet
  bool has_lost_memory{};
  std::optional<Time> faults_over_at;
  std::optional<rules::Instant> reloaded_at;  // the newest policy, in stamps
  Contract contract;
  // What the daemon's own rules make of the committed rows, one after the other: to compare with what a recovery makes
  // of them, and to tell a page that no row asks for from one that is wrong. Judges nothing about paging.
  rules::State replayed;
  rules::Effects effects;              // of the last event
  std::set<std::string> decided_keys;  // of all its sends

  // The daemon's clock of waits: wall time at its start, then boot time.
  rules::Instant anchor;
  Time anchored{};
  [[nodiscard]] rules::Instant at_now() const { return anchor + std::chrono::floor<rules::Duration>(now - anchored); }
  // It could do what is due.
  [[nodiscard]] bool can_work() const { return is_up && !is_stopping && pauses == 0 && !has_failed; }
};

class Judge {
 public:
  using Fail = std::function<void(const std::string& invariant, std::string text)>;
  Judge(const Situation& situation, Fail complain) : now_{situation}, fail{std::move(complain)} {}
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;
  virtual ~Judge() = default;

  // Nothing happens from here until then: before each row.
  virtual void pass_time(Time /*until*/) {}
  virtual void see(const Row& row) = 0;
  // One event of a row, and what the contract asks for at it.
  virtual void event(const Committed& /*row*/, const codec::StampedEvent& /*event*/, const Contract::Answer& /*asks*/) {
  }
  // Behind the last event of a row.
  virtual void row_ended(const Committed& /*row*/) {}
  virtual void finish() {}

 protected:
  const Situation& now_;
  const Fail fail;
};

class Observers final : public Observer {
 public:
  // `empty` with the store and the seed of the daemon's journal.
  explicit Observers(rules::State empty);
  ~Observers() override;

  void see(const Row& row) override;
  // Something that shows otherwise than in a row.
  void complain(const std::string& invariant, const std::string& text) { fail(invariant, text); }
  // After the last row: the verdict on what was still to come.
  void finish(bool is_drained);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] const ObservedFigures& figures() const { return figures_; }
  // What kept incidents back, and what else ties them together, by name.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& met() const { return situation_.contract.met(); }

 private:
  void fail(const std::string& invariant, std::string text);
  void follow(const Row& row);
  void commit(const Committed& committed);
  void judge_stamp(const Committed& committed, rules::Stamp stamp);

  Situation situation_;
  std::vector<std::unique_ptr<Judge>> judges_;
  std::optional<Violation> violation_;
  ObservedFigures figures_;
  std::size_t rows_seen_{};
  rules::Instant last_stamp_;
  rules::Instant append_at_;  // on the clock of waits, when the append in flight began
  Time append_began_{};
  bool anchor_is_certain_{};  // by the first stamp of this run
};

}  // namespace simulation
