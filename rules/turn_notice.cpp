#include "rules/turn_notice.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rules/desk.hpp"
#include "rules/mutant.hpp"
#include "rules/reachability.hpp"
#include "rules/told_time.hpp"

namespace rules {
namespace {

// A span of a rotation that one person has: a turn, or an override.
struct Duty {
  std::string rotation;
  Instant from;
  Instant to;
  Instant begins;  // when that person is on call in it next; `from` when that is now
};

struct Span {
  std::string person;
  Instant from;
  Instant to;
};

bool is_on_call(const std::vector<OnCall>& people, std::string_view person) {
  return std::any_of(people.begin(), people.end(), [person](const OnCall& one) { return one.person == person; });
}

bool can_have_turns(const Rotation& rotation, const std::string& person) {
  if (std::find(rotation.members.begin(), rotation.members.end(), person) != rotation.members.end()) return true;
  return std::any_of(rotation.overrides.begin(), rotation.overrides.end(), [&person](const Override& one) {
    return one.substitute == person;
  });
}

std::vector<Span> spans_of(
    State& state, const Policy& policy, const Rotation& rotation, const std::string& person, Instant until) {
  const Instant now = state.last.wall;
  std::vector<Span> spans;
  for (const TakenTurn& turn : state.roster.turns(policy, rotation, now, until + Duration{1})) {
    if (turn.person == person) spans.push_back(Span{.person = person, .from = turn.from, .to = turn.to});
  }
  const Zone& zone = policy.zone(rotation.timezone);
  for (const Override& one : rotation.overrides) {
    const Instant from = zone.to_instant(one.from, Choice::first);
    const Instant to = zone.to_instant(one.to, Choice::last);
    if (one.substitute == person && from <= until && to > now) {
      spans.push_back(Span{.person = person, .from = from, .to = to});
    }
  }
  return spans;
}

// What this person has now or has begun by `until`, in the order of beginning.
std::vector<Duty> duties_of(State& state, const Policy& policy, const std::string& person, Instant until) {
  std::vector<Duty> duties;
  for (const Rotation& rotation : policy.rotations) {
    if (!can_have_turns(rotation, person)) continue;
    const Target target{.kind = TargetKind::rotation, .id = rotation.id};
    for (const Span& span : spans_of(state, policy, rotation, person, until)) {
      std::optional<Instant> at = std::max(span.from, state.last.wall);
      while (at && *at < span.to && *at <= until && !is_on_call(state.roster.on_call(policy, target, *at), person)) {
        at = state.roster.next_change(policy, target, *at);
      }
      if (!at || *at >= span.to || *at > until) continue;
      const Instant begins = *at <= state.last.wall ? span.from : *at;
      duties.push_back(Duty{.rotation = rotation.id, .from = span.from, .to = span.to, .begins = begins});
    }
  }
  std::stable_sort(
      duties.begin(), duties.end(), [](const Duty& left, const Duty& right) { return left.begins < right.begins; });
  return duties;
}

// The contact by which a notice can reach this person: as their low rules would, never by voice, none in doubt.
const Contact* working_contact(const State& state, const Policy& policy, const Person& person) {
  const auto can_tell = [&](const Contact* contact) {
    if (contact == nullptr || contact->channel == "voice") return false;
    const Channel* const channel = policy.channel(contact->channel);
    if (channel == nullptr || channel->providers.empty()) return false;
    return ROUSE_MUTANT("turn-told-by-the-broken-contact") ||
           !contact_doubt(state, policy, person.id, *contact, state.last.at);
  };
  for (const NotifyRule& rule : person.low) {
    if (const Contact* contact = person.contact(rule.contact); can_tell(contact)) return contact;
  }
  for (const Contact& contact : person.contacts) {
    if (contact.channel == "email" && can_tell(&contact)) return &contact;
  }
  for (const Contact& contact : person.contacts) {
    if (can_tell(&contact)) return &contact;
  }
  return nullptr;
}

// Who has this rotation now, for somebody else to take over; outside of its hours whoever has the turn.
std::vector<std::string> outgoing(State& state,
                                  const Policy& policy,
                                  const std::string& rotation_id,
                                  const std::string& person) {
  const Target target{.kind = TargetKind::rotation, .id = rotation_id};
  std::vector<std::string> people;
  for (const OnCall& one : state.roster.on_call(policy, target, state.last.wall)) people.push_back(one.person);
  const Rotation* const rotation = policy.rotation(rotation_id);
  if (people.empty() && rotation != nullptr) {
    const Instant now = state.last.wall;
    for (const TakenTurn& turn : state.roster.turns(policy, *rotation, now, now + Duration{1})) {
      if (!turn.person.empty()) people.push_back(turn.person);
    }
  }
  std::erase(people, person);
  return people;
}

bool was_told(const KnownDoubt& doubt, const Duty& duty) {
  return std::any_of(doubt.told.begin(), doubt.told.end(), [&duty](const ToldTurn& told) {
    return told.rotation == duty.rotation && told.from == duty.from;
  });
}

// Of all contacts of this person that are in doubt, those that were not told before this turn; from now on they were.
bool take_untold(Moment& moment, const Person& person, const Duty& duty) {
  bool found = false;
  for (const Contact& contact : person.contacts) {
    const auto known = moment.state.doubts.find({person.id, contact.name});
    if (known == moment.state.doubts.end() || known->second.eased_at || was_told(known->second, duty)) continue;
    known->second.told.push_back(ToldTurn{.rotation = duty.rotation, .from = duty.from, .to = duty.to});
    found = true;
  }
  return found;
}

bool tell_outgoing(Moment& moment, const Person& person, const Duty& duty) {
  bool told = false;
  for (const std::string& id : outgoing(moment.state, moment.policy, duty.rotation, person.id)) {
    const Person* const other = moment.policy.person(id);
    const Contact* const contact = other == nullptr ? nullptr : working_contact(moment.state, moment.policy, *other);
    if (contact == nullptr) continue;
    queue_turn_notice(moment, Paged{.person = id, .contact = contact->name}, person.id, duty.rotation, duty.begins);
    told = true;
  }
  return told;
}

void tell(Moment& moment, const Person& person) {
  const Contact* const contact = working_contact(moment.state, moment.policy, person);
  bool is_told = false;
  for (const Duty& duty : duties_of(moment.state, moment.policy, person.id, moment.now.wall + told_before_turn)) {
    if (!take_untold(moment, person, duty)) continue;
    if (contact == nullptr) {
      const bool told = tell_outgoing(moment, person, duty);
      ++(told ? moment.state.counters.turns_at_risk : moment.state.counters.turns_at_risk_untold);
      continue;
    }
    ++moment.state.counters.turns_at_risk;
    // One notice, of the first turn: the contact is to be mended once.
    if (std::exchange(is_told, true)) continue;
    queue_turn_notice(
        moment, Paged{.person = person.id, .contact = contact->name}, person.id, duty.rotation, duty.begins);
  }
}

bool is_in_doubt(const State& state, const Person& person) {
  return std::any_of(person.contacts.begin(), person.contacts.end(), [&](const Contact& contact) {
    const auto known = state.doubts.find({person.id, contact.name});
    return known != state.doubts.end() && !known->second.eased_at;
  });
}

// Begins, goes on with or ends the episode of doubt about this contact. True: it began or ended, or was eased.
bool follow(Moment& moment, const Person& person, const Contact& contact, bool is_proved) {
  State& state = moment.state;
  const ContactAddress address{person.id, contact.name};
  const std::optional<ContactDoubt> doubt = contact_doubt(state, moment.policy, person.id, contact, moment.at());
  auto known = state.doubts.find(address);
  if (known != state.doubts.end() && known->second.eased_at &&
      *known->second.eased_at + doubt_eased_after <= moment.at()) {
    state.doubts.erase(known);
    known = state.doubts.end();
  }
  const bool was_in_doubt = known != state.doubts.end() && !known->second.eased_at;
  if (doubt) {
    if (known == state.doubts.end()) {
      known = state.doubts.emplace(address, KnownDoubt{.since = doubt->since, .eased_at = {}, .told = {}}).first;
    }
    known->second.eased_at.reset();
    std::erase_if(known->second.told,
                  [&](const ToldTurn& told) { return told.to + told_before_turn <= moment.now.wall; });
    if (ROUSE_MUTANT("turn-told-again")) known->second.told.clear();
  } else if (known != state.doubts.end() && is_proved) {
    state.doubts.erase(known);
  } else if (was_in_doubt) {
    known->second.eased_at = moment.at();
  }
  return was_in_doubt != doubt.has_value();
}

// When this person's next turn comes near enough; looked at once a day, so that no turn is searched for further away.
Instant next_turn_look(State& state, const Policy& policy, const std::string& person) {
  const Instant now = state.last.wall;
  for (const Duty& duty : duties_of(state, policy, person, now + 2 * told_before_turn)) {
    if (duty.begins > now + told_before_turn) return duty.begins - told_before_turn;
  }
  return now + told_before_turn;
}

// In `at`: when somebody must look at this person again; nullopt = not by itself.
std::optional<Instant> next_look(State& state, const Policy& policy, const Person& person) {
  const bool has_turns = std::any_of(policy.rotations.begin(), policy.rotations.end(), [&](const Rotation& rotation) {
    return can_have_turns(rotation, person.id);
  });
  if (!has_turns) return std::nullopt;
  std::optional<Instant> next;
  const auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  if (is_in_doubt(state, person)) {
    consider(state.last.at + (next_turn_look(state, policy, person.id) - state.last.wall));
  }
  for (const Contact& contact : person.contacts) {
    const std::optional<Instant> unheard = unheard_from(state, policy, person.id, contact);
    if (unheard && *unheard > state.last.at) consider(*unheard);
  }
  return next;
}

void look_no_later_than(State& state, Instant due) {
  const std::optional<Deadline> armed = state.deadlines.find(state.turn_look);
  if (armed && armed->due <= due) return;
  state.deadlines.disarm(state.turn_look);
  state.turn_look = state.deadlines.arm(due, DeadlineKind::shift_boundary, 0, 0);
}

std::string tell_wall(const State& state, const Zone& zone, Instant at) {
  const Duration wall_ahead = state.last.wall - state.last.at;
  return tell_time(zone, at + wall_ahead, state.last.wall);
}

// "sms has failed since 12:00 UTC (unknown number)"
std::string doubt_line(const State& state, const Zone& zone, const ContactDoubt& doubt, bool is_own) {
  const auto known = state.doubts.find({doubt.person, doubt.contact});
  const std::string since = tell_wall(state, zone, known == state.doubts.end() ? doubt.since : known->second.since);
  const std::string contact = is_own ? fmt::format("your {} contact", doubt.contact) : doubt.contact;
  if (doubt.doubt == Doubt::test_unheard) {
    return fmt::format("nobody has answered the test page to {} since {}", contact, since);
  }
  return fmt::format(
      "{} has failed since {}{}", contact, since, doubt.why.empty() ? "" : fmt::format(" ({})", doubt.why));
}

std::string capital(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  }
  return text;
}

}  // namespace

