#include "rules/labels.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace rules {
namespace {

constexpr std::size_t few = 16;  // up to here a scan that compares lengths first beats a binary search

constexpr std::uint64_t fnv_basis = 14695981039346656037U;
constexpr std::uint64_t fnv_prime = 1099511628211U;

std::uint64_t fnv_add(std::uint64_t sum, std::string_view text) {
  for (const char character : text) {
    sum ^= static_cast<unsigned char>(character);
    sum *= fnv_prime;
  }
  sum ^= 0xFF;  // ends each name and each value; no UTF-8 text has this byte
  return sum * fnv_prime;
}

}  // namespace

Labels::Labels(std::vector<std::pair<std::string, std::string>> pairs) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : pairs) bytes += name.size() + value.size();
  reserve(pairs.size(), bytes);
  for (const auto& [name, value] : pairs) add(name, value);
  seal();
}

void Labels::add(std::string_view name, std::string_view value) {
  const auto begin = static_cast<std::uint32_t>(text_.size());
  const auto middle = static_cast<std::uint32_t>(begin + name.size());
  const auto end = static_cast<std::uint32_t>(middle + value.size());
  text_.append(name).append(value);
  spans_.push_back({begin, middle, end});
}

void Labels::reserve(std::size_t pairs, std::size_t bytes) {
  spans_.reserve(pairs);
  text_.reserve(bytes);
}

void Labels::seal(bool keep_empty_values) {
  const auto name_of = [this](const Span& span) { return view(span).name; };
  const auto ascends = [&](const Span& left, const Span& right) { return name_of(left) < name_of(right); };
  const auto is_dropped = [&](const Span& span) { return !keep_empty_values && span.value == span.end; };

  const std::size_t added = spans_.size();

  // Most senders sort: then there is nothing to do.
  bool in_order = true;
  for (std::size_t index = 1; in_order && index < spans_.size(); ++index)
    in_order = ascends(spans_[index - 1], spans_[index]);
  if (!in_order) {
    // What was added later stands later in the text, so the last of equal names ends up last.
    std::sort(spans_.begin(), spans_.end(), [&](const Span& left, const Span& right) {
      const int order = name_of(left).compare(name_of(right));
      return order != 0 ? order < 0 : std::tie(left.name, left.end) < std::tie(right.name, right.end);
    });
    std::size_t kept = 0;
    for (std::size_t index = 0; index < spans_.size(); ++index) {
      const bool is_last_of_name = index + 1 == spans_.size() || name_of(spans_[index]) != name_of(spans_[index + 1]);
      if (is_last_of_name) spans_[kept++] = spans_[index];
    }
    spans_.resize(kept);
  }
  if (std::any_of(spans_.begin(), spans_.end(), is_dropped)) std::erase_if(spans_, is_dropped);

  if (spans_.size() == added) return;

  std::size_t used = 0;
  for (const Span& span : spans_) used += span.end - span.name;
  std::string packed;
  packed.reserve(used);
  for (Span& span : spans_) {
    const auto begin = static_cast<std::uint32_t>(packed.size());
    packed.append(text_, span.name, span.end - span.name);
    span = {begin, begin + (span.value - span.name), begin + (span.end - span.name)};
  }
  text_ = std::move(packed);
}

const Labels::Span* Labels::span_of(std::string_view name) const {
  if (spans_.size() <= few) {
    for (const Span& span : spans_)
      if (view(span).name == name) return &span;
    return nullptr;
  }
  const auto found =
      std::lower_bound(spans_.begin(), spans_.end(), name, [this](const Span& span, std::string_view sought) {
        return view(span).name < sought;
      });
  return found != spans_.end() && view(*found).name == name ? &*found : nullptr;
}

std::string_view Labels::find(std::string_view name) const {
  const Span* const span = span_of(name);
  return span == nullptr ? std::string_view{} : view(*span).value;
}

bool Labels::contains(std::string_view name) const {
  return span_of(name) != nullptr;
}

bool Labels::operator==(const Labels& other) const {
  if (size() != other.size()) return false;
  if (text_ == other.text_ && spans_ == other.spans_) return true;  // what one sender repeats is laid out alike
  for (std::size_t index = 0; index < size(); ++index)
    if ((*this)[index] != other[index]) return false;
  return true;
}

Fingerprint fingerprint_of(const Labels& labels) {
  std::uint64_t sum = fnv_basis;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const LabelView label = labels[index];
    sum = fnv_add(fnv_add(sum, label.name), label.value);
  }
  return Fingerprint{sum};
}

std::string hex(Fingerprint fingerprint) {
  return fmt::format("{:016x}", fingerprint.value);
}

AlertKey key_of(const Labels& labels, const std::vector<std::string>& ignore, std::uint64_t seed) {
  AlertKey key;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const LabelView label = labels[index];
    if (std::find(ignore.begin(), ignore.end(), label.name) != ignore.end()) continue;
    // Name and value stand side by side and are hashed in one go; where one ends and the other begins goes into the
    // seed, so that ("ab", "c") and ("a", "bc") differ.
    const std::uint64_t pair_seed = seed + (label.name.size() + 1) * 0x9E37'79B9'7F4A'7C15U;
    const XXH128_hash_t hash =
        XXH3_128bits_withSeed(label.name.data(), label.name.size() + label.value.size(), pair_seed);
    key.high += hash.high64;
    key.low += hash.low64;
  }
  return key;
}

AlertKey native_key_of(std::string_view native_key, std::uint64_t seed) {
  // Apart from every set of labels: those are hashed pair by pair.
  std::string text{"native\xFF"};
  text += native_key;
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed);
  return AlertKey{.high = hash.high64, .low = hash.low64};
}

}  // namespace rules
