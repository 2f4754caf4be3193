// GET /v1/outages.atom: the outages that the company was told of, and what was written about them, as an Atom feed
// (RFC 4287) for readers and chat bots; newest first. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/api.hpp"

namespace api {

// One published incident, copied from the state.
struct Outage {
  rules::IncidentView incident;  // a whole view
};

inline constexpr std::size_t most_outages = 50;

// The feed. Whatever people or alerts wrote is text in it: no markup, no character that XML does not know.
[[nodiscard]] std::string atom_feed(const std::vector<Outage>& outages,
                                    std::string_view public_url,
                                    rules::Instant started);

[[nodiscard]] Call handle_outages(const net::Request& request, const Services& services);

}  // namespace api
