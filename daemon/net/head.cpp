#include "daemon/net/head.hpp"

#include <algorithm>
#include <limits>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace net {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

// Sizes of chunk extensions plus trailers that are read over before the body counts as bad.
constexpr std::size_t chunk_overhead_limit_bytes = 16 * 1024;

std::string_view plain(string_view text) {
  return {text.data(), text.size()};
}

// Beast's parser, told to put what it finds into our own values. It is used for heads alone: its body calls never come.
template <bool is_request>
class HeadParser : public http::basic_parser<is_request> {
 public:
  explicit HeadParser(Headers& headers) : headers_(headers) {
    this->body_limit(boost::none);
    this->header_limit(std::numeric_limits<std::uint32_t>::max());  // the caller bounds what it hands in
    this->eager(false);
  }

  std::string_view method, target;  // into the parsed bytes
  unsigned status = 0;
  int version = 11;

 private:
  void on_request_impl(http::verb, string_view method_text, string_view target_text, int number, error_code&) override {
    method = plain(method_text);
    target = plain(target_text);
    version = number;
  }
  void on_response_impl(int code, string_view, int number, error_code&) override {
    status = static_cast<unsigned>(code);
    version = number;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    headers_.add(plain(name), plain(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}

  Headers& headers_;
};

// RFC 9112 section 3.2: origin-form, absolute-form (a proxy's), or "*".
bool split_target(std::string_view target, RequestHead& head) {
  if (target.size() > 7 && equal_ignoring_case(target.substr(0, 7), "http://"))
    target.remove_prefix(7);
  else if (target.size() > 8 && equal_ignoring_case(target.substr(0, 8), "https://"))
    target.remove_prefix(8);
  else if (target == "*") {
    head.path = "*";
    return true;
  } else if (target.empty() || target.front() != '/') {
    return false;
  }
  const std::size_t slash = target.find_first_of("/?");
  target.remove_prefix(std::min(slash, target.size()));
  if (target.find('#') != std::string_view::npos) return false;
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  if (path.empty()) path = "/";
  std::optional<std::string> decoded = percent_decode(path);
  if (!decoded) return false;
  head.path = std::move(*decoded);
  return true;
}

Refused why(const error_code& error, std::string_view head) {
  if (error == http::error::bad_version) {
    const std::string_view line = head.substr(0, head.find('\r'));
    if (line.find(" HTTP/") != std::string_view::npos) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    return {400, "the request line is not one of HTTP"};
  }
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length)
    return {400, "Content-Length is wrong, doubled, or beside Transfer-Encoding"};
  if (error == http::error::bad_transfer_encoding)
    return {400, "Transfer-Encoding is doubled or beside Content-Length"};
  return {400, "the head of the request is malformed"};
}

// Beast accepts some heads about whose body two readers could disagree; RFC 9112 section 6.3 wants them refused.
Refused frame(RequestHead& head, std::optional<std::uint64_t> length) {
  const std::size_t lengths = head.headers.count("content-length");
  const std::size_t encodings = head.headers.count("transfer-encoding");
  if (lengths > 1 || (lengths == 1 && head.headers.find("content-length")->find(',') != std::string_view::npos))
    return {400, "Content-Length appears more than once"};
  if (lengths > 0 && encodings > 0) return {400, "Content-Length stands beside Transfer-Encoding"};
  if (encodings > 0) {
    if (head.is_http_1_0) return {400, "HTTP/1.0 has no Transfer-Encoding"};
    if (encodings > 1 || !equal_ignoring_case(*head.headers.find("transfer-encoding"), "chunked"))
      return {501, "the only transfer coding spoken here is chunked"};
    head.framing = Framing::chunked;
  } else if (lengths == 1) {
    if (!length) return {400, "Content-Length is not a number"};
    head.framing = Framing::length;
    head.length = *length;
  }
  return {};
}

std::optional<std::uint64_t> to_optional(const boost::optional<std::uint64_t>& value) {
  return value ? std::optional(*value) : std::nullopt;
}

}  // namespace

