// I6 and I7: the rows, and what a recovery makes of them.
#include <fmt/format.h>

#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

class JournalJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& row) override {
    if (const auto* started = std::get_if<DaemonStarted>(&row.what)) {
      on(*started);
    } else if (const auto* ended = std::get_if<DaemonEnded>(&row.what)) {
      on(*ended);
    } else if (const auto* refused = std::get_if<RecoveryRefused>(&row.what)) {
      fail("I7", refused->why);
    }
  }

  void event(const Committed& row, const codec::StampedEvent& /*one*/, const Contract::Answer& /*asks*/) override {
    if (row.sequence != sequence_ && row.sequence != sequence_ + 1) {
      fail("I6", fmt::format("row {} follows row {}", row.sequence, sequence_));
    }
    sequence_ = row.sequence;
  }
  void row_ended(const Committed& row) override {
    if (row.sequence == ended_) fail("I6", fmt::format("row {} is acknowledged twice", row.sequence));
    ended_ = row.sequence;
  }

 private:
  void on(const DaemonStarted& started) {
    if (started.sequence < sequence_) {
      fail("I1", fmt::format("row {} was committed, and the journal ends at {}", sequence_, started.sequence));
    }
    if (started.digest != started.digest_again) fail("I7", "two recoveries of one journal differ");
    if (started.digest != codec::digest(now_.replayed)) fail("I7", "the recovered state is not that of all rows");
  }
  void on(const DaemonEnded& ended) {
    if (!ended.live_digest || now_.has_failed) return;
    if (ended.sequence != sequence_) {
      fail("I7", fmt::format("row {} is committed, and {} was applied last", sequence_, ended.sequence));
    } else if (*ended.live_digest != codec::digest(now_.replayed)) {
      fail("I7", "the living state was not that of its rows");
    }
  }

  std::uint64_t sequence_{};
  std::uint64_t ended_{};
};

}  // namespace

std::unique_ptr<Judge> judge_of_journal(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<JournalJudge>(situation, std::move(fail));
}

}  // namespace simulation
