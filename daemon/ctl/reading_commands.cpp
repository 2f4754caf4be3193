// Commands that ask the daemon and change nothing: status, incidents, show, oncall, reachability.
#include <algorithm>
#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/ctl/remote.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/doubts.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/reachability.hpp"
#include "daemon/words/status.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr rules::Duration redraw_every{std::chrono::seconds{1}};

int unreadable(const Session& session, const std::string& why) {
  return session.fail(refused, "the answer of roused cannot be read: " + why);
}

void print_doubts(const Session& session,
                  const std::vector<rules::ContactDoubt>& doubts,
                  const std::vector<rules::OnCallView>& views,
                  rules::Instant at) {
  if (doubts.empty()) return;
  session.out << "\n" << words::draw_doubts(doubts, views, at, session.now(), session.drawing());
  session.out << "`rousectl page test WHO` tries the contacts of a person.\n";
}

// ---- status ----

int status(const Session& session) {
  const Remote remote{session};
  const tl::expected<std::string, Failure> body = remote.get("/v1/status");
  if (!body) return fail(session, body.error());
  const tl::expected<words::Status, std::string> status = words::parse_status_json(*body);
  if (!status) return unreadable(session, status.error());
  const tl::expected<std::string, Failure> on_call_body = remote.get("/v1/oncall");
  if (!on_call_body) return fail(session, on_call_body.error());
  const tl::expected<std::vector<rules::OnCallView>, std::string> on_call = words::parse_on_call_json(*on_call_body);
  if (!on_call) return unreadable(session, on_call.error());
  const bool is_ready = status->why_not_ready.empty();
  if (session.is_json()) {
    json::object whole = json::parse(*body).as_object();
    whole["url"] = remote.url();
    whole["on_call"] = json::parse(*on_call_body).at("on_call");
    session.out << json::serialize(whole) << "\n";
    return is_ready ? done : refused;
  }
  session.out << fmt::format("roused {} at {}: {}\n",
                             words::visible(status->version),
                             remote.url(),
                             is_ready ? "ready" : "not ready: " + words::visible(status->why_not_ready));
  session.out << words::draw_status(*status, session.drawing()) << "\n";
  session.out << words::draw_on_call(*on_call, session.now(), session.drawing());
  print_doubts(session, status->doubts, *on_call, session.now());
  return is_ready ? done : refused;
}

// ---- incidents ----

struct Wanted {
  std::string state{"open"};
  std::string service;
  std::string since;
  std::string after;
  std::size_t limit{100};
  bool held{};
};

int incidents(const Session& session, const Wanted& wanted) {
  std::string since;
  if (!wanted.since.empty()) {
    const tl::expected<rules::Duration, std::string> ago = rules::parse_duration(wanted.since);
    const std::optional<rules::Instant> at =
        ago ? session.now() - *ago : parse_time(wanted.since, session.environment.zone, session.now());
    if (!at) return session.fail(wrong_usage, "--since is how long ago, as 2h, or a time, as 2026-03-04T09:00:00Z");
    since = rules::print_rfc3339(*at);
  }
  std::string after;
  if (!wanted.after.empty()) {
    const tl::expected<rules::IncidentId, Failure> id = read_incident_id(wanted.after);
    if (!id) return fail(session, id.error());
    after = rules::print_incident(*id);
  }
  const Remote remote{session};
  const tl::expected<std::string, Failure> body =
      remote.get("/v1/incidents" + query({{"state", wanted.state},
                                          {"service", wanted.service},
                                          {"since", since},
                                          {"held", wanted.held ? "true" : ""},
                                          {"after", after},
                                          {"limit", std::to_string(wanted.limit)}}));
  if (!body) return fail(session, body.error());
  if (session.is_json()) {
    session.out << *body << "\n";
    return done;
  }
  const tl::expected<rules::IncidentList, std::string> list = words::parse_list_json(*body);
  if (!list) return unreadable(session, list.error());
  session.out << words::draw_list(*list, session.now(), session.drawing());
  return done;
}

// ---- show ----

int show(const Session& session, const std::string& name, bool is_watching) {
  const tl::expected<rules::IncidentId, Failure> id = read_incident_id(name);
  if (!id) return fail(session, id.error());
  const Remote remote{session};
  std::string before;
  for (;;) {
    const tl::expected<std::string, Failure> body = remote.get("/v1/incidents/" + rules::print_incident(*id));
    if (!body) return fail(session, remote, *id, body.error());
    if (session.is_json()) {
      // Of a watched incident one line each time that it has changed.
      if (*body != before) session.out << *body << "\n" << std::flush;
      before = *body;
    } else {
      const tl::expected<rules::IncidentView, std::string> view = words::parse_incident_json(*body);
      if (!view) return unreadable(session, view.error());
      const std::string picture = words::draw_incident(*view, session.now(), session.drawing());
      if (is_watching && session.environment.out_is_terminal) session.out << "\x1b[H\x1b[2J";
      session.out << picture << std::flush;
    }
    if (!is_watching || !session.environment.pause(redraw_every)) return done;
  }
}

