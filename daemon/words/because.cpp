#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"

namespace words {
namespace {

// "text: saw", or the text alone when nothing was seen.
std::string with(std::string text, const std::string& saw) {
  if (!saw.empty()) text += ": " + saw;
  return text;
}

std::string in_brackets(std::string text, const std::string& saw) {
  if (!saw.empty()) text += " (" + saw + ")";
  return text;
}

}  // namespace

std::string because_text(const rules::Reason& reason) {
  using Kind = rules::ReasonKind;
  const std::string rule = visible(reason.rule);
  const std::string saw = visible(reason.saw);
  switch (reason.kind) {
    case Kind::opened:
      return with(fmt::format("opened by route {}", rule), saw);
    case Kind::routed:
      return with(fmt::format("route {} gives", rule), saw);
    case Kind::alert_joined:
      return in_brackets(fmt::format("{} fires", rule.empty() ? "an alert" : rule), saw);
    case Kind::alert_rose:
      return with(fmt::format("{} became more severe", rule.empty() ? "an alert" : rule), saw);
    case Kind::alert_ended:
      return with(fmt::format("{} ended", rule.empty() ? "an alert" : rule), saw);
    case Kind::alert_expired:
      return with(fmt::format("an alert of {} ended by itself", rule), saw);
    case Kind::alert_unconfirmed:
      return with(fmt::format("an alert of {} is in doubt", rule), saw);
    case Kind::set_aside:
      return with(fmt::format("a late report of {} was set aside", rule), saw);
    case Kind::truncated:
      return with(fmt::format("{} does not tell everything", rule), saw);
    case Kind::reopened:
      return in_brackets(with("reopened", saw), rule);
    case Kind::ended:
      return with("ended", saw);
    case Kind::resolved_by_hand:
      return in_brackets(fmt::format("resolved by {}", rule), saw);
    case Kind::held:
      return fmt::format("held back by {} {}", rule, saw);
    case Kind::released:
      return with(fmt::format("no longer held back by {}", rule), saw);
    case Kind::climb_started:
      return in_brackets(fmt::format("the climb of {} begins", rule), saw);
    case Kind::step_entered:
      return in_brackets(fmt::format("calling {}", rule), saw);
    case Kind::step_empty:
      return with(fmt::format("{} was passed over", rule), saw);
    case Kind::person_called:
      return in_brackets(fmt::format("{} is called", rule), saw);
    case Kind::still_being_called:
      return in_brackets(fmt::format("{} is still being called", rule), saw);
    case Kind::wait_ran_out:
      return in_brackets(fmt::format("the wait for {} ran out", rule), saw);
    case Kind::round_began:
      return fmt::format("{} begins again from its first step: {}", rule, saw);
    case Kind::last_resort:
      return with(fmt::format("last resort, {}", rule), saw);
    case Kind::unreachable:
      return with(fmt::format("{} could not be reached", rule), saw);
    case Kind::climb_begins_again:
      return with(fmt::format("the climb of {} begins again from the start", rule), saw);
    case Kind::told_once:
      return in_brackets(fmt::format("of low urgency, so {} is told once", rule), saw);
    case Kind::nobody_to_tell:
      return with(fmt::format("{} has nobody to tell", rule), saw);
    case Kind::page_left:
      return in_brackets(fmt::format("page to {} left", rule), saw);
    case Kind::page_accepted:
      return in_brackets(fmt::format("page to {} accepted by the provider", rule), saw);
    case Kind::page_failed:
      return with(fmt::format("page to {} failed", rule), saw);
    case Kind::page_unanswered:
      return with(fmt::format("page to {} was sent, but the provider did not answer", rule), saw);
    case Kind::page_cancelled:
      return with(fmt::format("page to {} cancelled", rule), saw);
    case Kind::next_provider:
      return with(fmt::format("trying {}", rule), saw);
    case Kind::told:
      return fmt::format("{} told {}", rule, saw);
    case Kind::acknowledged:
      return in_brackets(fmt::format("{} acknowledged", rule), saw);
    case Kind::taken_over:
      return fmt::format("{} took it over {}", rule, saw);
    case Kind::acknowledgement_ran_out:
      return in_brackets(fmt::format("the acknowledgement of {} ran out", rule), saw);
    case Kind::acknowledgement_outgrown:
      return with(fmt::format("the acknowledgement of {} no longer covers it", rule), saw);
    case Kind::snoozed:
      return fmt::format("{} snoozed it {}", rule, saw);
    case Kind::snooze_ended:
      return in_brackets(fmt::format("the snooze of {} ended", rule), saw);
    case Kind::escalated:
      return in_brackets(fmt::format("{} escalated", rule), saw);
    case Kind::called_in:
      return fmt::format("{} called in {}", rule, saw);
    case Kind::noted:
      return fmt::format("{} noted: {}", rule, saw);
    case Kind::refused:
      return fmt::format("{} was refused: {}", rule, saw);
    case Kind::restarted:
      return with("the daemon has restarted", saw);
    case Kind::reloaded:
      return fmt::format("a new configuration moved it from {} to {}", rule, saw);
    case Kind::clock_stepped:
      return with("the wall clock was stepped", saw);
    case Kind::also_reported:
      return in_brackets(fmt::format("{} reports it, too", rule), saw);
    case Kind::flapping:
      return with(fmt::format("{} flaps", rule.empty() ? "an alert" : rule), saw);
    case Kind::flapping_ended:
      return with(fmt::format("{} no longer flaps", rule.empty() ? "an alert" : rule), saw);
    case Kind::folded:
      return with(fmt::format("folded into {}", rule), saw);
    case Kind::storm_ended:
      return with(fmt::format("the storm on {} has calmed", rule), saw);
    case Kind::blind_spot_closed:
      return with(fmt::format("{} was asked what it had left out", rule), saw);
    case Kind::alert_confirmed:
      return in_brackets(fmt::format("{}, asked, confirms it", rule), saw);
    case Kind::alert_unlisted:
      return in_brackets(fmt::format("{}, asked, has it no more", rule), saw);
    case Kind::interval_began:
      return with(fmt::format("{} has begun", rule), saw);
    case Kind::parent_passed:
      return with(fmt::format("{} does not keep it back", rule), saw);
    case Kind::limit_reached:
      return with("it keeps nothing back any more", saw);
    case Kind::page_delivered:
      return in_brackets(fmt::format("the page to {} arrived", rule), saw);
    case Kind::page_unheard:
      return with(fmt::format("{} did not hear the page", rule), saw);
    case Kind::page_heard:
      return in_brackets(fmt::format("{} heard the page", rule), saw);
    case Kind::replied:
      return with(fmt::format("{} answered", rule), saw);
    case Kind::updated:
      return with(fmt::format("update by {}", rule), saw);
    case Kind::published:
      return with(fmt::format("told to {}", rule), saw);
    case Kind::followed:
      return in_brackets(fmt::format("{} gets its updates", rule), saw);
    case Kind::not_told:
      return with(fmt::format("{} could not be told", rule), saw);
  }
  return saw;
}

}  // namespace words
