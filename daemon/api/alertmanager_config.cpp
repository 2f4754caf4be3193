#include "daemon/api/alertmanager_config.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "rules/duration.hpp"
#include "rules/view.hpp"

namespace api {
namespace {

// As YAML takes it in double quotes. What words::visible() would change is none of the characters that YAML reads as
// they are, and no name or pattern of sense holds them.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : words::visible(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += in_quotes(text);
  }
  return out + "]";
}

std::string list_of(const std::vector<rules::Matcher>& matchers) {
  std::vector<std::string> texts;
  for (const rules::Matcher& matcher : matchers) texts.push_back(matcher.text());
  return list_of(texts);
}

void add_route(const rules::Route& route, bool is_root, std::string& out, const std::string& indent) {
  std::string about = "urgency " + std::string{rules::to_text(route.urgency)};
  if (!route.active.empty()) {
    about += fmt::format(" during {}, else {}", fmt::join(route.active, ", "), rules::to_text(route.otherwise));
  }
  out += fmt::format("{}# {}: {}\n", indent, words::visible(route.path), words::visible(about));
  out += fmt::format("{}{}receiver: {}\n", indent, is_root ? "" : "- ", in_quotes(route.call_tree));
  const std::string inner = indent + (is_root ? "" : "  ");
  if (!is_root) out += fmt::format("{}matchers: {}\n", inner, list_of(route.matchers));
  if (route.goes_on && !is_root) out += inner + "continue: true\n";
  out += fmt::format(
      "{}group_by: {}\n", inner, list_of(route.group_by_all ? std::vector<std::string>{"..."} : route.group_by));
  out += fmt::format("{}group_wait: {}\n", inner, rules::print_duration(route.group_wait));
  if (route.routes.empty()) return;
  out += inner + "routes:\n";
  for (const rules::Route& child : route.routes) add_route(child, false, out, inner);
}

}  // namespace

std::string alertmanager_config(const rules::Policy& policy) {
  std::string out = "route:\n";
  add_route(policy.route, true, out, "  ");
  out += "receivers:\n";
  for (const rules::CallTree& tree : policy.call_trees) out += fmt::format("- name: {}\n", in_quotes(tree.id));
  if (policy.inhibit_rules.empty()) return out;
  out += "inhibit_rules:\n";
  for (const rules::InhibitRule& rule : policy.inhibit_rules) {
    out += fmt::format("# {}\n", words::visible(rule.id));
    out += fmt::format("- source_matchers: {}\n", list_of(rule.source));
    out += fmt::format("  target_matchers: {}\n", list_of(rule.target));
    out += fmt::format("  equal: {}\n", list_of(rule.equal));
  }
  return out;
}

}  // namespace api
