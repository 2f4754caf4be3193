// I15: what is kept from paging has a reason that can be named, is open, and ends.
#include <algorithm>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

class HoldsJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& /*row*/) override {}
  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& /*asks*/) override {
    // Of the instant up to which the clock was looked at; its row may have been stamped a little later. The two clocks
    // are read one after the other, in whole milliseconds: they drift apart by one.
    const auto* const reached = std::get_if<rules::ClockReached>(&one.event);
    reached_ = reached != nullptr;
    wall_ = reached_ ? one.stamp.wall - (one.stamp.at - reached->until) : one.stamp.wall;
  }
  void row_ended(const Committed& /*row*/) override {
    for (const auto& [id, incident] : now_.replayed.incidents) {
      const bool is_waiting = incident.state == rules::IncidentState::triggered;
      if (is_waiting && incident.urgency == rules::Urgency::high) judge(incident);
    }
  }
  // All has been quiet: nothing holds by what has long been over.
  void finish() override {
    for (const auto& [id, incident] : now_.replayed.incidents) {
      if (incident.state == rules::IncidentState::resolved || incident.urgency != rules::Urgency::high) continue;
      for (const rules::HoldName& name : incident.told_holds) {
        const rules::Incident* const by = find(name.by);
        const bool is_chain = name.kind == rules::HoldKind::parent || name.kind == rules::HoldKind::inhibition;
        const bool is_old = by != nullptr && now_.replayed.last.at - by->began_at > 1h + 1s;
        if (is_chain && is_old && !somebody_knows(*by) && !is_in_maintenance(*by)) {
          fail("I15",
               fmt::format("{} is held by {}, for which nobody was called within an hour",
                           rules::print_incident(id),
                           rules::print_incident(name.by)));
        }
      }
    }
  }

 private:
  void judge(const rules::Incident& incident) {
    const std::string name = rules::print_incident(incident.id);
    if (incident.told_holds.empty()) {
      if (!incident.climb.running) fail("I15", name + " is held by nothing, and its climb does not run");
      if (!now_.replayed.deadlines.find(incident.climb.wait)) {
        fail("I15", name + " is held by nothing, and nothing will call anybody for it");
      }
      return;
    }
    if (incident.climb.running) fail("I15", name + " is held, and its climb runs");
    for (const rules::HoldName& hold : incident.told_holds) {
      const std::string trouble = trouble_with(incident, hold);
      if (!trouble.empty()) fail("I15", fmt::format("{} is held by {}", name, trouble));
    }
  }

  [[nodiscard]] const rules::Incident* find(rules::IncidentId id) const {
    const auto found = now_.replayed.incidents.find(id);
    return found == now_.replayed.incidents.end() ? nullptr : &found->second;
  }

  [[nodiscard]] std::string trouble_with(const rules::Incident& incident, const rules::HoldName& hold) const {
    const rules::Correlation& limits = now_.replayed.policy->correlation;
    const bool is_of_alerts = hold.kind != rules::HoldKind::group_wait && hold.kind != rules::HoldKind::storm;
    if (incident.firing == 0 && is_of_alerts) return "";  // it stays open because it flaps, and as it was
    switch (hold.kind) {
      case rules::HoldKind::group_wait:
        if (!incident.wait_until || !now_.replayed.deadlines.find(incident.group_wait)) {
          return "a group_wait that does not end";
        }
        return "";
      case rules::HoldKind::hold:
        return ends(incident, hold, limits.hold);
      case rules::HoldKind::startup_grace:
        return ends(incident, hold, limits.startup_grace);
      case rules::HoldKind::recovery_grace:
        return ends(incident, hold, limits.recovery_grace);
      case rules::HoldKind::silence:
      case rules::HoldKind::maintenance: {
        const auto silence = now_.replayed.silences.find(hold.rule);
        if (silence == now_.replayed.silences.end()) return "a silence that nobody knows";
        if (reached_ && silence->second.to + 1ms <= wall_) return "a silence that is over";
        if (!now_.replayed.deadlines.find(now_.replayed.calendar)) return "a silence that does not end";
        return "";
      }
      case rules::HoldKind::parent:
      case rules::HoldKind::inhibition: {
        const rules::Incident* const by = find(hold.by);
        if (by == nullptr || by->state == rules::IncidentState::resolved) return "one that is over";
        return "";
      }
      case rules::HoldKind::storm: {
        const rules::Incident* const by = find(hold.by);
        if (by == nullptr || by->state == rules::IncidentState::resolved) return "a storm that is over";
        return "";
      }
    }
    return "what has no name";
  }

  // By a span that ends, and soon enough.
  [[nodiscard]] std::string ends(const rules::Incident& incident,
                                 const rules::HoldName& hold,
                                 rules::Duration length) const {
    if (incident.firing == 0) return "";  // it stays open because it flaps, and as it was
    for (const rules::EpisodeId id : incident.episodes) {
      const auto episode = now_.replayed.episodes.find(id);
      if (episode == now_.replayed.episodes.end()) continue;
      for (const rules::AlertHold& one : episode->second.holds) {
        if (one.name != hold) continue;
        if (!one.until) return "a span without an end";
        if (*one.until > now_.replayed.last.at + length) return "a span that ends too late";
        return "";
      }
    }
    return "a span that none of its alerts has";
  }

  // Somebody was called for it or for what holds it, or acknowledged one of them.
  [[nodiscard]] bool somebody_knows(const rules::Incident& incident, int depth = 0) const {
    if (incident.anybody_called || incident.state == rules::IncidentState::acknowledged) return true;
    return depth < 50 && std::any_of(
                             incident.told_holds.begin(),
                             incident.told_holds.end(),
                             [&](const rules::HoldName& hold) {
                               const rules::Incident* const by = find(hold.by);
                               return by != nullptr && somebody_knows(*by, depth + 1);
                             });
  }
  [[nodiscard]] static bool is_in_maintenance(const rules::Incident& incident) {
    return std::any_of(incident.held_by.begin(), incident.held_by.end(), [](const auto& hold) {
      return hold.first.kind == rules::HoldKind::maintenance;
    });
  }

  rules::Instant wall_;
  bool reached_{};
};

}  // namespace

std::unique_ptr<Judge> judge_of_holds(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<HoldsJudge>(situation, std::move(fail));
}

}  // namespace simulation
