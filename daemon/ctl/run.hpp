// rousectl, the operator's command, as a function.
#pragma once

#include <ostream>

#include "daemon/ctl/environment.hpp"

namespace ctl {

enum ExitCode : int { done = 0, refused = 1, wrong_usage = 2, unreachable = 3 };

// Reads the arguments (argv[0] is the program's name), does what they say and returns the exit code. What was asked for
// goes to `out`, everything else (warnings, progress, errors) to `error`.
[[nodiscard]] int run(
    int argc, const char* const* argv, std::ostream& out, std::ostream& error, const Environment& environment);

}  // namespace ctl
