#include "daemon/api/status.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/words/status.hpp"

namespace api {
namespace {

words::ProviderStatus status_of(const ProviderFigures& figures) {
  words::ProviderStatus status;
  status.channel = figures.channel;
  status.number = figures.number;
  status.kind = figures.kind;
  status.is_open = figures.is_open;
  status.last_success = figures.last_success;
  status.accepted = figures.tries[0];
  status.refused = figures.tries[1];
  status.transient = figures.tries[2];
  status.unanswered = figures.tries[3];
  status.withdrawn = figures.tries[4];
  if (figures.answers > 0) {
    const double milliseconds = figures.seconds_sum * 1000.0 / static_cast<double>(figures.answers);
    status.average = rules::Duration{static_cast<rules::Duration::rep>(milliseconds)};
  }
  return status;
}

struct Seen {
  rules::Overview overview;
  std::vector<rules::ContactDoubt> doubts;
};

}  // namespace

Call handle_status(const net::Request& request, rules::Instant now, const Services& services) {
  if (request.method != "GET") return not_allowed("GET, HEAD");
  words::Status status;
  status.version = ROUSE_VERSION;
  if (services.why_not_ready) status.why_not_ready = services.why_not_ready().value_or("");
  status.at = now;
  status.started_at = services.started;
  status.policy_hash = fmt::format("{:016x}", services.policy()->hash);
  status.configured_at = services.metrics->reloaded_at();
  status.journal_rows = services.metrics->journal_rows();
  status.journal_bytes = services.metrics->journal_bytes();
  if (services.providers) {
    for (const ProviderFigures& figures : services.providers()) status.providers.push_back(status_of(figures));
  }
  return ask(
      [now, policy = services.policy()](const rules::State& state) {
        return Seen{.overview = rules::view_overview(state), .doubts = rules::contact_doubts(state, *policy, now)};
      },
      [status = std::move(status)](const Seen& seen) {
        words::Status whole = status;
        whole.overview = seen.overview;
        whole.doubts = seen.doubts;
        return ok(words::status_json(whole));
      });
}

}  // namespace api
