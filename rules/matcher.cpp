#include "rules/matcher.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

namespace rules {

namespace {

constexpr std::size_t longest_pattern_bytes = 64 * 1024;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

// Names that Alertmanager's first syntax knows; others are written in quotes.
bool is_classic_name(std::string_view name) {
  return !name.empty() && is_name_start(name.front()) && std::all_of(name.begin(), name.end(), is_name_part);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view operator_text(MatchOperator op) {
  static constexpr std::array<std::string_view, 4> texts{"=", "!=", "=~", "!~"};
  return texts.at(static_cast<std::size_t>(op));
}

std::string escaped(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

// Takes the operator at the front of the text away from it.
std::optional<MatchOperator> take_operator(std::string_view& text) {
  static constexpr std::array<std::pair<std::string_view, MatchOperator>, 4> operators{{
      {"=~", MatchOperator::matches},
      {"!=", MatchOperator::not_equal},
      {"!~", MatchOperator::not_matches},
      {"=", MatchOperator::equal},
  }};
  for (const auto& [spelling, op] : operators) {
    if (!text.starts_with(spelling)) continue;
    text.remove_prefix(spelling.size());
    return op;
  }
  return std::nullopt;
}

struct Parts {
  std::string name;
  MatchOperator op{};
  std::string value;
};
using Parsed = tl::expected<Parts, std::string>;
using ParsedList = tl::expected<std::vector<Parts>, std::string>;

tl::unexpected<std::string> refused(std::string_view text, std::string_view why) {
  return tl::make_unexpected(fmt::format("bad matcher `{}`: {}", trimmed(text), why));
}

// Alertmanager's first syntax: the value is all that follows the operator, quotes are optional, and a backslash that
// escapes nothing stands for itself.
Parsed parse_classic(std::string_view text) {
  std::string_view rest = trimmed(text);
  std::size_t name_size = 0;
  while (name_size < rest.size() && is_name_part(rest[name_size])) ++name_size;
  const std::string_view name = rest.substr(0, name_size);
  if (!is_classic_name(name)) return refused(text, "it must begin with the name of a label");
  rest = trimmed(rest.substr(name_size));
  const std::optional<MatchOperator> op = take_operator(rest);
  if (!op) return refused(text, "after the name comes =, !=, =~ or !~");
  rest = trimmed(rest);

  bool expects_quote = rest.starts_with('"');
  if (expects_quote) rest.remove_prefix(1);
  Parts parts{std::string(name), *op, {}};
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    const bool is_last = i + 1 == rest.size();
    if (c == '\\' && !is_last) {
      const char next = rest[++i];
      if (next == 'n') {
        parts.value += '\n';
      } else {
        if (next != '"' && next != '\\') parts.value += '\\';
        parts.value += next;
      }
    } else if (c == '"') {
      if (!expects_quote || !is_last) return refused(text, "a double quote within a value is written \\\"");
      expects_quote = false;
    } else {
      parts.value += c;
    }
  }
  if (expects_quote) return refused(text, "the closing double quote is missing");
  return parts;
}

// Splits at commas outside of double quotes.
ParsedList parse_classic_list(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('{')) rest.remove_prefix(1);
  if (rest.ends_with('}')) rest.remove_suffix(1);
  std::vector<Parts> list;
  std::size_t begin = 0;
  bool in_quotes = false;
  bool is_escaped = false;
  for (std::size_t i = 0; i <= rest.size(); ++i) {
    const bool is_end = i == rest.size();
    if (is_end || (rest[i] == ',' && !in_quotes)) {
      const std::string_view piece = trimmed(rest.substr(begin, i - begin));
      begin = i + 1;
      if (is_end && piece.empty()) break;
      Parsed parsed = parse_classic(piece);
      if (!parsed) return tl::make_unexpected(std::move(parsed).error());
      list.push_back(*std::move(parsed));
      is_escaped = false;
    } else if (rest[i] == '"') {
      if (!is_escaped) in_quotes = !in_quotes;
      is_escaped = false;
    } else {
      is_escaped = rest[i] == '\\' && !is_escaped;
    }
  }
  return list;
}

// Alertmanager's second syntax: names may be any text; what is not in quotes must be free of the reserved characters.
class Utf8Scanner {
 public:
  explicit Utf8Scanner(std::string_view text) : whole_(text), rest_(text) {}

  ParsedList list() {
    std::vector<Parts> found;
    const bool has_brace = take('{');
    if (has_brace && take('}')) return at_end(std::move(found));
    for (;;) {
      Parsed parsed = one();
      if (!parsed) return tl::make_unexpected(std::move(parsed).error());
      found.push_back(*std::move(parsed));
      const bool has_comma = take(',');
      skip_blanks();
      if (has_brace && take('}')) return at_end(std::move(found));
      if (rest_.empty()) {
        if (has_brace) return refused(whole_, "the closing } is missing");
        return found;
      }
      if (!has_comma) return refused(whole_, "a comma is missing between two matchers, or a value needs quotes");
    }
  }

