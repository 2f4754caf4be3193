#include "tests/fuzz/invariants.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "rules/codec/codec.hpp"
#include "rules/desk.hpp"
#include "rules/flapping.hpp"
#include "rules/hold/hold.hpp"
#include "rules/matcher.hpp"
#include "rules/moment.hpp"
#include "tests/fuzz/claim.hpp"

namespace fuzz {
namespace {

using rules::Call;
using rules::ClimbPhase;
using rules::Deadline;
using rules::DeadlineId;
using rules::DeadlineKind;
using rules::Incident;
using rules::IncidentId;
using rules::IncidentState;
using rules::Instant;
using rules::Page;
using rules::PageId;
using rules::PageState;
using rules::State;
using rules::Urgency;

class Check {
 public:
  Check(const State& state, const Story& story) : state_{state}, story_{story} {}

  void run() {
    claim(state_.touched.empty(), "a queue was touched and not looked at");
    for (const auto& [id, episode] : state_.episodes) check_episode(id, episode);
    for (const auto& [id, incident] : state_.incidents) check_incident(id, incident);
    for (const auto& [address, queue] : state_.contacts) check_queue(address, queue);
    for (const auto& [id, page] : state_.pages) check_page(id, page);
    for (const auto& [id, message] : state_.messages) check_message(id, message);
    check_silences();
    for (const auto& [tree, storm] : state_.storms) check_storm(tree, storm);
    check_heartbeats();
    check_sources();
    for (const auto& [key, flaps] : state_.flaps) {
      claim(armed(flaps.deadline, DeadlineKind::flap_calm), "what flaps is never calm");
    }
    check_deadlines();
    if (state_.links.ready && story_.is_looked_at_closely) check_links();
  }

 private:
  [[nodiscard]] bool armed(DeadlineId id, DeadlineKind kind) {
    const auto deadline = state_.deadlines.find(id);
    if (!deadline) return false;
    claim(deadline->kind == kind, "a deadline of kind {} where one of kind {} belongs", int(deadline->kind), int(kind));
    ++expected_[kind];
    return true;
  }

  void check_episode(rules::EpisodeId id, const rules::Episode& episode) {
    claim(episode.id == id && id.value <= state_.last_episode, "episode {} has another number", id.value);
    const bool fires = std::any_of(
        episode.variants.begin(), episode.variants.end(), [](const rules::Variant& variant) { return variant.firing; });
    claim(fires == episode.open, "episode {} is open: {}, something of it fires: {}", id.value, episode.open, fires);
    claim(!episode.incidents.empty(), "episode {} belongs to no incident", id.value);
    for (const IncidentId incident : episode.incidents) {
      const Incident* const found = rules::find_incident(state_, incident);
      claim(found != nullptr, "episode {} belongs to R-{}, which is not there", id.value, incident.value);
      claim(std::count(found->episodes.begin(), found->episodes.end(), id) == 1,
            "episode {} does not stand once in R-{}",
            id.value,
            incident.value);
      if (episode.open) ++firing_[incident];
    }
    if (episode.open && !episode.hidden) {
      claim(state_.open_episodes.contains(episode.key), "no report finds the open episode {}", id.value);
    }
    claim(episode.open || episode.holds.empty(), "episode {} has ended and is held", id.value);
    for (const rules::AlertHold& hold : episode.holds) {
      check_reason(hold.name, fmt::format("episode {}", id.value));
      if (hold.until) waits_until_.emplace(id.value, *hold.until);
    }
  }

