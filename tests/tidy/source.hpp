// The source tree as text, for checks that read it. Files are named from the root of the tree with '/'.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct Include {
  std::string name;  // what stands between the quotes or brackets
  bool quoted{};
  int line{};  // from 1
};

struct Source {
  std::string path;
  std::string text;  // as it is in the file
  std::string code;  // text with comments, and what stands in quotes, replaced by blanks; same length, same lines

  [[nodiscard]] bool is_header() const { return path.ends_with(".hpp"); }
  [[nodiscard]] bool is_code() const { return is_header() || path.ends_with(".cpp"); }
  [[nodiscard]] bool is_below(std::string_view folder) const;  // "daemon/net" is below "daemon", "daemons/x" is not
};

using Tree = std::vector<Source>;

[[nodiscard]] Source make_source(std::string path, std::string text);

// Every file of the tree that is text and ours: build folders, .git and .quickstart are left out. Sorted by path.
[[nodiscard]] Tree read_tree(const std::filesystem::path& root);

[[nodiscard]] std::vector<Include> includes_of(const Source& source);

// The line, from 1, of this position in the text.
[[nodiscard]] int line_at(std::string_view text, std::size_t position);

}  // namespace tidy
