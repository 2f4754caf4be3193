#include "rules/alarm.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

namespace rules {
namespace {

void add(std::vector<std::string>& people, const std::string& person) {
  if (std::find(people.begin(), people.end(), person) == people.end()) people.push_back(person);
}

}  // namespace

std::vector<Send> alarm_last_resort(State& state, const std::string& name, const std::string& text, Stamp now) {
  std::vector<Send> sends;
  if (state.policy == nullptr) return sends;
  const Policy& policy = *state.policy;
  std::vector<std::string> people;
  for (const CallTree& tree : policy.call_trees) {
    std::vector<OnCall> called = state.roster.on_call(policy, tree.last_resort.targets, now.wall);
    if (called.empty()) {
      for (const Step& step : tree.steps) {
        for (const OnCall& one : state.roster.on_call(policy, step.targets, now.wall)) add(people, one.person);
      }
    }
    for (const OnCall& one : called) add(people, one.person);
  }
  if (people.empty()) {
    for (const Person& person : policy.people) add(people, person.id);
  }
  std::uint64_t number = 0;
  for (const std::string& id : people) {
    const Person* person = policy.person(id);
    if (person == nullptr) continue;
    std::vector<std::string> done;
    for (const NotifyRule& rule : person->high) {
      const Contact* contact = person->contact(rule.contact);
      const Channel* channel = contact == nullptr ? nullptr : policy.channel(contact->channel);
      if (channel == nullptr || channel->providers.empty()) continue;
      if (std::find(done.begin(), done.end(), rule.contact) != done.end()) continue;
      done.push_back(rule.contact);
      const std::string source = fmt::format("{}/{}/{}/{}", state.run, name, id, rule.contact);
      const XXH128_hash_t hash = XXH3_128bits_withSeed(source.data(), source.size(), state.seed);
      Send send;
      // Far beyond every number that the state gives, so that no outcome is taken for that of a page.
      send.message = MessageId{(std::uint64_t{1} << 62U) + ++number};
      send.key = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
      send.person = id;
      send.person_name = person->name;
      send.contact = contact->name;
      send.channel = contact->channel;
      send.address = contact->address;
      send.possible_duplicate = true;
      send.waiting_since = now.at;
      PageFacts page;
      page.reason = PageReason::last_resort;
      page.because = text;
      page.incident.summary = fmt::format("{}: {}", name, text);
      page.incident.urgency = Urgency::high;
      page.incident.service = "roused";
      send.pages.push_back(std::move(page));
      sends.push_back(std::move(send));
    }
  }
  return sends;
}

}  // namespace rules
