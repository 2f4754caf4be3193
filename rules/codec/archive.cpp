#include "rules/codec/archive.hpp"

#include "rules/codec/codec.hpp"
#include "rules/matcher.hpp"
#include "rules/zone.hpp"

namespace codec {
namespace {

constexpr std::size_t key_bytes = 16;

template <class Bytes>
void put_lowest_first(std::uint64_t number, Bytes at) {
  for (unsigned shift = 0; shift < 64; shift += 8) *at++ = static_cast<char>(number >> shift);
}

std::uint64_t lowest_first(std::string_view bytes) {
  std::uint64_t number = 0;
  for (unsigned index = 0; index < 8; ++index)
    number |= std::uint64_t{static_cast<unsigned char>(bytes[index])} << (8 * index);
  return number;
}

// A matcher as fields. It keeps its parts to itself, since the pattern must belong to the value.
struct MatcherParts {
  std::string name;
  rules::MatchOperator op{};
  std::string value;
};

}  // namespace

template <>
struct Listing<MatcherParts> {
  using T = MatcherParts;
  static constexpr std::tuple fields{field<1>(&T::name), field<2>(&T::op), field<3>(&T::value)};
};

void put_version(Output& out) {
  out.number(format_version);
}

bool get_version(Input& in) {
  const std::uint64_t version = in.number();
  if (in.ok() && version != format_version)
    in.fail(fmt::format("it is in format {}, and this build reads format {}", version, format_version));
  return in.ok();
}

void put(Output& out, const rules::Labels& labels) {
  out.number(2 * labels.size());
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const rules::LabelView label = labels[index];
    out.texts(label.name, label.value);
  }
}

void get(Input& in, rules::Labels& labels) {
  labels = {};
  const std::size_t count = in.count();
  if (count % 2 != 0) return in.fail("a label has no value");
  labels.reserve(worth_reserving<std::uint64_t>(in, count / 2), in.bytes_of_texts(count));
  for (std::size_t left = count; left > 0 && in.ok(); left -= 2) {
    const std::string_view name = in.text();
    labels.add(name, in.text());
  }
  labels.seal(true);  // whoever built them has decided about empty values
}

void put(Output& out, const std::chrono::year_month_day& date) {
  // Not as a count of days: what is no date (31 April) must come back as it was.
  const auto packed = zigzag(int{date.year()}) << 16U | std::uint64_t{unsigned{date.month()}} << 8U |
                      std::uint64_t{unsigned{date.day()}};
  out.number(packed);
}

void get(Input& in, std::chrono::year_month_day& date) {
  const std::uint64_t packed = in.number();
  const std::int64_t year = unzigzag(packed >> 16U);
  if (!std::in_range<std::int16_t>(year)) return in.fail("a year is out of range");
  date = {std::chrono::year{static_cast<int>(year)},
          std::chrono::month{static_cast<unsigned>(packed >> 8U & 0xFFU)},
          std::chrono::day{static_cast<unsigned>(packed & 0xFFU)}};
}

void put(Output& out, const rules::Key128& key) {
  char bytes[key_bytes];
  put_lowest_first(key.low, bytes);
  put_lowest_first(key.high, bytes + 8);
  out.text({bytes, key_bytes});
}

void get(Input& in, rules::Key128& key) {
  const std::string_view bytes = in.text();
  if (bytes.size() != key_bytes) return in.fail("a key has not 16 bytes");
  key.low = lowest_first(bytes);
  key.high = lowest_first(bytes.substr(8));
}

void put(Output& out, const rules::StoreId& store) {
  std::string bytes(store.begin(), store.end());
  out.text(bytes);
}

void get(Input& in, rules::StoreId& store) {
  const std::string_view bytes = in.text();
  if (bytes.size() != store.size()) return in.fail("the id of a store has not 16 bytes");
  std::transform(bytes.begin(), bytes.end(), store.begin(), [](char byte) { return static_cast<std::uint8_t>(byte); });
}

void put(Output& out, const rules::Matcher& matcher) {
  put_record(out, MatcherParts{matcher.name(), matcher.op(), matcher.value()});
}

void get(Input& in, rules::Matcher& matcher) {
  MatcherParts parts;
  get_record(in, parts);
  if (!in.ok()) return;
  auto made = rules::Matcher::make(std::move(parts.name), parts.op, std::move(parts.value));
  if (!made) return in.fail(made.error());
  matcher = *std::move(made);
}

std::string_view flaw_of(const rules::Zone& zone) {
  return zone.is_well_formed() ? std::string_view{} : "a zone is not well formed";
}

std::string_view flaw_of(const rules::TurnLength& turn) {
  return turn.count >= 1 ? std::string_view{} : "a turn is shorter than one unit";
}

std::string_view flaw_of(const rules::CallTree& tree) {
  return tree.steps.empty() ? "a call tree has no steps" : std::string_view{};
}

std::string_view flaw_of(const rules::PolicyLoaded& loaded) {
  return loaded.policy == nullptr ? "a policy is missing" : std::string_view{};
}

}  // namespace codec
