// What senders and strangers get wrong, against the running daemon, byte by byte: each row with its status, the process
// alive, and the next good alert paged.
#include <chrono>
#include <future>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/net/hmac.hpp"
#include "tests/daemon/net/support.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

using net::testing::RawSocket;
using net::testing::status_of;

struct Row {
  std::string name;
  std::string request;  // the bytes on the wire
  int status;           // 0: the connection ends without an answer
  std::string says{};   // part of the answer
};

using Heads = std::vector<std::string>;

std::string request_of(std::string_view method, std::string_view target, const Heads& heads, std::string_view body) {
  std::string request = fmt::format("{} {} HTTP/1.1\r\n", method, target);
  for (const std::string& head : heads) request += head + "\r\n";
  request += "\r\n";
  request += body;
  return request;
}

// A POST as it should be, but for what the row makes of it.
std::string post_to(std::string_view target, std::string_view body, const Heads& more = {}) {
  Heads heads{"Host: 127.0.0.1", "Content-Type: application/json", fmt::format("Content-Length: {}", body.size())};
  heads.insert(heads.end(), more.begin(), more.end());
  return request_of("POST", target, heads, body);
}

std::string webhook(std::string_view body, const Heads& more = {}) {
  return post_to(webhook_path, body, more);
}
std::string api_v2(std::string_view body) {
  return post_to("/api/v2/alerts", body);
}

std::string get_of(std::string_view target, const Heads& more = {}) {
  Heads heads{"Host: 127.0.0.1"};
  heads.insert(heads.end(), more.begin(), more.end());
  return request_of("GET", target, heads, "");
}

// One alert with these members, of a service that no other row has.
std::string alert_with(std::string_view members, std::string_view status = "firing") {
  static int number = 0;
  return fmt::format(R"({{"version":"4","alerts":[{{"status":"{}",)"
                     R"("labels":{{"alertname":"Odd","service":"odd-{}","severity":"info"{}}}]}})",
                     status,
                     ++number,
                     members);
}

std::string chunked(std::string_view body) {
  return fmt::format("{:x}\r\n{}\r\n", body.size(), body);
}

std::string capture(std::string_view name) {
  return support::read_file(support::source_folder() / "tests/captures/alertmanager-0.25" / name);
}

std::string gunzipped_capture(std::string_view name) {
  const support::Finished out = support::run(
      {.arguments = {"gzip", "-dc", (support::source_folder() / "tests/captures/alertmanager-0.25" / name).string()}});
  EXPECT_EQ(out.code, 0);
  return out.output;
}

constexpr std::size_t max_body = std::size_t{8} << 20;

