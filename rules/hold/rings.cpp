#include "rules/hold/rings.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include "rules/hold/hold.hpp"
#include "rules/moment.hpp"

namespace rules {
namespace {

bool began_before(const Incident& one, const Incident& other) {
  return one.began_at != other.began_at ? one.began_at < other.began_at : one.id < other.id;
}

bool is_kept_by_itself(const Incident& incident) {
  return std::all_of(incident.held_by.begin(), incident.held_by.end(), [&incident](const auto& held) {
    return held.first.by == incident.id;
  });
}

// Every alert of it that fires is kept back. What holds an incident as a whole is of no ring.
bool is_kept(const Incident& incident) {
  return is_open(incident) && incident.firing > 0 && incident.unheld == 0 && !incident.waived &&
         incident.urgency != Urgency::none && !is_kept_by_itself(incident);
}

template <class Visit>
void for_each_holder(const Incident& incident, Visit visit) {
  for (const auto& [name, count] : holders_of(incident)) {
    if (name.by != incident.id) visit(name.by);
  }
}

// Those that can be reached from the incident by way of what keeps them back, and that lead back to it.
std::vector<const Incident*> members_of(const State& state, const Incident& start) {
  std::map<IncidentId, std::vector<const Incident*>> held_by;  // the edges, backward
  std::set<IncidentId> seen{start.id};
  std::vector<const Incident*> next{&start};
  while (!next.empty()) {
    const Incident* here = next.back();
    next.pop_back();
    for_each_holder(*here, [&](IncidentId by) {
      const Incident* holder = find_incident(state, by);
      if (holder == nullptr || !is_kept(*holder)) return;
      held_by[by].push_back(here);
      if (seen.insert(by).second) next.push_back(holder);
    });
  }
  std::vector<const Incident*> members;
  if (!held_by.contains(start.id)) return members;
  std::set<IncidentId> leading{start.id};
  next.push_back(&start);
  while (!next.empty()) {
    const Incident* here = next.back();
    next.pop_back();
    members.push_back(here);
    const auto behind = held_by.find(here->id);
    if (behind == held_by.end()) continue;
    for (const Incident* one : behind->second) {
      if (leading.insert(one->id).second) next.push_back(one);
    }
  }
  std::sort(members.begin(), members.end(), [](const Incident* left, const Incident* right) {
    return began_before(*left, *right);
  });
  return members;
}

// The members in the order in which they began; of each, as bits, who keeps it back.
struct Web {
  std::vector<const Incident*> members;
  std::array<std::uint64_t, most_taken_apart> holders{};
};

// Of each member all that it leads to.
std::array<std::uint64_t, most_taken_apart> close(const Web& web) {
  std::array<std::uint64_t, most_taken_apart> reach = web.holders;
  for (std::size_t middle = 0; middle < web.members.size(); ++middle) {
    for (std::size_t from = 0; from < web.members.size(); ++from) {
      if ((reach[from] >> middle & 1U) != 0) reach[from] |= reach[middle];
    }
  }
  return reach;
}

}  // namespace

bool is_free_without(const State& state, const Incident& incident, const std::set<IncidentId>& holders) {
  bool is_behind_others = false;
  for (const EpisodeId id : incident.episodes) {
    const auto found = state.episodes.find(id);
    if (found == state.episodes.end() || !found->second.open) continue;
    bool is_held = false;
    for (const AlertHold& hold : found->second.holds) {
      if (hold.covers < incident.urgency || holders.contains(hold.name.by)) continue;
      is_held = true;
      is_behind_others = is_behind_others || hold.name.by != incident.id;
    }
    if (!is_held) return true;
  }
  return !is_behind_others;
}

Ring ring_of(const State& state, const Incident& incident) {
  Ring ring;
  // Who keeps nobody back is of no ring: that is nearly everyone, and they may be kept back by hundreds.
  if (!state.links.behind.contains(incident.id) || !is_kept(incident)) return ring;
  Web web{.members = members_of(state, incident), .holders = {}};
  if (web.members.empty()) return ring;
  const std::size_t size = web.members.size();
  std::map<IncidentId, std::size_t> index_of;
  for (std::size_t index = 0; index < size; ++index) {
    ring.members.push_back(web.members[index]->id);
    index_of.emplace(web.members[index]->id, index);
  }
  if (size > most_taken_apart) {
    for_each_holder(incident, [&](IncidentId by) {
      const auto holder = index_of.find(by);
      if (holder != index_of.end() && began_before(incident, *web.members[holder->second])) ring.freed_of.insert(by);
    });
    return ring;
  }
  for (std::size_t index = 0; index < size; ++index) {
    for_each_holder(*web.members[index], [&](IncidentId by) {
      const auto holder = index_of.find(by);
      if (holder != index_of.end()) web.holders[index] |= std::uint64_t{1} << holder->second;
    });
  }
  std::vector<std::set<IncidentId>> freed_of(size);
  for (bool is_closed = true; is_closed;) {
    is_closed = false;
    const auto reach = close(web);
    for (std::size_t first = 0; first < size && !is_closed; ++first) {
      std::uint64_t others = 0;
      for (std::size_t other = 0; other < size; ++other) {
        const bool leads_back = (reach[first] >> other & 1U) != 0 && (reach[other] >> first & 1U) != 0;
        if (other != first && leads_back) others |= std::uint64_t{1} << other;
      }
      // Members stand in the order in which they began: this is the first of its ring when it is met first.
      if (others == 0) continue;
      is_closed = true;
      for (std::size_t other = 0; other < size; ++other) {
        if ((web.holders[first] & others) >> other & 1U) freed_of[first].insert(web.members[other]->id);
      }
      const bool is_free = is_free_without(state, *web.members[first], freed_of[first]);
      web.holders[first] = is_free ? 0 : web.holders[first] & ~others;
    }
  }
  ring.freed_of = std::move(freed_of[index_of.at(incident.id)]);
  return ring;
}

}  // namespace rules
