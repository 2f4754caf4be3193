// Matchers, one or a list, in Alertmanager's classic form and its UTF-8 form.
#include <string>

#include "rules/matcher.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

void check_matcher(const rules::Matcher& matcher, const rules::Labels& labels) {
  const std::string text = matcher.text();
  claim(is_utf8(text) || !is_utf8(matcher.name()) || !is_utf8(matcher.value()), "a matcher's text is not UTF-8");
  const auto again = rules::Matcher::parse(text);
  claim(again.has_value(), "{} cannot be read again: {}", text, again.has_value() ? "" : again.error());
  claim(*again == matcher && again->text() == text, "{} is another matcher when read again", text);
  const std::string value{labels.find(matcher.name())};
  claim(matcher.matches(labels) == matcher.matches_value(value), "{} sees another value", text);
  claim(matcher.matches(labels) == again->matches(labels), "{} says something else", text);
  const auto opposite_of = [](rules::MatchOperator op) {
    using rules::MatchOperator;
    switch (op) {
      case MatchOperator::equal:
        return MatchOperator::not_equal;
      case MatchOperator::not_equal:
        return MatchOperator::equal;
      case MatchOperator::matches:
        return MatchOperator::not_matches;
      case MatchOperator::not_matches:
        return MatchOperator::matches;
    }
    return op;
  };
  const auto opposite = rules::Matcher::make(matcher.name(), opposite_of(matcher.op()), matcher.value());
  claim(
      opposite.has_value() && opposite->matches(labels) != matcher.matches(labels), "{} and its opposite agree", text);
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  static const rules::Labels labels{{{"alertname", "ApiDown"}, {"severity", "critical"}, {"a", "b\"\\\n"}}};
  if (const auto one = rules::Matcher::parse(text)) {
    fuzz::check_matcher(*one, labels);
  } else {
    claim(!one.error().empty(), "a matcher is refused without a word");
  }
  const auto list = rules::parse_matchers(text);
  if (!list) {
    claim(!list.error().empty(), "matchers are refused without a word");
    return 0;
  }
  bool all = true;
  std::string again = "{";
  for (const rules::Matcher& one : *list) {
    fuzz::check_matcher(one, labels);
    all = all && one.matches(labels);
    if (again.size() > 1) again += ',';
    again += one.text();
  }
  again += '}';
  claim(rules::all_match(*list, labels) == all, "a list says something else than its matchers");
  const auto read = rules::parse_matchers(again);
  claim(read.has_value() && *read == *list, "{} is another list when read again", again);
  return 0;
}
