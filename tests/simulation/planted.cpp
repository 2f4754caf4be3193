#include "tests/simulation/planted.hpp"

namespace simulation {
namespace {

std::string_view& planted() {
  static std::string_view mutant;
  return mutant;
}

}  // namespace

void plant(std::string_view mutant) {
  planted() = mutant;
}

bool is_planted(std::string_view mutant) {
  return planted() == mutant;
}

}  // namespace simulation
