// I9, I11 and I14: how it all ends, and what must never be said.
#include <map>
#include <set>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "tests/simulation/judges.hpp"
#include "tests/simulation/team.hpp"

namespace simulation {
namespace {

class EndsJudge final : public Judge {
 public:
  using Judge::Judge;

  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& /*asks*/) override {
    const auto* arrived = std::get_if<rules::ReportsArrived>(&one.event);
    if (arrived == nullptr) return;
    for (const rules::Report& report : arrived->reports) {
      if (report.labels.find("alertname") == alert_that_beats) continue;
      Told& told = told_[{std::string{report.labels.find("alertname")}, std::string{report.labels.find("instance")}}];
      const std::string severity{report.labels.find("severity")};
      Variant& variant = told.variants[severity];
      if (arrived->form == rules::ReportForm::api_v2) told.may_expire = true;
      if (report.status == rules::ReportStatus::resolved) {
        if (report.ends_at) variant.ended = std::max(variant.ended, *report.ends_at);
      } else if (report.starts_at) {
        variant.started = std::max(variant.started, *report.starts_at);
      }
    }
  }

  void see(const Row& row) override {
    const auto* reached = std::get_if<Reached>(&row.what);
    if (reached == nullptr) return;
    for (const rules::PageFacts& page : reached->send->pages) rang_at_[page.incident.id] = row.time;
  }

  void finish() override {
    std::set<std::pair<std::string, std::string>> fires;
    for (const Contract::IncidentNow& incident : now_.contract.incidents()) {
      for (const Contract::AlertNow& alert : incident.alerts) {
        if (alert.firing) fires.emplace(alert.group, alert.instance);
      }
      if (incident.state != rules::IncidentState::triggered || incident.urgency != rules::Urgency::high) continue;
      if (incident.is_held) continue;
      const auto rang = rang_at_.find(incident.id);
      if (rang == rang_at_.end() || rang->second < *now_.faults_over_at) {
        fail("I9",
             fmt::format("{} is open, and nobody's device has rung for it since the faults were over",
                         rules::print_incident(incident.id)));
      }
    }
    for (const auto& [name, told] : told_) {
      if (told.may_expire) continue;
      const bool should_fire = std::any_of(told.variants.begin(), told.variants.end(), [](const auto& variant) {
        return variant.second.started > variant.second.ended;
      });
      if (should_fire == fires.contains(name)) continue;
      fail("I11",
           fmt::format("{}/{} {}, and its sender said last that it {}",
                       name.first,
                       name.second,
                       should_fire ? "has ended" : "fires",
                       should_fire ? "fires" : "has ended"));
    }
  }

 private:
  struct Variant {
    rules::Instant started;  // the sender's clock
    rules::Instant ended;
  };
  struct Told {
    std::map<std::string, Variant> variants;  // by severity
    bool may_expire{};
  };
  std::map<std::pair<std::string, std::string>, Told> told_;  // by alertname and instance
  std::map<rules::IncidentId, Time> rang_at_;
};

// Every secret of the team's configuration begins with this.
constexpr std::string_view secret_mark = "hush-";

class SecretsJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& row) override {
    if (const auto* said = std::get_if<Said>(&row.what)) {
      look(said->where, said->text);
    } else if (const auto* remark = std::get_if<Remark>(&row.what)) {
      look("a remark", remark->text);
    } else if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      for (const rules::PageFacts& page : asked->send->pages) {
        look("a page", page.because);
        look("a page", page.incident.summary);
      }
    }
  }
  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& /*asks*/) override {
    if (const auto* ended = std::get_if<rules::SendEnded>(&one.event)) look("the journal", ended->detail);
  }

 private:
  void look(const std::string& where, std::string_view text) {
    if (text.find(secret_mark) != std::string_view::npos) fail("I14", fmt::format("{} tells a secret", where));
  }
};

}  // namespace

std::unique_ptr<Judge> judge_of_ends(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<EndsJudge>(situation, std::move(fail));
}
std::unique_ptr<Judge> judge_of_secrets(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<SecretsJudge>(situation, std::move(fail));
}

}  // namespace simulation