  // What keeps something back is there.
  void check_reason(const rules::HoldName& name, const std::string& what) {
    const Incident* const by = rules::find_incident(state_, name.by);
    const bool is_open = by != nullptr && by->state != IncidentState::resolved;
    switch (name.kind) {
      case rules::HoldKind::group_wait:
      case rules::HoldKind::hold:
      case rules::HoldKind::startup_grace:
      case rules::HoldKind::recovery_grace:
        claim(name.by == IncidentId{}, "{} waits, and somebody makes it", what);
        break;
      case rules::HoldKind::silence:
      case rules::HoldKind::maintenance: {
        const auto silence = state_.silences.find(name.rule);
        claim(silence != state_.silences.end(), "{} is held by silence {}, which is not there", what, name.rule);
        claim(silence->second.active, "{} is held by silence {}, which does not hold now", what, name.rule);
        break;
      }
      case rules::HoldKind::parent:
        claim(is_open, "{} is held by R-{}, which is not open", what, name.by.value);
        claim(by->service == name.rule && by->urgency == Urgency::high && !by->limit_reached,
              "{} is held by R-{}, which is no parent",
              what,
              name.by.value);
        break;
      case rules::HoldKind::inhibition: {
        claim(is_open, "{} is inhibited by R-{}, which is not open", what, name.by.value);
        claim(!by->limit_reached && by->firing > 0, "{} is inhibited by R-{}, which must not", what, name.by.value);
        const auto& rules = state_.policy->inhibit_rules;
        claim(std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.id == name.rule; }),
              "{} is inhibited by the rule {}, which is not there",
              what,
              name.rule);
        break;
      }
      case rules::HoldKind::storm: {
        const auto storm = state_.storms.find(name.rule);
        claim(is_open && storm != state_.storms.end() && storm->second.incident == name.by,
              "{} is folded into R-{}, which is no storm",
              what,
              name.by.value);
        break;
      }
    }
  }

  void check_holds(const Incident& incident) {
    const std::string what = rules::print_incident(incident.id);
    for (const rules::HoldName& name : incident.told_holds) {
      // What stays open because it flaps is held by what held its last alert.
      if (incident.firing == 0 && name.kind != rules::HoldKind::group_wait && name.kind != rules::HoldKind::storm) {
        continue;
      }
      check_reason(name, what);
      switch (name.kind) {
        case rules::HoldKind::group_wait:
          claim(incident.wait_until.has_value(), "{} waits for others, and not until when", what);
          break;
        case rules::HoldKind::storm:
          claim(incident.storm == name.rule && state_.storms.at(name.rule).members.contains(incident.id),
                "{} is folded and no member of the storm",
                what);
          break;
        default:
          claim(incident.held_by.contains(name), "{} is held by what holds none of its alerts", what);
      }
    }
    if (!incident.storm.empty()) {
      const auto storm = state_.storms.find(incident.storm);
      claim(storm != state_.storms.end() && storm->second.members.contains(incident.id),
            "{} is of a storm that does not know it",
            what);
      claim(incident.state != IncidentState::resolved, "{} is resolved and of a storm", what);
    }
    if (armed(incident.holder_limit, DeadlineKind::holder_limit)) return;
    const auto behind = state_.links.behind.find(incident.id);
    if (!state_.links.ready || behind == state_.links.behind.end() || incident.limit_reached) return;
    const bool is_in_maintenance =
        std::any_of(incident.told_holds.begin(), incident.told_holds.end(), [](const rules::HoldName& name) {
          return name.kind == rules::HoldKind::maintenance;
        });
    claim(rules::is_somebody_called(state_, incident) || is_in_maintenance,
          "{} keeps others back, nobody is called for it, and nothing ends that",
          what);
  }

  // Whatever is held is so by something that ends by itself, or by what is not held: nothing waits for itself.
  void check_ring(const Incident& incident) {
    if (incident.firing == 0) return;
    std::set<IncidentId> seen;
    std::vector<const Incident*> next{&incident};
    while (!next.empty()) {
      const Incident* const here = next.back();
      next.pop_back();
      if (!seen.insert(here->id).second) continue;
      if (!rules::is_held(*here)) return;
      for (const rules::HoldName& name : here->told_holds) {
        const Incident* const by = rules::find_incident(state_, name.by);
        if (by == nullptr) return;  // time or a person ends it
        next.push_back(by);
      }
    }
    std::string ring;
    for (const IncidentId id : seen) {
      const Incident& one = *rules::find_incident(state_, id);
      ring += fmt::format("\n  {}, urgency {}, state {}, flaps {}, storm '{}', firing {}, unheld {}, held by {}",
                          rules::print_incident(id),
                          int(one.urgency),
                          int(one.state),
                          rules::is_flapping(state_, one),
                          one.storm,
                          one.firing,
                          one.unheld,
                          rules::print_holds(state_, one));
    }
    claim(false, "R-{} is held by what it holds itself:{}", incident.id.value, ring);
  }

