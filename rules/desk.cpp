#include "rules/desk.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/climb.hpp"
#include "rules/delivery.hpp"
#include "rules/mutant.hpp"
#include "rules/publish.hpp"
#include "rules/reply.hpp"
#include "rules/turn_notice.hpp"

namespace rules {
namespace {

// The key that a provider and a person see. Derived from the store and the journal, so that a resend after a crash
// bears the same one. The instant is in it, because a number is given again when what gave it was never journaled (the
// disk was full, then the process died): a provider that remembers the key of then must not swallow the page of now.
std::string key_of_message(const StoreId& store, MessageId id, Instant composed_at) {
  std::array<std::uint8_t, 32> bytes{};
  std::copy(store.begin(), store.end(), bytes.begin());
  const auto instant = static_cast<std::uint64_t>(composed_at.time_since_epoch().count());
  for (std::size_t index = 0; index < 8; ++index) {
    bytes[16 + index] = static_cast<std::uint8_t>(id.value >> (8 * index));
    bytes[24 + index] = static_cast<std::uint8_t>(instant >> (8 * index));
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

PageRecord* record_of(Incident& incident, PageId id) {
  const auto found = std::find_if(
      incident.pages.rbegin(), incident.pages.rend(), [id](const PageRecord& record) { return record.id == id; });
  return found == incident.pages.rend() ? nullptr : &*found;
}

void forget_spent(ContactQueue& queue, const Budget& budget, Instant now) {
  std::erase_if(queue.sent, [&](Instant sent) { return sent + budget.within <= now; });
}

// The earliest instant at which a message may leave for this contact.
Instant may_leave_at(ContactQueue& queue, const Budget& budget, Instant now) {
  if (!queue.ever_sent) return now;
  forget_spent(queue, budget, now);
  const Instant gathered = queue.last_sent + gather;
  if (budget.pages == 0 || queue.sent.size() < budget.pages) return std::max(now, gathered);
  // So many must fall out of the window before one more fits.
  const Instant refilled = queue.sent[queue.sent.size() - budget.pages] + budget.within;
  if (ROUSE_MUTANT("waits-for-the-budget")) return std::max({now, gathered, refilled});
  return std::max({now, gathered, std::min(queue.last_sent + over_budget_pace, refilled)});
}

void disarm_flush(State& state, ContactQueue& queue) {
  state.deadlines.disarm(queue.flush);
  queue.flush = DeadlineId{};
}

bool is_waiting(const State& state, const ContactQueue& queue) {
  return state.deadlines.find(queue.flush).has_value();
}

bool leaves_before(const Page& left, const Page& right) {
  if (left.first != right.first) return left.first;
  if (left.queued_at != right.queued_at) return left.queued_at < right.queued_at;
  return left.id < right.id;
}

// What this provider called the first message about this incident to this contact.
std::string thread_of(const State& state, const Message& message, IncidentId id) {
  const Incident* incident = find_incident(state, id);
  if (incident == nullptr) return "";
  const auto found = std::find_if(incident->threads.begin(), incident->threads.end(), [&](const Thread& thread) {
    return thread.person == message.person && thread.contact == message.contact && thread.provider == message.provider;
  });
  return found == incident->threads.end() ? "" : found->reference;
}

Send send_of(const Message& message, const State& state, const Policy& policy) {
  const Person* person = policy.person(message.person);
  const Duration wall_ahead = state.last.wall - state.last.at;
  const ZoneOffset offset =
      policy.zone(person == nullptr ? "" : person->timezone).offset_at(message.composed_at + wall_ahead);
  Send send{.message = message.id,
            .key = message.key,
            .person = message.person,
            .person_name = person != nullptr ? person->name : message.person,
            .contact = message.contact,
            .channel = message.channel,
            .address = message.address,
            .provider = message.provider,
            .possible_duplicate = message.possible_duplicate,
            .waiting_since = message.waiting_since,
            .composed_at = message.composed_at,
            .zone_seconds = offset.seconds,
            .zone_name = offset.abbreviation,
            .pages = message.page_facts,
            .notices = message.notice_facts};
  for (PageFacts& facts : send.pages) facts.thread = thread_of(state, message, facts.incident.id);
  for (NoticeFacts& facts : send.notices) facts.thread = thread_of(state, message, facts.incident.id);
  return send;
}

// The others who have been called for it, by name.
std::vector<std::string> called_beside(const Policy& policy, const Incident& incident, const std::string& person) {
  constexpr std::size_t most_named = 8;
  std::vector<std::string> names;
  for (const PageRecord& record : incident.pages) {
    if (record.person == person || record.state == PageState::cancelled) continue;
    const Person* found = policy.person(record.person);
    const std::string& name = found == nullptr || found->name.empty() ? record.person : found->name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    if (names.size() == most_named) break;
  }
  return names;
}

Message& new_message(Moment& moment, const ContactAddress& to) {
  State& state = moment.state;
  const MessageId id{++state.last_message};
  Message message;
  message.id = id;
  message.key = key_of_message(state.store, id, moment.at());
  message.person = to.first;
  message.contact = to.second;
  message.composed_at = moment.at();
  message.waiting_since = moment.at();
  if (const Person* person = moment.policy.person(to.first)) {
    if (const Contact* contact = person->contact(to.second)) {
      message.channel = contact->channel;
      message.address = contact->address;
    }
  } else if (const Publication* publication = publication_at(moment.policy, to.first, to.second)) {
    message.channel = publication->channel;
    message.address = publication->address;
  }
  if (message.channel.empty()) message.channel = to.second.substr(0, to.second.find('.'));
  return state.messages.emplace(id, std::move(message)).first->second;
}

void put_in(Moment& moment, Message& message, Page& page) {
  Incident* incident = find_incident(moment.state, page.incident);
  page.message = message.id;
  message.pages.push_back(page.id);
  message.possible_duplicate = message.possible_duplicate || page.possible_duplicate;
  message.waiting_since = std::min(message.waiting_since, page.queued_at);
  if (incident == nullptr) return;
  message.page_facts.push_back(PageFacts{.id = page.id,
                                         .reason = page.reason,
                                         .step = page.step,
                                         .round = page.round,
                                         .because = page.because,
                                         .incident = facts_of(moment.state, *incident),
                                         .number = reply_number(moment, page.person, *incident),
                                         .called = called_beside(moment.policy, *incident, page.person)});
  if (const std::optional<NextRung> next = next_rung(moment, *incident)) {
    message.page_facts.back().next = next->who;
    message.page_facts.back().next_at = next->at;
  }
  if (PageRecord* record = record_of(*incident, page.id)) {
    record->state = PageState::under_way;
    record->left_at = moment.at();
  }
  const Paged paged{.person = page.person, .contact = page.contact};
  if (std::find(incident->paged.begin(), incident->paged.end(), paged) == incident->paged.end()) {
    incident->paged.push_back(paged);
  }
  because(moment,
          *incident,
          ReasonKind::page_left,
          fmt::format("{} by {}", page.person, page.contact),
          message.possible_duplicate ? "possible duplicate" : "");
}

// Whether what a notice says is still so. Of an incident that came back it was not told that it had ended: it is told
// so when it ends for good.
bool still_holds(const Notice& notice, Incident& incident, const ContactAddress& address) {
  if (notice.kind == NoticeKind::update || notice.kind == NoticeKind::outage || address.first.empty()) return true;
  if (notice.kind == NoticeKind::acknowledged) {
    return incident.state == IncidentState::acknowledged && incident.by == notice.by;
  }
  if (!is_open(incident)) return true;
  const Paged paged{.person = address.first, .contact = address.second};
  if (std::find(incident.paged.begin(), incident.paged.end(), paged) == incident.paged.end()) {
    incident.paged.push_back(paged);
  }
  return false;
}

// Of several words about one incident the newest; of what people wrote all of it.
std::vector<Notice> worth_telling(const ContactQueue& queue) {
  std::vector<Notice> newest;
  std::set<IncidentId> told;
  for (auto notice = queue.notices.rbegin(); notice != queue.notices.rend(); ++notice) {
    const bool is_written = notice->kind == NoticeKind::update || notice->kind == NoticeKind::outage ||
                            notice->kind == NoticeKind::turn_at_risk;
    if (is_written || told.insert(notice->incident).second) newest.push_back(*notice);
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

// One message for this contact, if one may leave at this instant.
Message* try_leave(Moment& moment, const ContactAddress& address) {
  State& state = moment.state;
  const auto found = state.contacts.find(address);
  if (found == state.contacts.end()) return nullptr;
  ContactQueue& queue = found->second;
  if (queue.pages.empty() && queue.notices.empty()) {
    disarm_flush(state, queue);
    return nullptr;
  }
  // The end of its gathering is due: a deadline, which comes after the events of its instant.
  if (is_waiting(state, queue) && queue.flush_at <= moment.at()) return nullptr;
  const Instant due = may_leave_at(queue, moment.policy.budget, moment.at());
  const bool has_gathered = is_waiting(state, queue) || queue.flush_at == moment.at();
  if (ROUSE_MUTANT("budget-that-drops") && due > queue.last_sent + gather) queue.pages.clear();
  if (due > moment.at()) {
    if (!is_waiting(state, queue) || queue.flush_at != due) {
      disarm_flush(state, queue);
      queue.flush = state.deadlines.arm(due, DeadlineKind::desk_flush, 0, 0);
      queue.flush_at = due;
    }
    return nullptr;
  }
  disarm_flush(state, queue);

  Message& message = new_message(moment, address);
  if (!queue.pages.empty()) {
    std::sort(queue.pages.begin(), queue.pages.end(), [&state](PageId left, PageId right) {
      return leaves_before(state.pages.at(left), state.pages.at(right));
    });
    // A free contact hears of the first at once; whatever else arose is gathered behind it.
    const std::size_t leaving = has_gathered ? queue.pages.size() : 1;
    for (std::size_t index = 0; index < leaving; ++index) put_in(moment, message, state.pages.at(queue.pages[index]));
    queue.pages.erase(queue.pages.begin(), queue.pages.begin() + static_cast<std::ptrdiff_t>(leaving));
    if (leaving > 1) ++state.counters.bundles;
    if (ROUSE_MUTANT("bundle-names-the-first") && message.page_facts.size() > 1) message.page_facts.resize(1);
  } else {
    for (const Notice& notice : worth_telling(queue)) {
      if (notice.kind == NoticeKind::turn_at_risk) {
        std::string text = turn_notice_text(state, moment.policy, notice, address.first);
        if (text.empty()) continue;  // mended in the meantime
        message.waiting_since = std::min(message.waiting_since, notice.queued_at);
        message.notice_facts.push_back(
            NoticeFacts{.kind = notice.kind, .by = notice.by, .incident = {}, .text = std::move(text), .thread = {}});
        continue;
      }
      Incident* incident = find_incident(state, notice.incident);
      if (incident == nullptr || !still_holds(notice, *incident, address)) continue;
      message.waiting_since = std::min(message.waiting_since, notice.queued_at);
      message.notice_facts.push_back(NoticeFacts{
          .kind = notice.kind, .by = notice.by, .incident = facts_of(moment.state, *incident), .text = notice.text});
      if (address.first.empty()) continue;  // that it is told to the company is on the incident already
      because(moment,
              *incident,
              ReasonKind::told,
              fmt::format("{} by {}", address.first, address.second),
              notice.kind == NoticeKind::ended    ? "that it ended"
              : notice.kind == NoticeKind::update ? fmt::format("an update of {}", notice.by)
                                                  : fmt::format("that {} has it", notice.by));
    }
    queue.notices.clear();
    if (message.notice_facts.empty()) {
      state.messages.erase(message.id);
      return nullptr;
    }
  }
  queue.last_sent = moment.at();
  queue.ever_sent = true;
  queue.sent.push_back(moment.at());
  if (!queue.pages.empty() || !queue.notices.empty()) {
    const Instant next = may_leave_at(queue, moment.policy.budget, moment.at());
    queue.flush = state.deadlines.arm(next, DeadlineKind::desk_flush, 0, 0);
    queue.flush_at = next;
  }
  return &message;
}

void count_outcome(Moment& moment, const Message& message, const char* outcome) {
  ++moment.state.counters.pages[{message.channel, outcome}];
}

// What never reached the contact counts neither for the gather nor for the budget.
void uncount(ContactQueue& queue, Instant composed_at) {
  const auto counted = std::find(queue.sent.begin(), queue.sent.end(), composed_at);
  if (counted != queue.sent.end()) queue.sent.erase(counted);
  if (queue.last_sent != composed_at) return;
  queue.ever_sent = !queue.sent.empty();
  if (queue.ever_sent) queue.last_sent = queue.sent.back();
}

void end_pages(Moment& moment, MessageId id, PageState outcome, const std::string& detail) {
  const auto found = moment.state.messages.find(id);
  if (found == moment.state.messages.end()) return;
  const Message message = std::move(found->second);
  moment.state.messages.erase(found);
  remember_sent(moment, message, outcome, detail);
  if (outcome == PageState::failed) {
    const ContactAddress address{message.person, message.contact};
    uncount(moment.state.contacts[address], message.composed_at);
    moment.state.touched.insert(address);
  }
  // Pages that were cancelled on the way have left all the same; the record says so.
  for (const PageFacts& facts : message.page_facts) {
    if (Incident* incident = find_incident(moment.state, facts.incident.id)) {
      if (PageRecord* record = record_of(*incident, facts.id)) {
        record->state = outcome;
        record->ended_at = moment.at();
        record->possible_duplicate = message.possible_duplicate;
      }
      const ReasonKind kind = outcome == PageState::accepted     ? ReasonKind::page_accepted
                              : outcome == PageState::unanswered ? ReasonKind::page_unanswered
                                                                 : ReasonKind::page_failed;
      because(moment, *incident, kind, fmt::format("{} by {}", message.person, message.contact), detail);
    }
  }
  if (outcome == PageState::failed) {
    for (const NoticeFacts& facts : message.notice_facts) {
      Incident* const incident = find_incident(moment.state, facts.incident.id);
      if (incident == nullptr) continue;
      const std::string whom =
          message.person.empty() ? message.contact : fmt::format("{} by {}", message.person, message.contact);
      because(moment, *incident, ReasonKind::not_told, whom, fmt::format("{}; {}", to_word(facts.kind), detail));
    }
  }
  for (const PageId page_id : message.pages) {
    const auto page = moment.state.pages.find(page_id);
    if (page == moment.state.pages.end()) continue;
    const Page ended = std::move(page->second);
    moment.state.pages.erase(page);
    page_ended(moment, ended, outcome);
    if (ROUSE_MUTANT("bundle-loses-a-page") && outcome == PageState::failed) break;
  }
}

void put_back(Moment& moment, MessageId id) {
  State& state = moment.state;
  const auto found = state.messages.find(id);
  if (found == state.messages.end()) return;
  const Message message = std::move(found->second);
  state.messages.erase(found);
  const ContactAddress address{message.person, message.contact};
  ContactQueue& queue = state.contacts[address];
  uncount(queue, message.composed_at);
  for (const PageFacts& facts : message.page_facts) {
    const auto page = state.pages.find(facts.id);
    Incident* incident = find_incident(state, facts.incident.id);
    PageRecord* record = incident == nullptr ? nullptr : record_of(*incident, facts.id);
    if (page == state.pages.end()) {
      if (record != nullptr) {
        record->state = PageState::cancelled;
        record->ended_at = moment.at();
        moment.changed.insert(incident->id);
      }
      continue;
    }
    page->second.message = MessageId{};
    page->second.possible_duplicate = page->second.possible_duplicate || message.possible_duplicate;
    if (record != nullptr) record->state = PageState::queued;
    queue.pages.push_back(facts.id);
  }
  disarm_flush(state, queue);
  queue.flush_at = moment.at();  // what is put back has waited: it leaves together
  state.touched.insert(address);
}

// A message that may have arrived goes again under its key, without the pages that were taken back: a new key would be
// a second page for whoever has the first. With no page left it ends.
void send_remainder(Moment& moment, MessageId id) {
  State& state = moment.state;
  Message& message = state.messages.at(id);
  std::erase_if(message.page_facts, [&](const PageFacts& facts) {
    if (state.pages.contains(facts.id)) return false;
    Incident* incident = find_incident(state, facts.incident.id);
    PageRecord* record = incident == nullptr ? nullptr : record_of(*incident, facts.id);
    if (record != nullptr) {
      record->state = message.unanswered ? PageState::unanswered : PageState::cancelled;
      record->ended_at = moment.at();
      record->possible_duplicate = true;
      moment.changed.insert(incident->id);
    }
    return true;
  });
  if (message.page_facts.empty()) {
    state.messages.erase(id);
    return;
  }
  message.withdrawn = false;
  moment.ask(send_of(message, moment.state, moment.policy));
}

// A reload may take a person or a contact away while something waits there.
bool is_configured(const Policy& policy, const Message& message) {
  if (message.person.empty()) return publication_at(policy, message.person, message.contact) != nullptr;
  const Person* person = policy.person(message.person);
  return person != nullptr && person->contact(message.contact) != nullptr;
}

// The first message about an incident that a provider names is the thread of what follows.
void begin_threads(Moment& moment, const Message& message, const std::string& reference) {
  constexpr std::size_t most_threads = 200;
  if (reference.empty()) return;
  const auto begin = [&](IncidentId id) {
    Incident* incident = find_incident(moment.state, id);
    if (incident == nullptr || incident->threads.size() >= most_threads) return;
    if (!thread_of(moment.state, message, id).empty()) return;
    incident->threads.push_back(Thread{
        .person = message.person, .contact = message.contact, .provider = message.provider, .reference = reference});
  };
  for (const PageFacts& facts : message.page_facts) begin(facts.incident.id);
  for (const NoticeFacts& facts : message.notice_facts) begin(facts.incident.id);
}

void tell_follower(Moment& moment,
                   const Incident& incident,
                   const std::string& follower,
                   NoticeKind kind,
                   const std::string& by,
                   const std::string& text) {
  const auto paged = std::find_if(incident.paged.begin(), incident.paged.end(), [&](const Paged& one) {
    return one.person == follower && one.contact != "voice" && !one.contact.starts_with("voice.");
  });
  if (paged != incident.paged.end()) return queue_notice(moment, *paged, incident, kind, by, text);
  const Contact* const contact = contact_for_notices(moment.policy, follower);
  if (contact == nullptr) return;
  queue_notice(moment, Paged{.person = follower, .contact = contact->name}, incident, kind, by, text);
}

bool has_provider(const Policy& policy, const Message& message, std::uint32_t index) {
  const Channel* channel = policy.channel(message.channel);
  return channel != nullptr && index < channel->providers.size();
}

}  // namespace

const Contact* contact_for_notices(const Policy& policy, const std::string& id) {
  const Person* const person = policy.person(id);
  if (person == nullptr) return nullptr;
  const auto is_silent = [](const Contact* contact) { return contact != nullptr && contact->channel != "voice"; };
  for (const auto* rules : {&person->low, &person->high}) {
    for (const NotifyRule& rule : *rules) {
      if (const Contact* const contact = person->contact(rule.contact); is_silent(contact)) return contact;
    }
  }
  const auto found = std::find_if(
      person->contacts.begin(), person->contacts.end(), [&](const Contact& one) { return is_silent(&one); });
  return found == person->contacts.end() ? nullptr : &*found;
}

bool queue_page(Moment& moment, Incident& incident, Page page) {
  State& state = moment.state;
  const ContactAddress address{page.person, page.contact};
  ContactQueue& queue = state.contacts[address];
  // The incident lists every page of its that waits; the queue of a storm may be a thousand times longer.
  const bool waits_already =
      std::any_of(incident.pages.begin(), incident.pages.end(), [&page](const PageRecord& record) {
        return record.state == PageState::queued && record.person == page.person && record.contact == page.contact;
      });
  if (waits_already) return false;
  page.id = PageId{++state.last_page};
  page.incident = incident.id;
  page.queued_at = moment.at();
  page.first = incident.paged.empty();
  if (incident.pages.size() >= max_pages_kept) {
    const auto ended = std::find_if(incident.pages.begin(), incident.pages.end(), [](const PageRecord& record) {
      return record.state != PageState::queued && record.state != PageState::under_way;
    });
    if (ended != incident.pages.end()) incident.pages.erase(ended);
  }
  incident.pages.push_back(PageRecord{.id = page.id,
                                      .person = page.person,
                                      .contact = page.contact,
                                      .reason = page.reason,
                                      .step = page.step,
                                      .round = page.round,
                                      .queued_at = page.queued_at,
                                      .possible_duplicate = page.possible_duplicate});
  ++state.counters.pages_queued;
  queue.pages.push_back(page.id);
  state.touched.insert(address);
  moment.changed.insert(incident.id);
  state.pages.emplace(page.id, std::move(page));
  return true;
}

void queue_notice(
    Moment& moment, const Paged& to, const Incident& incident, NoticeKind kind, std::string by, std::string text) {
  const ContactAddress address{to.person, to.contact};
  ContactQueue& queue = moment.state.contacts[address];
  queue.notices.push_back(Notice{.incident = incident.id,
                                 .kind = kind,
                                 .by = std::move(by),
                                 .queued_at = moment.at(),
                                 .text = std::move(text),
                                 .rotation = {},
                                 .begins = {}});
  moment.state.touched.insert(address);
}

void queue_turn_notice(
    Moment& moment, const Paged& to, const std::string& whose, const std::string& rotation, Instant begins) {
  const ContactAddress address{to.person, to.contact};
  std::vector<Notice>& waiting = moment.state.contacts[address].notices;
  const bool waits_already = std::any_of(waiting.begin(), waiting.end(), [&](const Notice& one) {
    return one.kind == NoticeKind::turn_at_risk && one.by == whose && one.rotation == rotation && one.begins == begins;
  });
  if (waits_already) return;
  waiting.push_back(Notice{.incident = {},
                           .kind = NoticeKind::turn_at_risk,
                           .by = whose,
                           .queued_at = moment.at(),
                           .text = {},
                           .rotation = rotation,
                           .begins = begins});
  moment.state.touched.insert(address);
}

void tell_paged(Moment& moment, const Incident& incident, NoticeKind kind, const std::string& by) {
  std::set<std::string> told;
  for (const Paged& paged : incident.paged) {
    if (paged.person == by || told.contains(paged.person)) continue;
    const bool is_voice = paged.contact == "voice" || paged.contact.starts_with("voice.");
    if (is_voice) continue;
    told.insert(paged.person);
    queue_notice(moment, paged, incident, kind, by);
  }
  if (kind != NoticeKind::ended) return;
  for (const std::string& follower : incident.followers) {
    if (follower != by && told.insert(follower).second) tell_follower(moment, incident, follower, kind, by, "");
  }
}

void tell_followers(
    Moment& moment, const Incident& incident, NoticeKind kind, const std::string& by, const std::string& text) {
  for (const std::string& follower : incident.followers) {
    if (follower != by) tell_follower(moment, incident, follower, kind, by, text);
  }
}

void send_after_failure(Moment& moment, MessageId id, const SentMessage& sent, const std::string& detail) {
  State& state = moment.state;
  Message message;
  message.id = id;
  message.key = sent.key;
  message.person = sent.person;
  message.contact = sent.contact;
  message.channel = sent.channel;
  message.provider = sent.provider + 1;
  message.composed_at = moment.at();
  message.waiting_since = moment.at();
  if (const Person* person = moment.policy.person(sent.person)) {
    if (const Contact* contact = person->contact(sent.contact)) message.address = contact->address;
  }
  for (const PageFacts& facts : sent.pages) {
    Incident* incident = find_incident(state, facts.incident.id);
    PageRecord* record = incident == nullptr ? nullptr : record_of(*incident, facts.id);
    if (record == nullptr) continue;
    std::optional<Page> page = page_again(moment, *incident, *record);
    if (!page) continue;
    record->state = PageState::under_way;
    page->message = id;
    // That provider's try has failed; one before it may have arrived.
    message.possible_duplicate = message.possible_duplicate || page->possible_duplicate;
    message.pages.push_back(facts.id);
    message.page_facts.push_back(facts);
    state.pages.insert_or_assign(facts.id, std::move(*page));
  }
  if (message.pages.empty()) return;
  const bool goes_on = has_provider(moment.policy, message, message.provider) && is_configured(moment.policy, message);
  const Message& anew = state.messages.insert_or_assign(id, std::move(message)).first->second;
  if (!goes_on) {
    end_pages(moment, id, PageState::failed, detail);
    return;
  }
  for (const PageFacts& facts : anew.page_facts) {
    if (Incident* incident = find_incident(state, facts.incident.id)) {
      because(moment,
              *incident,
              ReasonKind::next_provider,
              fmt::format("{} provider {}", anew.channel, anew.provider + 1),
              detail);
    }
  }
  moment.ask(send_of(anew, state, moment.policy));
}

std::size_t send_test_pages(Moment& moment, const Person& person, const std::string& why) {
  std::size_t sent = 0;
  for (const Contact& contact : person.contacts) {
    Message& message = new_message(moment, {person.id, contact.name});
    message.page_facts.push_back(PageFacts{.id = PageId{++moment.state.last_page},
                                           .reason = PageReason::test,
                                           .step = 0,
                                           .round = 0,
                                           .because = why,
                                           .incident = IncidentFacts{.summary = "Test page"}});
    ++moment.state.counters.test_pages;
    const MessageId id = message.id;
    if (!has_provider(moment.policy, message, 0)) {
      end_pages(moment, id, PageState::failed, "no provider is configured for this channel");
      continue;
    }
    moment.state.correspondence[person.id].latest = id;
    if (message.channel == "voice") moment.state.correspondence[person.id].latest_call = id;
    ++sent;
    moment.ask(send_of(message, moment.state, moment.policy));
  }
  return sent;
}

void cancel_pages(Moment& moment, Incident& incident, const std::string& why, const std::string* person) {
  State& state = moment.state;
  // The incident lists every page of its that is open: only ended records make room.
  for (PageRecord& record : incident.pages) {
    if (record.state != PageState::queued && record.state != PageState::under_way) continue;
    if (person != nullptr && record.person != *person) continue;
    const auto page = state.pages.find(record.id);
    if (page == state.pages.end()) continue;
    if (page->second.message == MessageId{}) {
      const ContactAddress address{record.person, record.contact};
      // Ten thousand that end together stand in the order in which they end: the first looks find them.
      std::vector<PageId>& waiting = state.contacts[address].pages;
      const auto place = std::find(waiting.begin(), waiting.end(), record.id);
      if (place != waiting.end()) waiting.erase(place);
      state.touched.insert(address);
      record.state = PageState::cancelled;
      record.ended_at = moment.at();
      because(
          moment, incident, ReasonKind::page_cancelled, fmt::format("{} by {}", record.person, record.contact), why);
    } else {
      const auto message = state.messages.find(page->second.message);
      if (message != state.messages.end()) {
        std::erase(message->second.pages, record.id);
        if (!message->second.withdrawn) {
          message->second.withdrawn = true;
          moment.ask(Withdraw{message->second.id});
        }
      }
    }
    ++state.counters.pages_cancelled;
    state.pages.erase(page);
  }
}

void on_send_ended(Moment& moment, const SendEnded& ended) {
  State& state = moment.state;
  const auto found = state.messages.find(ended.message);
  if (found == state.messages.end()) return;  // a report that comes twice
  Message& message = found->second;
  if (message.provider != ended.provider && !ROUSE_MUTANT("older-outcome-ends-a-newer-try")) {
    return;  // of a provider that another has replaced
  }
  switch (ended.outcome) {
    case SendOutcome::accepted:
      count_outcome(moment, message, "accepted");
      begin_threads(moment, message, ended.reference);
      if (!message.page_facts.empty()) {
        moment.ask(Measured{Measure::page_delay, moment.at() - message.waiting_since});
      }
      end_pages(moment, ended.message, PageState::accepted, ended.detail);
      return;
    case SendOutcome::withdrawn:
      count_outcome(moment, message, "withdrawn");
      if (message.unanswered && message.pages.empty()) {
        end_pages(moment, ended.message, PageState::unanswered, "an earlier provider did not answer");
      } else if (message.possible_duplicate && !ROUSE_MUTANT("remainder-under-a-new-key")) {
        send_remainder(moment, ended.message);
      } else {
        put_back(moment, ended.message);
      }
      return;
    case SendOutcome::refused:
      count_outcome(moment, message, "refused");
      break;
    case SendOutcome::unanswered:
      count_outcome(moment, message, "unanswered");
      message.unanswered = true;
      message.possible_duplicate = true;
      break;
  }
  const bool goes_on = !message.withdrawn && !ROUSE_MUTANT("second-provider-never-tried");
  if (has_provider(moment.policy, message, message.provider + 1) && goes_on) {
    ++message.provider;
    for (const PageFacts& facts : message.page_facts) {
      if (Incident* incident = find_incident(state, facts.incident.id)) {
        because(moment,
                *incident,
                ReasonKind::next_provider,
                fmt::format("{} provider {}", message.channel, message.provider + 1),
                ended.detail);
      }
    }
    moment.ask(send_of(message, moment.state, moment.policy));
    return;
  }
  if (message.withdrawn && has_provider(moment.policy, message, message.provider + 1)) {
    if (!message.possible_duplicate) {
      put_back(moment, ended.message);  // nothing arrived, and what remains of the bundle goes as a new message
      return;
    }
    if (!message.pages.empty()) {
      ++message.provider;
      send_remainder(moment, ended.message);
      return;
    }
  }
  end_pages(moment, ended.message, message.unanswered ? PageState::unanswered : PageState::failed, ended.detail);
}

void send_again(Moment& moment) {
  for (auto& [id, message] : moment.state.messages) {
    message.possible_duplicate = !ROUSE_MUTANT("sent-again-unmarked");
    moment.ask(send_of(message, moment.state, moment.policy));
    if (message.withdrawn) moment.ask(Withdraw{id});
  }
}

void on_flush_due(Moment& moment) {
  for (auto& [address, queue] : moment.state.contacts) {
    if (queue.flush == DeadlineId{} || is_waiting(moment.state, queue)) continue;
    // Its deadline has just been taken.
    queue.flush = DeadlineId{};
    queue.flush_at = moment.at();
    moment.state.touched.insert(address);
  }
}

void settle_desk(Moment& moment) {
  std::vector<MessageId> leaving;
  // A message that cannot leave at all ends at once and may queue the person's next rule: so until nothing is touched.
  while (!moment.state.touched.empty()) {
    const std::set<ContactAddress> touched = std::exchange(moment.state.touched, {});
    for (const ContactAddress& address : touched) {
      const Message* message = try_leave(moment, address);
      if (message == nullptr) continue;
      if (!is_configured(moment.policy, *message)) {
        end_pages(moment, message->id, PageState::failed, "no longer configured");
      } else if (!has_provider(moment.policy, *message, 0)) {
        end_pages(moment, message->id, PageState::failed, "no provider is configured for this channel");
      } else {
        leaving.push_back(message->id);
        if (message->page_facts.empty()) continue;
        Correspondence& said = moment.state.correspondence[message->person];
        said.latest = message->id;
        if (message->channel == "voice") said.latest_call = message->id;
        said.not_understood = said.questions = 0;
      }
    }
  }
  const auto rank = [&moment](MessageId id) {
    const Message& message = moment.state.messages.at(id);
    bool first = false;
    for (const PageId page : message.pages) first = first || moment.state.pages.at(page).first;
    return std::tuple{message.page_facts.empty(), !first, message.waiting_since, id};
  };
  std::sort(
      leaving.begin(), leaving.end(), [&rank](MessageId left, MessageId right) { return rank(left) < rank(right); });
  for (const MessageId id : leaving) moment.ask(send_of(moment.state.messages.at(id), moment.state, moment.policy));
}

}  // namespace rules
