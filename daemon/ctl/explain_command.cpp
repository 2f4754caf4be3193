// explain: where an alert would go and who would be called when; of a configuration alone, or of the daemon as it is.
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/load.hpp"
#include "daemon/ctl/remote.hpp"
#include "daemon/rehearse/explain.hpp"
#include "daemon/words/explain.hpp"
#include "rules/codec/codec.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr std::size_t most_alerts = 100;  // of one file
constexpr std::uint64_t key_seed = 1;

struct Arguments {
  std::string config;
  std::string at;
  std::string alert;
};

json::object object_of(const rules::Labels& labels) {
  json::object object;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    object[labels[index].name] = json::string(labels[index].value.data(), labels[index].value.size());
  }
  return object;
}

void print(const Session& session, const rules::Explanation& told, bool is_first) {
  if (session.is_json()) {
    session.out << words::explanation_json(told) << '\n';
    return;
  }
  if (!is_first) session.out << '\n';
  session.out << words::draw_explanation(told, session.drawing());
}

tl::expected<std::string, std::string> read_text(const Session& session, const std::string& name) {
  if (name == "-") return session.environment.input ? session.environment.input() : std::string{};
  std::error_code error;
  std::ifstream stream{name, std::ios::binary};
  if (!stream || std::filesystem::is_directory(name, error)) return tl::unexpected{fmt::format("cannot read {}", name)};
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

int explain_offline(const Session& session,
                    const Arguments& arguments,
                    const std::vector<rules::Report>& alerts,
                    rules::Instant at) {
  config::Loaded loaded = config::load_file(arguments.config);
  session.error << config::print(loaded ? loaded->warnings : loaded.error());
  if (!loaded) return session.fail(refused, fmt::format("{} has errors; nothing was explained", arguments.config));
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  for (std::size_t index = 0; index < alerts.size(); ++index) {
    rehearse::World world{policy, at, key_seed};  // each alone
    print(session, rehearse::explain(world, alerts[index], at), index == 0);
  }
  return done;
}

int explain_online(const Session& session,
                   const std::vector<rules::Report>& alerts,
                   const std::optional<rules::Instant>& at) {
  const Remote remote{session};
  for (std::size_t index = 0; index < alerts.size(); ++index) {
    json::object question;
    question["labels"] = object_of(alerts[index].labels);
    question["annotations"] = object_of(alerts[index].annotations);
    if (alerts[index].starts_at) question["startsAt"] = rules::print_rfc3339(*alerts[index].starts_at);
    if (at) question["at"] = rules::print_rfc3339(*at);
    const tl::expected<std::string, Failure> body = remote.post("/v1/explain", json::serialize(question));
    if (!body) return fail(session, body.error());
    const tl::expected<rules::Explanation, std::string> told = words::parse_explanation_json(*body);
    if (!told) return session.fail(refused, "the answer of roused cannot be read: " + told.error());
    if (session.is_json()) {
      session.out << *body << '\n';
    } else {
      print(session, *told, index == 0);
    }
  }
  return done;
}

int explain(const Session& session, const Arguments& arguments) {
  std::optional<rules::Instant> at;
  if (!arguments.at.empty()) {
    at = parse_time(arguments.at, session.environment.zone, session.now());
    if (!at) {
      return session.fail(wrong_usage, "--at is a time, as 2026-03-04T09:00:00Z, or 2026-03-04T09:00 of your zone");
    }
  }
  const tl::expected<std::string, std::string> text = read_text(session, arguments.alert);
  if (!text) return session.fail(refused, text.error());
  intake::Parser parser;
  const tl::expected<std::vector<rules::Report>, std::string> alerts = rehearse::read_alerts(*text, parser, {});
  if (!alerts) return session.fail(refused, fmt::format("{}: {}", arguments.alert, alerts.error()));
  if (alerts->size() > most_alerts) {
    return session.fail(
        refused, fmt::format("{}: {} alerts are too many; at most {}", arguments.alert, alerts->size(), most_alerts));
  }
  if (arguments.config.empty()) return explain_online(session, *alerts, at);
  return explain_offline(session, arguments, *alerts, at.value_or(session.now()));
}

}  // namespace

void add_explain(CLI::App& app, Session& session) {
  CLI::App* const command =
      app.add_subcommand("explain", "Where an alert would go, what would hold it, and who would be called when")
          ->group(offline_group);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("ALERT", arguments->alert, "JSON: an alert, a list of them, or a webhook's body; - reads it")
      ->required();
  command->add_option("--config", arguments->config, "ask this configuration instead of the daemon")->type_name("FILE");
  command->add_option("--at", arguments->at, "if it came then, instead of now")->type_name("TIME");
  add_online_options(*command, session);
  command->footer(
      "With --config everything else is quiet; without, the daemon says what would become of it as things stand.\n"
      "Nothing is changed and nobody is called.\n\n"
      "Example: echo '{\"labels\": {\"alertname\": \"ApiDown\", \"service\": \"checkout\"}}' |\n"
      "           rousectl explain --config rouse.yml --at 2026-12-24T23:00 -");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return explain(session, *arguments); }; });
}

}  // namespace ctl
