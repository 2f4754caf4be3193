#include "daemon/rehearse/explain.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "rules/episode.hpp"
#include "rules/hold/hold.hpp"
#include "rules/hours.hpp"
#include "rules/matcher.hpp"
#include "rules/moment.hpp"
#include "rules/route.hpp"

namespace rehearse {
namespace {

using rules::IncidentId;

constexpr rules::Duration a_day{std::chrono::hours{24}};
const std::string asker = "explain";  // the source of the report

class RouteWalk {
 public:
  RouteWalk(const rules::Labels& labels, std::size_t most, rules::Explanation& told)
      : labels_{labels}, most_{most}, told_{told} {}

  // True when it, or one below it, was taken.
  bool look(const rules::Route& route, std::uint32_t depth, bool is_asked) {
    const std::size_t place = add(route, depth);
    const auto failed = std::find_if(route.matchers.begin(), route.matchers.end(), [this](const rules::Matcher& one) {
      return !one.matches(labels_);
    });
    // The root takes what nothing else does, whatever its own matchers say.
    const bool matches = failed == route.matchers.end();
    if (!is_asked || !matches) {
      if (is_asked) set(place, rules::RouteFate::no_match, failed->text());
      return false;
    }
    bool a_child_took = false;
    bool asks = true;
    for (const rules::Route& child : route.routes) {
      const bool took = look(child, depth + 1, asks);
      a_child_took = a_child_took || took;
      if (took && !child.goes_on) asks = false;
    }
    set(place, a_child_took ? rules::RouteFate::passed_through : rules::RouteFate::taken, "");
    return true;
  }

  void take_root() { set(0, rules::RouteFate::taken, ""); }

 private:
  std::size_t add(const rules::Route& route, std::uint32_t depth) {
    if (told_.routes.size() >= most_) {
      ++told_.routes_left_out;
      return most_;
    }
    rules::RouteLook look{
        .path = route.path, .depth = depth, .matchers = {}, .fate = rules::RouteFate::not_asked, .failed = {}};
    for (const rules::Matcher& matcher : route.matchers) look.matchers.push_back(matcher.text());
    told_.routes.push_back(std::move(look));
    return told_.routes.size() - 1;
  }
  void set(std::size_t place, rules::RouteFate fate, std::string failed) {
    if (place >= told_.routes.size()) return;
    told_.routes[place].fate = fate;
    told_.routes[place].failed = std::move(failed);
  }

  const rules::Labels& labels_;
  std::size_t most_;
  rules::Explanation& told_;
};

class Explaining {
 public:
  Explaining(World& world, rules::Report report, const ExplainLimits& limits)
      : world_{world}, policy_{world.state().policy}, report_{std::move(report)}, limits_{limits} {}

  rules::Explanation run(rules::Instant wall) {
    told_.at = wall;
    told_.until = wall;
    describe_alert();
    describe_routes();
    if (!run_to(wall - world_.wall_ahead() - rules::Duration{1})) {
      told_.cut = true;
      return std::move(told_);
    }
    tell(wall - world_.wall_ahead());
    describe_heartbeat();
    describe_incidents();
    watch();
    finish();
    return std::move(told_);
  }

 private:
  [[nodiscard]] const rules::State& state() const { return world_.state(); }
  [[nodiscard]] rules::Instant wall(rules::Instant at) const { return at + world_.wall_ahead(); }
  [[nodiscard]] const rules::Incident* find(IncidentId id) const { return rules::find_incident(state(), id); }

  void describe_alert() {
    const rules::Labels& labels = report_.labels;
    told_.labels = labels;
    told_.fingerprint = rules::fingerprint_of(labels);
    const std::vector<std::string>& ignored = policy_->identity.ignore_labels;
    for (std::size_t index = 0; index < labels.size(); ++index) {
      const std::string name{labels[index].name};
      const bool is_ignored = std::find(ignored.begin(), ignored.end(), name) != ignored.end();
      (is_ignored ? told_.ignored : told_.identity).push_back(name);
    }
    told_.severity = labels.find(policy_->severity.label);
    told_.severity_known = policy_->severity.knows(told_.severity);
    told_.service = labels.find(policy_->service_label);
    if (const rules::Service* service = policy_->service(told_.service)) {
      told_.service_known = true;
      if (service->owner) told_.owner = service->owner->id;
    }
  }

