#include <utility>

#include <fmt/format.h>

#include "config/loading.hpp"

namespace config {

namespace {

using Zero = Section::Zero;

// Pointers by name.
std::vector<std::pair<std::string, std::string>> read_pointers(Loading& loading, const Entry& entry, std::string of) {
  std::vector<std::pair<std::string, std::string>> pointers;
  Section places(loading.reader, *entry.value, entry.place, std::move(of));
  for (const Entry* const each : places.named())
    if (const auto text = loading.reader.text(*each->value, each->place, each->key)) {
      const Result<std::string> pointer = parse_pointer(*text);
      if (pointer)
        pointers.emplace_back(each->key, *pointer);
      else
        loading.reader.error(each->value->place, pointer.error());
    }
  return pointers;
}

rules::FieldMap read_mapping(Loading& loading, const Entry& entry) {
  Section section(loading.reader, *entry.value, entry.place, "sources.map");
  rules::FieldMap map;
  map.each = section.parsed("each", parse_pointer).value_or("");
  if (const Entry* const labels = section.need("labels")) {
    map.labels = read_pointers(loading, *labels, "sources.map.labels");
    if (labels->value->kind == NodeKind::map && labels->value->entries.empty())
      loading.reader.error(labels->value->place, "`labels` is empty; an alert needs at least one");
  }
  if (const Entry* const status = section.take("status")) {
    Section each(loading.reader, *status->value, status->place, "sources.map.status");
    map.status = each.needed("at", parse_pointer).value_or("");
    map.firing = words_of(each, "firing").value_or(std::vector<std::string>());
    map.resolved = words_of(each, "resolved").value_or(std::vector<std::string>());
    if (each.is_map() && map.firing.empty() && map.resolved.empty())
      loading.reader.error(status->place, "`status` says which values are `firing`, which are `resolved`, or both");
    for (const std::string& word : map.resolved)
      if (contains(map.firing, word))
        loading.reader.error(status->place, fmt::format("{} cannot be both firing and resolved", shown(word)));
  }
  if (const Entry* const annotations = section.take("annotations"))
    map.annotations = read_pointers(loading, *annotations, "sources.map.annotations");
  if (const Entry* const constants = section.take("constants")) {
    Section values(loading.reader, *constants->value, constants->place, "sources.map.constants");
    for (const Entry* const each : values.named())
      if (auto text = loading.reader.text(*each->value, each->place, each->key))
        map.constants.emplace_back(each->key, *std::move(text));
  }
  map.starts_at = section.parsed("starts_at", parse_pointer).value_or("");
  map.ends_at = section.parsed("ends_at", parse_pointer).value_or("");
  return map;
}

// How Grafana signs what it posts.
std::vector<std::pair<std::string, std::string>> read_signature(Loading& loading, const Entry& entry) {
  std::vector<std::pair<std::string, std::string>> settings;
  Section section(loading.reader, *entry.value, entry.place, "sources.grafana");
  if (auto file = section.needed_text("secret_file"))
    settings.emplace_back("secret_file", loading.secret(*std::move(file)));
  for (const char* const key : {"header", "timestamp_header"})
    if (auto name = section.text(key)) settings.emplace_back(key, *std::move(name));
  return settings;
}

}  // namespace

void read_sources(Loading& loading, Section& top) {
  const Entry* const entry = top.take("sources");
  if (entry == nullptr) return;
  std::vector<std::string> names;
  for (const Node* const item : items(loading.reader, *entry)) {
    Section each(loading.reader, *item, item->place, "sources");
    rules::SourceSettings source;
    source.id = each.needed("name", parse_name).value_or("");
    source.alertmanager =
        each.parsed("alertmanager", [](std::string_view text) { return parse_url(text, {"http", "https"}); })
            .value_or("");
    source.every = each.duration("every", Zero::is_wrong).value_or(source.every);
    if (const Entry* const map = each.take("map")) source.map = read_mapping(loading, *map);
    if (const Entry* const grafana = each.take("grafana")) source.signature = read_signature(loading, *grafana);
    const bool is_reserved = source.id == "alertmanager" || source.id == "grafana";
    if (is_reserved && source.map)
      loading.reader.error(item->place, fmt::format("{} is the name of a format that is built in", shown(source.id)));
    if (!source.id.empty()) check_unique(loading, names, source.id, item->place);
    loading.result.policy.sources.push_back(std::move(source));
  }
}

}  // namespace config
