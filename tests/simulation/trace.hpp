// What an outside observer of a run can see: what went into the daemon, what came out of it, what its disk committed,
// and when. All that is judged is judged from these rows alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/channels/provider.hpp"
#include "daemon/journal/journal.hpp"
#include "rules/codec/codec.hpp"
#include "rules/effect.hpp"
#include "rules/view.hpp"
#include "tests/simulation/agenda.hpp"

namespace simulation {

enum class Verb : std::uint8_t { acknowledge, snooze, escalate, resolve, call, note };

// One alert as a sender's body has it.
struct ReportedAlert {
  std::string group;  // its alertname
  std::string name;   // group/instance
  bool firing{};
  std::string severity;
};

struct ReportsCame {
  std::uint64_t request{};
  bool api_v2{};
  std::vector<ReportedAlert> alerts;
};
struct VerbCame {
  std::uint64_t request{};
  Verb verb{};
  rules::IncidentId incident;
  std::string by;
  std::string who;  // of a call
};
// An answer left the daemon: from here on whoever asked may rely on it.
struct Answered {
  std::uint64_t request{};
  int status{};
};
// The connection broke without an answer.
struct Unanswered {
  std::uint64_t request{};
};
struct AppendBegan {};
// A row that is on the disk for good: acknowledged, or found there by a recovery.
struct Committed {
  std::uint64_t sequence{};
  bool found{};
  std::shared_ptr<const std::vector<codec::StampedEvent>> events;
};
struct DiskRefused {
  journal::Outcome outcome{};
};
// A message has come to the door of a provider.
struct TryAsked {
  std::shared_ptr<const rules::Send> send;
};
// Its first byte has left.
struct TryBegan {
  std::shared_ptr<const rules::Send> send;
};
struct TryEnded {
  std::shared_ptr<const rules::Send> send;
  channels::TryOutcome outcome{};
};
// The outbox has said of a message that this provider does not take it: after tries, or without one.
struct Refused {
  rules::MessageId message;
  std::uint32_t provider{};
};
// It rang at the person.
struct Reached {
  std::shared_ptr<const rules::Send> send;
};
struct DaemonStarted {
  rules::Instant wall;
  std::shared_ptr<const rules::IncidentList> list;  // as GET /v1/incidents shows it
  std::uint64_t sequence{};                         // of the last row that was found
  std::uint64_t digest{};                           // of the state, recovered from the newest snapshot on
  std::uint64_t digest_again{};                     // recovered a second time
};
struct RecoveryRefused {
  std::string why;
};
struct DaemonEnded {
  std::string how;
  std::uint64_t sequence{};                    // of the last row it had applied
  std::optional<std::uint64_t> live_digest{};  // of its state, when nothing in it was in memory only
};
struct DaemonPaused {
  Time length{};
};
struct DaemonResumed {};
struct DaemonStops {};  // it is told to, and takes its time
struct WallStepped {
  rules::Duration by{};
};
// The daemon says that all it had in memory only is on the disk.
struct RoomAgain {};
// A text that left the process by another way than a page: an answer's body, a line of the log.
struct Said {
  std::string where;  // "GET /metrics", "log"
  std::string text;
};
struct FaultsOver {};
// From here on a provider works, or does not; at the beginning all do.
struct ProviderTurned {
  std::string channel;
  std::uint32_t provider{};
  bool works{};
  std::string mood;
};
struct Remark {
  std::string text;
};

using What = std::variant<ReportsCame,
                          VerbCame,
                          Answered,
                          Unanswered,
                          AppendBegan,
                          Committed,
                          DiskRefused,
                          TryAsked,
                          TryBegan,
                          TryEnded,
                          Refused,
                          Reached,
                          DaemonStarted,
                          RecoveryRefused,
                          DaemonEnded,
                          DaemonPaused,
                          DaemonResumed,
                          DaemonStops,
                          WallStepped,
                          RoomAgain,
                          Said,
                          FaultsOver,
                          ProviderTurned,
                          Remark>;

struct Row {
  Time time{};
  What what;
};

struct Violation {
  std::string invariant;  // "I1" ...
  std::string text;
  std::size_t row{};  // at which it was seen
};

class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;
  virtual void see(const Row& row) = 0;
};

class Trace {
 public:
  Trace(const Agenda& agenda, Observer& observer) : agenda_{agenda}, observer_{observer} {}
  void add(What what) {
    rows_.push_back(Row{.time = agenda_.now(), .what = std::move(what)});
    observer_.see(rows_.back());
  }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  const Agenda& agenda_;
  Observer& observer_;
  std::vector<Row> rows_;
};

[[nodiscard]] std::string print_time(Time time);
[[nodiscard]] std::string print(const Row& row);  // one line of the table
[[nodiscard]] std::string_view name_of(Verb verb);

}  // namespace simulation