  void describe_routes() {
    RouteWalk walk{report_.labels, limits_.routes, told_};
    if (!walk.look(policy_->route, 0, true)) walk.take_root();
  }

  // What is due on the way happens. False: that was too much.
  bool run_to(rules::Instant at) {
    for (;;) {
      const std::optional<rules::Instant> due = world_.next_due();
      if (!due || *due > at) break;
      if (steps_++ >= limits_.steps) return false;
      world_.advance_to(*due);
    }
    if (at > world_.now()) world_.advance_to(at);
    return true;
  }

  void tell(rules::Instant at) {
    key_ = rules::key_of(report_.labels, policy_->identity.ignore_labels, state().seed);
    if (const rules::Episode* episode = find_episode())
      fired_in_ = {episode->incidents.begin(), episode->incidents.end()};
    last_incident_ = state().last_incident;
    last_page_ = rules::PageId{state().last_page};
    for (const auto& [id, incident] : state().incidents) {
      if (incident.state == rules::IncidentState::resolved) resolved_.insert(id);
    }
    rules::ReportsArrived arrived;
    arrived.source = asker;
    report_.status = rules::ReportStatus::firing;
    report_.ends_at.reset();
    arrived.reports.push_back(report_);
    world_.tell(at, arrived);
    told_at_ = world_.now();
    for (const auto& [key, known] : state().known_ends) {
      if (known.set_aside && known.set_aside->source == asker) {
        told_.set_aside = wall(known.arrived_at + rules::end_is_remembered);
      }
    }
    // Then it is believed, as everybody would do.
    if (told_.set_aside) (void)run_to(*told_.set_aside - world_.wall_ahead());
  }

  [[nodiscard]] const rules::Episode* find_episode() const {
    const auto open = state().open_episodes.find(key_);
    return open == state().open_episodes.end() ? nullptr : open->second;
  }

  void describe_heartbeat() {
    state().links.heartbeats.for_each_match(
        report_.labels, [this](std::uint32_t index) { told_.heartbeat = policy_->heartbeats[index].id; });
  }

  void describe_incidents() {
    const rules::Episode* episode = find_episode();
    if (episode == nullptr) return;
    const std::vector<const rules::Route*> routes = rules::matching_routes(policy_->route, report_.labels);
    for (const IncidentId id : episode->incidents) {
      const rules::Incident* incident = find(id);
      if (incident == nullptr) continue;
      rules::IncidentLook look;
      look.id = id;
      look.fate = fate_of(*incident);
      look.route = incident->route;
      look.call_tree = incident->call_tree;
      look.urgency = incident->urgency;
      look.otherwise = incident->urgency;
      look.state = incident->state;
      if (incident->state == rules::IncidentState::acknowledged) look.by = incident->by;
      look.holds = rules::view_holds(state(), *incident);
      const auto route = std::find_if(
          routes.begin(), routes.end(), [incident](const rules::Route* one) { return one->path == incident->route; });
      if (route != routes.end()) describe_route(**route, look);
      told_.incidents.push_back(std::move(look));
    }
  }

  [[nodiscard]] rules::IncidentFate fate_of(const rules::Incident& incident) const {
    if (incident.id.value > last_incident_) return rules::IncidentFate::opens;
    const bool was_resolved = resolved_.contains(incident.id);
    if (was_resolved && incident.state != rules::IncidentState::resolved) return rules::IncidentFate::reopens;
    return fired_in_.contains(incident.id) ? rules::IncidentFate::refreshes : rules::IncidentFate::joins;
  }

