// Typed reading of a document: a Section is a map whose keys are taken one by one; what nobody took is unknown. All
// problems are collected, none stops the reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.hpp"
#include "config/problem.hpp"
#include "config/scalar.hpp"
#include "config/words.hpp"

namespace config {

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  void error(Place place, std::string_view message);
  void warning(Place place, std::string_view message);
  /// One warning by name for a key that acts_on() denies, however often it stands in the file.
  void note_use(Place place, const std::string& path);

  void add(std::vector<Problem> problems);
  [[nodiscard]] bool has_errors() const;
  /// More than anybody will read: what costs time to word may be left out.
  [[nodiscard]] bool is_full() const;
  /// In the order of the file, each once. Ends the use of this object.
  [[nodiscard]] std::vector<Problem> sorted();

  /// The text of a scalar that is not empty; else an error. `what` is how the message calls it.
  [[nodiscard]] std::optional<std::string> text(const Node& node, Place place, std::string_view what);

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::set<std::string, std::less<>> noted_;
};

/// A value with its place.
template <class Value>
struct Placed {
  Value value;
  Place place;
};

class Section {
 public:
  /// `path` as acts_on() knows it; `owner` is the place of the key that holds the section.
  Section(Reader& reader, const Node& node, Place owner, std::string path);
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  Section(Section&&) = delete;
  Section& operator=(Section&&) = delete;
  /// Unknown keys are reported.
  ~Section();

  [[nodiscard]] bool is_map() const { return is_map_; }
  [[nodiscard]] Place place() const { return owner_; }
  /// Null when it is absent, or empty (which is an error).
  [[nodiscard]] const Entry* take(std::string_view key);
  /// Absent is an error at the owner.
  [[nodiscard]] const Entry* need(std::string_view key);
  /// Every entry, for maps whose keys are names that users choose; bad names are reported and left out.
  [[nodiscard]] std::vector<const Entry*> named();

  // All of these: nothing when the key is absent or wrong; wrong is reported.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::string> needed_text(std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  [[nodiscard]] std::optional<std::uint32_t> count(std::string_view key, std::uint32_t least, std::uint32_t most);
  enum class Zero : std::uint8_t { is_wrong, is_fine };
  [[nodiscard]] std::optional<rules::Duration> duration(std::string_view key, Zero zero);
  /// A list of texts; empty ones are reported.
  [[nodiscard]] std::optional<std::vector<Placed<std::string>>> texts(std::string_view key);
  /// One of these words.
  [[nodiscard]] std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& words);

  /// Parses the scalar under the key.
  template <class Parse>
  [[nodiscard]] auto parsed(std::string_view key, const Parse& parse)
      -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
    const Entry* const entry = take(key);
    if (entry == nullptr) return std::nullopt;
    return parsed(*entry, parse);
  }
  template <class Parse>
  [[nodiscard]] auto needed(std::string_view key, const Parse& parse)
      -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
    const Entry* const entry = need(key);
    if (entry == nullptr) return std::nullopt;
    return parsed(*entry, parse);
  }

 private:
  template <class Parse>
  auto parsed(const Entry& entry, const Parse& parse)
      -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
    const std::optional<std::string> found = reader_.text(*entry.value, entry.place, entry.key);
    if (!found) return std::nullopt;
    auto value = parse(*found);
    if (value) return *std::move(value);
    reader_.error(entry.value->place, "`" + entry.key + "`: " + std::move(value).error());
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> plain(const Entry& entry, std::string_view what);

  Reader& reader_;
  const Node& node_;
  Place owner_;
  std::string path_;
  bool is_map_{};
  bool takes_all_{};
  std::vector<std::string> taken_;  // what this section knows, whether it is there or not
};

/// The items of a list; something else is an error. `what` names it in messages.
[[nodiscard]] std::vector<const Node*> items(Reader& reader, const Entry& entry);

}  // namespace config
