// A notification command that loses nothing: what Nagios calls once and forgets is on the disk before anything is sent,
// and leaves it when the daemon has it.
#include "daemon/ctl/nagios_command.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "daemon/ctl/remote.hpp"
#include "daemon/ctl/spool.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "rules/moment.hpp"

namespace ctl {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

constexpr std::chrono::seconds notification_limit{5};  // Nagios kills its commands after 30 s, and waits for some
constexpr std::chrono::seconds flush_limit{50};        // of a timer that runs every minute
constexpr std::chrono::milliseconds call_limit{4'000};
constexpr std::chrono::milliseconds least_call{100};
constexpr rules::Duration look_again_every{std::chrono::milliseconds{100}};
constexpr int looks = 5;  // readers see what was sent a moment after its answer
constexpr std::string_view usual_spool = "/var/spool/rouse";

std::string spool_folder(const Session& session, const std::string& given) {
  if (!given.empty()) return given;
  const auto variable = [&session](const char* name) { return session.environment.variable(name).value_or(""); };
  if (const std::string named = variable("ROUSE_SPOOL"); !named.empty()) return named;
  if (::access(usual_spool.data(), R_OK | W_OK | X_OK) == 0) return std::string{usual_spool};
  if (const std::string state = variable("XDG_STATE_HOME"); !state.empty()) return state + "/rouse/spool";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.local/state/rouse/spool";
  return std::string{usual_spool};
}

// Tells the daemon one notification after the other, all within one limit of time.
class Teller {
 public:
  Teller(const Session& session, steady_clock::time_point deadline)
      : session_{session}, remote_{session}, deadline_{deadline} {}

  struct Told {
    Spool::Ending ending{Spool::Ending::later};
    ExitCode code{done};
    std::string words;  // what went wrong, or what came of it
  };

  Told tell(const ctl::Told& told) {
    if (told.kind == ctl::Told::Kind::alert) {
      const tl::expected<std::string, Failure> answer = ask_post("/v1/alerts/alertmanager", told.body);
      if (!answer) return failed(answer.error());
      return Told{.ending = Spool::Ending::delivered, .code = done, .words = {}};
    }
    return tell_incidents(told);
  }

 private:
  static Told failed(const Failure& failure) {
    Told told{.ending = Spool::Ending::later, .code = failure.code, .words = failure.message};
    // These say that the body itself is wrong, so it would be refused again.
    for (const unsigned status : {400U, 413U, 415U, 422U}) {
      if (failure.status == status) told.ending = Spool::Ending::refused;
    }
    return told;
  }

  [[nodiscard]] bool has_time() {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - steady_clock::now());
    remote_.set_timeout(std::min<rules::Duration>(call_limit, left));
    return left >= least_call;
  }
  static tl::unexpected<Failure> no_time() {
    return tl::unexpected{Failure{.code = unreachable, .status = 0, .message = "roused did not answer in time"}};
  }
  tl::expected<std::string, Failure> ask_post(const std::string& path, const std::string& body) {
    if (!has_time()) return no_time();
    return remote_.post(path, body);
  }

  // The open incidents that have an alert of this check.
  tl::expected<std::vector<rules::IncidentId>, Failure> incidents_of(const rules::Labels& check) {
    std::vector<rules::IncidentId> found;
    std::string after;
    do {
      if (!has_time()) return no_time();
      const tl::expected<std::string, Failure> body = remote_.get(
          "/v1/incidents" + query({{"state", "open"}, {"alerts", "true"}, {"limit", "1000"}, {"after", after}}));
      if (!body) return tl::unexpected{body.error()};
      const tl::expected<rules::IncidentList, std::string> list = words::parse_list_json(*body);
      if (!list) {
        return tl::unexpected{
            Failure{.code = refused, .status = 0, .message = "the answer of roused cannot be read: " + list.error()}};
      }
      for (const rules::IncidentView& view : list->incidents) {
        const bool has_it =
            std::any_of(view.alerts.begin(), view.alerts.end(), [&check](const rules::AlertView& alert) {
              return alert.firing && is_of_check(alert.labels, check);
            });
        if (has_it) found.push_back(view.facts.id);
      }
      after = list->next ? rules::print_incident(*list->next) : std::string{};
    } while (!after.empty());
    return found;
  }

  Told tell_incidents(const ctl::Told& told) {
    std::vector<rules::IncidentId> incidents;
    for (int look = 0; look < looks && incidents.empty(); ++look) {
      if (look > 0 && !session_.environment.pause(look_again_every)) break;
      tl::expected<std::vector<rules::IncidentId>, Failure> found = incidents_of(told.labels);
      if (!found) return failed(found.error());
      incidents = std::move(*found);
    }
    Told result{.ending = Spool::Ending::delivered, .code = done, .words = {}};
    if (incidents.empty()) result.words = fmt::format("no open incident has {}", words::visible(told.about));
    for (const rules::IncidentId id : incidents) {
      const std::string name = rules::print_incident(id);
      if (told.kind == ctl::Told::Kind::acknowledge) {
        const tl::expected<std::string, Failure> answer =
            ask_post("/v1/incidents/" + name + "/ack", json::serialize(json::object{{"by", told.by}}));
        // 409: somebody has resolved it meanwhile; 404: it is gone. Nothing is left to do.
        if (!answer && answer.error().status != 409 && answer.error().status != 404) return failed(answer.error());
        result.words += fmt::format("{}{} acknowledged by {}", result.words.empty() ? "" : "; ", name, told.by);
      }
      if (told.text.empty()) continue;
      const tl::expected<std::string, Failure> noted = ask_post(
          "/v1/incidents/" + name + "/note", json::serialize(json::object{{"by", told.by}, {"text", told.text}}));
      // What was acknowledged is not acknowledged again for the sake of its comment.
      if (!noted && told.kind == ctl::Told::Kind::note) return failed(noted.error());
      result.words += fmt::format("{}{} noted", result.words.empty() ? "" : "; ", name);
    }
    return result;
  }

  const Session& session_;
  Remote remote_;
  steady_clock::time_point deadline_;
};

// Delivers from a spool; remembers how one entry ended, and why the last one did not leave.
struct Delivery {
  Teller& teller;
  const Session& session;
  std::string own{};  // the entry of this run
  std::optional<Teller::Told> ended{};
  Teller::Told last{};

