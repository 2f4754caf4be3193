// A set of alerts that may be very large: one look in memory for each change, whatever its size. It has no order of its
// own; whoever acts on its alerts one by one takes them in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "rules/ids.hpp"

namespace rules {

class AlertSet {
 public:
  void insert(EpisodeId id) { ids_.insert(id.value); }
  void erase(EpisodeId id) { ids_.erase(id.value); }
  [[nodiscard]] bool empty() const { return ids_.empty(); }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }

  // A copy: what is done with one may change the set.
  [[nodiscard]] std::vector<EpisodeId> in_order() const {
    std::vector<EpisodeId> all;
    all.reserve(ids_.size());
    for (const std::uint64_t id : ids_) all.push_back(EpisodeId{id});
    std::sort(all.begin(), all.end());
    return all;
  }

  // Whether the predicate is true of one of them; which one is asked first is not said.
  template <class Predicate>
  [[nodiscard]] bool has(Predicate predicate) const {
    return std::any_of(ids_.begin(), ids_.end(), [&](std::uint64_t id) { return predicate(EpisodeId{id}); });
  }

  template <class Predicate>
  [[nodiscard]] std::size_t count(Predicate predicate) const {
    const auto found =
        std::count_if(ids_.begin(), ids_.end(), [&](std::uint64_t id) { return predicate(EpisodeId{id}); });
    return static_cast<std::size_t>(found);
  }

  bool operator==(const AlertSet&) const = default;

 private:
  boost::unordered_flat_set<std::uint64_t> ids_;
};

}  // namespace rules
