#include "rules/reply.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rules/climb.hpp"
#include "rules/delivery.hpp"
#include "rules/duration.hpp"
#include "rules/mutant.hpp"
#include "rules/people.hpp"
#include "rules/publish.hpp"
#include "rules/rfc3339.hpp"
#include "rules/told_time.hpp"
#include "rules/turn_notice.hpp"
#include "rules/view.hpp"

namespace rules {
namespace {

bool is_digit(char one) {
  return one >= '0' && one <= '9';
}

bool is_telephone(std::string_view channel) {
  return channel == "sms" || channel == "voice";
}

char lower(char one) {
  return one >= 'A' && one <= 'Z' ? static_cast<char>(one - 'A' + 'a') : one;
}

// The words of the first line that says something: lower case, without quotes, and without what is no ASCII (an emoji).
std::vector<std::string> words_of(std::string_view text) {
  text = text.substr(0, reply_limit_bytes);
  std::vector<std::string> words(1);
  for (const char one : text) {
    if (one == '\n' || one == '\r') {
      if (words.size() > 1 || !words.back().empty()) break;
      continue;
    }
    if (one == ' ' || one == '\t') {
      if (!words.back().empty()) words.emplace_back();
      continue;
    }
    constexpr std::string_view not_said = "\"'`<>()[]*#,;:!.?";
    if (static_cast<unsigned char>(one) < 0x21 || static_cast<unsigned char>(one) > 0x7E) continue;
    if (not_said.find(one) != std::string_view::npos) continue;
    words.back() += lower(one);
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::optional<ReplyVerb> verb_of(std::string_view word) {
  struct Name {
    std::string_view word;
    ReplyVerb verb;
  };
  constexpr Name names[] = {
      {"a", ReplyVerb::acknowledge},
      {"ack", ReplyVerb::acknowledge},
      {"acked", ReplyVerb::acknowledge},
      {"acknowledge", ReplyVerb::acknowledge},
      {"acknowledged", ReplyVerb::acknowledge},
      {"c", ReplyVerb::close},
      {"close", ReplyVerb::close},
      {"closed", ReplyVerb::close},
      {"resolve", ReplyVerb::close},
      {"resolved", ReplyVerb::close},
      {"e", ReplyVerb::escalate},
      {"escalate", ReplyVerb::escalate},
      {"s", ReplyVerb::snooze},
      {"snooze", ReplyVerb::snooze},
      {"w", ReplyVerb::why},
      {"why", ReplyVerb::why},
      {"call", ReplyVerb::call},
      {"u", ReplyVerb::follow},
      {"updates", ReplyVerb::follow},
      {"follow", ReplyVerb::follow},
      {"unfollow", ReplyVerb::unfollow},
  };
  const auto* const found =
      std::find_if(std::begin(names), std::end(names), [&](const Name& name) { return name.word == word; });
  return found == std::end(names) ? std::nullopt : std::optional{found->verb};
}

std::optional<std::uint32_t> number_of(std::string_view word) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || number == 0) return std::nullopt;
  return number;
}

// "R-12", "r12"; a bare number is one of ours, not an incident's.
std::optional<IncidentId> incident_of(std::string_view word) {
  return word.starts_with('r') ? parse_incident_id(word) : std::nullopt;
}

// "30" is minutes.
std::optional<Duration> length_of(std::string_view word) {
  if (const std::optional<std::uint32_t> minutes = number_of(word)) return std::chrono::minutes{*minutes};
  const tl::expected<Duration, std::string> length = parse_duration(word);
  return length ? std::optional{*length} : std::nullopt;
}

// What follows the verb. False: it is not understood.
bool read_rest(ReplyWords& reply, const std::vector<std::string>& words, std::size_t from) {
  for (std::size_t index = from; index < words.size(); ++index) {
    const std::string& word = words[index];
    if (const std::optional<IncidentId> incident = incident_of(word); incident && !reply.incident) {
      reply.incident = incident;
    } else if (reply.verb == ReplyVerb::call && reply.who.empty()) {
      reply.who = word;
    } else if (const auto length = length_of(word); reply.verb == ReplyVerb::snooze && length) {
      reply.length = *length;
    } else if (const auto number = number_of(word); number && reply.number == 0 && reply.verb != ReplyVerb::snooze) {
      reply.number = *number;
    } else {
      return false;
    }
  }
  return reply.verb != ReplyVerb::call || !reply.who.empty();
}

std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char one : text)
    if (is_digit(one)) digits += one;
  return digits;
}

