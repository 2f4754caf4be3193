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

std::vector<ContactDoubt> contact_doubts(const State& state, const Policy& policy, Instant at) {
  std::vector<ContactDoubt> doubts;
  for (const Person& person : policy.people) {
    for (const Contact& contact : person.contacts) {
      const auto found = state.reachability.find({person.id, contact.name});
      if (found == state.reachability.end()) continue;
      const Reachability& known = found->second;
      if (!known.works) {
        doubts.push_back(ContactDoubt{.person = person.id,
                                      .contact = contact.name,
                                      .doubt = Doubt::failed,
                                      .since = known.last_failed.value_or(Instant{}),
                                      .why = known.failure});
        continue;
      }
      const std::optional<Instant> tested = last_test(state, person.id, known);
      const bool has_waited = tested && *tested + test_answer_within <= at;
      const bool was_heard = known.last_heard && tested && *known.last_heard >= *tested;
      if (has_waited && !was_heard && can_answer(policy, contact)) {
        doubts.push_back(ContactDoubt{
            .person = person.id, .contact = contact.name, .doubt = Doubt::test_unheard, .since = *tested, .why = {}});
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
