#include "rules/dictionary.hpp"

#include <cassert>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace rules {

std::size_t Dictionary::TextHash::operator()(std::string_view text) const noexcept {
  return XXH3_64bits(text.data(), text.size());
}

std::uint32_t Dictionary::hold(std::string_view text) {
  if (text.empty()) return 0;
  if (const auto found = index_.find(text); found != index_.end()) {
    ++entries_[found->second].references;
    return found->second;
  }
  std::uint32_t id = 0;
  if (free_.empty()) {
    id = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[id];
  entry.text = text;
  entry.references = 1;
  index_.emplace(entry.text, id);
  return id;
}

void Dictionary::release(std::uint32_t id) {
  if (id == 0) return;
  Entry& entry = entries_[id];
  assert(entry.references > 0);
  if (--entry.references > 0) return;
  index_.erase(std::string_view{entry.text});
  std::string{}.swap(entry.text);  // gives the memory back, which an assignment would keep
  free_.push_back(id);
}

StoredLabels Dictionary::hold(const Labels& labels) {
  StoredLabels stored;
  stored.reserve(labels.size());
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const LabelView label = labels[index];
    const std::uint32_t name = hold(label.name);
    stored.emplace_back(name, hold(label.value));
  }
  return stored;
}

void Dictionary::release(const StoredLabels& labels) {
  for (const auto& [name, value] : labels) {
    release(name);
    release(value);
  }
}

Labels Dictionary::labels(const StoredLabels& stored) const {
  std::size_t bytes = 0;
  for (const auto& [name, value] : stored) bytes += text(name).size() + text(value).size();
  Labels labels;
  labels.reserve(stored.size(), bytes);
  for (const auto& [name, value] : stored) labels.add(text(name), text(value));
  labels.seal(true);  // what was held comes back as it was
  return labels;
}

std::string_view Dictionary::find(const StoredLabels& stored, std::string_view name) const {
  for (const auto& [name_id, value_id] : stored)
    if (text(name_id) == name) return text(value_id);
  return {};
}

bool Dictionary::same(const StoredLabels& stored, const Labels& labels) const {
  if (stored.size() != labels.size()) return false;
  for (std::size_t index = 0; index < stored.size(); ++index) {
    const LabelView label = labels[index];
    if (text(stored[index].first) != label.name || text(stored[index].second) != label.value) return false;
  }
  return true;
}

}  // namespace rules
