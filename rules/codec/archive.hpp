// Values to bytes and back, for whatever fields.hpp lists. Included by the .cpp files of the codec only.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>
#include <tl/expected.hpp>

#include "rules/codec/field.hpp"
#include "rules/codec/fields.hpp"
#include "rules/codec/wire.hpp"

namespace codec {

/// What the parts of a state name by numbers that depend on its history, and the numbers that stand for them in bytes.
struct SavedNames {
  const rules::State& state;
  std::vector<std::string_view> texts;   // place + 1 = number; 0 is the empty text
  std::vector<std::uint32_t> number_of;  // by id of the dictionary; 0 = none yet
  [[nodiscard]] std::uint64_t number(std::uint32_t id);
  [[nodiscard]] std::uint64_t number(rules::DeadlineId id) const;
};

struct RestoredNames {
  rules::State& state;
  std::vector<std::string_view> texts;                                    // into the bytes being read
  boost::unordered_flat_map<std::uint64_t, rules::DeadlineId> deadlines;  // by armed number
};

/// A Writer or a Reader, and the names when it is a state that they are at.
struct Output : Writer {
  explicit Output(std::string& out, SavedNames* saved = nullptr) : Writer(out), names(saved) {}
  SavedNames* names;
};
struct Input : Reader {
  explicit Input(std::string_view bytes, RestoredNames* restored = nullptr) : Reader(bytes), names(restored) {}
  RestoredNames* names;
};

namespace detail {

template <class, template <class...> class>
inline constexpr bool is_of = false;
template <class... Types, template <class...> class Template>
inline constexpr bool is_of<Template<Types...>, Template> = true;

template <class>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<rules::Id<Tag>> = true;

template <class>
inline constexpr bool is_duration = false;
template <class Count, class Period>
inline constexpr bool is_duration<std::chrono::duration<Count, Period>> = true;

template <class>
inline constexpr bool is_time_point = false;
template <class Clock, class Length>
inline constexpr bool is_time_point<std::chrono::time_point<Clock, Length>> = true;

template <class Type>
inline constexpr bool is_key_map = false;
template <class Value>
inline constexpr bool is_key_map<rules::KeyMap<Value>> = true;
template <class Type>
inline constexpr bool is_map = is_of<Type, std::map> || is_of<Type, rules::IndexedMap> || is_key_map<Type>;
template <class Type>
inline constexpr bool is_small_vector = false;
template <class Element, std::size_t Inline>
inline constexpr bool is_small_vector<boost::container::small_vector<Element, Inline>> = true;
template <class Type>
inline constexpr bool is_list = is_small_vector<Type> || is_of<Type, std::vector> || is_of<Type, std::deque> ||
                                is_of<Type, std::set> || std::is_same_v<Type, rules::Timeline>;

// How the compiler spells a value tells whether it is an enumerator: `rules::Urgency::low`, else `(rules::Urgency)7`.
template <auto Value>
consteval bool is_enumerator() {
  constexpr std::string_view spelled = __PRETTY_FUNCTION__;
  constexpr std::string_view before = "Value = ";
  return spelled[spelled.rfind(before) + before.size()] != '(';
}
template <class Enum, std::uint64_t From = 0>
consteval std::uint64_t count_enumerators() {
  if constexpr (From > 255 || !is_enumerator<static_cast<Enum>(From)>())
    return From;
  else
    return count_enumerators<Enum, From + 1>();
}

}  // namespace detail

template <class Type>
concept Number = std::is_arithmetic_v<Type> || std::is_enum_v<Type> || detail::is_id<Type> ||
                 detail::is_duration<Type> || detail::is_time_point<Type>;

using TextPairs = std::vector<std::pair<std::string, std::string>>;

template <class Type>
constexpr Wire wire_of(Kind kind) {
  if constexpr (Number<Type>)
    return kind == Kind::hash ? Wire::fixed : Wire::number;
  else if constexpr (std::is_same_v<Type, std::chrono::year_month_day> || std::is_same_v<Type, rules::DeadlineId>)
    return Wire::number;
  else if constexpr (std::is_same_v<Type, std::string> || std::is_same_v<Type, rules::Key128> ||
                     std::is_same_v<Type, rules::StoreId>)
    return Wire::text;
  else if constexpr (std::is_same_v<Type, rules::Labels> || std::is_same_v<Type, std::vector<std::string>> ||
                     std::is_same_v<Type, TextPairs>)
    return Wire::texts;
  else if constexpr (std::is_same_v<Type, rules::StoredLabels>)
    return Wire::numbers;
  else if constexpr (detail::is_of<Type, std::optional>)
    return wire_of<typename Type::value_type>(kind);
  else if constexpr (detail::is_list<Type>)
    return Number<typename Type::value_type> ? Wire::numbers : Wire::records;
  else if constexpr (detail::is_map<Type>)
    return Wire::records;
  else
    return Wire::record;
}

// Nothing to write, if the struct's default says the same. Records are never empty.
template <class Type>
bool is_empty(const Type& value) {
  if constexpr (detail::is_of<Type, std::optional> || detail::is_of<Type, std::shared_ptr>)
    return !value;
  else if constexpr (requires { value.empty(); } && !std::is_same_v<Type, rules::StoreId> &&
                     !std::is_same_v<Type, rules::Deadlines>)
    return value.empty();
  else if constexpr (wire_of<Type>(Kind::plain) == Wire::record)
    return false;
  else
    return value == Type{};
}

// A deadline that has gone by reads as none: whether a handle was cleared makes no difference to what happens next.
inline bool is_empty(const Output& out, rules::DeadlineId id) {
  return out.names->number(id) == 0;
}
template <class Type>
bool is_empty(const Output&, const Type& value) {
  return is_empty(value);
}

// Numbers

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// See codec.hpp: times out of this range are brought into it.
template <class Length>
constexpr std::int64_t clamped(Length length) {
  constexpr std::int64_t limit =
      std::chrono::duration_cast<Length>(std::chrono::milliseconds{std::int64_t{1} << 52U}).count();
  return std::clamp<std::int64_t>(length.count(), -limit, limit);
}

template <Number Type>
std::uint64_t to_number(const Type& value) {
  if constexpr (detail::is_id<Type>)
    return value.value;
  else if constexpr (detail::is_duration<Type>)
    return zigzag(clamped(value));
  else if constexpr (detail::is_time_point<Type>)
    return zigzag(clamped(value.time_since_epoch()));
  else if constexpr (std::is_enum_v<Type>)
    return static_cast<std::underlying_type_t<Type>>(value);
  else if constexpr (std::is_signed_v<Type>)
    return zigzag(value);
  else
    return value;
}

template <Number Type>
void from_number(Reader& in, std::uint64_t number, Type& value) {
  if constexpr (detail::is_id<Type>) {
    value.value = number;
  } else if constexpr (detail::is_duration<Type>) {
    value = Type{clamped(Type{static_cast<typename Type::rep>(unzigzag(number))})};
  } else if constexpr (detail::is_time_point<Type>) {
    typename Type::duration since{};
    from_number(in, number, since);
    value = Type{since};
  } else if constexpr (std::is_enum_v<Type>) {
    if (number >= detail::count_enumerators<Type>()) return in.fail("a word of a list has an unknown number");
    value = static_cast<Type>(number);
  } else if constexpr (std::is_same_v<Type, bool>) {
    value = number != 0;
  } else if constexpr (std::is_signed_v<Type>) {
    const std::int64_t wide = unzigzag(number);
    if (!std::in_range<Type>(wide)) return in.fail("a number is out of range");
    value = static_cast<Type>(wide);
  } else {
    if (!std::in_range<Type>(number)) return in.fail("a number is out of range");
    value = static_cast<Type>(number);
  }
}

// What cannot be told by a list of fields; bodies in archive.cpp and state.cpp.

void put(Output& out, const rules::Labels& labels);
void get(Input& in, rules::Labels& labels);
void put(Output& out, const std::chrono::year_month_day& date);
void get(Input& in, std::chrono::year_month_day& date);
void put(Output& out, const rules::Key128& key);
void get(Input& in, rules::Key128& key);
void put(Output& out, const rules::StoreId& store);
void get(Input& in, rules::StoreId& store);
void put(Output& out, const rules::Matcher& matcher);
void get(Input& in, rules::Matcher& matcher);
void put(Output& out, const rules::StoredLabels& labels);
void get(Input& in, rules::StoredLabels& labels);
void put(Output& out, rules::DeadlineId id);
void get(Input& in, rules::DeadlineId& id);
void put(Output& out, const rules::Deadlines& deadlines);
void get(Input& in, rules::Deadlines& deadlines);
void put(Output& out, const rules::KnownEnd& end);
void get(Input& in, rules::KnownEnd& end);
void put_dictionary_text(Output& out, std::uint32_t id);
void get_dictionary_text(Input& in, std::uint32_t& id);

/// What is wrong with a record that has been read; "" = nothing. The rules rely on it.
template <class Type>
std::string_view flaw_of(const Type&) {
  return {};
}
std::string_view flaw_of(const rules::Zone& zone);
std::string_view flaw_of(const rules::TurnLength& turn);
std::string_view flaw_of(const rules::CallTree& tree);
std::string_view flaw_of(const rules::PolicyLoaded& loaded);

// Values

template <class Type>
concept Special = requires(Output& out, Input& in, Type& value) {
  put(out, value);
  get(in, value);
};

template <class Type>
void put_value(Output& out, Kind kind, const Type& value);
template <class Type>
void get_value(Input& in, Kind kind, Type& value);

template <class Type>
inline const Type default_of{};

template <Listed Type>
void put_record(Output& out, const Type& record) {
  static_assert(is_listed_whole<Type>(), "fields.hpp must list every member of the struct, each under its own number");
  const auto put_field = [&]<class Entry>(const Entry& entry) {
    if constexpr (Entry::number != 0) {
      const auto& value = record.*entry.member;
      if (is_empty(out, value) && is_empty(default_of<Type>.*entry.member)) return;
      out.tag(Entry::number, wire_of<std::remove_cvref_t<decltype(value)>>(Entry::kind));
      put_value(out, Entry::kind, value);
    }
  };
  std::apply([&](const auto&... entries) { (put_field(entries), ...); }, Listing<Type>::fields);
  out.end_record();
}

template <Listed Type>
void get_record(Input& in, Type& record) {
  if (!in.enter()) return;
  std::uint32_t number = 0;
  Wire wire{};
  const auto get_field = [&]<class Entry>(const Entry& entry) {
    if constexpr (Entry::number == 0) {
      return false;
    } else {
      if (number != Entry::number) return false;
      auto& value = record.*entry.member;
      // What is absent in it means its own default, whatever the struct around it begins with.
      if constexpr (Listed<std::remove_cvref_t<decltype(value)>>) value = {};
      if (wire == wire_of<std::remove_cvref_t<decltype(value)>>(Entry::kind))
        get_value(in, Entry::kind, value);
      else
        in.fail("a field is written in another way than it should be");
      return true;
    }
  };
  while (in.next_field(number, wire)) {
    const bool known =
        std::apply([&](const auto&... entries) { return (get_field(entries) || ...); }, Listing<Type>::fields);
    if (!known) in.skip(wire);
  }
  in.leave();
  if (!in.ok()) return;
  if (const std::string_view flaw = flaw_of(record); !flaw.empty()) in.fail(flaw);
}

template <class... Alternatives>
void put_alternative(Output& out, const std::variant<Alternatives...>& variant) {
  const auto put_one = [&]<class Alternative>(const Alternative& alternative) {
    constexpr std::uint32_t number = number_of_alternative<Alternative>;
    static_assert(number != 0, "fields.hpp must give this alternative a number");
    out.tag(number, Wire::record);
    put_record(out, alternative);
  };
  std::visit(put_one, variant);
  out.end_record();
}

template <class... Alternatives>
void get_alternative(Input& in, std::variant<Alternatives...>& variant) {
  if (!in.enter()) return;
  std::uint32_t number = 0;
  Wire wire{};
  bool found = false;
  const auto get_one = [&]<class Alternative>(const Alternative*) {
    if (number != number_of_alternative<Alternative> || wire != Wire::record) return false;
    get_record(in, variant.template emplace<Alternative>());
    return true;
  };
  while (in.next_field(number, wire)) {
    found = (get_one(static_cast<const Alternatives*>(nullptr)) || ...);
    if (!found) in.fail(fmt::format("number {} is none that this build knows", number));
  }
  in.leave();
  if (in.ok() && !found) in.fail("there is nothing where one of several things should be");
}

/// What every encoded thing begins with; false, and an error, when it is in a format of which this build knows nothing.
void put_version(Output& out);
bool get_version(Input& in);

/// The value, unless something was wrong or bytes are left.
template <class Type>
tl::expected<Type, std::string> result_of(Input& in, Type&& value) {
  if (in.ok() && in.remaining() > 0) in.fail("there is more than there should be");
  if (!in.ok()) return tl::unexpected{in.error()};
  return std::move(value);
}

template <class First, class Second>
void put_pair(Output& out, const First& first, const Second& second) {
  out.tag(1, wire_of<First>(Kind::plain));
  put_value(out, Kind::plain, first);
  out.tag(2, wire_of<Second>(Kind::plain));
  put_value(out, Kind::plain, second);
  out.end_record();
}

/// As many as came with the list, but no more memory at once than there are bytes left.
template <class Type>
std::size_t worth_reserving(const Input& in, std::size_t count) {
  return std::min(count, in.remaining() / sizeof(Type) + 1);
}

template <class Type>
void put_value(Output& out, Kind kind, const Type& value) {
  if constexpr (Number<Type>) {
    if (kind == Kind::hash)
      out.fixed(to_number(value));
    else if (kind == Kind::plain)
      out.number(to_number(value));
    else if constexpr (std::is_same_v<Type, std::uint32_t>)
      put_dictionary_text(out, value);
  } else if constexpr (std::is_same_v<Type, std::string>) {
    out.text(value);
  } else if constexpr (detail::is_of<Type, std::optional> || detail::is_of<Type, std::shared_ptr>) {
    put_value(out, kind, *value);
  } else if constexpr (Special<Type>) {
    put(out, value);
  } else if constexpr (std::is_same_v<Type, TextPairs>) {
    out.number(2 * value.size());
    for (const auto& [name, text] : value) out.texts(name, text);
  } else if constexpr (std::is_same_v<Type, std::vector<std::string>>) {
    out.number(value.size());
    for (const std::string& text : value) out.text(text);
  } else if constexpr (detail::is_key_map<Type>) {
    std::vector<const typename Type::value_type*> in_order;
    in_order.reserve(value.size());
    for (const auto& one : value) in_order.push_back(&one);
    std::sort(in_order.begin(), in_order.end(), [](const auto* left, const auto* right) {
      return left->first < right->first;
    });
    out.number(in_order.size());
    for (const auto* one : in_order) put_value(out, Kind::plain, *one);
  } else if constexpr (detail::is_list<Type> || detail::is_map<Type>) {
    out.number(value.size());
    for (const auto& element : value) put_value(out, Kind::plain, element);
  } else if constexpr (detail::is_of<Type, std::pair>) {
    put_pair(out, value.first, value.second);
  } else if constexpr (detail::is_of<Type, std::variant>) {
    put_alternative(out, value);
  } else {
    put_record(out, value);
  }
}

template <class First, class Second>
void get_pair(Input& in, First& first, Second& second) {
  if (!in.enter()) return;
  std::uint32_t number = 0;
  Wire wire{};
  bool has_first = false;
  bool has_second = false;
  while (in.next_field(number, wire)) {
    if (number == 1 && wire == wire_of<First>(Kind::plain)) {
      get_value(in, Kind::plain, first);
      has_first = true;
    } else if (number == 2 && wire == wire_of<Second>(Kind::plain)) {
      get_value(in, Kind::plain, second);
      has_second = true;
    } else {
      in.skip(wire);
    }
  }
  in.leave();
  // Both are always written, and the default of an event is none: a policy that is missing.
  if (in.ok() && !(has_first && has_second)) in.fail("half of a pair is missing");
}

template <class Type>
void get_value(Input& in, Kind kind, Type& value) {
  if constexpr (Number<Type>) {
    if (kind == Kind::hash)
      from_number(in, in.fixed(), value);
    else if (kind == Kind::plain)
      from_number(in, in.number(), value);
    else if constexpr (std::is_same_v<Type, std::uint32_t>)
      get_dictionary_text(in, value);
  } else if constexpr (std::is_same_v<Type, std::string>) {
    value = in.text();
  } else if constexpr (detail::is_of<Type, std::optional>) {
    get_value(in, kind, value.emplace());
  } else if constexpr (detail::is_of<Type, std::shared_ptr>) {
    auto made = std::make_shared<std::remove_const_t<typename Type::element_type>>();
    get_value(in, kind, *made);
    value = std::move(made);
  } else if constexpr (Special<Type>) {
    get(in, value);
  } else if constexpr (std::is_same_v<Type, TextPairs>) {
    value.clear();
    const std::size_t count = in.count();
    if (count % 2 != 0) return in.fail("a name has no value");
    value.reserve(worth_reserving<typename TextPairs::value_type>(in, count / 2));
    for (std::size_t left = count; left > 0 && in.ok(); left -= 2) {
      std::string name{in.text()};
      value.emplace_back(std::move(name), std::string{in.text()});
    }
  } else if constexpr (detail::is_list<Type>) {
    using Element = typename Type::value_type;
    value.clear();
    std::size_t left = in.count();
    if constexpr (requires { value.reserve(left); }) value.reserve(worth_reserving<Element>(in, left));
    for (; left > 0 && in.ok(); --left) {
      if constexpr (detail::is_of<Type, std::set>) {
        Element element{};
        get_value(in, Kind::plain, element);
        value.insert(value.end(), std::move(element));
      } else if constexpr (std::is_same_v<Type, rules::Timeline>) {
        Element element{};
        get_value(in, Kind::plain, element);
        value.push_back(element);
      } else {
        get_value(in, Kind::plain, value.emplace_back());
      }
    }
  } else if constexpr (detail::is_map<Type>) {
    value.clear();
    for (std::size_t left = in.count(); left > 0 && in.ok(); --left) {
      typename Type::key_type key{};
      typename Type::mapped_type mapped{};
      get_pair(in, key, mapped);
      if constexpr (detail::is_key_map<Type>) {
        value.insert_or_assign(key, std::move(mapped));
      } else {
        value.insert_or_assign(value.end(), std::move(key), std::move(mapped));
      }
    }
  } else if constexpr (detail::is_of<Type, std::pair>) {
    get_pair(in, value.first, value.second);
  } else if constexpr (detail::is_of<Type, std::variant>) {
    get_alternative(in, value);
  } else {
    get_record(in, value);
  }
}

}  // namespace codec
