// A real Prometheus with two real Alertmanagers as a pair, unchanged, and one daemon behind both: one incident and one
// page for one problem, whichever of them tells it, how often, and whoever dies.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/net/server.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds outage{50};
// What has come by then is what comes: pages gather for a second.
constexpr milliseconds quiet{2500};

// What the Alertmanagers are configured to call, while the daemon has another port in each of its lives; and the thing
// that Prometheus watches. Says who was told what: by the Alertmanager's external URL.
class Gate {
 public:
  Gate()
      : server_{loop_.loop(), {}, [this](net::Request&& request, net::Responder responder) {
                  responder.send(answer(std::move(request)));
                }} {
    const tl::expected<std::string, std::string> address = server_.listen("127.0.0.1:0");
    if (!address) throw std::runtime_error(address.error());
    address_ = *address;
    loop_.start();
  }
  ~Gate() { loop_.stop(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }

  void lead_to(const std::string& roused_url) {
    const std::lock_guard lock{mutex_};
    roused_url_ = roused_url;
  }
  void set_broken(const std::string& what, bool is_broken) {
    const std::lock_guard lock{mutex_};
    broken_[what] = is_broken;
  }
  // Webhooks of this Alertmanager about this alert that the daemon has answered with 200.
  [[nodiscard]] std::size_t told(const std::string& external_url, const std::string& alertname) const {
    const std::lock_guard lock{mutex_};
    const auto found = told_.find({external_url, alertname});
    return found == told_.end() ? 0 : found->second;
  }
  // Webhooks that found no daemon.
  [[nodiscard]] std::size_t lost() const {
    const std::lock_guard lock{mutex_};
    return lost_;
  }

 private:
  net::Response answer(net::Request&& request) {
    net::Response response;
    if (request.path == "/metrics") {
      response.content_type = "text/plain; version=0.0.4";
      response.status = 200;
      const std::lock_guard lock{mutex_};
      for (const auto& [what, is_broken] : broken_) {
        response.body += fmt::format("broken{{what=\"{}\"}} {}\n", what, is_broken ? 1 : 0);
      }
      return response;
    }
    std::string to;
    {
      const std::lock_guard lock{mutex_};
      to = roused_url_;
    }
    const std::string body{request.body};
    const support::Answer answered = support::post(to + request.path, body);
    response.status = answered.status == 0 ? 502 : answered.status;
    const json::object webhook = parse_object(body);
    const std::lock_guard lock{mutex_};
    if (answered.status == 0) ++lost_;
    if (answered.status != 200 || !webhook.contains("alerts")) return response;
    std::set<std::string> names;
    for (const json::value& alert : webhook.at("alerts").as_array()) {
      names.insert(field(alert.as_object().at("labels").as_object(), "alertname"));
    }
    for (const std::string& name : names) ++told_[{field(webhook, "externalURL"), name}];
    return response;
  }

  mutable std::mutex mutex_;
  std::string address_;
  std::string roused_url_;
  std::map<std::string, bool> broken_{{"api", false}, {"disk", false}};
  std::map<std::pair<std::string, std::string>, std::size_t> told_;
  std::size_t lost_{};
  net::testing::LoopThread loop_;
  net::Server server_;
};

class Alertmanager {
 public:
  explicit Alertmanager(std::filesystem::path folder) : folder_{std::move(folder)} {}

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::string& gossip() const { return gossip_; }

  // At a place of its own, which it keeps from then on.
  void start(const std::string& configuration, const std::string& peer) {
    std::filesystem::create_directories(folder_);
    support::write_file(folder_ / "alertmanager.yml", configuration);
    peer_ = peer;
    for (int attempt = 0; attempt < 5; ++attempt) {
      address_ = fmt::format("127.0.0.1:{}", support::free_port());
      gossip_ = fmt::format("127.0.0.1:{}", support::free_port());
      url_ = "http://" + address_;
      if (launch()) return;
    }
    throw std::runtime_error("Alertmanager does not start:\n" + process_->output());
  }
  void meet(const std::string& peer) { peer_ = peer; }

  void start_again() {
    for (int attempt = 0; attempt < 5; ++attempt) {
      if (launch()) return;
    }
    throw std::runtime_error("Alertmanager does not start again:\n" + process_->output());
  }
  void kill_hard() { process_->kill(); }
  void forget_everything() const { std::filesystem::remove_all(folder_ / "data"); }

