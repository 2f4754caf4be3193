// The team that every run rehearses: four services with call trees of their own, from a configuration file as users
// write it. A variant differs a little, as from one reload to the next. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "rules/policy.hpp"

namespace simulation {

struct TeamVariant {
  bool tight_budget{};
  bool reloaded{};  // other waits, and the service `shop` climbs another tree
};

struct Team {
  std::shared_ptr<const rules::Policy> policy;
  std::shared_ptr<const config::Settings> settings;
};

// Read once for each variant.
[[nodiscard]] const Team& team(const TeamVariant& variant);
[[nodiscard]] std::shared_ptr<const rules::Policy> make_policy(const TeamVariant& variant);

// What is wrong with a file that cannot be loaded: as a reload says it.
[[nodiscard]] const std::string& mistakes();

inline const std::vector<std::string> services{"pay", "shop", "batch", "mail"};
inline const std::vector<std::string> people{"ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"};

// Each stands in the configuration where something secret stands: no text that leaves the daemon may hold one of them.
inline const std::vector<std::string> secrets{"hush-sms", "hush-spare", "hush-voice", "hush-password"};

}  // namespace simulation
