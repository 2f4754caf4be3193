// Heads of HTTP requests and answers, chunks, paths and queries. What comes in pieces is what comes at once.
#include "daemon/net/head.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

void check_headers(const net::Headers& headers) {
  for (std::size_t index = 0; index < headers.size(); ++index) {
    const auto [name, value] = headers.at(index);
    claim(!name.empty(), "a field without a name");
    claim(name.find_first_of("\r\n: \t\0") == std::string_view::npos, "a field is named {}", name);
    claim(value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos,
          "the value of {} breaks its line",
          name);
    claim(headers.find(name).has_value() && headers.count(name) >= 1, "{} is not found", name);
  }
}

void check_heads(std::string_view bytes) {
  std::size_t searched = 0;
  const auto end = net::head_end(bytes, searched);
  std::size_t searched_in_pieces = 0;
  std::optional<std::size_t> in_pieces;
  for (std::size_t size = 0; size <= bytes.size() && !in_pieces; ++size) {
    in_pieces = net::head_end(bytes.substr(0, size), searched_in_pieces);
  }
  claim(end == in_pieces, "in pieces a head ends elsewhere");
  if (!end) return;
  claim(*end <= bytes.size(), "a head ends behind what there is");
  const std::string_view head = bytes.substr(0, *end);
  net::RequestHead request;
  if (const net::Refused refused = request.parse(head); refused.status != 0) {
    claim(refused.status >= 400 && refused.status < 600 && !refused.detail.empty(), "refused with {}", refused.status);
    claim_clean(refused.detail, "why a request was refused");
  } else {
    claim(!request.method.empty() && !request.path.empty(), "a request without a method or a path");
    claim(request.path.front() == '/' || request.path == "*", "the path {}", request.path);
    claim(request.headers.count("Content-Length") + request.headers.count("Transfer-Encoding") <= 2, "two lengths");
    claim(request.framing != net::Framing::until_close, "a request that ends with its connection");
    if (request.framing == net::Framing::length)
      claim(request.headers.contains("Content-Length"), "a length from nowhere");
    if (request.framing == net::Framing::chunked)
      claim(!request.headers.contains("Content-Length"), "chunks and a length: a request could hide in it");
    check_headers(request.headers);
  }
  net::ResponseHead response;
  if (response.parse(head)) {
    claim(response.status >= 100 && response.status <= 999, "status {}", response.status);
    check_headers(response.headers);
  }
}

void check_chunks(std::string_view bytes) {
  net::ChunkDecoder whole;
  net::PaddedBuffer body;
  const std::size_t taken = whole.read(bytes, body);
  claim(taken <= bytes.size() && body.size() <= taken, "{} bytes of {} made {}", taken, bytes.size(), body.size());
  net::ChunkDecoder slow;
  net::PaddedBuffer slow_body;
  std::size_t at = 0;
  while (at < bytes.size() && slow.state() == net::ChunkDecoder::State::reading)
    at += slow.read(bytes.substr(at, 1), slow_body);
  claim(slow.state() == whole.state() && slow_body.view() == body.view(), "in pieces the chunks are others");
  if (whole.state() == net::ChunkDecoder::State::done) claim(at == taken, "in pieces the chunks end elsewhere");
}

void check_query(std::string_view bytes) {
  net::Request request;
  request.query = bytes;
  const auto all = request.parameters();
  for (const auto& [name, value] : all) {
    const auto found = request.parameter(name);
    claim(found.has_value(), "a parameter is there and is not found");
  }
  const auto decoded = net::percent_decode(bytes);
  claim(decoded.has_value() || bytes.find('%') != std::string_view::npos, "nothing is escaped, and it cannot be read");
  if (decoded) claim(decoded->size() <= bytes.size(), "decoded it is longer");
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  fuzz::check_heads(bytes);
  fuzz::check_chunks(bytes);
  fuzz::check_query(bytes);
  return 0;
}
