#include "tests/simulation/team.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "config/load.hpp"
#include "rules/codec/codec.hpp"

namespace simulation {
namespace {

constexpr const char* written = R"(
rouse: 1
people:
  ann: {{ name: Ann, timezone: Europe/London, contact: {{ sms: "+1", voice: "+1" }},
    notify: {{ high: [ {{ by: sms }}, {{ by: voice, after: 40s }} ], low: [ {{ by: sms }} ] }} }}
  bob: {{ name: Bob, timezone: Europe/London, contact: {{ sms: "+2", voice: "+2" }},
    notify: {{ high: [ {{ by: sms }}, {{ by: voice, after: 30s }} ], low: [ {{ by: sms }} ] }} }}
  cyd: {{ name: Cyd, contact: {{ sms: "+3" }} }}
  dan: {{ name: Dan, contact: {{ voice: "+4" }} }}
  eve: {{ name: Eve, contact: {{ sms: "+5" }} }}
  fay: {{ name: Fay, contact: {{ sms: "+6", voice: "+6" }},
    notify: {{ high: [ {{ by: voice }}, {{ by: sms, after: 20s }} ], low: [ {{ by: sms }} ] }} }}
  gus: {{ name: Gus, contact: {{ sms: "+7" }} }}
  hal: {{ name: Hal, contact: {{ sms: "+8" }} }}
rotations:
  first-line: {{ role: First line, timezone: Europe/London, members: [ ann, bob ], start: 2026-01-05T09:00, turn: 1d }}
call_trees:
  outage:
    steps:
      - {{ call: first-line, wait: {first_wait} }}
      - {{ call: cyd, wait: 3m }}
      - {{ call: [ dan, eve ], wait: 4m }}
    repeat: 1
    ack_timeout: 6m
    last_resort: {{ call: [ hal ], every: 8m }}
  shop:
    steps:
      - {{ call: fay, wait: 3m }}
      - {{ call: gus, wait: {second_wait} }}
    repeat: 0
    ack_timeout: 10m
    last_resort: {{ call: [ hal ], every: 6m }}
route:
  call_tree: outage
  urgency: high
  routes:
    - {{ name: shop, matchers: [ service = shop ], call_tree: {shop_tree} }}
    - {{ name: batch, matchers: [ service = batch ], call_tree: shop, urgency: low }}
    - {{ name: mail, matchers: [ service = mail ], call_tree: shop, group_wait: 20s }}
{more}
{channels}
budget: {{ per_contact: {{ pages: {pages}, within: {within} }} }}
)";

constexpr const char* few_providers = R"(
channels:
  sms:
    - { webhook: { url: "http://127.0.0.1:1/hush-sms" } }
    - { webhook: { url: "http://127.0.0.1:1/hush-spare" } }
  voice: [ { webhook: { url: "http://127.0.0.1:1/hush-voice" } } ]
)";

constexpr const char* more_providers = R"(
channels:
  sms:
    - { webhook: { url: "http://127.0.0.1:1/hush-sms" } }
    - { webhook: { url: "http://127.0.0.1:1/hush-spare" } }
    - { webhook: { url: "http://127.0.0.1:1/hush-third" } }
  voice:
    - { webhook: { url: "http://127.0.0.1:1/hush-voice" } }
    - { webhook: { url: "http://127.0.0.1:1/hush-second-voice" } }
  slack: [ { webhook: { url: "http://127.0.0.1:1/hush-slack" } } ]
publish: [ { slack: { channel: C0OUTAGE } } ]
)";

// Routes first: they follow those above.
constexpr const char* correlated = R"(
    - { name: night, matchers: [ service = night ], call_tree: shop, active: [ morning, noon ],
        otherwise: { urgency: low } }
services:
  net: {}
  db: { depends_on: [ net ], maintenance: [ sweep ] }
  shop: { depends_on: [ db ] }
  pay: { depends_on: [ db ] }
  mail: { depends_on: [ pay ] }
  night: { depends_on: [ net ] }
  queue: { maintenance: [ sweep ] }
