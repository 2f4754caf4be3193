// What the contract asks for, said a second time: told the events that the disk committed, it says which messages must
// leave at each of them, to whom, with which pages, and when the next one is due by itself. Written from the contract
// for what the simulated team's policy uses, naively: plain maps walked from end to end, one list of deadlines, no
// codec, no wheel, no indexes, no timeline. Nothing of it is shared with the engine but the words: events, policies,
// labels, which route an alert takes and who is on call (tables and policy tests prove those two).
//
// One thread; owned by the observers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"
#include "rules/roster.hpp"
#include "rules/time.hpp"

namespace simulation {

class Contract {
 public:
  using Address = std::pair<std::string, std::string>;  // person, contact

  struct Page {
    rules::PageId id;
    rules::IncidentId incident;
    std::string person;
    std::string contact;
    rules::PageReason reason{};
    std::uint32_t step{};
    std::uint32_t round{};
    std::uint32_t call{};
    rules::Instant queued_at;
    bool first{};
    bool marked{};
    rules::MessageId message;  // 0: it waits
  };
  struct Notice {
    rules::IncidentId incident;
    rules::NoticeKind kind{};
    std::string by;
  };
  // One try of one provider that must be made now.
  struct Ask {
    rules::MessageId message;
    std::uint32_t provider{};
    Address to;
    bool marked{};
    std::vector<Page> pages;
    std::vector<Notice> notices;
    rules::Instant composed_at;
  };
  struct Answer {
    std::vector<Ask> asks;
    std::vector<rules::MessageId> withdrawn;
    std::optional<rules::VerdictCode> verdict;
    // Acknowledged or resolved: none of their pages up to this one may begin any more.
    std::vector<std::pair<rules::IncidentId, std::uint64_t>> closed;
  };

  [[nodiscard]] Answer take(const rules::Event& event, rules::Stamp stamp);

  // The earliest instant at which something must happen by itself.
  [[nodiscard]] std::optional<rules::Instant> next_due() const;

  struct AlertNow {
    std::string group;  // alertname
    std::string instance;
    bool firing{};
  };
  struct IncidentNow {
    rules::IncidentId id;
    rules::IncidentState state{};
    rules::Urgency urgency{};
    std::vector<AlertNow> alerts;
    bool waits{};  // for group_wait
  };
  [[nodiscard]] std::vector<IncidentNow> incidents() const;
  [[nodiscard]] std::optional<IncidentNow> incident(rules::IncidentId id) const;
  [[nodiscard]] std::uint64_t last_page() const { return last_page_; }
  [[nodiscard]] std::uint64_t last_message() const { return last_message_; }
  [[nodiscard]] const rules::Policy* policy() const { return policy_.get(); }
  // Messages that have been asked for and have no outcome on the disk.
  [[nodiscard]] bool is_under_way(rules::MessageId id) const { return messages_.contains(id); }

 private:
  using Instant = rules::Instant;
  using Duration = rules::Duration;
  enum class Due : std::uint8_t { wait, rule, ack_over, snooze_over, group_wait, flush, expiry, set_aside };
  using Handle = std::optional<std::pair<Instant, std::uint64_t>>;
  struct Deadline {
    Due kind{};
    rules::IncidentId incident;
    std::uint32_t call{};
    Address contact;
    std::size_t episode{};
    std::string variant;
  };
  [[nodiscard]] static Deadline of_incident(Due kind, rules::IncidentId incident, std::uint32_t call = 0) {
    return {.kind = kind, .incident = incident, .call = call, .contact = {}, .episode = 0, .variant = {}};
  }

