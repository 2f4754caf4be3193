#include "tests/simulation/observers.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "rules/apply.hpp"
#include "rules/desk.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace simulation {

using namespace std::chrono_literals;

namespace {

constexpr Time healthy_delay = 2500ms;  // commits, hand-overs between threads, the one-second gather

std::string group_name(const rules::PageFacts& page) {
  return page.incident.summary.substr(0, page.incident.summary.find(':'));
}

std::uint64_t request_of(const rules::Report& report) {
  const std::size_t mark = report.generator_url.find('=');
  std::uint64_t request = 0;
  if (mark != std::string::npos) {
    std::from_chars(
        report.generator_url.data() + mark + 1, report.generator_url.data() + report.generator_url.size(), request);
  }
  return request;
}

bool is_trigger(rules::PageReason reason) {
  return reason == rules::PageReason::ack_timeout || reason == rules::PageReason::snooze_end ||
         reason == rules::PageReason::severity_rise || reason == rules::PageReason::reopened ||
         reason == rules::PageReason::hold_end;
}

}  // namespace

void Observers::fail(const std::string& invariant, std::string text) {
  if (violation_) return;
  violation_ = Violation{.invariant = invariant, .text = std::move(text), .row = rows_seen_ == 0 ? 0 : rows_seen_ - 1};
}

void Observers::see(const Row& row) {
  ++rows_seen_;
  pass_time(row.time);
  now_ = row.time;
  std::visit([this](const auto& what) { on(what); }, row.what);
}

// While it runs the daemon's clock of waits goes with boot time.
rules::Instant Observers::at_now() const {
  return anchor_ + std::chrono::floor<rules::Duration>(now_ - anchored_);
}

Time Observers::allowance() const {
  // Over the budget a page may wait a minute.
  const bool is_over = last_full_budget_ && at_now() < *last_full_budget_ + 17min;
  // What is in memory only has filled budgets, too, and no row says so yet.
  return is_over || is_in_memory_ ? healthy_delay + 61s : healthy_delay;
}

void Observers::pass_time(Time until) {
  if (!is_up_ || is_stopping_ || pauses_ > 0 || is_appending_ || has_failed_) return;
  const rules::Instant from_at = at_now();
  const Time length = until - now_;
  for (auto& [name, group] : groups_) {
    if (!group.due || group.uncertain || group.is_double) continue;
    const Time not_yet_due = std::max<Time>(*group.due - from_at, 0ns);
    if (length <= not_yet_due) continue;
    group.overdue += length - not_yet_due;
    if (group.overdue > allowance()) {
      fail("I2",
           fmt::format("{} had to be paged at {} and was not: {} ms late, excused time left out",
                       name,
                       rules::print_rfc3339(*group.due),
                       group.overdue / 1ms));
    }
  }
}

rules::Duration Observers::longest_wait() const {
  rules::Duration longest{};
  for (const auto& policy : policies_) {
    for (const rules::CallTree& tree : policy->call_trees) {
      longest = std::max(longest, tree.last_resort.every);
      for (const rules::Step& step : tree.steps) longest = std::max(longest, step.wait);
    }
  }
  return longest;
}

rules::Duration Observers::wait_after(const Group& group, const rules::PageFacts& page) const {
  // A run that reloads has several policies, and a wait may be of the one before: the longest counts.
  rules::Duration longest{};
  for (const auto& policy : policies_) {
    const auto route = std::find_if(policy->route.routes.begin(), policy->route.routes.end(), [&](const auto& one) {
      return one.path.ends_with(group.service);
    });
    const std::string& name = route == policy->route.routes.end() ? policy->route.call_tree : route->call_tree;
    const rules::CallTree* tree = policy->call_tree(name);
    if (page.step == 0) {
      longest = std::max(longest, tree->last_resort.every);
    } else if (page.step <= tree->steps.size()) {
      longest = std::max(longest, tree->steps[page.step - 1].wait);
    }
  }
  return longest;
}

