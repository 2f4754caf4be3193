// The daemon as one process of the simulated machine: the production engine, fronts, recovery, outbox and snapshotter,
// turned as the daemon turns them, either all on one thread or the engine on its own beside two I/O threads, each at
// instants of its own. It can be killed between any two steps.
//
// Nothing wakes a sleeping engine but what wakes it in production: its timer, the journal, a front's call of
// wake_engine when it has announced its sleep, and what it sees queued when it does.
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

#include "daemon/api/metrics.hpp"
#include "daemon/engine.hpp"
#include "daemon/front.hpp"
#include "daemon/journal/memory.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/recovery.hpp"
#include "daemon/snapshotter.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/team.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

// Where providers come from: outside the process, and outliving it. `is_alive` and `later` belong to the process that
// asked: what happens later happens when it is not paused, and not at all when it is dead.
struct ProcessLife {
  std::function<bool()> is_alive;
  std::function<void(Time wait, std::function<void()>)> later;
  std::function<void()> begun;  // a first byte has left
};
using MakeProvider =
    std::function<std::unique_ptr<channels::Provider>(const std::string& channel, std::uint32_t index, ProcessLife)>;

// A request as it comes over a connection.
struct Question {
  std::string method;
  std::string path;
  std::string query;
  std::string body;
  std::string peer;
  std::uint64_t request{};
  std::optional<What> arrival;  // the row that says it has come
  bool is_listened_to{};        // what is answered goes to the trace as it is
};

// What the daemon draws from the kernel: the jitter of its tries.
class Jitter final : public roused::Random {
 public:
  Jitter(const Agenda& agenda, const Chances& chances) : agenda_{agenda}, chances_{chances} {}
  std::uint64_t next() override {
    if (agenda_.now() != last_) drawn_ = 0;
    last_ = agenda_.now();
    return chances_.of("jitter", agenda_.now() / std::chrono::seconds{1}, ++drawn_).next();
  }

 private:
  const Agenda& agenda_;
  const Chances& chances_;
  Time last_{};
  std::uint64_t drawn_{};  // at this instant
};

struct ProcessOptions {
  bool one_thread{};
  bool small_backlog{};
};

class Process {
 public:
  // Hears the status of the answer, or nothing when the connection broke, was refused, or the asker's patience ended.
  using Then = std::function<void(std::optional<int>)>;
  // What a reload finds: a configuration, or what is wrong with the file.
  using Load = roused::LoadConfiguration;

  struct Surroundings {
    Agenda& agenda;
    const Chances& chances;
    const SteppedClock& clock;
    Trace& trace;
    DiskWeather& disk;
    MakeProvider make_provider;
    Load load;
    std::function<void(Time away)> ended;  // a life is over; whoever keeps the daemon running comes after `away`
    std::function<void(Place)> crashed_at;
  };
  Process(Surroundings surroundings, ProcessOptions options, std::unique_ptr<journal::MemoryJournal> rows);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Recovers from what the disk holds, which takes a while, and comes up. `version` 0 = this build's behaviour.
  void start(std::shared_ptr<const rules::Policy> policy, std::uint32_t version);
  // From the beginning of its recovery on.
  [[nodiscard]] bool exists() const { return is_starting_ || life_ != nullptr; }
  [[nodiscard]] bool is_up() const { return life_ != nullptr; }
  [[nodiscard]] bool has_refused() const { return has_refused_; }

  void ask(Question question, Time patience, Then then);

  // Faults. False: there was nothing that it could befall.
  bool crash(Disk::Unsynced unsynced, const std::string& how, Time away);
  bool stop(Time away);  // gracefully
  bool pause(Time length, bool whole_machine);
  bool stall(bool first_lane, Time length);
  void arm_crash(Place place, std::uint64_t passage, Time away);
  void arm_stall(Place place, std::uint64_t passage, Time length);
  void disarm();  // nothing that waits for its place comes any more, and every answer arrives
  bool reload_by_signal();
  bool snapshot();
  bool damage_snapshot();

  // What somebody at the daemon's own machine says. False: it is not there.
  bool tell(rules::Event event);
  bool end_silence(std::uint64_t place);  // of those that a reader sees

  // How often a life ended that had taken something in memory only: the disk was full, or had failed.
  [[nodiscard]] std::uint64_t memory_losses() const { return memory_losses_; }

  // Nothing queued, nothing under way.
  [[nodiscard]] bool is_idle() const;