  struct Variant {
    rules::Labels labels;
    bool firing{};
    std::uint8_t severity{};
    std::optional<Instant> starts_at;
    Instant refreshed_at;
    std::string source;
    std::optional<Instant> expires_at;
    std::optional<Instant> expiry_due;
  };
  struct Episode {
    std::size_t number{};
    std::string key;
    bool open{};
    bool watched{};
    std::vector<Variant> variants;
    rules::IncidentId incident;
  };
  struct KnownEnd {
    Instant ends_at;
    Handle deadline;
    std::optional<rules::Report> set_aside;
    std::string source;
    rules::ReportForm form{};
  };
  struct Call {
    std::uint32_t number{};
    std::string person;
    rules::PageReason reason{};
    bool beside{};
    bool low{};
    std::uint32_t step{};
    std::uint32_t round{};
    std::uint64_t entry{};
    Instant started;
    std::vector<rules::NotifyRule> rules;
    std::size_t next_rule{};
    Handle deadline;
    std::uint32_t open_pages{};
    bool reached{};
    bool doubtful{};
    bool ended{};
  };
  enum class Phase : std::uint8_t { idle, climbing, last_resort, begins_again };
  struct Incident {
    rules::IncidentId id;
    std::string tree;
    rules::Urgency urgency{};
    rules::IncidentState state{};
    std::string by;
    bool by_hand{};
    bool snoozed{};
    Instant resolved_at;
    Instant acknowledged_at;
    std::uint8_t severity{};
    std::uint8_t severity_acknowledged{};
    std::size_t firing{};
    std::size_t firing_acknowledged{};
    std::vector<std::size_t> episodes;
    std::optional<Instant> waits_until;
    Handle group_wait;
    Handle acknowledgement;
    rules::PageReason reason{};
    std::vector<Address> paged;
    // The climb.
    Phase phase{};
    bool running{};
    std::uint32_t last_call{};
    std::uint32_t step{};
    std::uint32_t round{};
    bool anybody{};
    std::uint64_t entry{};
    std::vector<std::string> people;
    std::vector<rules::Target> targets;
    Handle wait;
    std::deque<Call> calls;
  };
  struct Message {
    Address to;
    std::string channel;
    std::uint32_t provider{};
    bool marked{};
    bool unanswered{};
    bool withdrawn{};
    Instant composed_at;
    std::vector<rules::PageId> alive;
    std::vector<Page> pages;
    std::vector<Notice> notices;
  };
  struct Queue {
    std::vector<rules::PageId> pages;
    std::vector<Notice> notices;
    std::vector<Instant> sent;
    Instant last_sent;
    bool ever_sent{};
    Handle flush;
    Instant flush_at;
  };
  struct Entry {
    rules::PageReason reason{};
    std::uint32_t step{};
    std::uint32_t round{};
    bool beside{};
    bool low{};
  };

  [[nodiscard]] Instant at() const { return now_.at; }
  Handle arm(Instant due, Deadline what);
  void disarm(Handle& handle);
  [[nodiscard]] const rules::CallTree& tree(const Incident& incident) const;
  [[nodiscard]] std::vector<std::string> on_call(const std::vector<rules::Target>& targets);
  [[nodiscard]] const rules::Route& route(const rules::Labels& labels) const;
  [[nodiscard]] std::string alert_key(const rules::Labels& labels) const;
  [[nodiscard]] static std::string variant_key(const rules::Labels& labels);
  [[nodiscard]] std::uint8_t severity(const rules::Labels& labels) const;
  Episode* open_episode(const std::string& key);

  void on(const rules::PolicyLoaded& loaded);
  void on(const rules::Started& started);
  void on(const rules::ReportsArrived& arrived);
  void on(const rules::Acknowledge& verb);
  void on(const rules::Escalate& verb);
  void on(const rules::Snooze& verb);
  void on(const rules::CallIn& verb);
  void on(const rules::Resolve& verb);
  void on(const rules::Note& verb);
  void on(const rules::SendEnded& ended);
  void on(const rules::ClockReached& reached);
  void on(const rules::ClockStepped& /*stepped*/) {}
  void on(const rules::Reconciled& /*listed*/) {}
  void on(const rules::SenderAcknowledged& /*said*/) {}
  void on(const rules::BatchRefused& /*refused*/) {}
  void on(const rules::Beat& /*beat*/) {}
  void on(const rules::SilenceSet& /*verb*/) {}
  void on(const rules::SilenceExpired& /*verb*/) {}
  void fire_deadline(const Deadline& deadline);