  void describe_route(const rules::Route& route, rules::IncidentLook& look) {
    look.every_label = route.group_by_all;
    if (!route.group_by_all) {
      for (const std::string& name : route.group_by) {
        const std::string_view value = report_.labels.find(name);
        if (value.empty()) {
          look.absent.push_back(name);
        } else {
          look.group.emplace_back(name, std::string{value});
        }
      }
    }
    for (const std::string& id : route.active) {
      look.intervals.push_back(rules::IntervalLook{.id = id,
                                                   .holds = rules::is_within(*policy_, id, told_.at),
                                                   .changes_at = rules::next_edge_after(*policy_, id, told_.at)});
    }
    if (!route.active.empty()) look.otherwise = route.otherwise;
  }

  // Lets time pass until everybody has been called who would be.
  void watch() {
    if (told_.incidents.empty()) return;
    const rules::Instant latest = told_at_ + explained_at_most;
    note_calls();
    for (;;) {
      if (std::all_of(told_.incidents.begin(), told_.incidents.end(), [](const rules::IncidentLook& look) {
            return look.last_resort.has_value();
          })) {
        break;
      }
      const rules::Instant limit = std::min(give_up_at(), latest);
      const std::optional<rules::Instant> due = world_.next_due();
      if (!due || *due > limit) {
        if (limit > world_.now()) world_.advance_to(limit);
        break;
      }
      if (steps_++ >= limits_.steps) {
        told_.cut = true;
        break;
      }
      world_.advance_to(*due);
      note_calls();
    }
    told_.until = wall(world_.now());
  }

  // A day after the alert, the first call, the end of what holds it and the beginning of its interval, whichever is the
  // latest.
  rules::Instant give_up_at() const {
    rules::Instant limit = told_at_ + a_day;
    for (const rules::IncidentLook& look : told_.incidents) {
      const rules::Incident* incident = find(look.id);
      if (incident == nullptr) continue;
      if (!look.calls.empty()) limit = std::max(limit, look.calls.front().at - world_.wall_ahead() + a_day);
      const std::optional<rules::Instant> until = rules::held_until(state(), *incident);
      if (until && look.calls.empty()) limit = std::max(limit, *until + a_day);
      if (incident->urgency == rules::Urgency::high) continue;
      for (const rules::IntervalLook& interval : look.intervals) {
        if (interval.changes_at) limit = std::max(limit, *interval.changes_at - world_.wall_ahead() + a_day);
      }
    }
    return limit;
  }

  void note_calls() {
    for (rules::IncidentLook& look : told_.incidents) {
      const rules::Incident* incident = find(look.id);
      if (incident == nullptr) continue;
      for (const rules::PageRecord& page : incident->pages) {
        if (page.id <= last_page_ || page.state == rules::PageState::cancelled || !noted_.insert(page.id).second)
          continue;
        if (look.calls.size() >= limits_.calls) {
          look.more_calls = true;
          continue;
        }
        look.calls.push_back(rules::CallLook{.at = wall(page.queued_at),
                                             .person = page.person,
                                             .contact = page.contact,
                                             .reason = page.reason,
                                             .step = page.step,
                                             .round = page.round,
                                             .because = because_of(page.id)});
        place_of_[page.id] = {look.id, look.calls.size() - 1};
      }
      const bool is_last = incident->climb.phase == rules::ClimbPhase::last_resort;
      if (is_last && !look.last_resort) look.last_resort = wall(world_.now());
    }
  }

  // A page that waits for its contact has its reason still; one that left says it in its message.
  [[nodiscard]] std::string because_of(rules::PageId id) const {
    const auto waiting = state().pages.find(id);
    return waiting == state().pages.end() ? std::string{} : waiting->second.because;
  }

  void finish() {
    std::map<rules::PageId, std::string> because;
    for (const LeftPage& left : world_.pages()) because.emplace(left.page.id, left.page.because);
    for (const auto& [page, place] : place_of_) {
      const auto said = because.find(page);
      if (said == because.end()) continue;
      for (rules::IncidentLook& look : told_.incidents) {
        if (look.id == place.first) look.calls[place.second].because = said->second;
      }
    }
    for (rules::IncidentLook& look : told_.incidents) {
      if (!look.holds.empty() && !look.calls.empty()) look.pages_at = look.calls.front().at;
      if (look.calls.empty()) look.quiet = why_quiet(look);
      if (look.fate == rules::IncidentFate::opens) look.id = IncidentId{};
    }
  }