bool is_same_address(std::string_view channel, std::string_view one, std::string_view other) {
  // Of a sip: address every letter counts, and the digits of its host are nobody's number.
  const bool is_number = is_telephone(channel) && !one.starts_with("sip:") && !other.starts_with("sip:");
  if (is_number) {
    const std::string digits = digits_of(one);
    return !digits.empty() && digits == digits_of(other);
  }
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin(), [](char left, char right) {
           return lower(left) == lower(right);
         });
}

bool carries(std::string_view channel, const Contact& contact) {
  if (is_telephone(channel)) return is_telephone(contact.channel);
  return contact.channel == channel;
}

const std::vector<PageFacts>* pages_of(const State& state, MessageId id, const std::string& person) {
  if (const auto sent = state.sent.find(id); sent != state.sent.end()) {
    return sent->second.person == person ? &sent->second.pages : nullptr;
  }
  const auto message = state.messages.find(id);
  return message != state.messages.end() && message->second.person == person ? &message->second.page_facts : nullptr;
}

bool is_at(const Person& person, std::string_view channel, std::string_view address) {
  return std::any_of(person.contacts.begin(), person.contacts.end(), [&](const Contact& contact) {
    return carries(channel, contact) && is_same_address(channel, contact.address, address);
  });
}

MessageId latest_of(const Correspondence& said, const Replied& reply) {
  return reply.form == ReplyForm::key ? said.latest_call : said.latest;
}

// Of people who share a telephone the one whose message it answers, else the one who was paged last.
const Person* sender_of(const State& state, const Policy& policy, const Replied& reply) {
  if (!reply.person.empty()) return policy.person(reply.person);
  const Person* sender = nullptr;
  MessageId newest;
  for (const Person& person : policy.people) {
    if (!is_at(person, reply.channel, reply.address)) continue;
    const auto said = state.correspondence.find(person.id);
    const MessageId latest = said == state.correspondence.end() ? MessageId{} : latest_of(said->second, reply);
    if (reply.about != MessageId{} && pages_of(state, reply.about, person.id) != nullptr) return &person;
    if (sender != nullptr && latest <= newest) continue;
    sender = &person;
    newest = latest;
  }
  return sender;
}

// The provider said it before. Whoever shares the telephone may have been paged since, so all of them are asked.
bool was_heard(const State& state, const Policy& policy, const Person& sender, const Replied& reply) {
  return std::any_of(policy.people.begin(), policy.people.end(), [&](const Person& person) {
    if (person.id != sender.id && !is_at(person, reply.channel, reply.address)) return false;
    const auto said = state.correspondence.find(person.id);
    if (said == state.correspondence.end()) return false;
    const std::vector<std::string>& ids = said->second.heard_ids;
    return std::find(ids.begin(), ids.end(), reply.id) != ids.end();
  });
}

bool is_test(const std::vector<PageFacts>* pages) {
  return pages != nullptr && !pages->empty() && pages->front().reason == PageReason::test;
}

const PageFacts* page_about(const std::vector<PageFacts>* pages, IncidentId incident) {
  if (pages == nullptr) return nullptr;
  const auto found =
      std::find_if(pages->begin(), pages->end(), [&](const PageFacts& facts) { return facts.incident.id == incident; });
  return found == pages->end() ? nullptr : &*found;
}

// The newest message to this person that a provider took and that fits.
template <class Fits>
MessageId newest_sent(const State& state, const std::string& person, Fits fits) {
  const auto found = std::find_if(state.sent.rbegin(), state.sent.rend(), [&](const auto& one) {
    return one.second.person == person && fits(one.second);
  });
  return found == state.sent.rend() ? MessageId{} : found->first;
}

MessageId newest_about(const State& state, const std::string& person, IncidentId incident) {
  return newest_sent(
      state, person, [incident](const SentMessage& sent) { return page_about(&sent.pages, incident) != nullptr; });
}

// Whether what went to this contact may be what a reply by this way answers.
bool came_back(const Person& person, const std::string& name, const Replied& reply) {
  const Contact* const contact = person.contact(name);
  return contact != nullptr && contact->channel == reply.channel &&
         is_same_address(reply.channel, contact->address, reply.address);
}