  [[nodiscard]] bool has_peers(std::size_t count) const {
    const json::object status = parse_object(support::get(url_ + "/api/v2/status").body);
    const json::value* const cluster = status.if_contains("cluster");
    if (cluster == nullptr || field(cluster->as_object(), "status") != "ready") return false;
    return cluster->as_object().at("peers").as_array().size() == count;
  }
  [[nodiscard]] std::size_t alerts() const {
    json::error_code error;
    const json::value list = json::parse(support::get(url_ + "/api/v2/alerts").body, error);
    return error || !list.is_array() ? 0 : list.get_array().size();
  }
  [[nodiscard]] std::string output() const { return process_->output(); }

 private:
  bool launch() {
    // Both tell at once (no wait for the peer), and it settles in a second or two instead of eight.
    std::vector<std::string> arguments{(support::peers().programs / "alertmanager").string(),
                                       "--config.file=" + (folder_ / "alertmanager.yml").string(),
                                       "--storage.path=" + (folder_ / "data").string(),
                                       "--web.listen-address=" + address_,
                                       "--web.external-url=" + url_,
                                       "--cluster.listen-address=" + gossip_,
                                       "--cluster.peer-timeout=0s",
                                       "--cluster.gossip-interval=50ms",
                                       "--cluster.reconnect-interval=1s"};
    if (!peer_.empty()) arguments.push_back("--cluster.peer=" + peer_);
    process_ = std::make_unique<support::Process>(support::Launch{.arguments = std::move(arguments)});
    return process_->wait_for_line("Listening on") && support::get(url_ + "/-/ready").status == 200;
  }

  std::filesystem::path folder_;
  std::string address_, gossip_, url_, peer_;
  std::unique_ptr<support::Process> process_;
};

struct Timing {
  std::string group_interval;
  std::string repeat_interval;
};

class Pair : public testing::Test {
 protected:
  // Everything up, the pair met, and nothing broken.
  void start(const Timing& timing) {
    const std::string configuration = fmt::format(
        "route: {{ receiver: rouse, group_by: [ alertname ], group_wait: 1s, group_interval: {}, repeat_interval: {} "
        "}}\n"
        "receivers: [ {{ name: rouse, webhook_configs: [ {{ url: 'http://{}{}', send_resolved: true }} ] }} ]\n",
        timing.group_interval,
        timing.repeat_interval,
        gate.address(),
        webhook_path);
    first.start(configuration, "");
    second.start(configuration, first.gossip());
    first.meet(second.gossip());
    house = std::make_unique<House>([this](const support::Sink& phones) {
      return small_team(phones) + fmt::format(
                                      "sources:\n"
                                      "  - {{ name: am-a, alertmanager: \"{}\", every: 1s }}\n"
                                      "  - {{ name: am-b, alertmanager: \"{}\", every: 1s }}\n",
                                      first.url(),
                                      second.url());
    });
    start_roused();
    start_prometheus();
    ASSERT_TRUE(eventually([this] { return first.has_peers(2) && second.has_peers(2); })) << first.output();
    // An alert that fires before Prometheus has found where alerts go is lost.
    ASSERT_TRUE(eventually([this] {
      const json::object body = parse_object(support::get(prometheus_url + "/api/v1/alertmanagers").body);
      return body.contains("data") && body.at("data").at("activeAlertmanagers").as_array().size() == 2;
    })) << prometheus->output();
  }

  void start_roused() {
    house->roused.start();
    gate.lead_to(house->roused.url());
  }

