#include <algorithm>
#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/check.hpp"
#include "config/load.hpp"
#include "daemon/ctl/online_check.hpp"
#include "daemon/ctl/remote.hpp"
#include "daemon/ctl/session.hpp"
#include "rules/codec/codec.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr rules::Duration probes_last{std::chrono::seconds{10}};

struct Arguments {
  std::string file;
  std::string horizon{"90d"};
  std::string from;
  bool online{};
};

std::string_view to_text(config::Severity severity) {
  return severity == config::Severity::error ? "error" : "warning";
}

// Each in its place of the file, then what only a calculation over the whole policy shows.
struct Report {
  std::vector<config::Problem> problems;
  std::vector<config::Finding> findings;
  std::vector<channels::Probed> probes;

  [[nodiscard]] std::size_t count(config::Severity severity) const {
    const auto is_wanted = [severity](const auto& found) { return found.severity == severity; };
    const auto failed =
        severity != config::Severity::error
            ? 0
            : std::count_if(probes.begin(), probes.end(), [](const channels::Probed& one) { return !one.works; });
    return static_cast<std::size_t>(std::count_if(problems.begin(), problems.end(), is_wanted) +
                                    std::count_if(findings.begin(), findings.end(), is_wanted) + failed);
  }
};

std::string to_json(const Report& report, const std::string& file, rules::Instant from, rules::Duration horizon) {
  json::array problems;
  for (const config::Problem& problem : report.problems) {
    problems.push_back(json::object{{"severity", to_text(problem.severity)},
                                    {"file", problem.file},
                                    {"line", problem.line},
                                    {"column", problem.column},
                                    {"message", problem.message}});
  }
  json::array findings;
  for (const config::Finding& finding : report.findings) {
    findings.push_back(
        json::object{{"severity", to_text(finding.severity)}, {"where", finding.where}, {"message", finding.message}});
  }
  json::object whole{{"version", 1},
                     {"file", file},
                     {"from", rules::print_rfc3339(from)},
                     {"horizon", rules::print_duration(horizon)},
                     {"errors", report.count(config::Severity::error)},
                     {"warnings", report.count(config::Severity::warning)}};
  whole["problems"] = std::move(problems);
  whole["findings"] = std::move(findings);
  json::array probes;
  for (const channels::Probed& probe : report.probes) {
    probes.push_back(json::object{{"channel", probe.channel},
                                  {"provider", probe.number},
                                  {"kind", probe.kind},
                                  {"works", probe.works},
                                  {"detail", probe.detail},
                                  {"milliseconds", probe.took.count()}});
  }
  if (!probes.empty()) whole["probes"] = std::move(probes);
  return json::serialize(whole);
}

// "sms 1 (twilio): ok, 230 ms", "sms 1 (twilio): FAILED: the account's token is refused (401)"
std::string probe_line(const channels::Probed& probe) {
  const std::string who = fmt::format("{} {} ({})", probe.channel, probe.number, probe.kind);
  if (!probe.works) return fmt::format("{}: FAILED: {}", who, probe.detail);
  return fmt::format(
      "{}: ok, {} ms{}", who, probe.took.count(), probe.detail.empty() ? "" : fmt::format("; {}", probe.detail));
}

int check(const Session& session, const Arguments& arguments) {
  const tl::expected<rules::Duration, std::string> horizon = rules::parse_duration(arguments.horizon);
  if (!horizon) return session.fail(wrong_usage, "--horizon: " + horizon.error());
  rules::Instant from = session.now();
  if (!arguments.from.empty()) {
    const std::optional<rules::Instant> given = parse_time(arguments.from, session.environment.zone, from);
    if (!given) {
      return session.fail(wrong_usage, "--from is a time, as 2026-03-04T09:00:00Z, or 2026-03-04T09:00 of your zone");
    }
    from = *given;
  }
  if (arguments.file.empty() && !arguments.online) {
    return session.fail(wrong_usage,
                        "name the FILE to check, or ask the daemon with --online; see `rousectl check --help`");
  }
  Report report;
  std::string hash;
  config::Loaded loaded = arguments.file.empty() ? config::Loaded{} : config::load_file(arguments.file);
  if (arguments.file.empty()) {
    // The daemon alone is asked.
  } else if (loaded) {
    hash = fmt::format("{:016x}", codec::hash_of(loaded->policy));
    report.problems = std::move(loaded->warnings);
    report.findings = config::check(loaded->policy, from, *horizon);
    if (!config::can_page_anybody(loaded->policy)) {
      report.findings.push_back(config::Finding{.severity = config::Severity::warning,
                                                .where = "channels",
                                                .message = "nothing here could page anybody: roused refuses to start "
                                                           "with it"});
    }
  } else {
    report.problems = std::move(loaded).error();
  }
  if (arguments.online && loaded && !arguments.file.empty() && session.environment.probe) {
    report.probes =
        session.environment.probe(loaded->policy.channels, loaded->settings.server.outbound_private, probes_last);
  }
  const Remote remote{session};
  std::optional<Failure> trouble;  // what the file has is printed all the same
  if (arguments.online) {
    const tl::expected<std::vector<config::Finding>, Failure> found = check_daemon(session, remote, hash);
    if (found) {
      report.findings.insert(report.findings.end(), found->begin(), found->end());
    } else {
      trouble = found.error();
    }
  }
  const std::string checked = arguments.file.empty() ? remote.url() : arguments.file;
  const std::size_t errors = report.count(config::Severity::error);
  if (session.is_json()) {
    session.out << to_json(report, checked, from, *horizon) << "\n";
  } else {
    session.out << config::print(report.problems);
    for (const config::Finding& finding : report.findings) session.out << config::print(finding) << "\n";
    for (const channels::Probed& probe : report.probes) session.out << probe_line(probe) << "\n";
    session.out << fmt::format(
        "{}: {}, {}", checked, counted(errors, "error"), counted(report.count(config::Severity::warning), "warning"));
    if (!arguments.file.empty()) {
      session.out << (loaded ? fmt::format("; on-call looked at for {} from {}",
                                           rules::print_duration(*horizon),
                                           print_date(session.environment.zone, from))
                             : std::string{"; on-call was not looked at"});
      if (arguments.online && !trouble) session.out << "; " << remote.url() << " was asked";
    }
    session.out << "\n";
  }
  if (trouble) return fail(session, *trouble);
  return errors == 0 ? done : refused;
}

}  // namespace

void add_check(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("check", "What is wrong with a configuration, and who would not be called")
          ->group(offline_group);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("FILE", arguments->file, "the configuration; with --online it may be left out");
  command->add_option("--horizon", arguments->horizon, "how far to look for steps with nobody on call; default 90d")
      ->type_name("DURATION");
  command->add_option("--from", arguments->from, "look from this time on; default now")->type_name("TIME");
  command->add_flag(
      "--online", arguments->online, "also try the providers of FILE, and ask the running daemon who can be reached");
  add_online_options(*command, session);
  command->footer(
      "Prints every error and warning as file:line:column, then the steps that nobody is on call for, people whom\n"
      "nothing reaches and routes that no alert comes to. Exits 1 when there is an error.\n"
      "With --online every provider of FILE is tried from here for up to 10 s, with its credentials and without a\n"
      "message to anybody, and the daemon is asked. A provider that fails, a daemon that is not ready, a channel that\n"
      "takes nothing, and somebody on call or next whom no contact reaches are errors, too.\n\n"
      "Example: rousectl check /etc/rouse/rouse.yml --horizon 52w --online");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return check(session, *arguments); }; });
}

}  // namespace ctl
