// Calls whose answers are told to the audit log.
#pragma once

#include "daemon/api/api.hpp"
#include "daemon/api/audit.hpp"

namespace api {

// What is known of a request before anybody is asked who it is.
[[nodiscard]] Audited audited_of(const net::Request& request, rules::Instant now);

// The same call. Told are acts, and whoever was not let in; reports, readings, and what machines say of a message's way
// are no acts.
[[nodiscard]] Call audited_call(Call call, const net::Request& request, const Services& services, Audited audited);

// Of what was looked at by its head alone: refusals.
[[nodiscard]] Call audited_refusal(Call call, const net::Request& head, rules::Instant now, const Services& services);

}  // namespace api
