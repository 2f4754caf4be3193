#include "rules/policy.hpp"

#include <algorithm>

#include <xxhash.h>

namespace rules {

namespace {

// The lists of a policy are sorted by their key.
template <class Item>
const Item* find_by(const std::vector<Item>& items, std::string Item::* key, std::string_view wanted) {
  const auto found = std::lower_bound(
      items.begin(), items.end(), wanted, [key](const Item& item, std::string_view name) { return item.*key < name; });
  return found != items.end() && (*found).*key == wanted ? &*found : nullptr;
}

}  // namespace

std::uint8_t SeverityScale::rank(std::string_view value) const {
  const auto found = std::find(order.begin(), order.end(), value);
  if (found != order.end()) return static_cast<std::uint8_t>(found - order.begin());
  return static_cast<std::uint8_t>(order.empty() ? 0 : order.size() - 1);
}

bool SeverityScale::knows(std::string_view value) const {
  return std::find(order.begin(), order.end(), value) != order.end();
}

const Contact* Person::contact(std::string_view contact_name) const {
  const auto found = std::find_if(
      contacts.begin(), contacts.end(), [contact_name](const Contact& each) { return each.name == contact_name; });
  return found != contacts.end() ? &*found : nullptr;
}

const Person* Policy::person(std::string_view id) const {
  return find_by(people, &Person::id, id);
}
const Rotation* Policy::rotation(std::string_view id) const {
  return find_by(rotations, &Rotation::id, id);
}
const Specialists* Policy::specialist_group(std::string_view id) const {
  return find_by(specialists, &Specialists::id, id);
}
const CallTree* Policy::call_tree(std::string_view id) const {
  return find_by(call_trees, &CallTree::id, id);
}
const Service* Policy::service(std::string_view id) const {
  return find_by(services, &Service::id, id);
}
const Channel* Policy::channel(std::string_view name) const {
  return find_by(channels, &Channel::name, name);
}
const TimeInterval* Policy::time_interval(std::string_view id) const {
  return find_by(time_intervals, &TimeInterval::id, id);
}
const Heartbeat* Policy::heartbeat(std::string_view id) const {
  return find_by(heartbeats, &Heartbeat::id, id);
}
const SourceSettings* Policy::source(std::string_view id) const {
  return find_by(sources, &SourceSettings::id, id);
}

const Zone& Policy::zone(std::string_view name) const {
  const Zone* const found = find_by(zones, &Zone::name, name);
  return found != nullptr ? *found : utc();
}

std::optional<Target> Policy::target(std::string_view id) const {
  if (person(id) != nullptr) return Target{TargetKind::person, std::string(id)};
  if (rotation(id) != nullptr) return Target{TargetKind::rotation, std::string(id)};
  if (specialist_group(id) != nullptr) return Target{TargetKind::specialists, std::string(id)};
  return std::nullopt;
}

std::uint64_t identity_of(const Identity& identity) {
  // Each name with its length, so that no two lists share their bytes; byte by byte, so that every machine agrees.
  std::string bytes;
  for (const std::string& label : identity.ignore_labels) {
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((label.size() >> shift) & 0xFFU);
    bytes += label;
  }
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  return hash != 0 ? hash : 1;
}

}  // namespace rules
