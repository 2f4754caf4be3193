#include "daemon/channels/webhook.hpp"

#include <atomic>
#include <future>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/daemon/channels/support.hpp"
#include "tests/daemon/net/support.hpp"

namespace channels {
namespace {

using net::testing::LoopThread;
using net::testing::patience;
using std::chrono::milliseconds;
using testing::Folder;
using testing::page;

// A receiver written byte by byte: takes one connection after the other, reads one request of each, answers with
// `answer`, and closes. An empty answer closes without one.
class Receiver {
 public:
  explicit Receiver(std::string answer, bool does_answer = true) : listener_(*net::Listener::open("127.0.0.1:0")) {
    thread_ = std::thread([this, answer = std::move(answer), does_answer] {
      for (;;) {
        pollfd readable{listener_.descriptor(), POLLIN, 0};
        ::poll(&readable, 1, -1);
        const int connection = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        if (is_stopping_) {
          ::close(connection);
          return;
        }
        request_ = read_request(connection);
        if (does_answer) {
          ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
        } else {
          char byte{};  // silence until the other side gives up
          while (::recv(connection, &byte, 1, 0) > 0) continue;
        }
        ::close(connection);
        ++served_;
      }
    });
  }
  ~Receiver() { stop(); }

  // Waits for the connection that is being served; what it got can be looked at then.
  void stop() {
    if (!thread_.joinable()) return;
    is_stopping_ = true;
    {
      const net::testing::RawSocket last(net::testing::port_of(listener_.address()));
    }
    thread_.join();
  }

  [[nodiscard]] std::string url() const { return "http://" + listener_.address() + "/hooks/sesame?token=tulip"; }
  [[nodiscard]] const std::string& request() const { return request_; }
  [[nodiscard]] int served() const { return served_; }

 private:
  static std::string read_request(int connection) {
    std::string request;
    for (;;) {
      const std::size_t end = request.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t field = request.find("Content-Length: ");
        const std::size_t length = field < end ? std::stoul(request.substr(field + 16)) : 0;
        if (request.size() >= end + 4 + length) return request;
      }
      char bytes[4096];
      const auto count = ::recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) return request;
      request.append(bytes, static_cast<std::size_t>(count));
    }
  }

  net::Listener listener_;
  std::string request_;
  std::atomic<int> served_{0};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

std::string answer(const std::string& status, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + more + "\r\n";
}

std::map<std::string, std::string> fields_of(const std::string& request) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(request.substr(0, request.find("\r\n\r\n")));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return fields;
}

class Webhook : public ::testing::Test {
 protected:
  void SetUp() override { thread.start(); }
  void TearDown() override {
    thread.stop();
    client.reset();
  }

  TryResult attempt(WebhookSettings settings,
                    const rules::Send& send = page(),
                    milliseconds limit = patience,
                    bool may_leave = true) {
    std::promise<TryResult> result;
    thread.run([&] {
      // Gone right after the call, as at a reload: the try goes on.
      WebhookProvider provider(*client, clock, std::move(settings));
      provider.attempt(
          send, limit, [may_leave] { return may_leave; }, [&](TryResult each) { result.set_value(std::move(each)); });
    });
    auto future = result.get_future();
    if (future.wait_for(patience) != std::future_status::ready) std::abort();
    return future.get();
  }

  TryResult answered_with(const std::string& status, const std::string& more = "") {
    Receiver receiver(answer(status, more));
    const TryResult result = attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = ""});
    receiver.stop();
    EXPECT_EQ(receiver.served(), 1);
    EXPECT_EQ(result.detail.find("sesame"), std::string::npos) << "a URL's path may be a secret";
    return result;
  }

  testing::RealClock clock;
  LoopThread thread;
  std::unique_ptr<net::Client> client = std::make_unique<net::Client>(thread.loop());
};

TEST_F(Webhook, AnyTwoHundredIsAccepted) {
  EXPECT_EQ(answered_with("200 OK").outcome, TryOutcome::accepted);
  EXPECT_EQ(answered_with("202 Accepted").outcome, TryOutcome::accepted);
  Receiver receiver("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = ""}).outcome,
            TryOutcome::accepted);
}

