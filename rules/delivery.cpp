#include "rules/delivery.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "rules/climb.hpp"
#include "rules/desk.hpp"
#include "rules/mutant.hpp"
#include "rules/turn_notice.hpp"

namespace rules {
namespace {

std::string whom(const SentMessage& sent) {
  return fmt::format("{} by {}", sent.person, sent.contact);
}

PageRecord* record_of(Incident& incident, PageId id) {
  const auto found = std::find_if(
      incident.pages.rbegin(), incident.pages.rend(), [id](const PageRecord& record) { return record.id == id; });
  return found == incident.pages.rend() ? nullptr : &*found;
}

// Of each incident that the message was about: the reason, and the new state of the page.
void record(Moment& moment, const SentMessage& sent, ReasonKind kind, PageState state, std::string_view saw) {
  for (const PageFacts& facts : sent.pages) {
    Incident* incident = find_incident(moment.state, facts.incident.id);
    if (incident == nullptr) continue;
    if (PageRecord* page = record_of(*incident, facts.id)) {
      page->state = state;
      page->ended_at = moment.at();
    }
    because(moment, *incident, kind, whom(sent), saw);
  }
}

// What became of it is known by another way than its provider's answer: no try of it begins any more.
void withdraw(Moment& moment, Message& message) {
  if (!std::exchange(message.withdrawn, true)) moment.ask(Withdraw{message.id});
}

void forget_old(State& state, Instant now) {
  while (!state.sent.empty() &&
         (state.sent.size() > max_sent_kept || state.sent.begin()->second.at + sent_kept <= now)) {
    state.sent.erase(state.sent.begin());
  }
}

}  // namespace

void note_failure(Moment& moment, const ContactAddress& contact, std::string_view why) {
  Reachability& reachable = moment.state.reachability[contact];
  reachable.last_failed = moment.at();
  reachable.failure = beginning_of(why, 200);
  reachable.works = false;
  was_said(moment, contact, false);
}

void note_success(Moment& moment, const ContactAddress& contact) {
  moment.state.reachability[contact].works = true;
  was_said(moment, contact, true);
}

void remember_sent(Moment& moment, const Message& message, PageState outcome, std::string_view detail) {
  State& state = moment.state;
  if (message.person.empty()) return;
  const ContactAddress contact{message.person, message.contact};
  Reachability& reachable = state.reachability[contact];
  was_said(moment, contact, false);
  if (outcome == PageState::failed) {
    ++reachable.failed;
    note_failure(moment, contact, detail);
  }
  if (outcome != PageState::accepted && outcome != PageState::unanswered) return;
  if (message.page_facts.empty()) return;
  const bool is_test = message.page_facts.front().reason == PageReason::test;
  if (outcome == PageState::accepted) {
    ++reachable.pages;
    if (is_test) ++reachable.tests;
    reachable.last_page = moment.at();
    reachable.works = true;
  }
  state.sent.insert_or_assign(message.id,
                              SentMessage{.key = message.key,
                                          .person = message.person,
                                          .contact = message.contact,
                                          .channel = message.channel,
                                          .provider = message.provider,
                                          .at = moment.at(),
                                          .pages = message.page_facts});
  forget_old(state, moment.at());
}

void on_delivery_reported(Moment& moment, const DeliveryReported& reported) {
  State& state = moment.state;
  if (const auto under_way = state.messages.find(reported.message); under_way != state.messages.end()) {
    // The callback is faster than the provider's own answer, or that never came.
    Message& message = under_way->second;
    if (message.key != reported.key) return;
    const bool has_failed = reported.delivery == Delivery::failed;
    const bool is_of_earlier = reported.provider && *reported.provider < message.provider;
    if (has_failed && is_of_earlier && !ROUSE_MUTANT("an-older-failure-fails-a-newer-try")) return;
    if (!has_failed) withdraw(moment, message);
    if (is_of_earlier && !has_failed) message.provider = *reported.provider;
    on_send_ended(moment,
                  SendEnded{.message = reported.message,
                            .provider = message.provider,
                            .outcome = has_failed ? SendOutcome::refused : SendOutcome::accepted,
                            .detail = reported.detail,
                            .reference = {}});
    if (has_failed) return;
  }
  const auto found = state.sent.find(reported.message);
  if (found == state.sent.end() || found->second.key != reported.key) return;
  SentMessage& sent = found->second;
  if (sent.failed || sent.heard) return;
  const bool is_test = !sent.pages.empty() && sent.pages.front().reason == PageReason::test;
  const ContactAddress contact{sent.person, sent.contact};
  Reachability& reachable = state.reachability[contact];
  switch (reported.delivery) {
    case Delivery::delivered:
      if (std::exchange(sent.delivered, true)) return;
      ++reachable.delivered;
      note_success(moment, contact);
      record(moment, sent, ReasonKind::page_delivered, PageState::delivered, reported.detail);
      return;
    case Delivery::unheard:
      if (ROUSE_MUTANT("machine-counts-as-heard")) return mark_heard(moment, reported.message, reported.detail);
      record(moment, sent, ReasonKind::page_unheard, PageState::accepted, reported.detail);
      return;
    case Delivery::failed: {
      const bool is_of_another = reported.provider && *reported.provider != sent.provider;
      if (is_of_another && !ROUSE_MUTANT("an-older-failure-fails-a-newer-try")) return;
      sent.failed = true;
      ++reachable.failed;
      note_failure(moment, contact, reported.detail);
      record(moment, sent, ReasonKind::page_failed, PageState::failed, reported.detail);
      ++state.counters.pages[{sent.channel, "failed_later"}];
      if (is_test || ROUSE_MUTANT("late-failure-forgotten")) return;
      const SentMessage copy = sent;  // the desk may forget it
      send_after_failure(moment, reported.message, copy, reported.detail);
      return;
    }
  }
}

void mark_heard(Moment& moment, MessageId message, std::string_view how) {
  if (const auto under_way = moment.state.messages.find(message); under_way != moment.state.messages.end()) {
    // The answer is faster than the provider's.
    withdraw(moment, under_way->second);
    on_send_ended(moment,
                  SendEnded{.message = message,
                            .provider = under_way->second.provider,
                            .outcome = SendOutcome::accepted,
                            .detail = "answered",
                            .reference = {}});
  }
  const auto found = moment.state.sent.find(message);
  if (found == moment.state.sent.end()) return;
  SentMessage& sent = found->second;
  if (std::exchange(sent.heard, true)) return;
  const ContactAddress contact{sent.person, sent.contact};
  Reachability& reachable = moment.state.reachability[contact];
  ++reachable.heard;
  if (!sent.pages.empty() && sent.pages.front().reason == PageReason::test) ++reachable.tests_heard;
  reachable.last_heard = moment.at();
  note_success(moment, contact);
  record(moment, sent, ReasonKind::page_heard, PageState::heard, how);
}

}  // namespace rules
