#include "daemon/net/client.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/daemon/net/support.hpp"

namespace net {
namespace {

using std::chrono::milliseconds;
using testing::LoopThread;
using testing::patience;

// A provider written byte by byte: accepts connections one after the other and hands each to `script`.
class Provider {
 public:
  using Script = std::function<void(int connection)>;

  explicit Provider(Script script) : listener_(*Listener::open("127.0.0.1:0")) {
    thread_ = std::thread([this, script = std::move(script)] {
      for (;;) {
        pollfd readable{listener_.descriptor(), POLLIN, 0};
        ::poll(&readable, 1, -1);
        const int connection = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        ++connections_;
        if (is_stopping_) {
          ::close(connection);
          return;
        }
        script(connection);
        ::close(connection);
      }
    });
  }
  ~Provider() {
    is_stopping_ = true;
    {
      const testing::RawSocket last(testing::port_of(listener_.address()));
    }
    thread_.join();
  }

  [[nodiscard]] std::string url(const std::string& path = "/page") const {
    return "http://" + listener_.address() + path;
  }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  Listener listener_;
  std::atomic<int> connections_{0};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

// Reads one request with its body; empty at the end of the connection.
std::string read_request(int connection) {
  std::string request;
  for (;;) {
    const std::size_t end = request.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t field = request.find("Content-Length: ");
      const std::size_t length = field < end ? static_cast<std::size_t>(std::atoi(request.c_str() + field + 16)) : 0;
      if (request.size() >= end + 4 + length) return request;
    }
    char bytes[4096];
    const auto count = ::recv(connection, bytes, sizeof bytes, 0);
    if (count <= 0) return {};
    request.append(bytes, static_cast<std::size_t>(count));
  }
}

void write_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Provider::Script answer(std::string bytes) {
  return [bytes = std::move(bytes)](int connection) {
    while (!read_request(connection).empty()) write_all(connection, bytes);
  };
}

Provider::Script answer_and_close(std::string bytes) {
  return [bytes = std::move(bytes)](int connection) {
    read_request(connection);
    write_all(connection, bytes);
  };
}

class Calls {
 public:
  explicit Calls(ClientOptions options = {}) : client_(std::in_place, thread_.loop(), std::move(options)) {
    thread_.start();
  }
  ~Calls() {
    thread_.stop();
    client_.reset();
  }

  std::future<ClientResult> start(ClientRequest request) {
    const auto promise = std::make_shared<std::promise<ClientResult>>();
    thread_.run([&] {
      client_->send(std::move(request), [promise](ClientResult result) { promise->set_value(std::move(result)); });
    });
    return promise->get_future();
  }
  ClientResult call(ClientRequest request) {
    std::future<ClientResult> future = start(std::move(request));
    if (future.wait_for(patience) != std::future_status::ready) throw std::runtime_error("no outcome");
    return future.get();
  }
  ClientResult post(const std::string& url, milliseconds timeout = patience) {
    return call(ClientRequest{.url = url, .body = "{}", .timeout = timeout});
  }
  void run(const std::function<void()>& called) { thread_.run(called); }

 private:
  LoopThread thread_;
  std::optional<Client> client_;
};

// The socket of this process that is connected to this port of loopback; -1: none is.
int connection_to(int port) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == port)
      return descriptor;
  }
  return -1;
}

std::string unused_url() {
  const auto listener = Listener::open("127.0.0.1:0");
  return "http://" + listener->address() + "/";  // closed again when this returns
}

TEST(Client, AnAnswerIsAnAnswerWhateverItsStatus) {
  for (const unsigned status : {200u, 302u, 429u, 500u}) {
    Provider provider(answer("HTTP/1.1 " + std::to_string(status) +
                             " X\r\nRetry-After: 3\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 4\r\n\r\nbody"));
    Calls calls;
    const ClientResult result = calls.post(provider.url());
    EXPECT_EQ(result.outcome, Outcome::answered) << result.detail;
    EXPECT_EQ(result.status, status) << "and no redirect is followed";
    EXPECT_EQ(result.body, "body");
    EXPECT_TRUE(result.is_body_whole);
    EXPECT_EQ(result.headers.find("retry-after"), "3");
  }
}