TEST_F(Webhook, ARedirectIsNotFollowedButRefused) {
  Receiver elsewhere(answer("200 OK"));
  const TryResult result = answered_with("302 Found", "Location: " + elsewhere.url() + "\r\n");
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail, "answers with a redirect, which is not followed (302)");
  elsewhere.stop();
  EXPECT_EQ(elsewhere.served(), 0);
}

TEST_F(Webhook, AClientErrorIsARefusalForGood) {
  for (const char* const status : {"400 Bad Request", "401 Unauthorized", "404 Not Found", "410 Gone", "422 No"}) {
    const TryResult result = answered_with(status);
    EXPECT_EQ(result.outcome, TryOutcome::refused) << status;
    EXPECT_NE(result.detail.find(std::string(status, 3)), std::string::npos);
  }
}

TEST_F(Webhook, TimeoutsTooManyRequestsAndServerErrorsAreTransient) {
  for (const char* const status :
       {"408 Request Timeout", "429 Too Many", "500 Oops", "502 Bad Gateway", "503 Busy", "504 Slow"}) {
    const TryResult result = answered_with(status);
    EXPECT_EQ(result.outcome, TryOutcome::transient) << status;
    EXPECT_EQ(result.retry_after, std::nullopt);
  }
}

TEST_F(Webhook, RetryAfterInSecondsIsPassedOn) {
  EXPECT_EQ(answered_with("429 Too Many", "Retry-After: 3\r\n").retry_after, std::chrono::seconds{3});
  EXPECT_EQ(answered_with("503 Busy", "Retry-After: 0\r\n").retry_after, std::chrono::seconds{0});
  for (const char* const odd : {"soon", "-1", "3.5", "99999999999", "Fri, 31 Dec 1999 23:59:59 GMT", ""})
    EXPECT_EQ(answered_with("503 Busy", "Retry-After: " + std::string(odd) + "\r\n").retry_after, std::nullopt) << odd;
}

TEST_F(Webhook, AConnectionClosedBeforeTheAnswerIsUnanswered) {
  Receiver receiver("");
  EXPECT_EQ(attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = ""}).outcome,
            TryOutcome::unanswered);
}

TEST_F(Webhook, AnAnswerThatIsNoHttpIsUnanswered) {
  Receiver receiver("220 mail.example.org ESMTP\r\n\r\n");
  EXPECT_EQ(attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = ""}).outcome,
            TryOutcome::unanswered);
}

TEST_F(Webhook, SilenceAfterTheRequestIsUnansweredWhenTheTimeoutOrTheLimitIsOver) {
  Receiver silent("", false);
  const WebhookSettings short_timeout{
      .url = silent.url(), .timeout = milliseconds{80}, .secrets = {}, .public_url = ""};
  EXPECT_EQ(attempt(short_timeout).outcome, TryOutcome::unanswered);
  const WebhookSettings long_timeout{.url = silent.url(), .timeout = patience, .secrets = {}, .public_url = ""};
  EXPECT_EQ(attempt(long_timeout, page(), milliseconds{80}).outcome, TryOutcome::unanswered);
}

TEST_F(Webhook, ARefusedConnectionIsTransient) {
  // The port is bound to be free when its listener has closed.
  std::string url;
  {
    Receiver gone(answer("200 OK"));
    url = gone.url();
  }
  const TryResult result = attempt({.url = url, .timeout = patience, .secrets = {}, .public_url = ""});
  EXPECT_EQ(result.outcome, TryOutcome::transient);
  EXPECT_EQ(result.detail.find("sesame"), std::string::npos);
}

TEST_F(Webhook, WhatMayNotLeaveIsWithdrawnAndNotAByteArrives) {
  Receiver receiver(answer("200 OK"));
  EXPECT_EQ(
      attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = ""}, page(), patience, false)
          .outcome,
      TryOutcome::withdrawn);
  thread.run([this] { client.reset(); });  // which keeps the unused connection open
  receiver.stop();
  EXPECT_EQ(receiver.request(), "");
}

TEST_F(Webhook, AnAddressThatIsNoUrlIsARefusal) {
  rules::Send send = page();
  EXPECT_EQ(attempt({}, send).outcome, TryOutcome::refused) << "a telephone number";
  send.address = "";
  EXPECT_EQ(attempt({}, send).outcome, TryOutcome::refused);
}

TEST_F(Webhook, WithoutAUrlOfItsOwnItPostsToThePersonsAddress) {
  Receiver receiver(answer("200 OK"));
  rules::Send send = page();
  send.address = receiver.url();
  EXPECT_EQ(attempt({}, send).outcome, TryOutcome::accepted);
}

