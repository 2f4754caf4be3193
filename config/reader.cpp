#include "config/reader.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "config/keys.hpp"
#include "config/words.hpp"

namespace config {

namespace {

constexpr std::size_t most_problems = 1000;

std::string_view name_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "nothing";
    case NodeKind::scalar:
      return "a single value";
    case NodeKind::list:
      return "a list";
    case NodeKind::map:
      return "a map";
  }
  return "nothing";
}

// `{{ .x }}` without quotes is a map in a map for YAML; document.cpp has said so already.
bool looks_like_template(const Node& node) {
  return node.kind == NodeKind::map && node.is_flow && node.entries.empty();
}

}  // namespace

void Reader::error(Place place, std::string_view message) {
  problems_.push_back({Severity::error, file_, place.line, place.column, all_seen(message)});
}

void Reader::warning(Place place, std::string_view message) {
  problems_.push_back({Severity::warning, file_, place.line, place.column, all_seen(message)});
}

void Reader::note_use(Place place, const std::string& path) {
  if (acts_on(path) || !noted_.insert(path).second) return;
  warning(place, fmt::format("`{}` is read and checked; nothing acts on it yet", path));
}

void Reader::add(std::vector<Problem> problems) {
  for (Problem& problem : problems) problems_.push_back(std::move(problem));
}

bool Reader::has_errors() const {
  return std::any_of(
      problems_.begin(), problems_.end(), [](const Problem& problem) { return problem.severity == Severity::error; });
}

bool Reader::is_full() const {
  return problems_.size() > 10 * most_problems;
}

std::vector<Problem> Reader::sorted() {
  const auto rank = [](const Problem& problem) { return std::tie(problem.line, problem.column); };
  std::stable_sort(problems_.begin(), problems_.end(), [&rank](const Problem& left, const Problem& right) {
    return rank(left) < rank(right);
  });
  // Aliases lead to the same place more than once.
  std::vector<Problem> unique;
  for (Problem& problem : problems_) {
    const bool is_known =
        std::any_of(unique.rbegin(), unique.rend(), [&problem](const Problem& other) { return other == problem; });
    if (!is_known) unique.push_back(std::move(problem));
    if (unique.size() < most_problems) continue;
    unique.push_back(
        {Severity::error, file_, unique.back().line, unique.back().column, "too many errors; the rest is left out"});
    break;
  }
  return unique;
}

std::optional<std::string> Reader::text(const Node& node, Place place, std::string_view what) {
  if (node.kind == NodeKind::null) {
    error(place, fmt::format("`{}` has no value", what));
    return std::nullopt;
  }
  if (node.kind != NodeKind::scalar) {
    if (!looks_like_template(node))
      error(node.place, fmt::format("`{}` takes a single value, not {}", what, name_of(node)));
    return std::nullopt;
  }
  if (node.text.empty()) {
    error(node.place, fmt::format("`{}` is empty", what));
    return std::nullopt;
  }
  return node.text;
}

Section::Section(Reader& reader, const Node& node, Place owner, std::string path)
    : reader_(reader), node_(node), owner_(owner), path_(std::move(path)), is_map_(node.kind == NodeKind::map) {
  if (is_map_) return;
  const std::string_view last = std::string_view(path_).substr(path_.rfind('.') + 1);
  const std::string subject = path_.empty() ? "the file" : fmt::format("`{}`", last);
  reader_.error(node.kind == NodeKind::null ? owner : node.place,
                fmt::format("{} takes a map of keys and values, not {}", subject, name_of(node)));
}

Section::~Section() {
  if (!is_map_ || takes_all_) return;
  for (const Entry& entry : node_.entries) {
    if (reader_.is_full()) return;
    if (std::find(taken_.begin(), taken_.end(), entry.key) != taken_.end()) continue;
    const std::string as_file = entry.key + "_file";
    if (std::find(taken_.begin(), taken_.end(), as_file) != taken_.end()) {
      reader_.error(entry.place,
                    fmt::format("secrets are not written here: put it into a file and name that with `{}`", as_file));
      continue;
    }
    std::string hint = did_you_mean(entry.key, taken_);
    constexpr std::size_t most_listed = 12;
    if (hint.empty() && !taken_.empty() && taken_.size() <= most_listed) {
      std::vector<std::string> known;
      for (const std::string& key : taken_) {
        const std::string name = "`" + key + "`";
        if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
      }
      hint = "; known here: " + listed(known);
    }
    reader_.error(entry.place, fmt::format("unknown key {}{}", shown(entry.key), hint));
  }
}

