// ROUSE_MUTANT("name"): a place where the simulation plants a bug, to show that its observers would notice one. In the
// product it is the constant false; only the copies that tests/simulation builds for itself ask whether one is planted.
#pragma once

#ifdef ROUSE_MUTANTS
#include <string_view>
namespace simulation {
[[nodiscard]] bool is_planted(std::string_view mutant);
}
#define ROUSE_MUTANT(name) (::simulation::is_planted(name))
#else
#define ROUSE_MUTANT(name) false
#endif
