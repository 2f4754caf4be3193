#include "rules/matcher.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace rules {
namespace {

Labels made(std::vector<std::pair<std::string, std::string>> pairs) {
  return Labels(std::move(pairs));
}

std::string canonical(std::string_view text) {
  const auto matcher = Matcher::parse(text);
  return matcher ? matcher->text() : "refused";
}

std::string canonical_list(std::string_view text) {
  const auto matchers = parse_matchers(text);
  if (!matchers) return "refused";
  std::string joined;
  for (const Matcher& matcher : *matchers) joined += (joined.empty() ? "" : " ") + matcher.text();
  return joined;
}

// The left side is what amtool and alertmanager.yml take, the right side what their parsers make of it.
TEST(Matcher, ReadsWhatAlertmanagerReads) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
      {"severity = critical", R"(severity="critical")"},
      {"severity=critical", R"(severity="critical")"},
      {"  severity\t=\tcritical ", R"(severity="critical")"},
      {R"(team =~ "pay.*")", R"(team=~"pay.*")"},
      {R"(team=~pay.*|bill)", R"(team=~"pay.*|bill")"},
      {R"(team != "")", R"(team!="")"},
      {"team=", R"(team="")"},
      {"team !~ a|b", R"(team!~"a|b")"},
      {R"(path="C:\\x")", R"(path="C:\\x")"},
      {R"(path="a\d")", R"(path="a\\d")"},
      {R"(text="a\nb")", R"(text="a\nb")"},
      {R"(text=say \"hi\")", R"(text="say \"hi\"")"},
      {R"(text="x\\")", R"(text="x\\")"},
      {R"(text=x\)", R"(text="x\\")"},
      {"text=a=b", R"(text="a=b")"},
      {"text==b", R"(text="=b")"},
      {"text=a b c", R"(text="a b c")"},
      {"job:rate5m=1", R"(job:rate5m="1")"},
      {R"("a label" = "x")", R"("a label"="x")"},
      {"ünïcode=x", R"("ünïcode"="x")"},
      {"service.name=~api", R"("service.name"=~"api")"},
      {R"(a="tab\there")", R"(a="tab\\there")"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(canonical(text), expected) << text;
}

TEST(Matcher, RefusesWhatAlertmanagerRefuses) {
  for (const std::string_view text : {"",
                                      " ",
                                      "severity",
                                      "= critical",
                                      "severity > 3",
                                      R"(a="x)",
                                      R"(a=x")",
                                      R"(a="x"y)",
                                      R"(a="x" b="y")",
                                      R"(a=x"y)",
                                      "5a!b",
                                      "a!b",
                                      R"(team=~"(")",
                                      R"(team=~"a)|(b")",
                                      R"(team=~"*")",
                                      R"x(team=~"(?=a)")x"})
    EXPECT_EQ(canonical(text), "refused") << text;
}

TEST(Matcher, SaysWhatIsWrong) {
  EXPECT_EQ(Matcher::parse("severity").error(), "bad matcher `severity`: after the name comes =, !=, =~ or !~");
  EXPECT_EQ(Matcher::parse(R"(team =~ "(")").error(), "bad pattern `(`: missing ): (");
  EXPECT_EQ(Matcher::parse(R"(a="x)").error(), R"(bad matcher `a="x`: the closing double quote is missing)");
}

TEST(Matcher, AMissingLabelEqualsTheEmptyString) {
  const Labels labels = made({{"alertname", "Down"}});
  EXPECT_TRUE(Matcher::parse(R"(team="")")->matches(labels));
  EXPECT_FALSE(Matcher::parse(R"(team!="")")->matches(labels));
  EXPECT_TRUE(Matcher::parse("team!=db")->matches(labels));
  EXPECT_TRUE(Matcher::parse(R"(team=~".*")")->matches(labels));
  EXPECT_FALSE(Matcher::parse(R"(team=~".+")")->matches(labels));
  EXPECT_TRUE(Matcher::parse(R"(team!~".+")")->matches(labels));
}

TEST(Matcher, PatternsAreAnchoredAtBothEnds) {
  const Matcher matcher = *Matcher::parse("team=~pay|bill");
  EXPECT_TRUE(matcher.matches_value("pay"));
  EXPECT_TRUE(matcher.matches_value("bill"));
  EXPECT_FALSE(matcher.matches_value("payments"));
  EXPECT_FALSE(matcher.matches_value("repay"));
  EXPECT_FALSE(matcher.matches_value("pay\n"));
  EXPECT_FALSE(Matcher::parse("team!~pay|bill")->matches_value("bill"));
  EXPECT_TRUE(Matcher::parse("team=~(?i)PAY.")->matches_value("pay1"));
}

TEST(Matcher, ListsComeWithOrWithoutBraces) {
  EXPECT_EQ(canonical_list(R"({a="b", c=~"d"})"), R"(a="b" c=~"d")");
  EXPECT_EQ(canonical_list(R"(a="b",c!="d,e")"), R"(a="b" c!="d,e")");
  EXPECT_EQ(canonical_list(R"(a="b\",c=d",e=f,)"), R"(a="b\",c=d" e="f")");
  EXPECT_EQ(canonical_list("severity=critical"), R"(severity="critical")");
  EXPECT_EQ(canonical_list("{}"), "");
  EXPECT_EQ(canonical_list(""), "");
  EXPECT_EQ(canonical_list(R"({"a b"="c", d=e})"), R"("a b"="c" d="e")");
  EXPECT_EQ(canonical_list("a=b,,c=d"), "refused");
  EXPECT_EQ(canonical_list(R"({"a b"="c")"), "refused");
  EXPECT_EQ(canonical_list(R"({a="b"} c)"), "refused");
}

TEST(Matcher, ItsTextReadsBackAsTheSameMatcher) {
  for (const std::string value : {"", "x", "a\"b", "a\\b", "a\nb", " blank ", "ü", ",", "}", "="}) {
    for (const std::string name : {"team", "a label", "ü", "a\"b", "a\\b"}) {
      const Matcher matcher = *Matcher::make(name, MatchOperator::not_equal, value);
      const auto again = Matcher::parse(matcher.text());
      ASSERT_TRUE(again) << matcher.text() << ": " << again.error();
      EXPECT_EQ(*again, matcher) << matcher.text();
      const auto list = parse_matchers("{" + matcher.text() + "," + matcher.text() + "}");
      ASSERT_TRUE(list) << matcher.text() << ": " << list.error();
      EXPECT_EQ(*list, (std::vector<Matcher>{matcher, matcher}));
    }
  }
}

TEST(Matcher, AllMustMatch) {
  const auto matchers = parse_matchers("{severity=critical, team=~pay.*}");
  ASSERT_TRUE(matchers);
  EXPECT_TRUE(all_match(*matchers, made({{"severity", "critical"}, {"team", "payments"}})));
  EXPECT_FALSE(all_match(*matchers, made({{"severity", "critical"}})));
  EXPECT_TRUE(all_match({}, Labels()));
}

}  // namespace
}  // namespace rules
