// The memory of a Parser and the one way through a body: parse, repair once if a byte was bad, refuse in plain words.
// Used within intake only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/intake/intake.hpp"
#include "daemon/intake/json.hpp"
#include "daemon/intake/reading.hpp"

namespace intake {

// Why the outermost shape is not the format's; empty when it is. Plain words.
struct Shape {
  std::string_view problem;
};

// Reads a document of one format. An Error when it is not JSON; a problem in `shape` when it is not the format's. It is
// called again, from the beginning, when the body had to be repaired.
using ReadDocument = std::function<json::Error(json::Document& document, Reading& reading, Shape& shape)>;

class Parser::Buffers {
 public:
  [[nodiscard]] tl::expected<Parsed, Refused> read(Body body,
                                                   const Context& context,
                                                   rules::ReportForm form,
                                                   const ReadDocument& read_document);

 private:
  struct Attempt {
    json::Error error{simdjson::SUCCESS};
    std::size_t offset{no_offset};  // where the error is, when it is known
    Shape shape;
    Parsed parsed;
  };
  static constexpr std::size_t no_offset = static_cast<std::size_t>(-1);

  [[nodiscard]] Attempt attempt(Body body,
                                const Context& context,
                                rules::ReportForm form,
                                const ReadDocument& read_document);
  [[nodiscard]] Body padded(Body body);
  void shrink();

  simdjson::ondemand::parser parser_;
  std::string copy_;      // of a body without padding
  std::string repaired_;  // of a body with bytes that are not UTF-8
  Scratch scratch_;
};

}  // namespace intake
