#include "rules/publish.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rules/desk.hpp"
#include "rules/people.hpp"

namespace rules {
namespace {

constexpr std::size_t update_bytes = 2'000;

std::string contact_of(const Publication& publication) {
  return fmt::format("{} {}", publication.channel, publication.address);
}

// To everybody whom the configuration names; `text` is an update's.
void publish(Moment& moment, Incident& incident, NoticeKind kind, const std::string& by, const std::string& text) {
  if (moment.policy.publish.empty()) return;
  incident.ever_published = true;
  ++moment.state.counters.published;
  std::string where;
  for (const Publication& publication : moment.policy.publish) {
    const std::string contact = contact_of(publication);
    queue_notice(moment, Paged{.person = "", .contact = contact}, incident, kind, by, text);
    where += fmt::format("{}{}", where.empty() ? "" : ", ", contact);
  }
  because(moment, incident, ReasonKind::published, where, to_word(kind));
}

}  // namespace

std::string_view to_word(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::acknowledged:
      return "that somebody has it";
    case NoticeKind::ended:
      return "that it has ended";
    case NoticeKind::update:
      return "an update";
    case NoticeKind::outage:
      return "that it has begun";
    case NoticeKind::turn_at_risk:
      return "that a turn is at risk";
  }
  return "";
}

const Publication* publication_at(const Policy& policy, std::string_view person, std::string_view contact) {
  if (!person.empty()) return nullptr;
  const auto found = std::find_if(
      policy.publish.begin(), policy.publish.end(), [&](const Publication& one) { return contact_of(one) == contact; });
  return found == policy.publish.end() ? nullptr : &*found;
}

void publish_outage(Moment& moment, Incident& incident) {
  if (incident.published || incident.drill || incident.urgency != Urgency::high || !incident.anybody_called) return;
  if (moment.policy.publish.empty()) return;
  incident.published = true;
  publish(moment, incident, NoticeKind::outage, "", "");
}

void publish_end(Moment& moment, Incident& incident, const std::string& by) {
  if (incident.published) publish(moment, incident, NoticeKind::ended, by, "");
  incident.published = false;
}

void on_update(Moment& moment, const Update& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  const std::string text{beginning_of(verb.text, update_bytes)};
  because(moment, *incident, ReasonKind::updated, verb.by, text);
  if (!incident->drill) {
    incident->published = incident->published || !moment.policy.publish.empty();
    publish(moment, *incident, NoticeKind::update, verb.by, text);
  }
  tell_followers(moment, *incident, NoticeKind::update, verb.by, text);
  answer_verb(moment, VerdictCode::done, incident->id);
}

void on_follow(Moment& moment, const Follow& verb) {
  Incident* incident = open_incident(moment, verb.incident);
  if (incident == nullptr) return;
  if (moment.policy.person(verb.by) == nullptr) {
    return answer_verb(
        moment, VerdictCode::refused, incident->id, fmt::format("nobody is called {}: updates go to people", verb.by));
  }
  if (verb.wanted && contact_for_notices(moment.policy, verb.by) == nullptr) {
    return answer_verb(moment,
                       VerdictCode::refused,
                       incident->id,
                       fmt::format("{} has no contact but voice, and updates are never told by voice", verb.by));
  }
  std::vector<std::string>& followers = incident->followers;
  const auto found = std::find(followers.begin(), followers.end(), verb.by);
  if (verb.wanted && found == followers.end()) followers.push_back(verb.by);
  if (!verb.wanted && found != followers.end()) followers.erase(found);
  because(moment, *incident, ReasonKind::followed, verb.by, verb.wanted ? "until it is over" : "no longer");
  answer_verb(moment, VerdictCode::done, incident->id);
}

}  // namespace rules
