#include "daemon/api/thread_look.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "rules/moment.hpp"
#include "rules/reply.hpp"

namespace api {
namespace {

// What was found; several incidents when the first message of the thread is a bundle.
struct Found {
  std::vector<rules::IncidentId> incidents;
  std::optional<std::string> person;
};

Found find_thread(const rules::State& state, const std::string& reference) {
  Found found;
  const std::string bundle = reference + "/bundle";
  for (const auto& [id, incident] : state.incidents) {
    for (const rules::Thread& thread : incident.threads) {
      if (thread.reference != reference && thread.reference != bundle) continue;
      found.incidents.push_back(id);
      found.person = thread.person;
      break;
    }
  }
  return found;
}

bool is_about(const rules::SentMessage& message, const std::vector<rules::IncidentId>& incidents) {
  return !incidents.empty() && std::all_of(incidents.begin(), incidents.end(), [&message](rules::IncidentId id) {
    return std::any_of(message.pages.begin(), message.pages.end(), [id](const rules::PageFacts& page) {
      return page.incident.id == id;
    });
  });
}

ThreadReply complete(const rules::State& state, const std::string& reference, rules::Replied& reply) {
  const std::optional<rules::ReplyWords> words = rules::parse_reply(reply.text);
  const bool names_one = words && (words->number > 0 || words->incident);
  ThreadReply seen{.is_understood = words.has_value(), .says_of_what = names_one};
  const Found found = find_thread(state, reference);
  if (!found.person) return seen;
  for (auto sent = state.sent.rbegin(); sent != state.sent.rend(); ++sent) {
    if (sent->second.person != *found.person || !is_about(sent->second, found.incidents)) continue;
    reply.about = sent->first;
    break;
  }
  // What the message was is forgotten after a day; which incident it is about is not.
  const bool is_bare = reply.text.find_first_of(" \t\n") == std::string::npos;
  const bool is_named_by_us = found.incidents.size() == 1 && words && is_bare && !names_one;
  if (is_named_by_us) reply.text += " " + rules::print_incident(found.incidents.front());
  seen.says_of_what = seen.says_of_what || is_named_by_us || reply.about != rules::MessageId{};
  return seen;
}

}  // namespace

Ask tell_in_thread(std::string reference, Tell tell, PassOver pass_over) {
  struct Waiting {
    Tell tell;
    ThreadReply seen;
  };
  const auto waiting = std::make_shared<Waiting>(Waiting{std::move(tell), {}});
  Ask question;
  question.look = [waiting, reference = std::move(reference)](const rules::State& state) {
    if (auto* const reply = std::get_if<rules::Replied>(&waiting->tell.event))
      waiting->seen = complete(state, reference, *reply);
  };
  question.render = [] { return overloaded(); };
  question.then = [waiting, pass_over = std::move(pass_over)]() -> std::variant<Tell, net::Response> {
    if (std::optional<net::Response> passed = pass_over(waiting->seen)) return *std::move(passed);
    return std::move(waiting->tell);
  };
  return question;
}

}  // namespace api