  void check_incident(IncidentId id, const Incident& incident) {
    const std::uint64_t number = id.value;
    claim(incident.id == id && number <= state_.last_incident, "R-{} has another number", number);
    claim(incident.firing == firing_[id],
          "R-{}: {} episodes fire, and {} are counted",
          number,
          firing_[id],
          incident.firing);
    claim(incident.timeline.size() <= rules::max_reasons_kept, "R-{}: {} reasons", number, incident.timeline.size());
    const auto open_pages = std::count_if(
        state_.pages.begin(), state_.pages.end(), [&](const auto& page) { return page.second.incident == id; });
    claim(incident.pages.size() <= rules::max_pages_kept + static_cast<std::size_t>(open_pages),
          "R-{}: {} page records",
          number,
          incident.pages.size());
    const bool is_waiting = armed(incident.group_wait, DeadlineKind::group_wait);
    claim(is_waiting == incident.wait_until.has_value(), "R-{}: group_wait is armed: {}", number, is_waiting);
    const bool is_held = rules::is_held(incident);
    claim(!is_waiting || is_held || incident.waived, "R-{} waits for others and is not held", number);
    check_counts(incident);
    check_holds(incident);
    if (is_held) check_ring(incident);
    const bool waits = check_wait(incident);
    const bool runs_out = armed(incident.acknowledgement,
                                incident.snoozed ? DeadlineKind::snooze_end : DeadlineKind::acknowledge_timeout);
    for (const Call& call : incident.climb.calls) check_call(incident, call);
    std::set<std::string> called;
    for (const Call& call : incident.climb.calls)
      claim(called.insert(call.person).second, "R-{} calls {} twice", number, call.person);

    if (incident.state != IncidentState::resolved) {
      claim(incident.firing > 0 || rules::is_flapping(state_, incident), "R-{} is open and nothing fires", number);
    }
    switch (incident.state) {
      case IncidentState::resolved:
        claim(!is_held && !waits && !runs_out && !incident.climb.running, "R-{} is resolved and goes on", number);
        claim(incident.climb.calls.empty() && open_pages == 0, "R-{} is resolved and pages", number);
        claim(!incident.unheard && !incident.snoozed, "R-{} is resolved, and unheard or snoozed", number);
        break;
      case IncidentState::acknowledged:
        claim(!waits && !incident.climb.running && !incident.unheard, "R-{} is acknowledged and climbs", number);
        claim(!incident.by.empty(), "R-{} is acknowledged by nobody", number);
        claim(!incident.snoozed || runs_out || incident.late_acknowledgement, "the snooze of R-{} never ends", number);
        if (incident.urgency == Urgency::high && !story_.has_no_timeouts) {
          claim(runs_out || incident.late_acknowledgement, "the acknowledgement of R-{} never runs out", number);
        }
        break;
      case IncidentState::triggered:
        claim(!runs_out && incident.by.empty(), "R-{} is triggered, and somebody has it", number);
        if (incident.urgency == Urgency::high) {
          claim(is_held != incident.climb.running,
                "R-{} is forgotten: held {}, climbing {}",
                number,
                is_held,
                incident.climb.running);
          claim(is_held || waits, "R-{} is forgotten: its climb waits for nothing", number);
        } else {
          claim(!waits, "R-{} is not of high urgency and climbs", number);
        }
        if (incident.urgency == Urgency::none) {
          claim(!is_held && !incident.climb.running, "R-{} pages nobody and climbs", number);
        }
        break;
    }
  }

  // What its alerts are held by is what is counted of it.
  void check_counts(const Incident& incident) {
    std::uint32_t unheld = 0;
    std::map<rules::HoldName, std::uint32_t> held_by;
    for (const rules::EpisodeId id : incident.episodes) {
      const auto episode = state_.episodes.find(id);
      if (episode == state_.episodes.end() || !episode->second.open) continue;
      bool is_covered = false;
      for (const rules::AlertHold& hold : episode->second.holds) {
        if (hold.covers < incident.urgency) continue;
        is_covered = true;
        ++held_by[hold.name];
      }
      if (!is_covered) ++unheld;
    }
    claim(unheld == incident.unheld,
          "R-{}: {} alerts are held by nothing, {} are counted",
          incident.id.value,
          unheld,
          incident.unheld);
    claim(held_by == incident.held_by, "R-{}: what holds its alerts is counted wrongly", incident.id.value);
  }