Observers::Group* Observers::group_of(rules::IncidentId incident) {
  const auto name = group_by_incident_.find(incident);
  if (name == group_by_incident_.end()) return nullptr;
  return &groups_[name->second];
}

// ---- what comes in

void Observers::on(const ReportsCame& came) {
  ++unanswered_requests_;
  requests_[came.request].alerts = came.alerts;
  for (const ReportedAlert& alert : came.alerts) alerts_[alert.name].is_ambiguous = true;
}

void Observers::on(const VerbCame& came) {
  ++unanswered_requests_;
  requests_[came.request].verb = came;
}

void Observers::on(const Unanswered& /*broken*/) {
  if (unanswered_requests_ > 0) --unanswered_requests_;
}

void Observers::on(const Answered& answered) {
  if (unanswered_requests_ > 0) --unanswered_requests_;
  const auto found = requests_.find(answered.request);
  if (found == requests_.end()) return;
  RequestRecord& request = found->second;
  if (answered.status == 503) {
    // Perhaps applied in memory; the sender says it again.
    if (!is_in_memory_) return;
    for (const ReportedAlert& alert : request.alerts) groups_[alert.group].uncertain = true;
    if (request.verb) {
      if (Group* group = group_of(request.verb->incident)) group->uncertain = true;
    }
    return;
  }
  if (answered.status != 200) return;
  if (!request.verb) {
    if (!committed_requests_.contains(answered.request)) {
      fail("I5", fmt::format("reports #{} were answered 200 before they were on the disk", answered.request));
    }
    for (const ReportedAlert& alert : request.alerts) {
      alerts_[alert.name] = AlertRecord{.is_accepted = true, .firing = alert.firing, .is_ambiguous = false};
    }
  } else {
    const std::tuple name{request.verb->verb, request.verb->incident.value, request.verb->by};
    std::deque<Closing>& committed = committed_verbs_[name];
    if (--verb_balance_[name] < 0) {
      fail("I5", fmt::format("verb #{} was answered 200 before it was on the disk", answered.request));
    }
    if (!committed.empty()) {
      request.closings.push_back(committed.front());
      committed.pop_front();
    }
  }
  for (const Closing& closing : request.closings) {
    Closing& closed = closed_[closing.incident];
    if (closed.last_page <= closing.last_page) closed = closing;
  }
}

// ---- what the disk says

void Observers::on(const AppendBegan& /*began*/) {
  is_appending_ = true;
}

void Observers::on(const DiskRefused& refused) {
  is_appending_ = false;
  is_in_memory_ = true;
  if (refused.outcome != journal::Outcome::full) has_failed_ = true;
}

void Observers::on(const Committed& committed) {
  ++figures_.rows;
  if (!committed.found) is_appending_ = false;
  if (committed.sequence != shadow_sequence_ + 1) {
    fail("I7", fmt::format("row {} follows row {}", committed.sequence, shadow_sequence_));
  }
  shadow_sequence_ = committed.sequence;
  for (const codec::StampedEvent& one : *committed.events) {
    if (one.stamp.at < last_stamp_) fail("I7", "a stamp runs back");
    last_stamp_ = one.stamp.at;
    if (std::holds_alternative<rules::Started>(one.event) && !committed.found && !anchor_is_certain_) {
      // Where its clock of waits was anchored is told by its first row.
      if (one.stamp.at < anchor_ || one.stamp.at > anchor_ + (now_ - anchored_)) {
        fail("I2", "the waits were anchored neither at the wall clock nor at the last stamp");
      }
      anchor_is_certain_ = true;
    }
    const rules::Effects effects = rules::apply(shadow_, one.event, one.stamp);
    if (const auto* ended = std::get_if<rules::SendEnded>(&one.event)) forget_what_never_arrived(*ended);
    for (const rules::Effect& effect : effects) {
      if (const auto* send = std::get_if<rules::Send>(&effect)) {
        allowed_keys_.insert(send->key);
        for (const rules::PageFacts& page : send->pages) groups_[group_name(page)].before_memory.reset();
        if (send->provider == 0 && !contact_of_message_.contains(send->message)) {
          judge_page_order(*send, one.stamp.at);
        }
      }
    }
    on_event(one.event, one.stamp);
    excuse_who_is_still_called(one.stamp.at);
  }
}

