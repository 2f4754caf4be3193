#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/load.hpp"
#include "daemon/ctl/session.hpp"
#include "daemon/rehearse/simulate.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/page.hpp"
#include "rules/codec/codec.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

struct Arguments {
  std::string config;
  std::string events;
  std::string until;
  std::uint64_t key_seed{1};
};

// The incident as lists show it, right after something happened to it.
std::optional<rules::IncidentView> head_of(const rules::State& state, rules::IncidentId id) {
  const rules::IncidentFilter filter{.state = rules::StateFilter::all,
                                     .service = {},
                                     .since = {},
                                     .limit = 1,
                                     .after = rules::IncidentId{id.value + 1},
                                     .alerts = false};
  rules::IncidentList list = rules::list_incidents(state, filter);
  if (list.incidents.empty() || list.incidents.front().facts.id != id) return std::nullopt;
  return std::move(list.incidents.front());
}

// A page of a bundle stands for itself: one line for each incident.
rules::Send alone(const rehearse::LeftPage& left) {
  rules::Send send = left.message;
  send.pages = {left.page};
  return send;
}

class Printer {
 public:
  virtual ~Printer() = default;
  virtual void print(const rehearse::World& world, const rehearse::IncidentMoved& moved) = 0;
  virtual void print(const rehearse::World& world, const rehearse::HeldRecord& held) = 0;
  virtual void print(const rehearse::World& world, const rehearse::LeftPage& left) = 0;
};

class JsonLines : public Printer {
 public:
  JsonLines(std::ostream& out, std::string public_url) : out_{out}, public_url_{std::move(public_url)} {}

  void print(const rehearse::World& world, const rehearse::IncidentMoved& moved) override {
    json::object incident;
    if (const std::optional<rules::IncidentView> view = head_of(world.state(), moved.incident)) {
      incident = json::parse(words::incident_json(*view, false, public_url_)).as_object();
    } else {
      incident["id"] = rules::print_incident(moved.incident);
    }
    incident["state"] = rules::to_text(moved.state);
    incident["climb"] =
        json::object{{"phase", words::to_text(moved.phase)}, {"step", moved.step}, {"round", moved.round}};
    line(moved.at, "incident", std::move(incident));
  }
  void print(const rehearse::World&, const rehearse::HeldRecord& held) override {
    line(held.at, "held", json::object{{"incident", rules::print_incident(held.incident)}, {"because", held.because}});
  }
  void print(const rehearse::World&, const rehearse::LeftPage& left) override {
    json::object whole = json::parse(words::page_json(alone(left), public_url_)).as_object();
    line(left.at, "page", std::move(whole["page"]));
  }

 private:
  void line(rules::Instant at, std::string_view name, json::value what) {
    json::object object{{"version", 1}, {"at", rules::print_rfc3339(at)}};
    object[name] = std::move(what);
    out_ << json::serialize(object) << '\n';
  }
  std::ostream& out_;
  std::string public_url_;
};

class Lines : public Printer {
 public:
  Lines(std::ostream& out, const rules::Zone& zone) : out_{out}, zone_{zone} {}

  void print(const rehearse::World& world, const rehearse::IncidentMoved& moved) override {
    std::string text;
    const std::optional<rules::IncidentView> view = head_of(world.state(), moved.incident);
    switch (moved.state) {
      case rules::IncidentState::acknowledged:
        text = view && !view->by.empty() ? "acknowledged by " + words::visible(view->by) : "acknowledged";
        break;
      case rules::IncidentState::resolved:
        text = "resolved";
        break;
      case rules::IncidentState::triggered:
        text = "triggered" + where(moved);
        break;
    }
    if (view) text += ": " + words::visible(view->facts.summary);
    line(moved.at, moved.incident, text);
  }
  void print(const rehearse::World&, const rehearse::HeldRecord& held) override {
    line(held.at, held.incident, "held: " + words::visible(held.because));
  }
  void print(const rehearse::World&, const rehearse::LeftPage& left) override {
    std::string text = fmt::format("  page to {} by {}", left.message.person, left.message.contact);
    if (left.page.step > 0) text += fmt::format(", step {}, round {}", left.page.step, left.page.round);
    text += fmt::format(": {}", words::reason_text(left.page.reason));
    if (left.message.possible_duplicate) text += ", perhaps for the second time";
    line(left.at, left.page.incident.id, text);
  }

 private:
  static std::string where(const rehearse::IncidentMoved& moved) {
    switch (moved.phase) {
      case rules::ClimbPhase::idle:
        return {};
      case rules::ClimbPhase::climbing:
        return fmt::format(", step {}, round {}", moved.step, moved.round);
      case rules::ClimbPhase::last_resort:
        return ", last resort";
      case rules::ClimbPhase::begins_again:
        return ", the climb begins again";
    }
    return {};
  }
  void line(rules::Instant at, rules::IncidentId incident, std::string_view text) {
    out_ << fmt::format("{}  {:<7} {}\n", print_date(zone_, at), rules::print_incident(incident), text);
  }
  std::ostream& out_;
  const rules::Zone& zone_;
};