  // Alerts.
  void fire(const rules::Report& report, const std::string& source, rules::ReportForm form);
  void end(const rules::Report& report);
  void refresh(Episode& episode,
               Variant& variant,
               const rules::Report& report,
               const std::string& source,
               rules::ReportForm form);
  void end_variant(Episode& episode, Variant& variant);
  void place(Episode& episode);
  void rise(Episode& episode, const Variant& variant);
  void refreshed_by_hand(Episode& episode);
  void settle_severity(Incident& incident);
  void expiry_due(std::size_t episode, const std::string& variant);
  void set_aside_due(const std::string& variant);

  // Incidents.
  Incident* open_for_verb(rules::IncidentId id);
  void begin(Incident& incident, const rules::Route& route, rules::PageReason reason, bool at_once);
  void reopen(Incident& incident, const rules::Route& route, rules::Urgency urgency, bool at_once);
  void close(Incident& incident, bool by_hand, const std::string& by);
  void acknowledge(Incident& incident, const std::string& by, Duration lasts, bool is_snooze);
  void judge_acknowledgement(Incident& incident, bool from_step_1, bool has_news);
  void let_acknowledgement_run_out(Incident& incident);
  void acknowledgement_over(Incident& incident, bool was_snooze);
  void group_wait_over(Incident& incident);

  // The climb.
  void start_climb(Incident& incident, rules::PageReason reason);
  void stop_climb(Incident& incident);
  void stop_entry(Incident& incident);
  void trigger_again(Incident& incident, rules::PageReason reason, const std::string& holder, bool from_step_1);
  void go_on(Incident& incident);
  void enter(
      Incident& incident, std::uint32_t step, std::uint32_t round, bool is_first, std::vector<std::string> also = {});
  void call_last_resort(Incident& incident, const std::vector<std::string>& also);
  void begin_again_later(Incident& incident);
  void tell_once(Incident& incident, std::uint32_t step, const std::vector<std::string>& also = {});
  void begin_entry(Incident& incident, const std::vector<rules::Target>& targets);
  void call_all(Incident& incident, const std::vector<std::string>& people, const Entry& entry);
  void call(Incident& incident, const std::string& person, const Entry& entry);
  bool run_next_rule(Incident& incident, Call& call);
  void run_rules(Incident& incident, Call& call, bool next_at_once);
  void page_ended(const Page& page, rules::SendOutcome outcome);
  void settle_call(Incident& incident, std::uint32_t number);
  [[nodiscard]] static bool nobody_reachable(const Incident& incident);
  static Call* find_call(Incident& incident, const std::string& person);
  static Call* find_call(Incident& incident, std::uint32_t number);

  // The desk.
  void queue_notices(const Incident& incident, rules::NoticeKind kind, const std::string& by);
  void cancel_pages(Incident& incident, const std::string* person);
  void settle_desk();
  void leave(const Address& to, std::vector<rules::MessageId>& leaving);
  [[nodiscard]] Instant may_leave_at(Queue& queue) const;
  [[nodiscard]] bool has_provider(const Message& message, std::uint32_t index) const;
  void uncount(Queue& queue, Instant composed_at) const;
  void ask(rules::MessageId id);
  void end_message(rules::MessageId id, rules::SendOutcome outcome);
  void put_back(rules::MessageId id);
  void send_remainder(rules::MessageId id);

  std::shared_ptr<const rules::Policy> policy_;
  rules::Roster roster_;
  rules::Stamp now_;
  Instant started_at_;
  Answer answer_;
  std::map<std::pair<Instant, std::uint64_t>, Deadline> deadlines_;
  std::uint64_t armed_{};
  std::deque<Episode> episodes_;
  std::map<std::string, KnownEnd> known_ends_;
  std::map<std::string, std::vector<Instant>> heard_;
  std::map<rules::IncidentId, Incident> incidents_;
  std::map<std::string, rules::IncidentId> by_key_;
  std::map<rules::PageId, Page> pages_;
  std::map<rules::MessageId, Message> messages_;
  std::map<Address, Queue> queues_;
  std::set<Address> touched_;
  std::set<rules::IncidentId> stale_;
  std::uint64_t last_incident_{};
  std::uint64_t last_page_{};
  std::uint64_t last_message_{};
};

}  // namespace simulation
