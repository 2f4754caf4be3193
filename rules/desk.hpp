// The desk decides what leaves when: order of sending, the one-second gather, the budget and its bundles, which
// provider is tried next, and what is withdrawn. It knows contacts and messages; why somebody is paged is the climb's
// matter.
#pragma once

#include <optional>
#include <string>

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

inline constexpr Duration gather{std::chrono::seconds{1}};
inline constexpr Duration over_budget_pace{std::chrono::seconds{60}};

// Puts a page in front of its contact. False: the same incident already waits there, and one page says it all.
bool queue_page(Moment& moment, Incident& incident, Page page);

// Words to somebody who was paged; they wait behind pages.
void queue_notice(
    Moment& moment, const Paged& to, const Incident& incident, NoticeKind kind, std::string by, std::string text = {});

// The same of no incident; one that waits there already is not queued twice.
void queue_turn_notice(
    Moment& moment, const Paged& to, const std::string& whose, const std::string& rotation, Instant begins);

// Everybody who was paged for this incident hears it once, by a contact that paged them, never by voice, and not
// whoever did it.
void tell_paged(Moment& moment, const Incident& incident, NoticeKind kind, const std::string& by);

// By which this person gets notices: the first of their low rules, then of the others, then of their contacts, that is
// not voice; nullptr when there is none.
[[nodiscard]] const Contact* contact_for_notices(const Policy& policy, const std::string& id);

// Whoever asked for its updates, by a contact that paged them, else contact_for_notices; not whoever did it.
void tell_followers(
    Moment& moment, const Incident& incident, NoticeKind kind, const std::string& by, const std::string& text);

// A provider said later that this message never arrived: it goes to the next one under its key, and when there is none
// the person's next rule runs. What nobody needs any more (acknowledged, ended) stays as it is.
void send_after_failure(Moment& moment, MessageId id, const SentMessage& sent, const std::string& detail);

// A message with reason `test` to every contact of this person that has a provider. How many.
std::size_t send_test_pages(Moment& moment, const Person& person, const std::string& why);

// Every page of this incident that has not left is taken back: queued ones are dropped, messages under way withdrawn.
// With a person only that person's.
void cancel_pages(Moment& moment, Incident& incident, const std::string& why, const std::string* person = nullptr);

// What the outbox said of a send. Pages that ended go on to page_ended() of the climb.
void on_send_ended(Moment& moment, const SendEnded& ended);

// After a start: every message without an outcome is sent again under its key, marked.
void send_again(Moment& moment);

// A queue's turn has come.
void on_flush_due(Moment& moment);

// At the end of every event: lets leave what may leave at this instant, in the contract's order.
void settle_desk(Moment& moment);

}  // namespace rules
