#include "tests/simulation/planted.hpp"

#include <algorithm>

namespace simulation {
namespace {

std::string_view& planted() {
  static std::string_view mutant;
  return mutant;
}

}  // namespace

const std::vector<Mutant>& mutants() {
  static const std::vector<Mutant> all{
      {"page-before-commit", "a batch is applied and its pages leave while its row is still being written", "I5"},
      {"200-before-commit", "the answer leaves when the request is taken", "I5 I1"},
      {"apply-before-settled", "what nobody waits for is applied before its row is on the disk", "I5 I7"},
      {"200-with-a-full-disk", "what was taken in memory only is answered 200", "I5 I1"},
      {"backlog-row-twice", "after a full disk a row that was written is written once more", "I3 I6 I7"},
      {"deadlines-not-rearmed", "a start forgets every timer", "I2 I7 I9"},
      {"clock-goes-back", "the clock of waits follows the wall clock", "I6 I2 I3 I7"},
      {"lost-wake-up", "nobody wakes the I/O thread for a page", "I2 I9"},
      {"beaten-lane",
       "while one lane has requests the other is not looked at, nor does it keep the engine awake",
       "I2 I9 I12"},
      {"withdrawn-after-the-replies", "pages are withdrawn with the next batch, after the answers have left", "I4"},
      {"acknowledged-beside-its-page", "an acknowledgement in the same batch as its page does not withdraw it", "I4"},
      {"no-look-before-send", "the outbox does not look whether a page was withdrawn", "I4"},
      {"fresh-key-per-retry", "each further try has a key of its own", "I3 I5"},
      {"sent-again-unmarked", "what is sent again after a crash is not marked", "I3"},
      {"remainder-under-a-new-key", "what remains of a bundle that may have arrived goes under another key", "I3 I2"},
      {"older-outcome-ends-a-newer-try", "the outcome at one provider ends the try at the next", "I2 I3 I8 I9"},
      {"second-provider-never-tried", "a page that the first provider refuses is given up", "I2 I8"},
      {"bundle-loses-a-page", "when a bundle fails, only its first page counts as failed", "I2 I8 I9"},
      {"refused-page-counts-as-told", "a person whose pages were all refused counts as reached", "I2"},
      {"budget-that-drops", "pages above the budget are dropped", "I2 I8 I9"},
      {"overdue-waits-catch-up", "after a pause every missed wait runs out at once", "I3 I2"},
      {"end-overtakes-firing",
       "a firing report that is older than the end that is known opens an incident",
       "I11 I3 I4"},
      {"reopened-stays-acknowledged", "an incident that comes back keeps its old acknowledgement", "I2 I9"},
      {"reload-restarts-the-step", "a reload enters the step of every incident once more", "I13 I3"},
      {"snapshot-misses-a-field", "a snapshot does not hold what counts for the budget", "I7 I8"},
      {"start-behind-the-last-stamp",
       "a start takes the wall clock though the last row is of a later instant",
       "I6 I7"},
      {"turns-after-a-failed-sync", "once the journal has failed, what is due keeps the thread turning", "I9"},
      {"unmarked-from-memory", "what leaves while its row is in memory only is not marked", "I3 I5"},
      {"a-flag-for-each-order", "a message that is asked for twice has two withdrawn flags, and one is set", "I4"},
      {"tries-never-end", "each further try begins the time of a message anew", "I2"},
      {"outcome-wakes-nobody", "how a send ended waits in the ring until something else wakes the engine", "I2 I9 I12"},
      {"rise-stays-acknowledged", "an acknowledgement covers a severity above what was acknowledged", "I2 I3"},
      {"row-behind-the-snapshot-skipped", "a recovery begins one row too late behind a snapshot", "I7 I1"},
  };
  return all;
}

const Mutant* find_mutant(std::string_view name) {
  const auto found =
      std::find_if(mutants().begin(), mutants().end(), [name](const Mutant& one) { return one.name == name; });
  return found == mutants().end() ? nullptr : &*found;
}

bool can_plant() {
#ifdef ROUSE_MUTANTS
  return true;
#else
  return false;
#endif
}

void plant(std::string_view mutant) {
  planted() = mutant;
}

bool is_planted(std::string_view mutant) {
  return planted() == mutant;
}

}  // namespace simulation
