// What people do to an incident: ack, escalate, snooze, resolve, call, note.
#include <algorithm>
#include <memory>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/ctl/remote.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

struct Arguments {
  std::string incident;
  std::string by;
  std::string length;             // snooze
  std::string who;                // call
  std::vector<std::string> text;  // note
};

std::string print_in(const Session& session, rules::Instant at) {
  return words::print_relative(at - session.now());
}

// "runs out in 30m 0s"
std::string print_end(const Session& session, const rules::IncidentView& view) {
  for (const rules::NextView& next : view.next) {
    if (next.kind == rules::NextKind::acknowledgement_ends) {
      return "; the acknowledgement runs out " + print_in(session, next.at);
    }
    if (next.kind == rules::NextKind::snooze_ends) {
      return fmt::format(
          "; people are called again {}, at {}", print_in(session, next.at), session.print_time(next.at));
    }
  }
  return "; it does not run out";
}

std::string print_place(const Session& session, const rules::IncidentView& view) {
  std::string text;
  for (const rules::StepView& step : view.steps) {
    if (step.state != rules::StepState::current || view.phase != rules::ClimbPhase::climbing) continue;
    text =
        fmt::format("; now at step {} of {}, round {} of {}", step.number, view.steps.size(), view.round, view.rounds);
    std::vector<std::string> people;
    for (const rules::OnCall& one : step.on_call) people.push_back(words::visible(one.person));
    if (!people.empty()) text += fmt::format(": {}", fmt::join(people, ", "));
  }
  if (view.phase == rules::ClimbPhase::last_resort) text = "; the last resort is called";
  if (view.phase == rules::ClimbPhase::begins_again) text = "; nobody could be reached, the climb begins again";
  for (const rules::NextView& next : view.next) {
    if (next.kind == rules::NextKind::personal_rule) continue;
    text += fmt::format("; it climbs on {}", print_in(session, next.at));
    break;
  }
  return text;
}

// One of the verbs: what it posts, and what has happened when it was done.
struct Verb {
  const char* name;
  const char* about;
  const char* example;
  const char* done;  // "acknowledged by"
};

constexpr Verb verbs[] = {
    {"ack", "Acknowledge: you have it, the climb stops", "rousectl ack R-12 --by olga", "acknowledged"},
    {"escalate", "Call the next step now", "rousectl escalate R-12", "escalated"},
    {"snooze", "Acknowledge for a while, at most 24h", "rousectl snooze R-12 --for 2h", "snoozed"},
    {"resolve", "Close it", "rousectl resolve R-12", "resolved"},
    {"call", "Call a person, a rotation or specialists at once, beside the climb", "rousectl call R-12 database", ""},
    {"note", "Write into the timeline", "rousectl note R-12 the disk of db1 is full", ""},
    {"update", "Tell the company, and who asked, how it stands", "rousectl update R-12 half of the orders fail", ""},
    {"follow", "Get its updates until it is over", "rousectl follow R-12 --by olga", ""},
    {"unfollow", "Get no more of its updates", "rousectl unfollow R-12 --by olga", ""},
};

std::string sentence(const Session& session,
                     const Verb& verb,
                     const Arguments& arguments,
                     const rules::IncidentView& view) {
  const std::string_view name = verb.name;
  const std::string id = rules::print_incident(view.facts.id);
  // With an access section the daemon knows better than --by who acted.
  const bool is_known = (name == "ack" || name == "snooze" || name == "resolve") && !view.by.empty();
  const std::string by = words::visible(is_known ? view.by : arguments.by);
  if (name == "call")
    return fmt::format("{}: {} is being called, asked for by {}", id, words::visible(arguments.who), by);
  if (name == "note") return fmt::format("{}: noted by {}", id, by);
  if (name == "update") return fmt::format("{}: an update by {} is published", id, by);
  if (name == "follow") return fmt::format("{}: {} gets its updates until it is over", id, by);
  if (name == "unfollow") return fmt::format("{}: {} gets no more of its updates", id, by);
  std::string text = fmt::format("{} {} by {}", id, verb.done, by);
  if (name == "ack") text += "; the climb has stopped" + print_end(session, view);
  if (name == "snooze")
    text += fmt::format(" for {}; the climb has stopped", arguments.length) + print_end(session, view);
  if (name == "escalate") text += print_place(session, view);
  if (name == "resolve") text += "; nobody is called any more";
  return text;
}

int act(const Session& session, const Verb& verb, const Arguments& arguments) {
  const tl::expected<rules::IncidentId, Failure> id = read_incident_id(arguments.incident);
  if (!id) return fail(session, id.error());
  json::object body{{"by", arguments.by}};
  if (!arguments.length.empty()) {
    if (const tl::expected<rules::Duration, std::string> length = rules::parse_duration(arguments.length); !length) {
      return session.fail(wrong_usage, "--for: " + length.error());
    }
    body["for"] = arguments.length;
  }
  if (!arguments.who.empty()) body["who"] = arguments.who;
  if (!arguments.text.empty()) body["text"] = fmt::format("{}", fmt::join(arguments.text, " "));
  const Remote remote{session};
  const tl::expected<std::string, Failure> answer =
      remote.post(fmt::format("/v1/incidents/{}/{}", rules::print_incident(*id), verb.name), json::serialize(body));
  if (!answer) return fail(session, remote, *id, answer.error());
  if (session.is_json()) {
    session.out << *answer << "\n";
    return done;
  }
  const tl::expected<rules::IncidentView, std::string> view = words::parse_incident_json(*answer);
  if (!view) {
    return session.fail(refused, "it was done, but the answer of roused cannot be read: " + view.error());
  }
  session.out << sentence(session, verb, arguments, *view) << "\n";
  return done;
}

}  // namespace

void add_verbs(CLI::App& app, Session& session) {
  for (const Verb& verb : verbs) {
    CLI::App* const command = app.add_subcommand(verb.name, verb.about)->group(acting_group);
    const auto arguments = std::make_shared<Arguments>();
    const std::string_view name = verb.name;
    command->add_option("ID", arguments->incident, "the incident: R-12, r12 or 12")->required();
    if (name == "call") command->add_option("WHO", arguments->who, "a person, a rotation or specialists")->required();
    const bool is_written = name == "note" || name == "update";
    if (is_written) command->add_option("TEXT", arguments->text, "what to write")->required()->expected(1, -1);
    if (name == "snooze") {
      command->add_option("--for", arguments->length, "for how long: 30m, 2h")->required()->type_name("DURATION");
    }
    arguments->by = session.environment.login;
    command->add_option("--by", arguments->by, "who acts; default your login name")->type_name("NAME");
    add_online_options(*command, session);
    command->footer(fmt::format("Example: {}", verb.example));
    command->callback([&session, &verb, arguments] {
      session.command = [&session, &verb, arguments] { return act(session, verb, *arguments); };
    });
  }
}

}  // namespace ctl