// What this person was sent by the way that the reply came, newest first.
std::vector<MessageId> sent_by_this_way(const State& state, const Person& person, const Replied& reply) {
  std::vector<MessageId> ids;
  for (auto sent = state.sent.rbegin(); sent != state.sent.rend(); ++sent) {
    if (sent->second.person != person.id) continue;
    if (came_back(person, sent->second.contact, reply) || ROUSE_MUTANT("a-reply-is-heard-on-any-contact"))
      ids.push_back(sent->first);
  }
  return ids;
}

// The message that the reply proves to have been heard; 0: it proves nothing of any.
MessageId heard_about(const State& state,
                      const std::string& person,
                      MessageId about,
                      const std::vector<MessageId>& by_this_way,
                      IncidentId incident) {
  if (page_about(pages_of(state, about, person), incident) != nullptr) return about;
  const auto found = std::find_if(by_this_way.begin(), by_this_way.end(), [&](MessageId id) {
    return page_about(pages_of(state, id, person), incident) != nullptr;
  });
  return found == by_this_way.end() ? MessageId{} : *found;
}

MessageId heard_test(const State& state, const Person& person, const Replied& reply) {
  if (is_test(pages_of(state, reply.about, person.id))) return reply.about;
  return newest_sent(state, person.id, [&](const SentMessage& sent) {
    return is_test(&sent.pages) && came_back(person, sent.contact, reply);
  });
}

// The newest message about an incident that this person is called for, or, with `has_been_taken`, that is open.
MessageId waits_for(const State& state, const std::string& person, bool has_been_taken) {
  return newest_sent(state, person, [&](const SentMessage& sent) {
    return std::any_of(sent.pages.begin(), sent.pages.end(), [&](const PageFacts& facts) {
      const auto found = state.incidents.find(facts.incident.id);
      if (found == state.incidents.end() || !is_open(found->second)) return false;
      return has_been_taken || found->second.state == IncidentState::triggered;
    });
  });
}

// The message that a reply which names nothing is about.
MessageId meant_message(const State& state,
                        const Correspondence& said,
                        const std::string& person,
                        const Replied& reply,
                        const std::optional<ReplyWords>& words) {
  if (reply.about != MessageId{}) return reply.about;
  const MessageId latest = latest_of(said, reply);
  if (!words || !is_test(pages_of(state, latest, person))) return latest;
  const MessageId waiting = waits_for(state, person, words->verb != ReplyVerb::acknowledge);
  return waiting == MessageId{} || ROUSE_MUTANT("a-test-takes-the-reply") ? latest : waiting;
}

std::string in_words(const IncidentFacts& facts) {
  std::string text = print_incident(facts.id);
  if (!facts.summary.empty()) text += fmt::format(" ({})", beginning_of(facts.summary, 80));
  return text;
}

std::string name_of(const Policy& policy, const std::string& person) {
  const Person* found = policy.person(person);
  return found == nullptr || found->name.empty() ? person : found->name;
}

// Whether the climb has left the step that this page was of.
bool has_moved_on(const Incident& incident, const PageFacts& page) {
  if (page.step == 0) return false;
  return incident.climb.phase != ClimbPhase::climbing || incident.climb.step + 1 != page.step ||
         incident.climb.round + 1 != page.round;
}

std::string why_text(Moment& moment, const Incident& incident, const PageFacts* page) {
  std::string text = page != nullptr && !page->because.empty() ? fmt::format("you: {}", page->because) : "";
  if (page != nullptr && page->step > 0) {
    text +=
        fmt::format("{}step {}, round {} of {}", text.empty() ? "" : "; ", page->step, page->round, incident.call_tree);
  }
  text += fmt::format("{}route {}", text.empty() ? "" : "; ", incident.route);
  if (incident.state == IncidentState::acknowledged) return text + fmt::format("; {} has it", incident.by);
  if (const std::optional<NextRung> next = next_rung(moment, incident)) {
    text += fmt::format("; next in {}: {}", tell_length(next->at - moment.at()), next->who);
  }
  return text;
}

// Lets a verb answer, and takes that answer out of the effects: the reply has one of its own.
template <class Act>
Verdict verdict_of(Moment& moment, Act act) {
  const std::size_t before = moment.effects.size();
  act();
  Verdict verdict;
  for (std::size_t index = before; index < moment.effects.size(); ++index) {
    if (const auto* said = std::get_if<Verdict>(&moment.effects[index])) {
      verdict = *said;
      moment.effects.erase(moment.effects.begin() + static_cast<std::ptrdiff_t>(index));
      break;
    }
  }
  return verdict;
}

