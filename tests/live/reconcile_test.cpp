// A real Alertmanager is asked for what it has: what ended while the daemon was away is ended, what began is paged.
#include <chrono>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/net/server.hpp"
#include "rules/rfc3339.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

rules::Instant wall() {
  return std::chrono::floor<rules::Instant::duration>(std::chrono::system_clock::now());
}

// Stands before an Alertmanager and says that it has been up for a day: of one that has only just come up nobody would
// believe that an alert is gone. Everything else is what the Alertmanager behind it answers.
class OldAlertmanager {
 public:
  OldAlertmanager()
      : server_{loop_.loop(), {}, [this](net::Request&& request, net::Responder responder) {
                  responder.send(answer(request.path));
                }} {
    const tl::expected<std::string, std::string> address = server_.listen("127.0.0.1:0");
    if (!address) throw std::runtime_error(address.error());
    url_ = "http://" + *address;
    loop_.start();
  }
  ~OldAlertmanager() { loop_.stop(); }
  OldAlertmanager(const OldAlertmanager&) = delete;
  OldAlertmanager& operator=(const OldAlertmanager&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

  // Starts the one behind, which tells the daemon at `roused_url` of every change at once.
  void start(const support::TemporaryFolder& folder, const std::string& roused_url) {
    support::write_file(folder / "alertmanager.yml",
                        fmt::format("route: {{ receiver: rouse, group_by: ['...'], group_wait: 0s, group_interval: "
                                    "100ms, repeat_interval: 1h }}\n"
                                    "receivers: [ {{ name: rouse, webhook_configs: [ {{ url: '{}{}' }} ] }} ]\n",
                                    roused_url,
                                    webhook_path));
    std::string said;
    for (int attempt = 0; attempt < 5; ++attempt) {
      const int port = support::free_port();
      const std::string behind = fmt::format("http://127.0.0.1:{}", port);
      process_ = std::make_unique<support::Process>(
          support::Launch{.arguments = {(support::peers().programs / "alertmanager").string(),
                                        "--config.file=" + (folder / "alertmanager.yml").string(),
                                        "--storage.path=" + (folder / "alertmanager").string(),
                                        "--web.external-url=" + url_,
                                        fmt::format("--web.listen-address=127.0.0.1:{}", port),
                                        "--cluster.listen-address="}});
      if (process_->wait_for_line("Listening on") && support::get(behind + "/-/ready").status == 200) {
        const std::lock_guard lock{mutex_};
        behind_ = behind;
        return;
      }
      said = process_->output();
    }
    throw std::runtime_error("Alertmanager does not start:\n" + said);
  }

  void push(const Labels& labels, bool firing) {
    json::object alert{{"labels", object_of(labels)}};
    if (!firing) alert["endsAt"] = rules::print_rfc3339(wall());
    const support::Answer answer = support::post(behind() + "/api/v2/alerts", json::serialize(json::array{alert}));
    if (answer.status != 200) throw std::runtime_error("Alertmanager refuses an alert: " + answer.body);
  }

 private:
  std::string behind() {
    const std::lock_guard lock{mutex_};
    return behind_;
  }
  net::Response answer(const std::string& path) {
    net::Response response;
    response.content_type = "application/json";
    const std::string behind_url = behind();
    if (behind_url.empty()) {
      response.status = 503;
    } else if (path == "/api/v2/status") {
      response.status = 200;
      response.body = R"({"uptime":")" + rules::print_rfc3339(wall() - std::chrono::hours{24}) + R"("})";
    } else {
      support::Answer answer = support::get(behind_url + path);
      response.status = answer.status == 0 ? 502 : answer.status;
      response.body = std::move(answer.body);
    }
    return response;
  }

  std::mutex mutex_;
  std::string behind_;
  std::string url_;
  std::unique_ptr<support::Process> process_;
  net::testing::LoopThread loop_;
  net::Server server_;
};

// The state of an incident: the one that is waited for, or what it is when patience ends.
std::string state_within(const House& house, std::string_view id, std::string_view wanted) {
  std::string state;
  static_cast<void>(eventually([&] {
    state = field(house.incident(id), "state");
    return state == wanted;
  }));
  return state;
}

TEST(Reconciliation, WhatEndedOrBeganWhileTheDaemonWasAwayIsFoundAtItsStart) {
  if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
  OldAlertmanager alertmanager;
  House house{[&alertmanager](const support::Sink& phones) {
    return small_team(phones, "1h") +
           fmt::format("sources: [ {{ name: prod, alertmanager: \"{}\", every: 1s }} ]\n", alertmanager.url());
  }};
  house.roused.start();
  alertmanager.start(house.folder, house.roused.url());
  const Labels ended{{"alertname", "DiskFull"}, {"service", "checkout"}, {"severity", "critical"}};
  const Labels lasting{{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", "critical"}};
  const Labels begun{{"alertname", "QueueStuck"}, {"service", "checkout"}, {"severity", "critical"}};
  alertmanager.push(ended, true);
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output();
  alertmanager.push(lasting, true);
  ASSERT_TRUE(house.sink.wait_for_page("R-2", support::patience)) << house.roused.output();

  // Where it was nobody listens any more, and the daemon comes back elsewhere: no webhook reaches it again.
  ASSERT_EQ(house.roused.stop(), 0);
  alertmanager.push(ended, false);
  alertmanager.push(begun, true);
  house.roused.start();

  ASSERT_TRUE(house.sink.wait_for_page("R-3", support::patience)) << house.roused.output();
  EXPECT_EQ(state_within(house, "R-1", "resolved"), "resolved") << house.roused.output();
  EXPECT_TRUE(field(house.incident("R-3"), "summary").starts_with("QueueStuck"));
  EXPECT_EQ(field(house.incident("R-2"), "state"), "triggered") << "it still fires";
  const support::Answer metrics = house.roused.get("/metrics");
  EXPECT_NE(metrics.body.find(R"(rouse_source_reconciliations_total{source="prod",outcome="done"})"), std::string::npos)
      << metrics.body;
  EXPECT_EQ(house.roused.stop(), 0);
  support::figure("live", "alerts that reconciliation ended or found after the daemon was away", 2);
}

}  // namespace
}  // namespace live
