#include "tests/tidy/checks.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

namespace tidy {

namespace {

// Which folder may include which others, beside itself. A folder or file that stands below another here is one of its
// own: the ring is what threads of every folder hand each other values through, the lane is what passes between an I/O
// thread and the engine, the clock is the seam that a test turns. tests, bench and tools see all.
const std::map<std::string, std::vector<std::string>, std::less<>>& allowed_folders() {
  static const std::map<std::string, std::vector<std::string>, std::less<>> table{
      {"rules", {}},
      {"rules/codec", {"rules"}},
      {"config", {"rules", "rules/codec"}},
      {"daemon/intake", {"rules"}},
      {"daemon/words", {"rules"}},
      {"daemon/rehearse", {"rules", "rules/codec", "config", "daemon/intake", "daemon/words"}},
      {"daemon/ring.hpp", {}},
      {"daemon/clock.hpp", {"rules"}},
      {"daemon/lane.hpp", {"rules", "daemon/ring.hpp"}},
      {"daemon/mutant.hpp", {}},
      {"daemon/journal", {"daemon/ring.hpp"}},
      {"daemon/net", {"daemon/ring.hpp"}},
      {"daemon/links", {"rules", "daemon/net"}},
      {"daemon/channels",
       {"rules", "daemon/clock.hpp", "daemon/ring.hpp", "daemon/words", "daemon/net", "daemon/links"}},
      {"daemon/outbox",
       {"rules", "daemon/clock.hpp", "daemon/mutant.hpp", "daemon/lane.hpp", "daemon/words", "daemon/channels"}},
      {"daemon/api",
       {"rules",
        "config",
        "daemon/lane.hpp",
        "daemon/intake",
        "daemon/words",
        "daemon/net",
        "daemon/links",
        "daemon/rehearse"}},
      {"daemon/ctl",
       {"rules",
        "rules/codec",
        "config",
        "daemon/intake",
        "daemon/words",
        "daemon/rehearse",
        "daemon/journal",
        "daemon/net",
        "daemon/channels"}},
      {"daemon",
       {"rules",
        "rules/codec",
        "config",
        "daemon/clock.hpp",
        "daemon/ring.hpp",
        "daemon/lane.hpp",
        "daemon/mutant.hpp",
        "daemon/intake",
        "daemon/words",
        "daemon/rehearse",
        "daemon/journal",
        "daemon/net",
        "daemon/links",
        "daemon/channels",
        "daemon/outbox",
        "daemon/api"}},
  };
  return table;
}

// The most particular folder of the table that this path is in.
std::optional<std::string> folder_of(std::string_view path) {
  std::optional<std::string> found;
  for (const auto& [folder, allowed] : allowed_folders()) {
    const bool below = path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
    if (below && (!found || folder.size() > found->size())) found = folder;
  }
  return found;
}

bool is_asio(const Include& include) {
  return include.name.starts_with("boost/asio") || include.name.starts_with("boost/beast");
}

bool is_beast(const Include& include) {
  return include.name.starts_with("boost/beast");
}

// Adds a finding for every match of the pattern; the code, not the comments, is read.
void find_in_code(const Source& source, const re2::RE2& pattern, std::string_view message, Findings& findings) {
  std::string_view match;
  re2::StringPiece rest(source.code);
  re2::StringPiece group;
  while (re2::RE2::FindAndConsume(&rest, pattern, &group)) {
    match = std::string_view(group.data(), group.size());
    const auto position = static_cast<std::size_t>(match.data() - source.code.data());
    findings.push_back({source.path, line_at(source.code, position), fmt::format("{}: {}", match, message)});
  }
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The last position before `end` that is no blank; npos when there is none.
std::size_t last_before(std::string_view code, std::size_t end) {
  return end == 0 ? std::string_view::npos : code.find_last_not_of(" \n\t", end - 1);
}

// The word that ends at this position; "" when there is none.
std::string_view word_ending_at(std::string_view code, std::size_t last) {
  std::size_t begin = last + 1;
  while (begin > 0 && is_word(code[begin - 1])) --begin;
  return code.substr(begin, last + 1 - begin);
}

// The position of the bracket that the closing one at this position belongs to; npos when there is none.
std::size_t opening_of(std::string_view code, std::size_t closing) {
  const char close = code[closing];
  const char open = close == ')' ? '(' : close == ']' ? '[' : '{';
  int depth = 0;
  for (std::size_t index = closing + 1; index-- > 0;) {
    if (code[index] == close) ++depth;
    if (code[index] == open && --depth == 0) return index;
  }
  return std::string_view::npos;
}

// A brace that begins a block stands after a blank, and not where a value is expected: clang-format sees to the blank.
bool opens_block(std::string_view code, std::size_t brace) {
  if (brace == 0 || (code[brace - 1] != ' ' && code[brace - 1] != '\n')) return false;
  const std::size_t before = last_before(code, brace);
  if (before == std::string_view::npos) return true;
  if (std::string_view("=(,?:[+-&|<").find(code[before]) != std::string_view::npos) {
    // `case x: {` and `label: {` are blocks.
    return code[before] == ':';
  }
  const std::string_view word = word_ending_at(code, before);
  return word != "return" && word != "co_return" && word != "co_await" && word != "co_yield";
}

bool is_control(std::string_view word) {
  return word == "if" || word == "while" || word == "for" || word == "switch" || word == "constexpr";
}

struct Span {
  std::size_t begin{};
  std::size_t end{};
};

// The full expression around the co_await at this position.
Span full_expression(std::string_view code, std::size_t position) {
  Span span{position, position};
  std::vector<bool> control;  // of each open parenthesis around it, innermost first
  std::size_t index = position;
  while (index > 0) {
    const char c = code[index - 1];
    if (c == ')' || c == ']') {
      const std::size_t opening = opening_of(code, index - 1);
      if (opening == std::string_view::npos) break;
      index = opening;
      continue;
    }
    if (c == '(' || c == '[') {
      const std::size_t before = last_before(code, index - 1);
      const bool is_header = c == '(' && before != std::string_view::npos && is_control(word_ending_at(code, before));
      if (is_header) break;
      control.push_back(false);
    } else if (c == ';') {
      break;
    } else if (c == '{') {
      if (opens_block(code, index - 1)) break;
    } else if (c == '}') {
      const std::size_t opening = opening_of(code, index - 1);
      if (opening == std::string_view::npos || opens_block(code, opening)) break;
      index = opening;
      continue;
    }
    --index;
  }
  span.begin = index;

  std::size_t depth = control.size();
  std::size_t braces = 0;
  for (span.end = position; span.end < code.size(); ++span.end) {
    const char c = code[span.end];
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') {
      if (depth == 0) break;
      --depth;
    }
    if (c == '{') ++braces;
    if (c == '}') {
      if (braces == 0) break;
      --braces;
    }
    if (c == ';' && braces == 0) break;
  }
  return span;
}

}  // namespace

Findings layering(const Tree& tree) {
  Findings findings;
  for (const Source& source : tree) {
    const std::optional<std::string> from = folder_of(source.path);
    if (!source.is_code() || !from) continue;
    const std::vector<std::string>& allowed = allowed_folders().find(*from)->second;
    for (const Include& include : includes_of(source)) {
      if (!include.quoted) continue;
      const std::optional<std::string> to = folder_of(include.name);
      if (to && (*to == *from || std::ranges::find(allowed, *to) != allowed.end())) continue;
      if (!to && !include.name.starts_with("tests/") && !include.name.starts_with("bench/") &&
          !include.name.starts_with("tools/")) {
        continue;  // includes_from_the_root speaks of it
      }
      findings.push_back({source.path,
                          include.line,
                          fmt::format("{} may not include {}: {} sees {}; hand it a value or a function, or move what "
                                      "both need into a folder that both see",
                                      *from,
                                      include.name,
                                      *from,
                                      allowed.empty() ? "itself alone" : fmt::format("{}", fmt::join(allowed, ", ")))});
    }
  }
  return findings;
}

Findings includes_from_the_root(const Tree& tree) {
  std::set<std::string_view> paths;
  for (const Source& source : tree) paths.insert(source.path);
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    for (const Include& include : includes_of(source)) {
      if (!include.quoted || paths.contains(include.name)) continue;
      findings.push_back(
          {source.path,
           include.line,
           fmt::format("\"{}\" is no file of the tree: name ours from the root (\"rules/time.hpp\"), and "
                       "others' in <>",
                       include.name)});
    }
  }
  return findings;
}

