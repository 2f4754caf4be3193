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
      {"apply-before-settled", "what nobody waits for is applied before its row is on the disk", "I3 I5 I7"},
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
      {"second-provider-never-tried", "a page that the first provider refuses is given up", "I2 I3 I8"},
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
      {"breaker-opens-to-nothing", "a circuit opens though no later provider works", "I18"},
      {"breaker-opens-at-once", "a provider is passed over after one failure", "I18"},
      {"late-failure-forgotten", "what fails after it was taken goes to no other provider", "I2"},
      {"an-older-failure-fails-a-newer-try",
       "a failure that an earlier provider reports twice counts against the one that has the message by then",
       "I3"},
      {"a-reply-is-heard-on-any-contact",
       "who answers a text has heard the telephone that is still dialled, which is not tried again",
       "I2 I3 I8 I19"},
      {"a-test-takes-the-reply", "a test page takes the answer of somebody who is called", "I2 I3"},
      {"machine-counts-as-heard", "a telephone that nobody answered counts as heard", "I19"},
      {"reply-acts-twice", "a reply that is brought twice acts twice", "I20"},
      {"strangers-are-obeyed", "what a stranger writes counts as the first person's", "I19 I20"},
      {"nonsense-is-answered-for-ever", "whoever writes nonsense is answered each time", "I20"},
      {"turn-told-again", "a contact that fails again and again is told each time", "I3 I2"},
      {"turn-told-by-the-broken-contact", "that a contact fails is told by that contact", "I2 I3"},
      {"waits-for-the-budget", "above the budget nothing leaves until it has room", "I2 I17"},
      {"bundle-names-the-first", "of a bundle only the first incident is named", "I8 I16"},
      {"silence-begins-late", "what is silenced later than it was set is paged", "I3", true},
      {"silence-never-ends", "what was silenced stays so", "I2 I15 I9", true},
      {"maintenance-never-comes", "the hours of maintenance hold nothing", "I3 I4", true},
      {"inhibits-what-is-more-urgent", "a source of low urgency keeps back what is high", "I2 I3", true},
      {"nobody-waits-for-a-parent", "`hold` holds nothing", "I3", true},
      {"startup-grace-holds-nothing", "after a restart nobody waits for parents", "I3 I2", true},
      {"no-grace-after-a-parent",
       "when a parent or an inhibitor ends, what it kept back is paged at once",
       "I3 I4 I2",
       true},
      {"parent-holds-for-ever", "a parent keeps back what begins more than an hour after it", "I2", true},
      {"parent-folds-nothing", "what began before its parent is called for beside it", "I2 I3", true},
      {"limit-never-reached", "a parent that nobody was called for keeps others back for ever", "I2 I15", true},
      {"rings-stay-closed", "incidents that hold each other all stay held", "I2", true},
      {"hold-lets-the-climb-run", "a hold that comes while somebody is being called stops nothing", "I3 I15", true},
      {"late-acknowledgement-forgotten", "an acknowledgement that ran out during a hold is for ever", "I2", true},
      {"escalation-leaves-the-hold", "whoever escalates what is held is not heard", "I3 I15", true},
      {"storm-folds-nothing", "every climb begins, however many do", "I3 I2", true},
      {"storm-never-calms", "a storm folds for ever", "I2", true},
      {"storm-that-doubled-is-quiet", "an acknowledged storm whose members double calls nobody", "I2", true},
      {"flapping-goes-unseen", "what flaps begins and ends each time", "I3 I2", true},
      {"flapping-never-calms", "what has flapped stays open when it is calm", "I2 I9", true},
      {"interval-raises-nothing", "an open incident stays low when its hours begin", "I2 I3", true},
      {"beat-counts-for-nothing", "a heartbeat is missed though it beats", "I3", true},
      {"missed-heartbeat-is-kept-quiet", "a heartbeat that is missed is told to nobody", "I2", true},
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
