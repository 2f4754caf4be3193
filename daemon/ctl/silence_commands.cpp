// What people keep from paging for a while: silence and maintenance, each with list, add and an end.
#include <algorithm>
#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/words.hpp"
#include "daemon/ctl/remote.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/silence.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

using Views = std::vector<rules::SilenceView>;

// What is common to both, and where they differ.
struct Kind {
  rules::SilenceKind kind;
  const char* path;
  const char* noun;
};
constexpr Kind silence{rules::SilenceKind::silence, "/v1/silences", "silence"};
constexpr Kind maintenance{rules::SilenceKind::maintenance, "/v1/maintenance", "maintenance"};

struct Arguments {
  std::vector<std::string> names;  // matchers, or ids
  std::string service;
  std::string from;
  std::string length;
  std::string until;
  std::string comment;
  std::string by;
  bool expired{};
};

// "7a0c1f2e" of an id that looks like a UUID: enough to name it by.
std::string short_id(const std::string& id) {
  constexpr std::size_t whole = 36;
  return id.size() == whole && id[8] == '-' ? id.substr(0, 8) : id;
}

std::string print_when(const Session& session, rules::Instant at) {
  return fmt::format("{} ({})", session.print_time(at), words::print_relative(at - session.now()));
}

std::string print_span(const Session& session, const rules::Silence& one) {
  switch (rules::state_of(one, session.now())) {
    case rules::SilenceState::active:
      return "until " + print_when(session, one.to);
    case rules::SilenceState::pending:
      return fmt::format("from {} until {}", print_when(session, one.from), session.print_time(one.to));
    case rules::SilenceState::expired:
      return "ended " + print_when(session, one.to);
  }
  return {};
}

// What it covers, in the words of its kind.
std::string print_subject(const rules::Silence& one) {
  const std::string service = words::service_of(one);
  return words::visible(service.empty() ? words::print_matchers(one.matchers) : service);
}

tl::expected<Views, Failure> fetch(const Remote& remote, const Kind& kind, bool expired) {
  const tl::expected<std::string, Failure> body = remote.get(kind.path + query({{"expired", expired ? "true" : ""}}));
  if (!body) return tl::unexpected(body.error());
  tl::expected<Views, std::string> views = words::parse_silences_json(*body);
  if (views) return *std::move(views);
  return tl::unexpected(
      Failure{.code = refused, .status = 0, .message = "the answer of roused cannot be read: " + views.error()});
}

int list(const Session& session, const Kind& kind, const Arguments& arguments) {
  const Remote remote{session};
  if (session.is_json()) {
    const tl::expected<std::string, Failure> body =
        remote.get(kind.path + query({{"expired", arguments.expired ? "true" : ""}}));
    if (!body) return fail(session, body.error());
    session.out << *body << "\n";
    return done;
  }
  const tl::expected<Views, Failure> views = fetch(remote, kind, arguments.expired);
  if (!views) return fail(session, views.error());
  if (views->empty()) {
    session.out << fmt::format("There is no {}.\n", kind.noun);
    return done;
  }
  const bool is_maintenance = kind.kind == rules::SilenceKind::maintenance;
  std::vector<std::vector<std::string>> rows;
  for (const rules::SilenceView& view : *views) {
    const rules::Silence& one = view.silence;
    rows.push_back({short_id(one.id),
                    std::string{rules::to_text(rules::state_of(one, session.now()))},
                    print_subject(one),
                    print_span(session, one),
                    counted(view.alerts, "alert"),
                    one.by,
                    one.comment});
  }
  session.out << words::draw_table(
      {"ID", "STATE", is_maintenance ? "SERVICE" : "MATCHERS", "WHEN", "HOLDS", "BY", "COMMENT"},
      rows,
      session.drawing().width);
  return done;
}

int wrong(const Session& session, std::string_view why) {
  return session.fail(wrong_usage, why);
}

// Writes from, to or for into the body; what is wrong with them, or "".
std::string add_span(const Session& session, const Arguments& arguments, json::object& body) {
  const auto read = [&session](const std::string& text) {
    return parse_time(text, session.environment.zone, session.now());
  };
  if (arguments.length.empty() == arguments.until.empty()) {
    return "say when it ends: --for 2h, or --until 2026-03-04T18:00";
  }
  if (!arguments.from.empty()) {
    const std::optional<rules::Instant> from = read(arguments.from);
    if (!from) return "--from is a time, as 2026-03-04T09:00:00Z, or 2026-03-04T09:00 of your zone";
    body["from"] = rules::print_rfc3339(*from);
  }
  if (!arguments.length.empty()) {
    const tl::expected<rules::Duration, std::string> length = rules::parse_duration(arguments.length);
    if (!length) return "--for: " + length.error();
    body["for"] = arguments.length;
    return {};
  }
  const std::optional<rules::Instant> until = read(arguments.until);
  if (!until) return "--until is a time, as 2026-03-04T18:00:00Z, or 2026-03-04T18:00 of your zone";
  body["to"] = rules::print_rfc3339(*until);
  return {};
}