Findings asio_only_in_net(const Tree& tree) {
  const auto in_net = [](const Source& source) {
    return source.is_below("daemon/net") || source.is_below("tests/daemon/net");
  };
  std::set<std::string> internal;  // headers of net that bring Asio with them, also through others
  for (bool grew = true; grew;) {
    grew = false;
    for (const Source& source : tree) {
      if (!source.is_header() || !in_net(source) || internal.contains(source.path)) continue;
      for (const Include& include : includes_of(source)) {
        if (is_asio(include) || internal.contains(include.name)) grew = internal.insert(source.path).second || grew;
      }
    }
  }
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code() || in_net(source)) continue;
    for (const Include& include : includes_of(source)) {
      if (is_asio(include)) {
        findings.push_back(
            {source.path,
             include.line,
             fmt::format("<{}> belongs into daemon/net: use what daemon/net offers, or add it there behind a "
                         "header without Asio",
                         include.name)});
      } else if (internal.contains(include.name)) {
        findings.push_back(
            {source.path,
             include.line,
             fmt::format("{} brings Asio with it and is internal to daemon/net: include one of its headers "
                         "without Asio",
                         include.name)});
      }
    }
  }
  return findings;
}

Findings few_beast_files(const Tree& tree) {
  constexpr std::size_t most = 6;
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    const std::vector<Include> includes = includes_of(source);
    const auto beast = std::ranges::find_if(includes, is_beast);
    if (beast == includes.end()) continue;
    findings.push_back(
        {source.path,
         beast->line,
         fmt::format("more than {} files include Beast, and each costs 10 s or more to compile: put it into "
                     "a file of daemon/net that includes it already",
                     most)});
  }
  return findings.size() > most ? findings : Findings();
}

