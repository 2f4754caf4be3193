// What is outside of the daemon: providers, people, monitoring systems. None of them reads anything of the daemon but
// what it says to them. What each of them draws comes from a stream of its own for each occasion.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/plan.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

// A provider's service, on the other side of the network: outlives the daemon's processes and remembers keys.
class ProviderSite {
 public:
  struct Place {
    std::uint64_t number{};
    std::string channel;
    std::uint32_t index{};
    bool honours_keys{};
  };
  ProviderSite(Agenda& agenda, const Chances& chances, Trace& trace, Place place)
      : agenda_{agenda},
        chances_{chances},
        trace_{trace},
        place_{std::move(place)},
        number_{place_.number},
        honours_keys_{place_.honours_keys} {}

  // For `length`; the mood that came last counts.
  void be(Mood mood, Time length);
  void be_well() { turn(Mood::works); }
  [[nodiscard]] bool honours_keys() const { return honours_keys_; }
  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               const ProcessLife& life,
               std::function<bool()> may_leave,
               std::function<void(channels::TryResult)> done);
  std::function<void(const rules::Send&)> on_ring;
  std::function<void(Mood)> on_try;
  // What became of a message, told after it was taken; empty: it tells nothing.
  std::function<void(rules::DeliveryReported)> on_word;

 private:
  struct Try {
    std::shared_ptr<const rules::Send> send;
    std::chrono::milliseconds limit{};
    std::chrono::milliseconds left{};  // of the limit, once there is a connection
    ProcessLife life;
    std::function<void(channels::TryResult)> done;
    bool is_over{};  // the outbox has an outcome, or has given it up
  };
  void serve(const std::shared_ptr<Try>& one, Chance chance);
  void answer(const std::shared_ptr<Try>& one, Time wait, channels::TryResult result);
  void ring(const std::shared_ptr<const rules::Send>& send);
  void turn(Mood mood);
  void tell(const rules::Send& send, rules::Delivery delivery, Chance& chance, Time at_most);

  Agenda& agenda_;
  const Chances& chances_;
  Trace& trace_;
  Place place_;
  std::uint64_t number_;
  bool honours_keys_;
  Mood mood_{Mood::works};
  std::uint64_t mood_number_{};
  std::set<std::string> seen_;
  std::map<std::uint64_t, std::uint64_t> tries_;  // by occasion
  std::map<std::uint64_t, std::uint64_t> rung_;   // so, too
};

// Everybody who can be paged. What somebody does about a page is drawn for each page: mostly nothing, or not yet.
// Numbers of incidents that were in memory only are given again when that memory is lost; what somebody meant to do
// about such a number is dropped here, because nothing outside could tell which incident was meant.
class People {
 public:
  People(Agenda& agenda, const Chances& chances, Process& process, std::uint64_t& last_request, bool react, bool reply)
      : agenda_{agenda},
        chances_{chances},
        process_{process},
        last_request_{last_request},
        react_{react},
        reply_{reply} {}
  void hear(const rules::Send& send);
  // What nobody was asked for. False: there is no incident that it could be about.
  bool write(std::uint64_t person, ReplyOf what);
  bool update(std::uint64_t person);
  bool follow(std::uint64_t person, bool wanted);
  // Somebody does something of their own accord, to an incident that was shown lately. False: none was.
  bool do_something(std::uint64_t person, std::uint64_t deed);
  void fall_asleep() { asleep_ = true; }  // nobody does anything any more about what rings from now on
  [[nodiscard]] std::size_t unfinished() const { return unfinished_; }
  std::function<void(Verb)> on_verb;

 private:
  struct Deed {
    Verb verb{};
    rules::IncidentId incident;
    std::string by;
    int tries{};
    std::uint64_t losses{};
  };
  void act(Time wait, Deed deed);
  void say(const Deed& deed);
  void reply(const rules::Send& send, const rules::PageFacts& page, Verb verb, Time wait, Chance& chance);
  void post(rules::Replied reply, Time wait, Chance& chance);

  Agenda& agenda_;
  const Chances& chances_;
  Process& process_;
  std::uint64_t& last_request_;
  bool react_;
  bool reply_;
  std::uint64_t last_reply_{};
  bool asleep_{};
  std::size_t unfinished_{};
  std::map<std::uint64_t, std::uint64_t> heard_;  // by occasion
  struct Shown {
    rules::IncidentId incident;
    std::uint64_t losses{};
  };
  std::deque<Shown> shown_;  // the newest last
};