// As amtool reads them: a first word that is no matcher is an alertname.
tl::expected<json::array, std::string> read_matchers(const std::vector<std::string>& words) {
  json::array matchers;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string& word = words[index];
    const bool is_name = index == 0 && word.find_first_of("=~") == std::string::npos;
    tl::expected<std::vector<rules::Matcher>, std::string> read = std::vector<rules::Matcher>{};
    if (is_name) {
      tl::expected<rules::Matcher, std::string> matcher =
          rules::Matcher::make("alertname", rules::MatchOperator::equal, word);
      if (matcher) read->push_back(*std::move(matcher));
    } else {
      read = rules::parse_matchers(word);
    }
    if (!read) return tl::unexpected(read.error());
    for (const rules::Matcher& matcher : *read) matchers.emplace_back(json::string(matcher.text()));
  }
  return matchers;
}

// What the daemon says beside having done it.
std::string warning_of(std::string_view answer) {
  boost::system::error_code error;
  const json::value document = json::parse({answer.data(), answer.size()}, error);
  const json::object* const object = error ? nullptr : document.if_object();
  const json::value* const warning = object == nullptr ? nullptr : object->if_contains("warning");
  return warning != nullptr && warning->is_string() ? std::string{warning->get_string()} : std::string{};
}

int add(const Session& session, const Kind& kind, const Arguments& arguments) {
  json::object body{{"by", arguments.by}, {"comment", arguments.comment}};
  if (kind.kind == rules::SilenceKind::maintenance) {
    body["service"] = arguments.service;
  } else {
    tl::expected<json::array, std::string> matchers = read_matchers(arguments.names);
    if (!matchers) return wrong(session, matchers.error());
    body["matchers"] = *std::move(matchers);
  }
  if (const std::string why = add_span(session, arguments, body); !why.empty()) return wrong(session, why);
  const Remote remote{session};
  const tl::expected<std::string, Failure> answer = remote.post(kind.path, json::serialize(body));
  if (!answer) return fail(session, answer.error());
  if (session.is_json()) {
    session.out << *answer << "\n";
    return done;
  }
  const tl::expected<rules::SilenceView, std::string> view = words::parse_silence_json(*answer);
  if (!view) return session.fail(refused, "it was done, but the answer of roused cannot be read: " + view.error());
  if (const std::string warning = warning_of(*answer); !warning.empty()) {
    session.error << "rousectl: warning: " << words::visible(warning) << "\n";
  }
  const rules::Silence& one = view->silence;
  session.out << fmt::format("{} {}: {} {}, by {}\n",
                             kind.noun,
                             short_id(one.id),
                             print_subject(one),
                             print_span(session, one),
                             words::visible(one.by));
  return done;
}

// Those that an argument names: by id, by the beginning of one id, or maintenance by its service.
tl::expected<std::vector<std::string>, std::string> ids_of(const Views& views,
                                                           const Kind& kind,
                                                           const std::string& name) {
  constexpr std::size_t least_letters = 4;  // a slip of the hand must not end what somebody relies on
  std::vector<std::string> by_beginning;
  std::vector<std::string> by_service;
  for (const rules::SilenceView& view : views) {
    const rules::Silence& one = view.silence;
    if (one.id == name) return std::vector<std::string>{one.id};
    if (name.size() >= least_letters && one.id.starts_with(name)) by_beginning.push_back(one.id);
    if (!one.recurring && !name.empty() && words::service_of(one) == name) by_service.push_back(one.id);
  }
  if (!by_service.empty()) return by_service;
  if (by_beginning.size() == 1) return by_beginning;
  if (by_beginning.empty() && name.size() < least_letters) {
    return tl::unexpected(fmt::format(
        "{} is too short for the beginning of an id: give at least {} letters of it; `rousectl {}` lists them",
        config::shown(name),
        least_letters,
        kind.noun));
  }
  if (by_beginning.empty()) {
    return tl::unexpected(fmt::format(
        "there is no {0} {1} that could be ended; `rousectl {0}` lists them", kind.noun, config::shown(name)));
  }
  return tl::unexpected(
      fmt::format("{} is the beginning of several: {}", config::shown(name), fmt::join(by_beginning, ", ")));
}

