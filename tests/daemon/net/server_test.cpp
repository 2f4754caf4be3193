#include "daemon/net/server.hpp"

#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/daemon/net/support.hpp"

namespace net {
namespace {

using std::chrono::milliseconds;
using testing::body_of;
using testing::LoopThread;
using testing::patience;
using testing::RawSocket;
using testing::status_of;

// Echoes "METHOD path [body]". "/hold" keeps its Responder, "/drop" drops it, "/throw" throws, "/big" answers 1 MB.
class Site {
 public:
  explicit Site(ServerOptions options = {})
      : server_(std::in_place, thread_.loop(), std::move(options), [this](Request&& request, Responder responder) {
          handle(request, std::move(responder));
        }) {
    server_->on_refusal([this](const Refusal& refusal) {
      const std::lock_guard lock(mutex_);
      refusals_.push_back(std::to_string(refusal.status) + " " + std::string(refusal.peer) + " " +
                          std::string(refusal.path));
    });
    const auto bound = server_->listen("127.0.0.1:0");
    if (!bound) throw std::runtime_error(bound.error());
    port_ = testing::port_of(*bound);
    thread_.start();
  }
  ~Site() {
    thread_.stop();
    held_.clear();
    server_.reset();
  }

  [[nodiscard]] RawSocket connect() const { return RawSocket(port_); }
  [[nodiscard]] int port() const { return port_; }
  Server& server() { return *server_; }
  void run(const std::function<void()>& called) { thread_.run(called); }
  std::vector<std::string> refusals() {
    const std::lock_guard lock(mutex_);
    return refusals_;
  }
  // Answers what "/hold" kept, once there are `count`.
  void answer_held(std::size_t count, const Response& response = {}) {
    wait_for_held(count);
    run([&] {
      for (Responder& responder : held_) responder.send(response);
      held_.clear();
    });
  }
  void wait_for_held(std::size_t count) {
    for (;;) {
      std::size_t held = 0;
      run([&] { held = held_.size(); });
      if (held >= count) return;
    }
  }
  void drop_held() {
    run([&] { held_.clear(); });
  }

 private:
  void handle(const Request& request, Responder responder) {
    if (request.path == "/hold") {
      held_.push_back(std::move(responder));
      return;
    }
    if (request.path == "/drop") return;
    if (request.path == "/throw") throw std::runtime_error("on purpose");
    Response response;
    response.content_type = "text/plain";
    response.body = request.method + " " + request.path + " [" + std::string(request.body) + "]";
    if (request.path == "/big") response.body.assign(1 << 20, 'b');
    if (request.path == "/empty") {
      response.status = 204;
      response.body.clear();
    }
    if (request.path == "/header") response.headers.add("X-Name", "one\r\nX-Second: two");
    if (request.path == "/who")
      response.body = request.peer + (request.is_loopback ? " loopback" : "") +
                      (request.transport == Transport::unix_socket ? " unix" : "");
    responder.send(std::move(response));
  }

