#include "tests/simulation/shrink.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

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
    take_families_away();
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

  template <class IsTaken>
  bool try_without(IsTaken is_taken) {
    Plan candidate = best_;
    std::vector<std::size_t> kept;
    candidate.actions.clear();
    for (std::size_t index = 0; index < best_.actions.size(); ++index) {
      if (is_taken(index)) continue;
      candidate.actions.push_back(best_.actions[index]);
      kept.push_back(kept_[index]);
    }
    if (!try_it(candidate)) return false;
    kept_ = std::move(kept);
    return true;
  }

  // Delta debugging: halves, quarters, and so on down to single ones, from the last to the first, until none can go.
  // `count` says how many there are now, `try_to_go` takes [first, last) away. True when that was reached.
  template <class Count, class TryToGo>
  bool take_away(Count count, TryToGo try_to_go) {
    for (std::size_t size = std::max<std::size_t>(count() / 2, 1);;) {
      bool any = false;
      for (std::size_t last = count(); last > 0;) {
        const std::size_t first = last > size ? last - size : 0;
        any = try_to_go(first, last) || any;
        last = first;
        if (!shrinking_.has_time()) return false;
      }
      if (size == 1 && !any) return true;
      if (!any || size > count()) size = std::max<std::size_t>(std::min(size, count()) / 2, 1);
    }
  }

  void take_away_what_comes_after() {
    (void)try_without([this](std::size_t index) { return best_.actions[index].at > shrinking_.violated_at; });
  }

  // All alerts of a sender, or all faults of a kind: most of a plan goes in a few looks.
  void take_families_away() {
    const auto family_of = [](const Action& action) {
      return is_of_a_group(action.kind) ? std::pair{true, action.subject}
                                        : std::pair{false, static_cast<std::uint64_t>(action.kind)};
    };
    std::vector<std::pair<bool, std::uint64_t>> families;
    const auto count = [&] {
      families.clear();
      for (const Action& action : best_.actions) families.push_back(family_of(action));
      std::sort(families.begin(), families.end());
      families.erase(std::unique(families.begin(), families.end()), families.end());
      return families.size();
    };
    (void)take_away(count, [&](std::size_t first, std::size_t last) {
      const auto begin = families.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = families.begin() + static_cast<std::ptrdiff_t>(last);
      const bool is_gone =
          try_without([&](std::size_t index) { return std::find(begin, end, family_of(best_.actions[index])) != end; });
      (void)count();
      return is_gone;
    });
  }

  bool take_actions_away() {
    return take_away([this] { return best_.actions.size(); },
                     [this](std::size_t first, std::size_t last) {
                       return try_without([=](std::size_t index) { return index >= first && index < last; });
                     });
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
