// Alertmanager's matchers: name, operator, value; regular expressions are RE2, anchored at both ends; a missing label
// equals the empty string. Patterns are compiled when a policy is built, never on the way of an alert.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/labels.hpp"

namespace re2 {
class RE2;
}

namespace rules {

enum class MatchOperator : std::uint8_t { equal, not_equal, matches, not_matches };

class Matcher {
 public:
  // The error says what is wrong with the pattern.
  [[nodiscard]] static tl::expected<Matcher, std::string> make(std::string name, MatchOperator op, std::string value);
  // `severity = critical`, `team =~ "pay.*"`, `!=`, `!~`, with or without quotes and blanks (Alertmanager's syntax).
  [[nodiscard]] static tl::expected<Matcher, std::string> parse(std::string_view text);

  [[nodiscard]] bool matches(const Labels& labels) const;
  [[nodiscard]] bool matches_value(std::string_view value) const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] MatchOperator op() const { return op_; }
  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] std::string text() const;  // canonical: name="value", values quoted and escaped as Alertmanager does

  bool operator==(const Matcher& other) const {
    return name_ == other.name_ && op_ == other.op_ && value_ == other.value_;
  }

 private:
  std::string name_;
  MatchOperator op_{MatchOperator::equal};
  std::string value_;
  std::shared_ptr<const re2::RE2> pattern_;  // set for matches and not_matches; used by the thread that owns the policy
};

// A list as `{a="b", c=~"d"}` or one matcher; for the command line and silences.
[[nodiscard]] tl::expected<std::vector<Matcher>, std::string> parse_matchers(std::string_view text);
[[nodiscard]] bool all_match(const std::vector<Matcher>& matchers, const Labels& labels);

}  // namespace rules
