// How the daemon does, for those who run it: whether it can page, through which providers, what is open at which stage,
// whose contacts are in doubt. As JSON, read back, and for a terminal. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/words/terminal.hpp"
#include "rules/overview.hpp"
#include "rules/reachability.hpp"

namespace words {

// One provider of a channel since the daemon's start, or since it was configured.
struct ProviderStatus {
  std::string channel;
  std::uint32_t number{};  // its place in the order of preference, from 1
  std::string kind;        // "twilio"
  bool is_open{};          // its circuit: it is passed over while a later one works
  std::optional<rules::Instant> last_success;
  std::uint64_t accepted{};
  std::uint64_t refused{};
  std::uint64_t transient{};
  std::uint64_t unanswered{};
  std::uint64_t withdrawn{};
  rules::Duration average{};  // of a try

  [[nodiscard]] std::uint64_t tries() const { return accepted + refused + transient + unanswered + withdrawn; }
  [[nodiscard]] std::uint64_t failures() const { return refused + transient + unanswered; }
};

struct Status {
  std::string version;
  std::string why_not_ready;  // "" = it is ready
  rules::Instant at;
  rules::Instant started_at;
  std::string policy_hash;  // 16 hex digits
  std::optional<rules::Instant> configured_at;
  std::uint64_t journal_rows{};
  std::uint64_t journal_bytes{};  // written since the start
  rules::Overview overview;
  std::vector<ProviderStatus> providers;
  std::vector<rules::ContactDoubt> doubts;
};

[[nodiscard]] std::string status_json(const Status& status);
[[nodiscard]] tl::expected<Status, std::string> parse_status_json(std::string_view text);

// What is open, how long it has run and by which policy; the providers as a table.
[[nodiscard]] std::string draw_status(const Status& status, const Drawing& drawing);

}  // namespace words