  Spool::Ending operator()(const std::string& name, const std::string& bytes) {
    const tl::expected<Told, std::string> told = from_spool(bytes);
    if (told) {
      last = teller.tell(*told);
    } else {
      last = {.ending = Spool::Ending::refused, .code = refused, .words = told.error()};
    }
    if (name == own) {
      ended = last;
    } else if (last.ending == Spool::Ending::refused) {
      session.error << fmt::format(
          "rousectl: {} was refused and is kept in refused/{}: {}\n", told ? told->words : name, name, last.words);
    }
    return last.ending;
  }
};

void print_json(const Session& session, std::string_view outcome, const std::string& words, std::size_t waiting) {
  json::object object{{"version", 1}};
  object["outcome"] = json::string(outcome.data(), outcome.size());
  object["what"] = words;
  object["waiting"] = waiting;
  session.out << json::serialize(object) << "\n";
}

}  // namespace

std::vector<CLI::Option*> add_nagios_options(CLI::App& command, NagiosArguments& arguments) {
  Notification& notification = arguments.notification;
  CLI::Option* const nagios = command.add_flag(
      "--nagios", arguments.is_nagios, "be the notification command of Nagios or Icinga: spools when roused is away");
  CLI::Option* const flush =
      command.add_flag("--flush", arguments.is_flush, "send what waits in the spool")->excludes(nagios);
  command.add_option("--spool", arguments.spool, "folder; default $ROUSE_SPOOL, else /var/spool/rouse")
      ->type_name("DIR");
  const auto add = [&command, nagios](const char* name, std::string& value, const char* about) {
    command.add_option(name, value, about)->type_name("TEXT")->needs(nagios)->group("With --nagios");
  };
  add("--type", notification.type, "PROBLEM, RECOVERY, ...; default $NAGIOS_NOTIFICATIONTYPE, else $NOTIFICATIONTYPE");
  add("--host", notification.host, "the host's name; this and all others likewise from the environment");
  add("--service", notification.service, "the service's description; empty: the host itself");
  add("--state", notification.state, "CRITICAL, DOWN, ...");
  add("--plugin-output", notification.output, "what the check says");
  add("--long-output", notification.long_output, "all that it says, \\n for a new line");
  add("--problem-id", notification.problem_id, "");
  add("--last-problem-id", notification.last_problem_id, "");
  add("--number", notification.number, "of the problem's notifications");
  add("--time", notification.time, "Unix seconds or RFC 3339");
  add("--author", notification.author, "of an acknowledgement");
  add("--comment", notification.comment, "of an acknowledgement");
  command.add_option("--state-severity", arguments.severities, "UNKNOWN=critical; =none: do not tell")
      ->type_name("STATE=WORD")
      ->expected(1)
      ->take_all()
      ->needs(nagios)
      ->group("With --nagios");
  return {nagios, flush};
}

