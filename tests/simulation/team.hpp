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
  bool reloaded{};    // other waits, and the service `shop` climbs another tree
  bool correlated{};  // services depend on others, rules inhibit, hours and maintenance; limits small enough to be met
  bool hearts{};      // and signals that must keep coming
  bool reaching{};    // more providers a channel; outages are published
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
// Of a team whose services depend on each other: mail on pay, pay and shop on db, db and night on net.
inline const std::vector<std::string> correlated_services{
    "pay", "shop", "batch", "mail", "db", "net", "night", "queue"};
inline constexpr const char* alert_that_beats = "Watchdog";
inline constexpr const char* heartbeat_by_http = "backup";
inline const std::vector<std::string> people{"ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"};

// Each stands in the configuration where something secret stands: no text that leaves the daemon may hold one of them.
inline const std::vector<std::string> secrets{
    "hush-sms", "hush-spare", "hush-voice", "hush-third", "hush-second-voice", "hush-slack", "hush-password"};

}  // namespace simulation
