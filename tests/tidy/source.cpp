#include "tests/tidy/source.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace tidy {

namespace {

constexpr std::array<std::string_view, 5> skipped_folders{"build", ".git", ".quickstart", ".cache", ".vscode"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Blanks out [begin, end) and keeps the ends of lines.
void blank(std::string& code, std::size_t begin, std::size_t end) {
  for (std::size_t index = begin; index < std::min(end, code.size()); ++index) {
    if (code[index] != '\n') code[index] = ' ';
  }
}

// The position after the literal that opens with this quote; a line's end closes it too, as in broken code.
std::size_t end_of_literal(std::string_view text, std::size_t open) {
  for (std::size_t index = open + 1; index < text.size(); ++index) {
    if (text[index] == '\\') {
      ++index;
    } else if (text[index] == text[open] || text[index] == '\n') {
      return index + 1;
    }
  }
  return text.size();
}

// The position after R"delimiter( ... )delimiter" whose quote stands at `open`.
std::size_t end_of_raw_literal(std::string_view text, std::size_t open) {
  const std::size_t parenthesis = text.find('(', open);
  if (parenthesis == std::string_view::npos) return text.size();
  const std::string closing = ")" + std::string(text.substr(open + 1, parenthesis - open - 1)) + "\"";
  const std::size_t end = text.find(closing, parenthesis);
  return end == std::string_view::npos ? text.size() : end + closing.size();
}

std::string code_of(std::string_view text) {
  std::string code(text);
  std::size_t index = 0;
  while (index < text.size()) {
    const char c = text[index];
    std::size_t end = index + 1;
    if (text.substr(index, 2) == "//") {
      end = std::min(text.find('\n', index), text.size());
      blank(code, index, end);
    } else if (text.substr(index, 2) == "/*") {
      const std::size_t close = text.find("*/", index + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      blank(code, index, end);
    } else if (c == '"' && index > 0 && text[index - 1] == 'R' && (index < 2 || !is_word(text[index - 2]))) {
      end = end_of_raw_literal(text, index);
      blank(code, index + 1, end - 1);
    } else if (c == '"' || (c == '\'' && (index == 0 || !is_word(text[index - 1])))) {
      end = end_of_literal(text, index);
      blank(code, index + 1, end - 1);
    }
    index = end;
  }
  return code;
}

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

std::optional<Include> include_in(std::string_view line, int number) {
  line = trimmed(line);
  if (!line.starts_with('#')) return std::nullopt;
  line = trimmed(line.substr(1));
  if (!line.starts_with("include")) return std::nullopt;
  line = trimmed(line.substr(7));
  if (line.empty() || (line.front() != '"' && line.front() != '<')) return std::nullopt;
  const bool quoted = line.front() == '"';
  const std::size_t end = line.find(quoted ? '"' : '>', 1);
  if (end == std::string_view::npos) return std::nullopt;
  return Include{std::string(line.substr(1, end - 1)), quoted, number};
}

}  // namespace

bool Source::is_below(std::string_view folder) const {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

Source make_source(std::string path, std::string text) {
  Source source;
  source.path = std::move(path);
  source.code = code_of(text);
  source.text = std::move(text);
  return source;
}

Tree read_tree(const std::filesystem::path& root) {
  Tree tree;
  for (auto entry = std::filesystem::recursive_directory_iterator(root);
       entry != std::filesystem::recursive_directory_iterator();
       ++entry) {
    if (entry->is_directory()) {
      if (std::ranges::find(skipped_folders, entry->path().filename().string()) != skipped_folders.end()) {
        entry.disable_recursion_pending();
      }
      continue;
    }
    if (!entry->is_regular_file()) continue;
    std::ifstream file(entry->path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (text.find('\0') != std::string::npos) continue;  // golden files and other bytes
    tree.push_back(make_source(entry->path().lexically_relative(root).generic_string(), std::move(text)));
  }
  std::ranges::sort(tree, {}, &Source::path);
  return tree;
}

std::vector<Include> includes_of(const Source& source) {
  std::vector<Include> found;
  int number = 0;
  std::size_t begin = 0;
  while (begin < source.text.size()) {
    const std::size_t end = std::min(source.text.find('\n', begin), source.text.size());
    ++number;
    // The code tells whether the line is commented out, the text has the name.
    const std::string_view code = std::string_view(source.code).substr(begin, end - begin);
    if (trimmed(code).starts_with('#')) {
      if (auto include = include_in(std::string_view(source.text).substr(begin, end - begin), number)) {
        found.push_back(std::move(*include));
      }
    }
    begin = end + 1;
  }
  return found;
}

int line_at(std::string_view text, std::size_t position) {
  return 1 + static_cast<int>(std::ranges::count(text.substr(0, position), '\n'));
}

}  // namespace tidy
