#include "daemon/net/head.hpp"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace net {
namespace {

using namespace std::string_literals;

unsigned refusal(const std::string& lines) {
  RequestHead head;
  return head.parse(lines + "\r\n").status;
}

TEST(RequestHead, ReadsTargetHeadersAndFraming) {
  RequestHead head;
  const Refused refused = head.parse(
      "POST /v1/alerts/my%20source/?a=1&b=%2F HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: 12\r\nExpect: "
      "100-continue\r\n\r\n");
  ASSERT_EQ(refused.status, 0u) << refused.detail;
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/alerts/my source");
  EXPECT_EQ(head.query, "a=1&b=%2F");
  EXPECT_EQ(head.headers.find("Content-Length"), "12");
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.length, 12u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.expects_continue);
}

TEST(RequestHead, PathsLoseTheirTrailingSlashAndNothingElse) {
  const auto path = [](const std::string& target) {
    RequestHead head;
    EXPECT_EQ(head.parse("GET " + target + " HTTP/1.0\r\n\r\n").status, 0u) << target;
    return head.path;
  };
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("//"), "/");
  EXPECT_EQ(path("/a/"), "/a");
  EXPECT_EQ(path("/a/../b/./c"), "/a/../b/./c");
  EXPECT_EQ(path("/?q=/"), "/");
  EXPECT_EQ(path("http://host:80/a?b"), "/a");
  EXPECT_EQ(path("http://host"), "/");
  EXPECT_EQ(path("/%c3%a4"), "/\xc3\xa4");
}

TEST(RequestHead, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(refusal(post + "Content-Length: 1\r\nContent-Length: 1\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: 1\r\nContent-Length: 2\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: 1, 1\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: -1\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: 0x10\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length: 99999999999999999999999\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Transfer-Encoding: gzip, chunked\r\n"), 501u);
  EXPECT_EQ(refusal(post + "Transfer-Encoding: identity\r\n"), 501u);
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Content-Length : 1\r\n"), 400u);
  EXPECT_EQ(refusal(post + "Host: y\r\n"), 400u);
}

TEST(RequestHead, RefusesWhatItCannotServe) {
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n"), 400u) << "no Host";
  EXPECT_EQ(refusal("GET / HTTP/2.0\r\nHost: x\r\n"), 505u);
  EXPECT_EQ(refusal("PRI * HTTP/2.0\r\n"), 505u);
  EXPECT_EQ(refusal("GET /\r\n"), 400u);
  EXPECT_EQ(refusal("nonsense\r\n"), 400u);
  EXPECT_EQ(refusal("GET nowhere HTTP/1.1\r\nHost: x\r\n"), 400u);
  EXPECT_EQ(refusal("GET /%zz HTTP/1.1\r\nHost: x\r\n"), 400u);
  EXPECT_EQ(refusal("GET /%4 HTTP/1.1\r\nHost: x\r\n"), 400u);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n"), 417u);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Encoding: gzip\r\n"), 415u);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n"s), 400u);
}

TEST(RequestHead, NoBytesHoweverShapedDoMoreThanRefuse) {
  const std::uint64_t seed = 20240607;
  std::mt19937_64 random(seed);
  const std::string sample =
      "POST /v1/alerts?x=%41 HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
  RequestHead head;
  ResponseHead answer;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = sample;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const Refused refused = head.parse(bytes);
    if (refused.status == 0) {
      ASSERT_TRUE(head.path.starts_with('/') || head.path == "*") << "seed " << seed << " round " << round;
    }
    static_cast<void>(answer.parse(bytes));
  }
}

