// Who may do what, asked of the running daemon: every kind of path by everybody; failures, proxies, the audit log, and
// what a slow password does not delay.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/net/client.hpp"
#include "daemon/net/hmac.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

// What mkpasswd makes of these words.
constexpr std::string_view bcrypt_of_lily = "$2b$04$abcdefghijklmnopqrstuuDnqf54GnHxTmqxLfiEPdNrEM7sJL8Y2\n";
constexpr std::string_view slow_bcrypt_of_violet = "$2b$13$abcdefghijklmnopqrstuuTLLV/hFvazi1JT2b13TJ4FdTIy5oBuC\n";
constexpr std::string_view yescrypt_of_daisy =
    "$y$j9T$k2XAnEHBqQ1Ct2aMXFKNa/HAmA1BpMnBsYHMWB4NZN4$GHdcf0BDjm5OQOb66bYwlvRZ2r/e1rtv1KQoCOs6fW3\n";

class AccessHouse {
 public:
  AccessHouse() : roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    for (const std::string name : {"prod", "eve", "olga", "root"})
      support::write_file(folder / (name + ".token"), "token-of-" + name + "\n");
    support::write_file(folder / "backup.hash", bcrypt_of_lily);
    support::write_file(folder / "ivan.hash", slow_bcrypt_of_violet);
    support::write_file(folder / "sam.hash", yescrypt_of_daisy);
    support::write_file(folder / "rouse.yml", written());
    roused.start();
    caller.start();
  }
  ~AccessHouse() { caller.stop(); }

  [[nodiscard]] std::string written() const {
    return support::replaced(std::string{configuration}, "AUDIT", (folder / "audit.log").string());
  }
  support::Answer ask(const std::string& method,
                      const std::string& path,
                      const net::Headers& headers,
                      std::string body = {}) const {
    net::ClientRequest request;
    request.method = method;
    request.url = roused.url() + path;
    request.timeout = support::patience;
    request.headers = headers;
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    std::promise<net::ClientResult> promise;
    caller.run([&] {
      client->send(std::move(request), [&promise](net::ClientResult result) { promise.set_value(std::move(result)); });
    });
    const net::ClientResult result = promise.get_future().get();
    return {.status = result.status, .body = result.status == 0 ? result.detail : result.body};
  }
  static net::Headers bearer(const std::string& name) { return {{"Authorization", "Bearer token-of-" + name}}; }
  static net::Headers basic(const std::string& pair) { return {{"Authorization", "Basic " + net::base64(pair)}}; }
  [[nodiscard]] support::Answer report(const net::Headers& headers) const {
    return ask("POST", std::string{webhook_path}, headers, webhook_of({{"alertname", "ApiDown"}}));
  }

  static constexpr std::string_view configuration = R"(rouse: 1
access:
  senders:
    - { name: prod, token_file: prod.token }
    - { name: backup, password_hash_file: backup.hash }
  users:
    - { name: eve, role: viewer, token_file: eve.token }
    - { name: olga, person: olga, role: responder, token_file: olga.token }
    - { name: sam, role: responder, password_hash_file: sam.hash }
    - { name: ivan, role: viewer, password_hash_file: ivan.hash }
    - { name: root, role: admin, token_file: root.token }
  proxy: { header: X-Forwarded-User, from: [ 127.0.0.1/32 ], role: viewer }
people:
  olga: { contact: { webhook: "http://127.0.0.1:9/olga" } }
call_trees:
  outage: { steps: [ { call: olga, wait: 1h } ] }
route: { call_tree: outage }
channels:
  webhook: [ { webhook: {} } ]
audit: { log: AUDIT }
)";

  support::TemporaryFolder folder;
  support::Roused roused;
  // One for all calls: to make one is to read the authorities of the whole world.
  mutable net::testing::LoopThread caller;
  std::unique_ptr<net::Client> client{std::make_unique<net::Client>(caller.loop())};
};

