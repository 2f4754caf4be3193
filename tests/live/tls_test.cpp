// The daemon over TLS: whom its clients believe, whose certificates it believes, and new ones without a restart.
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/net/client.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/live/live.hpp"
#include "tests/support/certificates.hpp"

namespace live {
namespace {

class TlsHouse {
 public:
  TlsHouse() : roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    for (const char* const authority : {"first", "second", "clients", "strangers"})
      support::make_authority(folder.path(), authority);
    support::make_server_certificate(folder.path(), "old", "first");
    support::make_server_certificate(folder.path(), "new", "second");
    support::make_client_certificate(folder.path(), "prod", "prod", "clients");
    support::make_client_certificate(folder.path(), "nobody", "nobody", "clients");
    support::make_client_certificate(folder.path(), "forged", "prod", "strangers");
    support::write_file(folder / "backup.token", "tulip-for-backup\n");
    support::write_file(folder / "root.token", "tulip-for-root\n");
    support::write_file(folder / "rouse.yml", configuration);
    serve("old");
    roused.start();
  }

  // The files that the configuration names are now those of `name`.
  void serve(const std::string& name) {
    for (const std::string end : {".pem", ".key"})
      support::write_file(folder / ("server" + end), support::read_file(folder / (name + end)));
  }
  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(roused.port()); }

  // The status that curl sees; 0: no answer.
  int curl(const std::string& path, std::vector<std::string> more = {}, const std::string& authority = "first.pem") {
    std::vector<std::string> arguments{
        "curl", "-s", "-o", "answer", "-w", "%{http_code}", "--max-time", "20", "--cacert", authority, url() + path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const support::Finished finished =
        support::run(support::Launch{.arguments = std::move(arguments), .folder = folder.path()});
    return std::atoi(finished.output.c_str());
  }
  int report(std::vector<std::string> more) {
    more.insert(more.end(),
                {"-H",
                 "Content-Type: application/json",
                 "-d",
                 webhook_of({{"alertname", "ApiDown"}, {"service", "checkout"}})});
    return curl(std::string(webhook_path), std::move(more));
  }
  int reload() { return curl("/-/reload", {"-X", "POST", "-H", "Authorization: Bearer tulip-for-root"}); }

  static constexpr std::string_view configuration = R"(rouse: 1
server: { tls: { cert_file: server.pem, key_file: server.key, client_ca_file: clients.pem } }
access:
  senders: [ { name: prod }, { name: backup, token_file: backup.token } ]
  users: [ { name: root, role: admin, token_file: root.token } ]
people:
  olga: { contact: { webhook: "http://127.0.0.1:9/olga" } }
call_trees:
  outage: { steps: [ { call: olga, wait: 1h } ] }
route: { call_tree: outage }
channels:
  webhook: [ { webhook: {} } ]
)";

  support::TemporaryFolder folder;
  support::Roused roused;
};

std::vector<std::string> shows(const std::string& name) {
  return {"--cert", name + ".pem", "--key", name + ".key"};
}

TEST(TlsLive, ACertificateOfTheAuthorityProvesASenderAndNobodyElse) {
  TlsHouse house;
  EXPECT_EQ(house.report(shows("prod")), 200);
  EXPECT_EQ(house.report({}), 401) << "without one";
  EXPECT_EQ(house.report(shows("nobody")), 401) << "a name that is no sender's";
  EXPECT_EQ(house.report(shows("forged")), 0) << "the right name, signed by somebody else";
  EXPECT_EQ(house.report({"-H", "Authorization: Bearer tulip-for-backup"}), 200) << "no certificate is needed";
  std::vector<std::string> wrong = shows("prod");
  wrong.insert(wrong.end(), {"-H", "Authorization: Bearer guessed"});
  EXPECT_EQ(house.report(wrong), 401) << "who claims something must prove that";
  EXPECT_EQ(house.curl("/v1/incidents", shows("prod")), 403) << "a sender reports and does not read";
  EXPECT_EQ(house.curl("/-/healthy", {}, "second.pem"), 0) << "another authority of servers";
  EXPECT_EQ(support::get("http://127.0.0.1:" + std::to_string(house.roused.port()) + "/-/healthy").status, 400U)
      << "HTTP without TLS is answered, and not served";
  EXPECT_EQ(house.roused.stop(), 0) << house.roused.output();
}

TEST(TlsLive, ANewCertificateIsServedAfterAReloadAndOpenConnectionsGoOn) {
  TlsHouse house;
  net::testing::LoopThread thread;
  net::ClientOptions trusting;
  trusting.authority_file = house.folder / "first.pem";
  auto client = std::make_unique<net::Client>(thread.loop(), trusting);
  thread.start();
  const auto get = [&] {
    const auto promise = std::make_shared<std::promise<net::ClientResult>>();
    thread.run([&] {
      client->send(
          net::ClientRequest{
              .method = "GET", .url = house.url() + "/-/healthy", .headers = {}, .timeout = support::patience},
          [promise](net::ClientResult result) { promise->set_value(std::move(result)); });
    });
    return promise->get_future().get();
  };
  EXPECT_EQ(get().status, 200U);

  house.serve("new");
  ASSERT_EQ(house.reload(), 200) << house.roused.output();
  EXPECT_EQ(get().status, 200U) << "on the connection that was open";
  EXPECT_EQ(house.curl("/-/healthy"), 0) << "the old one is served no more";
  EXPECT_EQ(house.curl("/-/healthy", {}, "second.pem"), 200);

  // What cannot be used changes nothing, and is said.
  support::write_file(house.folder / "server.key", support::read_file(house.folder / "old.key"));
  house.roused.process().signal(SIGHUP);
  const auto line = house.roused.process().wait_for_line("not reloaded");
  ASSERT_TRUE(line) << house.roused.output();
  EXPECT_NE(line->find("server.key"), std::string::npos) << *line;
  EXPECT_EQ(line->find("BEGIN"), std::string::npos) << *line;
  EXPECT_EQ(house.curl("/-/healthy", {}, "second.pem"), 200);
  EXPECT_EQ(get().status, 200U);

  thread.stop();
  client.reset();
  EXPECT_EQ(house.roused.stop(), 0) << house.roused.output();
}

TEST(TlsLive, FilesThatCannotBeUsedAreNamedAtTheStart) {
  TlsHouse house;
  EXPECT_EQ(house.roused.stop(), 0);
  support::write_file(house.folder / "server.pem", "not a certificate\n");
  const support::Finished finished = house.roused.start_in_vain();
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_NE(finished.output.find("server.pem"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace live
