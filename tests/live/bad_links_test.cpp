// Links that nobody signed, against the running daemon, byte by byte: each row with its status, the process alive, and
// the next good alert paged.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/daemon/net/support.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

using net::testing::RawSocket;
using net::testing::status_of;

struct Row {
  std::string name;
  std::string request;  // the bytes on the wire
  int status;
  std::string says{};  // part of the answer
};

std::string request_of(std::string_view method, std::string_view target, std::string_view body = {}) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: rouse.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: {}\r\n\r\n{}",
      method,
      target,
      body.size(),
      body);
}

std::vector<Row> rows() {
  const std::string mark(64, '0');
  const std::string forged = "/v1/links/ack.1.1.1790000000.6f6c6761." + mark;
  return {
      {"no token", request_of("GET", "/v1/links/"), 401},
      {"no path", request_of("GET", "/v1/links"), 401},
      {"a forged token, looked at", request_of("GET", forged), 403, "Nothing was done"},
      {"a forged token, its button", request_of("POST", forged), 403, "Nothing was done"},
      {"a forged token from a form of others", request_of("POST", forged, "a=b"), 403, "Nothing was done"},
      {"a forged token by another method", request_of("DELETE", forged), 403},
      {"a token of dots", request_of("POST", "/v1/links/" + std::string(200, '.')), 403},
      {"a token of percent signs", request_of("POST", "/v1/links/%00%0d%0aX-Evil:%201"), 403},
      {"a token with markup", request_of("GET", "/v1/links/<script>alert(1)</script>"), 403, "Not a link of ours"},
      {"a way up", request_of("POST", "/v1/links/../incidents/R-1/ack", R"({"by":"olga"})"), 403},
      {"numbers too large to count", request_of("POST", "/v1/links/ack.99999999999999999999999.1.1.00." + mark), 403},
      {"a token of 4,000 bytes", request_of("GET", "/v1/links/" + std::string(4000, 'a')), 403},
  };
}

// They are looked at when there is an `access` section; nobody needs to be in it for them.
TEST(BadLinks, AreAnsweredAsTheTableSaysAndTheNextGoodAlertIsPaged) {
  House house{[](const support::Sink& sink) {
    return small_team(sink) + "access: { senders: [ { name: am, token_file: am.token } ] }\n";
  }};
  support::write_file(house.folder / "am.token", "tulip\n");
  house.roused.start();
  const std::vector<Row> all = rows();
  for (std::size_t index = 0; index < all.size(); ++index) {
    const Row& row = all[index];
    SCOPED_TRACE(row.name);
    RawSocket socket{house.roused.port()};
    socket.send(row.request);
    const std::string answer = socket.response();
    EXPECT_EQ(status_of(answer), row.status) << answer.substr(0, 700);
    EXPECT_NE(answer.find(row.says), std::string::npos) << answer.substr(0, 700);
    EXPECT_EQ(answer.find("<script"), std::string::npos);
    EXPECT_EQ(answer.find("X-Evil"), std::string::npos);
    ASSERT_TRUE(house.roused.process().is_alive()) << house.roused.output();
    const std::string good =
        webhook_of({{"alertname", "Good"}, {"service", fmt::format("good-{}", index)}, {"severity", "critical"}});
    RawSocket next{house.roused.port()};
    next.send(
        fmt::format("POST {} HTTP/1.1\r\nHost: rouse.example.org\r\nContent-Type: application/json\r\n"
                    "Authorization: Bearer tulip\r\nContent-Length: {}\r\n\r\n{}",
                    webhook_path,
                    good.size(),
                    good));
    ASSERT_EQ(status_of(next.response()), 200);
    EXPECT_TRUE(house.sink.wait_for_page(fmt::format("R-{}", index + 1), support::patience));
  }
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
