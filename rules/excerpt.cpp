#include "rules/excerpt.hpp"

#include <algorithm>
#include <utility>

#include "rules/grouping.hpp"
#include "rules/hold/dependency.hpp"
#include "rules/hold/inhibition.hpp"
#include "rules/moment.hpp"
#include "rules/route.hpp"

namespace rules {
namespace {

constexpr std::size_t most_own_alerts = 500;  // of one incident that the alert is in, or would be
constexpr std::size_t most_alerts = 100;      // of any other
constexpr std::size_t most_parents = 50;
constexpr std::size_t most_inhibitors = 20;
constexpr std::size_t most_incidents = 500;
constexpr std::size_t most_matched = 20;  // alerts for which silences are looked for that are still to come

class Copier {
 public:
  Copier(const State& from, State& to) : from_{from}, to_{to} {}

  void copy_frame() {
    to_.store = from_.store;
    to_.seed = from_.seed;
    to_.run = from_.run;
    to_.policy = from_.policy;
    to_.identity = from_.identity;
    to_.last = from_.last;
    to_.started_at = from_.started_at;
    to_.fired_at = from_.fired_at;
    to_.last_silence = from_.last_silence;
    to_.last_incident = from_.last_incident;
    to_.last_episode = from_.last_episode;
    to_.last_page = from_.last_page;
    to_.last_message = from_.last_message;
    to_.deadlines.set_next_armed(from_.deadlines.next_armed());
    to_.calendar = carry(from_.calendar);
  }

  void copy_heartbeats() {
    for (const auto& [name, heartbeat] : from_.heartbeats) {
      HeartbeatState& copy = to_.heartbeats[name];
      copy = heartbeat;
      copy.deadline = DeadlineId{};
      if (heartbeat.missed != EpisodeId{}) copy_episode_with_incidents(heartbeat.missed);
    }
  }

  // Which incidents the alert is in, or would be. First, so that none of them is taken for another's.
  void find_own(const Labels& labels) {
    const Policy& policy = *from_.policy;
    const auto open = from_.open_episodes.find(key_of(labels, policy.identity.ignore_labels, from_.seed));
    if (open != from_.open_episodes.end()) own_.insert(open->second->incidents.begin(), open->second->incidents.end());
    for (const Route* route : matching_routes(policy.route, labels)) {
      const auto keyed = from_.incident_by_key.find(group_key(*route, labels, policy, from_.seed));
      if (keyed != from_.incident_by_key.end()) own_.insert(keyed->second);
    }
  }

  void copy_around(const Labels& labels) {
    const Policy& policy = *from_.policy;
    labels_.push_back(labels);
    from_.links.silences.for_each_match(labels, [this](const std::string* id) { copy_silence(*id); });
    const AlertKey key = key_of(labels, policy.identity.ignore_labels, from_.seed);
    for (const IncidentId id : own_) copy_own(id);
    if (const auto open = from_.open_episodes.find(key); open != from_.open_episodes.end()) {
      copy_episode(open->second->id);
    }
    copy_flaps(key);
    copy_known_end(key_of(labels, {}, from_.seed));
    for (const Route* route : matching_routes(policy.route, labels)) {
      copy_storm(route->call_tree);
    }
    const Above services = above(from_, labels.find(policy.service_label), most_parents);
    for (const IncidentId id : services.parents) copy_other(id);
    for (const std::string& service : services.services) {
      const auto recovering = from_.recovering.find(service);
      if (recovering != from_.recovering.end()) to_.recovering.insert(*recovering);
    }
    for (const EpisodeId id : inhibitors_of(from_, labels, most_inhibitors)) copy_episode_with_incidents(id);
  }

  // After everything else: those still to come that match an alert which is in the copy. Those that hold one already
  // came with it.
  void copy_silences_to_come() {
    for (const auto& [id, silence] : from_.silences) {
      if (silence.active || silence.to <= from_.last.wall) continue;
      const bool may_match = std::any_of(labels_.begin(), labels_.end(), [&one = silence](const Labels& labels) {
        return all_match(one.matchers, labels);
      });
      if (may_match) to_.silences.emplace(id, silence);
    }
  }

 private:
  DeadlineId carry(DeadlineId id) {
    const std::optional<Deadline> deadline = from_.deadlines.find(id);
    return deadline ? to_.deadlines.restore(*deadline) : DeadlineId{};
  }

  void copy_silence(const std::string& id) {
    const auto silence = from_.silences.find(id);
    if (silence != from_.silences.end()) to_.silences.insert(*silence);
  }

  void copy_flaps(AlertKey key) {
    const auto flaps = from_.flaps.find(key);
    if (flaps == from_.flaps.end()) return;
    const auto [copy, is_new] = to_.flaps.emplace(flaps->first, flaps->second);
    if (!is_new) return;
    copy->second.deadline = carry(flaps->second.deadline);
    copy_episode(flaps->second.episode);
  }

  void copy_known_end(Key128 key) {
    const auto known = from_.known_ends.find(key);
    if (known == from_.known_ends.end()) return;
    const auto [copy, is_new] = to_.known_ends.emplace(known->first, known->second);
    if (is_new) copy->second.deadline = carry(known->second.deadline);
  }