const Entry* Section::take(std::string_view key) {
  taken_.emplace_back(key);
  if (!is_map_) return nullptr;
  const auto found =
      std::find_if(node_.entries.begin(), node_.entries.end(), [key](const Entry& entry) { return entry.key == key; });
  if (found == node_.entries.end()) return nullptr;
  reader_.note_use(found->place, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
  if (found->value->kind == NodeKind::null) {
    reader_.error(found->place, fmt::format("`{}` has no value; leave the key out, or give it one", key));
    return nullptr;
  }
  return &*found;
}

const Entry* Section::need(std::string_view key) {
  const Entry* const found = take(key);
  if (found != nullptr || !is_map_) return found;
  const bool is_there =
      std::any_of(node_.entries.begin(), node_.entries.end(), [key](const Entry& entry) { return entry.key == key; });
  if (!is_there) reader_.error(owner_, fmt::format("`{}` is missing{}", key, path_.empty() ? "" : " here"));
  return nullptr;
}

std::vector<const Entry*> Section::named() {
  takes_all_ = true;
  std::vector<const Entry*> found;
  for (const Entry& entry : node_.entries) {
    const Result<std::string> name = parse_name(entry.key);
    if (name)
      found.push_back(&entry);
    else
      reader_.error(entry.place, name.error());
  }
  return found;
}

std::optional<std::string> Section::text(std::string_view key) {
  const Entry* const entry = take(key);
  return entry != nullptr ? reader_.text(*entry->value, entry->place, key) : std::nullopt;
}

std::optional<std::string> Section::needed_text(std::string_view key) {
  const Entry* const entry = need(key);
  return entry != nullptr ? reader_.text(*entry->value, entry->place, key) : std::nullopt;
}

// Text without quotes: what YAML would call a number or a boolean.
std::optional<std::string> Section::plain(const Entry& entry, std::string_view what) {
  std::optional<std::string> found = reader_.text(*entry.value, entry.place, entry.key);
  if (!found || !entry.value->is_quoted) return found;
  reader_.error(entry.value->place, fmt::format("`{}` takes {} without quotes", entry.key, what));
  return std::nullopt;
}

std::optional<bool> Section::boolean(std::string_view key) {
  const Entry* const entry = take(key);
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> found = plain(*entry, "true or false");
  if (!found) return std::nullopt;
  const Result<bool> value = parse_boolean(*found);
  if (value) return *value;
  reader_.error(entry->value->place, fmt::format("`{}`: {}", key, value.error()));
  return std::nullopt;
}

std::optional<std::uint32_t> Section::count(std::string_view key, std::uint32_t least, std::uint32_t most) {
  const Entry* const entry = take(key);
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> found = plain(*entry, "a number");
  if (!found) return std::nullopt;
  const Result<std::uint64_t> value = parse_count(*found);
  if (!value) {
    reader_.error(entry->value->place, fmt::format("`{}`: {}", key, value.error()));
    return std::nullopt;
  }
  if (*value < least || *value > most) {
    reader_.error(entry->value->place,
                  fmt::format("`{}` must be from {} to {}, not {}", key, least, most, shown(*found)));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*value);
}

std::optional<rules::Duration> Section::duration(std::string_view key, Zero zero) {
  const Entry* const entry = take(key);
  if (entry == nullptr) return std::nullopt;
  const std::optional<rules::Duration> found = parsed(*entry, parse_wait);
  if (!found || *found != rules::Duration::zero() || zero == Zero::is_fine) return found;
  reader_.error(entry->value->place, fmt::format("`{}` must be longer than nothing", key));
  return std::nullopt;
}

std::optional<std::vector<Placed<std::string>>> Section::texts(std::string_view key) {
  const Entry* const entry = take(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->value->kind != NodeKind::list) {
    reader_.error(entry->value->place,
                  fmt::format("`{}` takes a list, as in [a, b], not {}", key, name_of(*entry->value)));
    return std::nullopt;
  }
  std::vector<Placed<std::string>> found;
  for (const Node* const item : entry->value->items)
    if (std::optional<std::string> each = reader_.text(*item, item->place, key))
      found.push_back({*std::move(each), item->place});
  return found;
}

std::optional<std::size_t> Section::choice(std::string_view key, const std::vector<std::string>& words) {
  const Entry* const entry = take(key);
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> found = reader_.text(*entry->value, entry->place, key);
  if (!found) return std::nullopt;
  const auto place = std::find(words.begin(), words.end(), *found);
  if (place != words.end()) return static_cast<std::size_t>(place - words.begin());
  reader_.error(
      entry->value->place,
      fmt::format("`{}` is one of {}, not {}{}", key, listed(words), shown(*found), did_you_mean(*found, words)));
  return std::nullopt;
}

std::vector<const Node*> items(Reader& reader, const Entry& entry) {
  if (entry.value->kind == NodeKind::list) return entry.value->items;
  reader.error(entry.value->place, fmt::format("`{}` takes a list, not {}", entry.key, name_of(*entry.value)));
  return {};
}

}  // namespace config