TEST(AccessLive, EveryPathAsksForItsRole) {
  const AccessHouse house;
  ASSERT_EQ(house.report(AccessHouse::bearer("prod")).status, 200U) << house.roused.output();
  const std::string note = R"({"text": "seen"})";
  const std::string alerts = R"([{"labels": {"alertname": "ApiDown"}}])";
  struct Row {
    std::string method, path, body;
    unsigned nobody, sender, viewer, responder, admin;
  };
  const std::vector<Row> rows{
      {"GET", "/-/healthy", "", 200, 200, 200, 200, 200},
      {"GET", "/-/ready", "", 200, 200, 200, 200, 200},
      {"GET", "/metrics", "", 401, 403, 200, 200, 200},
      {"GET", "/v1/incidents", "", 401, 403, 200, 200, 200},
      {"GET", "/v1/incidents/R-1", "", 401, 403, 200, 200, 200},
      {"GET", "/v1/oncall", "", 401, 403, 200, 200, 200},
      {"GET", "/v1/outages.atom", "", 401, 403, 200, 200, 200},
      {"GET", "/api/v2/status", "", 401, 403, 200, 200, 200},
      {"GET", "/api/v2/alerts", "", 401, 403, 200, 200, 200},
      {"GET", "/api/v2/silences", "", 401, 403, 200, 200, 200},
      {"GET", "/v1/nowhere", "", 401, 403, 404, 404, 404},
      {"POST", "/v1/incidents/R-1/note", note, 401, 403, 403, 200, 200},
      {"POST", "/v1/incidents/R-9/ack", "{}", 401, 403, 403, 404, 404},
      {"POST", "/api/v2/silences", "{}", 401, 403, 403, 400, 400},
      {"DELETE", "/api/v2/silence/00000000-0000-0000-0000-000000000000", "", 401, 403, 403, 404, 404},
      {"POST", "/-/reload", "", 401, 403, 403, 403, 422},
      {"POST", "/api/v2/alerts", alerts, 401, 200, 403, 403, 403},
      {"POST", "/v1/alerts/alertmanager", webhook_of({{"alertname", "ApiDown"}}), 401, 200, 403, 403, 403},
      {"POST", "/v1/callbacks/slack", "{}", 401, 401, 401, 401, 401},
      {"GET", "/v1/links/guessed", "", 403, 403, 403, 403, 403},
  };
  // What the table means by 422: the reload is allowed, and its file is wrong.
  support::write_file(house.folder / "rouse.yml", "rouse: 1\n");
  for (const Row& row : rows) {
    // Nobody's failures are counted only for what is claimed and wrong, so the table runs into no limit.
    const auto status = [&](const net::Headers& headers) {
      return house.ask(row.method, row.path, headers, row.body).status;
    };
    EXPECT_EQ(status({}), row.nobody) << row.method << " " << row.path << " by nobody";
    EXPECT_EQ(status(AccessHouse::bearer("prod")), row.sender) << row.method << " " << row.path << " by a sender";
    EXPECT_EQ(status(AccessHouse::bearer("eve")), row.viewer) << row.method << " " << row.path << " by a viewer";
    EXPECT_EQ(status(AccessHouse::bearer("olga")), row.responder) << row.method << " " << row.path << " by a responder";
    EXPECT_EQ(status(AccessHouse::bearer("root")), row.admin) << row.method << " " << row.path << " by an admin";
  }
}

TEST(AccessLive, PasswordsTheProxysHeaderAndNoWebPageOfOthers) {
  const AccessHouse house;
  EXPECT_EQ(house.report(AccessHouse::basic("backup:lily")).status, 200U);
  EXPECT_EQ(house.report(AccessHouse::basic("backup:rose")).status, 401U);
  EXPECT_EQ(house.report(AccessHouse::basic("sam:daisy")).status, 403U) << "users report nothing";
  const std::string note = R"({"by": "ivan", "text": "seen"})";
  const std::string path = "/v1/incidents/R-1/note";
  EXPECT_EQ(house.ask("POST", path, AccessHouse::basic("sam:daisy"), note).status, 200U);
  const support::Answer shown = house.ask("GET", "/v1/incidents/R-1", AccessHouse::basic("sam:daisy"));
  EXPECT_NE(shown.body.find("sam"), std::string::npos) << "who acts is who has proved it";
  EXPECT_EQ(shown.body.find("ivan"), std::string::npos) << shown.body;

  // A browser sends the password along, whoever wrote the page.
  net::Headers forged = AccessHouse::basic("sam:daisy");
  forged.add("Origin", "https://evil.example");
  EXPECT_EQ(house.ask("POST", path, forged, note).status, 403U);
  net::Headers proxied{{"X-Forwarded-User", "olga"}};
  EXPECT_EQ(house.ask("POST", path, proxied, note).status, 200U) << "a name of the section keeps its role";
  proxied.add("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(house.ask("POST", path, proxied, note).status, 403U);
  EXPECT_EQ(house.ask("POST", path, {{"X-Forwarded-User", "carol"}}, note).status, 403U) << "others have the proxy's";
  EXPECT_EQ(house.ask("GET", "/v1/incidents", {{"X-Forwarded-User", "carol"}}).status, 200U);
  EXPECT_EQ(house.ask("POST", "/-/reload", {{"X-Forwarded-User", "root"}}).status, 401U) << "a program by its token";
  net::Headers through = AccessHouse::basic("carol:at-the-proxy");
  through.add("X-Forwarded-User", "carol");
  EXPECT_EQ(house.ask("GET", "/v1/incidents", through).status, 200U) << "the proxy's own password";
}

TEST(AccessLive, AfterTenFailuresAnAddressWaitsAndWhoIsKnownDoesNot) {
  const AccessHouse house;
  for (int count = 0; count < 10; ++count)
    EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::bearer("guess" + std::to_string(count))).status, 401U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::bearer("guess")).status, 429U);
  EXPECT_EQ(house.report(AccessHouse::bearer("guess")).status, 503U) << "an Alertmanager drops what gets 429";
  EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::basic("nobody:daisy")).status, 429U)
      << "not checked any more";
  for (int count = 0; count < 11; ++count)
    EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::basic("sam:rose")).status, 429U);
  // One password a second is looked at: another thread may just have looked at a wrong one.
  unsigned right = 429;
  static_cast<void>(eventually([&] {
    right = house.ask("GET", "/v1/incidents", AccessHouse::basic("sam:daisy")).status;
    return right != 429;
  }));
  EXPECT_EQ(right, 200U) << "who is right comes in";
  EXPECT_EQ(house.report(AccessHouse::bearer("prod")).status, 200U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::bearer("eve")).status, 200U);
}

