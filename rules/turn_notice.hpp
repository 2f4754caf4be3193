// Contacts in doubt are told before the turn in which they are needed: to the person, by a contact that works; to
// whoever hands over, when none does. Once for each contact, episode of doubt and turn.
#pragma once

#include <string>

#include "rules/moment.hpp"

namespace rules {

inline constexpr Duration told_before_turn{std::chrono::hours{24}};
// A provider that takes a message has not delivered it: what fails again within this time has never worked.
inline constexpr Duration doubt_eased_after{std::chrono::hours{1}};

// Looks at every contact, tells what is due, and sets the deadline of what comes next. After a start, a reload and a
// step of the clock, when the calendar turns, and when that deadline is due.
void look_at_doubts(Moment& moment);

// Whether this contact can be reached may be another matter now: looked at once, at the end of the event. `is_proved`:
// something arrived there, or came back from it.
void was_said(Moment& moment, const ContactAddress& contact, bool is_proved);

// At the end of every event: looks at the contacts that something was said of.
void tell_of_doubts(Moment& moment);

// The words of such a notice for this reader, as things stand; "" when none of those contacts is in doubt any more.
[[nodiscard]] std::string turn_notice_text(const State& state,
                                           const Policy& policy,
                                           const Notice& notice,
                                           const std::string& reader);

}  // namespace rules
