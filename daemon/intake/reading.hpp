// What all formats share: one body is read once, alert by alert, into one Parsed; and Alertmanager's alerts themselves.
// Lives for one body; its buffers are borrowed from the Parser. Used within intake only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/intake/intake.hpp"
#include "daemon/intake/json.hpp"
#include "rules/labels.hpp"
#include "rules/time.hpp"

namespace intake {

// Memory that is worth keeping from body to body.
struct Scratch {
  struct Pair {
    std::string_view name;
    std::string_view value;
    std::size_t order;  // in which the sender wrote it
  };
  std::vector<Pair> pairs;
  std::deque<std::string> made;  // texts that views of `pairs` point to and the body does not hold
};

class Reading {
 public:
  Reading(const Context& context,
          rules::ReportForm form,
          std::size_t body_bytes,
          json::Document& document,
          Scratch& scratch);

  // A value as a set of labels, a URL or a number sees it.
  struct Text {
    enum class Form : std::uint8_t { null, string, number, boolean, compound };
    Form form{Form::null};
    std::string_view view;  // empty for null
  };
  [[nodiscard]] json::Error text(json::Value value, std::size_t depth, Text& text);

  // The batch itself, of alerts as Alertmanager writes them. Forgets the reports of an earlier call: of a field that
  // comes twice, the last counts.
  [[nodiscard]] json::Error alerts(json::Array array, std::size_t depth);

  // For formats that find the parts of an alert themselves. An alert begins, its pairs are gathered in pairs() (their
  // texts must last until the alert is taken) and become labels or annotations, and it is taken or rejected.
  void begin_batch();
  void begin_alert();
  [[nodiscard]] std::vector<Scratch::Pair>& pairs() { return scratch_.pairs; }
  // Reads an object into pairs(): sorted by name, each name once, no empty names and no empty values.
  [[nodiscard]] json::Error read_pairs(json::Value value, std::size_t depth);
  [[nodiscard]] rules::Labels labels_of_pairs();
  [[nodiscard]] rules::Labels annotations_of_pairs();
  void take(rules::Report&& report);
  void reject(std::string_view why, std::string_view raw);
  // Keeps a text that is not in the body for as long as the alert is read.
  [[nodiscard]] std::string_view keep(std::string text) { return scratch_.made.emplace_back(std::move(text)); }
  // The text from the opening bracket of an array or object up to its closing one, once it has been walked.
  [[nodiscard]] std::string_view raw_since(const char* begin);

  [[nodiscard]] const Context& context() const { return context_; }
  [[nodiscard]] Parsed& parsed() { return parsed_; }

 private:
  enum class LabelsSeen : std::uint8_t { missing, no_object, read };

  [[nodiscard]] json::Error alert(json::Value value, std::size_t depth);
  [[nodiscard]] json::Error members(json::Object object, std::size_t depth, rules::Report& report, LabelsSeen& seen);
  [[nodiscard]] json::Error status(json::Value value, std::size_t depth, rules::ReportStatus& status, bool& known);
  [[nodiscard]] json::Error time(json::Value value, std::size_t depth, std::optional<rules::Instant>& instant);
  [[nodiscard]] json::Error url(json::Value value, std::size_t depth, std::string& url);
  [[nodiscard]] json::Error annotations(json::Value value, std::size_t depth, rules::Labels& annotations);
  [[nodiscard]] json::Error labels(json::Value value, std::size_t depth, rules::Labels& labels, LabelsSeen& seen);
  void sort_pairs();
  void keep_labels(rules::Labels& labels);
  void keep_annotations(rules::Labels& annotations);
  void fill(rules::Labels& set);
  std::string_view cut_label(std::string_view text);

  const Context& context_;
  std::size_t body_bytes_;
  json::Document& document_;
  Scratch& scratch_;
  Parsed parsed_;
};

}  // namespace intake