// ---- oncall ----

int on_call(const Session& session, const std::string& at_text) {
  rules::Instant at = session.now();
  if (!at_text.empty()) {
    const std::optional<rules::Instant> given = parse_time(at_text, session.environment.zone, at);
    if (!given) {
      return session.fail(wrong_usage, "--at is a time, as 2026-03-04T09:00:00Z, or 2026-03-04T09:00 of your zone");
    }
    at = *given;
  }
  const Remote remote{session};
  const tl::expected<std::string, Failure> body =
      remote.get("/v1/oncall" + query({{"at", at_text.empty() ? "" : rules::print_rfc3339(at)}}));
  if (!body) return fail(session, body.error());
  if (session.is_json()) {
    session.out << *body << "\n";
    return done;
  }
  const tl::expected<std::vector<rules::OnCallView>, std::string> views = words::parse_on_call_json(*body);
  if (!views) return unreadable(session, views.error());
  const tl::expected<std::vector<rules::ContactDoubt>, std::string> doubts = words::parse_doubts_json(*body);
  if (!doubts) return unreadable(session, doubts.error());
  session.out << words::draw_on_call(*views, at, session.drawing());
  print_doubts(session, *doubts, *views, at);
  return done;
}

// ---- reachability ----

int reachability(const Session& session, const std::string& who) {
  const Remote remote{session};
  const tl::expected<std::string, Failure> body = remote.get("/v1/reachability" + query({{"who", who}}));
  if (!body) return fail(session, body.error());
  if (session.is_json()) {
    session.out << *body << "\n";
    return done;
  }
  const tl::expected<std::vector<words::ContactReach>, std::string> contacts = words::parse_reachability_json(*body);
  if (!contacts) return unreadable(session, contacts.error());
  session.out << words::draw_reachability(*contacts, session.now(), session.drawing());
  return done;
}

}  // namespace

void add_status(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("status", "Is it well, what is open, how the providers do, who is on call")
          ->group(reading_group);
  add_online_options(*command, session);
  command->footer("Exits 1 when the daemon is not ready.\n\nExample: rousectl status");
  command->callback([&session] { session.command = [&session] { return status(session); }; });
}

void add_incidents(CLI::App& app, Session& session) {
  CLI::App* const command = app.add_subcommand("incidents", "Incidents, newest first")->group(reading_group);
  const auto wanted = std::make_shared<Wanted>();
  command->add_option("--state", wanted->state, "open (default), triggered, acknowledged, resolved or all")
      ->type_name("STATE")
      ->check(CLI::IsMember({"open", "triggered", "acknowledged", "resolved", "all"}));
  command->add_option("--service", wanted->service, "of this service only")->type_name("NAME");
  command->add_flag("--held", wanted->held, "only those that something keeps back");
  command->add_option("--since", wanted->since, "opened since: how long ago (2h) or a time")->type_name("TIME");
  command->add_option("--after", wanted->after, "those that are older than this one")->type_name("INCIDENT");
  command->add_option("--limit", wanted->limit, "at most so many; default 100")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000));
  add_online_options(*command, session);
  command->footer("Example: rousectl incidents --state all --service checkout --since 7d");
  command->callback(
      [&session, wanted] { session.command = [&session, wanted] { return incidents(session, *wanted); }; });
}

void add_show(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("show", "An incident: its call tree, who was paged, what happens next and why")
          ->group(reading_group);
  const auto name = std::make_shared<std::string>();
  const auto is_watching = std::make_shared<bool>(false);
  command->add_option("ID", *name, "the incident: R-12, r12 or 12")->required();
  command->add_flag("--watch,-w", *is_watching, "draw it again every second, until Ctrl-C");
  add_online_options(*command, session);
  command->footer("Example: rousectl show R-12 --watch");
  command->callback([&session, name, is_watching] {
    session.command = [&session, name, is_watching] { return show(session, *name, *is_watching); };
  });
}

void add_on_call(CLI::App& app, Session& session) {
  CLI::App* const command = app.add_subcommand("oncall", "Who is on call, now or then")->group(reading_group);
  const auto at = std::make_shared<std::string>();
  command->add_option("--at", *at, "then, instead of now")->type_name("TIME");
  add_online_options(*command, session);
  command->footer("Example: rousectl oncall --at 2026-12-24T23:00");
  command->callback([&session, at] { session.command = [&session, at] { return on_call(session, *at); }; });
}

void add_reachability(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("reachability", "Who can be reached by what, and how often they were heard")
          ->group(reading_group);
  const auto who = std::make_shared<std::string>();
  command->add_option("WHO", *who, "only this person");
  add_online_options(*command, session);
  command->footer(
      "A page is heard when a human answered it: a key, a reply, a click. A voicemail is not.\n\n"
      "Example: rousectl reachability olga");
  command->callback([&session, who] { session.command = [&session, who] { return reachability(session, *who); }; });
}

}  // namespace ctl
