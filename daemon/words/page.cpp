#include "daemon/words/page.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/terminal.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace words {
namespace {

constexpr std::size_t subject_bytes = 200;
constexpr std::size_t where_bytes = 120;
constexpr std::size_t runbook_bytes = 500;
constexpr std::size_t most_names = 8;      // of those who have been called
constexpr std::size_t behind_bytes = 240;  // a storm's list must not make four text messages of one

std::string count(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

// "R-12, critical, checkout, 3 alerts": plain ASCII around the data, so that a text message is not split for a dot.
std::string particulars(const rules::IncidentFacts& facts) {
  std::string text = rules::print_incident(facts.id);
  if (!facts.severity.empty()) text += ", " + visible(facts.severity);
  if (!facts.service.empty()) text += ", " + visible(facts.service);
  if (!facts.where.empty()) text += ", " + shorten(visible(facts.where), where_bytes);
  text += ", " + count(facts.alerts, "alert");
  if (facts.firing > 0 && facts.firing < facts.alerts) text += fmt::format(", {} firing", facts.firing);
  return text;
}

std::string headline(const rules::IncidentFacts& facts) {
  return fmt::format("{}{}", facts.drill ? "DRILL: " : "", visible(facts.summary));
}

std::string where(const rules::PageFacts& page) {
  std::string text;
  if (page.step > 0) {
    text = fmt::format("Step {}, round {}: ", page.step, std::max(page.round, 1U));
  } else if (page.reason == rules::PageReason::last_resort) {
    text = "Last resort: ";
  }
  text += reason_text(page.reason);
  return text + ".";
}

void add_line(std::string& text, std::string_view line) {
  if (line.empty()) return;
  if (!text.empty()) text += '\n';
  text += line;
}

std::string names_of_called(const rules::PageFacts& page) {
  std::string text;
  for (std::size_t index = 0; index < std::min(page.called.size(), most_names); ++index) {
    text += (index == 0 ? "Called: " : ", ") + shorten(visible(page.called[index]), 60);
  }
  if (page.called.size() > most_names) text += fmt::format(" and {} more", page.called.size() - most_names);
  return text;
}

std::string test_line(const rules::Send& send) {
  return fmt::format("Test page to {} by {}: nothing is wrong.", visible(send.person_name), visible(send.contact));
}

// A page as lines; in a bundle each is indented by its number.
std::string one_page(const rules::Send& send, const rules::PageFacts& page, std::string_view public_url) {
  std::string text;
  if (is_test(page)) {
    add_line(text, test_line(send));
    add_line(text, reply_hint(page));
    return text;
  }
  const rules::IncidentFacts& facts = page.incident;
  add_line(text, headline(facts));
  if (is_own_alarm(page)) {
    add_line(text, own_alarm_line);
    return text;
  }
  add_line(text, particulars(facts));
  if (facts.since != rules::Instant{}) add_line(text, "Since " + local_time(send, facts.since));
  add_line(text, where(page));
  add_line(text, shorten(visible(facts.behind), behind_bytes));
  if (!page.because.empty()) add_line(text, "Because: " + visible(page.because));
  add_line(text, names_of_called(page));
  if (!page.next.empty()) {
    add_line(text, "Next: " + visible(page.next) + (page.next_at ? ", " + local_time(send, *page.next_at) : ""));
  }
  if (facts.last_time) add_line(text, "Last time: " + local_time(send, *facts.last_time));
  if (!facts.runbook.empty()) add_line(text, "Runbook: " + shorten(visible(facts.runbook), runbook_bytes));
  add_line(text, incident_url(facts.id, public_url));
  add_line(text, reply_hint(page));
  return text;
}

std::string notice_line(const rules::NoticeFacts& notice) {
  const std::string by = visible(notice.by);
  const std::string summary = headline(notice.incident);
  const std::string id = rules::print_incident(notice.incident.id);
  switch (notice.kind) {
    case rules::NoticeKind::acknowledged:
      return fmt::format("{} is acknowledged by {}: {}", id, by.empty() ? "somebody" : by, summary);
    case rules::NoticeKind::ended:
      return by.empty() ? fmt::format("{} has ended: {}", id, summary)
                        : fmt::format("{} was closed by {}: {}", id, by, summary);
    case rules::NoticeKind::update:
      return fmt::format("Update on {} by {}: {}", id, by, shorten(visible(notice.text), 1000));
    case rules::NoticeKind::outage:
      return fmt::format("Outage, {}: {}", id, summary);
    case rules::NoticeKind::turn_at_risk:
      return shorten(visible(notice.text), 1000);
  }
  return {};
}

std::string notices_text(const rules::Send& send, std::string_view public_url) {
  std::string text;
  for (const rules::NoticeFacts& notice : send.notices) {
    add_line(text, notice_line(notice));
    add_line(text, incident_url(notice.incident.id, public_url));
  }
  return text;
}

boost::json::value incident_object(const rules::IncidentFacts& facts, std::string_view public_url) {
  if (facts.id.value == 0) return nullptr;
  boost::json::object incident;
  incident["id"] = rules::print_incident(facts.id);
  incident["uid"] = facts.uid;
  incident["state"] = rules::to_text(facts.state);
  incident["severity"] = facts.severity;
  incident["service"] = facts.service;
  incident["summary"] = facts.summary;
  incident["alerts"] = facts.alerts;
  if (!facts.behind.empty()) incident["behind"] = facts.behind;
  if (public_url.empty()) {
    incident["url"] = nullptr;
  } else {
    incident["url"] = incident_url(facts.id, public_url);
  }
  if (facts.since != rules::Instant{}) incident["since"] = rules::print_rfc3339(facts.since);
  if (facts.last_time) incident["last_time"] = rules::print_rfc3339(*facts.last_time);
  if (!facts.where.empty()) incident["where"] = facts.where;
  if (!facts.description.empty()) incident["description"] = facts.description;
  if (!facts.runbook.empty()) incident["runbook"] = facts.runbook;
  return incident;
}

boost::json::object page_object(const rules::Send& send, const rules::PageFacts& page, std::string_view public_url) {
  boost::json::object object;
  object["id"] = fmt::format("P-{}", page.id.value);
  if (page.incident.id.value == 0) {
    object["incident"] = nullptr;
  } else {
    object["incident"] = rules::print_incident(page.incident.id);
  }
  object["to"] = send.person;
  object["by"] = send.contact;
  object["address"] = send.address;
  object["step"] = page.step;
  object["round"] = page.round;
  object["reason"] = rules::to_text(page.reason);
  object["text"] = page_text(send, public_url);
  object["possible_duplicate"] = send.possible_duplicate;
  object["idempotency_key"] = send.key;
  if (page.number > 0) object["number"] = page.number;
  if (!page.called.empty()) object["called"] = boost::json::array(page.called.begin(), page.called.end());
  if (!page.next.empty()) object["next"] = page.next;
  if (page.next_at) object["next_at"] = rules::print_rfc3339(*page.next_at);
  return object;
}

boost::json::object notice_object(const rules::Send& send,
                                  const rules::NoticeFacts& notice,
                                  std::string_view public_url) {
  boost::json::object object;
  object["to"] = send.person;
  object["kind"] = rules::to_text(notice.kind);
  if (notice.incident.id.value == 0) {
    object["incident"] = nullptr;
  } else {
    object["incident"] = rules::print_incident(notice.incident.id);
  }
  object["text"] = page_text(send, public_url);
  return object;
}

// Of pages and of notices alike: the first incident, whether all are drills, and all of them when there are several.
template <class Facts>
void add_incidents(boost::json::object& body, const std::vector<Facts>& all, std::string_view public_url) {
  body["incident"] = incident_object(all.front().incident, public_url);
  body["drill"] = std::all_of(all.begin(), all.end(), [](const Facts& one) { return one.incident.drill; });
  if (all.size() < 2) return;
  boost::json::array incidents;
  for (const Facts& one : all) {
    if (one.incident.id.value != 0) incidents.emplace_back(incident_object(one.incident, public_url));
  }
  body["incidents"] = std::move(incidents);
}

}  // namespace

std::string incident_url(rules::IncidentId incident, std::string_view public_url) {
  if (public_url.empty() || incident.value == 0) return {};
  return fmt::format("{}/v1/incidents/{}", public_url, rules::print_incident(incident));
}

bool is_test(const rules::PageFacts& page) {
  return page.reason == rules::PageReason::test;
}

bool is_own_alarm(const rules::PageFacts& page) {
  return page.incident.id.value == 0 && !is_test(page);
}

bool is_turn_notice(const rules::NoticeFacts& notice) {
  return notice.kind == rules::NoticeKind::turn_at_risk;
}

std::string local_time(const rules::Send& send, rules::Instant instant) {
  const auto local = [&](rules::Instant one) { return one + std::chrono::seconds{send.zone_seconds}; };
  const auto day = std::chrono::floor<std::chrono::days>(local(instant));
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::minutes>(local(instant) - day)};
  const std::chrono::year_month_day date{day};
  std::string text;
  if (day != std::chrono::floor<std::chrono::days>(local(send.composed_at))) {
    text = fmt::format("{:04}-{:02}-{:02} ",
                       static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
  }
  return text + fmt::format("{:02}:{:02} {} ({})",
                            clock.hours().count(),
                            clock.minutes().count(),
                            send.zone_name.empty() ? "UTC" : visible(send.zone_name),
                            print_relative(instant - send.composed_at));
}

std::string reply_hint(const rules::PageFacts& page) {
  if (page.number == 0 || is_own_alarm(page)) return {};
  if (is_test(page)) return fmt::format("Reply {}a to say that you have it", page.number);
  return fmt::format("Reply {0}a ack, {0}e escalate, {0}c close, {0}w why", page.number);
}

std::string_view reason_text(rules::PageReason reason) {
  switch (reason) {
    case rules::PageReason::first:
      return "a new incident";
    case rules::PageReason::step:
      return "nobody has acknowledged yet";
    case rules::PageReason::repeat:
      return "nobody has acknowledged, so the call tree is climbed again";
    case rules::PageReason::last_resort:
      return "nobody in the call tree has acknowledged";
    case rules::PageReason::ack_timeout:
      return "it was acknowledged, but that has run out";
    case rules::PageReason::snooze_end:
      return "its snooze is over";
    case rules::PageReason::severity_rise:
      return "it has become more severe";
    case rules::PageReason::reopened:
      return "it came back";
    case rules::PageReason::hold_end:
      return "it is no longer held back";
    case rules::PageReason::called:
      return "you are called in";
    case rules::PageReason::test:
      return "this is a test, nothing is wrong";
  }
  return "";
}

std::string page_text(const rules::Send& send, std::string_view public_url) {
  if (send.pages.empty()) return notices_text(send, public_url);
  std::string text;
  if (send.pages.size() == 1) {
    text = one_page(send, send.pages.front(), public_url);
  } else {
    text = fmt::format("{} need you:", count(send.pages.size(), "incident"));
    for (const rules::PageFacts& page : send.pages) {
      text += "\n\n";
      text += one_page(send, page, public_url);
    }
    text += '\n';
  }
  if (send.possible_duplicate) add_line(text, "Possible duplicate: you may have been paged with this before.");
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string subject(const rules::Send& send) {
  std::string text;
  if (send.pages.size() > 1) {
    text = fmt::format("[{} and {} more] {} incidents: {}",
                       rules::print_incident(send.pages.front().incident.id),
                       send.pages.size() - 1,
                       send.pages.size(),
                       headline(send.pages.front().incident));
  } else if (!send.pages.empty() && is_test(send.pages.front())) {
    text = "[test] Test page: nothing is wrong";
  } else if (!send.pages.empty() && is_own_alarm(send.pages.front())) {
    text = "[roused] " + headline(send.pages.front().incident);
  } else if (!send.pages.empty()) {
    const rules::IncidentFacts& facts = send.pages.front().incident;
    text = fmt::format("[{}] {}", rules::print_incident(facts.id), headline(facts));
  } else if (!send.notices.empty()) {
    text = notice_line(send.notices.front());
    const bool is_of_incidents = std::none_of(send.notices.begin(), send.notices.end(), is_turn_notice);
    if (send.notices.size() > 1) {
      text = fmt::format("[{} {}] {}", send.notices.size(), is_of_incidents ? "incidents" : "notices", text);
    }
  }
  return shorten(text, subject_bytes);
}

std::string page_json(const rules::Send& send, std::string_view public_url) {
  boost::json::object body;
  body["version"] = 1;
  if (!send.pages.empty()) {
    body["page"] = page_object(send, send.pages.front(), public_url);
    add_incidents(body, send.pages, public_url);
  } else if (!send.notices.empty()) {
    body["notice"] = notice_object(send, send.notices.front(), public_url);
    add_incidents(body, send.notices, public_url);
  }
  return boost::json::serialize(body);
}

}  // namespace words
