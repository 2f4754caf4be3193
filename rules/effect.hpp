// All that the engine may ask for in return. Effects are released after the event that caused them is durable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rules/ids.hpp"
#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace rules {

enum class IncidentState : std::uint8_t { triggered, acknowledged, resolved };

// Why a person is paged; the words of the contract.
enum class PageReason : std::uint8_t {
  first,
  step,
  repeat,
  last_resort,
  ack_timeout,
  snooze_end,
  severity_rise,
  reopened,
  hold_end,
  called,
  test,
};

enum class NoticeKind : std::uint8_t {
  acknowledged,
  ended,
  update,        // somebody wrote one
  outage,        // to the company: an outage has begun
  turn_at_risk,  // of no incident: contacts of somebody whose turn it is, or is soon, are in doubt
};

// What a message has to say of one incident: facts, from which words/ makes text. Taken when the message was composed.
struct IncidentFacts {
  IncidentId id;
  std::string uid;
  IncidentState state{};
  Urgency urgency{};
  std::string severity;
  std::string service;
  std::string summary;     // begins with the alertname
  std::uint64_t alerts{};  // episodes
  std::uint64_t firing{};  // episodes that fire
  bool drill{};
  std::string behind;                // what it keeps back, or what folded into it, in words; "" = nothing
  Instant since;                     // of its opening, or its last reopening
  std::optional<Instant> last_time;  // when the one before it of the same key had begun
  std::string runbook;               // a link, of the annotation runbook_url, else of the service's contract; "" = none
  std::string description;           // the annotation of its first alert, cut; "" = none
  std::string where;                 // the values it is grouped by, without alertname and service: "cluster=eu"
  bool operator==(const IncidentFacts&) const = default;
};

struct PageFacts {
  PageId id;
  PageReason reason{};
  std::uint32_t step{};   // 1-based; 0 = beside the climb or last_resort
  std::uint32_t round{};  // 1-based
  std::string because;  // in words: "on call for operations (Operations Engineer)"; for a reopening: when it came back,
                        // who had it
  IncidentFacts incident;           // without an id in a test page
  std::uint32_t number{};           // to be named in a reply; 0 = none
  std::vector<std::string> called;  // names of others who have been called for it
  std::string next;                 // what happens next when nobody answers: "Sam (software) is called"; "" = nothing
  std::optional<Instant> next_at;
  std::string thread;  // what this provider called the first message about it to this contact; "" = this is it
  bool operator==(const PageFacts&) const = default;
};

struct NoticeFacts {
  NoticeKind kind{};
  std::string by;  // who acted, "" when nobody did; of a turn at risk: whose contacts are in doubt
  IncidentFacts incident;
  std::string text;    // of an update, and of a turn at risk
  std::string thread;  // as PageFacts::thread
  bool operator==(const NoticeFacts&) const = default;
};

// One message to one contact through one provider: one try is one Send, answered by one SendEnded. It carries pages or
// notices, never both; more than one = a bundle.
struct Send {
  MessageId message;
  std::string key;  // the idempotency key: the same over tries, the next provider and a resend after a crash
  std::string person;
  std::string person_name;
  std::string contact;  // "sms", "voice.home"
  std::string channel;
  std::string address;
  std::uint32_t provider{};  // index in the channel's order of preference
  bool possible_duplicate{};
  Instant waiting_since;  // of the page that has waited longest: arrival to acceptance is measured from here
  Instant composed_at;
  std::int32_t zone_seconds{};  // of the person's zone, ahead of UTC, when it was composed: texts show times in it
  std::string zone_name;        // "PST"; "" = UTC
  std::vector<PageFacts> pages;
  std::vector<NoticeFacts> notices;
};

// The message must not begin to leave any more. Set before any reply of the same batch is released.
struct Withdraw {
  MessageId message;
};

enum class VerdictCode : std::uint8_t { done, already_resolved, unknown_incident, refused };

// The answer to a verb: exactly one for each of Acknowledge .. Note, SilenceSet, SilenceExpired, Replied, Update,
// Follow and TestPage. Of a reply the text is what is written back, "" = nothing is.
struct Verdict {
  VerdictCode code{};
  IncidentId incident;
  std::string text;  // why it was refused
};

// Something that a reader of this incident would see has changed.
struct Changed {
  IncidentId incident;
  IncidentState state{};
};

// An incident is kept back from paging.
struct Held {
  IncidentId incident;
  std::string because;
};

enum class Measure : std::uint8_t { time_to_acknowledge, time_to_resolve, page_delay, deadline_lateness };
struct Measured {
  Measure what{};
  Duration value{};
};

// Ask this source what it has: reports of it were left out, or may have been missed.
struct Reconcile {
  std::string source;
};

using Effect = std::variant<Send, Withdraw, Verdict, Changed, Held, Measured, Reconcile>;
using Effects = std::vector<Effect>;

}  // namespace rules
