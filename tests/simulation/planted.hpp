// Bugs that can be planted into the copies of the daemon's sources that are built for the program simulation_mutants
// (ROUSE_MUTANTS): each is a promise broken on purpose, where such a bug would be made, so that the observers show that
// they would notice. Nothing of this is in the daemon, nor in the program `simulation`.
//
// The observers are linked with the same copies: as with a bug that somebody made, nothing is found by comparing a rule
// that is broken with one that is not.
#pragma once

#include <string_view>
#include <vector>

namespace simulation {

struct Mutant {
  std::string_view name;
  std::string_view bug;     // what it does wrong
  std::string_view breaks;  // the invariants that it can be seen to break: "I2 I9"
  bool correlated{};        // only plans of --correlated can show it
};

[[nodiscard]] const std::vector<Mutant>& mutants();
[[nodiscard]] const Mutant* find_mutant(std::string_view name);
[[nodiscard]] bool can_plant();       // whether this program was built with them
void plant(std::string_view mutant);  // "" = none; the text must outlive the runs
[[nodiscard]] bool is_planted(std::string_view mutant);

}  // namespace simulation
