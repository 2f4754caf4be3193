// Whether a provider can be reached and believes our credentials, found out without waking anybody: an operation that
// proves it and sends no message. What cannot be proved so is said.
//
// Secrets are read from their files, as a provider does that is made from the same configuration; none is ever in an
// answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/net/outbound.hpp"
#include "rules/policy.hpp"

namespace channels {

struct Probed {
  std::string channel;
  std::uint32_t number{};  // in its channel, from 1
  std::string kind;        // as the configuration calls it
  bool works{};
  std::string detail;  // why not; else what was not proved, "" = nothing
  std::chrono::milliseconds took{};
};

// Every provider of these channels, all at once, each for this long at most. Blocks; in the order of the configuration.
[[nodiscard]] std::vector<Probed> probe_all(const std::vector<rules::Channel>& all,
                                            const net::OutboundRules& outbound,
                                            std::chrono::milliseconds limit);

}  // namespace channels
