// A test alert, by the door that Prometheus uses: which incident it became and what comes of it.
#include <algorithm>
#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/ctl/nagios_command.hpp"
#include "daemon/ctl/remote.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "rules/labels.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr rules::Duration look_again_every{std::chrono::milliseconds{100}};
constexpr int looks = 30;  // 3 s: what readers see follows the answer at once, unless the daemon is very busy
constexpr rules::Duration follow_every{std::chrono::seconds{1}};

struct Arguments {
  std::string alertname{"RousectlTest"};
  std::vector<std::string> labels;
  std::vector<std::string> annotations;
  std::string severity;
  bool is_resolved{};
  bool is_waiting{};
  NagiosArguments nagios;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

// False: one of them is not NAME=VALUE; it is left in `wrong`.
bool split(const std::vector<std::string>& texts, Pairs& pairs, std::string& wrong) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      wrong = text;
      return false;
    }
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return true;
}

json::object to_object(const rules::Labels& labels) {
  json::object object;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    object[labels[index].name] = json::string(labels[index].value.data(), labels[index].value.size());
  }
  return object;
}

// The newest first; more than one when a route goes on to further ones.
tl::expected<std::vector<rules::IncidentView>, Failure> incidents_of(const Remote& remote,
                                                                     rules::Fingerprint fingerprint,
                                                                     bool is_resolved) {
  const tl::expected<std::string, Failure> body = remote.get(
      "/v1/incidents" + query({{"state", is_resolved ? "all" : "open"}, {"alerts", "true"}, {"limit", "1000"}}));
  if (!body) return tl::unexpected(body.error());
  tl::expected<rules::IncidentList, std::string> list = words::parse_list_json(*body);
  if (!list) {
    return tl::unexpected(
        Failure{.code = refused, .status = 0, .message = "the answer of roused cannot be read: " + list.error()});
  }
  std::erase_if(list->incidents, [fingerprint](const rules::IncidentView& view) {
    return std::none_of(view.alerts.begin(), view.alerts.end(), [fingerprint](const rules::AlertView& alert) {
      return alert.fingerprint == fingerprint;
    });
  });
  // An alert ends in the last incident that had it.
  if (is_resolved && list->incidents.size() > 1) list->incidents.resize(1);
  return std::move(list->incidents);
}

// Prints each entry of the timeline as it comes, until somebody has heard.
int follow(const Session& session, const Remote& remote, rules::IncidentId id) {
  std::vector<rules::Reason> told;
  for (;;) {
    const tl::expected<std::string, Failure> body = remote.get("/v1/incidents/" + rules::print_incident(id));
    if (!body) return fail(session, remote, id, body.error());
    const tl::expected<rules::IncidentView, std::string> view = words::parse_incident_json(*body);
    if (!view) return session.fail(refused, "the answer of roused cannot be read: " + view.error());
    if (!session.is_json()) {
      for (const rules::Reason& reason : view->timeline) {
        if (std::find(told.begin(), told.end(), reason) != told.end()) continue;
        session.out << fmt::format("{}  {}\n", session.print_time(reason.at), words::because_text(reason));
      }
      session.out << std::flush;
      told = view->timeline;
    }
    if (view->facts.state != rules::IncidentState::triggered) {
      if (session.is_json()) session.out << *body << "\n";
      return done;
    }
    if (!session.environment.pause(follow_every)) {
      return session.fail(refused, fmt::format("nobody has acknowledged {} yet", rules::print_incident(id)));
    }
  }
}