std::string turn_notice_text(const State& state,
                             const Policy& policy,
                             const Notice& notice,
                             const std::string& reader) {
  const Person* const person = policy.person(notice.by);
  const Person* const who_reads = policy.person(reader);
  if (person == nullptr || who_reads == nullptr) return {};
  const Zone& zone = policy.zone(who_reads->timezone);
  const bool is_own = reader == notice.by;
  std::string doubts;
  std::size_t count = 0;
  for (const Contact& contact : person->contacts) {
    const std::optional<ContactDoubt> doubt = contact_doubt(state, policy, person->id, contact, state.last.at);
    if (!doubt) continue;
    ++count;
    const std::string line = doubt_line(state, zone, *doubt, is_own);
    if (is_own) {
      doubts += capital(line) + ". ";
    } else {
      doubts += (doubts.empty() ? "" : "; ") + line;
    }
  }
  if (count == 0) return {};
  const bool has_begun = notice.begins <= state.last.wall;
  const std::string when = has_begun ? "" : tell_time(zone, notice.begins, state.last.wall);
  if (is_own) {
    return fmt::format("{}{} Try `rousectl page test {}`, or mend the contact.",
                       doubts,
                       has_begun ? fmt::format("You are on call for {} now.", notice.rotation)
                                 : fmt::format("Your turn on {} begins {}.", notice.rotation, when),
                       person->id);
  }
  return fmt::format(
      "{}, who {}, {} be reached: {}. See that somebody else has that turn, or that a contact is mended.",
      person->name.empty() ? person->id : person->name,
      has_begun ? fmt::format("is on call for {} now", notice.rotation)
                : fmt::format("takes over {} {}", notice.rotation, when),
      count == person->contacts.size() ? "cannot" : "may not",
      doubts);
}

