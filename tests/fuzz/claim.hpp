// What a fuzz target promises. A claim that does not hold ends the process with its words on stderr, which libFuzzer
// takes for a crash and keeps the input of.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

// The name that libFuzzer links to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

[[noreturn]] inline void broken(std::string_view what) {
  std::fflush(stdout);
  std::fprintf(stderr, "CLAIM BROKEN: %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stderr);
  std::abort();
}

inline void claim(bool holds, std::string_view what) {
  if (!holds) broken(what);
}

// The words are made only when it does not hold.
template <class... Arguments>
void claim(bool holds, fmt::format_string<Arguments...> what, Arguments&&... arguments) {
  if (!holds) broken(fmt::format(what, std::forward<Arguments>(arguments)...));
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes here
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace fuzz