  void copy_episode(EpisodeId id) {
    const auto found = from_.episodes.find(id);
    if (found == from_.episodes.end() || to_.episodes.contains(id)) return;
    Episode& copy = to_.episodes.emplace(id, found->second).first->second;
    for (Variant& variant : copy.variants) {
      const Labels labels = from_.dictionary.labels(variant.labels);
      variant.labels = to_.dictionary.hold(labels);
      variant.source = to_.dictionary.hold(from_.dictionary.text(variant.source));
      variant.expiry_due.reset();
      if (variant.firing && labels_.size() < most_matched) labels_.push_back(labels);
    }
    if (!copy.open) return;
    if (!copy.hidden) to_.open_episodes.emplace(copy.key, &copy);
    copy_flaps(copy.key);
    for (const AlertHold& hold : copy.holds) {
      if (hold.until) to_.deadlines.arm(*hold.until, DeadlineKind::alert_hold, id.value, 0);
      if (hold.name.kind == HoldKind::silence || hold.name.kind == HoldKind::maintenance) copy_silence(hold.name.rule);
      copy_other(hold.name.by);
    }
  }

  void copy_episode_with_incidents(EpisodeId id) {
    const auto found = from_.episodes.find(id);
    if (found == from_.episodes.end()) return;
    for (const IncidentId incident : found->second.incidents) copy_other(incident);
    copy_episode(id);
  }

  // The incident without its climb and its history, and the first of its alerts; nullptr when it is there already, or
  // nowhere.
  Incident* copy_incident(IncidentId id, std::size_t alerts) {
    const Incident* found = find_incident(from_, id);
    if (found == nullptr || to_.incidents.contains(id) || to_.incidents.size() >= most_incidents) return nullptr;
    Incident& copy = to_.incidents.emplace(id, *found).first->second;
    copy.group_wait = carry(copy.group_wait);
    copy.acknowledgement = carry(copy.acknowledgement);
    copy.holder_limit = carry(copy.holder_limit);
    copy.retention = DeadlineId{};
    copy.climb.wait = carry(copy.climb.wait);
    for (Call& call : copy.climb.calls) call.rule_deadline = carry(call.rule_deadline);
    if (copy.keyed) to_.incident_by_key.emplace(copy.key, id);
    if (!is_open(copy)) to_.resolved.push_back(id);
    // The newest: those that began it may have ended long ago.
    std::size_t taken = 0;
    for (auto episode = found->episodes.rbegin(); episode != found->episodes.rend() && taken < alerts; ++episode) {
      copy_episode(*episode);
      ++taken;
    }
    if (!copy.storm.empty()) copy_storm(copy.storm);
    for (const HoldName& name : copy.told_holds) copy_other(name.by);
    return &copy;
  }

  // An incident that may keep the alert back. Whom it calls from now on says nothing of the alert, once it has called
  // somebody.
  void copy_other(IncidentId id) {
    if (own_.contains(id)) return copy_own(id);
    Incident* copy = copy_incident(id, most_alerts);
    if (copy == nullptr) return;
    copy->pages.clear();
    copy->paged.clear();
    copy->timeline.clear();
    for (Call& call : copy->climb.calls) call.open_pages = 0;
    if (!copy->anybody_called) return;
    to_.deadlines.disarm(copy->climb.wait);
    for (const Call& call : copy->climb.calls) to_.deadlines.disarm(call.rule_deadline);
    copy->climb.wait = DeadlineId{};
    copy->climb.calls.clear();
  }

  void copy_own(IncidentId id) {
    const Incident* copy = copy_incident(id, most_own_alerts);
    if (copy == nullptr) return;
    copy_storm(copy->call_tree);
    for (const PageRecord& record : copy->pages) {
      if (record.state != PageState::queued && record.state != PageState::under_way) continue;
      const auto page = from_.pages.find(record.id);
      if (page == from_.pages.end()) continue;
      to_.pages.insert(*page);
      if (page->second.message == MessageId{}) {
        queue(page->second);
      } else {
        put_in_message(page->second);
      }
    }
  }

  void queue(const Page& page) {
    const ContactAddress address{page.person, page.contact};
    const auto found = from_.contacts.find(address);
    if (found == from_.contacts.end()) return;
    const auto [place, is_new] = to_.contacts.try_emplace(address, found->second);
    ContactQueue& copy = place->second;
    if (is_new) {
      copy.pages.clear();
      copy.notices.clear();
      copy.flush = carry(found->second.flush);
    }
    copy.pages.push_back(page.id);
  }

  void put_in_message(const Page& page) {
    const auto found = from_.messages.find(page.message);
    if (found == from_.messages.end()) return;
    const auto [place, is_new] = to_.messages.try_emplace(page.message, found->second);
    if (is_new) place->second.pages.clear();
    place->second.pages.push_back(page.id);
  }

  void copy_storm(const std::string& tree) {
    const auto found = from_.storms.find(tree);
    if (found == from_.storms.end()) return;
    const auto [copy, is_new] = to_.storms.insert(*found);
    if (!is_new) return;
    copy->second.check = carry(found->second.check);
    copy_other(found->second.incident);
  }

  const State& from_;
  State& to_;
  std::set<IncidentId> own_;
  std::vector<Labels> labels_;  // of the alerts that are in the copy, or are asked about
};

}  // namespace

State excerpt(const State& state, const std::vector<Labels>& alerts) {
  State copy;
  Copier copier{state, copy};
  if (state.policy == nullptr) return copy;
  copier.copy_frame();
  for (const Labels& labels : alerts) copier.find_own(labels);
  for (const Labels& labels : alerts) copier.copy_around(labels);
  copier.copy_heartbeats();
  copier.copy_silences_to_come();
  return copy;
}

}  // namespace rules
