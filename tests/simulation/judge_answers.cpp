// I1, I5 and I12: what senders and people are told about what they said.
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "rules/view.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

// A report names its request in its generatorURL.
std::uint64_t request_of(const rules::Report& report) {
  const std::size_t mark = report.generator_url.find('=');
  std::uint64_t request = 0;
  if (mark == std::string::npos) return request;
  const char* const end = report.generator_url.data() + report.generator_url.size();
  std::from_chars(report.generator_url.data() + mark + 1, end, request);
  return request;
}

class AnswersJudge final : public Judge {
 public:
  using Judge::Judge;

  void pass_time(Time until) override {
    if (!now_.can_work() || now_.is_appending || now_.is_in_memory) return;
    for (auto& [request, open] : open_) {
      open.waited += until - now_.now;
      if (open.waited > promptly) fail("I12", fmt::format("request #{} is not answered", request));
    }
  }

  void see(const Row& row) override {
    if (const auto* came = std::get_if<ReportsCame>(&row.what)) {
      open_[came->request] = {};
    } else if (const auto* verb = std::get_if<VerbCame>(&row.what)) {
      open_[verb->request] = Request{.verb = *verb, .waited = {}};
    } else if (const auto* answered = std::get_if<Answered>(&row.what)) {
      on(*answered);
    } else if (const auto* broken = std::get_if<Unanswered>(&row.what)) {
      open_.erase(broken->request);
    } else if (const auto* started = std::get_if<DaemonStarted>(&row.what)) {
      on(*started);
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      verdicts_.clear();
    }
  }

  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& asks) override {
    if (const auto* arrived = std::get_if<rules::ReportsArrived>(&one.event)) {
      for (const rules::Report& report : arrived->reports) committed_.insert(request_of(report));
    } else if (const auto* acknowledge = std::get_if<rules::Acknowledge>(&one.event)) {
      remember(Verb::acknowledge, *acknowledge, asks);
    } else if (const auto* snooze = std::get_if<rules::Snooze>(&one.event)) {
      remember(Verb::snooze, *snooze, asks);
    } else if (const auto* escalate = std::get_if<rules::Escalate>(&one.event)) {
      remember(Verb::escalate, *escalate, asks);
    } else if (const auto* resolve = std::get_if<rules::Resolve>(&one.event)) {
      remember(Verb::resolve, *resolve, asks);
    } else if (const auto* call = std::get_if<rules::CallIn>(&one.event)) {
      remember(Verb::call, *call, asks);
    } else if (const auto* note = std::get_if<rules::Note>(&one.event)) {
      remember(Verb::note, *note, asks);
    }
  }

 private:
  using VerbName = std::tuple<Verb, std::uint64_t, std::string>;
  struct Request {
    std::optional<VerbCame> verb;
    Time waited{};
  };

  template <class Event>
  void remember(Verb verb, const Event& event, const Contract::Answer& asks) {
    int status = 200;
    if (asks.verdict == rules::VerdictCode::unknown_incident) status = 404;
    if (asks.verdict == rules::VerdictCode::already_resolved) status = 409;
    if (asks.verdict == rules::VerdictCode::refused) status = 409;
    verdicts_[VerbName{verb, event.incident.value, event.by}].insert(status);
  }

  void on(const Answered& answered) {
    const auto found = open_.find(answered.request);
    if (found == open_.end()) return;
    const std::optional<VerbCame> verb = found->second.verb;
    open_.erase(found);
    if (answered.status == 503) return;  // the sender says it again
    if (!verb) {
      if (answered.status == 200 && !committed_.contains(answered.request)) {
        fail("I5", fmt::format("reports #{} are answered 200 before they are on the disk", answered.request));
      } else if (answered.status != 200) {
        fail("I12", fmt::format("reports #{} are answered {}", answered.request, answered.status));
      }
      return;
    }
    std::multiset<int>& verdicts = verdicts_[VerbName{verb->verb, verb->incident.value, verb->by}];
    const auto verdict = verdicts.find(answered.status);
    if (verdict == verdicts.end()) {
      const bool is_known = !verdicts.empty();
      fail(is_known ? "I12" : "I5",
           fmt::format("{} #{} is answered {}, {}",
                       name_of(verb->verb),
                       answered.request,
                       answered.status,
                       is_known ? "which it is not" : "and it is not on the disk"));
      return;
    }
    verdicts.erase(verdict);
  }

  // What a reader sees after a start is what the committed rows say, alert by alert.
  void on(const DaemonStarted& started) {
    std::map<rules::IncidentId, const rules::IncidentView*> listed;
    for (const rules::IncidentView& one : started.list->incidents) listed[one.facts.id] = &one;
    for (const Contract::IncidentNow& incident : now_.contract.incidents()) {
      const auto found = listed.find(incident.id);
      const std::string name = rules::print_incident(incident.id);
      if (found == listed.end()) {
        fail("I1", fmt::format("{} is not known after the start", name));
        continue;
      }
      const rules::IncidentView& view = *found->second;
      if (view.facts.state != incident.state) {
        fail("I1", fmt::format("{} is {} after the start", name, rules::to_text(view.facts.state)));
      }
      std::set<std::pair<std::string, std::string>> fires;
      for (const Contract::AlertNow& alert : incident.alerts) {
        if (alert.firing) fires.emplace(alert.group, alert.instance);
      }
      std::set<std::pair<std::string, std::string>> shown;
      for (const rules::AlertView& alert : view.alerts) {
        if (alert.firing) shown.emplace(alert.labels.find("alertname"), alert.labels.find("instance"));
      }
      for (const auto& [group, instance] : fires) {
        if (!shown.contains({group, instance})) {
          fail("I1", fmt::format("{}/{} fires, and does not in {} after the start", group, instance, name));
        }
      }
      for (const auto& [group, instance] : shown) {
        if (!fires.contains({group, instance})) {
          fail("I1", fmt::format("{}/{} has ended, and fires in {} after the start", group, instance, name));
        }
      }
      listed.erase(found);
    }
    if (!listed.empty()) {
      fail("I1",
           fmt::format("after the start there is {}, which was never opened",
                       rules::print_incident(listed.begin()->first)));
    }
  }

  std::map<std::uint64_t, Request> open_;
  std::set<std::uint64_t> committed_;
  std::map<VerbName, std::multiset<int>> verdicts_;  // committed, not yet answered
};

}  // namespace

std::unique_ptr<Judge> judge_of_answers(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<AnswersJudge>(situation, std::move(fail));
}

}  // namespace simulation
