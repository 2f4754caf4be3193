// What the tree promises about itself and no compiler sees: who may include whom, what must stay out of the rules,
// which coroutine expressions g++ 12 miscompiles. Each check takes the tree as text and returns what breaks its
// promise, with what to write instead. Taste is left to people and clang-format.
//
// Add a check: a function here, one line in all_checks(), a planted violation in tidy_test.cpp.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/tidy/source.hpp"

namespace tidy {

struct Finding {
  std::string path;
  int line{};           // from 1; 0 = the file as a whole
  std::string message;  // says what to write instead
};
using Findings = std::vector<Finding>;

// Folders include only what architecture allows them: rules <- config; rules <- intake, words; journal and net stand
// alone; nothing points back.
[[nodiscard]] Findings layering(const Tree& tree);

// Every quoted include is a file of the tree, named from its root.
[[nodiscard]] Findings includes_from_the_root(const Tree& tree);

// Asio and Beast stay in daemon/net, and its headers that include them are included there alone; tests of net excepted.
[[nodiscard]] Findings asio_only_in_net(const Tree& tree);

// At most six files include Beast: each costs 10 to 20 seconds to compile.
[[nodiscard]] Findings few_beast_files(const Tree& tree);

// rules/ has no clock, thread, file, socket, random number, log or atomic.
[[nodiscard]] Findings rules_are_pure(const Tree& tree);

// A lambda that is a coroutine captures nothing: its captures die with the lambda, before the coroutine does.
[[nodiscard]] Findings no_capturing_coroutine_lambda(const Tree& tree);

// No lambda and no braces inside a full expression with co_await: g++ 12 destroys such temporaries twice.
[[nodiscard]] Findings plain_co_await(const Tree& tree);

// Tests and daemon wait for what they wait for; they do not sleep. Scripts and programs of tests/live excepted.
[[nodiscard]] Findings no_sleeping(const Tree& tree);

// Every header is included by another file.
[[nodiscard]] Findings no_orphan_header(const Tree& tree);

// Every header starts by saying what it is for.
[[nodiscard]] Findings header_says_what_it_is_for(const Tree& tree);

// Nothing is put off in rules/, config/ and daemon/.
[[nodiscard]] Findings nothing_put_off(const Tree& tree);

// No path of somebody's machine.
[[nodiscard]] Findings no_foreign_paths(const Tree& tree);

// Lines of code have at most 120 columns, in code points; what clang-format cannot break included.
[[nodiscard]] Findings line_length(const Tree& tree);

struct Check {
  const char* name;
  Findings (*run)(const Tree& tree);
  friend void PrintTo(const Check& check, std::ostream* stream) { *stream << check.name; }  // for gtest
};
[[nodiscard]] const std::vector<Check>& all_checks();

}  // namespace tidy
