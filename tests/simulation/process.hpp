// The daemon as one process of the simulated machine: the production engine, recovery, outbox and intake, on a lane of
// rings, turned as two threads would be, each at instants of its own. It can be killed between any two steps.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/journal/memory.hpp"
#include "daemon/outbox/outbox.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

// How likely a crash is at the awkward places, for each time the daemon passes one.
struct Awkward {
  double between_append_and_result{};
  double between_commit_and_apply{};
  double between_apply_and_release{};
  double between_send_and_outcome{};
  double stuck_thread{};
};

// Where providers come from: outside the process, and outliving it. `is_alive` and `later` belong to the process that
// asked: what happens later happens when it is not paused, and not at all when it is dead.
struct ProcessLife {
  std::function<bool()> is_alive;
  std::function<void(Time wait, std::function<void()>)> later;
  std::function<void()> begun;  // a first byte has left
};
using MakeProvider =
    std::function<std::unique_ptr<channels::Provider>(const std::string& channel, std::uint32_t index, ProcessLife)>;

class Process {
 public:
  // Hears the status of the answer, or nothing when the connection broke or was refused.
  using Then = std::function<void(std::optional<int>)>;

  Process(Agenda& agenda,
          Chance& chance,
          SteppedClock& clock,
          Trace& trace,
          DiskWeather& disk,
          Awkward& awkward,
          MakeProvider make_provider,
          std::unique_ptr<journal::MemoryJournal> rows);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Recovers from what the disk holds and comes up. False: recovery refused.
  bool start(std::shared_ptr<const rules::Policy> policy);
  [[nodiscard]] bool is_up() const { return life_ != nullptr; }

  void post_reports(std::uint64_t request, const std::string& body, std::vector<ReportedAlert> alerts, Then then);
  void post_verb(std::uint64_t request, Verb verb, rules::IncidentId incident, const std::string& by, Then then);
  void reload(std::shared_ptr<const rules::Policy> policy);
  void snapshot();
  void crash(Disk::Unsynced unsynced, const std::string& how);
  void stop();  // gracefully; is_up() ends when it is done
  void pause(Time length);

  // How often a life ended that had taken something in memory only: the disk was full, or had failed.
  [[nodiscard]] std::uint64_t memory_losses() const { return memory_losses_; }

  // Nothing queued, nothing under way.
  [[nodiscard]] bool is_idle() const;

 private:
  struct Waiting {
    std::uint64_t request{};
    bool is_verb{};
    Then then;
  };
  struct Life {  // what dies with the process
    std::uint64_t number{};
    std::unique_ptr<Disk> disk;
    std::array<std::unique_ptr<roused::Lane>, 2> lanes;
    std::unique_ptr<roused::Engine> engine;
    std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<channels::Provider>> providers;
    std::unique_ptr<outbox::Outbox> outbox;
    std::deque<rules::SendEnded> outcomes;  // that found the ring full
    std::map<roused::Ticket, Waiting> waiting;
    roused::Ticket last_ticket{};
    std::optional<Time> engine_step_at;
    std::optional<Time> io_step_at;
    std::uint64_t engine_step_number{};
    std::uint64_t io_step_number{};
    Time paused_until{};
    Time engine_stuck_until{};
    bool doomed{};  // dies before anything else happens in it
    bool stopping{};
    bool failing{};
  };

  void wake_engine(Time wait);
  void wake_io(Time wait);
  void engine_step();
  void io_step();
  void take_command(roused::Command&& command);
  void doom(Disk::Unsynced unsynced, const std::string& how);
  void end(std::unique_ptr<journal::MemoryJournal> rows, const std::string& how);
  [[nodiscard]] bool is_drained() const;
  channels::Provider* find_provider(const std::string& channel, std::uint32_t index);
  roused::Ticket wait(std::uint64_t request, bool is_verb, Then then);

  Agenda& agenda_;
  Chance& chance_;
  SteppedClock& clock_;
  Trace& trace_;
  DiskWeather& weather_;
  Awkward& awkward_;
  MakeProvider make_provider_;
  intake::Parser parser_;
  std::unique_ptr<journal::MemoryJournal> rows_;  // between two lives
  std::unique_ptr<Life> life_;
  std::uint64_t lives_{};
  std::uint64_t memory_losses_{};
};

}  // namespace simulation
