// Silences and maintenance as JSON for programs. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/alert_view.hpp"

namespace words {

// {"id", "kind", "state", "service", "matchers": ["team=\"db\""], "from", "to", "by", "comment", "updated_at",
// "recurring", "alerts", "warning"}; `service` only of maintenance, `warning` only where there is one: what whoever
// made it may not have meant. Its state is that of the instant `now` of the wall clock.
[[nodiscard]] std::string silence_json(const rules::SilenceView& view,
                                       rules::Instant now,
                                       std::string_view warning = {});

// {"silences": [...]}, or {"maintenance": [...]}.
[[nodiscard]] std::string silences_json(const std::vector<rules::SilenceView>& views,
                                        rules::SilenceKind kind,
                                        rules::Instant now);

// What these two wrote, read again; unknown fields are ignored. The error says which field is missing or wrong.
[[nodiscard]] tl::expected<rules::SilenceView, std::string> parse_silence_json(std::string_view text);
[[nodiscard]] tl::expected<std::vector<rules::SilenceView>, std::string> parse_silences_json(std::string_view text);

// The service of maintenance; "" of any other silence.
[[nodiscard]] std::string service_of(const rules::Silence& silence);

// `{service="checkout", severity=~"w.*"}`
[[nodiscard]] std::string print_matchers(const std::vector<rules::Matcher>& matchers);

}  // namespace words