TEST(AccessLive, APasswordThatIsCheckedDelaysNoReport) {
  const AccessHouse house;
  net::testing::RawSocket slow{house.roused.port()};
  slow.send(fmt::format("GET /v1/incidents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {}\r\n\r\n",
                        net::base64("ivan:violet")));
  std::atomic<bool> is_answered{false};
  std::thread waiting{[&] {
    EXPECT_EQ(net::testing::status_of(slow.response()), 200);
    is_answered.store(true);
  }};
  EXPECT_EQ(house.report(AccessHouse::bearer("prod")).status, 200U);
  EXPECT_FALSE(is_answered.load()) << "the report came later, and is done before the password is known to be right";
  waiting.join();
}

TEST(AccessLive, ManyPasswordsOfOneAddressDoNotFillTheQueue) {
  const AccessHouse house;
  std::vector<net::testing::RawSocket> guessing;
  for (int number = 0; number < 12; ++number) {
    guessing.emplace_back(house.roused.port());
    guessing.back().send(fmt::format("GET /v1/incidents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {}\r\n\r\n",
                                     net::base64("ivan:guess-" + std::to_string(number))));
  }
  int refused = 0;
  for (net::testing::RawSocket& each : guessing) {
    const int status = net::testing::status_of(each.response());
    EXPECT_TRUE(status == 401 || status == 429) << status;
    refused += status == 429 ? 1 : 0;
  }
  EXPECT_GE(refused, 1) << "four wait at a time";
  EXPECT_LE(refused, 8);
}

TEST(AccessLive, AStrangersLongBodyIsRefusedByItsHead) {
  const AccessHouse house;
  const auto head = [&](std::string_view path, std::string_view more) {
    net::testing::RawSocket socket{house.roused.port()};
    socket.send(
        fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}\r\n", path, more));
    return net::testing::status_of(socket.response());
  };
  EXPECT_EQ(head(webhook_path, "Content-Length: 60000000\r\n"), 401);
  EXPECT_EQ(head(webhook_path, "Transfer-Encoding: chunked\r\n"), 401);
  EXPECT_EQ(head(webhook_path, "Content-Length: 60000000\r\nAuthorization: Bearer token-of-eve\r\n"), 403);
  EXPECT_EQ(
      head(webhook_path, "Content-Length: 60000000\r\nExpect: 100-continue\r\nAuthorization: Bearer token-of-prod\r\n"),
      100);
  EXPECT_EQ(head(webhook_path,
                 "Content-Length: 60000000\r\nExpect: 100-continue\r\nAuthorization: Basic " +
                     net::base64("backup:lily") + "\r\n"),
            100);
  EXPECT_EQ(head("/v1/callbacks/slack", "Content-Length: 60000000\r\n"), 413);
  EXPECT_EQ(head(webhook_path, "Content-Length: 70000000\r\n"), 401);
  const auto incidents = [&house] { return house.ask("GET", "/v1/incidents", AccessHouse::bearer("eve")).body; };
  EXPECT_EQ(incidents().find("ReportsRefused"), std::string::npos) << "strangers call nobody";
  EXPECT_EQ(head(webhook_path, "Content-Length: 70000000\r\nAuthorization: Bearer token-of-prod\r\n"), 413);
  EXPECT_TRUE(eventually([&] { return incidents().find("ReportsRefused") != std::string::npos; }))
      << "what a sender has lost is told";
}