 private:
  ParsedList at_end(std::vector<Parts> found) {
    skip_blanks();
    if (!rest_.empty()) return refused(whole_, "something follows the closing }");
    return found;
  }

  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  bool take(char wanted) {
    skip_blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Parsed one() {
    Parts parts;
    tl::expected<std::string, std::string> name = word("the name of a label");
    if (!name) return tl::make_unexpected(std::move(name).error());
    parts.name = *std::move(name);
    skip_blanks();
    const std::optional<MatchOperator> op = take_operator(rest_);
    if (!op) return refused(whole_, "after the name comes =, !=, =~ or !~");
    parts.op = *op;
    tl::expected<std::string, std::string> value = word("a value");
    if (!value) return tl::make_unexpected(std::move(value).error());
    parts.value = *std::move(value);
    return parts;
  }

  tl::expected<std::string, std::string> word(std::string_view what) {
    static constexpr std::string_view reserved = "{}!=~,\\\"'` \t\n\r\f";
    skip_blanks();
    if (rest_.starts_with('"')) return quoted();
    const std::size_t size = std::min(rest_.find_first_of(reserved), rest_.size());
    if (size == 0) return refused(whole_, fmt::format("{} is missing, or needs double quotes", what));
    std::string found(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return found;
  }

  // The escapes of Go's string literals that stand for one character of ASCII; others are spelled out as they are.
  tl::expected<std::string, std::string> quoted() {
    static constexpr std::string_view letters = "abfnrtv\\\"";
    static constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\\"";
    rest_.remove_prefix(1);
    std::string found;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return found;
      if (c != '\\') {
        if (c == '\n') return refused(whole_, "a line break within quotes is written \\n");
        found += c;
        continue;
      }
      const std::size_t letter = rest_.empty() ? std::string_view::npos : letters.find(rest_.front());
      if (letter == std::string_view::npos)
        return refused(whole_, "unknown escape within quotes; a backslash is written \\\\");
      found += meanings[letter];
      rest_.remove_prefix(1);
    }
    return refused(whole_, "the closing double quote is missing");
  }

  std::string_view whole_;
  std::string_view rest_;
};

}  // namespace

tl::expected<Matcher, std::string> Matcher::make(std::string name, MatchOperator op, std::string value) {
  if (name.empty()) return tl::make_unexpected(std::string("the name of the label is empty"));
  Matcher matcher;
  if (op == MatchOperator::matches || op == MatchOperator::not_matches) {
    if (value.size() > longest_pattern_bytes) return tl::make_unexpected(std::string("the pattern is too long"));
    re2::RE2::Options options;
    options.set_log_errors(false);
    // On its own first, so that a stray parenthesis cannot escape from the anchors.
    const re2::RE2 bare(value, options);
    if (!bare.ok()) return tl::make_unexpected(fmt::format("bad pattern `{}`: {}", value, bare.error()));
    auto anchored = std::make_shared<const re2::RE2>("^(?:" + value + ")$", options);
    if (!anchored->ok()) return tl::make_unexpected(fmt::format("bad pattern `{}`: {}", value, anchored->error()));
    matcher.pattern_ = std::move(anchored);
  }
  matcher.name_ = std::move(name);
  matcher.op_ = op;
  matcher.value_ = std::move(value);
  return matcher;
}

tl::expected<Matcher, std::string> Matcher::parse(std::string_view text) {
  Parsed classic = parse_classic(text);
  if (classic) return make(std::move(classic->name), classic->op, std::move(classic->value));
  ParsedList list = Utf8Scanner(text).list();
  // Of the two complaints the first is about the syntax that nearly everybody means.
  if (!list) return tl::make_unexpected(std::move(classic).error());
  if (list->size() != 1) return refused(text, "one matcher is wanted");
  return make(std::move(list->front().name), list->front().op, std::move(list->front().value));
}

bool Matcher::matches(const Labels& labels) const {
  return matches_value(labels.find(name_));
}

bool Matcher::matches_value(std::string_view value) const {
  switch (op_) {
    case MatchOperator::equal:
      return value == value_;
    case MatchOperator::not_equal:
      return value != value_;
    case MatchOperator::matches:
      return re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *pattern_);
    case MatchOperator::not_matches:
      return !re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *pattern_);
  }
  return false;
}

std::string Matcher::text() const {
  if (is_classic_name(name_)) return fmt::format("{}{}\"{}\"", name_, operator_text(op_), escaped(value_));
  return fmt::format("\"{}\"{}\"{}\"", escaped(name_), operator_text(op_), escaped(value_));
}

tl::expected<std::vector<Matcher>, std::string> parse_matchers(std::string_view text) {
  // As Alertmanager does: where both syntaxes read a text, the first one counts.
  ParsedList list = parse_classic_list(text);
  if (!list) {
    ParsedList second = Utf8Scanner(text).list();
    if (!second) return tl::make_unexpected(std::move(list).error());
    list = std::move(second);
  }
  std::vector<Matcher> matchers;
  matchers.reserve(list->size());
  for (Parts& parts : *list) {
    tl::expected<Matcher, std::string> matcher = Matcher::make(std::move(parts.name), parts.op, std::move(parts.value));
    if (!matcher) return tl::make_unexpected(std::move(matcher).error());
    matchers.push_back(*std::move(matcher));
  }
  return matchers;
}

bool all_match(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(
      matchers.begin(), matchers.end(), [&labels](const Matcher& matcher) { return matcher.matches(labels); });
}

}  // namespace rules
