// A map in the order of its keys whose look-ups do not grow with it: a million nodes of a tree are twenty steps, most
// of which wait for memory; an index beside it takes one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>
#include <xxhash.h>

#include "rules/ids.hpp"

namespace rules {

// Ids grow by one: spread, so that neighbours do not crowd.
struct IdHash {
  using is_avalanching = void;
  template <class Tag>
  std::size_t operator()(Id<Tag> id) const noexcept {
    return XXH3_64bits(&id.value, sizeof id.value);
  }
};

// As std::map, as far as it goes: what is in it does not move, and is walked in order. Not copyable: the index points
// into it.
template <class Key, class Value>
class IndexedMap {
 public:
  using Map = std::map<Key, Value>;
  using key_type = typename Map::key_type;
  using mapped_type = typename Map::mapped_type;
  using value_type = typename Map::value_type;
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;

  IndexedMap() = default;
  IndexedMap(const IndexedMap&) = delete;
  IndexedMap& operator=(const IndexedMap&) = delete;
  IndexedMap(IndexedMap&& other) noexcept : map_(std::move(other.map_)), index_(std::move(other.index_)) {
    other.clear();
  }
  IndexedMap& operator=(IndexedMap&& other) noexcept {
    map_ = std::move(other.map_);
    index_ = std::move(other.index_);
    other.clear();
    return *this;
  }
  ~IndexedMap() = default;

  [[nodiscard]] iterator begin() { return map_.begin(); }
  [[nodiscard]] iterator end() { return map_.end(); }
  [[nodiscard]] const_iterator begin() const { return map_.begin(); }
  [[nodiscard]] const_iterator end() const { return map_.end(); }
  [[nodiscard]] auto rbegin() { return map_.rbegin(); }
  [[nodiscard]] auto rend() { return map_.rend(); }
  [[nodiscard]] auto rbegin() const { return map_.rbegin(); }
  [[nodiscard]] auto rend() const { return map_.rend(); }
  [[nodiscard]] std::size_t size() const { return map_.size(); }
  [[nodiscard]] bool empty() const { return map_.empty(); }
  [[nodiscard]] iterator lower_bound(Key key) { return map_.lower_bound(key); }
  [[nodiscard]] const_iterator lower_bound(Key key) const { return map_.lower_bound(key); }
  [[nodiscard]] const_iterator upper_bound(Key key) const { return map_.upper_bound(key); }

  [[nodiscard]] iterator find(Key key) {
    const auto found = index_.find(key);
    return found == index_.end() ? map_.end() : found->second;
  }
  [[nodiscard]] const_iterator find(Key key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? map_.end() : const_iterator{found->second};
  }
  [[nodiscard]] bool contains(Key key) const { return index_.contains(key); }
  [[nodiscard]] Value& at(Key key) { return found_at(index_, key)->second; }
  [[nodiscard]] const Value& at(Key key) const { return found_at(index_, key)->second; }

  Value& operator[](Key key) {
    const iterator found = find(key);
    return found != end() ? found->second : emplace(key, Value{}).first->second;
  }
  std::pair<iterator, bool> emplace(Key key, Value value) {
    if (const iterator found = find(key); found != end()) return {found, false};
    const iterator made = map_.emplace_hint(map_.end(), key, std::move(value));  // an id is newer than all before it
    index_.emplace(key, made);
    return {made, true};
  }

  // The hint is not needed; it is there so that whoever fills a map can fill this one.
  iterator insert_or_assign(const_iterator /*hint*/, Key key, Value value) {
    const iterator at = emplace(key, Value{}).first;
    at->second = std::move(value);
    return at;
  }

  iterator erase(const_iterator at) {
    index_.erase(at->first);
    return map_.erase(at);
  }
  std::size_t erase(Key key) {
    const iterator found = find(key);
    if (found == end()) return 0;
    erase(found);
    return 1;
  }
  void clear() {
    map_.clear();
    index_.clear();
  }

 private:
  using Index = boost::unordered_flat_map<Key, iterator, IdHash>;

  template <class Of>
  static iterator found_at(Of& index, Key key) {
    const auto found = index.find(key);
    if (found == index.end()) throw std::out_of_range{"no such id"};
    return found->second;
  }

  Map map_;
  Index index_;
};

}  // namespace rules
