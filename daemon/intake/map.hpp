// How the foreign JSON of a source becomes alerts, made ready for reading: all JSON pointers of a map as one tree, so
// that each item is walked once however many places are wanted. Never changes once it is built: any thread may read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/alert.hpp"
#include "rules/policy.hpp"

namespace intake {

class Map {
 public:
  enum class Part : std::uint8_t { label, annotation, status, starts_at, ends_at };

  // A place of an item that is wanted.
  struct Wanted {
    Part part{};
    std::string name;  // of a label or an annotation
  };
  // One step of a pointer: the name of a member, and the index of an element when it can be one.
  struct Step {
    std::string name;
    std::optional<std::size_t> index;
  };
  struct Node {
    std::vector<std::pair<Step, std::size_t>> children;  // with the node that they lead to
    std::vector<std::size_t> wanted;                     // in wanted(): what is at this place itself
  };

  explicit Map(const rules::FieldMap& fields);

  // The way to the list of alerts. What is there is one alert when it is no list; an empty way leads to the body.
  [[nodiscard]] const std::vector<Step>& each() const { return each_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }  // the first is an item as a whole
  [[nodiscard]] const std::vector<Wanted>& wanted() const { return wanted_; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& constants() const { return constants_; }

  [[nodiscard]] bool has_status() const { return has_status_; }
  // Nothing for what the map does not know. When it lists no firing states, all fire but those that it lists as
  // resolved.
  [[nodiscard]] std::optional<rules::ReportStatus> status_of(std::string_view text) const;

 private:
  void want(std::string_view pointer, Part part, std::string_view name);

  std::vector<Step> each_;
  std::vector<Node> nodes_{1};
  std::vector<Wanted> wanted_;
  std::vector<std::pair<std::string, std::string>> constants_;
  bool has_status_{};
  std::vector<std::string> firing_;
  std::vector<std::string> resolved_;
};

}  // namespace intake
