#include <iostream>

#include "daemon/ctl/run.hpp"
#include "daemon/ctl/system.hpp"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return ctl::run(argc, argv, std::cout, std::cerr, ctl::system_environment());
}
