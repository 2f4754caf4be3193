// A YAML text as a tree of nodes with places: what yaml-cpp reads, held to rules that it does not keep. Duplicate keys,
// merge keys, tags, second documents, bytes that are not UTF-8 and texts made to exhaust memory are problems here.
// Scalars stay text; whoever knows the schema gives them a type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace config {

inline constexpr std::size_t file_limit_bytes = 10 * 1024 * 1024;
inline constexpr std::size_t depth_limit = 64;
inline constexpr std::size_t node_limit = 500'000;  // with aliases written out

enum class NodeKind : std::uint8_t { null, scalar, list, map };

struct Node;

struct Entry {
  std::string key;
  Place place;
  const Node* value{};  // never null
};

struct Node {
  NodeKind kind{NodeKind::null};
  Place place;
  std::string text;                // of a scalar
  bool is_quoted{};                // or a block scalar
  bool is_flow{};                  // written with [ ] or { }
  std::vector<const Node*> items;  // of a list
  std::vector<Entry> entries;      // of a map, in order, each key once
};

/// Owns its nodes. `root` is null when the text cannot be read as YAML at all; then there is at least one problem.
struct Document {
  std::deque<Node> nodes;
  const Node* root{};
  std::vector<Problem> problems;
};

/// Any bytes are safe to pass; nothing is thrown.
[[nodiscard]] Document read_document(std::string_view text, const std::string& file_name);

}  // namespace config