TEST(Client, SendsWhatItWasGiven) {
  std::string seen;
  {
    Provider provider([&seen](int connection) {
      seen = read_request(connection);
      write_all(connection, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    Calls calls;
    const ClientResult result = calls.call(ClientRequest{.url = provider.url("/page?a=%20b"),
                                                         .headers = {{"Idempotency-Key", "k-1"}},
                                                         .body = "{\"x\":1}",
                                                         .timeout = patience});
    EXPECT_EQ(result.status, 204u);
    EXPECT_TRUE(seen.starts_with("POST /page?a=%20b HTTP/1.1\r\nHost: 127.0.0.1:")) << seen;
    EXPECT_NE(seen.find("\r\nIdempotency-Key: k-1\r\n"), std::string::npos);
    EXPECT_NE(seen.find("\r\nContent-Length: 7\r\n"), std::string::npos);
    EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"x\":1}"));
  }
}

TEST(Client, ARefusedConnectIsCertainlyNotSent) {
  Calls calls;
  const ClientResult result = calls.post(unused_url());
  EXPECT_EQ(result.outcome, Outcome::not_sent);
  EXPECT_EQ(result.trouble, Trouble::connect);
}

TEST(Client, ACutAfterTheRequestMayHaveBeenActedOn) {
  const std::vector<std::string> cuts{
      "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 100 Continue\r\n\r\n", "not HTTP at all\r\n\r\n"};
  for (const std::string& cut : cuts) {
    Provider provider(answer_and_close(cut));
    Calls calls;
    const ClientResult result = calls.post(provider.url());
    EXPECT_EQ(result.outcome, Outcome::written_no_answer) << cut;
    EXPECT_EQ(result.trouble, Trouble::connection_lost) << cut;
  }
}

TEST(Client, ACutBeforeTheFirstByteIsCertainlyNotSent) {
  std::promise<void> is_connected;
  Provider provider([&](int connection) {
    is_connected.get_future().wait();
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, connection);  // which closes what it was
    ::close(nothing);
  });
  Calls calls;
  ClientRequest request{.url = provider.url(), .body = "{}", .timeout = patience};
  request.before_first_byte = [&] {
    const int connection = connection_to(testing::port_of(provider.url("")));
    is_connected.set_value();
    pollfd cut{connection, 0, 0};  // told of its end all the same
    return ::poll(&cut, 1, static_cast<int>(patience.count())) == 1;
  };
  const ClientResult result = calls.call(std::move(request));
  EXPECT_EQ(result.outcome, Outcome::not_sent);
  EXPECT_EQ(result.trouble, Trouble::connection_lost);
}

TEST(Client, AProviderThatNeverAnswersTimesOut) {
  Provider provider([](int connection) {
    read_request(connection);
    read_request(connection);  // until the client gives up
  });
  Calls calls;
  const ClientResult result = calls.post(provider.url(), milliseconds(50));
  EXPECT_EQ(result.outcome, Outcome::written_no_answer);
  EXPECT_EQ(result.trouble, Trouble::timeout);
}

TEST(Client, AHeadIsAnAnswerEvenWhenItsBodyIsCut) {
  Provider provider(answer_and_close("HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf"));
  Calls calls;
  const ClientResult result = calls.post(provider.url());
  EXPECT_EQ(result.outcome, Outcome::answered);
  EXPECT_EQ(result.status, 202u);
  EXPECT_EQ(result.body, "half");
  EXPECT_FALSE(result.is_body_whole);
}