// Redrawn only when the percentage has changed; gone at the end.
class ProgressBar {
 public:
  explicit ProgressBar(std::ostream& stream) : stream_{stream} {}
  ~ProgressBar() {
    if (percent_ >= 0) stream_ << "\r\x1b[K" << std::flush;
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(double part) {
    const int percent = static_cast<int>(part * 100);
    if (percent == percent_) return;
    percent_ = percent;
    constexpr int cells = 40;
    const auto filled = static_cast<std::size_t>(percent * cells / 100);
    stream_ << "\r[" << std::string(filled, '#') << std::string(cells - filled, '.') << "] " << percent << "%"
            << std::flush;
  }

 private:
  std::ostream& stream_;
  int percent_{-1};
};

int simulate(const Session& session, const Arguments& arguments) {
  rehearse::SimulationOptions options;
  options.key_seed = arguments.key_seed;
  options.folder = std::filesystem::path{arguments.events}.parent_path().string();
  if (options.folder.empty()) options.folder = ".";
  if (!arguments.until.empty()) {
    options.until = parse_time(arguments.until, session.environment.zone, session.now());
    if (!options.until) return session.fail(wrong_usage, "--until is a time, as 2026-03-04T09:00:00Z");
  }
  config::Loaded loaded = config::load_file(arguments.config);
  session.error << config::print(loaded ? loaded->warnings : loaded.error());
  std::ifstream stream{arguments.events, std::ios::binary};
  if (!stream) return session.fail(refused, fmt::format("cannot read {}", arguments.events));
  std::ostringstream text;
  text << stream.rdbuf();
  const rehearse::EventLines lines = rehearse::read_event_lines(text.str(), arguments.events);
  session.error << config::print(lines.problems);
  const bool is_sound = std::none_of(lines.problems.begin(), lines.problems.end(), [](const config::Problem& problem) {
    return problem.severity == config::Severity::error;
  });
  if (!loaded) return session.fail(refused, fmt::format("{} has errors; nothing was simulated", arguments.config));
  if (!is_sound) return session.fail(refused, fmt::format("{} has errors; nothing was simulated", arguments.events));

  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  std::unique_ptr<Printer> printer;
  if (session.is_json()) {
    printer = std::make_unique<JsonLines>(session.out, policy->public_url);
  } else {
    printer = std::make_unique<Lines>(session.out, session.environment.zone);
  }
  // Lines that scroll by on the same terminal show the progress themselves.
  std::optional<ProgressBar> bar;
  if (session.environment.error_is_terminal && !session.environment.out_is_terminal) bar.emplace(session.error);
  const auto happened = [&](const rehearse::World& world, const rehearse::Happening& happening) {
    if (const auto* remark = std::get_if<rehearse::Remark>(&happening)) {
      session.error << fmt::format("{}:{}: note: {}\n", arguments.events, remark->place.line, remark->text);
    } else if (const auto* moved = std::get_if<rehearse::IncidentMoved>(&happening)) {
      printer->print(world, *moved);
    } else if (const auto* held = std::get_if<rehearse::HeldRecord>(&happening)) {
      printer->print(world, *held);
    } else if (const auto* left = std::get_if<rehearse::LeftPage>(&happening)) {
      printer->print(world, *left);
    }
  };
  const auto progressed = [&bar](double part) {
    if (bar) bar->show(part);
  };
  const rehearse::SimulationFigures figures = rehearse::simulate(policy, lines.events, options, happened, progressed);
  bar.reset();
  if (!session.is_json()) {
    session.out << fmt::format("{}, {}, {}",
                               counted(figures.events, "event"),
                               counted(figures.incidents, "incident"),
                               counted(figures.pages, "page"));
    if (figures.events > 0) {
      session.out << fmt::format(", from {} to {}",
                                 print_date(session.environment.zone, figures.from),
                                 print_date(session.environment.zone, figures.until));
    }
    session.out << "\n";
  }
  return done;
}

}  // namespace

void add_simulate(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("simulate", "Events on a virtual clock: every page, climb and hold that comes of them")
          ->group(offline_group);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("--config", arguments->config, "the configuration")->required()->type_name("FILE");
  command->add_option("EVENTS", arguments->events, "one event a line, as JSON")->required();
  command->add_option("--until", arguments->until, "end then; default an hour after the last event")->type_name("TIME");
  command->add_option("--key-seed", arguments->key_seed, "of the idempotency keys; pages never depend on it")
      ->type_name("N");
  add_output(*command, session);
  command->footer(
      "An event is one of policy tests, with `at` as a time:\n"
      "  {\"at\": \"2026-03-04T09:00:00Z\", \"alert\": {\"labels\": {\"alertname\": \"ApiDown\", \"service\": "
      "\"checkout\"}}}\n"
      "  {\"at\": \"2026-03-04T09:02:00Z\", \"ack\": {\"incident\": \"R-1\", \"by\": \"olga\"}}\n"
      "With --output json each line is {\"version\": 1, \"at\": ..., \"page\" or \"incident\" or \"held\": {...}}.\n\n"
      "Example: rousectl simulate --config rouse.yml march.jsonl --output json | jq .page.to");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return simulate(session, *arguments); }; });
}

}  // namespace ctl
