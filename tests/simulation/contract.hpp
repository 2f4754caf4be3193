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
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"
#include "rules/roster.hpp"
#include "rules/time.hpp"

namespace simulation {

// What keeps an alert back.
enum class HoldKind : std::uint8_t {
  group_wait,
  hold,
  startup_grace,
  recovery_grace,
  silence,
  maintenance,
  inhibition,
  parent,
  storm
};
inline constexpr std::size_t hold_kinds = static_cast<std::size_t>(HoldKind::storm) + 1;
[[nodiscard]] std::string_view name_of(HoldKind kind);

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
    std::string text;
    std::string turn;  // of a turn at risk: which one
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

  // `named`: the id that the daemon gave to a new silence, which is its own to choose.
  [[nodiscard]] Answer take(const rules::Event& event, rules::Stamp stamp, const std::string& named = "");

  // The key that the daemon gave to a message, which is its own to choose.
  void learn_key(rules::MessageId id, const std::string& key) { keys_[id] = key; }

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
    bool is_held{};
    std::set<HoldKind> held_by;  // while it is held
  };
  [[nodiscard]] std::vector<IncidentNow> incidents() const;
  [[nodiscard]] std::optional<IncidentNow> incident(rules::IncidentId id) const;
  // How often something began to keep an incident back, or happened to one, since the run began: by its name.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& met() const { return met_; }
  [[nodiscard]] std::uint64_t last_page() const { return last_page_; }
  [[nodiscard]] std::uint64_t last_message() const { return last_message_; }
  [[nodiscard]] const rules::Policy* policy() const { return policy_.get(); }
  // Messages that have been asked for and have no outcome on the disk.
  [[nodiscard]] bool is_under_way(rules::MessageId id) const { return messages_.contains(id); }
  // Pages that wait, or are in such a message.
  [[nodiscard]] const std::map<rules::PageId, Page>& pages() const { return pages_; }
  // Of high urgency, and neither held nor had by anybody: somebody must be called for it.
  [[nodiscard]] std::vector<rules::IncidentId> calling() const;
  // Whose contact this is, by a telephone's digits or by the address as it is; nullptr: a stranger's.
  [[nodiscard]] const rules::Person* whose(const std::string& channel, const std::string& address) const;

 private:
  using Instant = rules::Instant;
  using Duration = rules::Duration;
  using Urgency = rules::Urgency;
  enum class Due : std::uint8_t {
    wait,
    rule,
    ack_over,
    snooze_over,
    group_wait,
    flush,
    expiry,
    set_aside,
    calm,
    folding,
    heartbeat,
    refusals,
    turns
  };
  using Handle = std::optional<std::pair<Instant, std::uint64_t>>;
  struct Deadline {
    Due kind{};
    rules::IncidentId incident;
    std::uint32_t call{};
    Address contact;
    std::size_t episode{};
    std::string variant;  // or the alert key, call tree, heartbeat or source that it is about
  };
  [[nodiscard]] static Deadline named(Due kind, std::string name) {
    return {.kind = kind, .incident = {}, .call = 0, .contact = {}, .episode = 0, .variant = std::move(name)};
  }
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
    bool own{};                      // the daemon's own alert
    std::optional<Instant> startup;  // it came so soon after a restart: until then
    std::set<std::tuple<HoldKind, rules::IncidentId, std::string>> lasting;  // what keeps it back without a span
    std::set<std::pair<Instant, Urgency>> graces;  // what kept it back has ended, and it waits until then
    Instant looked_at{};                           // spans that ended up to here keep it back no more
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
  // A page, for as long as its incident is known.
  struct Record {
    std::string person;
    Instant queued_at;
    bool marked{};
    bool has_arrived{};  // or may have
  };
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
    // Held.
    std::string service;                          // of the alert that opened it
    Instant began;                                // it opened or reopened
    std::set<rules::IncidentId> had_by_somebody;  // open when it began, and acknowledged
    rules::PageReason began_as{};
    bool climb_due{};
    bool held{};
    std::set<HoldKind> held_by;           // what it is held by, while it is
    bool kept_by_alerts{};                // each of its alerts is kept back
    std::set<rules::IncidentId> kept_by;  // and by whom
    bool kept_for_more{};                 // than a wait, since it began
    bool called{};                        // somebody, since it began
    bool heard{};                         // somebody was called or acknowledged it
    bool climbed{};                       // somebody was called by its tree, or acknowledged it
    std::map<rules::PageId, Record> records;
    std::vector<std::string> followers;
    bool published{};
    bool limit{};  // it keeps nobody back any more
    bool waived{};
    std::optional<Due> late;  // an acknowledgement ran out while it was held
    std::string storm;        // folded into that of this call tree
    std::size_t members_acknowledged{};
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
  // One that its provider took, or may have.
  struct Taken {
    Address to;
    std::string channel;
    std::uint32_t provider{};
    std::vector<Page> pages;
    bool is_delivered{};
    bool has_failed{};
    bool is_heard{};
  };
  // What was said last of a contact, and before which turns it was told that nothing reaches it.
  struct Contactable {
    bool works{true};
    bool worked{true};  // when it was looked at last
    std::optional<Instant> works_since;
    std::set<std::string> told;
  };
  struct Duty {
    std::string rotation;
    Instant from;
    Instant to;
  };
  // What somebody and the daemon have said to each other.
  struct Number {
    rules::IncidentId incident;
    std::optional<Instant> free_at;
  };
  struct Talk {
    rules::MessageId latest;
    rules::MessageId latest_call;
    std::deque<std::string> ids;  // of replies
    std::map<std::uint32_t, Number> numbers;
  };
  enum class Wish : std::uint8_t { acknowledge, close, escalate, snooze, why, call, follow, unfollow };
  struct Words {
    Wish wish{};
    std::uint32_t number{};
    rules::IncidentId incident;
    Duration length{};
    std::string who;
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
  // One reason that keeps one alert back.
  struct Hold {
    HoldKind kind{};
    rules::IncidentId by;
    Urgency covers{Urgency::high};
    std::optional<Instant> until;
    std::string rule;  // its name, or the parent's service
  };
  struct KeptAlert {
    std::size_t episode{};
    std::vector<Hold> holds;
  };
  struct Kept {  // an incident
    std::vector<KeptAlert> alerts;
    bool is_held{};  // by what keeps its alerts back
  };
  using Picture = std::map<rules::IncidentId, Kept>;
  struct Silence {
    rules::SilenceKind kind{};
    std::vector<rules::Matcher> matchers;
    Instant from;
    Instant to;
    bool holds{};  // now, as last judged
  };
  struct Flaps {
    std::vector<Instant> changes;
    bool flaps{};
    std::size_t episode{};
    Handle calm;
  };
  struct Storm {
    std::deque<std::pair<Instant, rules::IncidentId>> starts;
    std::optional<std::size_t> alert;  // its own, while it is open
    bool folds{};
    std::set<rules::IncidentId> members;
    std::set<std::string> names;
    Handle check;
  };
  struct Beating {
    Instant since;
    std::optional<Instant> last;
    Handle deadline;
    std::optional<std::size_t> missed;
  };
  struct Ended {  // an incident of high urgency, of a service
    std::string service;
    Instant at;
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
  void on(const rules::ClockStepped& stepped);
  void on(const rules::Reconciled& /*listed*/) {}
  void on(const rules::SenderAcknowledged& /*said*/) {}
  void on(const rules::BatchRefused& refused);
  void on(const rules::Beat& beat);
  void on(const rules::SilenceSet& verb);
  void on(const rules::SilenceExpired& verb);
  void on(const rules::DeliveryReported& reported);
  void on(const rules::Replied& reply);
  void on(const rules::Update& verb);
  void on(const rules::Follow& verb);
  void on(const rules::TestPage& verb);
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
  [[nodiscard]] rules::Route route_of(const Episode& episode, const rules::Labels& labels) const;
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

  // What keeps alerts back.
  [[nodiscard]] bool is_within(const std::vector<std::string>& intervals, Instant wall) const;
  [[nodiscard]] std::optional<Instant> next_boundary() const;
  [[nodiscard]] Urgency urgency_of(const rules::Route& route) const;
  [[nodiscard]] static bool all_match(const std::vector<rules::Matcher>& matchers, const Episode& episode);
  [[nodiscard]] static bool any_match(const std::vector<rules::Matcher>& matchers, const Episode& episode);
  [[nodiscard]] static std::string label(const Episode& episode, const std::string& name);
  // The nearest first.
  [[nodiscard]] std::vector<std::string> ancestors(const std::string& service) const;
  [[nodiscard]] bool keeps_back(const Incident& parent, const Incident& child) const;
  [[nodiscard]] bool keeps_back(const rules::InhibitRule& rule, const Episode& source, const Episode& target) const;
  [[nodiscard]] std::vector<const Incident*> inhibitors(const rules::InhibitRule& rule, const Episode& target) const;
  [[nodiscard]] std::vector<Hold> holds_of(const Episode& alert, const Incident& its) const;
  using Rings = std::set<std::pair<rules::IncidentId, rules::IncidentId>>;  // who is free, and of whom
  [[nodiscard]] Picture look(Rings* opened = nullptr) const;
  [[nodiscard]] bool is_held_now(const Incident& incident, const Picture& picture) const;
  [[nodiscard]] bool was_heard(const Incident& incident, const Picture& picture) const;
  [[nodiscard]] bool is_in_maintenance(const Incident& incident, const Picture& picture) const;
  bool find_limits();
  bool judge(Incident& incident, const Picture& picture);
  void find_changes();
  void settle_holds();
  void give_grace(const Incident& ended);
  void give_grace(const Episode& ended);
  void give_grace();
  void release(Incident& incident);
  [[nodiscard]] rules::PageReason release_reason(const Incident& incident) const;
  void find_boundary();
  void look_at_calendar();
  void rise_to(Incident& incident, Urgency urgency);
  void find_spans(const Picture& picture);
  void spans_end(Instant due);
  void wait_longer(Episode& alert, Urgency covers);
  // Flapping.
  void changed(const Episode& episode);
  [[nodiscard]] bool flaps(const Incident& incident) const;
  void calm(const std::string& key);
  // Storms.
  bool is_folded(Incident& incident);
  void fold(Storm& storm, Incident& incident);
  void leave_storm(Incident& incident);
  void judge_folding(const std::string& tree);
  void rearm_folding(const std::string& tree);
  // Its own alerts.
  std::size_t raise(std::vector<std::pair<std::string, std::string>> labels, const std::string& tree);
  void lower(std::size_t episode);
  void configure_heartbeats();
  bool is_beat(const rules::Report& report);
  void beat(const std::string& name);
  // Only the clock says that one is missed: what is overdue when a policy is loaded may have grace from the start on.
  void judge_heartbeat(const std::string& name, bool has_come = false);

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

  // What becomes of a message after it was taken, what people write back, and what the company is told.
  void send_after_failure(rules::MessageId id, const Taken& taken);
  void mark_heard(rules::MessageId id);
  void withdraw(rules::MessageId id);
  void set_arrived(const std::vector<Page>& pages, bool has_arrived);
  [[nodiscard]] static std::optional<Words> understand(const rules::Replied& reply);
  [[nodiscard]] std::vector<Page> pages_of(rules::MessageId id, const std::string& person) const;
  [[nodiscard]] rules::MessageId newest_about(const std::string& person, rules::IncidentId incident) const;
  void obey(Incident& incident, const Words& words, const std::string& person, const std::optional<Page>& page);
  void give_number(const std::string& person, rules::IncidentId incident);
  void free_numbers(const Incident& incident, std::optional<Instant> free_at);
  [[nodiscard]] bool came_back(const Address& to, const rules::Replied& reply) const;
  [[nodiscard]] rules::MessageId newest_taken(const std::string& person,
                                              const std::function<bool(const Taken&, const Page&)>& fits) const;
  [[nodiscard]] rules::MessageId answered(const std::string& person,
                                          rules::MessageId latest,
                                          const std::optional<Words>& words) const;
  void tell_follower(const Incident& incident, const std::string& who, const Notice& notice);
  void publish(const Incident& incident, rules::NoticeKind kind, const std::string& by, const std::string& text);
  [[nodiscard]] const rules::Publication* publication(const Address& to) const;

  // Contacts that do not work are told before the turn in which they are needed.
  void was_said(const Address& contact, bool works, bool is_proved);
  [[nodiscard]] bool works(const Address& contact) const;
  [[nodiscard]] std::vector<Duty> duties(const std::string& person, Duration ahead);
  [[nodiscard]] std::optional<Address> address_for_notices(const std::string& person) const;
  void tell_of_turns(const std::string& person);
  [[nodiscard]] bool is_doubted(const rules::Person& person) const;
  void await_turn(const std::string& person);
  void look_at_turns();
  void tell_of_what_was_said();

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
  std::map<rules::MessageId, std::string> keys_;
  std::map<rules::MessageId, Taken> taken_;
  std::map<std::string, Talk> talks_;
  std::map<std::string, Instant> tested_;
  std::map<Address, Queue> queues_;
  std::set<Address> touched_;
  std::map<Address, Contactable> contactable_;
  std::set<Address> said_;  // something was said of them in this event
  Handle turns_;
  std::set<rules::IncidentId> stale_;
  std::map<std::string, std::uint64_t> met_;
  std::string named_;
  Instant reached_;        // all that was due until then has been done
  Instant calendar_wall_;  // when spans of the wall clock were last judged
  bool has_started_{};
  bool has_restarted_{};
  std::map<std::string, Silence> silences_;
  std::map<std::string, Flaps> flaps_;
  std::map<std::string, Storm> storms_;
  std::map<std::string, Beating> heartbeats_;
  std::map<std::string, std::pair<std::size_t, Handle>> refusals_;  // by source
  std::vector<Ended> ended_;
  std::map<std::string, std::string> own_trees_;  // by the key of an own alert
  std::optional<Instant> holds_due_;
  std::optional<Instant> calendar_due_;             // as the wall clock stood when it was judged last
  std::uint64_t calendar_armed_{};                  // its place among deadlines of one instant
  std::map<Instant, std::set<std::size_t>> spans_;  // when one ends that keeps an alert back
  std::optional<rules::IncidentId> leaving_;        // as if it kept nobody back any more
  std::optional<std::size_t> leaving_source_;       // nor did this alert
  Rings opened_;                                    // as last judged
  bool stale_holds_{};
  bool spans_end_{};  // a span of time that kept something back ends now
  std::uint64_t last_incident_{};
  std::uint64_t last_page_{};
  std::uint64_t last_message_{};
};

}  // namespace simulation