int send_nagios(const Session& session, const NagiosArguments& arguments, NagiosOptions options) {
  for (const std::string& text : arguments.severities) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return session.fail(wrong_usage, fmt::format("--state-severity: `{}` is not STATE=WORD", words::visible(text)));
    }
    options.severities[text.substr(0, equals)] = text.substr(equals + 1);
  }
  const tl::expected<Told, std::string> told =
      tell(complete(arguments.notification, session.environment.variable), options, session.now());
  if (!told) return session.fail(wrong_usage, told.error());

  const steady_clock::time_point deadline = steady_clock::now() + notification_limit;
  Teller teller{session, deadline};
  Delivery delivery{.teller = teller, .session = session};
  const tl::expected<Spool, std::string> spool = Spool::open(spool_folder(session, arguments.spool));
  std::string trouble = spool ? std::string{} : spool.error();
  const bool says_something = told->kind != Told::Kind::nothing;
  if (spool && says_something) {
    const tl::expected<std::string, std::string> name = spool->put(to_spool(*told), session.now());
    if (name) {
      delivery.own = *name;
    } else {
      trouble = name.error();
    }
  }
  Spool::Drained drained;
  if (spool) drained = spool->drain(std::ref(delivery), deadline);
  if (!says_something) {
    if (session.is_json()) {
      print_json(session, "nothing", told->words, drained.waiting);
    } else {
      session.out << told->words << "\n";
    }
    return done;
  }
  const bool is_spooled = !delivery.own.empty();
  if (!is_spooled && drained.waiting > 0) {  // it must not overtake those that wait
    return session.fail(unreachable,
                        fmt::format("{} is lost: {}, and the spool cannot take it: {}",
                                    told->words,
                                    delivery.last.words.empty() ? drained.trouble : delivery.last.words,
                                    trouble));
  }
  if (!is_spooled) {
    session.error << fmt::format("rousectl: {}; sending without a spool\n", trouble);
    delivery.ended = teller.tell(*told);
    if (delivery.ended->ending == Spool::Ending::later) {
      return session.fail(
          delivery.ended->code == unreachable ? unreachable : refused,
          fmt::format("{} is lost: {}, and the spool cannot take it", told->words, delivery.ended->words));
    }
  }
  // Without an ending of its own: not reached in time, or another run has sent it.
  const bool has_left = delivery.ended ? delivery.ended->ending == Spool::Ending::delivered
                                       : !std::filesystem::exists(spool->folder() / delivery.own);
  if (has_left) {
    const std::string words = delivery.ended && !delivery.ended->words.empty()
                                  ? fmt::format("{}: {}", told->words, delivery.ended->words)
                                  : fmt::format("{}: roused has it", told->words);
    if (session.is_json()) {
      print_json(session, "sent", words, drained.waiting);
    } else {
      session.out << words << "\n";
    }
    return done;
  }
  if (delivery.ended && delivery.ended->ending == Spool::Ending::refused) {
    return session.fail(refused, fmt::format("{} was refused: {}", told->words, delivery.ended->words));
  }
  const std::string why = !drained.trouble.empty()       ? drained.trouble
                          : drained.busy                 ? std::string{"another run is sending"}
                          : !delivery.last.words.empty() ? delivery.last.words
                                                         : std::string{"there was no time left"};
  session.error << fmt::format(
      "rousectl: {} waits in {} (with {} in all): {}\n", told->words, spool->folder().string(), drained.waiting, why);
  if (session.is_json()) print_json(session, "spooled", told->words, drained.waiting);
  return done;
}

int flush_spool(const Session& session, const NagiosArguments& arguments) {
  const std::string folder = spool_folder(session, arguments.spool);
  const tl::expected<Spool, std::string> spool = Spool::open(folder);
  if (!spool) return session.fail(refused, spool.error());
  const steady_clock::time_point deadline = steady_clock::now() + flush_limit;
  Teller teller{session, deadline};
  Delivery delivery{.teller = teller, .session = session};
  const Spool::Drained drained = spool->drain(std::ref(delivery), deadline);
  if (session.is_json()) {
    print_json(session,
               drained.waiting > 0 ? "spooled" : "sent",
               fmt::format("{} sent, {} refused", drained.delivered, drained.refused),
               drained.waiting);
  } else if (drained.delivered > 0) {
    session.out << fmt::format("{} sent\n", counted(drained.delivered, "notification"));
  }
  if (!drained.trouble.empty()) return session.fail(refused, drained.trouble);
  if (drained.busy) {
    session.error << "rousectl: another run is sending\n";
    return done;
  }
  if (drained.waiting > 0 && delivery.last.ending == Spool::Ending::later) {
    return session.fail(delivery.last.code == unreachable ? unreachable : refused,
                        fmt::format("{} wait{} in {}: {}",
                                    counted(drained.waiting, "notification"),
                                    drained.waiting == 1 ? "s" : "",
                                    folder,
                                    delivery.last.words));
  }
  return drained.refused > 0 ? refused : done;
}

}  // namespace ctl