// Whoever is still being called is not called a second time: then the next call is one wait later.
void Observers::excuse_who_is_still_called(rules::Instant at) {
  for (auto& [name, group] : groups_) {
    if (!group.due || *group.due > at || group.phase != Phase::triggered) continue;
    const bool is_called =
        std::any_of(shadow_.pages.begin(), shadow_.pages.end(), [&, incident = group.incident](const auto& page) {
          return page.second.incident == incident && page.second.reason != rules::PageReason::called;
        });
    if (!is_called) continue;
    group.due = at + longest_wait();
    group.overdue = {};
  }
}

// The gather and the budget, by the instants that the rows carry.
void Observers::judge_page_order(const rules::Send& send, rules::Instant at) {
  const std::pair contact{send.person, send.contact};
  contact_of_message_[send.message] = contact;
  std::vector<SentMessage>& sent = sent_[contact];
  const rules::Budget& budget = shadow_.policy->budget;
  std::erase_if(sent, [&](const SentMessage& one) { return one.at + budget.within <= at; });
  if (!sent.empty()) {
    if (at - sent.back().at < rules::gather) {
      fail("I8",
           fmt::format(
               "{} by {} gets two messages within {} ms", send.person, send.contact, (at - sent.back().at).count()));
    }
    if (budget.pages > 0 && sent.size() >= budget.pages && at - sent.back().at < rules::over_budget_pace) {
      fail("I8",
           fmt::format(
               "{} by {} gets message {} of a budget of {}", send.person, send.contact, sent.size() + 1, budget.pages));
    }
  }
  sent.push_back(SentMessage{.id = send.message, .at = at});
  if (budget.pages > 0 && sent.size() >= budget.pages) last_full_budget_ = at;
}

void Observers::on_event(const rules::Event& event, rules::Stamp stamp) {
  if (const auto* arrived = std::get_if<rules::ReportsArrived>(&event)) {
    on_reports(*arrived, stamp);
  } else if (const auto* acknowledge = std::get_if<rules::Acknowledge>(&event)) {
    on_verb(Verb::acknowledge, acknowledge->incident, acknowledge->by, {}, stamp);
  } else if (const auto* snooze = std::get_if<rules::Snooze>(&event)) {
    on_verb(Verb::snooze, snooze->incident, snooze->by, snooze->length, stamp);
  } else if (const auto* escalate = std::get_if<rules::Escalate>(&event)) {
    on_verb(Verb::escalate, escalate->incident, escalate->by, {}, stamp);
  } else if (const auto* resolve = std::get_if<rules::Resolve>(&event)) {
    on_verb(Verb::resolve, resolve->incident, resolve->by, {}, stamp);
  } else if (std::holds_alternative<rules::PolicyLoaded>(event)) {
    for (auto& [name, group] : groups_) {
      ++group.generation;
      group.may_start_anew = true;
    }
    closed_until_.clear();
  }
}

void Observers::forget_what_never_arrived(const rules::SendEnded& ended) {
  const auto contact = contact_of_message_.find(ended.message);
  if (contact == contact_of_message_.end()) return;
  const bool arrived_nowhere =
      ended.outcome == rules::SendOutcome::refused || ended.outcome == rules::SendOutcome::withdrawn;
  if (!arrived_nowhere || shadow_.messages.contains(ended.message)) return;
  std::erase_if(sent_[contact->second], [&](const SentMessage& one) { return one.id == ended.message; });
}

