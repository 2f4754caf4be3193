#include "rules/test_page.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "rules/desk.hpp"

namespace rules {
namespace {

constexpr Duration test_pause{std::chrono::minutes{1}};

// A regular test waits for the end of an emergency, but not into the night.
constexpr Duration look_again{std::chrono::minutes{15}};
constexpr Duration put_off_at_most{std::chrono::hours{6}};

// When this person's next test is due: on a weekday, at the hour that the policy says, in the person's own zone.
Instant due_for(const Policy& policy, const Person& person, Instant last) {
  const Zone& zone = policy.zone(person.timezone);
  const LocalTime local = zone.to_local(last + policy.test_pages.every);
  std::chrono::local_days day = std::chrono::floor<std::chrono::days>(local);
  while (std::chrono::weekday{day} == std::chrono::Saturday || std::chrono::weekday{day} == std::chrono::Sunday) {
    day += std::chrono::days{1};
  }
  const Instant due = zone.to_instant(day + policy.test_pages.at, Choice::first);
  return due > last ? due : due + std::chrono::hours{24};
}

// Somebody is called for an emergency, or has one: "nothing is wrong" is not for them now.
bool has_an_emergency(const State& state, const Person& person) {
  return std::any_of(state.incidents.begin(), state.incidents.end(), [&person](const auto& entry) {
    const Incident& incident = entry.second;
    if (!is_open(incident) || incident.urgency != Urgency::high) return false;
    if (incident.state == IncidentState::acknowledged) return incident.by == person.id;
    return std::any_of(
        incident.paged.begin(), incident.paged.end(), [&](const Paged& paged) { return paged.person == person.id; });
  });
}

// It is due, but waits.
bool is_put_off(const State& state, const Person& person, Instant due) {
  return state.last.wall < due + put_off_at_most && has_an_emergency(state, person);
}

}  // namespace

void on_test_page(Moment& moment, const TestPage& verb) {
  const auto refuse = [&](std::string why) {
    ++moment.state.counters.verbs_refused;
    moment.ask(Verdict{.code = VerdictCode::refused, .incident = {}, .text = std::move(why)});
  };
  const Person* person = moment.policy.person(verb.who);
  if (person == nullptr) return refuse(fmt::format("nobody is called {}", verb.who));
  if (person->contacts.empty()) return refuse(fmt::format("{} has no contact", verb.who));
  const auto tested = moment.state.last_test_by_hand.find(verb.who);
  if (tested != moment.state.last_test_by_hand.end() && tested->second + test_pause > moment.at()) {
    return refuse(fmt::format("{} was sent a test page less than a minute ago", verb.who));
  }
  moment.state.last_test_by_hand[verb.who] = moment.at();
  moment.state.tested[verb.who] = moment.now.wall;
  const std::size_t sent = send_test_pages(moment, *person, fmt::format("asked for by {}", verb.by));
  moment.ask(Verdict{
      .code = VerdictCode::done, .incident = {}, .text = fmt::format("{} test pages to {}", sent, person->name)});
}

void send_due_test_pages(Moment& moment) {
  if (moment.policy.test_pages.every <= Duration::zero()) return;
  for (const Person& person : moment.policy.people) {
    const auto tested = moment.state.tested.try_emplace(person.id, moment.now.wall).first;
    const Instant due = due_for(moment.policy, person, tested->second);
    if (due > moment.now.wall || is_put_off(moment.state, person, due)) continue;
    tested->second = moment.now.wall;
    send_test_pages(moment, person, "the regular test of whether you can be reached");
  }
}

std::optional<Instant> next_test_page(const State& state, const Policy& policy) {
  std::optional<Instant> next;
  if (policy.test_pages.every <= Duration::zero()) return next;
  for (const Person& person : policy.people) {
    const auto tested = state.tested.find(person.id);
    if (tested == state.tested.end()) return state.last.wall;
    Instant due = due_for(policy, person, tested->second);
    if (due <= state.last.wall && is_put_off(state, person, due)) due = state.last.wall + look_again;
    if (!next || due < *next) next = due;
  }
  return next;
}

}  // namespace rules