time_intervals:
  morning: { timezone: Europe/London, from: "11:18", to: "11:45" }
  noon: { timezone: Europe/London, from: "12:05", to: "12:35" }
  sweep: { timezone: UTC, from: "10:30", to: "10:50" }
inhibit_rules:
  - { name: severe, source: [ severity = critical ], target: [ severity = warning ], equal: [ service ] }
  - { name: pay-explains-mail, source: [ service = pay ], target: [ service = mail ], equal: [ severity ] }
  - { name: mail-explains-pay, source: [ service = mail, instance = 1 ], target: [ service = pay ],
      equal: [ severity ] }
  - { name: batch-explains-night, source: [ service = batch ], target: [ service = night ], equal: [ severity ] }
correlation:
  reopen_within: 5m
  hold: 25s
  recovery_grace: 90s
  startup_grace: 40s
  flapping: { changes: 4, within: 8m, calm: 8m }
  storm: { incidents: 3, within: 2m, until: { incidents: 2, within: 4m } }
)";

constexpr const char* hearts = R"(
heartbeats:
  watchdog: { matchers: [ alertname = Watchdog ], every: 2m, grace: 1m, call_tree: outage }
  backup: { every: 10m, grace: 2m, call_tree: shop }
)";

// A secret where it does not belong, a key that nobody knows, and a tree that is not there.
constexpr const char* mistaken = R"(
rouse: 1
people:
  ann: { name: Ann, contact: { sms: "+1" } }
call_trees:
  outage: { steps: [ { call: nobody, wait: 2m } ], last_resort: { call: [ ann ], every: 8m } }
route: { call_tree: outages, urgency: high }
channels:
  sms: [ { webhook: { url: "http://ann:hush-password@127.0.0.1:1/hush-sms", tokn: hush-sms } } ]
)";

Team load_team(const TeamVariant& variant) {
  std::string more = "correlation: { reopen_within: 5m }";
  if (variant.correlated) more = correlated;
  if (variant.hearts) more += hearts;
  const std::string text = fmt::format(written,
                                       fmt::arg("more", more),
                                       fmt::arg("channels", variant.reaching ? more_providers : few_providers),
                                       fmt::arg("first_wait", variant.reloaded ? "150s" : "2m"),
                                       fmt::arg("second_wait", variant.reloaded ? "4m" : "5m"),
                                       fmt::arg("shop_tree", variant.reloaded ? "outage" : "shop"),
                                       fmt::arg("pages", variant.tight_budget ? 3 : 30),
                                       fmt::arg("within", variant.tight_budget ? "10m" : "15m"));
  config::Loaded loaded = config::load(text, "team.yml");
  if (!loaded) {
    for (const config::Problem& problem : loaded.error()) {
      std::fprintf(stderr, "%s\n", config::print(problem).c_str());
    }
    std::abort();
  }
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  return Team{.policy = std::move(policy),
              .settings = std::make_shared<const config::Settings>(std::move(loaded->settings))};
}

}  // namespace

const Team& team(const TeamVariant& variant) {
  static const std::vector<Team> all = [] {
    std::vector<Team> teams;
    for (unsigned bits = 0; bits < 32; ++bits) {
      teams.push_back(load_team({.tight_budget = (bits & 2U) != 0,
                                 .reloaded = (bits & 1U) != 0,
                                 .correlated = (bits & 4U) != 0,
                                 .hearts = (bits & 8U) != 0,
                                 .reaching = (bits & 16U) != 0}));
    }
    return teams;
  }();
  return all.at((variant.tight_budget ? 2U : 0U) + (variant.reloaded ? 1U : 0U) + (variant.correlated ? 4U : 0U) +
                (variant.hearts ? 8U : 0U) + (variant.reaching ? 16U : 0U));
}

std::shared_ptr<const rules::Policy> make_policy(const TeamVariant& variant) {
  return team(variant).policy;
}

const std::string& mistakes() {
  static const std::string text = [] {
    const config::Loaded loaded = config::load(mistaken, "team.yml");
    if (loaded) std::abort();
    return config::print(loaded.error());
  }();
  return text;
}

}  // namespace simulation