void Observers::open(Group& group, const std::string& name, rules::Instant at) {
  (void)name;
  group.phase = Phase::triggered;
  ++group.generation;
  group.fresh = true;
  group.last_page = 0;
  group.due = at + (group.service == "mail" ? rules::Duration{20s} : rules::Duration{});
  group.overdue = {};
  look_back(group);
}

// A row that comes late, because the disk was full, speaks of what has been paged since.
void Observers::look_back(Group& group) {
  group.uncertain = false;
  if (group.due && group.asked && group.asked_at >= *group.due) {
    const rules::PageFacts page = *group.asked;
    if (group.phase == Phase::acknowledged) group.phase = Phase::triggered;
    enter(group, page, group.asked_at);
  }
}

void Observers::enter(Group& group, const rules::PageFacts& page, rules::Instant at) {
  group.fresh = false;
  group.may_start_anew = false;
  group.rank = page.step == 0 ? last_resort_rank : Rank{page.round, page.step};
  group.overdue = {};
  if (is_low(group)) {
    group.due.reset();
  } else {
    group.due = at + (group.is_unsure ? longest_wait() : wait_after(group, page));
    group.is_unsure = false;
  }
}

void Observers::close(Group& group, const std::string& name, rules::IncidentId incident, std::uint64_t request) {
  if (incident.value == 0) return;
  const Closing closing{.group = name, .incident = incident, .last_page = shadow_.last_page};
  closed_until_[incident] = group.due;
  const auto found = requests_.find(request);
  if (found != requests_.end()) found->second.closings.push_back(closing);
}

void Observers::on_reports(const rules::ReportsArrived& arrived, rules::Stamp stamp) {
  std::uint64_t request = 0;
  std::set<std::string> ended;
  for (const rules::Report& report : arrived.reports) {
    request = request_of(report);
    const std::string name{report.labels.find("alertname")};
    const std::string member = fmt::format("{}/{}", name, report.labels.find("instance"));
    Group& group = groups_[name];
    group.service = report.labels.find("service");
    group.uncertain = false;
    group.before_memory.reset();
    if (report.status == rules::ReportStatus::firing) {
      if (const auto muted = group.muted.find(member); muted != group.muted.end()) {
        if (stamp.at < muted->second + 1h) continue;
        group.is_double = true;
        continue;
      }
      const bool is_new = !group.firing.contains(member);
      // Soon after its end the incident comes back with all its alerts; later another one opens.
      if (is_new && group.phase == Phase::by_hand && stamp.at >= group.resolved_at + 5min) {
        for (const std::string& other : group.firing) group.muted[other] = group.resolved_at;
        group.firing.clear();
      }
      group.firing.insert(member);
      if (group.phase == Phase::quiet ||
          (group.phase == Phase::by_hand && (is_new || stamp.at >= group.resolved_at + 1h))) {
        open(group, name, stamp.at);
      } else if (group.phase == Phase::acknowledged && is_new) {
        closed_until_.erase(group.incident);  // it may outgrow the acknowledgement
      }
    } else if (group.firing.erase(member) == 0) {
      group.muted.erase(member);
    } else if (group.firing.empty()) {
      const bool was_open = group.phase == Phase::triggered || group.phase == Phase::acknowledged;
      group.phase = Phase::quiet;
      group.due.reset();
      ++group.generation;
      if (was_open) ended.insert(name);
    }
  }
  for (const std::string& name : ended) {
    Group& group = groups_[name];
    if (group.phase == Phase::quiet) close(group, name, group.incident, request);  // else it came back in the same body
  }
  if (request != 0) committed_requests_.insert(request);
}