struct Acted {
  VerdictCode code{};
  std::string text;
};

Acted act(
    Moment& moment, Incident& incident, const ReplyWords& words, const std::string& person, const PageFacts* page) {
  const IncidentId id = incident.id;
  const std::string name = in_words(facts_of(moment.state, incident));
  const auto said = [&](const Verdict& verdict, const std::string& done) {
    if (verdict.code == VerdictCode::done) return Acted{verdict.code, fmt::format("{}: {}", name, done)};
    return Acted{verdict.code, fmt::format("{}: {}", name, verdict.text)};
  };
  switch (words.verb) {
    case ReplyVerb::acknowledge:
      return said(verdict_of(moment, [&] { on_acknowledge(moment, Acknowledge{.incident = id, .by = person}); }),
                  "acknowledged, you have it");
    case ReplyVerb::close:
      return said(verdict_of(moment, [&] { on_resolve(moment, Resolve{.incident = id, .by = person}); }), "closed");
    case ReplyVerb::escalate:
      if (is_open(incident) && page != nullptr && has_moved_on(incident, *page)) {
        because(moment, incident, ReasonKind::refused, person, "the climb has moved on since that page");
        return {VerdictCode::refused, fmt::format("{}: not escalated, the climb has moved on since that page", name)};
      }
      return said(verdict_of(moment, [&] { on_escalate(moment, Escalate{.incident = id, .by = person}); }),
                  "escalated, the next is called");
    case ReplyVerb::snooze: {
      const Duration length = words.length == Duration{} ? default_snooze : words.length;
      return said(
          verdict_of(moment, [&] { on_snooze(moment, Snooze{.incident = id, .by = person, .length = length}); }),
          fmt::format("snoozed for {}", print_duration(length)));
    }
    case ReplyVerb::call:
      return said(
          verdict_of(moment, [&] { on_call_in(moment, CallIn{.incident = id, .by = person, .who = words.who}); }),
          fmt::format("{} is called", words.who));
    case ReplyVerb::follow:
    case ReplyVerb::unfollow: {
      const bool wanted = words.verb == ReplyVerb::follow;
      return said(
          verdict_of(moment, [&] { on_follow(moment, Follow{.incident = id, .by = person, .wanted = wanted}); }),
          wanted ? "you get its updates until it is over" : "you get no more updates of it");
    }
    case ReplyVerb::why:
      return {VerdictCode::done, fmt::format("{}: {}", name, why_text(moment, incident, page))};
  }
  return {};
}

// Which incidents are meant; empty: there is none, and `why` says so.
std::vector<IncidentId> meant(const Moment& moment,
                              const ReplyWords& words,
                              const Correspondence& said,
                              const std::vector<PageFacts>* latest,
                              std::string& why) {
  if (words.incident) return {*words.incident};
  if (words.number > 0) {
    for (const ReplyNumber& one : said.numbers) {
      if (one.number == words.number && (!one.free_at || *one.free_at > moment.at())) return {one.incident};
    }
    why = fmt::format("no incident has the number {} for you", words.number);
    return {};
  }
  std::vector<IncidentId> incidents;
  if (latest != nullptr) {
    for (const PageFacts& facts : *latest) {
      if (facts.incident.id == IncidentId{}) continue;
      if (std::find(incidents.begin(), incidents.end(), facts.incident.id) == incidents.end()) {
        incidents.push_back(facts.incident.id);
      }
    }
  }
  if (incidents.empty()) why = "there is no page that this could be about; name the incident, as in: ack R-12";
  return incidents;
}

void answer(Moment& moment, VerdictCode code, IncidentId incident, std::string text) {
  moment.ask(Verdict{.code = code, .incident = incident, .text = std::move(text)});
}

// Answers cost money and may meet another machine: to what does nothing there are few.
bool is_answered(Correspondence& said, const Replied& reply, VerdictCode code, bool is_question) {
  if (code == VerdictCode::done && !is_question) {
    said.not_understood = 0;
    return true;
  }
  const bool too_many = is_question && code == VerdictCode::done ? ++said.questions > max_questions_answered
                                                                 : ++said.not_understood > max_not_understood_answers;
  const bool is_free = reply.form == ReplyForm::key || !reply.person.empty();
  return !too_many || is_free || ROUSE_MUTANT("nonsense-is-answered-for-ever");
}

