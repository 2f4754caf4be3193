// From a journal to a State: the newest snapshot and the rows behind it, applied as they were applied then. The same
// code makes snapshots in the background: a snapshot is a recovery written down.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/journal/journal.hpp"
#include "daemon/poison.hpp"
#include "rules/state.hpp"

namespace roused {

struct Recovered {
  rules::State state;
  std::uint64_t sequence{};     // of the last row applied; 0 = none
  std::uint64_t last_digest{};  // of that row's effects; unknown after a row of another behaviour version
  std::uint64_t rows{};         // replayed behind the snapshot
  std::uint64_t events{};
  std::uint64_t set_aside{};      // events that were not applied
  std::uint64_t other_version{};  // rows of another behaviour version, whose digests are not compared
  std::vector<std::string> complaints;
};

// What a recovery has to know of events that end the process. Both outlive it.
struct Replay {
  const SetAside* set_aside{};  // these are not applied
  ApplyMark* mark{};            // where it is
};

// Errors: damage, undecodable rows, or a row whose effects are not those of the run that wrote it: the rules are not
// deterministic, and going on would page by guesswork. Up to `last_sequence` (0 = all there is).
[[nodiscard]] tl::expected<Recovered, std::string> recover(journal::Journal& journal,
                                                           std::uint64_t last_sequence = 0,
                                                           Replay replay = {});

// A state for a new store: its keys are seeded by the store's id.
[[nodiscard]] rules::State new_state(const journal::StoreId& store, std::uint32_t repairs);

}  // namespace roused