Refused RequestHead::parse(std::string_view head) {
  method.clear();
  path.clear();
  query.clear();
  headers.clear();
  framing = Framing::none;
  length = 0;
  expects_continue = false;
  HeadParser<true> parser(headers);
  error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  method = parser.method;
  const bool target_is_good = split_target(parser.target, *this);
  is_http_1_0 = parser.version == 10;
  if (error) return why(error, head);
  if (!parser.is_header_done()) return {400, "the head of the request is malformed"};
  if (!target_is_good) return {400, "the request target is malformed"};
  if (const Refused refused = frame(*this, to_optional(parser.content_length())); refused.status != 0) return refused;
  keep_alive = parser.keep_alive();
  if (headers.count("host") > 1 || (!is_http_1_0 && !headers.contains("host")))
    return {400, "HTTP/1.1 wants one Host field"};
  if (const auto expect = headers.find("expect"); expect && !is_http_1_0) {
    if (!equal_ignoring_case(*expect, "100-continue")) return {417, "the only expectation met here is 100-continue"};
    expects_continue = true;
  }
  if (const auto coding = headers.find("content-encoding"); coding && !equal_ignoring_case(*coding, "identity"))
    return {415, "bodies are taken without Content-Encoding"};
  return {};
}

bool ResponseHead::parse(std::string_view head) {
  status = 0;
  headers.clear();
  framing = Framing::none;
  length = 0;
  HeadParser<false> parser(headers);
  error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done() || parser.status < 100) return false;
  status = parser.status;
  if (status < 200 || status == 204 || status == 304) {
    framing = Framing::none;
  } else if (headers.contains("transfer-encoding")) {
    framing = parser.chunked() ? Framing::chunked : Framing::until_close;
  } else if (const auto announced = to_optional(parser.content_length())) {
    framing = Framing::length;
    length = *announced;
  } else {
    framing = Framing::until_close;
  }
  keep_alive = parser.keep_alive() && framing != Framing::until_close;
  return true;
}

std::optional<std::size_t> head_end(std::string_view bytes, std::size_t& searched) {
  const std::size_t found = bytes.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
  searched = bytes.size();
  if (found == std::string_view::npos) return std::nullopt;
  return found + 4;
}

std::size_t ChunkDecoder::read(std::string_view bytes, PaddedBuffer& body) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ == State::reading) {
    if (at_ == At::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - taken));
      body.append(bytes.substr(taken, count));
      taken += count;
      left_ -= count;
      if (left_ == 0) at_ = At::data_cr;
      continue;
    }
    step(bytes[taken++]);
  }
  return taken;
}

void ChunkDecoder::step(char byte) {
  const auto expect = [&](char wanted, At next) {
    if (byte == wanted)
      at_ = next;
    else
      state_ = State::bad;
  };
  const auto count_overhead = [&] {
    if (++overhead_ > chunk_overhead_limit_bytes || byte == '\n' || byte == '\0') state_ = State::bad;
  };
  switch (at_) {
    case At::size: {
      const char letter = byte >= 'A' && byte <= 'F' ? static_cast<char>(byte - 'A' + 'a') : byte;
      const bool is_number = letter >= '0' && letter <= '9';
      if (is_number || (letter >= 'a' && letter <= 'f')) {
        left_ = left_ * 16 + static_cast<std::uint64_t>(is_number ? letter - '0' : letter - 'a' + 10);
        if (++digits_ > 15) state_ = State::bad;  // 15 digits cannot overflow 64 bits; no body is that long
      } else if (digits_ == 0) {
        state_ = State::bad;
      } else if (byte == '\r') {
        at_ = At::size_lf;
      } else if (byte == ';' || byte == ' ' || byte == '\t') {
        at_ = At::extension;
      } else {
        state_ = State::bad;
      }
      break;
    }
    case At::extension:
      if (byte == '\r')
        at_ = At::size_lf;
      else
        count_overhead();
      break;
    case At::size_lf:
      expect('\n', left_ == 0 ? At::trailer_start : At::data);
      break;
    case At::data:
      break;  // read() copies data without stepping
    case At::data_cr:
      expect('\r', At::data_lf);
      break;
    case At::data_lf:
      digits_ = 0;
      expect('\n', At::size);
      break;
    case At::trailer_start:
      if (byte == '\r') {
        at_ = At::end_lf;
      } else {
        at_ = At::trailer;
        count_overhead();
      }
      break;
    case At::trailer:
      if (byte == '\r')
        at_ = At::trailer_lf;
      else
        count_overhead();
      break;
    case At::trailer_lf:
      expect('\n', At::trailer_start);
      break;
    case At::end_lf:
      if (byte == '\n')
        state_ = State::done;
      else
        state_ = State::bad;
      break;
  }
}

}  // namespace net