  LoopThread thread_;
  std::mutex mutex_;
  std::vector<std::string> refusals_;
  std::vector<Responder> held_;
  std::optional<Server> server_;
  int port_ = 0;
};

const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

std::string post(const std::string& path, const std::string& body, const std::string& fields = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
         "\r\n" + body;
}

ServerOptions small_limits() {
  ServerOptions options;
  options.max_body_bytes = 1000;
  options.header_timeout = milliseconds(60);
  options.body_timeout = milliseconds(60);
  options.idle_timeout = milliseconds(60);
  options.linger_timeout = milliseconds(200);
  return options;
}

struct Row {
  const char* name;
  std::string bytes;
  int status;
};

// What the server answers by itself: the status, a problem document, and the end of the connection.
TEST(Server, AnswersItselfWhatIsNoRequest) {
  const std::string begin = "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n";
  const std::vector<Row> rows{
      {"nonsense", "nonsense\r\n\r\n", 400},
      {"TLS on a plain port", std::string("\x16\x03\x01\x02\x00", 5), 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two lengths", begin + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"a length and chunks", begin + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400},
      {"a negative length", begin + "Content-Length: -2\r\n\r\n", 400},
      {"a bad chunk", begin + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"a bad escape", "GET /%g1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"a slow head", "GET / HTTP/1.1\r\nHo", 408},
      {"a slow body", begin + "Content-Length: 10\r\n\r\n12345", 408},
      {"slow chunks", begin + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", 408},
      {"no length", begin + "\r\n", 411},
      {"no length in HTTP/1.0", "POST / HTTP/1.0\r\n\r\n{}", 411},
      {"announced too long", begin + "Content-Length: 1001\r\n\r\n", 413},
      {"announced far too long", begin + "Content-Length: 18446744073709551615\r\n\r\n", 413},
      {"a chunk announced too long", begin + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
      {"chunks counted too long",
       begin + "Transfer-Encoding: chunked\r\n\r\n200\r\n" + std::string(512, 'a') + "\r\n200\r\n",
       413},
      {"a long target", "GET /" + std::string(9000, 'a'), 414},
      {"gzip", begin + "Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", 415},
      {"an unknown expectation", begin + "Content-Length: 2\r\nExpect: tea\r\n\r\n", 417},
      {"long headers", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(9000, 'a'), 431},
      {"a long whole head", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(8200, 'a') + "\r\n\r\n", 431},
      {"another coding", begin + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
  Site site(small_limits());
  for (const Row& row : rows) {
    RawSocket socket = site.connect();
    socket.send(row.bytes);
    const std::string response = socket.response();
    EXPECT_EQ(status_of(response), row.status) << row.name << ": " << response;
    EXPECT_NE(response.find("Content-Type: application/problem+json\r\n"), std::string::npos) << row.name;
    EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos) << row.name;
    EXPECT_NE(body_of(response).find("\"status\":" + std::to_string(row.status)), std::string::npos) << row.name;
    EXPECT_EQ(socket.rest(), "") << row.name;
    RawSocket next = site.connect();
    next.send(get);
    EXPECT_EQ(status_of(next.response()), 200) << "after " << row.name;
  }
  EXPECT_EQ(site.refusals().size(), rows.size());
  EXPECT_EQ(site.refusals().back(), "505 127.0.0.1 ");
  EXPECT_EQ(site.refusals()[13], "413 127.0.0.1 /v1/alerts");
}

TEST(Server, ASenderOfALongBodyStillGetsToReadThe413) {
  ServerOptions options = small_limits();
  options.body_timeout = options.header_timeout = patience;
  Site site(options);
  RawSocket socket = site.connect();
  const std::string body(4 << 20, 'x');
  socket.send(post("/", body));
  EXPECT_EQ(status_of(socket.response()), 413);
}

TEST(Server, KeepsTheConnectionForTheNextRequest) {
  Site site;
  RawSocket socket = site.connect();
  for (int round = 0; round < 50; ++round) {
    socket.send(post("/a", std::to_string(round)));
    EXPECT_EQ(body_of(socket.response()), "POST /a [" + std::to_string(round) + "]");
  }
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  Site site;
  RawSocket socket = site.connect();
  std::string all;
  for (int round = 0; round < 20; ++round)
    all += post("/a", std::string(static_cast<std::size_t>(round) * 700, 'x')) + get;
  all += "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + get;
  std::thread writer([&] { socket.send(all); });
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(body_of(socket.response()), "POST /a [" + std::string(static_cast<std::size_t>(round) * 700, 'x') + "]");
    EXPECT_EQ(body_of(socket.response()), "GET / []");
  }
  EXPECT_EQ(body_of(socket.response()), "POST / [hi]");
  EXPECT_EQ(body_of(socket.response()), "GET / []");
  writer.join();
}

TEST(Server, TakesABodyByteByByte) {
  Site site;
  RawSocket socket = site.connect();
  const std::string request = post("/slow", "0123456789");
  for (const char byte : request) socket.send(std::string_view(&byte, 1));
  EXPECT_EQ(body_of(socket.response()), "POST /slow [0123456789]");
  const std::string chunked = "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const char byte : chunked) socket.send(std::string_view(&byte, 1));
  EXPECT_EQ(body_of(socket.response()), "POST /c [abc]");
}

TEST(Server, TakesLargeBodiesWholeByLengthAndByChunks) {
  Site site;
  RawSocket socket = site.connect();
  std::string body(5 << 20, 'x');
  for (std::size_t index = 0; index < body.size(); index += 4096)
    body[index] = static_cast<char>('a' + index / 4096 % 26);
  std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t index = 0; index < body.size(); index += 1 << 16)
    chunked += "10000\r\n" + body.substr(index, 1 << 16) + "\r\n";
  chunked += "0\r\n\r\n";
  for (const std::string& request : {post("/", body), chunked}) {
    std::thread writer([&] { socket.send(request); });
    const std::string response = socket.response();
    writer.join();
    EXPECT_TRUE(body_of(response) == "POST / [" + body + "]");
  }
  std::size_t in_flight = 1;
  site.run([&] { in_flight = site.server().body_bytes_in_flight(); });
  EXPECT_EQ(in_flight, 0u);
}

TEST(Server, SaysContinueToWhoAsks) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(socket.response(), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("ok");
  EXPECT_EQ(body_of(socket.response()), "POST / [ok]");
}

TEST(Server, PassesHeadOnAsGetAndKeepsTheBodyBack) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string response = socket.rest();
  EXPECT_NE(response.find("Content-Length: 9\r\n"), std::string::npos) << response;
  EXPECT_EQ(body_of(response), "");
}

TEST(Server, ClosesAfterHttp10UnlessAskedToKeepAlive) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(socket.response().find("Connection: keep-alive\r\n"), std::string::npos);
  socket.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(socket.rest()), "GET /b []");
}

TEST(Server, AnswersLargeAndEmptyBodies) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(socket.response()).size(), std::size_t{1} << 20);
  socket.send("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string empty = socket.response();
  EXPECT_EQ(status_of(empty), 204);
  EXPECT_EQ(empty.find("Content-Length"), std::string::npos);
}

TEST(Server, AHeaderValueNeverBecomesASecondHeader) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("GET /header HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(socket.response().find("\r\nX-Second"), std::string::npos);
}

TEST(Server, TheAnswerMayComeLater) {
  Site site;
  RawSocket first = site.connect();
  RawSocket second = site.connect();
  first.send(post("/hold", "{}"));
  second.send(post("/hold", "{}"));
  site.wait_for_held(2);
  RawSocket third = site.connect();
  third.send(get);
  EXPECT_EQ(status_of(third.response()), 200) << "those who wait hold nobody up";
  Response response;
  response.body = "committed";
  site.answer_held(2, response);
  EXPECT_EQ(body_of(first.response()), "committed");
  EXPECT_EQ(body_of(second.response()), "committed");
}

TEST(Server, ADroppedResponderAnswers503) {
  Site site;
  RawSocket socket = site.connect();
  socket.send(post("/drop", "{}"));
  EXPECT_EQ(status_of(socket.response()), 503);
  socket.send(post("/hold", "{}"));
  site.wait_for_held(1);
  site.drop_held();
  EXPECT_EQ(status_of(socket.response()), 503);
  socket.send(get);
  EXPECT_EQ(status_of(socket.response()), 200) << "the connection goes on";
}

TEST(Responder, WithoutAConnectionAnswersOnceAndIsHeard) {
  std::vector<unsigned> heard;
  const std::function<void(Response)> hear = [&heard](const Response& response) { heard.push_back(response.status); };
  Responder responder{hear};
  EXPECT_TRUE(responder.is_awaited());
  Response response;
  response.status = 202;
  responder.send(response);
  responder.send(response);
  EXPECT_FALSE(responder.is_awaited());
  EXPECT_EQ(heard, std::vector<unsigned>{202});
}

TEST(Responder, WithoutAConnectionAnswers503WhenItIsDropped) {
  std::vector<unsigned> heard;
  const std::function<void(Response)> hear = [&heard](const Response& response) { heard.push_back(response.status); };
  {
    Responder first{hear};
    Responder second{hear};
    first = std::move(second);  // drops the first
    EXPECT_EQ(heard, std::vector<unsigned>{503});
  }
  EXPECT_EQ(heard, (std::vector<unsigned>{503, 503}));
}

TEST(Server, AHandlerThatThrowsIsA500AndNoEnd) {
  Site site;
  RawSocket socket = site.connect();
  socket.send("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(socket.response()), 500);
  socket.send(get);
  EXPECT_EQ(status_of(socket.response()), 200);
}

TEST(Server, AResponderOutlivesItsConnectionAndItsServer) {
  std::optional<Responder> kept;
  std::string seen;
  std::promise<void> handled;
  {
    LoopThread thread;
    Server server(thread.loop(), {}, [&](Request&& request, Responder responder) {
      kept = std::move(responder);
      seen = request.body;
      handled.set_value();
    });
    const auto bound = server.listen("127.0.0.1:0");
    ASSERT_TRUE(bound) << bound.error();
    thread.start();
    RawSocket socket(testing::port_of(*bound));
    socket.send(post("/", "body"));
    ASSERT_EQ(handled.get_future().wait_for(patience), std::future_status::ready);
    socket.close();
    thread.stop();
  }
  EXPECT_EQ(seen, "body");
  EXPECT_FALSE(kept->is_awaited());
  kept->send({});
  kept.reset();
}

TEST(Server, ClosesIdleAndSilentConnections) {
  Site site(small_limits());
  RawSocket silent = site.connect();
  EXPECT_EQ(silent.rest(), "") << "who never says a word gets no answer either";
  RawSocket idle = site.connect();
  idle.send(get);
  EXPECT_EQ(status_of(idle.response()), 200);
  EXPECT_EQ(idle.rest(), "");
}

TEST(Server, ANewConnectionTakesThePlaceOfTheLongestIdle) {
  ServerOptions options;
  options.max_connections = 2;
  Site site(options);
  RawSocket oldest = site.connect();
  oldest.send(get);
  EXPECT_EQ(status_of(oldest.response()), 200);
  RawSocket busy = site.connect();
  busy.send(post("/hold", "{}"));
  site.wait_for_held(1);
  RawSocket next = site.connect();
  next.send(post("/hold", "{}"));
  site.wait_for_held(2);
  EXPECT_EQ(oldest.rest(), "");
  RawSocket turned_away = site.connect();
  turned_away.send(get);
  EXPECT_EQ(status_of(turned_away.rest()), 503) << "all are busy";
  site.answer_held(2);
  EXPECT_EQ(status_of(busy.response()), 200);
  EXPECT_EQ(status_of(next.response()), 200);
}

TEST(Server, BodiesBeyondTheBudgetGet503UntilSomeAreAnswered) {
  ServerOptions options;
  options.body_budget_bytes = 1000;
  Site site(options);
  RawSocket first = site.connect();
  first.send(post("/hold", std::string(600, 'x')));
  site.wait_for_held(1);
  RawSocket announced = site.connect();
  announced.send(post("/a", std::string(600, 'x')));
  EXPECT_EQ(status_of(announced.response()), 503);
  RawSocket counted = site.connect();
  counted.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n" + std::string(600, 'x') +
               "\r\n");
  EXPECT_EQ(status_of(counted.response()), 503);
  RawSocket bodiless = site.connect();
  bodiless.send(get);
  EXPECT_EQ(status_of(bodiless.response()), 200);
  site.answer_held(1);
  EXPECT_EQ(status_of(first.response()), 200);
  RawSocket again = site.connect();
  again.send(post("/a", std::string(600, 'x')));
  EXPECT_EQ(status_of(again.response()), 200);
}

TEST(Server, APostWithoutLengthIsTakenWhereItMayBe) {
  ServerOptions options;
  options.may_lack_length = [](std::string_view path) { return path == "/-/reload"; };
  Site site(options);
  RawSocket socket = site.connect();
  socket.send("POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(socket.response()), "POST /-/reload []");
}

TEST(Server, DrainingClosesTheIdleAndWaitsForWhatIsInFlight) {
  Site site;
  RawSocket idle = site.connect();
  idle.send(get);
  EXPECT_EQ(status_of(idle.response()), 200);
  RawSocket busy = site.connect();
  busy.send(post("/hold", "{}"));
  site.wait_for_held(1);
  std::promise<void> drained;
  auto done = drained.get_future();
  site.run([&] { site.server().drain(patience, [&] { drained.set_value(); }); });
  EXPECT_EQ(idle.rest(), "");
  EXPECT_THROW(static_cast<void>(site.connect()), std::runtime_error);
  EXPECT_EQ(done.wait_for(milliseconds(0)), std::future_status::timeout);
  site.answer_held(1);
  const std::string response = busy.rest();
  EXPECT_EQ(status_of(response), 200);
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
  busy.close();
  EXPECT_EQ(done.wait_for(patience), std::future_status::ready);
}

TEST(Server, DrainingEndsAtItsLimit) {
  Site site;
  RawSocket busy = site.connect();
  busy.send(post("/hold", "{}"));
  site.wait_for_held(1);
  std::promise<void> drained;
  site.run([&] { site.server().drain(milliseconds(20), [&] { drained.set_value(); }); });
  EXPECT_EQ(busy.rest(), "");
  EXPECT_EQ(drained.get_future().wait_for(patience), std::future_status::ready);
  site.drop_held();
}

TEST(Server, ALackOfDescriptorsIsAPauseNotAnEnd) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer) || __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer opens a pipe to judge an object, and here there is no descriptor left for it";
#endif
#endif
  Site site;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  RawSocket waiting = site.connect();
  waiting.send(get);
  EXPECT_EQ(status_of(waiting.response()), 200);
  std::vector<int> fillers;
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  for (;;) {
    const int filler = ::dup(0);
    if (filler < 0) break;
    fillers.push_back(filler);
  }
  ::close(fillers.back());
  fillers.pop_back();
  RawSocket late = site.connect();  // takes the last descriptor; the server has none to accept it with
  late.send(get);
  while (site.refusals().empty()) site.run([] {});
  for (const int filler : fillers) ::close(filler);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status_of(late.response()), 200);
}

