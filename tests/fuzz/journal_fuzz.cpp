// Bodies of journal rows. They bear a checksum, so what comes here is what was written; but the decoder trusts nothing.
#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/policies.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto batch = codec::decode_batch(bytes);
  if (!batch) {
    claim(!batch.error().empty(), "a row is refused without a word");
    return 0;
  }
  const std::string written = codec::encode_batch(*batch);
  const auto again = codec::decode_batch(written);
  claim(again.has_value() && again->size() == batch->size(), "what was read cannot be written and read");
  claim(codec::encode_batch(*again) == written, "what was read is something else when written and read");
  // Whatever the events are, they can be applied, and do the same each time. Policies are left out: those that replay
  // were let through by the loader.
  static const auto policy = fuzz::make_policy(0);
  const auto replay = [](const std::vector<codec::StampedEvent>& events) {
    rules::State state;
    static_cast<void>(
        rules::apply(state, rules::PolicyLoaded{policy}, events.empty() ? rules::Stamp{} : events.front().stamp));
    std::uint64_t digest = 0;
    for (const codec::StampedEvent& one : events) {
      if (std::holds_alternative<rules::PolicyLoaded>(one.event)) continue;
      digest = digest * 31 + codec::digest(rules::apply(state, one.event, one.stamp));
    }
    return std::pair{digest, codec::digest(state)};
  };
  claim(replay(*batch) == replay(*again), "the same row, other effects");
  return 0;
}
