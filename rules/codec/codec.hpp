// Events, policies and states as bytes and back: what the journal and the snapshots keep.
//
// Bytes of an older build can be read, and an older build can read ours: fields carry numbers, unknown ones are stepped
// over, absent ones keep the default of their struct. fields.hpp has the one list a type; how to add to it stands
// there.
//
// Equal values give equal bytes, whatever their history: no hash order, no slot of a slab, no id of the dictionary gets
// into them. So bytes can be compared, and digests stand for them.
//
// Decoding trusts nothing: any bytes give a value or an error in words, with memory in proportion to the bytes. A value
// holds what the rules rely on: zones are well formed, patterns compile, a call tree has a step, a turn is at least one
// unit long. Instants and durations are brought into +-2^52 ms (142,000 years), on the way out as on the way in, so
// that sums and differences of a few of them cannot overflow. Not checked: that what a state says makes sense as a
// whole.
//
// No state of its own; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"
#include "rules/state.hpp"
#include "rules/time.hpp"

namespace codec {

/// The first byte of all that is encoded. Grows when older builds must not try.
inline constexpr unsigned char format_version = 1;

/// Routes within routes that can be read back. Whoever builds policies must refuse deeper ones.
inline constexpr int max_route_depth = 64;

struct StampedEvent {
  rules::Stamp stamp;
  rules::Event event;
};

void append(std::string& out, const rules::Event& event);
[[nodiscard]] std::string encode(const rules::Event& event);
[[nodiscard]] tl::expected<rules::Event, std::string> decode_event(std::string_view bytes);

/// The body of a row of the journal.
void append_batch(std::string& out, std::span<const StampedEvent> batch);
[[nodiscard]] std::string encode_batch(std::span<const StampedEvent> batch);
[[nodiscard]] tl::expected<std::vector<StampedEvent>, std::string> decode_batch(std::string_view bytes);

[[nodiscard]] std::string encode_policy(const rules::Policy& policy);
[[nodiscard]] tl::expected<rules::Policy, std::string> decode_policy(std::string_view bytes);

/// What belongs into Policy::hash, which does not count itself.
[[nodiscard]] std::uint64_t hash_of(const rules::Policy& policy);

/// All that decides later: `touched` must be empty, i.e. no event is being applied.
[[nodiscard]] std::string encode_state(const rules::State& state);
[[nodiscard]] tl::expected<rules::State, std::string> decode_state(std::string_view bytes);

/// The same for equal values on every machine; across builds as long as the format does not change.
[[nodiscard]] std::uint64_t digest(const rules::State& state);
[[nodiscard]] std::uint64_t digest(const rules::Effects& effects);

}  // namespace codec
