#include "rules/own_alert.hpp"

#include <fmt/format.h>

#include "rules/episode.hpp"
#include "rules/flapping.hpp"
#include "rules/grouping.hpp"

namespace rules {
namespace {

constexpr std::string_view own_source = "rouse";

// No sender can report these labels under this key.
std::string own_name(const Labels& labels) {
  std::string name{"rouse"};
  for (std::size_t index = 0; index < labels.size(); ++index) {
    name += '\xFF';
    name += labels[index].name;
    name += '\xFE';
    name += labels[index].value;
  }
  return name;
}

// Raises one that ends when nothing renews it; the alert itself counts how often.
void raise_renewed(Moment& moment, const Labels& labels, const std::string& summary) {
  State& state = moment.state;
  const EpisodeId id = raise_own_alert(moment, labels, Labels{{{"summary", summary}}}, "");
  const auto episode = state.episodes.find(id);
  if (episode == state.episodes.end()) return;
  ++episode->second.reports;
  Variant& variant = episode->second.variants.front();
  const bool is_new = !variant.expiry_due.has_value();
  variant.refreshed_at = moment.at();
  if (!is_new) {
    const Route route = own_route(moment.policy, labels, "");
    if (episode->second.watched) on_watched_refresh(moment, episode->second, &route);
    return;
  }
  variant.expiry_due = moment.at() + own_alert_calms_after;
  state.deadlines.arm(*variant.expiry_due, DeadlineKind::own_calm, id.value, 0);
}

}  // namespace

Labels own_labels(const Policy& policy,
                  std::string_view alertname,
                  const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::pair<std::string, std::string>> pairs = more;
  pairs.emplace_back("alertname", alertname);
  if (!policy.severity.order.empty()) pairs.emplace_back(policy.severity.label, policy.severity.order.back());
  return Labels{std::move(pairs)};
}

std::string own_route_path(std::string_view alertname) {
  return fmt::format("rouse/{}", alertname);
}

Route own_route(const Policy& policy, const Labels& labels, const std::string& call_tree) {
  Route route;
  route.path = own_route_path(labels.find("alertname"));
  route.call_tree = policy.call_tree(call_tree) != nullptr ? call_tree : policy.route.call_tree;
  route.urgency = Urgency::high;
  route.group_by_all = true;
  route.group_by.clear();
  return route;
}

EpisodeId raise_own_alert(Moment& moment,
                          const Labels& labels,
                          const Labels& annotations,
                          const std::string& call_tree) {
  State& state = moment.state;
  Report report;
  report.labels = labels;
  report.annotations = annotations;
  report.native_key = own_name(labels);
  report.starts_at = moment.now.wall;
  const AlertKey key = native_key_of(report.native_key, state.seed);
  const auto open = state.open_episodes.find(key);
  if (open != state.open_episodes.end()) return open->second->id;
  const EpisodeId before = flapping_episode(state, key);
  Episode& episode = open_episode(moment, report, key, std::string{own_source}, ReportForm::own);
  episode.own = true;
  const EpisodeId id = episode.id;
  place_on_route(moment, episode, labels, own_route(moment.policy, labels, call_tree));
  leave_incidents(moment, before);
  return id;
}

void end_own_alert(Moment& moment, EpisodeId id, const std::string& why) {
  const auto episode = moment.state.episodes.find(id);
  if (episode != moment.state.episodes.end() && episode->second.open) end_episode(moment, episode->second, why);
}

void on_batch_refused(Moment& moment, const BatchRefused& refused) {
  ++moment.state.counters.refused_batches;
  raise_renewed(moment,
                own_labels(moment.policy, "ReportsRefused", {{"source", refused.source}}),
                fmt::format("a batch of {} was answered with {}, and it may never send it again: {}",
                            refused.source,
                            refused.status,
                            beginning_of(refused.why, 200)));
}

void on_overflow(Moment& moment, const std::string& source, std::string_view of_what, std::uint64_t limit) {
  ++moment.state.counters.overflowed;
  raise_renewed(moment,
                own_labels(moment.policy, "SourceOverflow", {{"source", source}}),
                fmt::format("alerts of {} are not taken: there are {} {} already", source, limit, of_what));
}

void on_own_calm(Moment& moment, EpisodeId id) {
  State& state = moment.state;
  const auto episode = state.episodes.find(id);
  if (episode == state.episodes.end() || !episode->second.open) return;
  Variant& variant = episode->second.variants.front();
  const Instant due = variant.refreshed_at + own_alert_calms_after;
  if (due > moment.at()) {
    variant.expiry_due = due;
    state.deadlines.arm(due, DeadlineKind::own_calm, id.value, 0);
    return;
  }
  end_episode(moment, episode->second, "it has not happened again for 10m");
}

}  // namespace rules
