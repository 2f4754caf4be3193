#include "daemon/ctl/online_check.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "daemon/words/doubts.hpp"
#include "daemon/words/json.hpp"

namespace ctl {
namespace {

using config::Finding;
using config::Severity;

void judge_providers(const words::Status& status, std::vector<Finding>& findings) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> channels;  // providers, and those that only ever failed
  for (const words::ProviderStatus& one : status.providers) {
    auto& [all, failing] = channels[one.channel];
    ++all;
    const std::string where = fmt::format("channel {}, provider {} ({})", one.channel, one.number, one.kind);
    if (one.is_open) {
      findings.push_back({.severity = Severity::warning,
                          .where = where,
                          .message = fmt::format("its circuit is open: it has failed again and again ({} of {} tries), "
                                                 "and the next provider has its messages",
                                                 one.failures(),
                                                 one.tries())});
    }
    if (one.accepted > 0 || one.failures() == 0) continue;
    ++failing;
    findings.push_back(
        {.severity = Severity::warning,
         .where = where,
         .message = fmt::format("it has taken nothing since the start: {} refused, {} busy, {} unanswered",
                                one.refused,
                                one.transient,
                                one.unanswered)});
  }
  for (const auto& [channel, counts] : channels) {
    if (counts.first != counts.second) continue;
    findings.push_back({.severity = Severity::error,
                        .where = fmt::format("channel {}", channel),
                        .message = "none of its providers has taken anything since the start"});
  }
}

void judge_person(const std::vector<words::ContactReach>& contacts,
                  const std::string& turn,
                  rules::Instant now,
                  std::vector<Finding>& findings) {
  const std::string& person = contacts.front().person;
  const bool is_needed = !turn.empty();
  const std::string where = is_needed ? fmt::format("{}, {}", person, turn) : person;
  std::size_t in_doubt = 0;
  bool is_tried = false;
  for (const words::ContactReach& one : contacts) {
    is_tried = is_tried || one.known.pages > 0 || one.known.failed > 0;
    if (!one.doubt) continue;
    ++in_doubt;
    findings.push_back({.severity = Severity::warning,
                        .where = where,
                        .message = fmt::format("{} {}", one.contact, words::doubt_text(*one.doubt, now))});
  }
  if (in_doubt == contacts.size() && is_needed) {
    findings.push_back(
        {.severity = Severity::error, .where = where, .message = "no contact is known to reach this person"});
  } else if (!is_tried && is_needed) {
    findings.push_back({.severity = Severity::warning,
                        .where = where,
                        .message = fmt::format("no page was ever sent: try `rousectl page test {}`", person)});
  }
}

template <class Parsed>
tl::expected<Parsed, Failure> read(const tl::expected<std::string, Failure>& body,
                                   tl::expected<Parsed, std::string> (*parse)(std::string_view)) {
  if (!body) return tl::unexpected{body.error()};
  tl::expected<Parsed, std::string> parsed = parse(*body);
  if (parsed) return *std::move(parsed);
  return tl::unexpected{Failure{
      .code = refused, .status = 0, .message = "the answer of roused cannot be read: " + std::move(parsed.error())}};
}

}  // namespace

std::vector<Finding> judge_daemon(const words::Status& status,
                                  const std::vector<words::ContactReach>& contacts,
                                  const std::vector<rules::OnCallView>& on_call,
                                  const std::string& policy_hash,
                                  const words::Drawing& drawing) {
  std::vector<Finding> findings;
  if (!status.why_not_ready.empty()) {
    findings.push_back(
        {.severity = Severity::error, .where = "roused", .message = "it is not ready: " + status.why_not_ready});
  }
  if (!policy_hash.empty() && policy_hash != status.policy_hash) {
    findings.push_back({.severity = Severity::warning,
                        .where = "roused",
                        .message = "it runs another configuration than this file: `rousectl reload --dry-run` lists "
                                   "what would move"});
  }
  judge_providers(status, findings);
  for (auto first = contacts.begin(); first != contacts.end();) {
    const auto last = std::find_if(
        first, contacts.end(), [first](const words::ContactReach& one) { return one.person != first->person; });
    judge_person({first, last}, words::turn_of(on_call, first->person, status.at, drawing), status.at, findings);
    first = last;
  }
  std::stable_partition(
      findings.begin(), findings.end(), [](const Finding& one) { return one.severity == Severity::error; });
  return findings;
}

tl::expected<std::vector<Finding>, Failure> check_daemon(const Session& session,
                                                         const Remote& remote,
                                                         const std::string& policy_hash) {
  const auto status = read(remote.get("/v1/status"), words::parse_status_json);
  if (!status) return tl::unexpected{status.error()};
  const auto contacts = read(remote.get("/v1/reachability"), words::parse_reachability_json);
  if (!contacts) return tl::unexpected{contacts.error()};
  const auto on_call = read(remote.get("/v1/oncall"), words::parse_on_call_json);
  if (!on_call) return tl::unexpected{on_call.error()};
  return judge_daemon(*status, *contacts, *on_call, policy_hash, session.drawing());
}

}  // namespace ctl