int end(const Session& session, const Kind& kind, const Arguments& arguments) {
  const Remote remote{session};
  const tl::expected<Views, Failure> views = fetch(remote, kind, false);
  if (!views) return fail(session, views.error());
  json::array ended;
  for (const std::string& name : arguments.names) {
    const tl::expected<std::vector<std::string>, std::string> ids = ids_of(*views, kind, name);
    if (!ids) return session.fail(refused, ids.error());
    for (const std::string& id : *ids) {
      const tl::expected<std::string, Failure> answer =
          remote.remove(fmt::format("{}/{}{}", kind.path, percent_encode(id), query({{"by", arguments.by}})));
      if (!answer) return fail(session, answer.error());
      ended.emplace_back(json::string(id));
      if (!session.is_json()) {
        session.out << fmt::format("{} {} has ended; what still fires is paged\n", kind.noun, short_id(id));
      }
    }
  }
  if (session.is_json()) session.out << json::serialize(json::object{{"ended", std::move(ended)}}) << "\n";
  return done;
}

using Act = int (*)(const Session&, const Kind&, const Arguments&);

void run_as(CLI::App& command, Session& session, const Kind& kind, Act act, std::shared_ptr<Arguments> arguments) {
  add_online_options(command, session);
  command.callback([&session, &kind, act, arguments = std::move(arguments)] {
    session.command = [&session, &kind, act, arguments] { return act(session, kind, *arguments); };
  });
}

void add_author(CLI::App& command, Session& session, Arguments& arguments) {
  arguments.by = session.environment.login;
  command.add_option("--by", arguments.by, "who acts; default your login name")->type_name("NAME");
}

void add_list(CLI::App& parent, Session& session, const Kind& kind) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const command = parent.add_subcommand("list", "Those that hold now or will");
  command->add_flag("--expired", arguments->expired, "those of the last five days that have ended, too");
  run_as(*command, session, kind, &list, arguments);
  // Without a word of its own the command lists.
  parent.add_flag("--expired", arguments->expired, "with those of the last five days that have ended");
  add_online_options(parent, session);
  parent.callback([&session, &kind, &parent, arguments] {
    if (!parent.get_subcommands().empty()) return;
    session.command = [&session, &kind, arguments] { return list(session, kind, *arguments); };
  });
}

void add_add(CLI::App& parent, Session& session, const Kind& kind) {
  const auto arguments = std::make_shared<Arguments>();
  const bool is_maintenance = kind.kind == rules::SilenceKind::maintenance;
  CLI::App* const command =
      parent.add_subcommand("add", is_maintenance ? "Plan maintenance of a service" : "Keep alerts from paging");
  if (is_maintenance) {
    command->add_option("SERVICE", arguments->service, "as the alerts' service label says")->required();
  } else {
    command->add_option("MATCHERS", arguments->names, "alertname or matchers: service=checkout 'severity=~\"w.*\"'")
        ->required()
        ->expected(1, -1);
  }
  command->add_option("--for", arguments->length, "for how long: 30m, 2h")->type_name("DURATION");
  command->add_option("--until", arguments->until, "its end")->type_name("TIME");
  command->add_option("--from", arguments->from, "its begin; default now")->type_name("TIME");
  command->add_option("--comment", arguments->comment, "why")->type_name("TEXT");
  add_author(*command, session, *arguments);
  command->footer(
      is_maintenance
          ? "Example: rousectl maintenance add checkout --from 2026-03-04T22:00 --for 2h --comment upgrade"
          : "Example: rousectl silence add DiskFull service=checkout --for 2h --comment \"disks are replaced\"");
  run_as(*command, session, kind, &add, arguments);
}

void add_end(CLI::App& parent, Session& session, const Kind& kind) {
  const auto arguments = std::make_shared<Arguments>();
  const bool is_maintenance = kind.kind == rules::SilenceKind::maintenance;
  CLI::App* const command = parent.add_subcommand(is_maintenance ? "end" : "expire", "End it now");
  command
      ->add_option(is_maintenance ? "SERVICE" : "ID",
                   arguments->names,
                   is_maintenance ? "the service, or the id" : "the id, or its beginning")
      ->required()
      ->expected(1, -1);
  add_author(*command, session, *arguments);
  run_as(*command, session, kind, &end, arguments);
}

void add_kind(CLI::App& app, Session& session, const Kind& kind, const char* about) {
  CLI::App* const command = app.add_subcommand(kind.noun, about)->group(acting_group);
  command->require_subcommand(0, 1);
  add_list(*command, session, kind);
  add_add(*command, session, kind);
  add_end(*command, session, kind);
}

}  // namespace

void add_silence(CLI::App& app, Session& session) {
  add_kind(app, session, silence, "Keep alerts from paging for a while: list, add, expire");
}

void add_maintenance(CLI::App& app, Session& session) {
  add_kind(app, session, maintenance, "Planned work on a service, which keeps its alerts from paging: list, add, end");
}

}  // namespace ctl
