// What the fault sweeps share: which operations of a life fail, and many lives at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/certificates.hpp"
#include "tests/support/folder.hpp"

namespace live {

// The certificates of an authority that signs nobody: for a client that asks often and without TLS. Reading those of
// the system takes longer than all that it asks.
inline const std::string& lone_authority() {
  static const support::TemporaryFolder folder;
  static const std::string file = [] {
    support::make_authority(folder.path(), "ca");
    return (folder / "ca.pem").string();
  }();
  return file;
}

// What fails.
struct Luck {
  std::uint64_t at{};  // 0: nothing
  bool from_there_on{};
};

// Every n up to `last` fails once, or only about `most` of them, spread evenly; from the first, the middle and the last
// on everything fails. With ROUSE_LONG: every n, and from every n on. What takes longest comes first.
inline std::vector<Luck> lucks_of(std::uint64_t last, std::uint64_t most = std::numeric_limits<std::uint32_t>::max()) {
  const bool is_long = std::getenv("ROUSE_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe): nothing sets it
  std::vector<Luck> lucks;
  for (const bool from_there_on : {true, false}) {
    for (std::uint64_t number = 1; number <= last; ++number) {
      const bool is_chosen = is_long || number == 1 || number == (last + 1) / 2 || number == last;
      const bool is_in_turn = last <= most || number * most / last != (number - 1) * most / last;
      if (is_chosen || (is_in_turn && !from_there_on)) lucks.push_back({number, from_there_on});
    }
  }
  return lucks;
}

// They mostly wait: several at a time. A process ends with the thread that started it, so each has one run whole.
template <class Life, class Live>
void live_all(std::vector<Life>& lives, std::size_t at_a_time, const Live& live) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < std::min(at_a_time, lives.size()); ++number)
    threads.emplace_back([&] {
      for (std::size_t one = next.fetch_add(1); one < lives.size(); one = next.fetch_add(1))
        lives[one].verdict = live(lives[one]);
    });
  for (std::thread& one : threads) one.join();
}

}  // namespace live
