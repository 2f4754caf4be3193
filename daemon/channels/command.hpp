// The `command` provider: runs a program for each message, without a shell. The page is on its stdin, as the JSON that
// a webhook gets, and in short in its environment:
//
//   ROUSE_TO ROUSE_TO_NAME ROUSE_CONTACT ROUSE_CHANNEL ROUSE_ADDRESS ROUSE_TEXT ROUSE_SUBJECT ROUSE_IDEMPOTENCY_KEY
//   ROUSE_POSSIBLE_DUPLICATE (0 or 1); of the first page or notice: ROUSE_INCIDENT ("R-12") ROUSE_STATE ROUSE_SERVICE
//   ROUSE_SEVERITY ROUSE_SUMMARY ROUSE_URL, and ROUSE_REASON of a page
//
// Exit code 0 is accepted, 75 (EX_TEMPFAIL) transient, every other a refusal. One that cannot be started is refused;
// one that is killed, by us when its time is over or by others, is unanswered: what it did until then nobody knows.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/channels/command_runner.hpp"
#include "daemon/channels/provider.hpp"

namespace channels {

struct CommandSettings {
  std::vector<std::string> run;  // program and arguments
  std::chrono::milliseconds timeout{5'000};
  std::string public_url;
};

class CommandProvider final : public Provider {
 public:
  // The runner outlives the provider.
  CommandProvider(CommandRunner& runner, CommandSettings settings);

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  // Nobody says that the program looks at the key.
  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  CommandRunner& runner_;
  CommandSettings settings_;
};

}  // namespace channels