// What a test was heard by says nothing of an incident that waits.
std::string thanks_for_test(const State& state, const std::string& person) {
  const std::vector<PageFacts>* const waiting = pages_of(state, waits_for(state, person, false), person);
  if (waiting == nullptr) return "Thank you. This test page was heard; nothing else is needed.";
  return fmt::format("Thank you. This test page was heard; {} still waits for somebody.",
                     print_incident(waiting->front().incident.id));
}

// Texts to this number are lost from now on, or are not any more; whoever has it as a contact is to know.
void on_opted(Moment& moment, const Replied& reply) {
  const bool stops = reply.form == ReplyForm::stop;
  for (const Person& person : moment.policy.people) {
    for (const Contact& contact : person.contacts) {
      if (!came_back(person, contact.name, reply)) continue;
      const ContactAddress number{person.id, contact.name};
      if (stops)
        note_failure(moment, number, "STOP was sent from this number: no text goes to it until START is");
      else
        note_success(moment, number);
    }
  }
  answer(moment, VerdictCode::done, {}, "");
}

}  // namespace

std::optional<ReplyWords> parse_reply(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  if (words.empty() || words.size() > 6) return std::nullopt;
  ReplyWords reply;
  std::size_t at = 0;
  if (const std::optional<IncidentId> incident = incident_of(words[0]); incident && words.size() > 1) {
    reply.incident = incident;
    at = 1;
  }
  // The number stands before the verb, with or without a blank between them.
  const std::size_t digits =
      static_cast<std::size_t>(std::find_if_not(words[at].begin(), words[at].end(), is_digit) - words[at].begin());
  if (digits > 0) {
    const std::optional<std::uint32_t> number = number_of(std::string_view{words[at]}.substr(0, digits));
    if (!number) return std::nullopt;
    reply.number = *number;
    words[at].erase(0, digits);
    if (words[at].empty()) ++at;
  }
  if (at >= words.size()) return std::nullopt;
  const std::optional<ReplyVerb> verb = verb_of(words[at]);
  if (!verb) return std::nullopt;
  reply.verb = *verb;
  if (!read_rest(reply, words, at + 1)) return std::nullopt;
  return reply;
}

std::optional<ReplyWords> parse_key(std::string_view digit) {
  ReplyWords reply;
  if (digit == "4") {
    reply.verb = ReplyVerb::acknowledge;
  } else if (digit == "5") {
    reply.verb = ReplyVerb::escalate;
  } else if (digit == "6") {
    reply.verb = ReplyVerb::close;
  } else {
    return std::nullopt;
  }
  return reply;
}

const Person* person_at(const Policy& policy, std::string_view channel, std::string_view address) {
  const auto found = std::find_if(policy.people.begin(), policy.people.end(), [&](const Person& person) {
    return is_at(person, channel, address);
  });
  return found == policy.people.end() ? nullptr : &*found;
}

std::uint32_t reply_number(Moment& moment, const std::string& person, const Incident& incident) {
  std::vector<ReplyNumber>& numbers = moment.state.correspondence[person].numbers;
  std::erase_if(numbers, [&](const ReplyNumber& one) { return one.free_at && *one.free_at <= moment.at(); });
  std::uint32_t lowest = 1;
  for (const ReplyNumber& one : numbers) {
    if (one.incident == incident.id) return one.number;
    if (one.number == lowest) ++lowest;
  }
  const auto place =
      std::find_if(numbers.begin(), numbers.end(), [&](const ReplyNumber& one) { return one.number > lowest; });
  numbers.insert(place, ReplyNumber{.number = lowest, .incident = incident.id, .free_at = std::nullopt});
  return lowest;
}

namespace {

void set_free_at(Moment& moment, const Incident& incident, std::optional<Instant> free_at) {
  const auto set = [&](const std::string& person) {
    const auto found = moment.state.correspondence.find(person);
    if (found == moment.state.correspondence.end()) return;
    for (ReplyNumber& one : found->second.numbers)
      if (one.incident == incident.id) one.free_at = free_at;
  };
  for (const Paged& paged : incident.paged) set(paged.person);
  for (const std::string& person : incident.numbered) set(person);
}

}  // namespace

void release_numbers(Moment& moment, const Incident& incident) {
  set_free_at(moment, incident, moment.at() + number_kept);
}

