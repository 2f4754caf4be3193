// The head of an HTTP message and the chunks of its body, from bytes: no socket, no clock. Internal to daemon/net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/net/http.hpp"

namespace net {

// How long the body of a message is said to be.
enum class Framing { none, length, chunked, until_close };

struct Refused {
  unsigned status = 0;      // 0: nothing is wrong
  std::string_view detail;  // a literal
};

struct RequestHead {
  std::string method, path, query;
  Headers headers;
  Framing framing = Framing::none;
  std::uint64_t length = 0;  // for Framing::length
  bool keep_alive = true;
  bool is_http_1_0 = false;
  bool expects_continue = false;

  // Fills this from `head`, which is one whole head with its final empty line. Whatever it refuses cannot be followed
  // by another request on the same connection. On refusal the path may still be known.
  Refused parse(std::string_view head);
};

struct ResponseHead {
  unsigned status = 0;
  Headers headers;
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keep_alive = true;

  // False when `head` is no head of an HTTP/1 response.
  [[nodiscard]] bool parse(std::string_view head);
};

// Where the head that begins at bytes[0] ends (behind its empty line); nothing when it is not complete. `searched` is
// how far earlier calls have looked; start with 0.
[[nodiscard]] std::optional<std::size_t> head_end(std::string_view bytes, std::size_t& searched);

// Takes the chunks of a chunked body apart, in pieces of any size (RFC 9112, section 7.1). Trailer fields are read
// over.
class ChunkDecoder {
 public:
  enum class State { reading, done, bad };

  // Reads from `bytes` until they are used up, the body is done, or something is wrong. The data of chunks goes to
  // `body`. Answers how many bytes it took; what follows the body stays.
  std::size_t read(std::string_view bytes, PaddedBuffer& body);

  [[nodiscard]] State state() const { return state_; }
  // What the chunk being read has announced and not yet delivered.
  [[nodiscard]] std::uint64_t announced() const { return left_; }

 private:
  enum class At { size, extension, size_lf, data, data_cr, data_lf, trailer_start, trailer, trailer_lf, end_lf };

  void step(char byte);

  State state_ = State::reading;
  At at_ = At::size;
  std::uint64_t left_ = 0;
  unsigned digits_ = 0;
  std::size_t overhead_ = 0;  // bytes of extensions and trailers, which are bounded
};

}  // namespace net
