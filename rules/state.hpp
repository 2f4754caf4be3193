// All that the engine knows. One writer: whoever calls apply(). Plain values throughout, so that codec/ can write all
// of it and read it back to a state that decides identically. Nothing here may depend on a hash map's order.
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

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "rules/alert.hpp"
#include "rules/deadlines.hpp"
#include "rules/dictionary.hpp"
#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/hold/links.hpp"
#include "rules/ids.hpp"
#include "rules/indexed_map.hpp"
#include "rules/key_map.hpp"
#include "rules/policy.hpp"
#include "rules/roster.hpp"
#include "rules/time.hpp"
#include "rules/timeline.hpp"

namespace rules {

// One label set of an episode; variants of an episode differ in ignored labels only. What each repeat looks at stands
// first, here and in Episode: of a million alerts nothing is in the processor's cache.
struct Variant {
  bool firing{};
  bool unconfirmed{};                 // endsAt passed while its source was not heard
  std::uint8_t severity{};            // rank
  std::uint32_t source{};             // dictionary id
  Instant refreshed_at;               // arrival of the last report
  std::optional<Instant> starts_at;   // the sender's
  std::optional<Instant> ends_at;     // the sender's, of the last report
  std::optional<Instant> expires_at;  // on our clock (`at`); API v2 only
  std::optional<Instant> expiry_due;  // of the one deadline that is out for it; it re-arms itself when endsAt has moved
  StoredLabels labels;
  Labels annotations;  // capped; kept for an incident's first alerts
  Fingerprint fingerprint;
  Instant first_seen;
  Instant ended_at;  // arrival of the end; meaningful when not firing
};

// What keeps something back.
enum class HoldKind : std::uint8_t {
  group_wait,
  hold,            // waits for a parent to fail, too
  startup_grace,   // the daemon has just come up
  recovery_grace,  // a parent or an inhibitor has just ended
  silence,
  maintenance,
  parent,
  inhibition,
  storm,
};

struct HoldName {
  HoldKind kind{};
  std::string rule;  // id of the silence, name of the rule, service of the parent, call tree of the storm
  IncidentId by;     // the incident that keeps it back; 0 = none does
  auto operator<=>(const HoldName&) const = default;
};

// One reason that keeps one alert from paging.
struct AlertHold {
  HoldName name;
  Urgency covers{Urgency::high};  // incidents of higher urgency are not kept back by it
  std::optional<Instant> until;   // on our clock; nullopt = it ends by what happens
  bool operator==(const AlertHold&) const = default;
};

// Inline while they are one: an alert is then in one place.
using Variants = boost::container::small_vector<Variant, 1>;
using IncidentIds = boost::container::small_vector<IncidentId, 1>;

struct Episode {
  EpisodeId id;
  AlertKey key;
  std::uint64_t reports{};  // how often it was reported
  bool open{};
  bool watched{};                // one of its incidents was resolved by hand: its refreshes are looked at
  bool hidden{};                 // a reload made it one problem with an older one, which reports find in its place
  bool own{};                    // the router's own alert
  Variants variants;             // in order of arrival; seldom more than one
  IncidentIds incidents;         // one for each route it opened in; more than one only with `continue`
  std::string native_key;        // as Report::native_key: its identity in place of the labels
  std::vector<AlertHold> holds;  // what keeps this alert back, in order of name; those of an ended one are none
  Instant opened_at;
};

// A person being called for one incident: the person's own rules, running.
struct Call {
  std::uint32_t number{};  // names it within its incident
  std::string person;
  PageReason reason{};
  bool beside{};          // `call WHO`: beside the climb, not of a step
  bool low{};             // by the low rules
  std::uint32_t step{};   // 1-based; 0 = last_resort or beside
  std::uint32_t round{};  // 1-based
  std::uint64_t entry{};  // the step entry it belongs to (Climb::entry)
  Instant started;
  std::string because;
  std::vector<NotifyRule> rules;  // as they stood when the call began
  std::uint32_t next_rule{};      // index of the first that has not run
  DeadlineId rule_deadline;       // for next_rule
  std::uint32_t open_pages{};     // queued or under way
  bool reached{};                 // a page of this entry was accepted or unanswered
  bool doubtful{};                // a page went unanswered: what follows is marked
  bool ended{};                   // no rule left, no page open
};

enum class ClimbPhase : std::uint8_t { idle, climbing, last_resort, begins_again };

struct Climb {
  ClimbPhase phase{ClimbPhase::idle};
  bool running{};  // false: stopped, e.g. acknowledged; the position is kept
  std::uint32_t last_call{};
  std::uint32_t step{};   // 0-based index into the tree's steps
  std::uint32_t round{};  // 0-based
  bool anybody_this_round{};
  std::uint64_t entry{};                 // grows with each step entered or last_resort called
  std::vector<std::string> step_people;  // who was called at this entry, whether started or still being called
  std::vector<Target> step_targets;      // of the step as entered: a reload finds it again by them
  DeadlineId wait;  // end of the step's wait, of last_resort's `every`, or of the minute before it begins again
  Instant wait_until;
  std::vector<Call> calls;  // those that are not ended, and the ended ones of this entry
};

enum class PageState : std::uint8_t { queued, under_way, accepted, failed, unanswered, cancelled, delivered, heard };

// One page as the incident remembers it; for the climb's picture and the API.
struct PageRecord {
  PageId id;
  std::string person;
  std::string contact;
  PageReason reason{};
  std::uint32_t step{};
  std::uint32_t round{};
  Instant queued_at;
  Instant left_at;
  Instant ended_at;
  PageState state{PageState::queued};
  bool possible_duplicate{};
};

// What a provider calls the first message about an incident to one contact: later ones are put beneath it.
struct Thread {
  std::string person;
  std::string contact;
  std::uint32_t provider{};
  std::string reference;
  bool operator==(const Thread&) const = default;
};

// One who was paged, and by which contact: told later who has it and that it ended.
struct Paged {
  std::string person;
  std::string contact;
  bool operator==(const Paged&) const = default;
};

struct Incident {
  IncidentId id;
  std::string uid;    // ULID
  Key128 key;         // of route path and group values
  bool keyed{};       // it is the one that incident_by_key finds
  std::string route;  // path
  std::string call_tree;
  Urgency urgency{};
  IncidentState state{IncidentState::triggered};
  std::uint8_t severity{};    // highest rank of what fires; of what fired last when nothing does
  std::string severity_text;  // as its label says
  std::string service;
  std::string summary;
  Instant opened_at;
  Instant triggered_at;  // opening, or the last time it was triggered again
  Instant acknowledged_at;
  Instant resolved_at;
  std::string by;  // who acknowledged; after a resolve by hand, who resolved
  bool by_hand{};  // resolved by hand
  bool unheard{};
  bool snoozed{};
  bool ever_acknowledged{};
  bool drill{};
  bool truncated{};  // a blind spot: the sender left alerts out
  std::uint8_t severity_at_acknowledgement{};
  std::uint32_t firing_at_acknowledgement{};
  bool low_at_acknowledgement{};
  std::uint32_t firing{};             // open episodes
  std::vector<EpisodeId> episodes;    // in order of joining: the first, those that fire, the newest that ended
  std::optional<Instant> wait_until;  // group_wait, while it holds
  DeadlineId group_wait;
  DeadlineId acknowledgement;     // end of ack_timeout or snooze
  Instant acknowledgement_until;  // meaningful while `acknowledgement` is armed
  DeadlineId retention;
  Instant began_at;                           // its opening, or its last reopening
  std::vector<Instant> early_turns;           // soon after that: acknowledged, triggered again, acknowledged, ...
  std::uint32_t unheld{};                     // firing alerts that nothing keeps back
  std::map<HoldName, std::uint32_t> held_by;  // reasons that keep its firing alerts back, with how many alerts each
  std::vector<HoldName> told_holds;           // what it is held by, as last recorded; empty = it is not held
  bool waived{};                              // a person escalated it while it was held: nothing holds it until it ends
  bool climb_due{};                           // its climb has not begun since it began: a hold came first
  bool late_acknowledgement{};                // ack_timeout or the snooze ran out while it was held
  bool anybody_called{};                      // somebody was called for it, or acknowledged it, since it began
  bool limit_reached{};                       // it has kept others back for 1h and nobody was called
  DeadlineId holder_limit;
  std::string storm;                           // the call tree whose storm it is folded into
  std::uint32_t folded_at_acknowledgement{};   // of a storm: members when it was acknowledged
  std::vector<std::string> sources;            // that reported its alerts, in order
  std::uint64_t left_out{};                    // alerts that a sender left out of its webhook
  std::uint64_t forgotten{};                   // alerts of it that ended and are not kept
  PageReason climb_reason{PageReason::first};  // of the first step's pages
  std::string climb_because;                   // e.g. when it came back and who had it
  Climb climb;
  std::vector<PageRecord> pages;  // the newest max_pages_kept
  std::vector<Paged> paged;
  Timeline timeline;
  std::vector<Thread> threads;
  std::vector<std::string> followers;  // people who asked for its updates
  bool published{};                    // the company was told of it: it is told when it ends
  bool ever_published{};               // that stays
  std::vector<std::string> numbered;   // people who were paged before it came back: their numbers stand for it still
  std::optional<Instant> last_time;    // when the one before it of the same key had begun
  std::string description;             // annotations of its first alert, cut
  std::string runbook;
  std::string where;  // the values it is grouped by, without alertname and service
};

[[nodiscard]] inline bool is_open(const Incident& incident) {
  return incident.state != IncidentState::resolved;
}

inline constexpr std::size_t max_sources_named = 16;
inline constexpr std::size_t max_ended_kept = 1'000;  // alerts of one incident that comes back again and again
// Alerts that ended, of all incidents together and besides the first of each: of those that were resolved first the
// first alert alone stays.
inline constexpr std::size_t max_ended_in_all = 1'000;
inline constexpr std::size_t max_pages_kept = 200;
inline constexpr std::size_t max_annotated_alerts = 100;
inline constexpr std::size_t max_resolved_kept = 10'000;  // older ones are dropped from memory

// A page that has not ended.
struct Page {
  PageId id;
  IncidentId incident;
  std::uint32_t call{};  // Call::number
  std::string person;
  std::string contact;
  PageReason reason{};
  std::uint32_t step{};
  std::uint32_t round{};
  std::string because;
  Instant queued_at;
  bool first{};  // first page of its incident
  bool possible_duplicate{};
  MessageId message;  // 0 while queued
};

struct Notice {
  IncidentId incident;
  NoticeKind kind{};
  std::string by;
  Instant queued_at;
  std::string text;      // of an update
  std::string rotation;  // of a turn at risk; `by` is whose
  Instant begins;        // the same: when that person is on call first, of the wall clock
};

// A message that has been composed and not ended.
struct Message {
  MessageId id;
  std::string key;
  std::string person;
  std::string contact;
  std::string channel;
  std::string address;
  std::uint32_t provider{};
  bool possible_duplicate{};
  bool unanswered{};  // by an earlier provider
  bool withdrawn{};
  Instant composed_at;
  Instant waiting_since;
  std::vector<PageId> pages;          // those not cancelled
  std::vector<PageFacts> page_facts;  // as composed: a resend says the same
  std::vector<NoticeFacts> notice_facts;
};

// A message that its provider took, or may have: what later words about it refer to. Kept for a day.
struct SentMessage {
  std::string key;
  std::string person;
  std::string contact;
  std::string channel;
  std::uint32_t provider{};
  Instant at;
  std::vector<PageFacts> pages;  // as composed
  bool delivered{};
  bool heard{};
  bool failed{};
};
inline constexpr Duration sent_kept{std::chrono::hours{24}};
inline constexpr std::size_t max_sent_kept = 10'000;

// A number that stands for an incident in one person's replies.
struct ReplyNumber {
  std::uint32_t number{};
  IncidentId incident;
  std::optional<Instant> free_at;  // 24 h after the incident's end; nullopt = it is open
  bool operator==(const ReplyNumber&) const = default;
};
inline constexpr Duration number_kept{std::chrono::hours{24}};

// What one person may refer to, and has said.
struct Correspondence {
  std::vector<ReplyNumber> numbers;    // by number
  MessageId latest;                    // the latest message with pages to this person
  MessageId latest_call;               // the same by voice
  std::uint32_t not_understood{};      // replies that did nothing, since the last that did, or the last page
  std::uint32_t questions{};           // answered since the last page
  std::vector<std::string> heard_ids;  // providers' names of the latest replies
};
inline constexpr std::uint32_t max_not_understood_answers = 5;
inline constexpr std::uint32_t max_questions_answered = 30;
inline constexpr std::size_t max_reply_ids_kept = 100;

// Whether one contact of one person can be reached.
struct Reachability {
  std::uint64_t pages{};  // that its providers took
  std::uint64_t delivered{};
  std::uint64_t heard{};
  std::uint64_t failed{};
  std::uint64_t tests{};  // of the pages
  std::uint64_t tests_heard{};
  std::optional<Instant> last_page;
  std::optional<Instant> last_heard;
  std::optional<Instant> last_failed;
  std::string failure;  // the last one, in the provider's words
  bool works{true};     // the last thing that was said of it was no failure
};

// A turn that a person was told of, by its beginning; of the wall clock.
struct ToldTurn {
  std::string rotation;
  Instant from;
  Instant to;  // forgotten a day later
  bool operator==(const ToldTurn&) const = default;
};

// One episode of doubt about a contact, and the turns before which it was told.
struct KnownDoubt {
  Instant since;
  // Nothing has spoken against it since then, and nothing proved it: a failure soon after goes on with this episode.
  std::optional<Instant> eased_at;
  std::vector<ToldTurn> told;
};

// The queue in front of one contact of one person: the one-second gather and the budget.
struct ContactQueue {
  std::vector<PageId> pages;
  std::vector<Notice> notices;
  std::vector<Instant> sent;  // instants of the messages that the budget still counts, oldest first
  Instant last_sent;
  bool ever_sent{};
  DeadlineId flush;
  Instant flush_at;
};
using ContactAddress = std::pair<std::string, std::string>;  // person, contact

// A firing report older than an end that is known: it waits until that is two minutes old.
struct SetAside {
  Report report;
  std::string source;
  ReportForm form{};
};

// An end that was reported, remembered for two minutes.
struct KnownEnd {
  Instant ends_at;  // the sender's
  Instant arrived_at;
  DeadlineId deadline;
  std::shared_ptr<const SetAside> set_aside;  // seldom one
};

// A silence, or maintenance of a service, until five days after its end. Spans are of the wall clock.
struct Silence {
  std::string id;
  SilenceKind kind{};
  std::vector<Matcher> matchers;
  Instant from;
  Instant to;
  std::string by;
  std::string comment;
  Instant updated_at;  // wall clock
  bool active{};       // it holds now
  bool recurring{};    // from the configuration's time intervals
};
inline constexpr Duration ended_silence_kept{std::chrono::hours{120}};

// The last changes between firing and resolved of one alert key, and whether it flaps.
struct Flaps {
  boost::container::small_vector<Instant, 2> changes;  // oldest first; at most as many as count
  bool flapping{};
  EpisodeId episode;  // its last
  DeadlineId deadline;
};

struct StormStart {
  Instant at;
  IncidentId incident;
};
// What has happened on one call tree lately, and its storm while one is open.
struct Storm {
  std::deque<StormStart> starts;  // climbs that began, or would have, oldest first
  IncidentId incident;            // 0 = none is open
  bool folding{};
  std::set<IncidentId> members;
  std::set<std::string> alertnames;  // that it has told people of
  DeadlineId check;
};

struct HeartbeatState {
  Instant since;                // when it was first configured
  std::optional<Instant> beat;  // the last one
  DeadlineId deadline;
  EpisodeId missed;  // the alert that says so; 0 = it is not missed
};

struct Source {
  Instant last_heard;
  std::uint64_t batches{};
  // When it was heard lately, newest last; enough to say whether it was heard within a span.
  std::vector<Instant> heard;
  std::vector<std::string> receivers;  // who its webhooks were meant for
  std::uint64_t open_incidents{};      // that it opened, of those that are open: for the cap
  bool blind{};                        // it left alerts out and has not been asked since
};

// Plain numbers for /metrics; the writer's, published as a copy.
struct Counters {
  std::uint64_t events{};
  std::uint64_t reports_firing{};
  std::uint64_t reports_resolved{};
  std::uint64_t duplicates{};
  std::uint64_t unknown_severity{};
  std::uint64_t missing_group_label{};
  std::uint64_t resolved_unseen{};
  std::uint64_t stale_ends{};
  std::uint64_t set_aside{};
  std::uint64_t expired{};
  std::uint64_t unconfirmed{};
  std::uint64_t incidents_opened{};
  std::uint64_t incidents_reopened{};
  std::uint64_t pages_queued{};
  std::uint64_t pages_cancelled{};
  std::uint64_t bundles{};
  std::uint64_t steps_entered{};
  std::uint64_t steps_empty{};
  std::uint64_t last_resorts{};
  std::uint64_t unreachable{};
  std::uint64_t verbs_refused{};
  std::uint64_t clock_steps{};
  std::uint64_t held{};
  std::uint64_t released{};
  std::uint64_t storms{};
  std::uint64_t flapping{};
  std::uint64_t beats{};
  std::uint64_t heartbeats_missed{};
  std::uint64_t refused_batches{};
  std::uint64_t overflowed{};
  std::uint64_t reconciliations{};
  std::uint64_t replies{};
  std::uint64_t replies_of_strangers{};
  std::uint64_t replies_not_understood{};
  std::uint64_t test_pages{};
  std::uint64_t published{};
  std::uint64_t turns_at_risk{};                                                    // that somebody was told of
  std::uint64_t turns_at_risk_untold{};                                             // that nobody could be told of
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> alerts_by_source;  // source -> firing, resolved
  std::map<std::pair<std::string, std::string>, std::uint64_t> pages;               // channel, outcome
};

struct State {
  StoreId store{};
  std::uint64_t seed{};  // of the alert keys; derived from the store's id by whoever makes the state
  std::uint64_t run{};
  std::shared_ptr<const Policy> policy;  // null until the first PolicyLoaded
  std::uint64_t identity{};              // identity_of(policy->identity)
  Stamp last;
  Instant started_at;  // of this run, in `at`
  Instant fired_at;    // deadlines due up to here have fired; what is due at one instant comes after its events