// The alerts of one alertname, and the monitoring system that tells of them. The alerts' true state is kept here, also
// while the system is away.
class Sender {
 public:
  Sender(Agenda& agenda,
         const Chances& chances,
         Process& process,
         std::uint64_t& last_request,
         rules::Instant epoch,
         std::uint64_t number,
         const GroupPlan& plan);
  virtual ~Sender() = default;
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // False: it was so already.
  bool fire(unsigned member);
  bool end(unsigned member);
  bool rise(unsigned member);
  void die(Time length, bool forgets);
  void babble();  // says what nobody can read
  [[nodiscard]] virtual bool is_settled() const = 0;

 protected:
  struct Series {  // a member at one severity
    bool firing{};
    Time fired_at{};
    Time ended_at{};
    bool ever{};
  };
  virtual void news(std::size_t series) = 0;
  virtual void went_away() = 0;
  virtual void came_back(bool forgot) = 0;
  [[nodiscard]] bool is_away() const { return away_; }
  [[nodiscard]] static std::size_t series_of(unsigned member, bool warning) {
    return 2U * member + (warning ? 1U : 0U);
  }
  [[nodiscard]] std::string labels_of(std::size_t series) const;
  [[nodiscard]] ReportedAlert reported(std::size_t series, bool firing) const;
  [[nodiscard]] std::string print(Time time) const;
  [[nodiscard]] Chance chance(std::string_view what) const {
    return chances_.of(what, number_, agenda_.now() / std::chrono::seconds{1});
  }
  // `body` has an '@' where the number of the request goes.
  void post(const std::string& path,
            const std::string& body,
            const std::vector<ReportedAlert>& alerts,
            bool is_twin,
            Time patience,
            Process::Then then);

  Agenda& agenda_;
  const Chances& chances_;
  Process& process_;
  std::uint64_t& last_request_;
  rules::Instant epoch_;
  std::uint64_t number_;
  GroupPlan plan_;
  std::string alertname_;
  std::vector<Series> series_;

 private:
  bool away_{};
  std::uint64_t death_number_{};
};

// An Alertmanager with one group of alerts, as measured: it tells a flush of what has changed, or after the repeat
// interval; tries 5xx and broken connections again after 0.5 s, times 1.5, plus or minus a half, until the group
// interval (10 s at least) is over, and then begins anew with what is true then; takes any 4xx for final until the next
// flush; and never tells of an end whose beginning it could not tell.
class Alertmanager final : public Sender {
 public:
  using Sender::Sender;
  [[nodiscard]] bool is_settled() const override { return !is_telling_; }

 private:
  struct Notification {
    std::vector<std::size_t> firing;
    std::vector<std::size_t> resolved;
    std::vector<ReportedAlert> alerts;
    std::string body;
    Time began{};
    Time until{};
    double wait_ms{500};
    double twins_wait_ms{500};
    std::uint64_t number{};
  };
  struct Told {  // its notification log
    std::set<std::size_t> firing;
    std::set<std::size_t> resolved;
    Time at{};
  };
  void news(std::size_t series) override;
  void went_away() override;
  void came_back(bool forgot) override;
  void flush();
  void flush_after(Time wait);
  [[nodiscard]] bool must_tell(const Notification& notification) const;
  [[nodiscard]] std::shared_ptr<Notification> compose();
  void tell(const std::shared_ptr<Notification>& notification);
  void tell_again(const std::shared_ptr<Notification>& notification);
  void flushed(const std::shared_ptr<Notification>& notification, bool well);

  std::set<std::size_t> known_;  // of the group, also ended ones that were not told yet
  std::optional<Told> told_;
  bool is_running_{};
  bool is_telling_{};
  std::uint64_t life_{};
  std::uint64_t notifications_{};
  Time next_flush_{};
};

// A Prometheus that posts straight to the API: what fires every minute, with an end four minutes ahead; what has ended
// for 15 minutes more. One attempt each, one at a time; when too many wait, the oldest are dropped.
class Prometheus final : public Sender {
 public:
  using Sender::Sender;
  [[nodiscard]] bool is_settled() const override { return !is_posting_ && queue_.empty(); }

 private:
  struct Batch {
    std::string body;
    std::vector<ReportedAlert> alerts;
  };
  void news(std::size_t series) override;
  void went_away() override;
  void came_back(bool forgot) override;
  void evaluate();
  void evaluate_after(Time wait);
  void post_next();

  std::map<std::size_t, Time> sent_at_;
  std::deque<Batch> queue_;
  bool is_evaluating_{};
  bool is_posting_{};
  std::uint64_t life_{};
};

[[nodiscard]] std::unique_ptr<Sender> make_sender(Agenda& agenda,
                                                  const Chances& chances,
                                                  Process& process,
                                                  std::uint64_t& last_request,
                                                  rules::Instant epoch,
                                                  std::uint64_t number,
                                                  const GroupPlan& plan);

}  // namespace simulation
