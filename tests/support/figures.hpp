// Figures that a test has measured, for whoever writes them down: one line "name<TAB>value" each, appended to
// $ROUSE_FIGURES/PART.tsv. Nothing happens when the variable is not set.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace support {

template <typename Value>
void figure(std::string_view part, std::string_view name, const Value& value) {
  const char* const folder = std::getenv("ROUSE_FIGURES");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (folder == nullptr || *folder == '\0') return;
  std::ofstream out{std::string{folder} + '/' + std::string{part} + ".tsv", std::ios::app};
  out << name << '\t' << value << '\n';
}

}  // namespace support
