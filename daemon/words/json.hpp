// The state as JSON for programs, and one sentence for every recorded reason. Times are RFC 3339 in UTC with
// milliseconds, durations as the configuration writes them; what is absent is null. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/reachability.hpp"
#include "rules/view.hpp"

namespace words {

// `whole` adds what only view_incident() fills in: timeline, because, climb, next and alert_list.
[[nodiscard]] std::string incident_json(const rules::IncidentView& view, bool whole, std::string_view public_url);

// {"incidents": [...], "next": "R-7"}; `alerts` adds the alert_list of each.
[[nodiscard]] std::string list_json(const rules::IncidentList& list, bool alerts, std::string_view public_url);

// {"at": ..., "on_call": [{"target", "kind", "role", "people": [{"person", "because", "role"}], "until", "next_from",
// "next": [...]}], "contacts_in_doubt": [...]}
[[nodiscard]] std::string on_call_json(const std::vector<rules::OnCallView>& views,
                                       rules::Instant at,
                                       const std::vector<rules::ContactDoubt>& doubts = {});

// What incident_json() wrote, read again; unknown fields are ignored, so that an older rousectl reads a newer daemon.
// The error says which field is missing or wrong. list_json()'s incidents are read with only the fields they have.
[[nodiscard]] tl::expected<rules::IncidentView, std::string> parse_incident_json(std::string_view text);
[[nodiscard]] tl::expected<rules::IncidentList, std::string> parse_list_json(std::string_view text);
[[nodiscard]] tl::expected<std::vector<rules::OnCallView>, std::string> parse_on_call_json(std::string_view text);

// A sentence without a full stop; whatever strangers wrote in it is made visible.
[[nodiscard]] std::string because_text(const rules::Reason& reason);

[[nodiscard]] std::string_view to_text(rules::NextKind kind);  // snake case, as the enumerator
[[nodiscard]] std::string_view to_text(rules::StepState state);
[[nodiscard]] std::string_view to_text(rules::ClimbPhase phase);
[[nodiscard]] std::string_view to_text(rules::TargetKind kind);

}  // namespace words
