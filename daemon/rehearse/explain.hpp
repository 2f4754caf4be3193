// What would become of an alert: tells it to a world that may be spoilt, lets the clock run with nobody answering until
// the last resort is called, and writes down what happened. It is the engine that decides; nothing here repeats a rule.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/intake/intake.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/explanation.hpp"

namespace rehearse {

struct ExplainLimits {
  std::size_t steps{5000};  // instants at which something is due
  std::size_t calls{200};   // that are listed of one incident
  std::size_t routes{200};  // that are listed
};

// Nobody is waited for longer than this, and nothing that ends later is waited for.
inline constexpr rules::Duration explained_at_most{std::chrono::hours{24 * 31}};

// `wall` is when the alert comes; never before the world's now. The report's status is taken for firing.
[[nodiscard]] rules::Explanation explain(World& world,
                                         rules::Report report,
                                         rules::Instant wall,
                                         const ExplainLimits& limits = {});

// The alerts that somebody asks about: one as {"labels": {...}, "annotations": {...}}, a list of them as Alertmanager's
// API takes it, or the body of an Alertmanager's webhook. The error says why it is none of these.
[[nodiscard]] tl::expected<std::vector<rules::Report>, std::string> read_alerts(std::string_view text,
                                                                                intake::Parser& parser,
                                                                                intake::Context context);

}  // namespace rehearse
