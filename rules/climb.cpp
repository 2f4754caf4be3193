#include "rules/climb.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rules/desk.hpp"
#include "rules/duration.hpp"
#include "rules/hold/dependency.hpp"
#include "rules/mutant.hpp"
#include "rules/publish.hpp"

namespace rules {
namespace {

std::string names_of(const std::vector<OnCall>& people) {
  std::string text;
  for (const OnCall& one : people) {
    if (!text.empty()) text += ", ";
    text += one.person;
  }
  return text;
}

const CallTree* tree_of(const Moment& moment, const Incident& incident) {
  return moment.policy.call_tree(incident.call_tree);
}

void disarm(Moment& moment, DeadlineId& id) {
  moment.state.deadlines.disarm(id);
  id = DeadlineId{};
}

void arm_wait(Moment& moment, Incident& incident, DeadlineKind kind, Duration wait) {
  disarm(moment, incident.climb.wait);
  const bool catches_up = ROUSE_MUTANT("overdue-waits-catch-up") && incident.climb.wait_until > incident.triggered_at;
  incident.climb.wait_until = (catches_up ? incident.climb.wait_until : moment.at()) + wait;
  incident.climb.wait = moment.state.deadlines.arm(incident.climb.wait_until, kind, incident.id.value, 0);
}

Call* find_call(Incident& incident, const std::string& person) {
  const auto found = std::find_if(incident.climb.calls.begin(), incident.climb.calls.end(), [&](const Call& call) {
    return call.person == person;
  });
  return found == incident.climb.calls.end() ? nullptr : &*found;
}

Call* find_call(Incident& incident, std::uint32_t number) {
  const auto found = std::find_if(incident.climb.calls.begin(), incident.climb.calls.end(), [&](const Call& call) {
    return call.number == number;
  });
  return found == incident.climb.calls.end() ? nullptr : &*found;
}

// Queues the page of the next rule. False when it came to nothing: the contact is gone, or already has a page of this
// incident before it.
bool run_next_rule(Moment& moment, Incident& incident, Call& call) {
  const NotifyRule& rule = call.rules[call.next_rule++];
  const Person* person = moment.policy.person(call.person);
  if (person == nullptr || person->contact(rule.contact) == nullptr) {
    because(moment,
            incident,
            ReasonKind::page_failed,
            fmt::format("{} by {}", call.person, rule.contact),
            "no longer configured");
    return false;
  }
  Page page;
  page.call = call.number;
  page.person = call.person;
  page.contact = rule.contact;
  page.reason = call.reason;
  page.step = call.step;
  page.round = call.round;
  page.because = call.because;
  page.possible_duplicate = call.doubtful;
  if (!queue_page(moment, incident, std::move(page))) return false;
  ++call.open_pages;
  return true;
}

// Runs the rules that are due and arms the deadline of the next. What comes to nothing brings the next one forward.
void run_rules(Moment& moment, Incident& incident, Call& call, bool next_at_once) {
  disarm(moment, call.rule_deadline);
  while (call.next_rule < call.rules.size()) {
    const bool is_due = call.started + call.rules[call.next_rule].after <= moment.at();
    if (!is_due && !next_at_once) break;
    const bool queued = run_next_rule(moment, incident, call);
    if (queued) next_at_once = false;
    if (!queued && call.open_pages == 0) next_at_once = true;
  }
  if (call.next_rule < call.rules.size()) {
    call.rule_deadline = moment.state.deadlines.arm(
        call.started + call.rules[call.next_rule].after, DeadlineKind::personal_rule, incident.id.value, call.number);
  } else if (call.open_pages == 0) {
    call.ended = true;
  }
}

bool is_unreachable(const Call& call) {
  return call.ended && !call.reached;
}

void record_unreachable(Moment& moment, Incident& incident, const Call& call) {
  ++moment.state.counters.unreachable;
  because(moment,
          incident,
          ReasonKind::unreachable,
          call.person,
          call.rules.empty() ? "has no contact for this" : "every page failed on every provider");
}

// Everybody of the step that was entered last is unreachable.
bool nobody_is_reachable(Incident& incident) {
  const Climb& climb = incident.climb;
  if (climb.step_people.empty()) return false;
  return std::all_of(climb.step_people.begin(), climb.step_people.end(), [&](const std::string& person) {
    const Call* call = find_call(incident, person);
    return call != nullptr && is_unreachable(*call);
  });
}

struct Calling {
  PageReason reason{};
  std::string because;
  std::uint32_t step{};
  std::uint32_t round{};
  bool beside{};
  bool low{};
};

// True when a call began; false when the person is still being called.
bool call_person(Moment& moment, Incident& incident, const std::string& person_id, const Calling& how) {
  Climb& climb = incident.climb;
  bool was_reached = false;
  if (Call* running = find_call(incident, person_id)) {
    if (!running->ended && running->low && !how.low) {
      // Told by the low rules: to be called is more.
      disarm(moment, running->rule_deadline);
      cancel_pages(moment, incident, "called by the high rules", &person_id);
    } else if (!running->ended) {
      if (!how.beside && running->entry != climb.entry) {
        running->entry = climb.entry;
        running->reached = false;
      }
      because(moment, incident, ReasonKind::still_being_called, person_id, how.because);
      return false;
    }
    was_reached = how.beside && running->reached && running->entry == climb.entry;
    std::erase_if(climb.calls, [&](const Call& call) { return call.person == person_id; });
  }
  const Person* person = moment.policy.person(person_id);
  Call call;
  call.number = ++climb.last_call;
  call.person = person_id;
  call.reason = how.reason;
  call.beside = how.beside;
  call.low = how.low;
  call.step = how.step;
  call.round = how.round;
  call.entry = how.beside ? 0 : climb.entry;
  call.started = moment.at();
  call.because = how.because;
  call.reached = was_reached;
  if (person != nullptr) call.rules = how.low ? person->low : person->high;
  because(moment, incident, ReasonKind::person_called, person_id, how.because);
  if (!how.beside) incident.anybody_called = true;
  climb.calls.push_back(std::move(call));
  Call& begun = climb.calls.back();
  run_rules(moment, incident, begun, false);
  if (is_unreachable(begun)) record_unreachable(moment, incident, begun);
  return true;
}

std::string because_of(const Incident& incident, const OnCall& one) {
  return incident.climb_because.empty() ? one.because : fmt::format("{}; {}", incident.climb_because, one.because);
}

// Begins a new entry: a step, or last_resort.
void begin_entry(Incident& incident, const std::vector<Target>& targets) {
  Climb& climb = incident.climb;
  ++climb.entry;
  climb.running = true;
  climb.step_targets = targets;
  climb.step_people.clear();
  std::erase_if(climb.calls, [](const Call& call) { return call.ended; });
}

void call_everybody(Moment& moment, Incident& incident, const std::vector<OnCall>& people, const Calling& how) {
  for (const OnCall& one : people) {
    incident.climb.step_people.push_back(one.person);
    Calling calling = how;
    calling.because = because_of(incident, one);
    call_person(moment, incident, one.person, calling);
  }
}

std::vector<OnCall> everyone_on_call_now(Moment& moment, const CallTree& tree) {
  std::vector<OnCall> people;
  for (const Step& step : tree.steps) {
    for (OnCall& one : moment.state.roster.on_call(moment.policy, step.targets, moment.now.wall)) {
      const bool known =
          std::any_of(people.begin(), people.end(), [&](const OnCall& other) { return other.person == one.person; });
      if (!known) people.push_back(std::move(one));
    }
  }
  return people;
}

void add_everyone(const Policy& policy, const std::vector<Target>& targets, std::vector<OnCall>& people) {
  const auto add = [&people](const std::string& person, const std::string& why) {
    const bool known =
        std::any_of(people.begin(), people.end(), [&](const OnCall& one) { return one.person == person; });
    if (!known) people.push_back(OnCall{.person = person, .because = why});
  };
  for (const Target& target : targets) {
    if (target.kind == TargetKind::person) add(target.id, "named by the call tree");
    if (const Rotation* rotation = policy.rotation(target.id); target.kind == TargetKind::rotation && rotation) {
      for (const std::string& member : rotation->members) add(member, fmt::format("member of {}", rotation->id));
    }
    if (const Specialists* group = policy.specialist_group(target.id);
        target.kind == TargetKind::specialists && group) {
      for (const std::string& member : group->members) add(member, fmt::format("member of {}", group->id));
    }
  }
}

void begin_again_later(Moment& moment, Incident& incident) {
  incident.climb.phase = ClimbPhase::begins_again;
  because(moment, incident, ReasonKind::climb_begins_again, incident.call_tree, "last_resort is unreachable; in 1m");
  arm_wait(moment, incident, DeadlineKind::restart_climb, begins_again_after);
}

void call_last_resort(Moment& moment, Incident& incident, const std::vector<OnCall>& extra = {}) {
  const CallTree* tree = tree_of(moment, incident);
  if (tree == nullptr) return;
  incident.climb.phase = ClimbPhase::last_resort;
  incident.unheard = true;
  ++moment.state.counters.last_resorts;
  std::string whose = "configured";
  std::vector<OnCall> people = moment.state.roster.on_call(moment.policy, tree->last_resort.targets, moment.now.wall);
  if (people.empty()) {
    whose = "everyone on call now for any step";
    people = everyone_on_call_now(moment, *tree);
  }
  if (people.empty()) {
    whose = "every person the tree can name";
    for (const Step& step : tree->steps) add_everyone(moment.policy, step.targets, people);
  }
  for (const OnCall& one : extra) {
    if (std::none_of(people.begin(), people.end(), [&](const OnCall& other) { return other.person == one.person; })) {
      people.insert(people.begin(), one);
    }
  }
  begin_entry(incident, tree->last_resort.targets);
  because(moment, incident, ReasonKind::last_resort, whose, names_of(people));
  call_everybody(moment, incident, people, Calling{.reason = PageReason::last_resort});
  if (people.empty() || nobody_is_reachable(incident)) {
    begin_again_later(moment, incident);
    return;
  }
  arm_wait(moment, incident, DeadlineKind::last_resort, tree->last_resort.every);
}

PageReason reason_of_entry(const Incident& incident, bool is_first_entry) {
  if (is_first_entry) return incident.climb_reason;
  return incident.climb.round > 0 ? PageReason::repeat : PageReason::step;
}

// Enters this step of this round, or, when nobody can be called there, the next one at the same instant.
void enter(Moment& moment,
           Incident& incident,
           std::uint32_t step,
           std::uint32_t round,
           bool is_first_entry,
           const std::vector<OnCall>& extra = {}) {
  const CallTree* tree = tree_of(moment, incident);
  if (tree == nullptr || tree->steps.empty()) return;
  Climb& climb = incident.climb;
  disarm(moment, climb.wait);
  climb.phase = ClimbPhase::climbing;
  std::vector<OnCall> also = extra;
  for (;;) {
    if (step >= tree->steps.size()) {
      if (!climb.anybody_this_round || round >= tree->repeat) {
        call_last_resort(moment, incident, also);
        return;
      }
      ++round;
      step = 0;
      climb.anybody_this_round = false;
      because(moment,
              incident,
              ReasonKind::round_began,
              incident.call_tree,
              fmt::format("round {} of {}", round + 1, tree->repeat + 1));
    }
    const Step& rung = tree->steps[step];
    climb.step = step;
    climb.round = round;
    std::vector<OnCall> people = moment.state.roster.on_call(moment.policy, rung.targets, moment.now.wall);
    if (people.empty()) {
      ++moment.state.counters.steps_empty;
      because(moment, incident, ReasonKind::step_empty, names_of(rung.targets), "nobody is on call");
    } else {
      climb.anybody_this_round = true;
    }
    for (auto one = also.rbegin(); one != also.rend(); ++one) {
      std::erase_if(people, [&](const OnCall& other) { return other.person == one->person; });
      people.insert(people.begin(), *one);
    }
    if (people.empty()) {
      ++step;
      continue;
    }
    ++moment.state.counters.steps_entered;
    begin_entry(incident, rung.targets);
    because(moment,
            incident,
            ReasonKind::step_entered,
            names_of(rung.targets),
            fmt::format("step {} of {}, round {}: {}; wait {}",
                        step + 1,
                        tree->steps.size(),
                        round + 1,
                        names_of(people),
                        print_duration(rung.wait)));
    call_everybody(moment,
                   incident,
                   people,
                   Calling{.reason = reason_of_entry(incident, is_first_entry), .step = step + 1, .round = round + 1});
    is_first_entry = false;
    also.clear();
    if (nobody_is_reachable(incident)) {
      ++step;
      continue;
    }
    arm_wait(moment, incident, DeadlineKind::step_wait, rung.wait);
    return;
  }
}

// Low urgency: the first step from here on that has anybody who can be reached.
void tell_once(Moment& moment, Incident& incident, std::uint32_t step, const std::vector<OnCall>& extra = {}) {
  const CallTree* tree = tree_of(moment, incident);
  if (tree == nullptr) return;
  Climb& climb = incident.climb;
  for (; step < tree->steps.size(); ++step) {
    std::vector<OnCall> people = moment.state.roster.on_call(moment.policy, tree->steps[step].targets, moment.now.wall);
    for (const OnCall& one : extra) {
      std::erase_if(people, [&](const OnCall& other) { return other.person == one.person; });
      people.insert(people.begin(), one);
    }
    if (people.empty()) continue;
    climb.phase = ClimbPhase::climbing;
    climb.step = step;
    climb.round = 0;
    begin_entry(incident, tree->steps[step].targets);
    because(moment, incident, ReasonKind::told_once, names_of(tree->steps[step].targets), names_of(people));
    call_everybody(
        moment, incident, people, Calling{.reason = incident.climb_reason, .step = step + 1, .round = 1, .low = true});
    if (!nobody_is_reachable(incident)) return;
  }
  because(moment, incident, ReasonKind::nobody_to_tell, incident.call_tree, "no step has anybody who can be told");
}

// What follows when the last person of an entry turned out to be unreachable.
void give_up_on_entry(Moment& moment, Incident& incident) {
  Climb& climb = incident.climb;
  if (!climb.running || incident.state != IncidentState::triggered) return;
  if (incident.urgency == Urgency::low) {
    tell_once(moment, incident, climb.step + 1);
  } else if (climb.phase == ClimbPhase::last_resort) {
    begin_again_later(moment, incident);
  } else if (climb.phase == ClimbPhase::climbing) {
    enter(moment, incident, climb.step + 1, climb.round, false);
  }
}

// Stops what the climb does. Who was called in by a person goes on being called.
void stop_entry(Moment& moment, Incident& incident, const std::string& why) {
  Climb& climb = incident.climb;
  disarm(moment, climb.wait);
  for (Call& call : climb.calls) {
    if (call.beside) continue;
    disarm(moment, call.rule_deadline);
    cancel_pages(moment, incident, why, &call.person);
  }
  std::erase_if(climb.calls, [](const Call& call) { return !call.beside; });
  climb.step_people.clear();
  climb.running = false;
}

void settle_call(Moment& moment, Incident& incident, std::uint32_t number) {
  Call* call = find_call(incident, number);
  if (call == nullptr || !is_unreachable(*call)) return;
  record_unreachable(moment, incident, *call);
  const bool of_this_entry = call->entry == incident.climb.entry;
  if (of_this_entry && nobody_is_reachable(incident)) give_up_on_entry(moment, incident);
}

}  // namespace

void start_climb(Moment& moment, Incident& incident, PageReason reason, std::string because_text) {
  if (incident.urgency == Urgency::none) return;
  stop_entry(moment, incident, "the climb starts anew");
  Climb anew;
  anew.last_call = incident.climb.last_call;
  anew.entry = incident.climb.entry;
  anew.calls = std::move(incident.climb.calls);
  incident.climb = std::move(anew);
  incident.climb_reason = reason;
  incident.climb_because = std::move(because_text);
  incident.climb_due = false;
  if (incident.urgency == Urgency::low) {
    tell_once(moment, incident, 0);
    return;
  }
  because(moment, incident, ReasonKind::climb_started, incident.call_tree, incident.climb_because);
  enter(moment, incident, 0, 0, true);
  publish_outage(moment, incident);
}

void stop_climb(Moment& moment, Incident& incident, const std::string& why) {
  Climb& climb = incident.climb;
  disarm(moment, climb.wait);
  for (Call& call : climb.calls) disarm(moment, call.rule_deadline);
  climb.calls.clear();
  climb.step_people.clear();
  climb.running = false;
  cancel_pages(moment, incident, why);
}

void trigger_again(Moment& moment, Incident& incident, PageReason reason, const std::string& holder, bool from_step_1) {
  disarm(moment, incident.acknowledgement);
  on_turn(moment, incident, false);
  incident.state = IncidentState::triggered;
  incident.triggered_at = moment.at();
  incident.snoozed = false;
  incident.by.clear();
  incident.climb_due = false;
  moment.changed.insert(incident.id);
  if (incident.urgency == Urgency::none) return;
  const ClimbPhase phase = incident.climb.phase;
  const std::uint32_t step = incident.climb.step;
  const std::uint32_t round = incident.climb.round;
  stop_entry(moment, incident, "triggered again");
  incident.climb_reason = reason;
  incident.climb_because.clear();
  std::vector<OnCall> extra;
  if (moment.policy.person(holder) != nullptr) {
    extra.push_back(OnCall{.person = holder, .because = "had acknowledged it"});
  }
  if (incident.urgency == Urgency::low) {
    tell_once(moment, incident, 0, extra);
    return;
  }
  if (from_step_1 || phase != ClimbPhase::climbing) {
    incident.climb.anybody_this_round = false;
    enter(moment, incident, 0, 0, true, extra);
  } else {
    enter(moment, incident, step, round, true, extra);
  }
}

void go_on_climbing(Moment& moment, Incident& incident) {
  Climb& climb = incident.climb;
  switch (climb.phase) {
    case ClimbPhase::idle:
      start_climb(moment, incident, incident.climb_reason, incident.climb_because);
      return;
    case ClimbPhase::climbing:
      enter(moment, incident, climb.step + 1, climb.round, false);
      return;
    case ClimbPhase::last_resort:
      call_last_resort(moment, incident);
      return;
    case ClimbPhase::begins_again:
      climb.anybody_this_round = false;
      incident.climb_reason = PageReason::repeat;
      enter(moment, incident, 0, 0, true);
      return;
  }
}

bool call_beside(Moment& moment, Incident& incident, const std::string& person, const std::string& because_text) {
  return call_person(
      moment, incident, person, Calling{.reason = PageReason::called, .because = because_text, .beside = true});
}

void stop_calling(Moment& moment, Incident& incident, const std::string& person, const std::string& why) {
  if (Call* call = find_call(incident, person)) disarm(moment, call->rule_deadline);
  std::erase_if(incident.climb.calls, [&](const Call& call) { return call.person == person; });
  std::erase(incident.climb.step_people, person);
  cancel_pages(moment, incident, why, &person);
}

std::optional<NextRung> next_rung(Moment& moment, const Incident& incident) {
  const Climb& climb = incident.climb;
  const CallTree* tree = tree_of(moment, incident);
  const bool waits = climb.running && incident.state == IncidentState::triggered && tree != nullptr &&
                     moment.state.deadlines.find(climb.wait).has_value();
  if (!waits || tree->steps.empty() || climb.phase == ClimbPhase::idle) return std::nullopt;
  const std::vector<Target>* targets = &tree->last_resort.targets;
  std::string where = "last resort";
  bool is_last_resort = true;
  if (climb.phase == ClimbPhase::begins_again) {
    targets = &tree->steps.front().targets;
    where = names_of(*targets);
    is_last_resort = false;
  } else if (climb.phase == ClimbPhase::climbing) {
    const bool is_last = climb.step + 1 >= tree->steps.size();
    if (!is_last || climb.round < tree->repeat) {
      targets = &tree->steps[is_last ? 0 : climb.step + 1].targets;
      where = names_of(*targets);
      is_last_resort = false;
    }
  }
  const Instant then = moment.now.wall + (climb.wait_until - moment.at());
  std::string people;
  for (const OnCall& one : moment.state.roster.on_call(moment.policy, *targets, then)) {
    const Person* person = moment.policy.person(one.person);
    people += fmt::format("{}{}", people.empty() ? "" : ", ", person == nullptr ? one.person : person->name);
  }
  // Who is named as a person already need not be named twice.
  std::vector<Target> groups = *targets;
  std::erase_if(groups, [](const Target& target) { return target.kind == TargetKind::person; });
  const std::string why = is_last_resort ? where : names_of(groups);
  if (people.empty()) return NextRung{.at = climb.wait_until, .who = where};
  return NextRung{.at = climb.wait_until, .who = why.empty() ? people : fmt::format("{} ({})", people, why)};
}

std::optional<Page> page_again(Moment& moment, Incident& incident, const PageRecord& record) {
  if (incident.state != IncidentState::triggered) return std::nullopt;
  Call* call = find_call(incident, record.person);
  if (call == nullptr || record.queued_at < call->started) return std::nullopt;
  // Whether something else reached the person counts without this page.
  call->reached = std::any_of(incident.pages.begin(), incident.pages.end(), [&](const PageRecord& other) {
    const bool arrived = other.state == PageState::accepted || other.state == PageState::unanswered ||
                         other.state == PageState::delivered || other.state == PageState::heard;
    return other.person == record.person && other.id != record.id && other.queued_at >= call->started && arrived;
  });
  call->ended = false;
  ++call->open_pages;
  Page page;
  page.id = record.id;
  page.incident = incident.id;
  page.call = call->number;
  page.person = record.person;
  page.contact = record.contact;
  page.reason = record.reason;
  page.step = record.step;
  page.round = record.round;
  page.because = call->because;
  page.queued_at = moment.at();
  page.possible_duplicate = record.possible_duplicate;
  return page;
}

void page_ended(Moment& moment, const Page& page, PageState outcome) {
  Incident* incident = find_incident(moment.state, page.incident);
  if (incident == nullptr) return;
  Call* call = find_call(*incident, page.call);
  if (call == nullptr) return;
  if (call->open_pages > 0) --call->open_pages;
  if (outcome == PageState::accepted || outcome == PageState::unanswered) call->reached = true;
  if (ROUSE_MUTANT("refused-page-counts-as-told")) call->reached = true;
  if (outcome == PageState::unanswered) call->doubtful = true;
  run_rules(moment, *incident, *call, outcome != PageState::accepted);
  settle_call(moment, *incident, page.call);
}

void on_wait_over(Moment& moment, IncidentId id) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr || incident->state != IncidentState::triggered || !incident->climb.running) return;
  incident->climb.wait = DeadlineId{};
  if (incident->climb.phase == ClimbPhase::climbing) {
    because(moment,
            *incident,
            ReasonKind::wait_ran_out,
            names_of(incident->climb.step_targets),
            fmt::format("nobody acknowledged at step {}", incident->climb.step + 1));
  }
  go_on_climbing(moment, *incident);
}

void on_personal_rule_due(Moment& moment, IncidentId id, std::uint32_t call_number) {
  Incident* incident = find_incident(moment.state, id);
  if (incident == nullptr || !is_open(*incident)) return;
  Call* call = find_call(*incident, call_number);
  if (call == nullptr) return;
  call->rule_deadline = DeadlineId{};
  run_rules(moment, *incident, *call, false);
  settle_call(moment, *incident, call_number);
}

}  // namespace rules