void keep_numbers(Moment& moment, const Incident& incident) {
  set_free_at(moment, incident, std::nullopt);
}

void on_replied(Moment& moment, const Replied& reply) {
  State& state = moment.state;
  ++state.counters.replies;
  const Person* person = sender_of(state, moment.policy, reply);
  if (person == nullptr && ROUSE_MUTANT("strangers-are-obeyed")) person = &moment.policy.people.front();
  if (person == nullptr) {
    ++state.counters.replies_of_strangers;
    return answer(moment, VerdictCode::refused, {}, "");
  }
  Correspondence& said = state.correspondence[person->id];
  if (!reply.id.empty()) {
    const bool is_again = was_heard(state, moment.policy, *person, reply) && !ROUSE_MUTANT("reply-acts-twice");
    if (is_again) return answer(moment, VerdictCode::done, {}, "");
    said.heard_ids.push_back(reply.id);
    if (said.heard_ids.size() > max_reply_ids_kept) said.heard_ids.erase(said.heard_ids.begin());
  }
  if (reply.form == ReplyForm::stop || reply.form == ReplyForm::start) return on_opted(moment, reply);
  const bool is_key = reply.form == ReplyForm::key;
  const std::optional<ReplyWords> words = is_key ? parse_key(reply.text) : parse_reply(reply.text);
  const MessageId latest = meant_message(state, said, person->id, reply, words);
  const std::vector<PageFacts>* pages = pages_of(state, latest, person->id);
  const bool names_none = !words || (words->number == 0 && !words->incident);
  if (is_test(pages) && names_none) {
    said.not_understood = 0;
    mark_heard(moment, heard_test(state, *person, reply), is_key ? "a key" : "a reply");
    return answer(moment, VerdictCode::done, {}, thanks_for_test(state, person->id));
  }
  if (!words) {
    ++state.counters.replies_not_understood;
    const std::string_view text = is_key ? "This key does nothing."
                                         : "Not understood. Write 1a to acknowledge what has number 1, 1e to escalate "
                                           "it, 1c to close it, 1w for why; or ack R-12.";
    const bool is_told = is_answered(said, reply, VerdictCode::refused, false);
    return answer(moment, VerdictCode::refused, {}, std::string{is_told ? text : ""});
  }
  std::string why;
  const std::vector<IncidentId> incidents = meant(moment, *words, said, pages, why);
  if (incidents.empty()) {
    const bool is_told = is_answered(said, reply, VerdictCode::refused, false);
    return answer(moment, VerdictCode::refused, {}, is_told ? why : "");
  }
  const std::vector<MessageId> by_this_way = sent_by_this_way(state, *person, reply);
  std::string text;
  VerdictCode code = VerdictCode::unknown_incident;
  for (const IncidentId id : incidents) {
    Incident* incident = find_incident(state, id);
    if (incident == nullptr) {
      text += fmt::format("{}there is no incident {}", text.empty() ? "" : "\n", print_incident(id));
      continue;
    }
    // Looked for again each time: what is done about one incident may end the message, and then it is kept elsewhere.
    const MessageId about =
        page_about(pages_of(state, latest, person->id), id) != nullptr ? latest : newest_about(state, person->id, id);
    // A copy: what follows may forget the message.
    const PageFacts* found = page_about(pages_of(state, about, person->id), id);
    const std::optional<PageFacts> page = found == nullptr ? std::nullopt : std::optional{*found};
    because(moment,
            *incident,
            ReasonKind::replied,
            fmt::format("{} by {}", name_of(moment.policy, person->id), reply.channel),
            is_key ? fmt::format("key {}", beginning_of(reply.text, 1)) : beginning_of(reply.text, 100));
    const MessageId heard = heard_about(state, person->id, reply.about, by_this_way, id);
    mark_heard(moment, heard, is_key ? "a key" : "a reply");
    const Acted acted = act(moment, *incident, *words, person->id, page ? &*page : nullptr);
    if (acted.code == VerdictCode::done || code == VerdictCode::unknown_incident) code = acted.code;
    text += fmt::format("{}{}", text.empty() ? "" : "\n", acted.text);
  }
  const bool is_told = is_answered(said, reply, code, words->verb == ReplyVerb::why);
  answer(moment, code, incidents.front(), is_told ? std::move(text) : std::string());
}

}  // namespace rules
