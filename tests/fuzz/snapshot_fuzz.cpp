// Snapshots. They bear a checksum, so what comes here is what was written; but the decoder trusts nothing. That a state
// makes sense as a whole is not promised, so nothing is applied to it.
#include "rules/codec/codec.hpp"
#include "tests/fuzz/claim.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const auto state = codec::decode_state(fuzz::text_of(data, size));
  if (!state) {
    claim(!state.error().empty(), "a snapshot is refused without a word");
    return 0;
  }
  const std::string written = codec::encode_state(*state);
  const auto again = codec::decode_state(written);
  claim(again.has_value(), "what was read cannot be written and read: {}", again.has_value() ? "" : again.error());
  claim(codec::encode_state(*again) == written, "what was read is something else when written and read");
  claim(codec::digest(*again) == codec::digest(*state), "a state has another digest when written and read");
  return 0;
}
