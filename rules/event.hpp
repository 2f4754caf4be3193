// All that can happen to the router. Events are inputs, never decisions; they are journaled and applied in one order.
// A new event is one struct here, one alternative, one on() in apply.cpp, one codec entry: it does not compile before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "rules/alert.hpp"
#include "rules/ids.hpp"
#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace rules {

// At start when the hash differs, and at each reload.
struct PolicyLoaded {
  std::shared_ptr<const Policy> policy;  // never null
};

// The daemon has come up (again). Sends without an outcome are issued again, marked.
struct Started {
  std::uint64_t run{};  // grows with each start of this store
};

// One request's worth of reports, one or ten thousand: one event, one batch.
struct ReportsArrived {
  std::string source;  // the sender's access name, else its address
  ReportForm form{ReportForm::webhook};
  std::vector<Report> reports;
  std::uint64_t truncated{};  // truncatedAlerts of a webhook: the sender left this many out
  std::string receiver;       // of a webhook: who it was meant for, in the sender's words
};

// What a sender says it has now, asked by us.
enum class ListedState : std::uint8_t { active, suppressed, unprocessed };
struct ListedAlert {
  Report report;
  ListedState state{};
  std::vector<std::string> receivers;
  bool operator==(const ListedAlert&) const = default;
};
struct Reconciled {
  std::string source;
  std::vector<ListedAlert> alerts;
  Duration took{};    // from before it was asked to its answer
  Duration up_for{};  // how long it says it has been up; 0 = unknown
};

// A sender's own word that somebody there has it (PagerDuty's acknowledge), by the native keys of the alerts.
struct SenderAcknowledged {
  std::string source;
  std::vector<std::string> native_keys;
  std::string by;
};

// A batch of a known sender that was answered with a refusal, which it may never repeat.
struct BatchRefused {
  std::string source;
  std::uint32_t status{};  // of HTTP
  std::string why;
};

// A heartbeat came by HTTP.
struct Beat {
  std::string heartbeat;
  std::string source;
};

enum class SilenceKind : std::uint8_t { silence, maintenance };

// Creates a silence, or maintenance of a service; with an id that is known, changes that one. The verdict's text is the
// id, which is the silence's from then on.
struct SilenceSet {
  std::string id;
  SilenceKind kind{};
  std::vector<Matcher> matchers;
  Instant from;  // wall clock
  Instant to;    // wall clock, exclusive
  std::string by;
  std::string comment;
};
struct SilenceExpired {
  std::string id;
  std::string by;
};

struct Acknowledge {
  IncidentId incident;
  std::string by;
};
struct Escalate {
  IncidentId incident;
  std::string by;
};
struct Snooze {
  IncidentId incident;
  std::string by;
  Duration length{};  // at most 24 h
};
struct CallIn {
  IncidentId incident;
  std::string by;
  std::string who;  // a person, specialists or a rotation
};
struct Resolve {
  IncidentId incident;
  std::string by;
};
struct Note {
  IncidentId incident;
  std::string by;
  std::string text;
};

enum class SendOutcome : std::uint8_t {
  accepted,    // the provider took it
  refused,     // the provider did not, for good: a 4xx, or no success within the time for tries
  unanswered,  // written, no answer: it may have arrived
  withdrawn,   // the flag was seen before the first byte: nothing left
};

// The outbox's one answer to each Send.
struct SendEnded {
  MessageId message;
  std::uint32_t provider{};  // index in the channel's order, as the Send said
  SendOutcome outcome{};
  std::string detail;     // the provider's word, short, without secrets
  std::string reference;  // what the provider calls the message that it took; "" = nothing
};

// What became of a message after its provider had taken it, as the provider says later; told twice, or for a message
// that is not known any more, it changes nothing.
enum class Delivery : std::uint8_t {
  delivered,
  failed,   // it never reached the contact, for good
  unheard,  // a telephone: it rang and nobody answered, it was busy, or a machine took it
};
struct DeliveryReported {
  MessageId message;
  std::string key;  // of the message: who does not know it reports nothing
  Delivery delivery{};
  std::string detail;
  // Index in the channel's order of preference, of the provider whose word this is: what it says late must not count
  // against another that has the message by then. Nothing, when the way does not tell (a mail that comes back): the one
  // that has it now.
  std::optional<std::uint32_t> provider{};
};

// Somebody wrote back, pressed a key or a button, or followed a link. Only what came by a way that was proved
// (signature, token) becomes this event.
enum class ReplyForm : std::uint8_t {
  text,
  key,
  stop,   // whoever has this number wants no more texts ("STOP"): its carrier lets none through
  start,  // and wants them again
};
struct Replied {
  std::string channel;  // "sms", "voice", "email", "slack": by what it came
  std::string address;  // whose, in the channel's words: looked for among people's contacts
  std::string person;   // when the way itself proves who it is (a signed link); else ""
  ReplyForm form{ReplyForm::text};
  std::string text;  // "1a", "ack R-12"; of a telephone the digit
  MessageId about;   // the message that it answers, when the way says so; 0 = the latest
  std::string id;    // the provider's name for it, the same when it is delivered twice; "" = none
};

// A status update: as a note, and published.
struct Update {
  IncidentId incident;
  std::string by;
  std::string text;
};
// A person wants its updates until it is over, or no longer wants them.
struct Follow {
  IncidentId incident;
  std::string by;  // a person
  bool wanted{true};
};
// A page with reason `test` to every contact of this person, which nothing is wrong behind.
struct TestPage {
  std::string who;  // a person
  std::string by;
};

// Everything due at or before `until` fires, in (due, armed) order; at most max_deadlines_an_event of them.
struct ClockReached {
  Instant until;
};

// The wall clock was stepped against boot time by this much. Changes no wait; spans of the calendar use Stamp::wall.
struct ClockStepped {
  Duration by{};
};

using Event = std::variant<PolicyLoaded,
                           Started,
                           ReportsArrived,
                           Acknowledge,
                           Escalate,
                           Snooze,
                           CallIn,
                           Resolve,
                           Note,
                           SendEnded,
                           ClockReached,
                           ClockStepped,
                           Reconciled,
                           SenderAcknowledged,
                           BatchRefused,
                           Beat,
                           SilenceSet,
                           SilenceExpired,
                           DeliveryReported,
                           Replied,
                           Update,
                           Follow,
                           TestPage>;

inline constexpr std::size_t max_deadlines_an_event = 1000;

}  // namespace rules
