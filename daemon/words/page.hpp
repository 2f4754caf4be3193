// What a message says: to a person as text, to a webhook as JSON. Made from facts that were taken when the message was
// composed, so a resend says the same. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "rules/effect.hpp"

namespace words {

// A link to an incident; "" when there is no public URL.
[[nodiscard]] std::string incident_url(rules::IncidentId incident, std::string_view public_url);

// A page that only proves that its contact can be reached. It is about no incident.
[[nodiscard]] bool is_test(const rules::PageFacts& page);

// The daemon's own alarm: about no incident either, but something is wrong, with rouse itself. There is nothing to
// answer.
[[nodiscard]] bool is_own_alarm(const rules::PageFacts& page);

// That somebody's contacts are in doubt before a turn: about no incident. Its text is all of it.
[[nodiscard]] bool is_turn_notice(const rules::NoticeFacts& notice);
inline constexpr std::string_view own_alarm_line = "This is about rouse itself: pages may be missing.";

// An instant as the person's clock shows it, with the date when it is of another day: "03:10 PST (12m ago)".
[[nodiscard]] std::string local_time(const rules::Send& send, rules::Instant instant);

// "Reply 1a ack, 1e escalate, 1c close, 1w why"; "" for a page that cannot be answered by number.
[[nodiscard]] std::string reply_hint(const rules::PageFacts& page);

// "nobody has acknowledged yet", for a sentence that begins with where the climb stands.
[[nodiscard]] std::string_view reason_text(rules::PageReason reason);

// A page, a bundle of pages, or notices, as several lines without a line break at the end.
[[nodiscard]] std::string page_text(const rules::Send& send, std::string_view public_url);

// The same in one line of at most 200 bytes.
[[nodiscard]] std::string subject(const rules::Send& send);

// The body that the webhook provider posts. Of a bundle `page` and `incident` are the first one; `incidents` has all.
// Of a test page the incident is null.
[[nodiscard]] std::string page_json(const rules::Send& send, std::string_view public_url);

}  // namespace words