  // A scrape that a busy machine misses ends no alert.
  void start_prometheus() {
    support::write_file(
        folder / "rules.yml",
        "groups:\n"
        "  - name: live\n"
        "    interval: 1s\n"
        "    rules:\n"
        "      - { alert: ApiDown, expr: 'last_over_time(broken{what=\"api\"}[1m]) == 1', labels: { service: checkout, "
        "severity: critical } }\n"
        "      - { alert: DiskFull, expr: 'last_over_time(broken{what=\"disk\"}[1m]) == 1', labels: { service: "
        "checkout, "
        "severity: critical } }\n");
    support::write_file(folder / "prometheus.yml",
                        fmt::format("global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n"
                                    "rule_files: [ rules.yml ]\n"
                                    "scrape_configs: [ {{ job_name: shop, static_configs: [ {{ targets: [ '{}' ] }} ] "
                                    "}} ]\n"
                                    "alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ '{}', '{}' ] }} "
                                    "] }} ] }}\n",
                                    gate.address(),
                                    first.address(),
                                    second.address()));
    bool is_up = false;
    for (int attempt = 0; attempt < 5 && !is_up; ++attempt) {
      const std::string address = fmt::format("127.0.0.1:{}", support::free_port());
      prometheus_url = "http://" + address;
      prometheus = std::make_unique<support::Process>(
          support::Launch{.arguments = {(support::peers().programs / "prometheus").string(),
                                        "--config.file=" + (folder / "prometheus.yml").string(),
                                        "--storage.tsdb.path=" + (folder / "prometheus").string(),
                                        "--rules.alert.resend-delay=5s",
                                        "--web.listen-address=" + address}});
      is_up = prometheus->wait_for_line("Server is ready to receive web requests").has_value();
    }
    ASSERT_TRUE(is_up) << prometheus->output();
  }

  void SetUp() override {
    if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
  }
  void TearDown() override {
    if (!house) return;
    EXPECT_EQ(house->roused.stop(), 0);
    if (HasFailure()) fmt::print("roused said:\n{}\n", house->roused.output());
  }

  [[nodiscard]] std::vector<support::Message> pages_of(std::string_view incident) const {
    std::vector<support::Message> found;
    for (const support::Message& page : house->sink.pages()) {
      if (std::find(page.incidents.begin(), page.incidents.end(), incident) != page.incidents.end()) {
        found.push_back(page);
      }
    }
    return found;
  }

  // Nothing but what has come.
  void expect_quiet() const {
    const std::size_t before = house->sink.messages().size();
    const bool more = house->sink.wait_until(
        [before](const std::vector<support::Message>& messages) { return messages.size() > before; }, quiet);
    EXPECT_FALSE(more) << house->sink.messages().back().body;
  }

  [[nodiscard]] std::string state_of(std::string_view incident) const {
    return field(house->incident(incident), "state");
  }

  [[nodiscard]] std::size_t count_in_timeline(std::string_view incident, std::string_view kind) const {
    const json::object whole = house->incident(incident);
    std::size_t count = 0;
    for (const json::value& reason : whole.at("timeline").as_array()) {
      if (field(reason.as_object(), "kind") == kind) ++count;
    }
    return count;
  }

  // All incidents there are, by their alertname.
  [[nodiscard]] std::multiset<std::string> names() const {
    std::multiset<std::string> found;
    for (const json::object& incident : house->incidents()) {
      const std::string summary = field(incident, "summary");
      found.insert(summary.substr(0, summary.find(':')));
    }
    return found;
  }

  [[nodiscard]] std::size_t reconciliations(const std::string& source) const {
    const std::string metrics = house->roused.get("/metrics").body;
    const std::string name =
        fmt::format("rouse_source_reconciliations_total{{source=\"{}\",outcome=\"done\"}} ", source);
    const std::size_t at = metrics.find(name);
    return at == std::string::npos ? 0 : std::stoul(metrics.substr(at + name.size()));
  }