void Observers::on_verb(
    Verb verb, rules::IncidentId incident, const std::string& by, rules::Duration snooze, rules::Stamp stamp) {
  const std::tuple name{verb, incident.value, by};
  ++verb_balance_[name];
  Group* const group = group_of(incident);
  if (group == nullptr || group->phase == Phase::quiet || group->phase == Phase::by_hand) {
    committed_verbs_[name].push_back(Closing{});
    return;
  }
  group->uncertain = false;
  group->before_memory.reset();
  const bool was_acknowledged = group->phase == Phase::acknowledged;
  Closing closing{.group = group_by_incident_[incident], .incident = incident, .last_page = shadow_.last_page};
  group->overdue = {};
  switch (verb) {
    case Verb::acknowledge:
    case Verb::snooze: {
      group->phase = Phase::acknowledged;
      ++group->generation;
      group->last_page = shadow_.last_page;
      group->fresh = true;
      rules::Duration lasts = snooze;
      if (verb == Verb::acknowledge && !is_low(*group)) {
        // A reload may have changed it: the longest counts.
        for (const auto& policy : policies_) {
          for (const rules::CallTree& tree : policy->call_trees) {
            const bool is_its = policies_.size() > 1 || (tree.id == "outage") == (group->service == "pay");
            if (is_its) lasts = std::max(lasts, tree.ack_timeout);
          }
        }
      }
      if (lasts > rules::Duration{}) {
        group->due = stamp.at + lasts;
      } else {
        group->due.reset();
      }
      closed_until_[incident] = lasts > rules::Duration{}
                                    ? std::optional{stamp.at + (policies_.size() > 1 ? rules::Duration{6min} : lasts)}
                                    : std::nullopt;
      look_back(*group);
      break;
    }
    case Verb::escalate: {
      closed_until_.erase(incident);
      closed_.erase(incident);
      if (is_low(*group)) {
        closing = Closing{};
        break;
      }
      group->phase = Phase::triggered;
      ++group->generation;
      if (was_acknowledged) group->fresh = true;
      // Whoever is still being called is not called again; then only the wait of the step runs.
      const bool somebody_is_called = group->asked && group->asked_at + 2min > stamp.at;
      group->due = stamp.at + (somebody_is_called ? longest_wait() : rules::Duration{});
      closing = Closing{};
      look_back(*group);
      break;
    }
    case Verb::call:
    case Verb::note:
      break;
    case Verb::resolve:
      group->phase = group->firing.empty() ? Phase::quiet : Phase::by_hand;
      group->resolved_at = stamp.at;
      ++group->generation;
      group->due.reset();
      closed_until_[incident] = std::nullopt;
      break;
  }
  committed_verbs_[name].push_back(closing);
}

// ---- what comes out

void Observers::on(const TryAsked& asked) {
  const rules::Instant at = at_now();
  for (const rules::PageFacts& page : asked.send->pages) {
    if (page.incident.id.value == 0) continue;  // the daemon's own alarm
    const std::string name = group_name(page);
    Group& group = groups_[name];
    const bool begins_again = page.reason == rules::PageReason::repeat && page.round == 1;
    if (begins_again && group.rank == last_resort_rank && !generation_of_page_.contains(page.id)) ++group.generation;
    const bool is_known = !generation_of_page_.try_emplace(page.id, group.generation).second;
    if (page.id.value <= group.last_page && !is_in_memory_) continue;
    group.incident = page.incident.id;
    group_by_incident_[page.incident.id] = name;
    if (page.reason == rules::PageReason::called) continue;
    if (is_known && !group.fresh) continue;
    group.asked_at = at;
    group.asked = page;
    if (group.phase == Phase::quiet || group.phase == Phase::by_hand) continue;
    const bool anew = (is_trigger(page.reason) && group.phase == Phase::acknowledged) ||
                      (begins_again && group.rank == last_resort_rank) ||
                      (page.reason == rules::PageReason::step && page.step == 1 && page.round == 1 &&
                       (group.may_start_anew || is_in_memory_));
    if (is_in_memory_ && !group.before_memory && !allowed_keys_.contains(asked.send->key)) {
      group.before_memory = std::pair{group.phase, group.due};
    }
    if (group.phase == Phase::acknowledged) {
      group.phase = Phase::triggered;
      group.fresh = true;
    }
    const Rank rank = page.step == 0 ? last_resort_rank : Rank{page.round, page.step};
    // Whoever last_resort names has one contact, so each page of it is a call of its own.
    const bool is_entry = group.fresh || anew || page.step == 0 || rank > group.rank;
    if (is_entry) enter(group, page, at);
  }
}