  Dictionary dictionary;  // strings of labels and sources
  Deadlines deadlines;
  IndexedMap<EpisodeId, Episode> episodes;
  boost::unordered_flat_map<AlertKey, Episode*, Key128Hash>
      open_episodes;  // those open and not hidden, into `episodes`; looked up, never walked
  IndexedMap<IncidentId, Incident> incidents;
  boost::unordered_flat_map<Key128, IncidentId, Key128Hash>
      incident_by_key;              // those with `keyed`; looked up, never walked
  std::deque<IncidentId> resolved;  // in order of resolution; reopened ones may still stand in it
  std::deque<IncidentId> detailed;  // the same, of those that have not been cut down to what is worth keeping
  KeyMap<KnownEnd> known_ends;      // by variant: key_of(all labels)
  std::map<std::string, Source> sources;
  std::map<PageId, Page> pages;
  std::map<MessageId, Message> messages;
  std::map<ContactAddress, ContactQueue> contacts;
  std::map<MessageId, SentMessage> sent;
  std::map<std::string, Correspondence> correspondence;  // by person
  std::map<ContactAddress, Reachability> reachability;
  std::map<std::string, Instant> last_test_by_hand;  // person
  std::map<std::string, Instant> tested;  // person -> wall clock of the last test page, or since when they are due
  std::map<ContactAddress, KnownDoubt> doubts;
  DeadlineId turn_look;  // when a turn comes near enough, or a test page has waited long enough, for a doubt to be told
  std::map<std::string, Silence> silences;
  DeadlineId calendar;
  KeyMap<Flaps> flaps;
  std::map<std::string, Storm> storms;               // by call tree
  std::map<std::string, HeartbeatState> heartbeats;  // those configured
  std::map<std::string, std::pair<Instant, IncidentId>>
      recovering;  // service -> until when its children wait, for whom
  std::uint64_t last_silence{};
  Counters counters;

  std::uint64_t last_incident{};
  std::uint64_t last_episode{};
  std::uint64_t last_page{};
  std::uint64_t last_message{};

  // Derived from the policy, never encoded: who has which turn, remembered.
  Roster roster;
  // Derived from the rest, never encoded: who is looked at when something changes.
  Links links;
  // Contacts whose queues this event has touched; empty between events.
  std::set<ContactAddress> touched;
};

}  // namespace rules
