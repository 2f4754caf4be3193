#include "daemon/recovery.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <xxhash.h>

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"
#include "rules/mutant.hpp"
#include "rules/read_ahead.hpp"

namespace roused {

rules::State new_state(const journal::StoreId& store, std::uint32_t repairs) {
  rules::State state;
  // A repair gives rows up, and their numbers come again: the keys that providers remember must not.
  std::array<std::uint8_t, 20> source{};
  std::copy(store.begin(), store.end(), source.begin());
  for (std::size_t index = 0; index < 4; ++index)
    source[16 + index] = static_cast<std::uint8_t>(repairs >> (8 * index));
  const XXH128_hash_t hash = XXH3_128bits(source.data(), source.size());
  for (std::size_t index = 0; index < 8; ++index) {
    state.store[index] = static_cast<std::uint8_t>(hash.high64 >> (8 * index));
    state.store[8 + index] = static_cast<std::uint8_t>(hash.low64 >> (8 * index));
  }
  state.seed = XXH3_64bits_withSeed(store.data(), store.size(), 0x6b657973);
  return state;
}

tl::expected<Recovered, std::string> recover(journal::Journal& journal, std::uint64_t last_sequence, Replay replay) {
  tl::expected<journal::RecoveryStart, std::string> start = journal.read_snapshot();
  if (!start) return tl::unexpected{start.error()};
  Recovered recovered;
  recovered.complaints = std::move(start->complaints);
  const rules::State fresh = new_state(journal.store_id(), journal.repairs());
  if (start->snapshot) {
    tl::expected<rules::State, std::string> state = codec::decode_state(start->snapshot->bytes);
    if (!state) {
      return tl::unexpected{
          fmt::format("the snapshot of row {} cannot be read: {}", start->snapshot->sequence, state.error())};
    }
    recovered.state = std::move(*state);
    recovered.sequence = start->snapshot->sequence;
  } else {
    recovered.state = new_state(journal.store_id(), journal.repairs());
  }
  recovered.state.store = fresh.store;
  std::string trouble;
  const auto apply_row = [&](const journal::Row& row) {
    if (last_sequence != 0 && row.sequence > last_sequence) return false;
    const tl::expected<std::vector<codec::StampedEvent>, std::string> batch = codec::decode_batch(row.body);
    if (!batch) {
      trouble = fmt::format("row {} of the journal cannot be read: {}", row.sequence, batch.error());
      return false;
    }
    std::uint64_t digest = 0;
    EventPlace place{row.sequence, 0};
    rules::ReadAhead read_ahead;
    const auto event_of = [&](std::size_t index) -> const rules::Event& { return (*batch)[index].event; };
    for (std::size_t index = 0; index < batch->size(); ++index) {
      read_ahead.before(recovered.state, index, batch->size(), event_of);
      const codec::StampedEvent& one = (*batch)[index];
      rules::Effects effects;
      if (replay.set_aside != nullptr && replay.set_aside->contains(place, one)) {
        ++recovered.set_aside;
      } else {
        if (replay.mark != nullptr) replay.mark->begin(place);
        effects = rules::apply(recovered.state, one.event, one.stamp);
        if (replay.mark != nullptr) replay.mark->end();
      }
      digest = digest * 0x9E3779B97F4A7C15ULL + codec::digest(effects);
      ++recovered.events;
      ++place.second;
    }
    if (digest == journal::unknown_digest) digest = 1;
    if (row.behaviour_version != rules::behaviour_version) {
      ++recovered.other_version;
    } else if (row.digest && *row.digest != journal::unknown_digest && *row.digest != digest) {
      trouble = fmt::format(
          "row {} of the journal decided otherwise when it was written: the rules are not deterministic", row.sequence);
      return false;
    }
    recovered.sequence = row.sequence;
    // Written down, it would stand for what that row's own version decided.
    recovered.last_digest = row.behaviour_version == rules::behaviour_version ? digest : journal::unknown_digest;
    ++recovered.rows;
    return true;
  };
  const tl::expected<void, std::string> replayed = journal.replay(
      start->replay_from + (ROUSE_MUTANT("row-behind-the-snapshot-skipped") && start->snapshot ? 1 : 0), apply_row);
  if (!trouble.empty()) return tl::unexpected{trouble};
  if (!replayed) return tl::unexpected{replayed.error()};
  return recovered;
}

}  // namespace roused