void Observers::on(const TryBegan& began) {
  const rules::Send& send = *began.send;
  const bool is_alarm = std::all_of(
      send.pages.begin(), send.pages.end(), [](const rules::PageFacts& page) { return page.incident.id.value == 0; });
  if (!send.pages.empty() && is_alarm) return;
  if (!allowed_keys_.contains(send.key) && !(is_in_memory_ && send.possible_duplicate)) {
    fail("I5", fmt::format("a message with key {} leaves, and no event that asks for it is on the disk", send.key));
  }
  KeyRecord& key = keys_[send.key];
  ++key.begun;
  key.in_doubt = key.in_doubt || send.possible_duplicate;
  const rules::Instant at = at_now();
  for (const rules::PageFacts& page : send.pages) {
    const Group& group = groups_[group_name(page)];
    const auto closed = closed_.find(page.incident.id);
    if (closed == closed_.end() || group.is_double) continue;
    if (page.id.value <= closed->second.last_page) {
      fail("I4",
           fmt::format("a page of {} begins to leave after the 200 to what closed it",
                       rules::print_incident(page.incident.id)));
    }
    const auto until = closed_until_.find(page.incident.id);
    const bool is_closed =
        group.phase == Phase::acknowledged || group.phase == Phase::quiet || group.phase == Phase::by_hand;
    if (is_closed && !is_in_memory_ && until != closed_until_.end() && (!until->second || at < *until->second)) {
      fail("I4",
           fmt::format("a new page of {} leaves, and nothing has triggered it again",
                       rules::print_incident(page.incident.id)));
    }
  }
}

void Observers::on(const TryEnded& ended) {
  if (ended.outcome == channels::TryOutcome::unanswered) keys_[ended.send->key].in_doubt = true;
}

void Observers::on(const Reached& reached) {
  const rules::Send& send = *reached.send;
  ++figures_.pages_rung;
  if (send.possible_duplicate) ++figures_.marked;
  for (const rules::PageFacts& page : send.pages) groups_[group_name(page)].rang_at = now_;
  if (lost_keys_.contains(send.key)) return;
  KeyRecord& key = keys_[send.key];
  // A marked one may arrive before the first, which was slow.
  if (key.rang_unmarked && !send.possible_duplicate) {
    fail("I3", fmt::format("key {} rings twice, and the second is not marked", send.key));
  }
  if (key.rang && !key.in_doubt) {
    fail("I3", fmt::format("key {} rings twice, though its outcome was known", send.key));
  }
  key.rang = true;
  key.rang_unmarked = key.rang_unmarked || !send.possible_duplicate;
  for (const rules::PageFacts& page : send.pages) {
    if (page.incident.id.value == 0) continue;
    Group& group = groups_[group_name(page)];
    if (group.is_double) continue;
    const auto [known, is_new] = key_of_page_.try_emplace(page.id, send.key);
    if (!is_new && known->second != send.key) {
      fail("I3", fmt::format("page {} rings under two keys", page.id.value));
    }
    const bool may_repeat = page.reason == rules::PageReason::last_resort || page.reason == rules::PageReason::called ||
                            (page.reason == rules::PageReason::repeat && page.round == 1);
    if (may_repeat) continue;
    const std::tuple name{page.incident.id,
                          page.step,
                          page.round,
                          send.person + "." + send.contact,
                          page.reason,
                          generation_of_page_[page.id]};
    const auto [before, is_first] = rung_.try_emplace(name, page.id);
    if (!is_first && before->second != page.id) {
      fail("I3",
           fmt::format("{} by {} is paged twice for {}, step {}, round {}",
                       send.person,
                       send.contact,
                       rules::print_incident(page.incident.id),
                       page.step,
                       page.round));
    }
  }
}

