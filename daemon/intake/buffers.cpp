#include "daemon/intake/buffers.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/intake/text.hpp"

namespace intake {
namespace {

static_assert(body_padding >= simdjson::SIMDJSON_PADDING);

// A parser holds about six bytes for each byte of the largest body it has seen. Ordinary bodies are kilobytes; after a
// huge one the memory goes back.
constexpr std::size_t most_kept_bytes = std::size_t{8} << 20;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_about_text(json::Error error) {
  return error == simdjson::UTF8_ERROR || error == simdjson::STRING_ERROR;
}

Refused refusal(json::Error error, std::size_t offset, bool offset_is_known) {
  if (error == simdjson::MEMALLOC) return {.status = 503, .why = "no memory for a body of this size"};
  if (error == simdjson::CAPACITY) return {.status = 413, .why = "the body is too large"};
  const std::string where = offset_is_known ? fmt::format(" (near byte {})", offset) : std::string{};
  if (error == simdjson::DEPTH_ERROR) {
    return {.why = fmt::format("the body is nested deeper than {} levels{}", json::max_depth, where)};
  }
  return {.why = fmt::format("the body is not JSON: {}{}", json::words_for(error), where)};
}

// The first byte below 0x20 within a string.
std::size_t unescaped_character(std::string_view text, std::size_t otherwise) {
  bool within_string = false;
  for (std::size_t position = 0; position < text.size(); ++position) {
    const char character = text[position];
    if (character == '"') within_string = !within_string;
    if (!within_string) continue;
    if (static_cast<unsigned char>(character) < 0x20) return position;
    if (character == '\\') ++position;
  }
  return otherwise;
}

}  // namespace

tl::expected<Parsed, Refused> Parser::Buffers::read(Body body,
                                                    const Context& context,
                                                    rules::ReportForm form,
                                                    const ReadDocument& read_document) {
  if (body.text.size() > context.limits.body_bytes) {
    return tl::unexpected(refusal(simdjson::CAPACITY, 0, false));
  }
  const std::size_t skipped =
      body.text.substr(0, byte_order_mark.size()) == byte_order_mark ? byte_order_mark.size() : 0;
  body.text.remove_prefix(skipped);
  body.readable -= skipped;

  Attempt attempted = attempt(padded(body), context, form, read_document);
  std::uint64_t replaced = 0;
  if (is_about_text(attempted.error)) {
    replaced = repair(body.text, repaired_);
    if (replaced > 0) {
      const std::size_t size = repaired_.size();
      repaired_.resize(size + body_padding);
      const Body repaired{std::string_view{repaired_}.substr(0, size), repaired_.size()};
      attempted = attempt(repaired, context, form, read_document);
    }
  }
  shrink();

  Parsed& parsed = attempted.parsed;
  if (attempted.error) {
    // After a repair the places have moved: none is better than a wrong one.
    const bool offset_is_known = attempted.offset != no_offset && replaced == 0;
    return tl::unexpected(refusal(attempted.error, attempted.offset + skipped, offset_is_known));
  }
  if (!attempted.shape.problem.empty()) return tl::unexpected(Refused{.why = std::string{attempted.shape.problem}});
  if (parsed.total > 0 && parsed.event.reports.empty()) {
    const Rejected* const first = parsed.rejected.empty() ? nullptr : &parsed.rejected.front();
    Refused refused{
        .why = fmt::format("no alert of {} can be used; the first: {}",
                           parsed.total,
                           first == nullptr ? std::string_view{"not listed"} : std::string_view{first->why}),
        .total = parsed.total};
    refused.rejected = std::move(parsed.rejected);
    return tl::unexpected(std::move(refused));
  }
  parsed.oddities.repaired_utf8 = replaced;
  return std::move(parsed);
}

Parser::Buffers::Attempt Parser::Buffers::attempt(Body body,
                                                  const Context& context,
                                                  rules::ReportForm form,
                                                  const ReadDocument& read_document) {
  Attempt attempted;
  json::Document document;
  const simdjson::padded_string_view text{body.text.data(), body.text.size(), body.readable};
  attempted.error = parser_.iterate(text).get(document);
  if (attempted.error == simdjson::UNESCAPED_CHARS) attempted.offset = unescaped_character(body.text, no_offset);
  if (attempted.error == simdjson::EMPTY || attempted.error == simdjson::UNCLOSED_STRING) {
    attempted.offset = body.text.size();
  }
  if (attempted.error) return attempted;

  Reading reading{context, form, body.text.size(), document, scratch_};
  attempted.error = read_document(document, reading, attempted.shape);
  if (!attempted.error && !attempted.shape.problem.empty()) return attempted;  // refused whatever follows
  const char* place{};
  const simdjson::error_code at_end = document.current_location().get(place);
  if (!attempted.error && at_end != simdjson::OUT_OF_BOUNDS) attempted.error = simdjson::TRAILING_CONTENT;
  // The first look is at the last character, and says nothing about the place of the mistake.
  const bool has_place = !at_end && attempted.error != simdjson::INCOMPLETE_ARRAY_OR_OBJECT;
  if (attempted.error && has_place) {
    const char* const begin = body.text.data();
    const char* const end = begin + body.text.size();
    if (place >= begin && place <= end) attempted.offset = static_cast<std::size_t>(place - begin);
  }
  attempted.parsed = std::move(reading.parsed());
  return attempted;
}

Body Parser::Buffers::padded(Body body) {
  if (body.readable >= body.text.size() + body_padding) return body;
  copy_.reserve(body.text.size() + body_padding);
  copy_.assign(body.text);
  copy_.append(body_padding, '\0');
  return {std::string_view{copy_}.substr(0, body.text.size()), copy_.size()};
}

void Parser::Buffers::shrink() {
  if (parser_.capacity() > most_kept_bytes) parser_ = simdjson::ondemand::parser{};
  if (copy_.capacity() > most_kept_bytes) copy_ = {};
  if (repaired_.capacity() > most_kept_bytes) repaired_ = {};
  if (!scratch_.made.empty()) scratch_.made = {};
}

Parser::Parser() : buffers_{std::make_unique<Buffers>()} {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

}  // namespace intake