void was_said(Moment& moment, const ContactAddress& contact, bool is_proved) {
  bool& proved = moment.reached[contact];
  proved = proved || is_proved;
}

void look_at_doubts(Moment& moment) {
  State& state = moment.state;
  std::erase_if(state.doubts, [&moment](const auto& one) {
    const Person* const person = moment.policy.person(one.first.first);
    return person == nullptr || person->contact(one.first.second) == nullptr;
  });
  state.deadlines.disarm(state.turn_look);
  state.turn_look = DeadlineId{};
  for (const Person& person : moment.policy.people) {
    for (const Contact& contact : person.contacts) follow(moment, person, contact, false);
    if (is_in_doubt(state, person)) tell(moment, person);
    if (const auto due = next_look(state, moment.policy, person)) look_no_later_than(state, *due);
  }
}

void tell_of_doubts(Moment& moment) {
  // What cannot leave ends at once, and is something said of its contact.
  while (!moment.reached.empty()) {
    std::set<std::string> people;
    for (const auto& [address, is_proved] : std::exchange(moment.reached, {})) {
      const Person* const person = moment.policy.person(address.first);
      const Contact* const contact = person == nullptr ? nullptr : person->contact(address.second);
      if (contact == nullptr) continue;
      const bool has_changed = follow(moment, *person, *contact, is_proved);
      const std::optional<Instant> unheard = unheard_from(moment.state, moment.policy, person->id, *contact);
      if (has_changed || (unheard && *unheard > moment.at())) people.insert(person->id);
    }
    for (const std::string& id : people) {
      const Person& person = *moment.policy.person(id);
      if (is_in_doubt(moment.state, person)) tell(moment, person);
      if (const auto due = next_look(moment.state, moment.policy, person)) look_no_later_than(moment.state, *due);
    }
    settle_desk(moment);
  }
}

}  // namespace rules
