// How a type names its fields for the codec, and a check at compile time that it has named them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace codec {

enum class Kind : std::uint8_t {
  plain,           // as the type says
  hash,            // 64 random bits: shorter as 8 bytes than as a varint
  dictionary_text  // a number that names a text of the state's dictionary
};

template <std::uint32_t Number, Kind HowWritten, class Owner, class Member>
struct Field {
  static constexpr std::uint32_t number = Number;  // 0: left out
  static constexpr Kind kind = HowWritten;
  Member Owner::* member;
};

template <std::uint32_t Number, class Owner, class Member>
constexpr auto field(Member Owner::* member) {
  static_assert(Number > 0 && Number < (1U << 29U));
  return Field<Number, Kind::plain, Owner, Member>{member};
}

template <std::uint32_t Number, class Owner, class Member>
constexpr auto hash_field(Member Owner::* member) {
  return Field<Number, Kind::hash, Owner, Member>{member};
}

template <std::uint32_t Number, class Owner>
constexpr auto dictionary_field(std::uint32_t Owner::* member) {
  return Field<Number, Kind::dictionary_text, Owner, std::uint32_t>{member};
}

/// Not written; whoever decodes the type makes it from the rest.
template <class Owner, class Member>
constexpr auto left_out(Member Owner::* member) {
  return Field<0, Kind::plain, Owner, Member>{member};
}

/// Specialised in fields.hpp: `fields` is a tuple of the above.
template <class Type>
struct Listing;

template <class Type>
concept Listed = requires { Listing<Type>::fields; };

/// Numbers of alternatives of a variant; specialised in fields.hpp.
template <class Alternative>
inline constexpr std::uint32_t number_of_alternative = 0;

namespace detail {

template <class>
inline constexpr bool is_optional = false;
template <class Type>
inline constexpr bool is_optional<std::optional<Type>> = true;

struct Anything {
  std::size_t ignored;
  template <class Type>
    requires(!is_optional<Type>)  // an optional takes anything by itself
  operator Type() const;
};

template <class Type, std::size_t... Index>
constexpr bool can_take(std::index_sequence<Index...>) {
  return requires { Type{Anything{Index}...}; };
}

template <class Type, class... Fields>
constexpr bool numbers_differ(const std::tuple<Fields...>&) {
  constexpr std::uint32_t numbers[]{Fields::number...};
  for (std::size_t one = 0; one < sizeof...(Fields); ++one)
    for (std::size_t other = 0; other < one; ++other)
      if (numbers[one] != 0 && numbers[one] == numbers[other]) return false;
  return true;
}

}  // namespace detail

/// As many fields are listed as the struct has members, and no number stands for two of them.
template <Listed Type>
constexpr bool is_listed_whole() {
  constexpr std::size_t listed = std::tuple_size_v<decltype(Listing<Type>::fields)>;
  return detail::can_take<Type>(std::make_index_sequence<listed>{}) &&
         !detail::can_take<Type>(std::make_index_sequence<listed + 1>{}) &&
         detail::numbers_differ<Type>(Listing<Type>::fields);
}

}  // namespace codec
