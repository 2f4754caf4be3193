// Pictures for people at a terminal. One drawing serves both what the daemon answers and what a rehearsal holds.
// Pure functions, any thread: the zone, the colours and the moment are handed in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "rules/view.hpp"

namespace words {

struct Drawing {
  bool unicode{true};  // false: plain ASCII, for terminals and mails that know no better
  bool colour{false};  // shapes say the same without it
  std::size_t width{100};
  std::size_t timeline{12};  // the newest entries shown; 0 = none, more than there are = all
  std::size_t alerts{10};
  // An instant in the reader's zone; print_rfc3339 when empty.
  std::function<std::string(rules::Instant)> clock;
};

// "in 2m 10s" from 130 s, "3m ago" from -3 min, "now" from less than a second; the two greatest units, whole seconds.
[[nodiscard]] std::string print_relative(rules::Duration from_now);

// The call tree of an incident: where the climb stands, who was paged by what and what became of it, what happens next
// and when, and why. Ends with a line break.
[[nodiscard]] std::string draw_incident(const rules::IncidentView& view, rules::Instant now, const Drawing& drawing);

// One line for each incident, newest first.
[[nodiscard]] std::string draw_list(const rules::IncidentList& list, rules::Instant now, const Drawing& drawing);

[[nodiscard]] std::string draw_on_call(const std::vector<rules::OnCallView>& views,
                                       rules::Instant at,
                                       const Drawing& drawing);

// Columns as wide as their widest cell, two blanks between them; the last column is cut to the width. Cells are made
// one clean line.
[[nodiscard]] std::string draw_table(const std::vector<std::string>& heads,
                                     const std::vector<std::vector<std::string>>& rows,
                                     std::size_t width);

}  // namespace words