std::vector<Row> rows() {
  using std::string_literals::operator""s;
  const std::string good = alert_with("}");
  const std::string many_labels = [] {
    std::string members;
    for (int label = 0; label < 1000; ++label) members += fmt::format(R"(,"label{}":"{}")", label, label);
    return members + "}";
  }();
  std::string big_chunks;
  for (std::size_t sent = 0; sent <= max_body; sent += std::size_t{1} << 20) {
    big_chunks += chunked(std::string(std::size_t{1} << 20, ' '));
  }
  const std::string gzip = capture("24-ten-thousand-firing.json.gz");
  return {
      // what is no JSON, or not the format's
      {"empty body", webhook(""), 400, "empty"},
      {"empty list of API v2", api_v2(""), 400, "empty"},
      {"not JSON", webhook("hello"), 400, "not JSON"},
      {"NUL bytes", webhook("\0\0\0\0"s), 400, "not JSON"},
      {"cut off", webhook(good.substr(0, good.size() / 2)), 400, "not JSON"},
      {"two documents", webhook(good + good), 400, "follows"},
      {"array at the top of a webhook", webhook("[]"), 400, "not an object"},
      {"scalar at the top", webhook("7"), 400, "not an object"},
      {"object at the top of API v2", api_v2(good), 400, "not an array"},
      {"missing alerts", webhook(R"({"version":"4"})"), 400, "`alerts` is missing"},
      {"100,000 levels", api_v2(std::string(100'000, '[') + std::string(100'000, ']')), 400, "deeper than 32"},
      {"100,000 levels of objects in a label",
       webhook(R"({"alerts":[{"labels":{"a":)" +
               [] {
                 std::string text;
                 for (int level = 0; level < 100'000; ++level) text += "{\"a\":";
                 return text + "1" + std::string(100'000, '}');
               }() +
               "}]}"),
       400,
       "deeper than 32"},
      {"100,000 levels in a verb",
       post_to("/v1/incidents/R-1/ack", std::string(100'000, '[') + std::string(100'000, ']')),
       400},
      {"no usable alert", webhook(R"({"alerts":[{"labels":{}},7]})"), 400, "no alert of 2"},
      // what is odd, and taken
      {"no alerts", webhook(R"({"alerts":[]})"), 200},
      {"one bad of two", webhook(alert_with("}},{\"labels\":7")), 200, "\"rejected\""},
      {"bytes that are not UTF-8", webhook(alert_with(",\"x\":\"caf\xE9 \xFF\xC0\x80\"}")), 200},
      {"NUL, ESC, CR, LF and bidi in labels",
       webhook(alert_with(R"(,"x":"\u0000\u001b[2J\r\n\u202e\u2066evil"})")),
       200},
      {"no alertname",
       webhook(R"({"alerts":[{"status":"firing","labels":{"service":"unnamed","severity":"info"}}]})"),
       200},
      {"1,000 labels", webhook(alert_with(many_labels)), 200},
      {"an annotation of 1 MB",
       webhook(alert_with("},\"annotations\":{\"summary\":\"" + std::string(1 << 20, 'a') + "\"}")),
       200},
      {"a label that is a number, an object, null", webhook(alert_with(R"(,"x":7,"y":{"z":[1]},"w":null})")), 200},
      {"duplicate keys", webhook(alert_with(R"(,"x":"1","x":"2"})")), 200},
      {"truncatedAlerts", webhook(R"({"version":"4","truncatedAlerts":3,)" + alert_with("}").substr(1)), 200},
      {"an unknown version", webhook(R"({"version":"99",)" + alert_with("}").substr(15)), 200},
      {"times of the years 0001 and 9999",
       webhook(alert_with(R"(},"startsAt":"0001-01-01T00:00:00Z","endsAt":"9999-12-31T23:59:59Z")")),
       200},
      {"times beyond all years",
       webhook(alert_with(R"(},"startsAt":"99999-01-01T00:00:00Z","endsAt":"2026-13-45T99:99:99Z")")),
       200},
      {"an end before the beginning",
       webhook(alert_with(R"(},"startsAt":"2026-03-04T00:00:00Z","endsAt":"2026-03-03T00:00:00Z")")),
       200},
      {"a beginning tomorrow", webhook(alert_with(R"(},"startsAt":"2099-01-01T00:00:00Z")")), 200},
      {"a status that is neither", webhook(alert_with("}", "burning")), 200},
      {"the end of what was never seen", webhook(alert_with("}", "resolved")), 200},
      {"templates as text", webhook(alert_with(R"(,"x":"{{ .Labels }} ${x} <script> <!channel> @here"})")), 200},
      {"a script as generatorURL", webhook(alert_with("},\"generatorURL\":\"javascript:alert(1)\"")), 200},
      {"API v2 of the years 0001 and 9999",
       api_v2(R"([{"labels":{"alertname":"Odd","service":"v2","severity":"info"},)"
              R"("startsAt":"0001-01-01T00:00:00Z","endsAt":"9999-12-31T23:59:59Z"}])"),
       200},
      {"control characters at 20,000 in a label", webhook(capture("11-unicode-control-chars-20k-label.json")), 200},
      {"10,000 alerts in one body", webhook(gunzipped_capture("24-ten-thousand-firing.json.gz")), 200},
      // how it is sent
      {"gzip", webhook(gzip, {"Content-Encoding: gzip"}), 415},
      {"gzip without saying so", webhook(gzip), 400},
      {"a wrong type",
       request_of("POST",
                  webhook_path,
                  {"Host: 127.0.0.1", "Content-Type: text/plain", fmt::format("Content-Length: {}", good.size())},
                  good),
       415},
      {"a form for a verb",
       request_of("POST",
                  "/v1/incidents/R-1/ack",
                  {"Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 7"},
                  "by=olga"),
       415},
      {"no type",
       request_of("POST", webhook_path, {"Host: 127.0.0.1", fmt::format("Content-Length: {}", good.size())}, good),
       200},
      {"1 GB announced",
       request_of("POST",
                  webhook_path,
                  {"Host: 127.0.0.1", "Content-Type: application/json", "Content-Length: 1073741824"},
                  ""),
       413},
      {"more than the limit in chunks",
       request_of("POST",
                  webhook_path,
                  {"Host: 127.0.0.1", "Content-Type: application/json", "Transfer-Encoding: chunked"},
                  big_chunks),
       413},
      {"chunks",
       request_of("POST",
                  webhook_path,
                  {"Host: 127.0.0.1", "Content-Type: application/json", "Transfer-Encoding: chunked"},
                  chunked(good) + "0\r\n\r\n"),
       200},
      {"a chunk of a size that is none",
       request_of("POST", webhook_path, {"Host: 127.0.0.1", "Transfer-Encoding: chunked"}, "zz\r\n"),
       400},
      {"a chunk of the size of all",
       request_of("POST", webhook_path, {"Host: 127.0.0.1", "Transfer-Encoding: chunked"}, "ffffffffffffffff\r\n"),
       413},
      {"no length", request_of("POST", webhook_path, {"Host: 127.0.0.1", "Content-Type: application/json"}, ""), 411},
      {"Content-Length twice, differing", webhook(good, {"Content-Length: 5"}), 400},
      {"Content-Length and chunks", webhook(good, {"Transfer-Encoding: chunked"}), 400},
      {"a negative length", request_of("POST", webhook_path, {"Host: 127.0.0.1", "Content-Length: -1"}, ""), 400},
      {"a length beyond 64 bits",
       request_of("POST", webhook_path, {"Host: 127.0.0.1", "Content-Length: 99999999999999999999999"}, ""),
       400},
      {"an unknown transfer coding",
       request_of("POST", webhook_path, {"Host: 127.0.0.1", "Transfer-Encoding: gzip"}, ""),
       501},
      {"no Host", request_of("GET", "/-/healthy", {}, ""), 400},
      {"two Hosts", request_of("GET", "/-/healthy", {"Host: a", "Host: b"}, ""), 400},
      {"a blank before the colon", request_of("GET", "/-/healthy", {"Host: 127.0.0.1", "X-Odd : 1"}, ""), 400},
      {"a folded header", request_of("GET", "/-/healthy", {"Host: 127.0.0.1", "X-Odd: 1\r\n  folded"}, ""), 200},
      {"a NUL in a header", request_of("GET", "/-/healthy", {"Host: 127.0.0.1", "X-Odd: a\0b"s}, ""), 400},
      {"headers of 64 kB",
       request_of("GET", "/-/healthy", {"Host: 127.0.0.1", "X-Odd: " + std::string(65'536, 'x')}, ""),
       431},
      {"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
      {"HTTP/0.9", "GET /-/healthy\r\n\r\n", 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.0", "GET /-/healthy HTTP/1.0\r\n\r\n", 200},
      {"HEAD", request_of("HEAD", "/-/healthy", {"Host: 127.0.0.1", "Connection: close"}, ""), 200},
      {"PUT to an intake",
       request_of("PUT", webhook_path, {"Host: 127.0.0.1", "Content-Length: 2"}, "{}"),
       405,
       "Allow: POST"},
      {"GET of an intake", get_of(webhook_path), 405, "Allow: POST"},
      {"DELETE of the incidents", request_of("DELETE", "/v1/incidents", {"Host: 127.0.0.1"}, ""), 405, "Allow: GET"},
      {"..%2f", get_of("/v1/..%2f..%2fetc/passwd"), 404},
      {"../ in the path", get_of("/../../etc/passwd"), 404},
      {"a NUL in the path", get_of("/-/healthy%00"), 404},
      {"a percent that is none", get_of("/v1/incidents/%zz"), 400},
      {"a path of 10,000 letters", get_of("/" + std::string(10'000, 'a')), 414},
      {"a path that nobody serves", get_of("/admin.php"), 404},
      {"a trailing slash", post_to(fmt::format("{}/", webhook_path), good), 200},
      {"a trailing slash of a list", get_of("/v1/incidents/"), 200},
      {"an incident that is none", get_of("/v1/incidents/R-999999999999999999999999"), 404},
      {"a limit that is none", get_of("/v1/incidents?limit=-1"), 400},
      {"a verb for nobody", post_to("/v1/incidents/R-4000000000/ack", R"({"by":"olga"})"), 404},
      {"a verb that is none", post_to("/v1/incidents/R-1/explode", R"({"by":"olga"})"), 404},
      // callbacks of providers
      {"Twilio without an access section", post_to("/v1/callbacks/twilio/sms", "{}"), 403, "access"},
      {"Twilio's status, fetched, without an access section",
       get_of("/v1/callbacks/twilio/status?m=1&k=x"),
       403,
       "access"},
      {"a callback of Twilio that there is none of, without an access section",
       post_to("/v1/callbacks/twilio/fax", "{}"),
       403,
       "access"},
      {"Slack without an access section", post_to("/v1/callbacks/slack", "{}"), 403, "access"},
      {"Mattermost without an access section", post_to("/v1/callbacks/mattermost", "{}"), 403, "access"},
      {"a signed link without an access section", get_of("/v1/links/ack.1.1.1.00.00"), 403, "access"},
      {"a callback of nobody, without an access section", post_to("/v1/callbacks/nobody", "{}"), 403, "access"},
      // strangers
      {"X-Forwarded-For", webhook(good, {"X-Forwarded-For: 10.0.0.1"}), 403},
      {"Forwarded", get_of("/v1/incidents", {"Forwarded: for=10.0.0.1"}), 403},
      {"Via", get_of("/v1/incidents", {"Via: 1.1 proxy"}), 403},
      {"a Host that is not loopback for a verb",
       request_of("POST",
                  "/v1/incidents/R-1/ack",
                  {"Host: evil.example.org", "Content-Type: application/json", "Content-Length: 13"},
                  R"({"by":"olga"})"),
       403},
      {"an Origin that is not loopback for a verb",
       post_to("/v1/incidents/R-1/ack", R"({"by":"olga"})", {"Origin: http://evil.example.org"}),
       403},
      {"a Host of any name for an intake",
       request_of("POST",
                  webhook_path,
                  {"Host: rouse.internal:9911",
                   "Content-Type: application/json",
                   fmt::format("Content-Length: {}", good.size())},
                  good),
       200},
  };
}

class BadInput : public testing::Test {
 protected:
  void SetUp() override { house.roused.start(); }

  // The answer's head and body; empty when the connection ended without one.
  std::string ask(const std::string& request) const {
    RawSocket socket{house.roused.port()};
    socket.send(request);
    return request.starts_with("HEAD") ? head_of(socket) : socket.response();
  }
  static std::string head_of(RawSocket& socket) {
    socket.end_sending();
    return socket.rest();
  }

  House house{[](const support::Sink& sink) {
    return small_team(sink) + fmt::format("server: {{ max_body: {}MiB }}\n", max_body >> 20);
  }};
};

TEST_F(BadInput, IsAnsweredAsTheTableSaysAndTheNextGoodAlertIsPaged) {
  const std::vector<Row> all = rows();
  EXPECT_GE(all.size(), 45U);
  std::set<std::string> names;
  for (std::size_t index = 0; index < all.size(); ++index) {
    const Row& row = all[index];
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second) << "twice in the table";
    const std::string answer = ask(row.request);
    EXPECT_EQ(status_of(answer), row.status) << answer.substr(0, 500);
    EXPECT_NE(answer.find(row.says), std::string::npos) << answer.substr(0, 500);
    ASSERT_TRUE(house.roused.process().is_alive()) << house.roused.output();
    const Labels labels{{"alertname", "Good"}, {"service", fmt::format("good-{}", index)}, {"severity", "critical"}};
    const std::string next = ask(webhook(webhook_of(labels)));
    ASSERT_EQ(status_of(next), 200) << "the good alert after it: " << next;
  }
  std::set<std::string> good;
  for (const json::object& incident : house.incidents()) {
    if (field(incident, "service").starts_with("good-")) good.insert(field(incident, "id"));
  }
  EXPECT_EQ(good.size(), all.size());
  const auto are_all_paged = [&good](const std::vector<support::Message>& messages) {
    std::set<std::string> paged;
    for (const support::Message& message : messages) {
      if (message.is_page) paged.insert(message.incidents.begin(), message.incidents.end());
    }
    return std::includes(paged.begin(), paged.end(), good.begin(), good.end());
  };
  EXPECT_TRUE(house.sink.wait_until(are_all_paged, support::patience)) << "a good alert after a bad one was not paged";
  // What strangers write reaches neither a terminal nor a log as it came.
  EXPECT_EQ(house.roused.output().find('\x1b'), std::string::npos);
  EXPECT_EQ(house.roused.stop(), 0);
}

// Of who somebody is. Each row comes from an address of its own, as the trusted proxy says, so none meets the limit of
// failures.
std::vector<Row> credentials() {
  using std::string_literals::operator""s;
  int number = 0;
  const auto with = [&number](Heads heads, std::string_view path = "/v1/incidents") {
    heads.push_back(fmt::format("X-Forwarded-For: 192.0.2.{}", ++number));
    return get_of(path, heads);
  };
  const auto basic = [&with](const std::string& pair) { return with({"Authorization: Basic " + net::base64(pair)}); };
  return {
      {"no credentials", with({}), 401, "WWW-Authenticate: Basic"},
      {"an empty header", with({"Authorization:"}), 401},
      {"a scheme alone", with({"Authorization: Bearer"}), 401},
      {"a scheme that there is none of", with({"Authorization: Digest username=olga"}), 401},
      {"an empty token", with({"Authorization: Bearer  "}), 401},
      {"a token of 7,000 letters", with({"Authorization: Bearer " + std::string(7000, 'a')}), 401},
      {"a token of 70,000 letters", with({"Authorization: Bearer " + std::string(70'000, 'a')}), 431},
      {"a token with a NUL", with({"Authorization: Bearer tulip\0tulip"s}), 400},
      {"a token that is not UTF-8", with({"Authorization: Bearer \xff\xfe\xc0\x80"}), 401},
      {"a token with a blank in it", with({"Authorization: Bearer tu lip"}), 401},
      {"two good tokens", with({"Authorization: Bearer tulip", "Authorization: Bearer tulip"}), 401},
      {"a password that is no base64", with({"Authorization: Basic !!!!"}), 401},
      {"a password without a colon", basic("olga"), 401},
      {"nobody and nothing", basic(":"), 401},
      {"a wrong password", basic("olga:rose"), 401},
      {"a password with a NUL behind the good one", basic("olga:daisy\0x"s), 401},
      {"a name with a NUL in it", basic("olga\0:daisy"s), 401},
      {"a name that nobody has", basic("nobody:daisy"), 401},
      {"a password of 5,000 letters", basic("olga:" + std::string(5000, 'a')), 401},
      {"the hash in place of the password", basic("olga:$2b$04$abcdefghijklmnopqrstuu"), 401},
      {"a setting of crypt as a password", basic("olga:*0"), 401},
      {"two headers of the proxy", with({"X-Forwarded-User: olga", "X-Forwarded-User: root"}), 401},
      {"an empty header of the proxy", with({"X-Forwarded-User: "}), 401},
      {"a name of the proxy that nobody has", with({"X-Forwarded-User: \xff<script>"}), 200},
      {"the same for a verb", post_to("/v1/incidents/R-1/ack", "{}", {"X-Forwarded-User: ../../root"}), 403},
      {"a token in the query", with({}, "/v1/incidents?token=tulip&access_token=tulip"), 401},
      {"a link that is none", with({}, "/v1/links/%00%ff"), 403},
      {"a callback of a provider that there is none of", post_to("/v1/callbacks/twilio/sms", "{}"), 403, "no provider"},
  };
}

TEST(BadCredentials, AreRefusedAsTheTableSaysAndTheNextGoodAlertIsTaken) {
  House house{[](const support::Sink& sink) {
    return small_team(sink) +
           "access:\n"
           "  senders: [ { name: prod, token_file: prod.token } ]\n"
           "  users: [ { name: olga, role: viewer, token_file: olga.token, password_hash_file: olga.hash } ]\n"
           "  proxy: { header: X-Forwarded-User, from: [ 127.0.0.1/32 ], role: viewer }\n";
  }};
  support::write_file(house.folder / "prod.token", "rose\n");
  support::write_file(house.folder / "olga.token", "tulip\n");
  // bcrypt of "daisy", as cheap as it gets.
  support::write_file(house.folder / "olga.hash", "$2b$04$abcdefghijklmnopqrstuufO8e4CiVFNuNvaZ1L86pojtDKR88DsS\n");
  house.roused.start();
  const auto ask = [&house](const std::string& request) {
    RawSocket socket{house.roused.port()};
    socket.send(request);
    return socket.response();
  };
  const std::vector<Row> all = credentials();
  for (std::size_t index = 0; index < all.size(); ++index) {
    const Row& row = all[index];
    SCOPED_TRACE(row.name);
    const std::string answer = ask(row.request);
    EXPECT_EQ(status_of(answer), row.status) << answer.substr(0, 500);
    EXPECT_NE(answer.find(row.says), std::string::npos) << answer.substr(0, 500);
    ASSERT_TRUE(house.roused.process().is_alive()) << house.roused.output();
    const Labels labels{{"alertname", "Good"}, {"service", fmt::format("good-{}", index)}, {"severity", "critical"}};
    ASSERT_EQ(status_of(ask(webhook(webhook_of(labels), {"Authorization: Bearer rose"}))), 200);
  }
  EXPECT_EQ(status_of(ask(get_of("/v1/incidents", {"Authorization: Basic " + net::base64("olga:daisy")}))), 200);
  for (const char* const secret : {"tulip", "rose", "daisy"})
    EXPECT_EQ(house.roused.output().find(secret), std::string::npos) << secret;
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST_F(BadInput, ThatNeverEndsIsCutOffWhileOthersAreServed) {
  // Ten seconds for a head, thirty for a body: both at once, in real time.
  RawSocket head{house.roused.port()};
  RawSocket body{house.roused.port()};
  head.send("POST /v1/alerts/alertmanager HTTP/1.1\r\nHost: 127");
  body.send(fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{{", webhook_path));
  const auto began = std::chrono::steady_clock::now();
  // A socket waits no longer than net::testing::patience for a byte, which both times are well below.
  const std::string head_answer = head.response();
  const auto head_took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(status_of(head_answer), 408) << head_answer;
  EXPECT_GE(head_took, std::chrono::seconds{9});
  EXPECT_LE(head_took, std::chrono::seconds{13});
  ASSERT_EQ(status_of(ask(webhook(webhook_of({{"alertname", "Good"}, {"service", "good"}, {"severity", "critical"}})))),
            200);
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << "a slow sender must hold nobody else";
  std::string body_answer;
  body.send("\"version\":");  // slow is not silent: the whole body has the thirty seconds
  body_answer = body.response();
  const auto body_took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(status_of(body_answer), 408) << body_answer;
  EXPECT_GE(body_took, std::chrono::seconds{29});
  EXPECT_LE(body_took, std::chrono::seconds{34});
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST_F(BadInput, ARepeatedPayloadIsOneIncidentAndOnePage) {
  const std::string request =
      webhook(webhook_of({{"alertname", "Good"}, {"service", "good"}, {"severity", "critical"}}));
  RawSocket socket{house.roused.port()};
  constexpr int times = 2000;
  for (int round = 0; round < times; ++round) {
    socket.send(request);
    ASSERT_EQ(status_of(socket.response()), 200) << "round " << round;
  }
  ASSERT_TRUE(house.sink.wait_for_page("R-1", support::patience));
  EXPECT_EQ(house.incidents().size(), 1U);
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_EQ(house.sink.pages().size(), 1U);
}

}  // namespace
}  // namespace live