  [[nodiscard]] std::string why_quiet(const rules::IncidentLook& look) const {
    const rules::Incident* incident = find(look.id);
    if (incident == nullptr) return "the incident is not known any more";
    if (told_.cut) return "that was not found out: too much happens before";
    switch (incident->state) {
      case rules::IncidentState::resolved:
        return incident->by_hand ? fmt::format("{} has resolved it, and what fires since before changes nothing",
                                               incident->by.empty() ? "a person" : incident->by)
                                 : "the incident ends by itself before";
      case rules::IncidentState::acknowledged:
        return fmt::format("{} has it", incident->by);
      case rules::IncidentState::triggered:
        break;
    }
    if (incident->urgency == rules::Urgency::none) return "its urgency is none: it is recorded, and nobody is called";
    if (rules::is_held(*incident)) {
      std::string text = "never while it is held by ";
      bool first = true;
      for (const rules::HoldView& hold : rules::view_holds(state(), *incident)) {
        text += fmt::format("{}{}", first ? "" : ", and by ", hold.text);
        first = false;
      }
      return text;
    }
    if (incident->urgency == rules::Urgency::low) return "low urgency is told once, and that has been done";
    return "everybody whom it would call is being called already";
  }

  World& world_;
  const std::shared_ptr<const rules::Policy> policy_;
  rules::Report report_;
  const ExplainLimits& limits_;
  rules::Explanation told_;
  std::size_t steps_{};
  rules::AlertKey key_;
  rules::Instant told_at_;
  std::set<IncidentId> fired_in_;  // before
  std::set<IncidentId> resolved_;  // before
  std::uint64_t last_incident_{};  // before
  rules::PageId last_page_;        // before
  std::set<rules::PageId> noted_;
  std::map<rules::PageId, std::pair<IncidentId, std::size_t>> place_of_;  // in the calls of its incident
};

}  // namespace

tl::expected<std::vector<rules::Report>, std::string> read_alerts(std::string_view text,
                                                                  intake::Parser& parser,
                                                                  intake::Context context) {
  constexpr std::string_view wanted =
      R"(it is not an alert such as {"labels": {"alertname": "ApiDown"}}, nor a list of them, nor a webhook's body)";
  context.source = asker;
  boost::system::error_code error;
  const boost::json::value document = boost::json::parse({text.data(), text.size()}, error);
  if (error) return tl::unexpected{fmt::format("it is not JSON: {}", error.message())};
  const boost::json::object* const object = document.if_object();
  const bool is_webhook = object != nullptr && object->contains("alerts");
  std::string list{text};
  if (!is_webhook && object != nullptr) {
    if (!object->contains("labels")) return tl::unexpected{std::string{wanted}};
    list = "[" + list + "]";
  } else if (object == nullptr && !document.is_array()) {
    return tl::unexpected{std::string{wanted}};
  }
  const std::string_view body{list};
  tl::expected<intake::Parsed, intake::Refused> parsed =
      is_webhook ? parser.alertmanager(body, context) : parser.api_v2(body, context);
  if (!parsed) return tl::unexpected{parsed.error().why};
  if (parsed->rejected_count > 0) {
    return tl::unexpected{
        fmt::format("alert {}: {}", parsed->rejected.front().index + 1, parsed->rejected.front().why)};
  }
  if (parsed->event.reports.empty()) return tl::unexpected{std::string{"there is no alert in it"}};
  return std::move(parsed->event.reports);
}

rules::Explanation explain(World& world, rules::Report report, rules::Instant wall, const ExplainLimits& limits) {
  return Explaining{world, std::move(report), limits}.run(wall);
}

}  // namespace rehearse
