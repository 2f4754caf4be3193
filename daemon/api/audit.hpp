// What people and programs did, or were not let do, for the audit log: who, how they proved it, from where, what, and
// what came of it. Nothing of a body, a header, a query or a signed link is in it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/net/http.hpp"
#include "rules/event.hpp"
#include "rules/time.hpp"

namespace api {

struct Audited {
  rules::Instant at;
  std::string by;     // "" = nobody who proved to be anybody
  std::string proof;  // "token", "password", "proxy", "certificate", "signature", "signal"; "none": as the request
                      // says; a channel
  std::string from;   // the address; "" = by a channel
  std::string what;   // "POST /v1/incidents/R-1/ack"
  unsigned status{};  // of the answer; 0 = no answer was waited for
};

using Audit = std::function<void(const Audited&)>;

// Method and path, fit to be shown to people; of a signed link only that it is one.
[[nodiscard]] std::string audited_path(const net::Request& request);

// Who acts by an event; nothing when it is no act of a person or program.
[[nodiscard]] std::optional<std::string> actor_of(const rules::Event& event);

// One line of JSON, with its end.
[[nodiscard]] std::string print_audited(const Audited& audited);

}  // namespace api
