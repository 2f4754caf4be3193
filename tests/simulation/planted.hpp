// Bugs that can be planted into the daemon's sources where those are built for the simulation (ROUSE_MUTANTS): each is
// a promise broken on purpose, so that the observers show that they would notice. Nothing of this is in the daemon.
#pragma once

#include <array>
#include <string_view>

namespace simulation {

inline constexpr std::array<std::string_view, 4> mutants{
    "page-before-commit", "200-before-commit", "deadlines-not-rearmed", "no-look-before-send"};

void plant(std::string_view mutant);  // "" = none
[[nodiscard]] bool is_planted(std::string_view mutant);

}  // namespace simulation