  void check_silences() {
    // Whether a contact in doubt is looked at again is a matter of its turns; one look at most is waited for.
    static_cast<void>(armed(state_.turn_look, DeadlineKind::shift_boundary));
    const bool is_armed = armed(state_.calendar, DeadlineKind::calendar);
    if (is_armed && state_.deadlines.find(state_.calendar)->due <= state_.last.at) return;  // it is late
    const Instant wall = state_.last.wall;
    for (const auto& [id, silence] : state_.silences) {
      claim(silence.id == id, "silence {} has another id", id);
      claim(is_armed, "silence {} never begins, ends or is forgotten", id);
      claim(silence.active == (silence.from <= wall && wall < silence.to), "silence {} is on: {}", id, silence.active);
    }
  }

  void check_storm(const std::string& tree, const rules::Storm& storm) {
    const bool is_armed = armed(storm.check, DeadlineKind::storm_check);
    claim(is_armed == storm.folding, "the storm of {} folds: {}, and is looked at: {}", tree, storm.folding, is_armed);
    const Incident* const own = rules::find_incident(state_, storm.incident);
    const bool is_open = own != nullptr && own->state != IncidentState::resolved;
    claim(is_open || storm.incident == IncidentId{}, "the storm of {} is over and not forgotten", tree);
    claim(is_open == !storm.members.empty(), "the storm of {} is open: {}, of {}", tree, is_open, storm.members.size());
    claim(is_open || !storm.folding, "the storm of {} folds into nothing", tree);
    for (const IncidentId id : storm.members) {
      const Incident* const member = rules::find_incident(state_, id);
      claim(member != nullptr && member->storm == tree, "R-{} is no member of the storm of {}", id.value, tree);
    }
  }

  void check_heartbeats() {
    for (const auto& [id, heartbeat] : state_.heartbeats) {
      const bool is_awaited = armed(heartbeat.deadline, DeadlineKind::heartbeat);
      const auto missed = state_.episodes.find(heartbeat.missed);
      const bool is_missed = missed != state_.episodes.end() && missed->second.open;
      claim(is_awaited != is_missed, "heartbeat {} is awaited: {}, missed: {}", id, is_awaited, is_missed);
      claim(state_.policy->heartbeat(id) != nullptr, "heartbeat {} is not configured", id);
    }
    for (const rules::Heartbeat& heartbeat : state_.policy->heartbeats) {
      claim(state_.heartbeats.contains(heartbeat.id), "nobody waits for heartbeat {}", heartbeat.id);
    }
  }

  void check_sources() {
    std::map<std::string, std::uint64_t> open;
    for (const auto& [id, incident] : state_.incidents) {
      if (incident.state != IncidentState::resolved && !incident.sources.empty()) ++open[incident.sources.front()];
    }
    for (const auto& [name, source] : state_.sources) {
      claim(source.open_incidents == open[name],
            "{} has {} open incidents, and {} are counted",
            name,
            open[name],
            source.open_incidents);
    }
  }

  // What is looked up is what a restart would look up.
  void check_links() {
    auto decoded = codec::decode_state(codec::encode_state(state_));
    claim(decoded.has_value(), "a state cannot be read back");
    State copy = *std::move(decoded);
    rules::Moment moment{.state = copy, .policy = *copy.policy, .now = copy.last};
    rules::make_links(moment);
    const rules::Links& now = state_.links;
    const rules::Links& anew = copy.links;
    claim(now.parents == anew.parents && now.children == anew.children, "links: the services");
    claim(now.silenced == anew.silenced, "links: what is silenced");
    claim(now.dependents == anew.dependents, "links: the dependents");
    claim(now.parents_open == anew.parents_open, "links: the open parents");
    claim(now.sides == anew.sides, "links: the sides of alerts");
    claim(now.flapping == anew.flapping, "links: what flaps");
    claim(now.behind == anew.behind, "links: what is behind incidents");
    claim(std::equal(now.inhibitions.begin(),
                     now.inhibitions.end(),
                     anew.inhibitions.begin(),
                     anew.inhibitions.end(),
                     [](const auto& left, const auto& right) {
                       return left.first == right.first && left.second.sources == right.second.sources &&
                              left.second.targets == right.second.targets;
                     }),
          "links: the sides of rules");
    for (const auto& [id, episode] : state_.episodes) {
      if (!episode.open) continue;
      const std::vector<rules::Labels> variants = rules::firing_labels(state_, episode);
      std::set<std::string> expected;
      for (const auto& [name, silence] : state_.silences) {
        const bool is_held =
            std::all_of(variants.begin(), variants.end(), [&matchers = silence.matchers](const auto& labels) {
              return rules::all_match(matchers, labels);
            });
        if (silence.active && is_held) expected.insert(name);
      }
      std::set<std::string> found;
      for (const rules::AlertHold& hold : episode.holds) {
        const bool is_silence =
            hold.name.kind == rules::HoldKind::silence || hold.name.kind == rules::HoldKind::maintenance;
        if (is_silence) found.insert(hold.name.rule);
      }
      claim(found == expected,
            "episode {} matches {} silences and is held by {}",
            id.value,
            expected.size(),
            found.size());
    }
  }

