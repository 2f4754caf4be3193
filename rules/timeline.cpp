#include "rules/timeline.hpp"

#include <cstring>

namespace rules {
namespace {

// What stands in front of the texts of a line, besides its kind.
struct Head {
  std::int64_t at{};     // in ms
  std::uint32_t rule{};  // in bytes
  std::uint32_t saw{};
};
constexpr std::size_t head_bytes = sizeof(Head) + sizeof(ReasonKind);

Head read_head(const char* at) {
  Head head;
  std::memcpy(&head, at, sizeof head);
  return head;
}

const char* after(const char* at) {
  const Head head = read_head(at);
  return at + head_bytes + head.rule + head.saw;
}

}  // namespace

Reason Timeline::const_iterator::operator*() const {
  const Head head = read_head(at_);
  const char* const rule = at_ + head_bytes;
  return Reason{.at = Instant{Duration{head.at}},
                .kind = static_cast<ReasonKind>(at_[sizeof(Head)]),
                .rule = std::string{rule, head.rule},
                .saw = std::string{rule + head.rule, head.saw}};
}

Timeline::const_iterator& Timeline::const_iterator::operator++() {
  at_ = after(at_);
  return *this;
}

Timeline::Timeline(std::initializer_list<Reason> reasons) {
  for (const Reason& reason : reasons) push_back(reason);
}

void Timeline::add(Instant at, ReasonKind kind, std::string_view rule, std::string_view saw) {
  if (size_ >= max_reasons_kept) {
    // Some at a time, since the rest moves.
    constexpr std::size_t first = 50;
    constexpr std::size_t at_a_time = 100;
    const char* from = packed_.data();
    for (std::size_t skipped = 0; skipped < first; ++skipped) from = after(from);
    const char* to = from;
    for (std::size_t dropped = 0; dropped < at_a_time; ++dropped) to = after(to);
    packed_.erase(static_cast<std::size_t>(from - packed_.data()), static_cast<std::size_t>(to - from));
    size_ -= at_a_time;
  }
  const Head head{.at = at.time_since_epoch().count(),
                  .rule = static_cast<std::uint32_t>(rule.size()),
                  .saw = static_cast<std::uint32_t>(saw.size())};
  packed_.append(reinterpret_cast<const char*>(&head), sizeof head);
  packed_ += static_cast<char>(kind);
  packed_.append(rule);
  packed_.append(saw);
  ++size_;
}

void Timeline::clear() {
  *this = Timeline{};
}

}  // namespace rules