TEST(AccessLive, TheAuditLogSaysWhoDidWhatAndNoSecrets) {
  AccessHouse house;
  ASSERT_EQ(house.report(AccessHouse::bearer("prod")).status, 200U);
  EXPECT_EQ(house.ask("POST", "/v1/incidents/R-1/note", AccessHouse::basic("sam:daisy"), R"({"text": "w0rds"})").status,
            200U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents?q=qu3ry", AccessHouse::bearer("gue55")).status, 401U);
  EXPECT_EQ(house.roused.stop(), 0);
  const std::string text = support::read_file(house.folder / "audit.log");
  EXPECT_NE(
      text.find(
          R"("by":"sam","proof":"password","from":"127.0.0.1","what":"POST /v1/incidents/R-1/note","status":200)"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("by":"","proof":"none","from":"127.0.0.1","what":"GET /v1/incidents","status":401)"),
            std::string::npos)
      << text;
  for (const char* const secret : {"w0rds", "qu3ry", "gue55", "daisy", "token-of", "alertmanager"})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret << " in " << text;
}

TEST(AccessLive, RousectlActsAsWhomItsTokenProves) {
  const AccessHouse house;
  ASSERT_EQ(house.report(AccessHouse::bearer("prod")).status, 200U);
  const auto ctl = [&house](const std::string& who, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), support::rousectl_program());
    std::vector<std::pair<std::string, std::string>> environment{{"ROUSE_URL", house.roused.url()}};
    if (!who.empty()) environment.emplace_back("ROUSE_TOKEN_FILE", (house.folder / (who + ".token")).string());
    return support::run({.arguments = std::move(arguments), .environment = std::move(environment)});
  };
  const support::Finished nobody = ctl("", {"status"});
  EXPECT_EQ(nobody.code, 1) << nobody.output;
  EXPECT_NE(nobody.output.find("ROUSE_TOKEN_FILE"), std::string::npos) << nobody.output;
  EXPECT_EQ(ctl("eve", {"status"}).code, 0);
  EXPECT_EQ(ctl("eve", {"note", "R-1", "seen"}).code, 1) << "a viewer";
  EXPECT_EQ(ctl("olga", {"ack", "R-1", "--by", "ivan"}).code, 0);
  const support::Answer shown = house.ask("GET", "/v1/incidents/R-1", AccessHouse::bearer("eve"));
  EXPECT_EQ(field(parse_object(shown.body), "by"), "olga") << shown.body;
  EXPECT_EQ(ctl("olga", {"reload"}).code, 1);
  EXPECT_EQ(ctl("root", {"reload"}).code, 0);
}

TEST(AccessLive, WhoIsKnownChangesWithAReload) {
  AccessHouse house;
  EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::bearer("eve")).status, 200U);
  support::write_file(house.folder / "eve.token", "another\n");
  ASSERT_EQ(house.ask("POST", "/-/reload", AccessHouse::bearer("root")).status, 200U) << house.roused.output();
  EXPECT_EQ(house.ask("GET", "/v1/incidents", AccessHouse::bearer("eve")).status, 401U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents", {{"Authorization", "Bearer another"}}).status, 200U);
  std::filesystem::remove(house.folder / "eve.token");
  ASSERT_EQ(house.ask("POST", "/-/reload", AccessHouse::bearer("root")).status, 200U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents", {{"Authorization", "Bearer another"}}).status, 401U);
  EXPECT_TRUE(house.roused.process().wait_for_line("eve: no token can be read")) << house.roused.output();
}

TEST(AccessLive, WithoutTheSectionOnlyThisMachineIsServed) {
  AccessHouse house;
  EXPECT_EQ(house.roused.stop(), 0);
  std::string text = house.written();
  const std::size_t begin = text.find("access:");
  text.erase(begin, text.find("people:") - begin);
  support::write_file(house.folder / "rouse.yml", text);
  house.roused.setting().arguments = {"--web.listen-address=0.0.0.0:0"};
  const support::Finished refused = house.roused.start_in_vain();
  EXPECT_EQ(refused.code, 1) << refused.output;
  EXPECT_NE(refused.output.find("without an `access` section"), std::string::npos) << refused.output;
  house.roused.setting().arguments.clear();
  house.roused.start();
  EXPECT_EQ(house.report({}).status, 200U);
  EXPECT_EQ(house.ask("GET", "/v1/incidents", {{"X-Forwarded-For", "192.0.2.1"}}).status, 403U);

  // Nor does a reload take the section away from an address that others reach.
  EXPECT_EQ(house.roused.stop(), 0);
  support::write_file(house.folder / "rouse.yml", house.written());
  house.roused.setting().arguments = {"--web.listen-address=0.0.0.0:0"};
  house.roused.start();
  support::write_file(house.folder / "rouse.yml", text);
  const support::Answer kept = house.ask("POST", "/-/reload", AccessHouse::bearer("root"));
  EXPECT_EQ(kept.status, 422U) << kept.body;
  EXPECT_EQ(house.ask("GET", "/v1/incidents", {}).status, 401U);
}

}  // namespace
}  // namespace live
