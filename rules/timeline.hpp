// The because of one incident, in order: at most max_reasons_kept, packed into one text. Incidents have hundreds of
// thousands of them together, most of which nobody reads: a line costs its own bytes and no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "rules/reason.hpp"

namespace rules {

inline constexpr std::size_t max_reasons_kept = 500;

/// Not thread-safe. Texts beyond 4 GiB are not for it.
class Timeline {
 public:
  using value_type = Reason;

  /// Unpacks as it goes. Good until the timeline changes.
  class const_iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = Reason;
    using pointer = const Reason*;
    using reference = Reason;

    const_iterator() = default;
    explicit const_iterator(const char* at) : at_{at} {}
    Reason operator*() const;
    const_iterator& operator++();
    const_iterator operator++(int) {
      const const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    const char* at_{};
  };

  Timeline() = default;
  Timeline(std::initializer_list<Reason> reasons);

  /// When it is full the oldest go, but for the first: the beginning tells what it is, the end where it stands.
  void add(Instant at, ReasonKind kind, std::string_view rule, std::string_view saw);
  void push_back(const Reason& reason) { add(reason.at, reason.kind, reason.rule, reason.saw); }
  void clear();

  /// Keeps those of the kinds that the predicate is true of, and gives the memory of the others back.
  template <class Predicate>
  void keep(Predicate is_kept) {
    Timeline kept;
    for (const Reason& reason : *this) {
      if (is_kept(reason.kind)) kept.push_back(reason);
    }
    kept.packed_.shrink_to_fit();
    *this = std::move(kept);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const_iterator begin() const { return const_iterator{packed_.data()}; }
  [[nodiscard]] const_iterator end() const { return const_iterator{packed_.data() + packed_.size()}; }
  [[nodiscard]] std::vector<Reason> reasons() const { return {begin(), end()}; }
  bool operator==(const Timeline&) const = default;

 private:
  std::string packed_;  // each: a Head, then both texts
  std::size_t size_{};
};

}  // namespace rules