 private:
  static constexpr std::size_t engine_thread = 2;
  struct Thread {
    std::optional<Time> step_at;
    std::uint64_t step_number{};
    std::uint64_t timer_number{};  // a timer of another number has been taken back
    Time stuck_until{};
    bool is_woken{};   // a loop: wake() was called
    bool is_asleep{};  // the engine: has announced its sleep
    bool has_token{};  // the engine: wake() was called, so that its next sleep does not begin
  };
  struct Asked {
    Question question;
    Then then;
    std::size_t lane{};
    bool has_come{};
    std::shared_ptr<net::PaddedBuffer> body;
  };
  struct Life {  // what dies with the process
    std::uint64_t number{};
    std::unique_ptr<Disk> disk;
    std::vector<std::unique_ptr<roused::Lane>> lanes;
    std::unique_ptr<roused::Engine> engine;
    std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<channels::Provider>> providers;
    std::unique_ptr<outbox::Outbox> outbox;
    roused::PolicyBoard board;
    api::Metrics metrics;
    std::unique_ptr<roused::Snapshotter> snapshotter;
    std::vector<std::unique_ptr<roused::Front>> fronts;
    std::array<Thread, 3> threads;
    std::array<std::deque<std::uint64_t>, 2> inbox;  // serial numbers of what has come over each lane's connections
    std::map<std::uint64_t, Asked> asked;            // by serial number
    Time paused_until{};
    Time unreachable_until{};
    std::uint64_t policy_seen{};
    std::size_t orders_taken{};  // by the outbox, in this turn
    bool is_first_row_under_way{};
    bool doomed{};  // dies before anything else happens in it
    bool is_told_to_stop{};
    bool is_told_to_reload{};
    bool stopping{};
    bool has_failed_before{};
    bool refuses{};
    Time stop_began{};
    Time away{};
  };
  struct Armed {  // a crash or a stall that waits for its place
    bool is_crash{};
    Place place{};
    std::uint64_t passages{};  // still to come, this one included
    Time length{};
  };
  enum class Fate : std::uint8_t { goes_on, dies, stands_still };

  void come_up(std::shared_ptr<const rules::Policy> policy, std::uint32_t version);
  void make_engine(roused::Recovered recovered);
  void make_front(std::size_t lane, std::uint64_t seed);
  [[nodiscard]] bool is_inline() const { return options_.one_thread; }
  [[nodiscard]] bool is_this(std::uint64_t life) const {
    return life_ != nullptr && life_->number == life && !life_->doomed;
  }
  [[nodiscard]] Chance chance(std::string_view what) const { return around_.chances.at(what, around_.agenda.now()); }
  [[nodiscard]] Time earliest(std::size_t thread) const;
  void plan_step(std::size_t thread, Time wait);
  void plan_timer(std::size_t thread, std::optional<Time> wait);
  void step(std::size_t thread);
  void wake_loop(std::size_t lane);
  void wake_journal();
  void notify_engine();
  void engine_step();
  void fall_asleep();
  [[nodiscard]] std::optional<bool> engine_turn(std::size_t thread);
  void loop_step(std::size_t lane);
  [[nodiscard]] bool turn_first();
  void set_timer();
  void begin_to_stop();
  [[nodiscard]] bool look_whether_done();
  void serve(std::uint64_t serial);
  void answered(std::uint64_t life, std::uint64_t serial, const net::Response& response);
  void give_up(std::uint64_t life, std::uint64_t serial);
  void say(const std::string& text);
  [[nodiscard]] std::optional<Armed> pass(Place place);
  [[nodiscard]] Fate fate_at(Place place, std::size_t thread, Disk::Unsynced unsynced);
  void die_within(Place place, Time at_most, const std::string& how);
  void doom(Disk::Unsynced unsynced, const std::string& how, Time away);
  void end(std::unique_ptr<journal::MemoryJournal> rows, const std::string& how, Time away);
  channels::Provider* find_provider(const std::string& channel, std::uint32_t index);

  Surroundings around_;
  ProcessOptions options_;
  Jitter jitter_;
  std::unique_ptr<journal::MemoryJournal> rows_;  // between two lives
  std::unique_ptr<Life> life_;
  std::vector<Armed> armed_;
  std::uint64_t lives_{};
  std::uint64_t last_serial_{};
  std::uint64_t start_number_{};
  std::uint64_t memory_losses_{};
  std::uint64_t known_sequence_{};  // of the last row that a trace has heard of
  std::optional<Time> marked_at_;   // last_resort was told of a journal that failed
  bool answers_get_lost_{};         // now and then one leaves and never arrives
  bool is_starting_{};
  bool has_refused_{};
};

}  // namespace simulation