  [[nodiscard]] bool check_wait(const Incident& incident) {
    const rules::Climb& climb = incident.climb;
    switch (climb.phase) {
      case ClimbPhase::idle:
        return state_.deadlines.find(climb.wait).has_value();
      case ClimbPhase::climbing:
        return armed(climb.wait, DeadlineKind::step_wait);
      case ClimbPhase::last_resort:
        return armed(climb.wait, DeadlineKind::last_resort);
      case ClimbPhase::begins_again:
        return armed(climb.wait, DeadlineKind::restart_climb);
    }
    return false;
  }

  void check_call(const Incident& incident, const Call& call) {
    const std::uint64_t number = incident.id.value;
    const auto pages = std::count_if(state_.pages.begin(), state_.pages.end(), [&](const auto& page) {
      return page.second.incident == incident.id && page.second.call == call.number;
    });
    claim(static_cast<std::uint32_t>(pages) == call.open_pages,
          "R-{}: {} has {} pages open, and {} are counted",
          number,
          call.person,
          pages,
          call.open_pages);
    const bool waits = armed(call.rule_deadline, DeadlineKind::personal_rule);
    const bool has_rules = call.next_rule < call.rules.size();
    claim(waits == has_rules, "R-{}: {} has rules left: {}, waits for them: {}", number, call.person, has_rules, waits);
    claim(call.ended == (!has_rules && pages == 0),
          "R-{}: the call of {} is ended: {}, with {} pages open",
          number,
          call.person,
          call.ended,
          pages);
  }

  void check_queue(const rules::ContactAddress& address, const rules::ContactQueue& queue) {
    const bool waits = armed(queue.flush, DeadlineKind::desk_flush);
    const bool has_something = !queue.pages.empty() || !queue.notices.empty();
    claim(waits == has_something,
          "{} by {} waits: {}, has something: {}",
          address.first,
          address.second,
          waits,
          has_something);
    for (const PageId id : queue.pages) {
      const auto page = state_.pages.find(id);
      claim(page != state_.pages.end(), "a page waits that is not there");
      claim(page->second.message == rules::MessageId{}, "a page waits and is under way");
      claim(page->second.person == address.first && page->second.contact == address.second, "a page waits elsewhere");
      claim(queued_.insert(id).second, "a page waits twice");
      const Instant since = story_.was_late || was_put_back(page->second) ? state_.last.at : page->second.queued_at;
      claim(queue.flush_at <= since + rules::over_budget_pace,
            "a page for {} by {} waits longer than a minute",
            address.first,
            address.second);
    }
    claim(std::is_sorted(queue.sent.begin(), queue.sent.end()), "the budget's instants are out of order");
  }

  [[nodiscard]] bool was_put_back(const Page& page) const {
    const Incident* const incident = rules::find_incident(state_, page.incident);
    return incident != nullptr &&
           std::any_of(incident->pages.begin(), incident->pages.end(), [&](const rules::PageRecord& record) {
             return record.id == page.id && record.left_at != Instant{};
           });
  }

