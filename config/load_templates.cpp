// `templates`: the texts that take the place of the built-in ones. Each is parsed here once, so that a page never meets
// a template that cannot be rendered.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <kainjow/mustache.hpp>

#include "config/loading.hpp"
#include "rules/message_words.hpp"

namespace config {

namespace {

using Text = std::string;
using Component = kainjow::mustache::component<Text>;

struct Written {
  const Node& node;

  /// Where in the file that byte of the template stands: exactly, when a block scalar is indented by two.
  [[nodiscard]] Place at(std::size_t position, int key_column) const {
    const std::string_view before = std::string_view(node.text).substr(0, std::min(position, node.text.size()));
    const auto lines = static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto column = static_cast<int>(before.size() - line_begin);
    const bool is_block = node.text.find('\n') != std::string::npos;
    if (is_block) return {node.place.line + 1 + lines, key_column + 2 + column};
    return {node.place.line, node.place.column + column + (node.is_quoted ? 1 : 0)};
  }
};

/// What the parser must not see: it would read files, or end the process; and depths that would exhaust the stack.
bool is_harmless(Loading& loading, const Written& written, int key_column) {
  const std::string_view text = written.node.text;
  const auto refuse = [&](std::size_t position, std::string_view why) {
    loading.reader.error(written.at(position, key_column), why);
    return false;
  };
  for (std::size_t index = 0; index < text.size(); ++index) {
    const auto byte = static_cast<unsigned char>(text[index]);
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F)
      return refuse(index, "a template has no control characters");
  }
  std::size_t depth = 0;
  for (std::size_t open = text.find("{{"); open != std::string_view::npos; open = text.find("{{", open + 2)) {
    const std::size_t first = text.find_first_not_of("{ \t\n", open + 2);
    if (first == std::string_view::npos) return refuse(open, "the tag is not closed");
    if (text[first] == '=') return refuse(open, "a template cannot change its {{ and }}");
    if (text[first] == '>') return refuse(open, "a template has no parts of its own: {{> is not known here");
    if (text[first] == '#' || text[first] == '^') ++depth;
    if (text[first] == '/' && depth > 0) --depth;
    if (depth > rules::template_depth)
      return refuse(open, fmt::format("at most {} sections stand within each other", rules::template_depth));
  }
  return true;
}

void check_words(Loading& loading, const Written& written, int key_column, const Component& within) {
  for (const Component& one : within.children) {
    const bool is_section = one.tag.is_section_begin();
    const bool is_word = one.tag.type == kainjow::mustache::tag_type::variable ||
                         one.tag.type == kainjow::mustache::tag_type::unescaped_variable;
    if (is_section || is_word) {
      const rules::TemplateWord* const word = rules::template_word(one.tag.name);
      if (word == nullptr) {
        std::vector<std::string> known;
        for (const rules::TemplateWord& each : rules::template_words) known.emplace_back(each.name);
        loading.reader.error(
            written.at(one.position, key_column),
            fmt::format("no word of templates: {}{}", shown(one.tag.name), did_you_mean(one.tag.name, known)));
      } else if (word->is_flag && !is_section) {
        loading.reader.error(written.at(one.position, key_column),
                             fmt::format("{0} has no text: it stands in {{{{#{0}}}}} ... {{{{/{0}}}}}", word->name));
      }
    }
    check_words(loading, written, key_column, one);
  }
}

void read_template(Loading& loading, const Entry& entry) {
  const std::optional<std::string> text = loading.reader.text(*entry.value, entry.place, "a template");
  if (!text) return;
  const Written written{*entry.value};
  if (text->size() > rules::template_limit_bytes)
    return loading.reader.error(entry.value->place,
                                fmt::format("a template has at most {} bytes", rules::template_limit_bytes));
  const int key_column = entry.place.column;
  if (!is_harmless(loading, written, key_column)) return;
  kainjow::mustache::context<Text> nothing;
  kainjow::mustache::context_internal<Text> context{nothing};
  Component root;
  Text problem;
  const kainjow::mustache::parser<Text> parser{*text, context, root, problem};
  if (!problem.empty()) {
    // "Unclosed section "page" at 12": the number is a place in the template.
    const std::size_t at = problem.rfind(" at ");
    const std::size_t position = at == Text::npos ? 0 : std::strtoul(problem.c_str() + at + 4, nullptr, 10);
    return loading.reader.error(written.at(position, key_column), problem.substr(0, at));
  }
  check_words(loading, written, key_column, root);
  loading.result.policy.templates.push_back({entry.key, *text});
}

}  // namespace

void read_templates(Loading& loading, Section& top) {
  const Entry* const entry = top.take("templates");
  if (entry == nullptr) return;
  Section section(loading.reader, *entry->value, entry->place, "templates");
  for (const std::string_view channel : rules::template_channels)
    if (const Entry* const each = section.take(channel)) read_template(loading, *each);
}

}  // namespace config
