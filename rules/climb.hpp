// The climb: who is called, step by step, until somebody has heard.
#pragma once

#include <optional>
#include <string>

#include "rules/moment.hpp"

namespace rules {

inline constexpr Duration begins_again_after{std::chrono::minutes{1}};

// Calls whom the incident's urgency asks for, from step 1. Stops what ran before.
void start_climb(Moment& moment, Incident& incident, PageReason reason, std::string because_text);

// No further call, no further page: everything that has not left is taken back. The position is kept.
void stop_climb(Moment& moment, Incident& incident, const std::string& why);

// An acknowledgement ran out, a snooze ended, or what was acknowledged has outgrown it: whoever had it and the people
// of the current step are called, the step's wait runs, and it climbs from there.
void trigger_again(Moment& moment, Incident& incident, PageReason reason, const std::string& holder, bool from_step_1);

// Does what the end of the step's wait would do.
void go_on_climbing(Moment& moment, Incident& incident);

// `call WHO`: beside the climb, by the person's high rules. False when the person is still being called.
bool call_beside(Moment& moment, Incident& incident, const std::string& person, const std::string& because_text);

// This person is not called further for this incident.
void stop_calling(Moment& moment, Incident& incident, const std::string& person, const std::string& why);

// What the climb does when nobody answers: who is called then, in words.
struct NextRung {
  Instant at;
  std::string who;
};
[[nodiscard]] std::optional<NextRung> next_rung(Moment& moment, const Incident& incident);

// A page of this call, which its provider had taken, is under way again: nullopt when the person is not being called
// for it any more.
[[nodiscard]] std::optional<Page> page_again(Moment& moment, Incident& incident, const PageRecord& record);

// A page has ended: accepted, failed or unanswered.
void page_ended(Moment& moment, const Page& page, PageState outcome);

// Deadlines.
void on_wait_over(Moment& moment, IncidentId id);
void on_personal_rule_due(Moment& moment, IncidentId id, std::uint32_t call_number);

}  // namespace rules
