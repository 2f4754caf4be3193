// What is wrong, or at least strange, at one place of a configuration file.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace config {

/// Where something stands. Lines count from 1, columns count bytes from 1, as compilers do.
struct Place {
  int line{1};
  int column{1};
  auto operator<=>(const Place&) const = default;
};

enum class Severity : std::uint8_t { error, warning };

struct Problem {
  Severity severity{Severity::error};
  std::string file;
  int line{1};
  int column{1};
  std::string message;
  bool operator==(const Problem&) const = default;
};

/// `rouse.yml:3:5: unknown key ...`, a warning as `rouse.yml:3:5: warning: ...`.
[[nodiscard]] std::string print(const Problem& problem);

/// One line each, every one with a line break at its end.
[[nodiscard]] std::string print(const std::vector<Problem>& problems);

}  // namespace config
