// Judges a run from its trace alone, row by row. What the daemon must do follows from the rows that its disk committed,
// the contract and the team's policy; none of it is read from the engine.
//
//   I1  an alert that was answered 200 is known after every later start
//   I2  who must be paged is paged in time; the daemon's absence and the disk's silence are excused, to the nanosecond
//   I3  one page rings once, but under its own key after an unknown outcome, and then it is marked
//   I4  after the 200 to an acknowledgement or an end no send of that incident begins
//   I5  nothing is answered 200, and no page leaves, before its event is on the disk
//   I7  a recovery gives the state that was lost, whether from a snapshot or from all rows, each time
//   I8  messages to one contact keep the gather and the budget
//   I9  when the faults are over, everything drains, and every open incident of high urgency rings
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/state.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

struct ObservedFigures {
  std::uint64_t pages_rung{};
  std::uint64_t marked{};
  std::uint64_t rows{};
  std::uint64_t starts{};
};

class Observers final : public Observer {
 public:
  // `store` as the daemon's journal has it; the policies are all that will be loaded.
  Observers(rules::State empty, std::vector<std::shared_ptr<const rules::Policy>> policies)
      : shadow_{std::move(empty)}, policies_{std::move(policies)} {}

  void see(const Row& row) override;
  // Something that shows otherwise than in a row.
  void complain(const std::string& invariant, const std::string& text) { fail(invariant, text); }
  // After the last row: I9.
  void finish(bool is_drained);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] const ObservedFigures& figures() const { return figures_; }

 private:
  using Rank = std::tuple<std::uint32_t, std::uint32_t>;  // round, step; last_resort is above all
  static constexpr Rank last_resort_rank{0xffff'ffffU, 0};
  enum class Phase : std::uint8_t { quiet, triggered, acknowledged, by_hand };

  // Alerts of one alertname: one incident at a time.
  struct Group {
    std::string service;
    std::set<std::string> firing;                 // of the newest incident
    std::map<std::string, rules::Instant> muted;  // of older ones, resolved by hand then, and still firing
    bool is_double{};                             // an older one came back beside the newest: no longer judged
    Phase phase{Phase::quiet};
    std::uint64_t last_page{};  // pages up to this number belong to what was before
    std::uint64_t generation{};
    bool may_start_anew{};  // another policy was loaded since the last entry
    bool fresh{};           // the next page is an entry, whatever its step
    Rank rank{};
    rules::Instant resolved_at;
    std::optional<rules::Instant> due;  // the next page must leave then
    Time overdue{};                     // how long it has not, excused time left out
    rules::Instant asked_at;            // the last page of it at a provider's door
    std::optional<rules::PageFacts> asked;
    std::optional<std::pair<Phase, std::optional<rules::Instant>>> before_memory;  // as the disk knows it: phase, due
    bool is_unsure{};  // after a loss of memory: which page is the newest, no row says
    bool uncertain{};  // something about it was taken in memory only
    Time rang_at{-1};
    rules::IncidentId incident;
  };
  // A verb or an end that closes an incident: pages up to this number must not begin any more.
  struct Closing {
    std::string group;
    rules::IncidentId incident;
    std::uint64_t last_page{};
  };
  struct AlertRecord {
    bool is_accepted{};   // answered 200 at least once
    bool firing{};        // in the last one answered 200
    bool is_ambiguous{};  // something came since that was not answered 200
  };
  struct RequestRecord {
    std::vector<ReportedAlert> alerts;
    std::optional<VerbCame> verb;
    std::vector<Closing> closings;  // known once its row is committed
  };
  struct SentMessage {  // of one contact, as the committed rows say
    rules::MessageId id;
    rules::Instant at;
  };
  struct KeyRecord {
    bool in_doubt{};  // an outcome is not known: it may come again, marked
    bool rang{};
    bool rang_unmarked{};
    std::size_t begun{};
  };

  void on(const ReportsCame& came);
  void on(const VerbCame& came);
  void on(const Answered& answered);
  void on(const Unanswered& broken);
  void on(const AppendBegan& began);
  void on(const Committed& committed);
  void on(const DiskRefused& refused);
  void on(const TryAsked& asked);
  void on(const TryBegan& began);
  void on(const TryEnded& ended);
  void on(const Reached& reached);
  void on(const DaemonStarted& started);
  void on(const RecoveryRefused& refused);
  void on(const DaemonEnded& ended);
  void on(const DaemonPaused& paused);
  void on(const DaemonResumed& resumed);
  void on(const DaemonStops& /*stops*/) { is_stopping_ = true; }
  void on(const WallStepped& /*stepped*/) {}
  void on(const RoomAgain& /*room*/) {
    is_in_memory_ = false;
    for (auto& [name, group] : groups_) group.before_memory.reset();
  }
  void on(const FaultsOver& /*over*/) { faults_over_at_ = now_; }
  void on(const Said& /*said*/) {}
  void on(const Remark& /*remark*/) {}

  void on_event(const rules::Event& event, rules::Stamp stamp);
  void on_reports(const rules::ReportsArrived& arrived, rules::Stamp stamp);
  void close(Group& group, const std::string& name, rules::IncidentId incident, std::uint64_t request);
  void on_verb(
      Verb verb, rules::IncidentId incident, const std::string& by, rules::Duration snooze, rules::Stamp stamp);
  void open(Group& group, const std::string& name, rules::Instant at);
  void enter(Group& group, const rules::PageFacts& page, rules::Instant at);
  void look_back(Group& group);
  void excuse_who_is_still_called(rules::Instant at);
  void forget_what_never_arrived(const rules::SendEnded& ended);
  void judge_page_order(const rules::Send& send, rules::Instant at);
  void fail(const std::string& invariant, std::string text);
  void pass_time(Time until);

  [[nodiscard]] rules::Instant at_now() const;
  [[nodiscard]] bool is_low(const Group& group) const { return group.service == "batch"; }
  [[nodiscard]] rules::Duration wait_after(const Group& group, const rules::PageFacts& page) const;
  [[nodiscard]] rules::Duration longest_wait() const;
  [[nodiscard]] Time allowance() const;
  Group* group_of(rules::IncidentId incident);

  rules::State shadow_;  // the committed rows, applied
  std::vector<std::shared_ptr<const rules::Policy>> policies_;
  std::uint64_t shadow_sequence_{};
  std::optional<Violation> violation_;
  ObservedFigures figures_;
  Time now_{};
  std::size_t rows_seen_{};

  // How the daemon does, as seen from outside.
  bool is_up_{};
  bool is_stopping_{};  // no send begins any more; the next start sends it
  int pauses_{};
  bool is_appending_{};
  bool has_failed_{};
  bool is_in_memory_{};     // the disk has refused something that is not on it yet
  bool has_lost_memory_{};  // the life that ended last had
  rules::Instant anchor_;   // at `anchored_`, on the daemon's clock of waits
  Time anchored_{};
  bool anchor_is_certain_{};
  rules::Instant last_stamp_;
  std::optional<Time> faults_over_at_;
  std::optional<rules::Instant> last_full_budget_;

  std::map<std::string, Group> groups_;
  std::map<rules::IncidentId, std::string> group_by_incident_;
  std::map<std::string, AlertRecord> alerts_;
  std::map<std::uint64_t, RequestRecord> requests_;
  std::set<std::uint64_t> committed_requests_;
  std::map<std::tuple<Verb, std::uint64_t, std::string>, std::deque<Closing>> committed_verbs_;
  std::map<std::tuple<Verb, std::uint64_t, std::string>, std::int64_t> verb_balance_;
  std::map<rules::IncidentId, Closing> closed_;
  std::map<rules::IncidentId, std::optional<rules::Instant>> closed_until_;
  std::set<std::string> allowed_keys_;
  std::map<std::string, KeyRecord> keys_;
  std::set<std::string> lost_keys_;  // of messages that a life sent from memory only, and whose memory is gone
  std::map<rules::PageId, std::string> key_of_page_;
  std::map<rules::PageId, std::uint64_t> generation_of_page_;
  std::map<std::tuple<rules::IncidentId, std::uint32_t, std::uint32_t, std::string, rules::PageReason, std::uint64_t>,
           rules::PageId>
      rung_;
  std::map<std::pair<std::string, std::string>, std::vector<SentMessage>> sent_;  // by person and contact
  std::map<rules::MessageId, std::pair<std::string, std::string>> contact_of_message_;
  std::size_t unanswered_requests_{};
};

}  // namespace simulation
