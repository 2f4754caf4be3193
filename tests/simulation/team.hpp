// The team that every run rehearses: three services with call trees of their own, from a configuration file as users
// write it. A variant differs a little, as from one reload to the next.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/policy.hpp"

namespace simulation {

struct TeamVariant {
  bool tight_budget{};
  bool reloaded{};  // other waits, and the service `shop` climbs another tree
};

[[nodiscard]] std::shared_ptr<const rules::Policy> make_policy(const TeamVariant& variant);

inline const std::vector<std::string> services{"pay", "shop", "batch", "mail"};

}  // namespace simulation
