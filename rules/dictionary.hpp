// Strings that come again and again, kept once. Labels of held alerts are pairs of numbers into it.
// Ids are reused when the last reference goes; nothing that leaves the engine may depend on their values.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "rules/labels.hpp"

namespace rules {

// (name id, value id), in the labels' own order: sorted by name.
using StoredLabels = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;  // its index looks into its own strings
  Dictionary& operator=(const Dictionary&) = delete;
  Dictionary(Dictionary&&) noexcept = default;
  Dictionary& operator=(Dictionary&&) noexcept = default;

  // One more reference to this string; 0 is the empty string and is never counted.
  std::uint32_t hold(std::string_view text);
  void release(std::uint32_t id);
  // Valid until the last release of the id.
  [[nodiscard]] std::string_view text(std::uint32_t id) const { return entries_[id].text; }

  [[nodiscard]] StoredLabels hold(const Labels& labels);
  void release(const StoredLabels& labels);
  [[nodiscard]] Labels labels(const StoredLabels& stored) const;
  [[nodiscard]] std::string_view find(const StoredLabels& stored, std::string_view name) const;
  [[nodiscard]] bool same(const StoredLabels& stored, const Labels& labels) const;

  [[nodiscard]] std::size_t size() const { return index_.size(); }

 private:
  struct Entry {
    std::string text;
    std::uint32_t references{};
  };
  std::deque<Entry> entries_{1};  // a deque: a string never moves, so the index may look into it
  std::vector<std::uint32_t> free_;
  struct TextHash {
    using is_avalanching = void;
    std::size_t operator()(std::string_view text) const noexcept;
  };
  boost::unordered_flat_map<std::string_view, std::uint32_t, TextHash> index_;
};

}  // namespace rules