int send(const Session& session, const Arguments& arguments) {
  if (arguments.nagios.is_flush) return flush_spool(session, arguments.nagios);
  if (arguments.nagios.is_nagios) {
    NagiosOptions options;
    std::string wrong;
    if (!split(arguments.labels, options.labels, wrong) || !split(arguments.annotations, options.annotations, wrong)) {
      return session.fail(wrong_usage, fmt::format("`{}` is not NAME=VALUE", words::visible(wrong)));
    }
    return send_nagios(session, arguments.nagios, std::move(options));
  }
  Pairs labels{{"alertname", arguments.alertname}};
  Pairs annotations{{"summary", fmt::format("Test alert sent by {} with rousectl", session.environment.login)}};
  std::string wrong;
  if (!arguments.severity.empty()) labels.emplace_back("severity", arguments.severity);
  if (!split(arguments.labels, labels, wrong) || !split(arguments.annotations, annotations, wrong)) {
    return session.fail(wrong_usage, fmt::format("`{}` is not NAME=VALUE", words::visible(wrong)));
  }
  const rules::Labels sent{std::move(labels)};
  json::object alert;
  alert["labels"] = to_object(sent);
  alert["annotations"] = to_object(rules::Labels{std::move(annotations)});
  if (arguments.is_resolved) alert["endsAt"] = rules::print_rfc3339(session.now());
  json::array alerts;
  alerts.push_back(std::move(alert));
  const Remote remote{session};
  const tl::expected<std::string, Failure> answer = remote.post("/api/v2/alerts", json::serialize(alerts));
  if (!answer) return fail(session, answer.error());

  const rules::Fingerprint fingerprint = rules::fingerprint_of(sent);
  const std::string alertname = words::visible(sent.find("alertname"));  // of two that were given the last counts
  std::vector<rules::IncidentView> found;
  for (int look = 0; look < looks && found.empty(); ++look) {
    if (look > 0 && !session.environment.pause(look_again_every)) break;
    tl::expected<std::vector<rules::IncidentView>, Failure> now =
        incidents_of(remote, fingerprint, arguments.is_resolved);
    if (!now) return fail(session, now.error());
    found = std::move(*now);
    if (arguments.is_resolved) break;  // of an alert never seen nothing will come
  }
  if (session.is_json()) {
    if (!arguments.is_waiting || found.empty()) {
      json::array ids;
      for (const rules::IncidentView& view : found) {
        ids.push_back(json::value(json::string(rules::print_incident(view.facts.id))));
      }
      json::object whole{{"version", 1}, {"fingerprint", rules::hex(fingerprint)}};
      whole["incidents"] = std::move(ids);
      session.out << json::serialize(whole) << "\n";
    }
  } else if (found.empty() && arguments.is_resolved) {
    session.out << fmt::format("Told that {} has ended; no incident had it.\n", alertname);
  }
  if (found.empty()) {
    if (arguments.is_resolved) return done;
    return session.fail(
        refused,
        fmt::format("{} was accepted, but no open incident has it; `rousectl incidents --state all` may "
                    "tell",
                    alertname));
  }
  if (!session.is_json()) {
    for (const rules::IncidentView& view : found) {
      const std::string id = rules::print_incident(view.facts.id);
      session.out << fmt::format("{} {} {} ({}, urgency {}){}\n",
                                 alertname,
                                 arguments.is_resolved ? "has ended in" : "is in",
                                 id,
                                 rules::to_text(view.facts.state),
                                 rules::to_text(view.facts.urgency),
                                 view.held.empty() ? std::string{} : "; held: " + words::visible(view.held));
    }
    const std::string id = rules::print_incident(found.front().facts.id);
    if (!arguments.is_resolved && !arguments.is_waiting) {
      session.out << fmt::format(
          "Follow it: rousectl show {0} --watch. It fires until the same is sent with --resolved, or you end it: "
          "rousectl resolve {0}\n",
          id);
    }
  }
  if (!arguments.is_waiting || arguments.is_resolved) return done;
  return follow(session, remote, found.front().facts.id);
}

}  // namespace

void add_send(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("send", "Send a test alert, which pages like any other, or a notification of Nagios")
          ->group(acting_group);
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* const alertname =
      command->add_option("--alertname", arguments->alertname, "default RousectlTest")->type_name("NAME");
  command->add_option("--label,-l", arguments->labels, "a label; as often as you like")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  command->add_option("--annotation,-a", arguments->annotations, "an annotation; as often as you like")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  CLI::Option* const severity =
      command->add_option("--severity", arguments->severity, "the label severity; without one it ranks as the highest")
          ->type_name("WORD");
  CLI::Option* const resolved = command->add_flag("--resolved", arguments->is_resolved, "say that it has ended");
  CLI::Option* const wait =
      command->add_flag("--wait", arguments->is_waiting, "print what happens until somebody has acknowledged");
  for (CLI::Option* const mode : add_nagios_options(*command, arguments->nagios)) {
    for (CLI::Option* const other : {alertname, severity, resolved, wait}) mode->excludes(other);
  }
  add_online_options(*command, session);
  command->footer(
      "Example: rousectl send --alertname ApiDown --label service=checkout --severity critical --wait\n"
      "         rousectl send --nagios --label service=checkout     (with Nagios' environment macros)");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return send(session, *arguments); }; });
}

}  // namespace ctl
