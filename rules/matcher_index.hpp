// Finds, among many lists of matchers, those that match an alert, without asking each of them: a list that demands a
// label to equal a value is looked up by that label and value. What has no such matcher is asked every time.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "rules/labels.hpp"
#include "rules/matcher.hpp"

namespace rules {

// The matchers live elsewhere, longer than the index. Name is what a list is known by: small, copied, comparable.
template <class Name>
class MatcherIndex {
 public:
  void add(const std::vector<Matcher>& matchers, Name name) { bucket_of(matchers).push_back({&matchers, name}); }

  void remove(const std::vector<Matcher>& matchers, const Name& name) {
    std::vector<Entry>& bucket = bucket_of(matchers);
    std::erase_if(bucket, [&name](const Entry& entry) { return entry.name == name; });
  }

  void clear() {
    by_value_.clear();
    others_.clear();
  }

  // visit(name) for each list all of whose matchers match; in no order that means anything.
  template <class Visit>
  void for_each_match(const Labels& labels, Visit visit) const {
    if (!by_value_.empty()) {
      std::string key;
      for (std::size_t index = 0; index < labels.size(); ++index) {
        const LabelView label = labels[index];
        key.assign(label.name);
        key += '\xFF';
        key += label.value;
        const auto found = by_value_.find(key);
        if (found == by_value_.end()) continue;
        for (const Entry& entry : found->second) {
          if (all_match(*entry.matchers, labels)) visit(entry.name);
        }
      }
    }
    for (const Entry& entry : others_) {
      if (all_match(*entry.matchers, labels)) visit(entry.name);
    }
  }

 private:
  struct Entry {
    const std::vector<Matcher>* matchers;
    Name name;
  };

  // Under the longest value that must be there: the most particular one, as a rule.
  std::vector<Entry>& bucket_of(const std::vector<Matcher>& matchers) {
    const Matcher* best = nullptr;
    for (const Matcher& matcher : matchers) {
      if (matcher.op() != MatchOperator::equal || matcher.value().empty()) continue;
      if (best == nullptr || matcher.value().size() > best->value().size()) best = &matcher;
    }
    if (best == nullptr) return others_;
    return by_value_[best->name() + '\xFF' + best->value()];
  }

  boost::unordered_flat_map<std::string, std::vector<Entry>> by_value_;
  std::vector<Entry> others_;
};

}  // namespace rules