  void check_page(PageId id, const Page& page) {
    claim(page.id == id && id.value <= state_.last_page, "page {} has another number", id.value);
    const Incident* const incident = rules::find_incident(state_, page.incident);
    claim(incident != nullptr && incident->state != IncidentState::resolved, "page {} is for what is over", id.value);
    claim(incident->state == IncidentState::triggered || page.reason == rules::PageReason::called,
          "page {} is for what somebody has",
          id.value);
    const auto record = std::find_if(
        incident->pages.begin(), incident->pages.end(), [id](const rules::PageRecord& one) { return one.id == id; });
    claim(record != incident->pages.end(), "page {} has no record", id.value);
    const bool is_called = std::any_of(incident->climb.calls.begin(),
                                       incident->climb.calls.end(),
                                       [&](const Call& call) { return call.number == page.call; });
    claim(is_called, "page {} belongs to no call", id.value);
    if (page.message == rules::MessageId{}) {
      claim(queued_.contains(id), "page {} waits in no queue", id.value);
      claim(record->state == PageState::queued, "page {} waits, and its record says something else", id.value);
    } else {
      const auto message = state_.messages.find(page.message);
      claim(message != state_.messages.end(), "page {} is under way in no message", id.value);
      const auto& pages = message->second.pages;
      claim(std::count(pages.begin(), pages.end(), id) == 1, "page {} does not stand once in its message", id.value);
      claim(
          record->state == PageState::under_way, "page {} is under way, and its record says something else", id.value);
    }
  }

  void check_message(rules::MessageId id, const rules::Message& message) {
    claim(message.id == id && id.value <= state_.last_message, "message {} has another number", id.value);
    claim(message.page_facts.empty() != message.notice_facts.empty(),
          "message {} has pages and notices, or neither",
          id.value);
    for (const PageId page : message.pages) {
      claim(state_.pages.contains(page), "message {} carries a page that is not there", id.value);
    }
    if (message.pages.size() < message.page_facts.size()) {
      claim(message.withdrawn || message.unanswered || message.provider > 0,
            "message {} has lost a page and is not withdrawn",
            id.value);
    }
  }

  // Nothing is armed that nothing waits for, or it would keep the engine awake for ever.
  void check_deadlines() {
    std::map<DeadlineKind, std::size_t> found;
    std::set<std::pair<std::uint64_t, std::uint32_t>> expiries;  // of which alert of which episode
    for (const Deadline& deadline : state_.deadlines.in_order()) {
      ++found[deadline.kind];
      if (deadline.kind == DeadlineKind::report_expiry) expiries.emplace(deadline.target, deadline.detail);
      if (deadline.kind == DeadlineKind::alert_hold) waits_until_.erase({deadline.target, deadline.due});
    }
    for (const auto& [kind, count] : found) {
      // These are not disarmed: what they would end may have ended before, or be put off.
      if (kind == DeadlineKind::report_expiry || kind == DeadlineKind::set_aside) continue;
      if (kind == DeadlineKind::alert_hold || kind == DeadlineKind::own_calm) continue;
      claim(count == expected_[kind],
            "{} deadlines of kind {}, and {} are waited for",
            count,
            int(kind),
            expected_[kind]);
    }
    for (const auto& [episode, until] : waits_until_) claim(false, "what holds episode {} never ends", episode);
    std::size_t ends = 0;
    for (const auto& [key, end] : state_.known_ends) {
      if (state_.deadlines.find(end.deadline)) ++ends;
    }
    claim(ends == state_.known_ends.size() && ends == found[DeadlineKind::set_aside],
          "{} known ends, {} deadlines for them",
          state_.known_ends.size(),
          found[DeadlineKind::set_aside]);
    for (const auto& [id, episode] : state_.episodes) {
      for (std::size_t index = 0; index < episode.variants.size(); ++index) {
        const rules::Variant& variant = episode.variants[index];
        if (!variant.firing || !variant.expires_at || variant.unconfirmed) continue;
        claim(expiries.contains({id.value, static_cast<std::uint32_t>(index)}),
              "an alert of episode {} never runs out",
              id.value);
      }
    }
  }

  const State& state_;
  const Story& story_;
  std::map<IncidentId, std::uint32_t> firing_;
  std::set<PageId> queued_;
  std::set<std::pair<std::uint64_t, Instant>> waits_until_;  // holds of episodes that end by the clock
  std::map<DeadlineKind, std::size_t> expected_;
};

}  // namespace

void check_state(const State& state, const Story& story) {
  Check{state, story}.run();
}

}  // namespace fuzz