  support::TemporaryFolder folder;
  Gate gate;
  Alertmanager first{folder / "am-a"};
  Alertmanager second{folder / "am-b"};
  std::unique_ptr<House> house;
  std::unique_ptr<support::Process> prometheus;
  std::string prometheus_url;
};

TEST_F(Pair, OneProblemIsOneIncidentAndOnePageAndNamesBothAlertmanagers) {
  start({.group_interval = "2s", .repeat_interval = "3s"});
  gate.set_broken("api", true);
  ASSERT_TRUE(house->sink.wait_for_page("R-1", support::patience)) << prometheus->output();
  // Both have told it, and told it again.
  ASSERT_TRUE(eventually([this] {
    return gate.told(first.url(), "ApiDown") + gate.told(second.url(), "ApiDown") >= 4 && reconciliations("am-a") > 2 &&
           reconciliations("am-b") > 2;
  })) << first.output();
  expect_quiet();
  EXPECT_EQ(names(), (std::multiset<std::string>{"ApiDown"}));
  EXPECT_EQ(pages_of("R-1").size(), 1U);
  EXPECT_EQ(house->sink.messages().size(), 1U);
  const json::object incident = house->incident("R-1");
  EXPECT_EQ(field(incident, "alerts"), "1") << json::serialize(incident);
  json::array sources;
  if (const json::value* const named = incident.if_contains("sources")) sources = named->as_array();
  std::set<std::string> reported;
  for (const json::value& source : sources) reported.insert(std::string{source.as_string()});
  EXPECT_EQ(reported, (std::set<std::string>{"am-a", "am-b"})) << json::serialize(incident);
  // The trail says when the other one joined.
  ASSERT_EQ(count_in_timeline("R-1", "also_reported"), 1U) << json::serialize(incident);
}

TEST_F(Pair, AnOutageOfTheReceiverMakesNothingTwice) {
  // With a long group_interval each Alertmanager tries on and on, and both deliver once somebody listens.
  start({.group_interval = "60s", .repeat_interval = "1h"});
  gate.set_broken("api", true);
  ASSERT_TRUE(house->sink.wait_for_page("R-1", support::patience)) << prometheus->output();

  ASSERT_EQ(house->roused.stop(), 0);
  const auto stopped = Clock::now();
  std::this_thread::sleep_until(stopped + outage / 2);
  gate.set_broken("disk", true);
  std::this_thread::sleep_until(stopped + outage);
  EXPECT_GT(gate.lost(), 0U) << "nobody called while nobody listened";
  start_roused();
  const auto returned = Clock::now();

  ASSERT_TRUE(house->sink.wait_for_page("R-2", support::patience)) << house->roused.output();
  const auto late = std::chrono::duration_cast<milliseconds>(Clock::now() - returned);
  ASSERT_TRUE(
      eventually([this] { return gate.told(first.url(), "DiskFull") >= 1 && gate.told(second.url(), "DiskFull") >= 1; },
                 seconds{40}))
      << first.output() << second.output();
  expect_quiet();
  EXPECT_EQ(names(), (std::multiset<std::string>{"ApiDown", "DiskFull"}));
  EXPECT_EQ(pages_of("R-1").size(), 1U);
  EXPECT_EQ(pages_of("R-2").size(), 1U);
  EXPECT_EQ(state_of("R-1"), "triggered");
  EXPECT_EQ(state_of("R-2"), "triggered");
  EXPECT_EQ(count_in_timeline("R-1", "alert_ended") + count_in_timeline("R-1", "reopened"), 0U);
  support::figure("pair", "seconds that nobody listened to two Alertmanagers", outage.count());
  support::figure("pair", "ms from the return until what began meanwhile is paged", late.count());
  support::figure("pair", "deliveries of what began meanwhile", 2);
  support::figure("pair", "pages about what began meanwhile", pages_of("R-2").size());
}

TEST_F(Pair, AnAlertmanagerThatIsKilledAndForgetsEverythingEndsNothingAndPagesNobodyAgain) {
  start({.group_interval = "2s", .repeat_interval = "5s"});
  gate.set_broken("api", true);
  ASSERT_TRUE(house->sink.wait_for_page("R-1", support::patience)) << prometheus->output();
  ASSERT_TRUE(eventually([this] { return first.alerts() == 1 && second.alerts() == 1; }));

  for (const bool forgets : {false, true}) {
    first.kill_hard();
    if (forgets) first.forget_everything();
    first.start_again();
    EXPECT_EQ(first.alerts(), 0U) << "alerts are not on its disk";
    const std::size_t asked = reconciliations("am-a");
    // It is asked while it knows nothing, and after it has learned.
    EXPECT_TRUE(eventually([&] { return reconciliations("am-a") > asked; }));
    EXPECT_EQ(state_of("R-1"), "triggered");
    EXPECT_TRUE(eventually([this] { return first.alerts() == 1; })) << prometheus->output();
    const std::size_t told = gate.told(first.url(), "ApiDown") + gate.told(second.url(), "ApiDown");
    EXPECT_TRUE(eventually([&] {
      return reconciliations("am-a") > asked + 3 &&
             gate.told(first.url(), "ApiDown") + gate.told(second.url(), "ApiDown") > told;
    })) << first.output();
    EXPECT_EQ(state_of("R-1"), "triggered");
  }
  expect_quiet();
  EXPECT_EQ(pages_of("R-1").size(), 1U);
  EXPECT_EQ(house->sink.messages().size(), 1U) << house->sink.messages().back().body;
  EXPECT_EQ(count_in_timeline("R-1", "alert_ended") + count_in_timeline("R-1", "alert_unlisted"), 0U);

  gate.set_broken("api", false);
  ASSERT_TRUE(eventually([this] { return state_of("R-1") == "resolved"; }, 2 * support::patience))
      << json::serialize(house->incident("R-1"));
  // Both say so.
  const auto told_again = [told = gate.told(first.url(), "ApiDown") + gate.told(second.url(), "ApiDown"), this] {
    return gate.told(first.url(), "ApiDown") + gate.told(second.url(), "ApiDown") > told;
  };
  static_cast<void>(eventually(told_again, seconds{4}));
  const auto is_told = [](const std::vector<support::Message>& messages) { return messages.size() >= 2; };
  EXPECT_TRUE(house->sink.wait_until(is_told, support::patience)) << "olga is told that it is over";
  expect_quiet();
  EXPECT_EQ(count_in_timeline("R-1", "ended"), 1U) << json::serialize(house->incident("R-1"));
  EXPECT_EQ(house->sink.messages().size(), 2U);
  EXPECT_EQ(pages_of("R-1").size(), 1U);
  EXPECT_EQ(names(), (std::multiset<std::string>{"ApiDown"}));
  support::figure("pair", "times that one of two Alertmanagers was killed while an alert fired", 2);
  support::figure("pair", "pages about that alert", pages_of("R-1").size());
}

TEST_F(Pair, AmtoolSilencesAtTheDaemonWhatBothAlertmanagersReport) {
  start({.group_interval = "2s", .repeat_interval = "3s"});
  const auto amtool = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {(support::peers().programs / "amtool").string(),
                      "--alertmanager.url=" + house->roused.url(),
                      "--no-version-check"});
    support::Finished ended = support::run({.arguments = std::move(arguments)});
    EXPECT_EQ(ended.code, 0) << ended.output;
    while (ended.output.ends_with('\n')) ended.output.pop_back();
    return ended.output;
  };
  const std::string id = amtool({"silence", "add", "alertname=DiskFull", "--author=olga", "--comment=disks", "-d1h"});
  gate.set_broken("api", true);
  gate.set_broken("disk", true);
  const auto incident_of = [this](std::string_view name) -> std::string {
    for (const json::object& incident : house->incidents()) {
      if (field(incident, "summary").starts_with(name)) return field(incident, "id");
    }
    return {};
  };
  ASSERT_TRUE(eventually([&] { return !incident_of("ApiDown").empty() && !incident_of("DiskFull").empty(); }));
  const std::string api = incident_of("ApiDown");
  const std::string disk = incident_of("DiskFull");
  ASSERT_TRUE(house->sink.wait_for_page(api, support::patience));
  ASSERT_TRUE(eventually([this] {
    return gate.told(first.url(), "DiskFull") >= 1 && gate.told(second.url(), "DiskFull") >= 1;
  })) << second.output();
  expect_quiet();
  EXPECT_TRUE(pages_of(disk).empty());
  EXPECT_NE(field(house->incident(disk), "held"), "") << json::serialize(house->incident(disk));
  EXPECT_NE(amtool({"silence", "query", "alertname=DiskFull"}).find(id), std::string::npos);
  EXPECT_NE(amtool({"alert", "query", "--silenced"}).find("DiskFull"), std::string::npos);

  amtool({"silence", "expire", id});
  ASSERT_TRUE(house->sink.wait_for_page(disk, support::patience)) << json::serialize(house->incident(disk));
  expect_quiet();
  EXPECT_EQ(pages_of(disk).size(), 1U);
  EXPECT_EQ(pages_of(api).size(), 1U);
  EXPECT_EQ(amtool({"silence", "query", "-q"}), "");
}

}  // namespace
}  // namespace live
