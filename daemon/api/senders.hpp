// Who reports: how a sender is named, and what the engine must hear of what it was refused.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "rules/policy.hpp"
#include "rules/time.hpp"

namespace api {

// The name of whoever posts from the address `peer` and says of itself that it is found at `external_url` ("" = it says
// nothing): the source whose `alertmanager` that is; else the only source whose `alertmanager` is at that address; else
// the address. Pure.
[[nodiscard]] std::string source_name_of(const rules::Policy& policy,
                                         std::string_view peer,
                                         std::string_view external_url);

// Who was heard since the daemon's start. Shared by all I/O threads; any of them may call anything.
class Senders {
 public:
  // Sources beyond this many are not remembered: their names come from outside.
  static constexpr std::size_t most = 10'000;
  static constexpr rules::Duration pause{std::chrono::minutes{1}};

  void heard(const std::string& source);
  // Whether the engine is told that a batch of this source was refused. It is when the source is known, being
  // configured or heard before, and nothing of it was told within the last minute.
  [[nodiscard]] bool must_tell(const std::string& source, bool is_configured, rules::Instant now);

 private:
  std::mutex mutex_;
  std::map<std::string, rules::Instant> told_;  // of those who are known: when the engine was last told
};

}  // namespace api
