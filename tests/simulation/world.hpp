// What is outside of the daemon: providers, people, monitoring systems. None of them reads anything of the daemon but
// what it says to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/process.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

enum class Mood : std::uint8_t {
  works,
  refuses,      // 4xx
  busy,         // 5xx
  mute,         // takes the request, perhaps delivers it, never answers
  slow,         // delivers, and answers late
  unreachable,  // no connection
};

// A provider's service, on the other side of the network: outlives the daemon's processes and remembers keys.
class ProviderSite {
 public:
  ProviderSite(Agenda& agenda, Chance& chance, Trace& trace, bool honours_keys)
      : agenda_{agenda}, chance_{chance}, trace_{trace}, honours_keys_{honours_keys} {}

  void be(Mood mood) { mood_ = mood; }
  [[nodiscard]] bool honours_keys() const { return honours_keys_; }
  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               const ProcessLife& life,
               std::function<bool()> may_leave,
               std::function<void(channels::TryResult)> done);
  std::function<void(const rules::Send&)> on_ring;

 private:
  void serve(const std::shared_ptr<const rules::Send>& send,
             std::chrono::milliseconds left,
             const ProcessLife& life,
             const std::function<void(channels::TryResult)>& done);
  void ring(const std::shared_ptr<const rules::Send>& send);

  Agenda& agenda_;
  Chance& chance_;
  Trace& trace_;
  bool honours_keys_;
  Mood mood_{Mood::works};
  std::set<std::string> seen_;
};

// Everybody who can be paged. What somebody does about a page is drawn for each page: mostly nothing, or not yet.
// Numbers of incidents that were in memory only are given again when that memory is lost; what somebody meant to do
// about such a number is dropped here, because nothing outside could tell which incident was meant.
class People {
 public:
  People(Agenda& agenda, Chance& chance, Process& process, std::uint64_t& last_request)
      : agenda_{agenda}, chance_{chance}, process_{process}, last_request_{last_request} {}
  void hear(const rules::Send& send);
  void fall_asleep() { asleep_ = true; }  // nobody does anything any more about what rings from now on
  [[nodiscard]] std::size_t unfinished() const { return unfinished_; }

 private:
  void act(Time wait, Verb verb, rules::IncidentId incident, const std::string& by, int tries, std::uint64_t losses);

  Agenda& agenda_;
  Chance& chance_;
  Process& process_;
  std::uint64_t& last_request_;
  bool asleep_{};
  std::size_t unfinished_{};
};

// An Alertmanager with one group of alerts: tells when something has changed, repeats what fires, and tries again as
// the real one does: 0.5 s, times 1.5, plus or minus a half, up to the group interval, then with what is true then.
class Sender {
 public:
  Sender(Agenda& agenda,
         Chance& chance,
         Process& process,
         std::uint64_t& last_request,
         rules::Instant epoch,
         std::string alertname,
         std::string service,
         unsigned members);
  void fire(unsigned member);
  void end(unsigned member);
  [[nodiscard]] bool is_settled() const { return !is_telling_ && !has_news_; }

 private:
  struct Member {
    bool firing{};
    bool end_is_news{};
    Time fired_at{};
    Time ended_at{};
  };
  struct Notification {
    std::vector<ReportedAlert> alerts;
    std::vector<unsigned> ends;
    std::string body;
    Time began{};
    double wait_ms{500};
  };
  void flush();
  void tell(const std::shared_ptr<Notification>& notification);
  void schedule_flush(Time wait);
  [[nodiscard]] std::shared_ptr<Notification> compose() const;
  [[nodiscard]] static std::string body_of(const Notification& notification, std::uint64_t request);

  Agenda& agenda_;
  Chance& chance_;
  Process& process_;
  std::uint64_t& last_request_;
  rules::Instant epoch_;
  std::string alertname_;
  std::string service_;
  std::vector<Member> members_;
  bool is_telling_{};
  bool has_news_{};
  std::uint64_t flush_number_{};
};

}  // namespace simulation
