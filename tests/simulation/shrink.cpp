#include "tests/simulation/shrink.hpp"

#include <algorithm>
#include <numeric>

namespace simulation {
namespace {

using namespace std::chrono_literals;

bool is_of_a_group(ActionKind kind) {
  return kind == ActionKind::alert_fires || kind == ActionKind::alert_ends || kind == ActionKind::severity_rises ||
         kind == ActionKind::sender_dies;
}

class Shrinker {
 public:
  Shrinker(const Plan& plan, const Shrinking& shrinking) : shrinking_{shrinking}, best_{plan} {
    kept_.resize(plan.actions.size());
    std::iota(kept_.begin(), kept_.end(), std::size_t{1});
  }

  Shrunk run() {
    take_away_what_comes_after();
    bool is_settled = take_actions_away();
    const std::vector<std::size_t> kept = kept_;
    for (bool more = true; more && is_settled;) {
      const Plan before = best_;
      make_calmer();
      take_groups_away();
      make_lengths_simpler();
      make_times_simpler();
      kept_.resize(best_.actions.size());  // numbers of the first plan no longer matter
      is_settled = take_actions_away();
      more = best_ != before && shrinking_.has_time();
    }
    return Shrunk{.plan = best_, .kept = kept, .looks = looks_, .is_minimal = is_settled && shrinking_.has_time()};
  }

 private:
  bool try_it(const Plan& candidate) {
    if (candidate == best_ || !shrinking_.has_time()) return false;
    ++looks_;
    if (!shrinking_.still_fails(candidate)) return false;
    best_ = candidate;
    return true;
  }

  // Takes the actions [first, last) away.
  bool try_without(std::size_t first, std::size_t last) {
    Plan candidate = best_;
    const auto begin = candidate.actions.begin();
    candidate.actions.erase(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last));
    if (!try_it(candidate)) return false;
    kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(first), kept_.begin() + static_cast<std::ptrdiff_t>(last));
    return true;
  }

  void take_away_what_comes_after() {
    const auto after = std::find_if(best_.actions.begin(), best_.actions.end(), [this](const Action& action) {
      return action.at > shrinking_.violated_at;
    });
    if (after == best_.actions.end()) return;
    (void)try_without(static_cast<std::size_t>(after - best_.actions.begin()), best_.actions.size());
  }

  // Delta debugging: halves, quarters, and so on down to single actions, from the last to the first, until none can go.
  // True when that was reached.
  bool take_actions_away() {
    for (std::size_t size = std::max<std::size_t>(best_.actions.size() / 2, 1);;) {
      bool any = false;
      for (std::size_t last = best_.actions.size(); last > 0;) {
        const std::size_t first = last > size ? last - size : 0;
        any = try_without(first, last) || any;
        last = first;
        if (!shrinking_.has_time()) return false;
      }
      if (size == 1 && !any) return true;
      if (!any || size > best_.actions.size())
        size = std::max<std::size_t>(std::min(size, best_.actions.size()) / 2, 1);
    }
  }

  void make_calmer() {
    const auto try_with = [this](auto Plan::* field, auto value) {
      Plan candidate = best_;
      candidate.*field = value;
      (void)try_it(candidate);
    };
    try_with(&Plan::people_react, false);
    try_with(&Plan::tight_budget, false);
    try_with(&Plan::small_backlog, false);
    try_with(&Plan::one_thread, true);
  }

  void take_groups_away() {
    for (std::size_t group = best_.groups.size(); group-- > 0;) {
      Plan candidate = best_;
      candidate.groups.erase(candidate.groups.begin() + static_cast<std::ptrdiff_t>(group));
      std::erase_if(candidate.actions,
                    [&](const Action& action) { return is_of_a_group(action.kind) && action.subject == group; });
      for (Action& action : candidate.actions) {
        if (is_of_a_group(action.kind) && action.subject > group) --action.subject;
      }
      if (!candidate.groups.empty() && try_it(candidate)) continue;
      make_group_simpler(group);
    }
  }

  void make_group_simpler(std::size_t group) {
    std::uint64_t highest = 0;
    for (const Action& action : best_.actions) {
      const bool is_its =
          is_of_a_group(action.kind) && action.kind != ActionKind::sender_dies && action.subject == group;
      if (is_its) highest = std::max(highest, action.object);
    }
    const auto try_with = [&](auto GroupPlan::* field, auto value) {
      Plan candidate = best_;
      candidate.groups[group].*field = value;
      (void)try_it(candidate);
    };
    try_with(&GroupPlan::members, static_cast<unsigned>(highest) + 1);
    try_with(&GroupPlan::twin, false);
    try_with(&GroupPlan::warns, false);
    try_with(&GroupPlan::form, SenderForm::webhook);
    try_with(&GroupPlan::interval, Time{30s});
    try_with(&GroupPlan::repeats, Time{4h});
  }

  void make_lengths_simpler() {
    for (std::size_t index = 0; index < best_.actions.size(); ++index) {
      const auto try_with = [&](Time length) {
        if (length == best_.actions[index].length) return true;
        Plan candidate = best_;
        candidate.actions[index].length = length;
        return try_it(candidate);
      };
      const Time length = best_.actions[index].length;
      if (length == Time{}) continue;
      const std::int64_t sign = length < Time{} ? -1 : 1;
      for (const Time shorter : {Time{1s}, Time{10s}, Time{1min}}) {
        if (shorter < length * sign && try_with(shorter * sign)) break;
      }
      (void)try_with(std::chrono::round<std::chrono::seconds>(best_.actions[index].length));
    }
  }

  // Everything earlier, then each gap shorter, then whole seconds. Order stays.
  void make_times_simpler() {
    for (std::size_t index = 0; index < best_.actions.size(); ++index) {
      const Time before = index == 0 ? Time{} : best_.actions[index - 1].at;
      const Time gap = best_.actions[index].at - before;
      for (const Time shorter : {Time{1s}, Time{10s}, gap / 4, gap / 2}) {
        if (shorter < gap && try_shifted(index, gap - shorter)) break;
      }
      const Time at = best_.actions[index].at;
      const Time whole = std::chrono::floor<std::chrono::seconds>(at);
      if (whole != at && whole >= before) (void)try_shifted(index, at - whole);
    }
  }

  bool try_shifted(std::size_t from, Time by) {
    Plan candidate = best_;
    for (std::size_t index = from; index < candidate.actions.size(); ++index) candidate.actions[index].at -= by;
    return try_it(candidate);
  }

  const Shrinking& shrinking_;
  Plan best_;
  std::vector<std::size_t> kept_;
  std::uint64_t looks_{};
};

}  // namespace

Shrunk shrink(const Plan& plan, const Shrinking& shrinking) {
  return Shrinker{plan, shrinking}.run();
}

Plan keep(const Plan& plan, const std::vector<std::size_t>& kept) {
  Plan result = plan;
  result.actions.clear();
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    if (std::find(kept.begin(), kept.end(), index + 1) != kept.end()) result.actions.push_back(plan.actions[index]);
  }
  return result;
}

}  // namespace simulation
