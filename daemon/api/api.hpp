// The daemon's HTTP interface without HTTP: a request becomes an answer, or what has to happen before it can be
// answered. Nothing here opens a socket, waits or asks a clock. One thread for each Services and Parser: the I/O
// thread's own.
//
// Bad input never throws and never answers 5xx. All errors are RFC 9457 problem documents.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "config/load.hpp"
#include "daemon/api/metrics.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/lane.hpp"
#include "daemon/net/http.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"
#include "rules/view.hpp"

namespace api {

// The engine must be told this; its Reply makes the answer.
struct Tell {
  rules::Event event;
  bool people{};        // through the ring of people's verbs instead of that of reports
  std::size_t bytes{};  // what it takes in the ring
  std::function<net::Response(const roused::Reply&)> render;
};

// The engine must let this look; render() may be called once it has, and answers 503 when it never did.
struct Ask {
  roused::Look look;
  std::function<net::Response()> render;
};

using Call = std::variant<net::Response, Tell, Ask>;

struct Services {
  std::shared_ptr<const config::Settings> settings;  // never null
  Metrics* metrics{};                                // never null; outlives this
  rules::Instant started;                            // of the daemon, for its uptime

  // Loads the configuration again, or only says what that would do. See reloaded() and reload_refused().
  std::function<Call(bool dry_run)> reload;
  // Why the daemon is not ready to page; nothing when it is.
  std::function<std::optional<std::string>()> why_not_ready;
  // An alert that was not taken, for whoever keeps what to inspect. May be empty.
  std::function<void(const std::string& source, const intake::Rejected&)> keep_rejected;

  // The policy in force, never null when handle() is called, and the seed of the store's keys.
  void use(std::shared_ptr<const rules::Policy> policy, std::uint64_t key_seed);
  [[nodiscard]] const std::shared_ptr<const rules::Policy>& policy() const { return policy_; }
  [[nodiscard]] const intake::Context& context() const { return context_; }

 private:
  std::shared_ptr<const rules::Policy> policy_;
  intake::Context context_;  // for the intake of any source, whose name is filled in
};

// `now` is the wall clock's.
[[nodiscard]] Call handle(const net::Request& request,
                          rules::Instant now,
                          const Services& services,
                          intake::Parser& parser);

// POST paths on which a missing Content-Length is an empty body.
[[nodiscard]] bool may_lack_length(std::string_view path);

// The answer to work that found its ring full, or to a daemon that is stopping.
[[nodiscard]] net::Response overloaded();

// Answers of a reload: {"status": "ok", "text": ...}, and 422 with the reasons.
[[nodiscard]] net::Response reloaded(std::string_view text);
[[nodiscard]] net::Response reload_refused(std::string_view why);

}  // namespace api
