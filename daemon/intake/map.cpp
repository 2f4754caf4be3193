#include "daemon/intake/map.hpp"

#include <algorithm>
#include <charconv>

namespace intake {
namespace {

// RFC 6901: "0" or digits that begin with none.
std::optional<std::size_t> index_of(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, index);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return index;
}

std::string unescaped(std::string_view text) {
  std::string name;
  for (std::size_t position = 0; position < text.size(); ++position) {
    const bool is_escape = text[position] == '~' && position + 1 < text.size();
    if (!is_escape) {
      name += text[position];
    } else {
      name += text[++position] == '1' ? '/' : '~';
    }
  }
  return name;
}

std::vector<Map::Step> steps_of(std::string_view pointer) {
  std::vector<Map::Step> steps;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // a pointer that is not empty begins with a slash, as does each of its steps
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    steps.push_back({.name = unescaped(step), .index = index_of(step)});
    pointer.remove_prefix(step.size());
  }
  return steps;
}

bool is_among(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Map::Map(const rules::FieldMap& fields)
    : each_{steps_of(fields.each)},
      constants_{fields.constants},
      has_status_{!fields.status.empty()},
      firing_{fields.firing},
      resolved_{fields.resolved} {
  for (const auto& [name, pointer] : fields.labels) want(pointer, Part::label, name);
  for (const auto& [name, pointer] : fields.annotations) want(pointer, Part::annotation, name);
  if (has_status_) want(fields.status, Part::status, {});
  if (!fields.starts_at.empty()) want(fields.starts_at, Part::starts_at, {});
  if (!fields.ends_at.empty()) want(fields.ends_at, Part::ends_at, {});
}

void Map::want(std::string_view pointer, Part part, std::string_view name) {
  std::size_t node = 0;
  for (Step& step : steps_of(pointer)) {
    auto& children = nodes_[node].children;
    const auto found = std::find_if(
        children.begin(), children.end(), [&step](const auto& child) { return child.first.name == step.name; });
    if (found != children.end()) {
      node = found->second;
      continue;
    }
    const std::size_t made = nodes_.size();
    children.emplace_back(std::move(step), made);
    nodes_.emplace_back();
    node = made;
  }
  nodes_[node].wanted.push_back(wanted_.size());
  wanted_.push_back({.part = part, .name = std::string{name}});
}

std::optional<rules::ReportStatus> Map::status_of(std::string_view text) const {
  if (is_among(firing_, text)) return rules::ReportStatus::firing;
  if (is_among(resolved_, text)) return rules::ReportStatus::resolved;
  if (firing_.empty()) return rules::ReportStatus::firing;
  return std::nullopt;
}

}  // namespace intake