// ---- the daemon comes and goes

void Observers::on(const DaemonStarted& started) {
  ++figures_.starts;
  is_up_ = true;
  pauses_ = 0;
  is_stopping_ = false;
  is_appending_ = false;
  has_failed_ = false;
  anchor_ = std::max(started.wall, last_stamp_);
  anchored_ = now_;
  anchor_is_certain_ = false;
  if (has_lost_memory_) {
    has_lost_memory_ = false;
    for (const auto& [key, record] : keys_) {
      if (!allowed_keys_.contains(key)) lost_keys_.insert(key);
    }
    // What was known in memory only is gone, and with it what it said of pages, incidents and outcomes.
    key_of_page_.clear();
    generation_of_page_.clear();
    rung_.clear();
    for (auto& [name, group] : groups_) {
      group.asked.reset();
      group.asked_at = {};
      if (group.before_memory) std::tie(group.phase, group.due) = *group.before_memory;
      group.before_memory.reset();
      if (group.due) group.fresh = group.is_unsure = true;
    }
  }
  // What has no outcome on the disk may come again.
  for (const auto& [id, message] : shadow_.messages) keys_[message.key].in_doubt = true;
  for (auto& [name, group] : groups_) {
    group.overdue = {};
    group.uncertain = false;
  }
  if (started.sequence < shadow_sequence_) {
    fail("I1", fmt::format("row {} was committed, and the journal ends at {}", shadow_sequence_, started.sequence));
  }
  if (started.digest != started.digest_again) fail("I7", "two recoveries of one journal differ");
  if (started.digest != codec::digest(shadow_)) fail("I7", "the recovered state is not that of all rows");
  std::map<std::string, bool> known;
  for (const rules::IncidentView& incident : started.list->incidents) {
    for (const rules::AlertView& alert : incident.alerts) {
      bool& fires = known[fmt::format("{}/{}", alert.labels.find("alertname"), alert.labels.find("instance"))];
      fires = fires || alert.firing;
    }
  }
  for (const auto& [name, alert] : alerts_) {
    if (!alert.is_accepted) continue;
    const auto found = known.find(name);
    if (found == known.end()) {
      // An end of an alert that was never seen opens nothing.
      if (alert.firing) fail("I1", fmt::format("{} was answered 200 and is not known after the start", name));
      continue;
    }
    if (!alert.is_ambiguous && found->second != alert.firing) {
      fail("I1",
           fmt::format(
               "{} was answered 200 as {}, and is not so after the start", name, alert.firing ? "firing" : "ended"));
    }
  }
}

void Observers::on(const RecoveryRefused& refused) {
  fail("I7", refused.why);
}

void Observers::on(const DaemonEnded& ended) {
  is_up_ = false;
  if (ended.live_digest && !has_failed_) {
    if (ended.sequence != shadow_sequence_) {
      fail("I7", fmt::format("row {} is committed, and {} was applied last", shadow_sequence_, ended.sequence));
    } else if (*ended.live_digest != codec::digest(shadow_)) {
      fail("I7", "the living state was not that of its rows");
    }
  }
  has_lost_memory_ = is_in_memory_ && !ended.live_digest;
  is_in_memory_ = false;
}

void Observers::on(const DaemonPaused& /*paused*/) {
  ++pauses_;
}

void Observers::on(const DaemonResumed& /*resumed*/) {
  if (pauses_ > 0) --pauses_;
}

void Observers::finish(bool is_drained) {
  if (violation_ || !faults_over_at_) return;
  if (!is_drained) fail("I9", "work is left when the faults are long over");
  for (const auto& [name, group] : groups_) {
    if (group.phase != Phase::triggered || is_low(group) || group.is_double) continue;
    if (group.rang_at < *faults_over_at_) {
      fail("I9", fmt::format("{} is open, and nobody's device has rung for it since the faults were over", name));
    }
  }
}

}  // namespace simulation