Findings rules_are_pure(const Tree& tree) {
  static const std::map<std::string, std::string, std::less<>> banned{
      {"thread", "threads belong to daemon/"},
      {"mutex", "the State has one writer; nothing is shared"},
      {"shared_mutex", "the State has one writer; nothing is shared"},
      {"condition_variable", "waiting belongs to daemon/"},
      {"atomic", "the State has one writer; nothing is shared"},
      {"future", "threads belong to daemon/"},
      {"random", "draw numbers outside and pass them in an event"},
      {"fstream", "read in config/ or daemon/ and pass the bytes"},
      {"iostream", "return text; writing belongs to daemon/"},
      {"filesystem", "read in config/ or daemon/ and pass the bytes"},
      {"spdlog/", "record a Reason; logging belongs to daemon/"},
      {"boost/asio", "the network belongs to daemon/net"},
      {"boost/beast", "the network belongs to daemon/net"},
      {"sqlite3.h", "the store belongs to daemon/journal"},
      {"unistd.h", "the system belongs to daemon/"},
      {"sys/", "the system belongs to daemon/"},
  };
  static const re2::RE2 clock(R"((\w+::now\s*\())");
  static const re2::RE2 words(
      R"(\b(random_device|getenv|std::this_thread|std::rand|srand|gettimeofday|clock_gettime|std::time)\s*[({:])");
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code() || !source.is_below("rules")) continue;
    for (const Include& include : includes_of(source)) {
      for (const auto& [name, instead] : banned) {
        const bool is_folder = name.ends_with('/') || name.starts_with("boost/");
        if (is_folder ? include.name.starts_with(name) : include.name == name) {
          findings.push_back({source.path, include.line, fmt::format("no <{}> in rules/: {}", include.name, instead)});
        }
      }
    }
    find_in_code(source, clock, "rules/ has no clock: take the Stamp or Instant of the event as an argument", findings);
    find_in_code(
        source, words, "rules/ decides from its arguments alone: pass it in an event or in the Policy", findings);
  }
  return findings;
}

Findings no_capturing_coroutine_lambda(const Tree& tree) {
  static const re2::RE2 returns(R"((->\s*(?:\w+::)*awaitable\s*<))");
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    const std::string_view code = source.code;
    re2::StringPiece rest(source.code);
    re2::StringPiece match;
    while (re2::RE2::FindAndConsume(&rest, returns, &match)) {
      const auto arrow = static_cast<std::size_t>(match.data() - code.data());
      std::size_t last = last_before(code, arrow);
      while (last != std::string_view::npos &&
             (word_ending_at(code, last) == "mutable" || word_ending_at(code, last) == "noexcept")) {
        last = last_before(code, last + 1 - word_ending_at(code, last).size());
      }
      if (last != std::string_view::npos && code[last] == ')') {
        const std::size_t opening = opening_of(code, last);
        last = opening == std::string_view::npos ? opening : last_before(code, opening);
      }
      if (last == std::string_view::npos || code[last] != ']') continue;
      const std::size_t opening = opening_of(code, last);
      if (opening == std::string_view::npos) continue;
      const std::string_view captures = code.substr(opening + 1, last - opening - 1);
      if (captures.find_first_not_of(" \n\t") == std::string_view::npos) continue;
      findings.push_back(
          {source.path,
           line_at(code, opening),
           fmt::format("a coroutine lambda that captures [{}]: its captures die before it does; write a free "
                       "function that takes them as parameters",
                       captures)});
    }
  }
  return findings;
}

