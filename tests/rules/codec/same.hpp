// Whether two values are equal in every field that the codec lists, without going through bytes. Within states,
// texts are compared as texts and deadlines as what they are due for, since ids and slots depend on history.
#pragma once

#include <memory>
#include <type_traits>
#include <variant>

#include "rules/codec/archive.hpp"

namespace codec {

class Same {
 public:
  Same() = default;
  Same(const rules::State& left, const rules::State& right) : left_(&left), right_(&right) {}

  template <class Type>
  bool operator()(const Type& left, const Type& right) const {
    if constexpr (std::is_same_v<Type, rules::StoredLabels>) {
      return left_->dictionary.labels(left) == right_->dictionary.labels(right);
    } else if constexpr (std::is_same_v<Type, rules::DeadlineId>) {
      return left_->deadlines.find(left) == right_->deadlines.find(right);
    } else if constexpr (std::is_same_v<Type, rules::Deadlines>) {
      return left.in_order() == right.in_order() && left.next_armed() == right.next_armed();
    } else if constexpr (std::is_same_v<Type, rules::KnownEnd>) {
      return (*this)(left.ends_at, right.ends_at) && (*this)(left.arrived_at, right.arrived_at) &&
             (*this)(left.deadline, right.deadline) && (*this)(left.set_aside, right.set_aside);
    } else if constexpr (std::is_same_v<Type, rules::SetAside>) {
      return (*this)(left.report, right.report) && left.source == right.source && left.form == right.form;
    } else if constexpr (detail::is_key_map<Type>) {
      return left.size() == right.size() && std::all_of(left.begin(), left.end(), [&](const auto& one) {
               const auto other = right.find(one.first);
               return other != right.end() && (*this)(one.second, other->second);
             });
    } else if constexpr (detail::is_of<Type, std::optional> || detail::is_of<Type, std::shared_ptr>) {
      return !left == !right && (!left || (*this)(*left, *right));
    } else if constexpr (detail::is_of<Type, std::pair>) {
      return (*this)(left.first, right.first) && (*this)(left.second, right.second);
    } else if constexpr (detail::is_list<Type> || detail::is_map<Type>) {
      return std::equal(left.begin(), left.end(), right.begin(), right.end(), *this);
    } else if constexpr (detail::is_of<Type, std::variant>) {
      const auto against = [&]<class Alternative>(const Alternative& one) {
        const Alternative* const other = std::get_if<Alternative>(&right);
        return other != nullptr && (*this)(one, *other);
      };
      return std::visit(against, left);
    } else if constexpr (Listed<Type>) {
      const auto same_field = [&]<class Entry>(const Entry& entry) {
        if constexpr (Entry::number == 0)
          return true;
        else if constexpr (Entry::kind == Kind::dictionary_text)
          return left_->dictionary.text(left.*entry.member) == right_->dictionary.text(right.*entry.member);
        else
          return (*this)(left.*entry.member, right.*entry.member);
      };
      return std::apply([&](const auto&... entries) { return (same_field(entries) && ...); }, Listing<Type>::fields);
    } else {
      return left == right;
    }
  }

 private:
  const rules::State* left_ = nullptr;
  const rules::State* right_ = nullptr;
};

}  // namespace codec
