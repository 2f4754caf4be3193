// What the contract says of a message after its provider took it, of what people write back, of test pages, and of what
// the company and those who asked are told.
#include <algorithm>
#include <charconv>
#include <sstream>

#include "tests/simulation/contract.hpp"

namespace simulation {

using namespace std::chrono_literals;
using rules::IncidentState;
using rules::PageReason;
using rules::SendOutcome;
using rules::VerdictCode;

namespace {

constexpr std::size_t reply_ids_kept = 100;

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char one) { return one >= '0' && one <= '9'; });
  return digits;
}

bool is_telephone(std::string_view channel) {
  return channel == "sms" || channel == "voice";
}

template <class Number>
bool reads(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

// ---- deliveries

void Contract::set_arrived(const std::vector<Page>& pages, bool has_arrived) {
  for (const Page& page : pages) {
    const auto incident = incidents_.find(page.incident);
    if (incident == incidents_.end()) continue;
    const auto record = incident->second.records.find(page.id);
    if (record != incident->second.records.end()) record->second.has_arrived = has_arrived;
  }
}

void Contract::on(const rules::DeliveryReported& reported) {
  if (keys_[reported.message] != reported.key) {
    ++met_["a report under a foreign key"];
    return;
  }
  const bool has_failed = reported.delivery == rules::Delivery::failed;
  if (const auto under_way = messages_.find(reported.message); under_way != messages_.end()) {
    ++met_["a report before the answer"];
    if (reported.provider.value() < under_way->second.provider) {
      ++met_["a report by an earlier provider"];
      if (has_failed) return;
      under_way->second.provider = *reported.provider;
    }
    if (!has_failed) withdraw(reported.message);
    on(rules::SendEnded{.message = reported.message,
                        .provider = under_way->second.provider,
                        .outcome = has_failed ? SendOutcome::refused : SendOutcome::accepted,
                        .detail = "",
                        .reference = ""});
    if (has_failed) return;
  }
  const auto found = taken_.find(reported.message);
  if (found == taken_.end()) return;
  Taken& taken = found->second;
  if (taken.has_failed || taken.is_heard) return;
  switch (reported.delivery) {
    case rules::Delivery::delivered:
      if (std::exchange(taken.is_delivered, true)) return;
      ++met_["delivered"];
      was_said(taken.to, true, true);
      set_arrived(taken.pages, true);
      return;
    case rules::Delivery::unheard:
      ++met_["rang unheard"];
      set_arrived(taken.pages, true);
      return;
    case rules::Delivery::failed:
      if (reported.provider.value() != taken.provider) return;
      taken.has_failed = true;
      ++met_["failed after all"];
      was_said(taken.to, false, false);
      set_arrived(taken.pages, false);
      if (taken.pages.front().reason == PageReason::test) return;
      send_after_failure(reported.message, Taken{taken});
      return;
  }
}

// It goes to the next provider, for whoever is still being called by it; else its pages have failed.
void Contract::send_after_failure(rules::MessageId id, const Taken& taken) {
  Message message;
  message.to = taken.to;
  message.channel = taken.channel;
  message.provider = taken.provider + 1;
  message.composed_at = at();
  for (const Page& facts : taken.pages) {
    const auto found = incidents_.find(facts.incident);
    if (found == incidents_.end() || found->second.state != IncidentState::triggered) continue;
    Incident& incident = found->second;
    const auto record = incident.records.find(facts.id);
    Call* const call = find_call(incident, facts.person);
    if (record == incident.records.end() || call == nullptr || record->second.queued_at < call->started) continue;
    call->reached = std::any_of(incident.records.begin(), incident.records.end(), [&](const auto& one) {
      const Record& other = one.second;
      return one.first != facts.id && other.person == facts.person && other.has_arrived &&
             other.queued_at >= call->started;
    });
    call->ended = false;
    ++call->open_pages;
    Page page = facts;
    page.call = call->number;
    page.queued_at = at();
    page.marked = record->second.marked;
    page.message = id;
    message.marked = message.marked || page.marked;
    pages_[facts.id] = page;
    message.alive.push_back(facts.id);
    message.pages.push_back(facts);
  }
  if (message.alive.empty()) return;
  const bool has_next = has_provider(message, message.provider);
  messages_[id] = std::move(message);
  if (!has_next) return end_message(id, SendOutcome::refused);
  ++met_["to the next provider after all"];
  ask(id);
}

// No try of it begins any more.
void Contract::withdraw(rules::MessageId id) {
  if (!std::exchange(messages_.at(id).withdrawn, true)) answer_.withdrawn.push_back(id);
}

void Contract::mark_heard(rules::MessageId id) {
  if (const auto under_way = messages_.find(id); under_way != messages_.end()) {
    ++met_["a reply before the answer"];
    withdraw(id);
    on(rules::SendEnded{.message = id,
                        .provider = under_way->second.provider,
                        .outcome = SendOutcome::accepted,
                        .detail = "",
                        .reference = ""});
  }
  const auto found = taken_.find(id);
  if (found == taken_.end() || std::exchange(found->second.is_heard, true)) return;
  was_said(found->second.to, true, true);
  set_arrived(found->second.pages, true);
}

// ---- turns at risk

bool Contract::works(const Address& contact) const {
  const auto found = contactable_.find(contact);
  return found == contactable_.end() || found->second.works;
}

// An hour in which nothing fails ends a doubt, as a delivery or an answer does: what fails then is told anew.
void Contract::was_said(const Address& contact, bool works, bool is_proved) {
  if (contact.first.empty()) return;
  Contactable& one = contactable_[contact];
  if (one.works_since && *one.works_since + 1h <= at()) one.told.clear();
  one.works = works;
  if (one.works && is_proved) one.told.clear();
  if (!one.works) {
    one.works_since.reset();
  } else if (!one.works_since) {
    one.works_since = at();
  }
  said_.insert(contact);
}

// The turns that this person has now, or that begin within this time. Nobody in the team has hours or an override.
std::vector<Contract::Duty> Contract::duties(const std::string& person, Duration ahead) {
  std::vector<Duty> found;
  for (const rules::Rotation& rotation : policy_->rotations) {
    for (const rules::TakenTurn& turn : roster_.turns(*policy_, rotation, now_.wall, now_.wall + ahead + Duration{1})) {
      if (turn.person == person) found.push_back({.rotation = rotation.id, .from = turn.from, .to = turn.to});
    }
  }
  return found;
}

std::optional<Contract::Address> Contract::address_for_notices(const std::string& person) const {
  const rules::Person* const one = policy_->person(person);
  std::vector<const rules::Contact*> by_preference;
  for (const rules::NotifyRule& rule : one->low) by_preference.push_back(one->contact(rule.contact));
  for (const rules::Contact& contact : one->contacts) by_preference.push_back(&contact);
  for (const rules::Contact* contact : by_preference) {
    if (contact->channel != "voice" && works({person, contact->name})) return Address{person, contact->name};
  }
  return std::nullopt;
}

void Contract::tell_of_turns(const std::string& person) {
  const std::optional<Address> own = address_for_notices(person);
  bool is_told = false;
  for (const Duty& duty : duties(person, 24h)) {
    const std::string turn = duty.rotation + std::to_string(duty.from.time_since_epoch().count());
    bool is_new = false;
    for (const rules::Contact& contact : policy_->person(person)->contacts) {
      if (works({person, contact.name})) continue;
      is_new = contactable_[{person, contact.name}].told.insert(turn).second || is_new;
    }
    if (!is_new) continue;
    std::vector<Address> readers;
    if (own && !std::exchange(is_told, true)) readers.push_back(*own);
    if (!own) {
      const rules::Target target{.kind = rules::TargetKind::rotation, .id = duty.rotation};
      for (const rules::OnCall& other : roster_.on_call(*policy_, target, now_.wall)) {
        if (other.person == person) continue;
        if (const auto to = address_for_notices(other.person)) readers.push_back(*to);
      }
      ++met_[readers.empty() ? "a turn at risk of which nobody could be told" : "who hands over was told"];
    }
    for (const Address& to : readers) {
      ++met_["a turn at risk was told"];
      std::vector<Notice>& waiting = queues_[to].notices;
      const bool waits = std::any_of(waiting.begin(), waiting.end(), [&](const Notice& one) {
        return one.kind == rules::NoticeKind::turn_at_risk && one.by == person && one.turn == turn;
      });
      if (waits) continue;
      waiting.push_back(
          Notice{.incident = {}, .kind = rules::NoticeKind::turn_at_risk, .by = person, .text = "", .turn = turn});
      touched_.insert(to);
    }
  }
}

bool Contract::is_doubted(const rules::Person& person) const {
  return std::any_of(person.contacts.begin(), person.contacts.end(), [&](const rules::Contact& contact) {
    return !works({person.id, contact.name});
  });
}

void Contract::await_turn(const std::string& person) {
  for (const Duty& duty : duties(person, 48h)) {
    const Duration away = duty.from - 24h - now_.wall;
    if (away <= Duration{}) continue;
    if (turns_ && turns_->first <= at() + away) return;
    disarm(turns_);
    turns_ = arm(at() + away, named(Due::turns, ""));
    return;
  }
}

void Contract::look_at_turns() {
  disarm(turns_);
  for (auto& [contact, one] : contactable_) one.worked = one.works;
  for (const rules::Person& person : policy_->people) {
    if (!is_doubted(person)) continue;
    tell_of_turns(person.id);
    await_turn(person.id);
  }
}

void Contract::tell_of_what_was_said() {
  while (!said_.empty()) {
    std::set<std::string> people;
    for (const Address& contact : std::exchange(said_, {})) {
      Contactable& one = contactable_[contact];
      if (std::exchange(one.worked, one.works) != one.works) people.insert(contact.first);
    }
    for (const std::string& id : people) {
      const rules::Person* const person = policy_->person(id);
      if (person == nullptr || !is_doubted(*person)) continue;
      tell_of_turns(id);
      await_turn(id);
    }
    settle_desk();
  }
}

// ---- replies

const rules::Person* Contract::whose(const std::string& channel, const std::string& address) const {
  for (const rules::Person& person : policy_->people) {
    for (const rules::Contact& contact : person.contacts) {
      const bool is_ours = is_telephone(channel)
                               ? is_telephone(contact.channel) && digits_of(contact.address) == digits_of(address)
                               : contact.channel == channel && contact.address == address;
      if (is_ours) return &person;
    }
  }
  return nullptr;
}

std::optional<Contract::Words> Contract::understand(const rules::Replied& reply) {
  Words words;
  if (reply.form == rules::ReplyForm::key) {
    if (reply.text == "4") return words;
    words.wish = reply.text == "5" ? Wish::escalate : Wish::close;
    return reply.text == "5" || reply.text == "6" ? std::optional{words} : std::nullopt;
  }
  std::string text;
  for (const char one : reply.text) {
    if (one == '!' || one == '.' || one == '"') continue;
    text += one >= 'A' && one <= 'Z' ? static_cast<char>(one - 'A' + 'a') : one;
  }
  std::istringstream all{text};
  std::string first;
  if (!(all >> first)) return std::nullopt;
  const std::size_t digits = std::min(first.find_first_not_of("0123456789"), first.size());
  if (digits > 0 && (!reads(first.substr(0, digits), words.number) || words.number == 0)) return std::nullopt;
  first.erase(0, digits);
  if (first.empty() && !(all >> first)) return std::nullopt;
  static const std::map<std::string, Wish> wishes{{"a", Wish::acknowledge},
                                                  {"ack", Wish::acknowledge},
                                                  {"c", Wish::close},
                                                  {"close", Wish::close},
                                                  {"e", Wish::escalate},
                                                  {"s", Wish::snooze},
                                                  {"w", Wish::why},
                                                  {"why", Wish::why},
                                                  {"call", Wish::call},
                                                  {"u", Wish::follow},
                                                  {"unfollow", Wish::unfollow}};
  const auto wish = wishes.find(first);
  if (wish == wishes.end()) return std::nullopt;
  words.wish = wish->second;
  for (std::string more; all >> more;) {
    std::uint32_t minutes = 0;
    if (more.starts_with("r-") && reads(more.substr(2), words.incident.value) && words.incident.value != 0) continue;
    if (words.wish == Wish::call && words.who.empty()) {
      words.who = more;
    } else if (words.wish == Wish::snooze && reads(more.substr(0, more.find('m')), minutes)) {
      words.length = std::chrono::minutes{minutes};
    } else {
      return std::nullopt;
    }
  }
  return words;
}

std::vector<Contract::Page> Contract::pages_of(rules::MessageId id, const std::string& person) const {
  if (const auto taken = taken_.find(id); taken != taken_.end()) {
    return taken->second.to.first == person ? taken->second.pages : std::vector<Page>{};
  }
  const auto message = messages_.find(id);
  return message != messages_.end() && message->second.to.first == person ? message->second.pages : std::vector<Page>{};
}

rules::MessageId Contract::newest_about(const std::string& person, rules::IncidentId incident) const {
  return newest_taken(person, [&](const Taken& /*taken*/, const Page& page) { return page.incident == incident; });
}

// Whether what went to this contact went by the way that the reply came.
bool Contract::came_back(const Address& to, const rules::Replied& reply) const {
  const rules::Person* const person = policy_->person(to.first);
  const rules::Contact* const contact = person == nullptr ? nullptr : person->contact(to.second);
  if (contact == nullptr || contact->channel != reply.channel) return false;
  return is_telephone(reply.channel) ? digits_of(contact->address) == digits_of(reply.address)
                                     : contact->address == reply.address;
}

// The newest that a provider took, to this person, of which one page fits.
rules::MessageId Contract::newest_taken(const std::string& person,
                                        const std::function<bool(const Taken&, const Page&)>& fits) const {
  for (auto taken = taken_.rbegin(); taken != taken_.rend(); ++taken) {
    if (taken->second.to.first != person) continue;
    for (const Page& page : taken->second.pages) {
      if (fits(taken->second, page)) return taken->first;
    }
  }
  return {};
}

// A test page that left while somebody is called takes no reply that is meant for the incident.
rules::MessageId Contract::answered(const std::string& person,
                                    rules::MessageId latest,
                                    const std::optional<Words>& words) const {
  const std::vector<Page> pages = pages_of(latest, person);
  if (!words || pages.empty() || pages.front().reason != PageReason::test) return latest;
  const rules::MessageId waiting = newest_taken(person, [&](const Taken& /*taken*/, const Page& page) {
    const auto incident = incidents_.find(page.incident);
    if (incident == incidents_.end() || incident->second.state == IncidentState::resolved) return false;
    return words->wish != Wish::acknowledge || incident->second.state == IncidentState::triggered;
  });
  return waiting.value == 0 ? latest : waiting;
}

void Contract::on(const rules::Replied& reply) {
  answer_.verdict = VerdictCode::refused;
  const rules::Person* const person =
      reply.person.empty() ? whose(reply.channel, reply.address) : policy_->person(reply.person);
  if (person == nullptr) {
    ++met_["a stranger wrote"];
    return;
  }
  const std::string who = person->id;
  Talk& talk = talks_[who];
  if (!reply.id.empty()) {
    if (std::find(talk.ids.begin(), talk.ids.end(), reply.id) != talk.ids.end()) {
      ++met_["a reply came twice"];
      answer_.verdict = VerdictCode::done;
      return;
    }
    talk.ids.push_back(reply.id);
    if (talk.ids.size() > reply_ids_kept) talk.ids.pop_front();
  }
  const rules::MessageId last = reply.form == rules::ReplyForm::key ? talk.latest_call : talk.latest;
  const std::optional<Words> words = understand(reply);
  const rules::MessageId latest = reply.about.value != 0 ? reply.about : answered(who, last, words);
  const std::vector<Page> pages = pages_of(latest, who);
  if (reply.about.value == 0 && latest != last) ++met_["a reply beside a test page"];
  const bool names_none = !words || (words->number == 0 && words->incident.value == 0);
  if (!pages.empty() && pages.front().reason == PageReason::test && names_none) {
    ++met_["a test page was heard"];
    const bool is_named = reply.about.value != 0 && !pages_of(reply.about, who).empty();
    mark_heard(is_named ? reply.about : newest_taken(who, [&](const Taken& taken, const Page& page) {
      return page.reason == PageReason::test && came_back(taken.to, reply);
    }));
    answer_.verdict = VerdictCode::done;
    return;
  }
  if (!words) {
    ++met_["a reply was not understood"];
    return;
  }
  std::vector<rules::IncidentId> meant;
  if (words->incident.value != 0) {
    meant.push_back(words->incident);
  } else if (words->number > 0) {
    const auto number = talk.numbers.find(words->number);
    const bool stands = number != talk.numbers.end() && (!number->second.free_at || *number->second.free_at > at());
    if (stands) meant.push_back(number->second.incident);
    ++met_[stands ? "a reply by its number" : "a reply by a wrong number"];
  } else {
    for (const Page& page : pages) {
      const bool is_new = std::find(meant.begin(), meant.end(), page.incident) == meant.end();
      if (page.incident.value != 0 && is_new) meant.push_back(page.incident);
    }
    if (meant.size() > 1) ++met_["a reply to a bundle"];
  }
  for (const rules::IncidentId id : meant) {
    const auto found = incidents_.find(id);
    if (found == incidents_.end()) {
      ++met_["a reply about what never was"];
      continue;
    }
    const auto page_in = [id](const std::vector<Page>& all) {
      const auto page = std::find_if(all.begin(), all.end(), [id](const Page& one) { return one.incident == id; });
      return page == all.end() ? std::nullopt : std::optional{*page};
    };
    const rules::MessageId about = page_in(pages) ? latest : newest_about(who, id);
    const std::optional<Page> page = page_in(pages_of(about, who));
    const bool is_named = page_in(pages_of(reply.about, who)).has_value();
    const rules::MessageId heard = is_named ? reply.about : newest_taken(who, [&](const Taken& taken, const Page& one) {
      return one.incident == id && came_back(taken.to, reply);
    });
    if (heard != about) ++met_["a reply by another way than the newest page"];
    mark_heard(heard);
    obey(found->second, *words, who, page);
  }
}

void Contract::obey(Incident& incident,
                    const Words& words,
                    const std::string& person,
                    const std::optional<Page>& page) {
  const rules::IncidentId id = incident.id;
  switch (words.wish) {
    case Wish::acknowledge:
      ++met_[incident.state == IncidentState::triggered ? "acknowledged by a reply" : "a reply too late"];
      return on(rules::Acknowledge{.incident = id, .by = person});
    case Wish::close:
      return on(rules::Resolve{.incident = id, .by = person});
    case Wish::escalate: {
      const bool has_moved =
          page && page->step > 0 &&
          (incident.phase != Phase::climbing || incident.step + 1 != page->step || incident.round + 1 != page->round);
      if (incident.state != IncidentState::resolved && has_moved) {
        ++met_["escalated when the climb had moved on"];
        return;
      }
      return on(rules::Escalate{.incident = id, .by = person});
    }
    case Wish::snooze:
      return on(rules::Snooze{
          .incident = id, .by = person, .length = words.length == Duration{} ? Duration{30min} : words.length});
    case Wish::call:
      return on(rules::CallIn{.incident = id, .by = person, .who = words.who});
    case Wish::follow:
    case Wish::unfollow:
      return on(rules::Follow{.incident = id, .by = person, .wanted = words.wish == Wish::follow});
    case Wish::why:
      return;
  }
}

// The lowest that is free, the same for as long as its incident is open and a day more.
void Contract::give_number(const std::string& person, rules::IncidentId incident) {
  std::map<std::uint32_t, Number>& numbers = talks_[person].numbers;
  std::erase_if(numbers, [&](const auto& one) { return one.second.free_at && *one.second.free_at <= at(); });
  const bool has_one =
      std::any_of(numbers.begin(), numbers.end(), [&](const auto& one) { return one.second.incident == incident; });
  if (has_one) return;
  std::uint32_t lowest = 1;
  while (numbers.contains(lowest)) ++lowest;
  numbers[lowest] = Number{.incident = incident, .free_at = {}};
}

void Contract::free_numbers(const Incident& incident, std::optional<Instant> free_at) {
  for (auto& [person, talk] : talks_) {
    for (auto& [number, one] : talk.numbers) {
      if (one.incident == incident.id) one.free_at = free_at;
    }
  }
}

// ---- what is told

const rules::Publication* Contract::publication(const Address& to) const {
  if (!to.first.empty()) return nullptr;
  const auto found = std::find_if(policy_->publish.begin(), policy_->publish.end(), [&](const rules::Publication& one) {
    return one.channel + " " + one.address == to.second;
  });
  return found == policy_->publish.end() ? nullptr : &*found;
}

void Contract::publish(const Incident& incident,
                       rules::NoticeKind kind,
                       const std::string& by,
                       const std::string& text) {
  for (const rules::Publication& one : policy_->publish) {
    const Address to{"", one.channel + " " + one.address};
    queues_[to].notices.push_back(Notice{.incident = incident.id, .kind = kind, .by = by, .text = text, .turn = ""});
    touched_.insert(to);
    ++met_["published"];
  }
}

// By a contact that paged them, else by the first of their low rules.
void Contract::tell_follower(const Incident& incident, const std::string& who, const Notice& notice) {
  std::optional<Address> to;
  for (const Address& paged : incident.paged) {
    const bool is_voice = paged.second == "voice" || paged.second.starts_with("voice.");
    if (paged.first == who && !is_voice && !to) to = paged;
  }
  const rules::Person* const person = policy_->person(who);
  if (!to && person != nullptr && !person->low.empty()) to = Address{who, person->low.front().contact};
  if (!to) return;
  ++met_["a follower was told"];
  queues_[*to].notices.push_back(notice);
  touched_.insert(*to);
}

void Contract::on(const rules::Update& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  incident->published = incident->published || !policy_->publish.empty();
  publish(*incident, rules::NoticeKind::update, verb.by, verb.text);
  for (const std::string& who : incident->followers) {
    if (who == verb.by) continue;
    tell_follower(
        *incident,
        who,
        Notice{
            .incident = incident->id, .kind = rules::NoticeKind::update, .by = verb.by, .text = verb.text, .turn = ""});
  }
}

void Contract::on(const rules::Follow& verb) {
  Incident* const incident = open_for_verb(verb.incident);
  if (incident == nullptr) return;
  if (policy_->person(verb.by) == nullptr) {
    answer_.verdict = VerdictCode::refused;
    return;
  }
  std::vector<std::string>& followers = incident->followers;
  const bool follows = std::find(followers.begin(), followers.end(), verb.by) != followers.end();
  if (verb.wanted && !follows) followers.push_back(verb.by);
  if (!verb.wanted) std::erase(followers, verb.by);
}

// ---- test pages

void Contract::on(const rules::TestPage& verb) {
  answer_.verdict = VerdictCode::refused;
  const rules::Person* const person = policy_->person(verb.who);
  if (person == nullptr || person->contacts.empty()) return;
  const auto tested = tested_.find(verb.who);
  if (tested != tested_.end() && tested->second + 1min > at()) {
    ++met_["a test page too soon"];
    return;
  }
  tested_[verb.who] = at();
  answer_.verdict = VerdictCode::done;
  ++met_["a test page"];
  for (const rules::Contact& contact : person->contacts) {
    const rules::MessageId id{++last_message_};
    const Address to{person->id, contact.name};
    Page page;
    page.id = rules::PageId{++last_page_};
    page.person = to.first;
    page.contact = to.second;
    page.reason = PageReason::test;
    page.queued_at = at();
    Message message;
    message.to = to;
    message.channel = contact.channel;
    message.composed_at = at();
    message.pages.push_back(page);
    messages_[id] = message;
    if (!has_provider(message, 0)) {
      end_message(id, SendOutcome::refused);
      continue;
    }
    talks_[person->id].latest = id;
    if (contact.channel == "voice") talks_[person->id].latest_call = id;
    ask(id);
  }
}

}  // namespace simulation
