#include "config/load.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "config/loading.hpp"
#include "config/zone_file.hpp"

namespace config {

namespace {

constexpr std::string_view default_zoneinfo = "/usr/share/zoneinfo";

const Node* child(const Node& node, std::string_view key) {
  if (node.kind != NodeKind::map) return nullptr;
  const auto found =
      std::find_if(node.entries.begin(), node.entries.end(), [key](const Entry& entry) { return entry.key == key; });
  return found != node.entries.end() ? found->value : nullptr;
}

std::vector<std::string> keys_of(const Node* node) {
  std::vector<std::string> keys;
  if (node == nullptr || node->kind != NodeKind::map) return keys;
  for (const Entry& entry : node->entries) keys.push_back(entry.key);
  return keys;
}

// The `name` of each item of a list.
std::vector<std::string> names_in(const Node* node) {
  std::vector<std::string> names;
  if (node == nullptr || node->kind != NodeKind::list) return names;
  for (const Node* const item : node->items) {
    const Node* const name = child(*item, "name");
    if (name != nullptr && name->kind == NodeKind::scalar) names.push_back(name->text);
  }
  return names;
}

Names names_of(const Node& root) {
  Names names;
  names.people = keys_of(child(root, "people"));
  names.rotations = keys_of(child(root, "rotations"));
  names.specialists = keys_of(child(root, "specialists"));
  names.call_trees = keys_of(child(root, "call_trees"));
  names.services = keys_of(child(root, "services"));
  names.time_intervals = keys_of(child(root, "time_intervals"));
  names.channels = keys_of(child(root, "channels"));
  names.senders = names_in(child(root, "sources"));
  if (const Node* const access = child(root, "access"))
    for (std::string& sender : names_in(child(*access, "senders"))) names.senders.push_back(std::move(sender));
  return names;
}

// People, rotations and specialists share one namespace, so that `call:` is unambiguous.
void check_shared_names(const Node& root, Reader& reader) {
  std::map<std::string, std::vector<std::pair<Place, std::string_view>>> found;
  for (const auto& [key, kind] : {std::pair<std::string_view, std::string_view>{"people", "a person"},
                                  {"rotations", "a rotation"},
                                  {"specialists", "a group of specialists"}}) {
    const Node* const section = child(root, key);
    if (section == nullptr) continue;
    for (const Entry& entry : section->entries) found[entry.key].emplace_back(entry.place, kind);
  }
  for (auto& [name, places] : found) {
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      reader.error(places[i].first,
                   fmt::format("{} is already {} (line {}); people, rotations and specialists share their names",
                               shown(name),
                               places.front().second,
                               places.front().first.line));
  }
}

std::vector<std::string> system_zones(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::recursive_directory_iterator walk(folder, error);
  const std::filesystem::recursive_directory_iterator end;
  for (; !error && walk != end; walk.increment(error)) {
    const std::string name = std::filesystem::path(*walk).lexically_relative(folder).string();
    const bool is_copy = name == "posix" || name == "right";
    if (is_copy) walk.disable_recursion_pending();
    if (!is_copy && name.find('.') == std::string::npos && !std::filesystem::is_directory(*walk, error))
      names.push_back(name);
  }
  // The shortest first: "Europe/Kiev" and not "posixrules" when both are as near.
  std::sort(names.begin(), names.end());
  return names;
}

template <class Item>
void sort_by(std::vector<Item>& list, std::string Item::* key) {
  std::sort(list.begin(), list.end(), [key](const Item& left, const Item& right) { return left.*key < right.*key; });
}

void sort_lists(rules::Policy& policy) {
  sort_by(policy.people, &rules::Person::id);
  sort_by(policy.rotations, &rules::Rotation::id);
  sort_by(policy.specialists, &rules::Specialists::id);
  sort_by(policy.call_trees, &rules::CallTree::id);
  sort_by(policy.services, &rules::Service::id);
  sort_by(policy.channels, &rules::Channel::name);
  sort_by(policy.zones, &rules::Zone::name);
  sort_by(policy.time_intervals, &rules::TimeInterval::id);
  sort_by(policy.heartbeats, &rules::Heartbeat::id);
  sort_by(policy.sources, &rules::SourceSettings::id);
}

void read_version(Section& top, Reader& reader) {
  const Entry* const entry = top.need("rouse");
  if (entry == nullptr) return;
  const std::optional<std::string> version = reader.text(*entry->value, entry->place, "rouse");
  if (version && *version != "1")
    reader.error(entry->value->place,
                 fmt::format("`rouse` is the version of this format; 1 is known here, not {}", shown(*version)));
}

}  // namespace

std::vector<std::string> Names::targets() const {
  std::vector<std::string> all = people;
  all.insert(all.end(), rotations.begin(), rotations.end());
  all.insert(all.end(), specialists.begin(), specialists.end());
  return all;
}

std::optional<rules::Target> Names::target(std::string_view name) const {
  if (contains(people, name)) return rules::Target{rules::TargetKind::person, std::string(name)};
  if (contains(rotations, name)) return rules::Target{rules::TargetKind::rotation, std::string(name)};
  if (contains(specialists, name)) return rules::Target{rules::TargetKind::specialists, std::string(name)};
  return std::nullopt;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Loading::check_name(std::string_view name,
                         Place place,
                         const std::vector<std::string>& names_there,
                         std::string_view what) {
  if (contains(names_there, name)) return true;
  reader.error(place, fmt::format("no {} is called {}{}", what, shown(name), did_you_mean(name, names_there)));
  return false;
}

std::optional<std::string> Loading::zone(Section& section) {
  const Entry* const entry = section.take("timezone");
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> name = reader.text(*entry->value, entry->place, "timezone");
  if (!name) return std::nullopt;
  if (const auto known = zones.find(*name); known != zones.end() && known->second) return name;
  tl::expected<rules::Zone, std::string> read = *name == "UTC" ? rules::utc() : read_zone(*name, options.zoneinfo);
  zones[*name] = read.has_value();
  if (read) {
    read->name = *name;
    result.policy.zones.push_back(*std::move(read));
    return name;
  }
  if (zone_names.empty()) zone_names = system_zones(options.zoneinfo);
  const std::string hint = contains(zone_names, *name) ? "" : did_you_mean(*name, zone_names);
  reader.error(entry->value->place, read.error() + hint);
  return std::nullopt;
}

std::string Loading::secret(std::optional<std::string> file) const {
  if (!file) return "";
  const std::filesystem::path path(*file);
  if (options.secrets_folder.empty() || path.is_absolute()) return *file;
  return (options.secrets_folder / path).lexically_normal().string();
}

std::optional<rules::Target> Loading::target(std::string_view name, Place place) {
  std::optional<rules::Target> found = names.target(name);
  if (!found)
    reader.error(
        place,
        fmt::format(
            "no rotation, person or specialists is called {}{}", shown(name), did_you_mean(name, names.targets())));
  return found;
}

std::vector<rules::Target> Loading::targets(const Entry& entry) {
  std::vector<rules::Target> found;
  const auto add = [this, &found, &entry](const Node& node) {
    const std::optional<std::string> name = reader.text(node, entry.place, entry.key);
    if (!name) return;
    const std::optional<rules::Target> each = target(*name, node.place);
    if (!each) return;
    if (std::find(found.begin(), found.end(), *each) != found.end())
      reader.error(node.place, fmt::format("{} is named twice", shown(*name)));
    found.push_back(*each);
  };
  if (entry.value->kind != NodeKind::list) {
    add(*entry.value);
    return found;
  }
  if (entry.value->items.empty()) reader.error(entry.value->place, fmt::format("`{}` names nobody", entry.key));
  for (const Node* const item : entry.value->items) add(*item);
  return found;
}

std::vector<rules::Matcher> Loading::matchers(const Entry& entry) {
  std::vector<rules::Matcher> found;
  const std::vector<const Node*> list = items(reader, entry);
  if (entry.value->kind == NodeKind::list && list.empty())
    reader.error(entry.value->place, fmt::format("`{}` is empty", entry.key));
  for (const Node* const item : list) {
    if (item->kind == NodeKind::map) {
      reader.error(item->place,
                   "a matcher is one text such as severity = critical; with braces in it, quote the whole");
      continue;
    }
    const std::optional<std::string> text = reader.text(*item, item->place, entry.key);
    if (!text) continue;
    tl::expected<std::vector<rules::Matcher>, std::string> parsed = rules::parse_matchers(*text);
    if (!parsed) {
      const bool is_cut = !item->is_quoted && entry.value->is_flow && std::count(text->begin(), text->end(), '"') == 1;
      reader.error(
          item->place,
          parsed.error() + (is_cut ? "; within [ ] a comma ends it: put the whole matcher in single quotes" : ""));
      continue;
    }
    found.insert(found.end(), std::make_move_iterator(parsed->begin()), std::make_move_iterator(parsed->end()));
  }
  return found;
}

std::optional<std::vector<std::string>> Loading::distinct(Section& section, std::string_view key) {
  const std::optional<std::vector<Placed<std::string>>> found = section.texts(key);
  if (!found) return std::nullopt;
  std::vector<std::string> values;
  for (const Placed<std::string>& each : *found) {
    if (contains(values, each.value))
      reader.error(each.place, fmt::format("{} is named twice", shown(each.value)));
    else
      values.push_back(each.value);
  }
  return values;
}

Loaded load(std::string_view text, const std::string& file_name, const LoadOptions& options) {
  Document document = read_document(text, file_name);
  if (document.root == nullptr) return tl::make_unexpected(std::move(document.problems));
  Reader reader(file_name);
  reader.add(std::move(document.problems));
  Configuration result;
  {
    Loading loading{reader, options, names_of(*document.root), result};
    Section top(reader, *document.root, {}, "");
    read_version(top, reader);
    check_shared_names(*document.root, reader);
    read_settings(loading, top);
    read_channels(loading, top);
    read_people(loading, top);
    read_rules(loading, top);
    read_templates(loading, top);
  }
  const bool is_wrong = reader.has_errors();
  std::vector<Problem> problems = reader.sorted();
  if (is_wrong) return tl::make_unexpected(std::move(problems));
  result.warnings = std::move(problems);
  result.policy.public_url = result.settings.server.public_url;
  sort_lists(result.policy);
  return result;
}

Loaded load_file(const std::filesystem::path& path, LoadOptions options) {
  const auto refused = [&path](std::string why) {
    return tl::make_unexpected(std::vector<Problem>{{Severity::error, path.string(), 1, 1, std::move(why)}});
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) return refused("this is a folder, not a file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return refused(fmt::format("cannot be opened: {}", std::system_category().message(errno)));
  // One byte more than is allowed, so that load() sees that it is too much; devices may have no end.
  std::string text(file_limit_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return refused("cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));

  if (options.secrets_folder.empty()) {
    const char* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
    options.secrets_folder = credentials != nullptr && *credentials != '\0'
                                 ? std::filesystem::path(credentials)
                                 : std::filesystem::absolute(path, error).parent_path();
  }
  const char* const zones = std::getenv("TZDIR");
  if (options.zoneinfo == default_zoneinfo && zones != nullptr && *zones != '\0') options.zoneinfo = zones;
  return load(text, path.string(), options);
}

}  // namespace config