Findings plain_co_await(const Tree& tree) {
  static const re2::RE2 awaits(R"(\b(co_await)\b)");
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    const std::string_view code = source.code;
    re2::StringPiece rest(source.code);
    re2::StringPiece match;
    std::size_t past = 0;  // end of the last expression that was found wanting: one finding each
    while (re2::RE2::FindAndConsume(&rest, awaits, &match)) {
      const auto position = static_cast<std::size_t>(match.data() - code.data());
      if (position < past) continue;
      const Span span = full_expression(code, position);
      const std::size_t brace = code.substr(span.begin, span.end - span.begin).find('{');
      if (brace == std::string_view::npos) continue;
      past = span.end;
      findings.push_back(
          {source.path,
           line_at(code, position),
           "a lambda or braces in an expression with co_await, which g++ 12 miscompiles (double free): give "
           "it a name on a line of its own, or call a constructor with parentheses"});
    }
  }
  return findings;
}

Findings no_sleeping(const Tree& tree) {
  static const re2::RE2 sleeps(R"((\bsleep_for|\bsleep_until|\busleep|nanosleep|\W::sleep)\s*\()");
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code() || source.is_below("tests/live")) continue;
    if (!source.is_below("tests") && !source.is_below("daemon")) continue;
    find_in_code(source,
                 sleeps,
                 "wait for the thing itself (a condition variable, a future, the Clock given), with a deadline",
                 findings);
  }
  return findings;
}

Findings no_orphan_header(const Tree& tree) {
  std::set<std::string> included;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    for (const Include& include : includes_of(source)) {
      if (include.quoted && include.name != source.path) included.insert(include.name);
    }
  }
  Findings findings;
  for (const Source& source : tree) {
    if (source.is_header() && !included.contains(source.path)) {
      findings.push_back(
          {source.path, 0, "nobody includes this header: remove it, or include it where it is meant to be"});
    }
  }
  return findings;
}

Findings header_says_what_it_is_for(const Tree& tree) {
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_header()) continue;
    if (source.text.starts_with("//") || source.text.starts_with("/*")) continue;
    findings.push_back(
        {source.path, 1, "a header starts with a comment: what it is for, who owns what, errors, thread"});
  }
  return findings;
}

Findings nothing_put_off(const Tree& tree) {
  static const re2::RE2 marks(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_below("rules") && !source.is_below("config") && !source.is_below("daemon")) continue;
    re2::StringPiece rest(source.text);
    re2::StringPiece match;
    while (re2::RE2::FindAndConsume(&rest, marks, &match)) {
      const auto position = static_cast<std::size_t>(match.data() - source.text.data());
      findings.push_back({source.path,
                          line_at(source.text, position),
                          fmt::format("{}: do it, or leave it out and open an issue", match.ToString())});
    }
  }
  return findings;
}

Findings no_foreign_paths(const Tree& tree) {
  // In two pieces, or this file would find itself.
  static const re2::RE2 paths(
      "(?:^|[\\s\"'=(`:,])(/"
      "work/|/home/[a-z]|/root/|/Users/[A-Za-z])");
  Findings findings;
  for (const Source& source : tree) {
    if (source.path == "LICENSE" || source.path == "tests/tidy/tidy_test.cpp") continue;
    re2::StringPiece rest(source.text);
    re2::StringPiece match;
    while (re2::RE2::FindAndConsume(&rest, paths, &match)) {
      const auto position = static_cast<std::size_t>(match.data() - source.text.data());
      findings.push_back(
          {source.path,
           line_at(source.text, position),
           fmt::format("{}... is a path of one machine: derive it from the source or build folder", match.ToString())});
    }
  }
  return findings;
}

Findings line_length(const Tree& tree) {
  constexpr std::size_t most = 120;
  Findings findings;
  for (const Source& source : tree) {
    if (!source.is_code()) continue;
    const std::string_view text = source.text;
    int number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      ++number;
      const auto columns = static_cast<std::size_t>(std::ranges::count_if(
          text.substr(begin, end - begin), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
      if (columns > most) {
        findings.push_back({source.path, number, fmt::format("{} columns: break it at {}", columns, most)});
      }
      begin = end + 1;
    }
  }
  return findings;
}

const std::vector<Check>& all_checks() {
  static const std::vector<Check> checks{
      {"layering", layering},
      {"includes_from_the_root", includes_from_the_root},
      {"asio_only_in_net", asio_only_in_net},
      {"few_beast_files", few_beast_files},
      {"rules_are_pure", rules_are_pure},
      {"no_capturing_coroutine_lambda", no_capturing_coroutine_lambda},
      {"plain_co_await", plain_co_await},
      {"no_sleeping", no_sleeping},
      {"no_orphan_header", no_orphan_header},
      {"header_says_what_it_is_for", header_says_what_it_is_for},
      {"nothing_put_off", nothing_put_off},
      {"no_foreign_paths", no_foreign_paths},
      {"line_length", line_length},
  };
  return checks;
}

}  // namespace tidy