TEST(ResponseHead, KnowsHowTheBodyEnds) {
  ResponseHead head;
  ASSERT_TRUE(head.parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\n"));
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.length, 5u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.headers.find("retry-after"), "7");
  ASSERT_TRUE(head.parse("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_EQ(head.framing, Framing::chunked);
  ASSERT_TRUE(head.parse("HTTP/1.0 200 OK\r\n\r\n"));
  EXPECT_EQ(head.framing, Framing::until_close);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_TRUE(head.parse("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(head.framing, Framing::none);
  EXPECT_FALSE(head.parse("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
}

struct Decoded {
  ChunkDecoder::State state;
  std::string body;
  std::size_t taken;
};

Decoded decode(std::string_view bytes, std::size_t piece) {
  ChunkDecoder decoder;
  PaddedBuffer body;
  std::size_t taken = 0;
  while (taken < bytes.size() && decoder.state() == ChunkDecoder::State::reading)
    taken += decoder.read(bytes.substr(taken, piece), body);
  return {decoder.state(), std::string(body.view()), taken};
}

TEST(Chunks, AreTheSameInPiecesOfAnySize) {
  const std::string body = "5\r\nhello\r\n1;name=\"v\"\r\n,\r\nA \r\n 0123 5678\r\n0\r\nTrailer: x\r\n\r\n";
  const std::string bytes = body + "GET /next";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Decoded decoded = decode(bytes, piece);
    EXPECT_EQ(decoded.state, ChunkDecoder::State::done) << piece;
    EXPECT_EQ(decoded.body, "hello, 0123 5678") << piece;
    EXPECT_EQ(decoded.taken, body.size()) << piece;
  }
  for (std::size_t piece = 1; piece <= 5; ++piece)
    EXPECT_EQ(decode("0\r\n\r\n", piece).state, ChunkDecoder::State::done);
}

TEST(Chunks, RefusesBadOnes) {
  const std::vector<std::string> bad{"g\r\n",
                                     "\r\n",
                                     "5\nhello",
                                     "5\r\nhelloX\r\n",
                                     "5\r\nhello\rX",
                                     "-1\r\n",
                                     " 5\r\n",
                                     "0\r\n\rX",
                                     "1\r\nab\r\n",
                                     "ffffffffffffffff\r\n",
                                     "5;a\nb\r\n",
                                     "0\r\nA: b\nC:\r\n"};
  for (const std::string& bytes : bad)
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
      EXPECT_EQ(decode(bytes, piece).state, ChunkDecoder::State::bad) << bytes << " by " << piece;
  EXPECT_EQ(decode("1;" + std::string(20'000, 'x') + "\r\na\r\n0\r\n\r\n", 100).state, ChunkDecoder::State::bad);
}

TEST(Headers, LookUpWithoutCaseAndKeepTheOrder) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.find("a"), "1");
  EXPECT_EQ(headers.count("A"), 2u);
  EXPECT_EQ(headers.find("B"), "2");
  EXPECT_FALSE(headers.find("c"));
  EXPECT_EQ(headers.at(2).second, "3");
}

TEST(Request, DecodesItsQuery) {
  Request request;
  request.query = "a=1+2&b=%2fx&c&=e&a=second&bad=%zz&&d=";
  EXPECT_EQ(request.parameter("a"), "1 2");
  EXPECT_EQ(request.parameter("b"), "/x");
  EXPECT_EQ(request.parameter("c"), "");
  EXPECT_EQ(request.parameter("bad"), "%zz");
  EXPECT_EQ(request.parameter("d"), "");
  EXPECT_FALSE(request.parameter("e"));
  EXPECT_EQ(request.parameters().size(), 7u);
}

TEST(PaddedBuffer, HasReadablePaddingBehindWhatItHolds) {
  PaddedBuffer buffer;
  buffer.finish();
  for (std::size_t index = 0; index < PaddedBuffer::padding; ++index) ASSERT_EQ(buffer.data()[index], '\0');
  for (int count = 0; count < 1000; ++count) buffer.append("seven..");
  buffer.finish();
  ASSERT_EQ(buffer.size(), 7000u);
  for (std::size_t index = 0; index < PaddedBuffer::padding; ++index) ASSERT_EQ(buffer.data()[7000 + index], '\0');
  EXPECT_EQ(buffer.view().substr(6993), "seven..");
}

}  // namespace
}  // namespace net