TEST_F(Webhook, TheRequestIsAsTheContractSays) {
  Receiver receiver(answer("200 OK"));
  rules::Send send = page();
  send.possible_duplicate = true;
  attempt({.url = receiver.url(), .timeout = patience, .secrets = {}, .public_url = "https://rouse.example.org"}, send);
  receiver.stop();
  const std::string& request = receiver.request();
  EXPECT_TRUE(request.starts_with("POST /hooks/sesame?token=tulip HTTP/1.1\r\n"));
  auto fields = fields_of(request);
  const std::string body = net::testing::body_of(request);
  EXPECT_EQ(fields["Content-Type"], "application/json");
  EXPECT_EQ(fields["Content-Length"], std::to_string(body.size()));
  EXPECT_EQ(fields["Idempotency-Key"], send.key);
  EXPECT_EQ(fields["User-Agent"], "rouse/" ROUSE_VERSION);
  EXPECT_FALSE(fields.contains("X-Rouse-Signature")) << "no secret, no signature";
  const boost::json::value json = boost::json::parse(body);
  EXPECT_EQ(json.at("version"), 1);
  EXPECT_EQ(json.at("drill"), false);
  EXPECT_EQ(json.at("page").at("incident"), "R-12");
  EXPECT_EQ(json.at("page").at("to"), "olga");
  EXPECT_EQ(json.at("page").at("by"), "sms");
  EXPECT_EQ(json.at("page").at("address"), "+16045550101");
  EXPECT_EQ(json.at("page").at("step"), 2);
  EXPECT_EQ(json.at("page").at("round"), 1);
  EXPECT_EQ(json.at("page").at("reason"), "step");
  EXPECT_EQ(json.at("page").at("possible_duplicate"), true);
  EXPECT_EQ(json.at("page").at("idempotency_key"), boost::json::value(send.key));
  EXPECT_NE(json.at("page").at("text").as_string().find("CheckoutDown"), boost::json::string::npos);
  EXPECT_EQ(json.at("incident").at("summary"), boost::json::value(send.pages[0].incident.summary));
  EXPECT_TRUE(json.at("incident").at("url").as_string().starts_with("https://rouse.example.org"));
}

// HMAC by its definition (RFC 2104), so that no shared mistake goes unseen.
std::string sha256(const std::string& text) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr);
  return digest;
}
std::string hmac_by_definition(std::string key, const std::string& text) {
  if (key.size() > 64) key = sha256(key);
  key.resize(64, '\0');
  std::string inner = key;
  std::string outer = key;
  for (char& byte : inner) byte = static_cast<char>(byte ^ 0x36);
  for (char& byte : outer) byte = static_cast<char>(byte ^ 0x5c);
  const std::string digest = sha256(outer + sha256(inner + text));
  std::string hex;
  for (const char byte : digest) {
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4U];
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) & 0xFU];
  }
  return hex;
}

TEST_F(Webhook, EachSecretOfTheFileSignsTimeAndBody) {
  const Folder folder;
  const std::string long_secret(200, 'k');
  const auto secrets = read_secrets(folder.write("secrets", "tulip-1\r\n\n  " + long_secret + "  \n"));
  ASSERT_TRUE(secrets) << secrets.error();
  ASSERT_EQ(secrets->size(), 2U);
  Receiver receiver(answer("200 OK"));
  attempt({.url = receiver.url(), .timeout = patience, .secrets = *secrets, .public_url = ""});
  receiver.stop();
  const std::string signed_text = "1790000123." + net::testing::body_of(receiver.request());
  EXPECT_EQ(fields_of(receiver.request())["X-Rouse-Signature"],
            "t=1790000123,v1=" + hmac_by_definition("tulip-1", signed_text) +
                ",v1=" + hmac_by_definition(long_secret, signed_text));
}

TEST(WebhookSecrets, AMissingOrEmptyFileIsNamedInTheError) {
  const Folder folder;
  for (const std::string& file : {folder / "none", folder.write("empty", "\n \n"), folder / "."}) {
    const auto secrets = read_secrets(file);
    ASSERT_FALSE(secrets) << file;
    EXPECT_NE(secrets.error().find(file), std::string::npos);
  }
}

}  // namespace
}  // namespace channels
