// Random values of all that the codec lists: every field gets something, the empty and the extreme more often than
// chance would have it.
#pragma once

#include <random>
#include <string>

#include "rules/codec/archive.hpp"
#include "rules/zone.hpp"

namespace codec {

class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : engine_(seed) {}

  template <class Type>
  Type make() {
    Type value{};
    fill(value);
    return value;
  }

  rules::State make_state() {
    rules::State state;
    state_ = &state;
    fill(state);
    state_ = nullptr;
    for (auto& [id, episode] : state.episodes)
      if (episode.open && !episode.hidden) state.open_episodes.insert_or_assign(episode.key, &episode);
    for (const auto& [id, incident] : state.incidents)
      if (incident.keyed) state.incident_by_key.insert_or_assign(incident.key, id);
    return state;
  }

  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }

  std::string text() {
    std::string text(below(4) == 0 ? 0 : below(20) == 0 ? 100 + below(300) : below(20), ' ');
    for (char& byte : text) byte = static_cast<char>(below(10) == 0 ? below(256) : 'a' + below(4));
    return text;
  }

  template <class Type>
  void fill(Type& value) {
    if constexpr (std::is_same_v<Type, bool>) {
      value = below(2) == 0;
    } else if constexpr (std::is_enum_v<Type>) {
      value = static_cast<Type>(below(detail::count_enumerators<Type>()));
    } else if constexpr (detail::is_id<Type>) {
      fill(value.value);
    } else if constexpr (detail::is_duration<Type>) {
      constexpr std::int64_t most = clamped(Type{std::numeric_limits<typename Type::rep>::max()});
      const std::int64_t choices[]{0, 1, -1, std::min(1'790'000'000'000 + number<int>(), most), most, -most};
      value = Type{static_cast<typename Type::rep>(choices[below(std::size(choices))])};
    } else if constexpr (detail::is_time_point<Type>) {
      value = Type{make<typename Type::duration>()};
    } else if constexpr (std::is_arithmetic_v<Type>) {
      value = number<Type>();
    } else if constexpr (std::is_same_v<Type, std::string>) {
      value = text();
    } else if constexpr (std::is_same_v<Type, std::chrono::year_month_day>) {
      value = {std::chrono::year{static_cast<int>(below(4000)) - 1000},
               std::chrono::month{static_cast<unsigned>(below(14))},
               std::chrono::day{static_cast<unsigned>(below(33))}};
    } else if constexpr (std::is_same_v<Type, rules::Key128>) {
      if (below(4) != 0) value = {engine_(), engine_()};
    } else if constexpr (std::is_same_v<Type, rules::StoreId>) {
      for (std::uint8_t& byte : value) byte = static_cast<std::uint8_t>(below(256));
    } else if constexpr (std::is_same_v<Type, rules::Labels>) {
      value = labels();
    } else if constexpr (std::is_same_v<Type, rules::StoredLabels>) {
      value = state_->dictionary.hold(labels());
    } else if constexpr (std::is_same_v<Type, rules::Matcher>) {
      value = matcher();
    } else if constexpr (std::is_same_v<Type, rules::Zone>) {
      value = zone();
    } else if constexpr (std::is_same_v<Type, rules::DeadlineId>) {
      value = deadline();
    } else if constexpr (std::is_same_v<Type, rules::KnownEnd>) {
      fill(value.ends_at);
      fill(value.arrived_at);
      fill(value.deadline);
      if (below(2) == 0) return;
      rules::SetAside waits;
      fill(waits.report);
      fill(waits.source);
      fill(waits.form);
      value.set_aside = std::make_shared<const rules::SetAside>(std::move(waits));
    } else if constexpr (std::is_same_v<Type, rules::Deadlines>) {
      for (std::uint64_t left = below(10); left > 0; --left) deadline();
    } else if constexpr (detail::is_of<Type, std::optional>) {
      if (below(2) == 0) fill(value.emplace());
    } else if constexpr (detail::is_of<Type, std::shared_ptr>) {
      value = std::make_shared<typename Type::element_type>(make<std::remove_const_t<typename Type::element_type>>());
    } else if constexpr (detail::is_list<Type>) {
      value.clear();
      for (std::uint64_t left = below(4); left > 0 && nesting_ < 12; --left) {
        if constexpr (detail::is_of<Type, std::set>) {
          value.insert(make<typename Type::value_type>());
        } else if constexpr (std::is_same_v<Type, rules::Timeline>) {
          value.push_back(make<rules::Reason>());
        } else {
          fill(value.emplace_back());
        }
      }
    } else if constexpr (detail::is_map<Type>) {
      for (std::uint64_t left = below(4); left > 0; --left) {
        auto key = make<typename Type::key_type>();
        fill(value[std::move(key)]);
      }
    } else if constexpr (detail::is_of<Type, std::pair>) {
      fill(value.first);
      fill(value.second);
    } else if constexpr (detail::is_of<Type, std::variant>) {
      fill_alternative(value, std::make_index_sequence<std::variant_size_v<Type>>{});
    } else {
      fill_fields(value);
    }
  }

 private:
  template <class Type>
  Type number() {
    const Type choices[]{0,
                         1,
                         static_cast<Type>(below(128)),
                         static_cast<Type>(engine_()),
                         static_cast<Type>(below(100'000)),
                         std::numeric_limits<Type>::min(),
                         std::numeric_limits<Type>::max()};
    return choices[below(std::size(choices))];
  }

  template <class Type>
  void fill_fields(Type& value) {
    ++nesting_;
    const auto fill_one = [&]<class Entry>(const Entry& entry) {
      if constexpr (Entry::number == 0)
        return;
      else if constexpr (Entry::kind == Kind::dictionary_text)
        value.*entry.member = state_->dictionary.hold(text());
      else
        fill(value.*entry.member);
    };
    std::apply([&](const auto&... entries) { (fill_one(entries), ...); }, Listing<Type>::fields);
    --nesting_;
    if constexpr (std::is_same_v<Type, rules::TurnLength>) value.count = 1 + static_cast<std::int32_t>(below(50));
    if constexpr (std::is_same_v<Type, rules::CallTree>)
      if (value.steps.empty()) value.steps.emplace_back();
  }

  template <class Variant, std::size_t... Index>
  void fill_alternative(Variant& value, std::index_sequence<Index...>) {
    const std::size_t chosen = below(sizeof...(Index));
    (void)((Index == chosen && (fill(value.template emplace<Index>()), true)) || ...);
  }

  rules::Labels labels() {
    rules::Labels labels;
    for (std::uint64_t left = below(12); left > 0; --left) labels.add(text(), text());
    labels.seal(true);
    return labels;
  }

  rules::Matcher matcher() {
    const auto op = make<rules::MatchOperator>();
    const bool is_pattern = op == rules::MatchOperator::matches || op == rules::MatchOperator::not_matches;
    static const std::string patterns[]{"", "pay.*", "a|b", "[0-9]+"};
    return rules::Matcher::make("l" + text(), op, is_pattern ? patterns[below(std::size(patterns))] : text()).value();
  }

  rules::Zone zone() {
    if (below(3) == 0) return rules::utc();
    const std::int64_t first = static_cast<std::int64_t>(below(1'000'000)) - 500'000;
    rules::Zone zone{text(),
                     {{-28'800, false, "PST"}, {-25'200, true, "PDT"}},
                     {{first, 1}, {first + 1 + static_cast<std::int64_t>(below(1000)), 0}},
                     {}};
    using DayKind = rules::ZoneRuleDay::Kind;
    if (below(2) == 0)
      zone.rule = rules::ZoneRule{{-28'800, false, "PST"},
                                  true,
                                  {-25'200, true, "PDT"},
                                  {DayKind::month_week_day, 3, 2, 0, 7200},
                                  {DayKind::month_week_day, 11, 1, 0, 7200}};
    return zone;
  }

  // None, one that is armed, or one that was.
  rules::DeadlineId deadline() {
    if (below(4) == 0) return {};
    const rules::DeadlineId id = state_->deadlines.arm(
        make<rules::Instant>(), make<rules::DeadlineKind>(), number<std::uint64_t>(), number<std::uint32_t>());
    if (below(4) == 0) state_->deadlines.disarm(id);
    return id;
  }

  std::mt19937_64 engine_;
  rules::State* state_ = nullptr;
  int nesting_ = 0;
};

}  // namespace codec
