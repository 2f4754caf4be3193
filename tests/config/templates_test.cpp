#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "rules/message_words.hpp"

namespace config {
namespace {

constexpr std::string_view team = R"(rouse: 1
people:
  olga: { name: Olga Diaz, contact: { sms: "+15550100" } }
rotations:
  ops: { members: [olga], start: 2026-01-05T09:00, turn: 1w }
call_trees:
  outage: { steps: [ { call: ops, wait: 5m } ] }
route: { call_tree: outage }
channels:
  sms: [ { log: {} } ]
templates:
)";

Loaded read(const std::string& templates) {
  return load(std::string(team) + templates, "team.yml");
}

std::string problems(const std::string& templates) {
  const Loaded loaded = read(templates);
  return loaded ? "none" : print(loaded.error());
}

TEST(Templates, AreReadInTheOrderOfTheirChannels) {
  const Loaded loaded = read("  voice: \"{{id}}\"\n  sms: |\n    {{#page}}{{{summary}}}{{/page}}\n    {{reply}}\n");
  ASSERT_TRUE(loaded) << print(loaded.error());
  ASSERT_EQ(loaded->policy.templates.size(), 2U);
  EXPECT_EQ(loaded->policy.templates[0].channel, "sms");
  EXPECT_EQ(loaded->policy.templates[0].text, "{{#page}}{{{summary}}}{{/page}}\n{{reply}}\n");
  EXPECT_EQ(loaded->policy.templates[1].channel, "voice");
}

TEST(Templates, ThatCannotBeUsedAreRefusedWithTheirPlace) {
  const std::pair<std::string, std::string> table[] = {
      {"  sms: |\n    {{summary}}\n    is {{sumary}}\n", "team.yml:14:8: "},
      {"  sms: \"a {{sumary}}\"\n", "team.yml:12:11: "},
      {"  sms: |\n    {{#page}}\n    {{summary}}\n", "team.yml:13:5: "},
      {"  sms: |\n    a {{summary\n    b\n", "team.yml:13:7: "},
      {"  sms: |\n    {{/page}}\n", "team.yml:13:5: "},
      {"  sms: |\n    {{> secret}}\n", "team.yml:13:5: "},
      {"  sms: |\n    {{=x }}\n", "team.yml:13:5: "},
      {"  sms: |\n    {{page}}\n", "team.yml:13:5: "},
      {"  sms: |\n    {{.}}\n", "team.yml:13:5: "},
      {"  fax: \"{{id}}\"\n", "team.yml:12:3: "},
      {"  sms: \"\\e[31m\"\n", "team.yml:12:"},
  };
  for (const auto& [text, place] : table) {
    EXPECT_NE(problems(text).find(place), std::string::npos) << text << "\n" << problems(text);
  }
}

TEST(Templates, AreNoWayToExhaustTheStack) {
  std::string deep;
  for (int index = 0; index < 5000; ++index) deep += "{{#page}}";
  EXPECT_NE(problems("  sms: \"" + deep + "\"\n").find("sections"), std::string::npos);
}

TEST(Templates, HaveEveryWordInTheirPageOfTheDocumentation) {
  std::ifstream file(std::string(ROUSE_SOURCE_DIR) + "/docs/templates.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const rules::TemplateWord& word : rules::template_words) {
    const std::string row = "| `" + std::string(word.name) + "` | " + std::string(word.holds) + " |";
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace config
