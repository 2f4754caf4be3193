#include "config/document.hpp"

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "config/words.hpp"

namespace config {

namespace {

constexpr std::string_view template_hint = "{{ }} is not a value of YAML: put the whole text in quotes";

// Ends the reading from within yaml-cpp's callbacks; never leaves this file.
class Stopped : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "stopped"; }
};

Place place_of(const YAML::Mark& mark) {
  return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
}

// How many bytes the character at the front of the text has; 0 when it is not UTF-8 (RFC 3629).
std::size_t character_size(std::string_view text) {
  const auto byte = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return follows(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    if (first == 0xE0U && byte(1) < 0xA0U) return 0;
    if (first == 0xEDU && byte(1) >= 0xA0U) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    if (first == 0xF0U && byte(1) < 0x90U) return 0;
    if (first == 0xF4U && byte(1) >= 0x90U) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// The first byte that no YAML text may have, and why.
std::optional<std::pair<Place, std::string>> bad_byte(std::string_view text) {
  Place place;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = character_size(text.substr(i));
    if (size == 0) return std::pair{place, fmt::format("byte 0x{:02X} is not UTF-8", byte)};
    const bool is_control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
    if (is_control) return std::pair{place, fmt::format("control character 0x{:02X} is not allowed", byte)};
    place.column += static_cast<int>(size);
    if (byte == '\n') place = {place.line + 1, 1};
    i += size;
  }
  return std::nullopt;
}

// Lets an istream read a text that it does not own.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // std::streambuf wants mutable characters, though reading changes none.
    char* const begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

class Builder : public YAML::EventHandler {
 public:
  Builder(Document& document, const std::string& file) : document_(document), file_(file) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ < 2) return;
    report(place_of(mark), "a second YAML document begins here; one file holds one configuration");
    throw Stopped();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // yaml-cpp gives the place of whatever comes next.
    const bool is_value = !open_.empty() && open_.back().node->kind == NodeKind::map && open_.back().has_key;
    const Place place = is_value ? open_.back().key_place : place_of(mark);
    if (expects_key()) return take_key({}, place, "a key is missing here");
    add(make(NodeKind::null, place, anchor), 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Place place = place_of(mark);
    if (expects_key()) return take_key({}, place, "an alias cannot be a key");
    const auto found = anchors_.find(anchor);
    const bool is_open = found != anchors_.end() && std::any_of(open_.begin(), open_.end(), [&found](const Open& open) {
                           return open.node == found->second.node;
                         });
    if (found == anchors_.end() || is_open) {
      report(place, "this alias stands within what it names");
      throw Stopped();
    }
    add(found->second.node, found->second.size);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    const Place place = place_of(mark);
    check_tag(place, tag);
    if (expects_key()) {
      if (tag == "?" && value == "<<") return take_key({}, place, "merge keys are not read; write the keys out");
      return take_key(value, place, {});
    }
    Node* const node = make(NodeKind::scalar, place, anchor);
    node->text = value;
    node->is_quoted = tag != "?";
    add(node, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    begin(NodeKind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    begin(NodeKind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { end(); }

  void report(Place place, std::string_view message) {
    document_.problems.push_back({Severity::error, file_, place.line, place.column, all_seen(message)});
  }

  // What was opened with [ or { and is not closed yet, innermost first.
  [[nodiscard]] const Node* open_bracket() const {
    return !open_.empty() && open_.back().node->is_flow ? open_.back().node : nullptr;
  }

 private:
  struct Open {
    Node* node{};
    bool is_key{};         // a list or map in the place of a key: read past, reported
    bool is_within_key{};  // of such a one nothing more is said
    bool has_key{};
    bool is_ignored{};  // the key was reported
    std::string key;
    Place key_place;
    std::unordered_map<std::string, int> lines;  // of the keys so far
    std::size_t size{1};
    YAML::anchor_t anchor{};
  };
  struct Anchored {
    const Node* node{};
    std::size_t size{};
  };

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node->kind == NodeKind::map && !open_.back().has_key;
  }

  void check_tag(Place place, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") report(place, "tags are not read; leave out " + shown(tag));
  }

  Node* make(NodeKind kind, Place place, YAML::anchor_t anchor) {
    count(1, place);
    Node* const node = &document_.nodes.emplace_back();
    node->kind = kind;
    node->place = place;
    if (anchor != 0) anchors_[anchor] = {node, 1};
    return node;
  }

  void count(std::size_t size, Place place) {
    total_ += size;
    if (total_ <= node_limit) return;
    report(place, fmt::format("more than {} values, aliases written out", node_limit));
    throw Stopped();
  }

  void take_key(const std::string& key, Place place, std::string_view complaint) {
    Open& open = open_.back();
    open.has_key = true;
    open.key = key;
    open.key_place = place;
    open.is_ignored = !complaint.empty();
    if (open.is_ignored) {
      if (!open.is_key && !open.is_within_key) report(place, std::string(complaint));
      return;
    }
    const auto [first, is_new] = open.lines.emplace(key, place.line);
    if (is_new) return;
    open.is_ignored = true;
    report(place, fmt::format("key {} is written twice, first in line {}", shown(key), first->second));
  }

  void add(const Node* node, std::size_t size) {
    if (open_.empty()) {
      if (document_.root == nullptr) document_.root = node;
      return;
    }
    Open& open = open_.back();
    if (size > 1) count(size - 1, node->place);  // the node itself was counted when it was made, its copies are not
    open.size += size;
    if (open.node->kind == NodeKind::list) {
      open.node->items.push_back(node);
      return;
    }
    if (!open.is_ignored) open.node->entries.push_back({std::move(open.key), open.key_place, node});
    open.has_key = false;
  }

  void begin(NodeKind kind,
             const YAML::Mark& mark,
             const std::string& tag,
             YAML::anchor_t anchor,
             YAML::EmitterStyle::value style) {
    const Place place = place_of(mark);
    check_tag(place, tag);
    if (open_.size() >= depth_limit) {
      report(place, fmt::format("nested deeper than {} levels", depth_limit));
      throw Stopped();
    }
    Open open;
    open.is_key = expects_key();
    open.is_within_key = !open_.empty() && (open_.back().is_key || open_.back().is_within_key);
    if (open.is_key) {
      const bool is_template =
          kind == NodeKind::map && open_.back().node->is_flow && open_.back().node->entries.empty();
      const Place where = is_template ? open_.back().node->place : place;
      take_key({}, where, is_template ? template_hint : std::string_view("a list or a map cannot be a key"));
    }
    open.node = make(kind, place, anchor);
    open.node->is_flow = style == YAML::EmitterStyle::Flow;
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void end() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    if (closed.anchor != 0) anchors_[closed.anchor].size = closed.size;
    if (closed.is_key) return;
    // What it holds has been counted already.
    total_ -= std::min(total_, closed.size - 1);
    add(closed.node, closed.size);
  }

  Document& document_;
  const std::string& file_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::size_t total_{};
  int documents_{};
};

std::string_view line_at(std::string_view text, int line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// yaml-cpp's complaint in words that say what to do.
std::string explained(const YAML::Exception& error, Place place, std::string_view text, const Builder& builder) {
  const std::string_view line = line_at(text, place.line);
  const std::size_t indent = line.find_first_not_of(" \t");
  if (line.substr(0, indent).find('\t') != std::string_view::npos) return "a tab cannot indent in YAML; use blanks";
  std::string message = "not YAML: " + error.msg;
  if (const Node* const bracket = builder.open_bracket())
    message += fmt::format(" (the {} of line {}, column {} is still open)",
                           bracket->kind == NodeKind::list ? "[" : "{",
                           bracket->place.line,
                           bracket->place.column);
  return message;
}

}  // namespace

Document read_document(std::string_view text, const std::string& file_name) {
  Document document;
  Builder builder(document, file_name);
  if (text.size() > file_limit_bytes) {
    builder.report({}, fmt::format("the file is larger than {} MiB", file_limit_bytes / 1024 / 1024));
    return document;
  }
  if (const auto bad = bad_byte(text)) {
    builder.report(bad->first, bad->second);
    return document;
  }
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  bool is_whole = false;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    is_whole = true;
  } catch (const Stopped&) {
    // Reported where it was thrown.
  } catch (const YAML::Exception& error) {
    const Place place = place_of(error.mark);
    builder.report(place, explained(error, place, text, builder));
  } catch (const std::exception& error) {
    builder.report({}, fmt::format("not YAML: {}", error.what()));
  }
  if (!is_whole) {
    document.root = nullptr;
  } else if (document.root == nullptr) {
    builder.report({}, "the file is empty");
  }
  return document;
}

}  // namespace config