TEST(Server, SeveralLoopsServeOneListeningSocket) {
  auto listener = Listener::open("127.0.0.1:0");
  ASSERT_TRUE(listener) << listener.error();
  auto copy = listener->duplicate();
  ASSERT_TRUE(copy) << copy.error();
  const int port = testing::port_of(listener->address());
  const auto answer = [](const char* name) {
    return [name](Request&&, Responder responder) {
      Response response;
      response.body = name;
      responder.send(std::move(response));
    };
  };
  LoopThread one;
  LoopThread other;
  Server first(one.loop(), {}, answer("one"));
  Server second(other.loop(), {}, answer("other"));
  first.serve(std::move(*listener));
  second.serve(std::move(*copy));
  one.start();
  other.start();
  for (int round = 0; round < 20; ++round) {
    RawSocket socket(port);
    socket.send(get);
    EXPECT_EQ(status_of(socket.response()), 200);
  }
  one.run([&] { first.stop_accepting(); });
  for (int round = 0; round < 5; ++round) {
    RawSocket socket(port);
    socket.send(get);
    EXPECT_EQ(body_of(socket.response()), "other");
  }
  one.stop();
  other.stop();
}

TEST(Listener, RefusesWhatIsNoAddressWithAnExample) {
  for (const char* const address :
       {"localhost:80", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:70000", "::1:80", "unix:x", ""}) {
    const auto listener = Listener::open(address);
    ASSERT_FALSE(listener) << address;
    EXPECT_FALSE(listener.error().empty());
  }
  EXPECT_FALSE(Listener::inherit(0));
}

TEST(Listener, KnowsWhetherOnlyThisMachineReachesIt) {
  EXPECT_TRUE(Listener::open("127.0.0.1:0")->is_loopback());
  EXPECT_FALSE(Listener::open("0.0.0.0:0")->is_loopback());
  const auto six = Listener::open("[::1]:0");
  if (six) {
    EXPECT_TRUE(six->is_loopback());
    EXPECT_TRUE(six->address().starts_with("[::1]:"));
  }
}

TEST(Listener, APortThatIsTakenSaysSo) {
  const auto first = Listener::open("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto second = Listener::open(first->address());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("in use"), std::string::npos) << second.error();
}

TEST(Listener, AnInheritedSocketServes) {
  auto opened = Listener::open("127.0.0.1:0");
  ASSERT_TRUE(opened);
  const auto inherited = Listener::inherit(::dup(opened->descriptor()));
  ASSERT_TRUE(inherited) << inherited.error();
  EXPECT_EQ(inherited->address(), opened->address());
}

}  // namespace
}  // namespace net
