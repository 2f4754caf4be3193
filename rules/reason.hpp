// Every because: a record of what was decided, by which rule, on what it saw, and when. Incidents keep theirs in order;
// together they are the timeline that people read and the answer to `why`.
#pragma once

#include <cstdint>
#include <string>

#include "rules/time.hpp"

namespace rules {

enum class ReasonKind : std::uint8_t {
  // alerts and incidents
  opened,             // rule: route path; saw: the group
  routed,             // rule: route path; saw: matchers, call tree, urgency
  alert_joined,       // rule: alertname; saw: labels in short
  alert_rose,         // rule: alertname; saw: "warning -> critical"
  alert_ended,        // rule: alertname; saw: who said so
  alert_expired,      // source stopped reporting
  alert_unconfirmed,  // endsAt passed, but the source was not heard
  set_aside,          // a firing report older than the known end
  truncated,          // the sender left alerts out
  reopened,           // saw: since when it was away and who had it
  ended,              // the last episode ended
  resolved_by_hand,   // rule: by whom
  // held and released
  held,      // rule: which hold; saw: until what
  released,  // rule: which hold ended
  // the climb
  climb_started,       // rule: call tree; saw: urgency
  step_entered,        // rule: the step's targets; saw: who is on call there, and why
  step_empty,          // rule: the step's targets: nobody on call
  person_called,       // rule: person; saw: the step, the rotation
  still_being_called,  // rule: person: not started a second time
  wait_ran_out,        // rule: the step
  round_began,         // rule: call tree; saw: round n of m
  last_resort,         // rule: configured or default; saw: who
  unreachable,         // rule: person
  climb_begins_again,  // last_resort was unreachable too
  told_once,           // low urgency
  nobody_to_tell,
  // pages
  page_left,  // rule: person by contact; saw: reason
  page_accepted,
  page_failed,  // saw: the provider's word
  page_unanswered,
  page_cancelled,  // saw: by what
  next_provider,
  told,  // rule: person; saw: what
  // people
  acknowledged,  // rule: by
  taken_over,    // rule: by; saw: who had it
  acknowledgement_ran_out,
  acknowledgement_outgrown,  // saw: severity above, more than twice as many, older than 1h
  snoozed,                   // rule: by; saw: until
  snooze_ended,
  escalated,  // rule: by
  called_in,  // rule: by; saw: who
  noted,      // rule: by; saw: the text
  refused,    // a verb that was refused: rule: by; saw: why
  // the daemon
  restarted,
  reloaded,  // saw: what moved
  clock_stepped,
  // correlation
  also_reported,      // rule: another source that reports it, too
  flapping,           // rule: alertname; saw: how many changes; it stays open
  flapping_ended,     // rule: alertname
  folded,             // rule: the storm; saw: what was folded into it
  storm_ended,        // folding stopped
  blind_spot_closed,  // rule: the source that was asked
  alert_confirmed,    // rule: the source, asked, still lists it
  alert_unlisted,     // rule: the source, asked, lists it no more
  interval_began,     // rule: time interval; saw: the urgency since
  parent_passed,      // rule: an open parent that does not hold it; saw: why not
  limit_reached,      // nobody was called for it within 1h: it keeps nothing back any more
  // what became of pages, and replies
  page_delivered,  // rule: person by contact
  page_unheard,    // rule: person by contact; saw: busy, no answer, a machine
  page_heard,      // rule: person by contact; saw: how
  replied,         // rule: person by channel; saw: the words
  updated,         // rule: by; saw: the text
  published,       // rule: where; saw: what
  followed,        // rule: who
  not_told,        // rule: who or where; saw: what, and why it failed
};

struct Reason {
  Instant at;
  ReasonKind kind{};
  std::string rule;
  std::string saw;
  bool operator==(const Reason&) const = default;
};

}  // namespace rules