TEST(Client, ReadsChunksAndBodiesThatEndWithTheConnection) {
  {
    Provider provider(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    Calls calls;
    EXPECT_EQ(calls.post(provider.url()).body, "abcde");
    EXPECT_EQ(calls.post(provider.url()).body, "abcde");
    EXPECT_EQ(provider.connections(), 1);
  }
  Provider provider(answer_and_close("HTTP/1.0 200 OK\r\n\r\nuntil the end"));
  Calls calls;
  const ClientResult result = calls.post(provider.url());
  EXPECT_EQ(result.body, "until the end");
  EXPECT_TRUE(result.is_body_whole);
}

TEST(Client, CutsLongAnswers) {
  ClientOptions options;
  options.max_answer_bytes = 1000;
  const std::string body(100'000, 'x');
  Provider provider(answer_and_close("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body));
  Calls calls(options);
  const ClientResult result = calls.post(provider.url());
  EXPECT_EQ(result.outcome, Outcome::answered);
  EXPECT_EQ(result.body.size(), 1000u);
  EXPECT_FALSE(result.is_body_whole);
}

TEST(Client, AWithdrawnRequestWritesNothing) {
  std::atomic<int> requests{0};
  Provider provider([&requests](int connection) {
    while (!read_request(connection).empty()) {
      ++requests;
      write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Calls calls;
  int asked = 0;
  const auto refuse = [&asked] {
    ++asked;
    return false;
  };
  const ClientResult result =
      calls.call(ClientRequest{.url = provider.url(), .body = "{}", .timeout = patience, .before_first_byte = refuse});
  EXPECT_EQ(result.outcome, Outcome::not_sent);
  EXPECT_EQ(result.trouble, Trouble::withdrawn);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(calls.post(provider.url()).status, 200u);
  EXPECT_EQ(requests, 1) << "only the second call's bytes arrived";
  EXPECT_EQ(provider.connections(), 1) << "and it used the first one's connection";
}

TEST(Client, ReusesAConnectionAndNoticesThatItWasClosed) {
  Provider provider(answer_and_close("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  Calls calls;
  EXPECT_EQ(calls.post(provider.url()).status, 200u);
  // The provider accepts the next connection only after it has closed the first: a connect that it has taken proves it.
  {
    const testing::RawSocket proof(testing::port_of(provider.url("").substr(7)));
  }
  while (provider.connections() < 2) std::this_thread::yield();
  const ClientResult result = calls.post(provider.url());
  EXPECT_EQ(result.outcome, Outcome::answered) << result.detail;
}

TEST(Client, CallsBeyondTheLimitWaitTheirTurn) {
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  Provider provider([gate](int connection) {
    while (!read_request(connection).empty()) {
      gate.wait();
      write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  ClientOptions options;
  options.max_concurrent_per_host = 1;
  options.max_waiting = 3;
  Calls calls(options);
  std::future<ClientResult> first = calls.start(ClientRequest{.url = provider.url(), .timeout = patience});
  while (provider.connections() == 0) calls.run([] {});
  std::future<ClientResult> second = calls.start(ClientRequest{.url = provider.url(), .timeout = patience});
  std::future<ClientResult> third = calls.start(ClientRequest{.url = provider.url(), .timeout = patience});
  const ClientResult impatient = calls.post(provider.url(), milliseconds(30));
  EXPECT_EQ(impatient.outcome, Outcome::not_sent);
  EXPECT_EQ(impatient.trouble, Trouble::timeout);
  std::future<ClientResult> fourth = calls.start(ClientRequest{.url = provider.url(), .timeout = patience});
  const ClientResult too_many = calls.post(provider.url());
  EXPECT_EQ(too_many.trouble, Trouble::overloaded);
  go.set_value();
  EXPECT_EQ(first.get().status, 200u);
  EXPECT_EQ(second.get().status, 200u);
  EXPECT_EQ(third.get().status, 200u);
  EXPECT_EQ(fourth.get().status, 200u);
  EXPECT_EQ(provider.connections(), 1);
}

TEST(Client, AHostThatAnswersNobodyHoldsUpNoOther) {
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  Provider hangs([gate](int connection) {
    gate.wait();
    while (!read_request(connection).empty()) write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  Provider works(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  ClientOptions options;
  options.max_concurrent_per_host = 1;
  options.max_waiting = 201;
  options.max_waiting_per_host = 199;
  Calls calls(options);
  std::vector<std::future<ClientResult>> queued;
  queued.reserve(200);
  for (int call = 0; call < 200; ++call)
    queued.push_back(calls.start(ClientRequest{.url = hangs.url(), .timeout = patience}));
  EXPECT_EQ(calls.post(hangs.url()).trouble, Trouble::overloaded);
  // The second waits for the first: there is room for it although the other host has all it may.
  std::future<ClientResult> first = calls.start(ClientRequest{.url = works.url(), .timeout = patience});
  std::future<ClientResult> second = calls.start(ClientRequest{.url = works.url(), .timeout = patience});
  EXPECT_EQ(first.get().status, 200u);
  EXPECT_EQ(second.get().status, 200u);
  for (const auto& call : queued) EXPECT_EQ(call.wait_for(milliseconds(0)), std::future_status::timeout);
  go.set_value();
  for (auto& call : queued) EXPECT_EQ(call.get().status, 200u);
}

TEST(Client, ResolvesNamesOffTheLoop) {
  Provider provider(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  Calls calls;
  const std::string url = "http://localhost:" + provider.url("").substr(provider.url("").rfind(':') + 1) + "/";
  for (int round = 0; round < 3; ++round) {
    const ClientResult result = calls.post(url);
    EXPECT_EQ(result.status, 200u) << result.detail;
  }
}

TEST(Client, ANameThatDoesNotExistIsNotSent) {
  Calls calls;
  const ClientResult result = calls.post("http://no-such-host.invalid/", milliseconds(3000));
  EXPECT_EQ(result.outcome, Outcome::not_sent);
  EXPECT_TRUE(result.trouble == Trouble::resolve || result.trouble == Trouble::timeout) << result.detail;
}

TEST(Client, RefusesWhatWouldBecomeAnotherRequest) {
  Calls calls;
  const auto trouble = [&calls](ClientRequest request) {
    const ClientResult result = calls.call(std::move(request));
    EXPECT_EQ(result.outcome, Outcome::not_sent);
    return result.trouble;
  };
  for (const char* const url : {"",
                                "nonsense",
                                "ftp://host/",
                                "http:///x",
                                "http://user:pass@host/",
                                "http://host/a b",
                                "http://host:99999999/",
                                "http://ho\r\nst/",
                                "unix:relative:/x"})
    EXPECT_EQ(trouble(ClientRequest{.url = url}), Trouble::bad_request) << url;
  EXPECT_EQ(trouble(ClientRequest{.url = "http://127.0.0.1:1/", .headers = {{"A", "b\r\nC: d"}}}),
            Trouble::bad_request);
  EXPECT_EQ(trouble(ClientRequest{.url = "http://127.0.0.1:1/", .headers = {{"Host", "x"}}}), Trouble::bad_request);
  EXPECT_EQ(trouble(ClientRequest{.method = "GET / HTTP/1.1\r\n", .url = "http://127.0.0.1:1/"}), Trouble::bad_request);
}

TEST(Client, MayBeDestroyedWithCallsOnTheirWay) {
  Provider provider([](int connection) {
    read_request(connection);
    read_request(connection);
  });
  LoopThread thread;
  std::optional<Client> client(std::in_place, thread.loop());
  thread.start();
  bool was_muted_called = false;
  int others_called = 0;
  int others_before = 0;
  thread.run([&] {
    client->send(ClientRequest{.url = provider.url(), .timeout = patience},
                 [&](const ClientResult&) { was_muted_called = true; });
    // These may end before the client does, or be cut while their name is looked up.
    for (int count = 0; count < 20; ++count)
      client->send(ClientRequest{.url = "http://localhost:1/", .timeout = patience},
                   [&](const ClientResult&) { ++others_called; });
  });
  while (provider.connections() == 0) thread.run([] {});
  thread.run([&] {
    client.reset();
    others_before = others_called;
  });
  thread.run([] {});
  thread.stop();
  EXPECT_FALSE(was_muted_called);
  EXPECT_EQ(others_called, others_before);
}

// A folder with an authority, a certificate for `localhost` and one for another name, made by openssl.
class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/rouse-tls-XXXXXX";
    folder_ = ::mkdtemp(name);
    const std::string make =
        "cd " + folder_ +
        " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority"
        " -keyout ca.key -out ca.pem 2>/dev/null"
        " && for n in localhost elsewhere.example; do"
        " openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$n -keyout $n.key -out $n.csr "
        "2>/dev/null"
        " && printf 'subjectAltName=DNS:%s' $n > $n.ext"
        " && openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.pem"
        " 2>/dev/null; done";
    if (std::system(make.c_str()) != 0) throw std::runtime_error("openssl");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

std::shared_ptr<const TlsKeys> keys_of(const Certificates& certificates,
                                       const std::string& name,
                                       const std::string& client_authority) {
  const auto keys = TlsKeys::read(TlsFiles{.certificate_file = certificates.file(name + ".pem"),
                                           .key_file = certificates.file(name + ".key"),
                                           .client_authority_file = client_authority,
                                           .needs_client_certificate = true});
  EXPECT_TRUE(keys) << keys.error();
  return keys.value_or(nullptr);
}

TEST(Tls, ServesAndCallsWithACheckedName) {
  const Certificates certificates;
  const auto serve = [&certificates](const std::string& name, const std::string& client_authority) {
    ServerOptions options;
    options.tls = keys_of(certificates, name, client_authority);
    return options;
  };
  const auto echo = [](Request&& request, Responder responder) {
    Response response;
    response.body = std::string(request.body) + (request.transport == Transport::tls ? " over TLS" : "");
    responder.send(std::move(response));
  };
  LoopThread thread;
  Server good(thread.loop(), serve("localhost", ""), echo);
  Server wrong_name(thread.loop(), serve("elsewhere.example", ""), echo);
  Server wants_certificate(thread.loop(), serve("localhost", certificates.file("ca.pem")), echo);
  const auto url = [](Server& server) {
    const std::string bound = *server.listen("127.0.0.1:0");
    return "https://localhost:" + bound.substr(bound.rfind(':') + 1) + "/";
  };
  const std::string good_url = url(good);
  const std::string wrong_url = url(wrong_name);
  const std::string strict_url = url(wants_certificate);
  thread.start();
  ClientOptions trusting;
  trusting.authority_file = certificates.file("ca.pem");
  Calls calls(trusting);
  const std::string large(300'000, 'x');
  for (int round = 0; round < 2; ++round) {
    const ClientResult result = calls.call(ClientRequest{.url = good_url, .body = "page", .timeout = patience});
    EXPECT_EQ(result.body, "page over TLS") << result.detail;
  }
  EXPECT_FALSE(calls.call(ClientRequest{.url = good_url, .body = large, .timeout = patience}).body.empty());
  const ClientResult wrong = calls.post(wrong_url);
  EXPECT_EQ(wrong.outcome, Outcome::not_sent);
  EXPECT_EQ(wrong.trouble, Trouble::tls);
  Calls strangers;
  const ClientResult unknown = strangers.post(good_url);
  EXPECT_EQ(unknown.outcome, Outcome::not_sent);
  EXPECT_EQ(unknown.trouble, Trouble::tls);
  EXPECT_NE(calls.post(strict_url).outcome, Outcome::answered) << "without a certificate of its own";
  EXPECT_EQ(calls.call(ClientRequest{.url = good_url, .body = "page", .timeout = patience}).body, "page over TLS");
  thread.run([&] { good.use(keys_of(certificates, "elsewhere.example", "")); });
  EXPECT_EQ(calls.call(ClientRequest{.url = good_url, .body = "page", .timeout = patience}).body, "page over TLS")
      << "a connection that is open goes on";
  EXPECT_EQ(Calls(trusting).post(good_url).trouble, Trouble::tls) << "a new one gets the new certificate";
  testing::RawSocket plain(testing::port_of(good_url.substr(0, good_url.size() - 1)));
  plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string told = plain.response();
  EXPECT_EQ(testing::status_of(told), 400);
  EXPECT_NE(told.find("HTTPS"), std::string::npos) << told;
  thread.stop();
}

TEST(Tls, FilesThatCannotBeUsedAreNamed) {
  const Certificates certificates;
  const auto why = [&](const std::string& certificate, const std::string& key, const std::string& authority) {
    const auto keys = TlsKeys::read(TlsFiles{.certificate_file = certificates.file(certificate),
                                             .key_file = certificates.file(key),
                                             .client_authority_file = authority});
    return keys ? "" : keys.error();
  };
  EXPECT_EQ(why("localhost.pem", "localhost.key", ""), "");
  EXPECT_NE(why("missing.pem", "localhost.key", "").find("missing.pem"), std::string::npos);
  EXPECT_NE(why("localhost.pem", "ca.key", "").find("ca.key"), std::string::npos) << "a key of another certificate";
  EXPECT_NE(why("localhost.pem", "localhost.pem", "").find("localhost.pem"), std::string::npos) << "no key at all";
  EXPECT_NE(why("localhost.pem", "localhost.key", "/missing/ca.pem").find("/missing/ca.pem"), std::string::npos);
}

TEST(HttpCall, SpeaksToAUnixSocket) {
  char name[] = "/tmp/rouse-unix-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string path = folder + "/rouse.sock";
  {
    LoopThread thread;
    Server server(thread.loop(), {}, [](Request&& request, Responder responder) {
      Response response;
      response.body = request.method + " " + request.path + "?" + request.query + " " + request.peer +
                      (request.is_loopback && request.transport == Transport::unix_socket ? " here" : "");
      responder.send(std::move(response));
    });
    ASSERT_EQ(*server.listen("unix:" + path), "unix:" + path);
    thread.start();
    const auto result = http_call(
        ClientRequest{.method = "GET", .url = "unix:" + path + ":/v1/incidents?limit=1", .timeout = patience});
    ASSERT_TRUE(result) << result.error();
    EXPECT_EQ(result->body, "GET /v1/incidents?limit=1 unix here");
    thread.stop();
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "the listener takes its path along";
  EXPECT_FALSE(http_call(ClientRequest{.method = "GET", .url = "unix:" + path + ":/", .timeout = patience}));
  std::filesystem::remove_all(folder);
}

TEST(HttpCall, SaysWhyItFailed) {
  const auto result = http_call(ClientRequest{.method = "GET", .url = unused_url(), .timeout = patience});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("refused"), std::string::npos) << result.error();
}

}  // namespace
}  // namespace net
