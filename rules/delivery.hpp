// What becomes of a message after its provider has taken it: what is kept of it, whether it reached its contact, and
// whether a human heard it. From it follows which contacts are known to work.
#pragma once

#include <string_view>

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

// Keeps what a provider took, or may have, for whatever is said of it later. Called by the desk when a message ends.
void remember_sent(Moment& moment, const Message& message, PageState outcome, std::string_view detail);

// The event. A page that failed after all goes to the next provider, then the person's next rule runs; a telephone that
// nobody answered is recorded, and the climb goes on as it would.
void on_delivery_reported(Moment& moment, const DeliveryReported& reported);

// A human answered: everything that this person was sent of these incidents by this contact counts as heard. `how` is
// for people: "key 4", "reply".
void mark_heard(Moment& moment, MessageId message, std::string_view how);

// What was said of this contact last, for what is known of it and for the turns in which it is needed: nothing reaches
// it, `why` cut to 200 bytes; or something arrived there or came back from it.
void note_failure(Moment& moment, const ContactAddress& contact, std::string_view why);
void note_success(Moment& moment, const ContactAddress& contact);

}  // namespace rules
