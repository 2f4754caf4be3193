// rousectl without a process: arguments in, exit code and texts out, and a daemon on loopback to talk to. The daemon is
// the real HTTP interface over a rehearsed world, so its clock stands still unless a test moves it.
#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/load.hpp"
#include "daemon/api/api.hpp"
#include "daemon/ctl/run.hpp"
#include "daemon/ctl/system.hpp"
#include "daemon/net/server.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/codec/codec.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"
#include "tests/daemon/net/support.hpp"

namespace ctl::testing {

inline const std::string source = ROUSE_SOURCE_DIR;

struct Ended {
  int code{};
  std::string out;
  std::string error;
};

// What a terminal user has around the command.
struct Desk {
  std::map<std::string, std::string> variables;
  Environment environment;

  Desk() {
    environment.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    environment.now = [] { return *rules::parse_rfc3339("2026-03-04T17:00:00Z"); };
    environment.call = http_call;
    environment.pause = [](rules::Duration) { return false; };
    environment.login = "olga";
    environment.zone = rules::utc();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  Ended run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "rousectl");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream error;
    const int code = ctl::run(static_cast<int>(argv.size()), argv.data(), out, error, environment);
    return Ended{.code = code, .out = out.str(), .error = error.str()};
  }
};

inline std::shared_ptr<const rules::Policy> policy_of(const std::string& file) {
  config::Loaded loaded = config::load_file(file);
  if (!loaded) throw std::runtime_error(config::print(loaded.error()));
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  return policy;
}

class FakeDaemon {
 public:
  explicit FakeDaemon(const std::string& policy_file = source + "/tests/policies/teams/outage.yml")
      : policy_{policy_of(policy_file)},
        world_{policy_, *rules::parse_rfc3339("2026-03-04T17:00:00Z"), 1},
        server_{loop_.loop(), {}, [this](net::Request&& request, net::Responder responder) {
                  requests_.push_back(request.method + " " + request.path +
                                      (request.query.empty() ? "" : "?" + request.query));
                  tokens_.emplace_back(request.headers.find("Authorization").value_or(""));
                  responder.send(answer(request));
                }} {
    services_.settings = std::make_shared<config::Settings>();
    services_.metrics = &metrics_;
    services_.started = world_.now();
    services_.use(policy_, world_.state().seed);
    services_.why_not_ready = [this]() -> std::optional<std::string> {
      if (why_not_ready.empty()) return std::nullopt;
      return why_not_ready;
    };
    services_.providers = [this] { return providers; };
    services_.reload = [this](bool dry_run) -> api::Call {
      if (!reload_trouble.empty()) return api::reload_refused(reload_trouble);
      return api::reloaded(dry_run ? "R-1 would move" : "R-1 moved");
    };
    tl::expected<std::string, std::string> address = server_.listen("127.0.0.1:0");
    if (!address) throw std::runtime_error(address.error());
    url_ = "http://" + *address;
    loop_.start();
  }
  ~FakeDaemon() { loop_.stop(); }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

  // The desk asks this daemon and lives by its clock; whoever pauses lets time pass in the world, `pauses` times.
  void serve(Desk& desk, int pauses = 0) {
    desk.variables["ROUSE_URL"] = url_;
    desk.environment.now = [this] { return now(); };
    desk.environment.pause = [this, pauses](rules::Duration length) mutable {
      if (pauses-- <= 0) return false;
      pass(length);
      return true;
    };
  }

  void pass(rules::Duration length) {
    loop_.run([&] { world_.advance_to(world_.now() + length); });
  }
  void tell(const rules::Event& event) {
    loop_.run([&] { world_.tell(world_.now(), event); });
  }
  void report(const std::string& alertname, rules::ReportStatus status = rules::ReportStatus::firing) {
    rules::Report report;
    report.status = status;
    report.labels = rules::Labels{{{"alertname", alertname}, {"service", "checkout"}, {"severity", "critical"}}};
    rules::ReportsArrived reports{.source = "test", .form = rules::ReportForm::webhook, .reports = {}, .truncated = 0};
    reports.reports.push_back(std::move(report));
    tell(reports);
  }
  [[nodiscard]] rules::Instant now() {
    rules::Instant instant;
    loop_.run([&] { instant = world_.now(); });
    return instant;
  }
  [[nodiscard]] std::vector<std::string> requests() {
    std::vector<std::string> copy;
    loop_.run([&] { copy = requests_; });
    return copy;
  }
  [[nodiscard]] std::vector<std::string> tokens() {
    std::vector<std::string> copy;
    loop_.run([&] { copy = tokens_; });
    return copy;
  }

  // From now on this channel's first provider refuses what it is given.
  void fail(const std::string& channel) {
    loop_.run([&] { world_.behave(channel, 0, rehearse::Behaviour::fails); });
  }

  // Set before the request that should see them.
  std::vector<api::ProviderFigures> providers;
  std::string why_not_ready;
  std::string reload_trouble;

 private:
  net::Response answer(const net::Request& request) {
    api::Call call = api::handle(request, world_.now(), services_, parser_);
    if (auto* response = std::get_if<net::Response>(&call)) return std::move(*response);
    if (auto* ask = std::get_if<api::Ask>(&call)) {
      do {
        ask->look(world_.state());
      } while (ask->has_more && ask->has_more());
      return ask->render();
    }
    const auto& tell = std::get<api::Tell>(call);
    roused::Reply reply{.ticket = 1, .durability = roused::Durability::durable, .verdict = {}, .incident = nullptr};
    reply.verdict = world_.tell(world_.now(), tell.event);
    if (reply.verdict && reply.verdict->code == rules::VerdictCode::done) {
      if (auto view = rules::view_incident(world_.state(), reply.verdict->incident)) {
        reply.incident = std::make_shared<rules::IncidentView>(std::move(*view));
      }
    }
    return tell.render(reply);
  }

  std::shared_ptr<const rules::Policy> policy_;
  rehearse::World world_;
  api::Metrics metrics_;
  api::Services services_;
  intake::Parser parser_;
  std::vector<std::string> requests_;
  std::vector<std::string> tokens_;
  net::testing::LoopThread loop_;
  net::Server server_;
  std::string url_;
};

}  // namespace ctl::testing
