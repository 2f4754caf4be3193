// A set of names with values, sorted by name, each name once: the labels or the annotations of an alert.
// Flat storage: one text and one list of spans, so that an alert costs two allocations and not twenty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/ids.hpp"

namespace rules {

struct LabelView {
  std::string_view name;
  std::string_view value;
  bool operator==(const LabelView&) const = default;
};

class Labels {
 public:
  Labels() = default;
  // Any order; of a name that comes twice the last one wins (Boost.JSON, Go and we agree on that); empty values are
  // dropped, since a missing label equals the empty string.
  explicit Labels(std::vector<std::pair<std::string, std::string>> pairs);

  // Appends one pair; call seal() after the last. For parsers, which must not build pairs first.
  void add(std::string_view name, std::string_view value);
  void reserve(std::size_t pairs, std::size_t bytes);
  void seal(bool keep_empty_values = false);

  [[nodiscard]] std::size_t size() const { return spans_.size(); }
  [[nodiscard]] bool empty() const { return spans_.empty(); }
  [[nodiscard]] LabelView operator[](std::size_t index) const { return view(spans_[index]); }
  [[nodiscard]] std::string_view find(std::string_view name) const;  // "" when absent
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] std::size_t bytes() const { return text_.size(); }

  bool operator==(const Labels& other) const;

 private:
  struct Span {
    std::uint32_t name;   // where the name begins in text_; the value follows it at once
    std::uint32_t value;  // where the value begins
    std::uint32_t end;    // where the value ends
    bool operator==(const Span&) const = default;
  };
  [[nodiscard]] LabelView view(const Span& span) const {
    const char* const text = text_.data();
    return {{text + span.name, span.value - span.name}, {text + span.value, span.end - span.value}};
  }
  [[nodiscard]] const Span* span_of(std::string_view name) const;  // null when absent; sealed labels only
  std::string text_;
  std::vector<Span> spans_;
};

// Alertmanager's own fingerprint: FNV-1a 64 over the sorted labels (name, 0xFF, value, 0xFF).
// Source: prometheus/common model.LabelSet.Fingerprint; checked against captured bodies.
[[nodiscard]] Fingerprint fingerprint_of(const Labels& labels);
[[nodiscard]] std::string hex(Fingerprint fingerprint);  // 16 hex digits

// The alert key: the labels less those that identity ignores. Order-free and seeded.
[[nodiscard]] AlertKey key_of(const Labels& labels, const std::vector<std::string>& ignore, std::uint64_t seed);
// The key of a problem that its sender has named itself (Report::native_key).
[[nodiscard]] AlertKey native_key_of(std::string_view native_key, std::uint64_t seed);

}  // namespace rules
