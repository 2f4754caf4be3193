// What people write back: the grammar of short replies and telephone keys, who is meant, and what is answered.
//
//   1a 1c 1e 1s 30 1w 1u 1 call database    about the incident that number 1 stands for, for this person
//   ack close escalate snooze 30 why ...    about the latest page; of a bundle about all of it
//   ack R-12                                by the incident's id
//
// Case, quotes and blanks do not matter. Every answer names the incident. Strangers get no answer. After five replies
// in a row that did nothing (not understood, no such incident or number, refused) and after thirty questions nobody
// gets one, until a reply does something or a page leaves for that person. What is signed (a link) and keys are
// answered.
//
// A reply proves that the message was heard which it answers; when the way does not tell which that is (a text), the
// newest about that incident that went by this way to this contact. A page on its way by another contact is another
// matter: only what stops the climb takes it back.
//
// Between a test page and an incident that somebody is called for, a reply that names nothing is about the incident.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/event.hpp"
#include "rules/moment.hpp"
#include "rules/time.hpp"

namespace rules {

enum class ReplyVerb : std::uint8_t { acknowledge, close, escalate, snooze, why, call, follow, unfollow };

// What a reply asks for.
struct ReplyWords {
  ReplyVerb verb{};
  std::uint32_t number{};              // 0 = none was written
  std::optional<IncidentId> incident;  // "R-12"
  Duration length{};                   // snooze
  std::string who;                     // call
  bool operator==(const ReplyWords&) const = default;
};

inline constexpr std::size_t reply_limit_bytes = 1'000;  // of a text; the rest is not looked at
inline constexpr Duration default_snooze{std::chrono::minutes{30}};

// nullopt = not understood. Pure; any bytes.
[[nodiscard]] std::optional<ReplyWords> parse_reply(std::string_view text);
// Of a telephone: 4, 5 and 6.
[[nodiscard]] std::optional<ReplyWords> parse_key(std::string_view digit);

// Whose contact this is; nullptr when it is nobody's. Telephone numbers are compared by their digits, other addresses,
// sip: among them, without regard to case. Of people who share it the first by id; whose reply
// it is, on_replied knows better: theirs whose message it answers, or who was paged last.
[[nodiscard]] const Person* person_at(const Policy& policy, std::string_view channel, std::string_view address);

// The number that stands for this incident in this person's replies: the one that it has, else the lowest that is free.
std::uint32_t reply_number(Moment& moment, const std::string& person, const Incident& incident);
// Its incident ended: after a day they may stand for another. Or it came back.
void release_numbers(Moment& moment, const Incident& incident);
void keep_numbers(Moment& moment, const Incident& incident);

void on_replied(Moment& moment, const Replied& reply);

}  // namespace rules
