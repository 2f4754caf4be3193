#include "rules/reachability.hpp"

#include <algorithm>

namespace rules {
namespace {

bool can_answer(const Policy& policy, const Contact& contact) {
  const Channel* const channel = policy.channel(contact.channel);
  if (channel == nullptr) return false;
  return std::any_of(channel->providers.begin(), channel->providers.end(), [](const Provider& provider) {
    return provider.kind != ProviderKind::webhook && provider.kind != ProviderKind::command &&
           provider.kind != ProviderKind::log;
  });
}

// When the last test page was sent to this contact: each goes to all contacts of the person. It is remembered by the
// wall clock, everything else here counts in `at`.
std::optional<Instant> last_test(const State& state, const std::string& person, const Reachability& known) {
  const auto tested = state.tested.find(person);
  if (known.tests == 0 || tested == state.tested.end()) return std::nullopt;
  return tested->second - (state.last.wall - state.last.at);
}

}  // namespace

std::optional<Instant> unheard_from(const State& state,
                                    const Policy& policy,
                                    const std::string& person,
                                    const Contact& contact) {
  const auto found = state.reachability.find({person, contact.name});
  if (found == state.reachability.end() || !can_answer(policy, contact)) return std::nullopt;
  const Reachability& known = found->second;
  const std::optional<Instant> tested = last_test(state, person, known);
  if (!tested || (known.last_heard && *known.last_heard >= *tested)) return std::nullopt;
  return *tested + test_answer_within;
}

std::optional<ContactDoubt> contact_doubt(
    const State& state, const Policy& policy, const std::string& person, const Contact& contact, Instant at) {
  const auto found = state.reachability.find({person, contact.name});
  if (found == state.reachability.end()) return std::nullopt;
  const Reachability& known = found->second;
  if (!known.works) {
    return ContactDoubt{.person = person,
                        .contact = contact.name,
                        .doubt = Doubt::failed,
                        .since = known.last_failed.value_or(Instant{}),
                        .why = known.failure};
  }
  const std::optional<Instant> unheard = unheard_from(state, policy, person, contact);
  if (!unheard || *unheard > at) return std::nullopt;
  return ContactDoubt{.person = person,
                      .contact = contact.name,
                      .doubt = Doubt::test_unheard,
                      .since = *unheard - test_answer_within,
                      .why = {}};
}

std::vector<ContactDoubt> contact_doubts(const State& state, const Policy& policy, Instant at) {
  std::vector<ContactDoubt> doubts;
  for (const Person& person : policy.people) {
    for (const Contact& contact : person.contacts) {
      if (std::optional<ContactDoubt> one = contact_doubt(state, policy, person.id, contact, at)) {
        doubts.push_back(*std::move(one));
      }
    }
  }
  return doubts;
}

std::string_view to_text(Doubt doubt) {
  switch (doubt) {
    case Doubt::failed:
      return "failed";
    case Doubt::test_unheard:
      return "test_unheard";
  }
  return "";
}

}  // namespace rules
