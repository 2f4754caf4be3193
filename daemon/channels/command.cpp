#include "daemon/channels/command.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "daemon/words/page.hpp"
#include "rules/view.hpp"

namespace channels {
namespace {

constexpr int temporary_failure = 75;  // EX_TEMPFAIL of sysexits.h

// The kernel takes 128 KiB for one variable. What is longer is whole on stdin.
constexpr std::size_t variable_bytes = std::size_t{64} << 10;

std::string variable(std::string_view name, std::string_view value) {
  if (value.size() > variable_bytes) {
    std::size_t size = variable_bytes;
    while (size > 0 && (static_cast<unsigned char>(value[size]) & 0xC0U) == 0x80U) --size;
    value = value.substr(0, size);
  }
  return fmt::format("{}={}", name, value);
}

std::vector<std::string> environment_of(const rules::Send& send, std::string_view public_url) {
  std::vector<std::string> all{
      variable("ROUSE_TO", send.person),
      variable("ROUSE_TO_NAME", send.person_name),
      variable("ROUSE_CONTACT", send.contact),
      variable("ROUSE_CHANNEL", send.channel),
      variable("ROUSE_ADDRESS", send.address),
      variable("ROUSE_TEXT", words::page_text(send, public_url)),
      variable("ROUSE_SUBJECT", words::subject(send)),
      variable("ROUSE_IDEMPOTENCY_KEY", send.key),
      variable("ROUSE_POSSIBLE_DUPLICATE", send.possible_duplicate ? "1" : "0"),
  };
  const rules::IncidentFacts* incident = nullptr;
  if (!send.pages.empty()) {
    incident = &send.pages.front().incident;
    all.push_back(variable("ROUSE_REASON", rules::to_text(send.pages.front().reason)));
  } else if (!send.notices.empty()) {
    incident = &send.notices.front().incident;
  }
  if (incident == nullptr || incident->id.value == 0) return all;  // a test page is about none
  all.push_back(variable("ROUSE_INCIDENT", fmt::format("R-{}", incident->id.value)));
  all.push_back(variable("ROUSE_STATE", rules::to_text(incident->state)));
  all.push_back(variable("ROUSE_SERVICE", incident->service));
  all.push_back(variable("ROUSE_SEVERITY", incident->severity));
  all.push_back(variable("ROUSE_SUMMARY", incident->summary));
  all.push_back(variable("ROUSE_URL", words::incident_url(incident->id, public_url)));
  return all;
}

TryResult judged(CommandResult result) {
  const std::string says = result.detail.empty() ? std::string() : ": " + result.detail;
  switch (result.end) {
    case CommandEnd::exited:
      if (result.code == 0) return {TryOutcome::accepted, "exit code 0", {}};
      return {result.code == temporary_failure ? TryOutcome::transient : TryOutcome::refused,
              fmt::format("exit code {}{}", result.code, says),
              {}};
    case CommandEnd::died:
      return {TryOutcome::unanswered, fmt::format("ended by signal {}{}", result.code, says), {}};
    case CommandEnd::ran_over:
      return {TryOutcome::unanswered, std::move(result.detail), {}};
    case CommandEnd::not_allowed:
      return {TryOutcome::withdrawn, {}, {}};
    case CommandEnd::no_room:
      return {TryOutcome::transient, std::move(result.detail), {}};
    case CommandEnd::cannot_start:
      break;
  }
  return {TryOutcome::refused, std::move(result.detail), {}};
}

}  // namespace

CommandProvider::CommandProvider(CommandRunner& runner, CommandSettings settings)
    : runner_(runner), settings_(std::move(settings)) {}

void CommandProvider::attempt(const rules::Send& send,
                              std::chrono::milliseconds limit,
                              std::function<bool()> may_leave,
                              std::function<void(TryResult)> done) {
  Command command;
  command.run = settings_.run;
  command.environment = environment_of(send, settings_.public_url);
  command.input = words::page_json(send, settings_.public_url);
  command.limit = std::min(settings_.timeout, limit);
  command.may_start = std::move(may_leave);
  runner_.submit(std::move(command),
                 [done = std::move(done)](CommandResult result) { done(judged(std::move(result))); });
}

}  // namespace channels
