// What CMake needs a source for, to precompile headers.hpp: see rouse.cmake.
#include "cmake/headers.hpp"

int main() {
  return 0;
}
